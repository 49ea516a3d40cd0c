//! The kernel for AVX2: a product is the sum of the products of the two halves of a byte, and each half has only 16
//! values, which a byte shuffle looks up for 32 bytes at once.
#![expect(unsafe_code, reason = "vector loads and stores, and functions compiled for AVX2")]

use super::{Rows, portable};
use crate::erasure::SHARDS_MAX;
use crate::erasure::field::mul_slow;
use std::arch::x86_64::{
    __m128i, __m256i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_xor_si256,
};
use std::ops::Range;

/// One vector.
const VECTOR_BYTES: usize = 32;

/// What one turn of the loop does: two vectors, a whole cache line.
const BLOCK_BYTES: usize = 2 * VECTOR_BYTES;

/// How far ahead the inputs are fetched. The shards of a stripe often lie at the same offset within their pages, and
/// then displace one another in the nearest cache, before the processor's own prefetch of that many streams helps:
/// asking made shards of 512 KiB faster by a fifth to a half.
const PREFETCH_BYTES: usize = 512;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::erasure) struct Avx2(());

impl Avx2 {
    /// The kernel, if this processor can run it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// One group of outputs within one strip. The caller has made sure that `range` lies within every slice.
    pub(super) fn strip(
        self,
        rows: Rows<'_>,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        range: Range<usize>,
    ) {
        let blocks_end = range.end - range.len() % BLOCK_BYTES;
        let blocks = range.start..blocks_end;
        // SAFETY: `self` proves that the processor has AVX2; `dot` has checked that all slices have one length, which
        // `range` does not exceed.
        unsafe {
            match &mut *outputs {
                [a] => group(rows, inputs, [a], blocks),
                [a, b] => group(rows, inputs, [a, b], blocks),
                [a, b, c] => group(rows, inputs, [a, b, c], blocks),
                [a, b, c, d] => group(rows, inputs, [a, b, c, d], blocks),
                _ => unreachable!("a group has 1 to 4 outputs"),
            }
        }
        portable::strip(rows, inputs, outputs, blocks_end..range.end);
    }
}

/// The products of a coefficient with the 16 values of the lower half of a byte, and with those of the upper half.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Halves([[u8; 16]; 2]);

static HALVES: [Halves; 256] = halves();

const fn halves() -> [Halves; 256] {
    let mut table = [Halves([[0; 16]; 2]); 256];
    let mut coefficient: u8 = 0;
    loop {
        let mut value: u8 = 0;
        while value < 16 {
            let Halves([low, high]) = &mut table[coefficient as usize];
            low[value as usize] = mul_slow(coefficient, value);
            high[value as usize] = mul_slow(coefficient, value << 4);
            value += 1;
        }
        if coefficient == 255 {
            return table;
        }
        coefficient += 1;
    }
}

/// `N` outputs in one pass over the inputs.
///
/// # Safety
/// The processor has AVX2; every slice is at least `range.end` long; `range` is a whole number of blocks.
#[target_feature(enable = "avx2")]
unsafe fn group<const N: usize>(
    rows: Rows<'_>,
    inputs: &[&[u8]],
    mut outputs: [&mut &mut [u8]; N],
    range: Range<usize>,
) {
    let mut tables = [[&HALVES[0]; N]; SHARDS_MAX];
    for i in 0..N {
        for (column, coefficient) in tables.iter_mut().zip(rows.of(i)) {
            column[i] = &HALVES[usize::from(*coefficient)];
        }
    }
    let nibble = _mm256_set1_epi8(0x0f);
    for at in range.step_by(BLOCK_BYTES) {
        let mut sums = [[_mm256_setzero_si256(); 2]; N];
        for (input, column) in inputs.iter().zip(&tables) {
            // SAFETY: the block at `at` ends within the input, as the caller promises; a prefetch may name any address.
            let block = unsafe {
                _mm_prefetch::<_MM_HINT_T0>(input.as_ptr().wrapping_add(at + PREFETCH_BYTES).cast());
                load(input.as_ptr().add(at))
            };
            let low = block.map(|vector| _mm256_and_si256(vector, nibble));
            let high = block.map(|vector| _mm256_and_si256(_mm256_srli_epi64::<4>(vector), nibble));
            for (sum, table) in sums.iter_mut().zip(column) {
                let [low_products, high_products] = table.0.each_ref().map(|half| broadcast(half));
                for v in 0..2 {
                    let product = _mm256_xor_si256(
                        _mm256_shuffle_epi8(low_products, low[v]),
                        _mm256_shuffle_epi8(high_products, high[v]),
                    );
                    sum[v] = _mm256_xor_si256(sum[v], product);
                }
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            // SAFETY: the block at `at` ends within the output, as the caller promises.
            unsafe { store(output.as_mut_ptr().add(at), sum) };
        }
    }
}

/// # Safety
/// `BLOCK_BYTES` can be read at `from`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const u8) -> [__m256i; 2] {
    // SAFETY: both vectors lie within the block, which the caller vouches for; no alignment is asked for.
    unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(VECTOR_BYTES).cast())] }
}

/// # Safety
/// `BLOCK_BYTES` can be written at `to`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(to: *mut u8, block: [__m256i; 2]) {
    // SAFETY: both vectors lie within the block, which the caller vouches for; no alignment is asked for.
    unsafe {
        _mm256_storeu_si256(to.cast(), block[0]);
        _mm256_storeu_si256(to.add(VECTOR_BYTES).cast(), block[1]);
    }
}

/// The same 16 bytes in both halves of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: the reference is to 16 readable bytes; no alignment is asked for.
    let half: __m128i = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm256_broadcastsi128_si256(half)
}
