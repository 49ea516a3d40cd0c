//! Sixteen lanes by AVX-512.
#![expect(unsafe_code, reason = "vector instructions, and functions compiled for AVX-512")]

use super::avx2::{self, Avx2};
use super::words::{BLOCK_BYTES, LANES_MAX, Words};
use super::{Algorithm, run};
use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_rolv_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srlv_epi32,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

/// How far ahead the inputs are fetched: the processor's own prefetch does not follow sixteen of them. Asking made runs on
/// data that is in no near cache faster by a tenth.
const PREFETCH_BYTES: usize = 512;

/// Proof that the processor has AVX-512 with its instructions on bytes and on shorter vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512 {
    half: Avx2,
}

impl Avx512 {
    /// The kernel, if this processor can run it.
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        Avx2::detect().filter(|_| has_all).map(|half| Self { half })
    }

    pub(super) fn compress<A: Algorithm<N>, const N: usize>(self, states: &mut [[u32; N]], inputs: &[&[u8]]) {
        // Shorter vectors have more units that compute with them, and leave the processor its full speed.
        if states.len() <= avx2::LANES {
            return self.half.compress_by_avx512::<A, N>(self, states, inputs);
        }
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { compress::<A, N>(self, states, inputs) }
    }
}

/// # Safety
/// The processor has AVX512F and AVX512BW.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn compress<A: Algorithm<N>, const N: usize>(
    proof: Avx512,
    states: &mut [[u32; N]],
    inputs: &[&[u8]],
) {
    run::<Vector, A, N>(proof, states, inputs);
}

/// A word of each of sixteen lanes. A value proves that the processor has AVX-512.
#[derive(Clone, Copy)]
struct Vector(__m512i);

/// Calls an intrinsic on vectors.
macro_rules! by {
    ($intrinsic:expr; $($argument:expr),*) => {
        // SAFETY: a `Vector` or an `Avx512` is at hand, and that there is one proves that the processor has the
        // instruction.
        Vector(unsafe { $intrinsic($($argument),*) })
    };
}

/// The truth tables of `_mm512_ternarylogic_epi32`: the bit `4a + 2b + c` is the value for these three bits.
const XOR3: i32 = 0x96;
const SELECT: i32 = 0xca;
const MAJORITY: i32 = 0xe8;
const XOR_OR_NOT: i32 = 0x2d;

impl Words for Vector {
    type Proof = Avx512;
    const LANES: usize = 16;

    #[inline(always)]
    fn of_lanes(_: Avx512, column: &[u32; LANES_MAX]) -> Self {
        // SAFETY: the column is as long as a vector; there is a proof of AVX-512.
        Self(unsafe { column.as_ptr().cast::<__m512i>().read_unaligned() })
    }

    #[inline(always)]
    fn to_lanes(self) -> [u32; LANES_MAX] {
        let mut column = [0; LANES_MAX];
        // SAFETY: the column is as long as a vector; `self` proves AVX-512.
        unsafe { column.as_mut_ptr().cast::<__m512i>().write_unaligned(self.0) };
        column
    }

    #[inline(always)]
    fn load(_: Avx512, inputs: &[&[u8]; LANES_MAX], at: usize) -> [Self; 16] {
        let mut lanes = [by!(_mm512_setzero_si512;); 16];
        // No closure: one would be compiled by itself, without the instructions.
        for (lane, input) in lanes.iter_mut().zip(inputs) {
            let block = &input[at..at + BLOCK_BYTES];
            // SAFETY: a prefetch may name any address; the block is as long as a vector; there is a proof of AVX-512.
            *lane = Self(unsafe {
                _mm_prefetch::<_MM_HINT_T0>(input.as_ptr().wrapping_add(at + PREFETCH_BYTES).cast());
                block.as_ptr().cast::<__m512i>().read_unaligned()
            });
        }
        transpose(lanes)
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self {
        by!(_mm512_set1_epi32; word.cast_signed())
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        by!(_mm512_add_epi32; self.0, other.0)
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        by!(_mm512_ternarylogic_epi32::<XOR3>; self.0, second.0, third.0)
    }

    #[inline(always)]
    fn select(self, yes: Self, no: Self) -> Self {
        by!(_mm512_ternarylogic_epi32::<SELECT>; self.0, yes.0, no.0)
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        by!(_mm512_ternarylogic_epi32::<MAJORITY>; self.0, second.0, third.0)
    }

    #[inline(always)]
    fn xor_or_not(self, or: Self, not: Self) -> Self {
        by!(_mm512_ternarylogic_epi32::<XOR_OR_NOT>; self.0, or.0, not.0)
    }

    // Of a constant count the compiler makes the instruction that has it inside.
    #[inline(always)]
    fn rotate_left(self, count: u32) -> Self {
        by!(_mm512_rolv_epi32; self.0, self.splat(count).0)
    }

    #[inline(always)]
    fn shift_right(self, count: u32) -> Self {
        by!(_mm512_srlv_epi32; self.0, self.splat(count).0)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let order = by!(_mm512_set4_epi32; 0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
        by!(_mm512_shuffle_epi8; self.0, order.0)
    }
}

/// From sixteen words of each lane to each word of sixteen lanes: first within quarters of four lanes, then the quarters.
#[inline(always)]
fn transpose(lanes: [Vector; 16]) -> [Vector; 16] {
    let mut quarters = lanes;
    for four in 0..4 {
        let [a, b, c, d] =
            [lanes[4 * four].0, lanes[4 * four + 1].0, lanes[4 * four + 2].0, lanes[4 * four + 3].0];
        let low_ab = by!(_mm512_unpacklo_epi32; a, b).0;
        let low_cd = by!(_mm512_unpacklo_epi32; c, d).0;
        let high_ab = by!(_mm512_unpackhi_epi32; a, b).0;
        let high_cd = by!(_mm512_unpackhi_epi32; c, d).0;
        quarters[4 * four] = by!(_mm512_unpacklo_epi64; low_ab, low_cd);
        quarters[4 * four + 1] = by!(_mm512_unpackhi_epi64; low_ab, low_cd);
        quarters[4 * four + 2] = by!(_mm512_unpacklo_epi64; high_ab, high_cd);
        quarters[4 * four + 3] = by!(_mm512_unpackhi_epi64; high_ab, high_cd);
    }
    let mut words = lanes;
    for word in 0..4 {
        let [a, b, c, d] =
            [quarters[word].0, quarters[word + 4].0, quarters[word + 8].0, quarters[word + 12].0];
        let even_ab = by!(_mm512_shuffle_i32x4::<0b10_00_10_00>; a, b).0;
        let even_cd = by!(_mm512_shuffle_i32x4::<0b10_00_10_00>; c, d).0;
        let odd_ab = by!(_mm512_shuffle_i32x4::<0b11_01_11_01>; a, b).0;
        let odd_cd = by!(_mm512_shuffle_i32x4::<0b11_01_11_01>; c, d).0;
        words[word] = by!(_mm512_shuffle_i32x4::<0b10_00_10_00>; even_ab, even_cd);
        words[word + 8] = by!(_mm512_shuffle_i32x4::<0b11_01_11_01>; even_ab, even_cd);
        words[word + 4] = by!(_mm512_shuffle_i32x4::<0b10_00_10_00>; odd_ab, odd_cd);
        words[word + 12] = by!(_mm512_shuffle_i32x4::<0b11_01_11_01>; odd_ab, odd_cd);
    }
    words
}
