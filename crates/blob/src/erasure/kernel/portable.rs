//! The kernel for every processor, in safe Rust.
//!
//! By Horner's rule over the bits of the coefficients: the sum is doubled, then the inputs whose coefficient has the
//! next lower bit are added, eight times. All of it is shifts and XORs of whole blocks, which compilers turn into
//! vector instructions where there are any; byte-wise look-ups in tables they cannot.

use super::Rows;
use crate::erasure::SHARDS_MAX;
use crate::erasure::field::double;
use std::ops::Range;

/// A block that fits in the registers of the plainest vector units.
const BLOCK_BYTES: usize = 64;

type Block = [u8; BLOCK_BYTES];

/// One group of outputs within one strip.
pub(super) fn strip(
    rows: Rows<'_>,
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) {
    let blocks = range.len() / BLOCK_BYTES;
    let mut block_inputs = [&[0; BLOCK_BYTES]; SHARDS_MAX];
    for block in 0..blocks {
        let start = range.start + block * BLOCK_BYTES;
        for (slot, input) in block_inputs.iter_mut().zip(inputs) {
            if let Some(block) = input[start..].first_chunk() {
                *slot = block;
            }
        }
        for (i, output) in outputs.iter_mut().enumerate() {
            let sum = sum(rows.of(i), &block_inputs);
            output[start..start + BLOCK_BYTES].copy_from_slice(&sum);
        }
    }
    let rest = range.start + blocks * BLOCK_BYTES..range.end;
    if !rest.is_empty() {
        tail(rows, inputs, outputs, rest);
    }
}

/// Less than a block, padded to one.
fn tail(rows: Rows<'_>, inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
    let mut padded = [[0; BLOCK_BYTES]; SHARDS_MAX];
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
fn sum(row: &[u8], inputs: &[&Block; SHARDS_MAX]) -> Block {
    let mut sum = [0; BLOCK_BYTES];
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
