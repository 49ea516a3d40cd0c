//! The kernel for every processor, in safe Rust.
//!
//! By Horner's rule over the bits of the coefficients: the sum is doubled, then the inputs whose coefficient has the
//! next lower bit are added, eight times. All of it is shifts and XORs of whole blocks, which compilers turn into
//! vector instructions where there are any; look-ups of bytes in tables they cannot, and these were a third as fast.

use super::Rows;
use crate::erasure::SHARDS_MAX;
use crate::erasure::field::double;
use std::ops::Range;

/// Long enough that the branches on the bits of the coefficients cost little, short enough for the nearest cache.
const BLOCK_BYTES: usize = 256;

/// For what is left after the last block. What is shorter still is padded to it.
const SMALL_BLOCK_BYTES: usize = 64;

/// One group of outputs within one strip.
pub(super) fn strip(rows: Rows<'_>, inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
    let rest = blocks::<BLOCK_BYTES>(rows, inputs, outputs, range);
    let rest = blocks::<SMALL_BLOCK_BYTES>(rows, inputs, outputs, rest);
    if !rest.is_empty() {
        tail(rows, inputs, outputs, rest);
    }
}

/// As many whole blocks as there are. Returns what is left of the range.
fn blocks<const BYTES: usize>(
    rows: Rows<'_>,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) -> Range<usize> {
    let mut start = range.start;
    let mut block_inputs = [&[0; BYTES]; SHARDS_MAX];
    while range.end - start >= BYTES {
        for (slot, input) in block_inputs.iter_mut().zip(inputs) {
            if let Some(block) = input[start..].first_chunk() {
                *slot = block;
            }
        }
        for (i, output) in outputs.iter_mut().enumerate() {
            output[start..start + BYTES].copy_from_slice(&sum(rows.of(i), &block_inputs));
        }
        start += BYTES;
    }
    start..range.end
}

/// Less than a small block, padded to one.
fn tail(rows: Rows<'_>, inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
    let mut padded = [[0; SMALL_BLOCK_BYTES]; SHARDS_MAX];
    for (block, input) in padded.iter_mut().zip(inputs) {
        block[..range.len()].copy_from_slice(&input[range.clone()]);
    }
    let padded = padded.each_ref();
    for (i, output) in outputs.iter_mut().enumerate() {
        let sum = sum(rows.of(i), &padded);
        output[range.clone()].copy_from_slice(&sum[..range.len()]);
    }
}

/// The sum of the products of one row with as many blocks.
#[inline]
fn sum<const BYTES: usize>(row: &[u8], inputs: &[&[u8; BYTES]; SHARDS_MAX]) -> [u8; BYTES] {
    let mut sum = [0; BYTES];
    for bit in (0..8).rev() {
        for byte in &mut sum {
            *byte = double(*byte);
        }
        for (coefficient, input) in row.iter().zip(inputs) {
            if coefficient >> bit & 1 == 1 {
                for (byte, input) in sum.iter_mut().zip(*input) {
                    *byte ^= input;
                }
            }
        }
    }
    sum
}
