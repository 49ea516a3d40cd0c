//! The kernel for GFNI with AVX-512: the product with a constant is linear in the bits of a byte, so that it is an
//! 8 x 8 bit matrix, which one instruction applies to 64 bytes.
//!
//! The multiplication that GFNI also has is of no use here: it is fixed to the polynomial 0x11b.
#![expect(unsafe_code, reason = "vector loads and stores, and functions compiled for GFNI and AVX-512")]

use super::Rows;
use crate::erasure::SHARDS_MAX;
use crate::erasure::field::mul_slow;
use std::arch::x86_64::{
    __m512i, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_xor_si512,
};
use std::ops::Range;

/// One vector, a whole cache line.
const VECTOR_BYTES: usize = 64;

/// Proof that the processor has GFNI, and AVX-512 with its instructions on bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::erasure) struct Gfni(());

impl Gfni {
    /// The kernel, if this processor can run it.
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw");
        has_all.then_some(Self(()))
    }

    /// One group of outputs within one strip. The caller has made sure that `range` lies within every slice.
    pub(super) fn strip(
        self,
        rows: Rows<'_>,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        range: Range<usize>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions; `dot` has checked that all slices have one
        // length, which `range` does not exceed.
        unsafe { strip_by_instruction(rows, inputs, outputs, range) }
    }
}

/// The bit matrices of all coefficients. The byte `7 - i` of a matrix selects the bits of the factor whose sum is the
/// bit `i` of the product.
static BIT_MATRICES: [u64; 256] = bit_matrices();

const fn bit_matrices() -> [u64; 256] {
    let mut matrices = [0; 256];
    let mut coefficient: u8 = 0;
    loop {
        let mut bit: u8 = 0;
        while bit < 8 {
            let column = mul_slow(coefficient, 1 << bit);
            let mut i = 0;
            while i < 8 {
                let cell = (column >> i & 1) as u64;
                matrices[coefficient as usize] |= cell << (8 * (7 - i) + bit);
                i += 1;
            }
            bit += 1;
        }
        if coefficient == 255 {
            return matrices;
        }
        coefficient += 1;
    }
}

/// How 64 bytes are multiplied by a bit matrix. The tests have a second way, for processors without the instruction.
trait Affine {
    /// # Safety
    /// The processor has what the implementation needs, and the caller is compiled for it.
    unsafe fn apply(bytes: __m512i, matrix: __m512i) -> __m512i;
}

/// By the instruction of GFNI.
struct Instruction;

impl Affine for Instruction {
    #[inline(always)]
    unsafe fn apply(bytes: __m512i, matrix: __m512i) -> __m512i {
        // SAFETY: the caller vouches for GFNI and AVX-512.
        unsafe { _mm512_gf2p8affine_epi64_epi8::<0>(bytes, matrix) }
    }
}

/// # Safety
/// The processor has GFNI, AVX512F and AVX512BW; every slice is at least `range.end` long.
#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn strip_by_instruction(
    rows: Rows<'_>,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) {
    // SAFETY: as the caller promises.
    unsafe { strip::<Instruction>(rows, inputs, outputs, range) }
}

/// One group of outputs within one strip. Inlined, so that it is compiled for the instructions of the caller.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and what `A` needs, and the caller is compiled for them; every slice is at least
/// `range.end` long.
#[inline(always)]
unsafe fn strip<A: Affine>(rows: Rows<'_>, inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe {
        match outputs {
            [a] => group::<A, 1>(rows, inputs, [a], range),
            [a, b] => group::<A, 2>(rows, inputs, [a, b], range),
            [a, b, c] => group::<A, 3>(rows, inputs, [a, b, c], range),
            [a, b, c, d] => group::<A, 4>(rows, inputs, [a, b, c, d], range),
            _ => unreachable!("a group has 1 to 4 outputs"),
        }
    }
}

/// `N` outputs in one pass over the inputs: pairs of vectors, then single ones, then the rest by a mask.
///
/// # Safety
/// As `strip`.
#[inline(always)]
unsafe fn group<A: Affine, const N: usize>(
    rows: Rows<'_>,
    inputs: &[&[u8]],
    mut outputs: [&mut &mut [u8]; N],
    range: Range<usize>,
) {
    let mut matrices = [[0; N]; SHARDS_MAX];
    for i in 0..N {
        for (column, coefficient) in matrices.iter_mut().zip(rows.of(i)) {
            column[i] = BIT_MATRICES[usize::from(*coefficient)];
        }
    }
    let mut at = range.start;
    // SAFETY: the blocks end at or before `range.end`, and the mask covers what is left of the range; the caller
    // promises the rest.
    unsafe {
        while range.end - at >= 2 * VECTOR_BYTES {
            block::<A, N, 2>(&matrices, inputs, &mut outputs, at, u64::MAX);
            at += 2 * VECTOR_BYTES;
        }
        if range.end - at >= VECTOR_BYTES {
            block::<A, N, 1>(&matrices, inputs, &mut outputs, at, u64::MAX);
            at += VECTOR_BYTES;
        }
        if at < range.end {
            let mask = u64::MAX >> (VECTOR_BYTES - (range.end - at));
            block::<A, N, 1>(&matrices, inputs, &mut outputs, at, mask);
        }
    }
}

