//! Systematic Reed-Solomon over GF(2^8) with a Cauchy matrix, as ISA-L lays it out: docs/formats/erasure-code.md.
//!
//! What always holds: any `data` shards of a code determine all of them; the bytes of a parity shard depend on the data
//! and the code alone, not on the processor that computed them; nothing here allocates memory or keeps state.

mod field;
mod kernel;
mod matrix;

use kernel::Kernel;
use matrix::{Basis, Matrix, parity_rows, rebuild_rows};
use thiserror::Error;

/// The most shards that a code has, data and parity together.
pub const SHARDS_MAX: usize = 32;

/// A code with a number of data shards and of parity shards. Shards are numbered from 0, data before parity.
#[derive(Clone, Debug)]
pub struct Code {
    parity_rows: Matrix,
    kernel: Kernel,
}

/// Why shards could not be computed. Nothing was written to any buffer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodeError {
    /// The code itself cannot be: its layout is wrong where it was chosen or read.
    #[error(
        "there is no code of {data} + {parity} shards: choose at least 1 data shard and at most {SHARDS_MAX} in all"
    )]
    NoSuchCode {
        /// The data shards asked for.
        data: u8,
        /// The parity shards asked for.
        parity: u8,
    },
    /// The caller passed another number of shards than the code has.
    #[error("the caller passed {given} shards where the code has {expected}")]
    WrongShardCount {
        /// How many were passed.
        given: usize,
        /// How many it must be.
        expected: usize,
    },
    /// Shards of one stripe differ in length: one is not of this stripe, or is cut.
    #[error("shard {shard} has {len_bytes} bytes where the others of the stripe have {expected_bytes}")]
    LengthMismatch {
        /// The number of the shard that differs.
        shard: usize,
        /// Its length.
        len_bytes: usize,
        /// The length of the first shard of the stripe that was passed.
        expected_bytes: usize,
    },
    /// The caller wants a shard that the code does not have, or wants it twice.
    #[error(
        "the caller wants shard {shard}, which the code of {shards} shards does not have or which it wants twice"
    )]
    BadWish {
        /// The number of the shard.
        shard: usize,
        /// How many shards the code has.
        shards: usize,
    },
    /// More shards are lost than the code can bear. The stripe is lost unless others are found.
    #[error("{have} shards are left of the {need} that it takes to rebuild the others")]
    TooFewShards {
        /// How many shards were passed.
        have: usize,
        /// How many it takes.
        need: usize,
    },
}

impl Code {
    /// A code of so many shards, with the fastest way to compute it that this processor has.
    ///
    /// # Errors
    /// `NoSuchCode` unless there is a data shard and at most `SHARDS_MAX` shards in all.
    pub fn new(data: u8, parity: u8) -> Result<Self, CodeError> {
        Self::with_kernel(data, parity, Kernel::detect())
    }

    fn with_kernel(data: u8, parity: u8, kernel: Kernel) -> Result<Self, CodeError> {
        let (data_shards, parity_shards) = (usize::from(data), usize::from(parity));
        if data_shards == 0 || data_shards + parity_shards > SHARDS_MAX {
            return Err(CodeError::NoSuchCode { data, parity });
        }
        Ok(Self { parity_rows: parity_rows(data_shards, parity_shards), kernel })
    }

    /// How many shards hold the data as it is.
    pub fn data_shards(&self) -> usize {
        self.parity_rows.columns()
    }

    /// How many shards can be lost.
    pub fn parity_shards(&self) -> usize {
        self.parity_rows.rows()
    }

    /// How many shards there are in all.
    pub fn shards(&self) -> usize {
        self.data_shards() + self.parity_shards()
    }

