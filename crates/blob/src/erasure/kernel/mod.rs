//! Dot products over GF(2^8): `outputs[i] = sum of matrix[i][j] * inputs[j]`, byte by byte.
//!
//! Every kernel gives the same bytes; the tests hold them against one another and against the definition. A value of
//! `Kernel` exists only for a kernel that this processor can run.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod gfni;
mod portable;

use super::matrix::Matrix;
use std::ops::Range;

/// How many outputs are summed in one pass over the inputs: as many as fit in the registers.
const GROUP_OUTPUTS_MAX: usize = 4;

/// How much of each shard is finished for all outputs before the next part is begun, so that the inputs are still in
/// the cache for the second group of outputs.
const STRIP_BYTES: usize = 8 * 1024;

/// How dot products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Plain Rust, for every processor.
    Portable,
    /// Table look-ups by byte shuffle, 32 bytes at once.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// Products by bit matrix, 64 bytes at once.
    #[cfg(target_arch = "x86_64")]
    Gfni(gfni::Gfni),
}

impl Kernel {
    /// The fastest kernel that this processor can run.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn detect() -> Self {
        (gfni::Gfni::detect().map(Self::Gfni))
            .or_else(|| avx2::Avx2::detect().map(Self::Avx2))
            .unwrap_or(Self::Portable)
    }

    /// The fastest kernel that this processor can run.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn detect() -> Self {
        Self::Portable
    }

    /// Computes each output from the row of the matrix with the same index.
    ///
    /// # Panics
    /// If the matrix has not a row for each output and a column for each input, or a length differs. The kernels rely
    /// on it where they leave out bounds checks.
    pub(super) fn dot(self, matrix: &Matrix, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        let Some(first) = inputs.first() else { return };
        let len = first.len();
        assert_eq!((matrix.rows(), matrix.columns()), (outputs.len(), inputs.len()));
        assert!(inputs.iter().all(|input| input.len() == len));
        assert!(outputs.iter().all(|output| output.len() == len));
        for start in (0..len).step_by(STRIP_BYTES) {
            let range = start..len.min(start + STRIP_BYTES);
            for (group, outputs) in outputs.chunks_mut(GROUP_OUTPUTS_MAX).enumerate() {
                let rows = Rows { matrix, first: group * GROUP_OUTPUTS_MAX };
                self.strip(rows, inputs, outputs, range.clone());
            }
        }
    }

    /// One group of outputs within one strip.
    fn strip(self, rows: Rows<'_>, inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
        match self {
            Self::Portable => portable::strip(rows, inputs, outputs, range),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(kernel) => kernel.strip(rows, inputs, outputs, range),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni(kernel) => kernel.strip(rows, inputs, outputs, range),
        }
    }

    /// Every kernel that this processor can run.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let mut kernels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(avx2::Avx2::detect().map(Self::Avx2));
            kernels.extend(gfni::Gfni::detect().map(Self::Gfni));
        }
        kernels
    }
}

/// The rows of a matrix that belong to a group of outputs.
#[derive(Clone, Copy)]
struct Rows<'a> {
    matrix: &'a Matrix,
    first: usize,
}

impl<'a> Rows<'a> {
    /// The coefficients of one output of the group.
    fn of(self, output: usize) -> &'a [u8] {
        self.matrix.row(self.first + output)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::erasure::SHARDS_MAX;
    use crate::erasure::field::mul;
    use proptest::prelude::*;

    /// Bytes without a pattern, from a seed, so that a failure can be repeated.
    pub(in crate::erasure) fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let step = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..len).map(step).collect()
    }

    /// Any matrix, with more zeros and ones in it than chance would put there.
    pub(super) fn any_matrix(seed: u64, rows: usize, columns: usize) -> Matrix {
        let cells = noise(seed, rows * columns);
        Matrix::new(rows, columns, |i, j| match cells[i * columns + j] {
            cell @ 0..16 => cell % 2,
            cell => cell,
        })
    }

    /// Runs `dot` on inputs and outputs that begin at odd addresses, and holds it against the definition. The bytes
    /// around the outputs must stay.
    pub(super) fn agrees_with_definition(
        matrix: &Matrix,
        len: usize,
        skew: usize,
        dot: impl Fn(&Matrix, &[&[u8]], &mut [&mut [u8]]),
    ) {
        const GUARD: u8 = 0xa5;
        let buffers: Vec<Vec<u8>> =
            (0..matrix.columns()).map(|j| noise(j as u64 + 1, len + skew + j)).collect();
        let inputs: Vec<&[u8]> = buffers.iter().enumerate().map(|(j, buffer)| &buffer[skew + j..]).collect();
        let mut guarded: Vec<Vec<u8>> =
            (0..matrix.rows()).map(|i| vec![GUARD; len + 2 * (skew + i)]).collect();
        let mut outputs: Vec<&mut [u8]> =
            guarded.iter_mut().enumerate().map(|(i, buffer)| &mut buffer[skew + i..][..len]).collect();
        dot(matrix, &inputs, &mut outputs);
        for (i, buffer) in guarded.iter().enumerate() {
            let (before, rest) = buffer.split_at(skew + i);
            let (output, after) = rest.split_at(len);
            assert!(
                before.iter().chain(after).all(|&byte| byte == GUARD),
                "output {i} of {len} bytes overran"
            );
            for (at, &byte) in output.iter().enumerate() {
                let expected = (0..inputs.len()).fold(0, |sum, j| sum ^ mul(matrix.at(i, j), inputs[j][at]));
                assert_eq!(byte, expected, "output {i}, byte {at} of {len}");
            }
        }
    }

    #[test]
    fn kernels_agree_at_the_edges_of_their_blocks() {
        for kernel in Kernel::all() {
            for len in [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 255, 256, 257, 1023] {
                for rows in 1..=9 {
                    let matrix = any_matrix(len as u64, rows, 5);
                    agrees_with_definition(&matrix, len, rows % 3, |m, i, o| kernel.dot(m, i, o));
                }
            }
        }
    }

    #[test]
    fn kernels_agree_at_the_edges_of_their_strips() {
        for kernel in Kernel::all() {
            for len in [STRIP_BYTES - 1, STRIP_BYTES, STRIP_BYTES + 1, 2 * STRIP_BYTES + 65] {
                agrees_with_definition(&any_matrix(7, 6, 3), len, 1, |m, i, o| kernel.dot(m, i, o));
            }
        }
    }

    #[test]
    fn kernels_agree_on_every_product() {
        let every: Vec<u8> = (0..=255).collect();
        for kernel in Kernel::all() {
            for coefficient in 0..=255 {
                let mut output = [0; 256];
                kernel.dot(&Matrix::new(1, 1, |_, _| coefficient), &[&every], &mut [&mut output]);
                assert!((0..=255).all(|x: u8| output[usize::from(x)] == mul(coefficient, x)));
            }
        }
    }

    #[test]
    #[should_panic(expected = "len")]
    fn an_output_of_another_length_is_refused() {
        Kernel::detect().dot(&Matrix::new(1, 1, |_, _| 2), &[&[0; 64]], &mut [&mut [0; 63]]);
    }

    proptest! {
        #[test]
        fn kernels_agree_on_any_shape(
            rows in 1..=SHARDS_MAX / 2, columns in 1..=SHARDS_MAX / 2, len in 0..3000_usize, skew in 0..64_usize, seed: u64
        ) {
            for kernel in Kernel::all() {
                agrees_with_definition(&any_matrix(seed, rows, columns), len, skew, |m, i, o| kernel.dot(m, i, o));
            }
        }
    }
}