/// `V` vectors of each of `N` outputs, of which the bytes that `mask` names are read and written.
///
/// # Safety
/// As `strip`; and each named byte of the `V` vectors at `at` lies within every slice.
#[inline(always)]
unsafe fn block<A: Affine, const N: usize, const V: usize>(
    matrices: &[[u64; N]; SHARDS_MAX],
    inputs: &[&[u8]],
    outputs: &mut [&mut &mut [u8]; N],
    at: usize,
    mask: u64,
) {
    // SAFETY: as the caller promises; no alignment is asked for, and a masked byte is not touched.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); V]; N];
        for (input, column) in inputs.iter().zip(matrices) {
            let mut bytes = [_mm512_setzero_si512(); V];
            for (v, bytes) in bytes.iter_mut().enumerate() {
                *bytes = load(input.as_ptr().add(at + v * VECTOR_BYTES), mask);
            }
            for (sum, matrix) in sums.iter_mut().zip(column) {
                let matrix = _mm512_set1_epi64(matrix.cast_signed());
                for (sum, bytes) in sum.iter_mut().zip(bytes) {
                    *sum = _mm512_xor_si512(*sum, A::apply(bytes, matrix));
                }
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            for (v, sum) in sum.into_iter().enumerate() {
                store(output.as_mut_ptr().add(at + v * VECTOR_BYTES), mask, sum);
            }
        }
    }
}

/// # Safety
/// The processor has AVX512F and AVX512BW; the bytes that `mask` names can be read at `from`.
#[inline(always)]
unsafe fn load(from: *const u8, mask: u64) -> __m512i {
    // SAFETY: as the caller promises.
    unsafe {
        if mask == u64::MAX {
            _mm512_loadu_si512(from.cast())
        } else {
            _mm512_maskz_loadu_epi8(mask, from.cast())
        }
    }
}

/// # Safety
/// The processor has AVX512F and AVX512BW; the bytes that `mask` names can be written at `to`.
#[inline(always)]
unsafe fn store(to: *mut u8, mask: u64, bytes: __m512i) {
    // SAFETY: as the caller promises.
    unsafe {
        if mask == u64::MAX {
            _mm512_storeu_si512(to.cast(), bytes);
        } else {
            _mm512_mask_storeu_epi8(to.cast(), mask, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erasure::field::mul;
    use crate::erasure::kernel::GROUP_OUTPUTS_MAX;
    use crate::erasure::kernel::tests::{agrees_with_definition, any_matrix};

    /// What the manual of the processor says that the instruction does to one byte.
    fn affine_by_manual(byte: u8, matrix: u64) -> u8 {
        (0..8).fold(0, |product, i| {
            let selected = matrix.to_le_bytes()[7 - i] & byte;
            product | u8::from(selected.count_ones() % 2 == 1) << i
        })
    }

    /// The instruction in software.
    struct Manual;

    impl Affine for Manual {
        #[inline(always)]
        unsafe fn apply(bytes: __m512i, matrix: __m512i) -> __m512i {
            let mut lanes = [0_u8; VECTOR_BYTES];
            let mut matrices = [0_u64; 8];
            // SAFETY: both arrays are as long as a vector, and the caller vouches for AVX-512.
            unsafe {
                _mm512_storeu_si512(lanes.as_mut_ptr().cast(), bytes);
                _mm512_storeu_si512(matrices.as_mut_ptr().cast(), matrix);
                for (i, lane) in lanes.iter_mut().enumerate() {
                    *lane = affine_by_manual(*lane, matrices[i / 8]);
                }
                _mm512_loadu_si512(lanes.as_ptr().cast())
            }
        }
    }

    /// # Safety
    /// The processor has AVX512F and AVX512BW; every slice is at least `range.end` long.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn strip_by_manual(
        rows: Rows<'_>,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        range: Range<usize>,
    ) {
        // SAFETY: as the caller promises.
        unsafe { strip::<Manual>(rows, inputs, outputs, range) }
    }

    #[test]
    fn the_bit_matrices_are_products() {
        for coefficient in 0..=255 {
            for byte in 0..=255 {
                let product = affine_by_manual(byte, BIT_MATRICES[usize::from(coefficient)]);
                assert_eq!(product, mul(coefficient, byte), "{coefficient} * {byte}");
            }
        }
    }

    #[test]
    fn the_kernel_is_right_around_the_instruction() {
        if !is_x86_feature_detected!("avx512f") || !is_x86_feature_detected!("avx512bw") {
            return;
        }
        for len in [0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 1000] {
            for rows in 1..=GROUP_OUTPUTS_MAX {
                agrees_with_definition(
                    &any_matrix(len as u64, rows, 5),
                    len,
                    rows,
                    |matrix, inputs, outputs| {
                        let rows = Rows { matrix, first: 0 };
                        // SAFETY: the instructions are there, and all slices are `len` long.
                        unsafe { strip_by_manual(rows, inputs, outputs, 0..len) }
                    },
                );
            }
        }
    }
}