    /// Computes all parity shards from all data shards. All have the same length, which may be anything.
    ///
    /// # Errors
    /// `WrongShardCount`, `LengthMismatch`: the caller's fault.
    pub fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), CodeError> {
        check_count(data.len(), self.data_shards())?;
        check_count(parity.len(), self.parity_shards())?;
        let len = data[0].len();
        check_lengths(len, data.iter().enumerate().map(|(shard, bytes)| (shard, bytes.len())))?;
        check_lengths(len, parity.iter().enumerate().map(|(i, bytes)| (data.len() + i, bytes.len())))?;
        self.dot(&self.parity_rows, data, parity);
        Ok(())
    }

    /// Computes the wanted shards, each into the buffer that comes with its number, from the shards that are left.
    ///
    /// `shards` has an entry for each shard of the code, `None` where it is lost or not at hand. Any of the shards may
    /// be wanted, data or parity, in any order; one that is at hand is copied. All buffers have the same length.
    ///
    /// # Errors
    /// `TooFewShards` if a shard is wanted that is not at hand, and fewer than the number of data shards are;
    /// `WrongShardCount`, `LengthMismatch`, `BadWish`: the caller's fault.
    pub fn reconstruct(
        &self,
        shards: &[Option<&[u8]>],
        wanted: &mut [(usize, &mut [u8])],
    ) -> Result<(), CodeError> {
        let lost = self.check_wishes(shards, wanted)?;
        if lost > 0 {
            let basis = Basis::choose(self.data_shards(), self.shards(), |shard| shards[shard].is_some());
            let Some(basis) = basis else {
                let have = shards.iter().flatten().count();
                return Err(CodeError::TooFewShards { have, need: self.data_shards() });
            };
            self.rebuild(shards, &basis, wanted);
        }
        copy_at_hand(shards, wanted);
        Ok(())
    }

    /// Computes those of the wanted shards that are not at hand.
    fn rebuild(&self, shards: &[Option<&[u8]>], basis: &Basis, wanted: &mut [(usize, &mut [u8])]) {
        let mut inputs: [&[u8]; SHARDS_MAX] = [&[]; SHARDS_MAX];
        for (input, &shard) in inputs.iter_mut().zip(basis.slots()) {
            *input = shards[shard].unwrap_or_default();
        }
        let mut numbers = [0; SHARDS_MAX];
        let mut outputs: [&mut [u8]; SHARDS_MAX] = std::array::from_fn(|_| Default::default());
        let lost = wanted.iter_mut().filter(|(shard, _)| shards[*shard].is_none());
        let mut count = 0;
        for (shard, buffer) in lost {
            numbers[count] = *shard;
            outputs[count] = buffer;
            count += 1;
        }
        let rows = rebuild_rows(&self.parity_rows, basis, &numbers[..count]);
        let Some(rows) = rows else { unreachable!("every square part of a Cauchy matrix can be inverted") };
        self.dot(&rows, &inputs[..self.data_shards()], &mut outputs[..count]);
    }

    /// The products of a matrix and the inputs. With one data shard all are copies.
    fn dot(&self, rows: &Matrix, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        if let [input] = inputs {
            for output in outputs {
                output.copy_from_slice(input);
            }
        } else {
            self.kernel.dot(rows, inputs, outputs);
        }
    }

    /// Checks what was passed to `reconstruct`, and counts the wanted shards that are not at hand.
    fn check_wishes(
        &self,
        shards: &[Option<&[u8]>],
        wanted: &[(usize, &mut [u8])],
    ) -> Result<usize, CodeError> {
        check_count(shards.len(), self.shards())?;
        let lens = || shards.iter().enumerate().filter_map(|(shard, bytes)| Some((shard, (*bytes)?.len())));
        let wanted_lens = || wanted.iter().map(|(shard, bytes)| (*shard, bytes.len()));
        let Some((_, len)) = lens().chain(wanted_lens()).next() else {
            return Ok(0);
        };
        check_lengths(len, lens().chain(wanted_lens()))?;
        let (mut seen, mut lost) = ([false; SHARDS_MAX], 0);
        for &(shard, _) in wanted {
            if shard >= shards.len() || seen[shard] {
                return Err(CodeError::BadWish { shard, shards: shards.len() });
            }
            seen[shard] = true;
            lost += usize::from(shards[shard].is_none());
        }
        Ok(lost)
    }
}

fn check_count(given: usize, expected: usize) -> Result<(), CodeError> {
    if given == expected { Ok(()) } else { Err(CodeError::WrongShardCount { given, expected }) }
}

fn check_lengths(
    expected_bytes: usize,
    mut lens: impl Iterator<Item = (usize, usize)>,
) -> Result<(), CodeError> {
    match lens.find(|&(_, len_bytes)| len_bytes != expected_bytes) {
        None => Ok(()),
        Some((shard, len_bytes)) => Err(CodeError::LengthMismatch { shard, len_bytes, expected_bytes }),
    }
}

fn copy_at_hand(shards: &[Option<&[u8]>], wanted: &mut [(usize, &mut [u8])]) {
    for (shard, buffer) in wanted {
        if let Some(bytes) = shards[*shard] {
            buffer.copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
