//! Eight lanes by AVX2, or by AVX-512 in vectors of the same length.
#![expect(unsafe_code, reason = "vector instructions, and functions compiled for AVX2")]

use super::avx512::Avx512;
use super::words::{BLOCK_BYTES, LANES_MAX, Words};
use super::{Algorithm, run};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_sllv_epi32, _mm256_srlv_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The kernel, if this processor can run it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    pub(super) fn compress<A: Algorithm<N>, const N: usize>(self, states: &mut [[u32; N]], inputs: &[&[u8]]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { compress::<A, N>(self, states, inputs) }
    }

    /// As `compress`, with what AVX-512 has for vectors of this length: rotations and functions of three words in one
    /// instruction each, which the compiler makes of the ones written here.
    pub(super) fn compress_by_avx512<A: Algorithm<N>, const N: usize>(
        self,
        _: Avx512,
        states: &mut [[u32; N]],
        inputs: &[&[u8]],
    ) {
        // SAFETY: both proofs are at hand.
        unsafe { compress_by_avx512::<A, N>(self, states, inputs) }
    }
}

/// # Safety
/// The processor has AVX2, AVX512F and AVX512VL.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
unsafe fn compress_by_avx512<A: Algorithm<N>, const N: usize>(
    proof: Avx2,
    states: &mut [[u32; N]],
    inputs: &[&[u8]],
) {
    run::<Vector, A, N>(proof, states, inputs);
}

/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
unsafe fn compress<A: Algorithm<N>, const N: usize>(proof: Avx2, states: &mut [[u32; N]], inputs: &[&[u8]]) {
    run::<Vector, A, N>(proof, states, inputs);
}

/// Lanes of a vector.
pub(super) const LANES: usize = 8;

/// A word of each of eight lanes. A value proves that the processor has AVX2.
#[derive(Clone, Copy)]
struct Vector(__m256i);

/// Calls an intrinsic on vectors.
macro_rules! by {
    ($intrinsic:expr; $($argument:expr),*) => {
        // SAFETY: a `Vector` or an `Avx2` is at hand, and that there is one proves that the processor has the instruction.
        Vector(unsafe { $intrinsic($($argument),*) })
    };
}

impl Words for Vector {
    type Proof = Avx2;
    const LANES: usize = LANES;

    #[inline(always)]
    fn of_lanes(_: Avx2, column: &[u32; LANES_MAX]) -> Self {
        // SAFETY: the column is longer than a vector; there is a proof of AVX2.
        Self(unsafe { column.as_ptr().cast::<__m256i>().read_unaligned() })
    }

    #[inline(always)]
    fn to_lanes(self) -> [u32; LANES_MAX] {
        let mut column = [0; LANES_MAX];
        // SAFETY: the column is longer than a vector; `self` proves AVX2.
        unsafe { column.as_mut_ptr().cast::<__m256i>().write_unaligned(self.0) };
        column
    }

    #[inline(always)]
    fn load(_: Avx2, inputs: &[&[u8]; LANES_MAX], at: usize) -> [Self; 16] {
        let mut words = [by!(_mm256_setzero_si256;); 16];
        let (first, second) = words.split_at_mut(8);
        first.copy_from_slice(&load_half(inputs, at));
        second.copy_from_slice(&load_half(inputs, at + BLOCK_BYTES / 2));
        words
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self {
        by!(_mm256_set1_epi32; word.cast_signed())
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        by!(_mm256_add_epi32; self.0, other.0)
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        let two = by!(_mm256_xor_si256; self.0, second.0);
        by!(_mm256_xor_si256; two.0, third.0)
    }

    #[inline(always)]
    fn select(self, yes: Self, no: Self) -> Self {
        let (yes, no) = (by!(_mm256_and_si256; self.0, yes.0), by!(_mm256_andnot_si256; self.0, no.0));
        by!(_mm256_or_si256; yes.0, no.0)
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        let both = by!(_mm256_and_si256; self.0, second.0);
        let either = by!(_mm256_or_si256; self.0, second.0);
        let with_third = by!(_mm256_and_si256; either.0, third.0);
        by!(_mm256_or_si256; both.0, with_third.0)
    }

    #[inline(always)]
    fn xor_or_not(self, or: Self, not: Self) -> Self {
        // `a ^ (b | !c)` is `!a ^ (c & !b)`.
        let cleared = by!(_mm256_andnot_si256; or.0, not.0);
        self.xor3(cleared, self.splat(u32::MAX))
    }

    // Of a constant count the compiler makes the instructions that have it inside.
    #[inline(always)]
    fn rotate_left(self, count: u32) -> Self {
        let left = by!(_mm256_sllv_epi32; self.0, self.splat(count).0);
        by!(_mm256_or_si256; left.0, self.shift_right(32 - count).0)
    }

    #[inline(always)]
    fn shift_right(self, count: u32) -> Self {
        by!(_mm256_srlv_epi32; self.0, self.splat(count).0)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        const ORDER: [i32; 4] = [0x0001_0203, 0x0405_0607, 0x0809_0a0b, 0x0c0d_0e0f];
        let [a, b, c, d] = ORDER;
        let order = by!(_mm256_setr_epi32; a, b, c, d, a, b, c, d);
        by!(_mm256_shuffle_epi8; self.0, order.0)
    }
}

/// Eight words of each lane.
#[inline(always)]
fn load_half(inputs: &[&[u8]; LANES_MAX], at: usize) -> [Vector; 8] {
    let mut lanes = [by!(_mm256_setzero_si256;); 8];
    // No closure: one would be compiled by itself, without the instructions.
    for (lane, input) in lanes.iter_mut().zip(inputs) {
        let half = &input[at..at + BLOCK_BYTES / 2];
        // SAFETY: half a block is as long as a vector; the caller has a proof of AVX2.
        *lane = Vector(unsafe { half.as_ptr().cast::<__m256i>().read_unaligned() });
    }
    transpose(lanes)
}

/// From eight words of each lane to each word of eight lanes: first within halves of four lanes, then the halves.
#[inline(always)]
fn transpose(lanes: [Vector; 8]) -> [Vector; 8] {
    let mut halves = lanes;
    for half in 0..2 {
        let [a, b, c, d] =
            [lanes[4 * half].0, lanes[4 * half + 1].0, lanes[4 * half + 2].0, lanes[4 * half + 3].0];
        let low_ab = by!(_mm256_unpacklo_epi32; a, b).0;
        let low_cd = by!(_mm256_unpacklo_epi32; c, d).0;
        let high_ab = by!(_mm256_unpackhi_epi32; a, b).0;
        let high_cd = by!(_mm256_unpackhi_epi32; c, d).0;
        halves[4 * half] = by!(_mm256_unpacklo_epi64; low_ab, low_cd);
        halves[4 * half + 1] = by!(_mm256_unpackhi_epi64; low_ab, low_cd);
        halves[4 * half + 2] = by!(_mm256_unpacklo_epi64; high_ab, high_cd);
        halves[4 * half + 3] = by!(_mm256_unpackhi_epi64; high_ab, high_cd);
    }
    let mut words = lanes;
    for word in 0..4 {
        let (first, second) = (halves[word].0, halves[word + 4].0);
        words[word] = by!(_mm256_permute2x128_si256::<0x20>; first, second);
        words[word + 4] = by!(_mm256_permute2x128_si256::<0x31>; first, second);
    }
    words
}
