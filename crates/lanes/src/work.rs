//! The digests of one stream and the data that is not in them yet; and several of them worked off side by side.
//!
//! What always holds: data goes into the digests in the order it was added, each byte once; between runs less than a block
//! is left over.

use crate::chunks::Chunks;
use crate::kernel::{Algorithm, BLOCK_BYTES, Kernel, LANES_MAX};
use crate::md5::{self, Md5};
use crate::sha256::{self, Sha256};
use crate::{Kinds, Values};

/// Blocks of each lane that go through one digest before the other, so that they come from a near cache then.
const STEP_BLOCKS: usize = 64;

/// Blocks of each lane that a run works off: sixteen lanes of them hold nobody up for more than two milliseconds.
const RUN_BLOCKS_MAX: usize = (256 << 10) / BLOCK_BYTES;

/// Where the length of the data stands in the last block, 8 bytes.
const LENGTH_AT: usize = BLOCK_BYTES - 8;

/// Digests under way, and data to come into them.
#[derive(Debug)]
pub(crate) struct Work {
    md5: Option<[u32; 4]>,
    sha256: Option<[u32; 8]>,
    /// The beginning of a block whose end has not come, or a whole one.
    carry: [u8; BLOCK_BYTES],
    carried: usize,
    waiting: Chunks,
    /// Bytes that were ever added.
    length: u64,
}

impl Work {
    pub(crate) fn new(kinds: Kinds) -> Self {
        Self {
            md5: kinds.md5.then_some(md5::START),
            sha256: kinds.sha256.then_some(sha256::START),
            carry: [0; BLOCK_BYTES],
            carried: 0,
            waiting: Chunks::default(),
            length: 0,
        }
    }

    /// Adds data, to be worked off later.
    pub(crate) fn add(&mut self, data: &mut Chunks) {
        self.length += data.bytes() as u64;
        self.waiting.append(data);
    }

    /// Bytes to be worked off.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.bytes()
    }

    /// The digests of all that was added, after it was worked off.
    pub(crate) fn finish(mut self, kernel: Kernel) -> Values {
        run(kernel, &mut [&mut self]);
        while self.waiting() > 0 {
            run(kernel, &mut [&mut self]);
        }
        let (mut padded, len) = self.padding();
        let (bits, end) = (self.length.wrapping_mul(8), len - BLOCK_BYTES + LENGTH_AT);
        let md5 = self.md5.map(|state| {
            padded[end..len].copy_from_slice(&bits.to_le_bytes());
            let mut states = [state];
            kernel.compress::<Md5, 4>(&mut states, &[&padded[..len]]);
            bytes_of(states[0].map(u32::to_le_bytes))
        });
        let sha256 = self.sha256.map(|state| {
            padded[end..len].copy_from_slice(&bits.to_be_bytes());
            let mut states = [state];
            kernel.compress::<Sha256, 8>(&mut states, &[&padded[..len]]);
            bytes_of(states[0].map(u32::to_be_bytes))
        });
        Values { md5, sha256 }
    }

    /// The last block, or the last two, still without the length.
    fn padding(&self) -> ([u8; 2 * BLOCK_BYTES], usize) {
        let mut padded = [0; 2 * BLOCK_BYTES];
        padded[..self.carried].copy_from_slice(&self.carry[..self.carried]);
        padded[self.carried] = 0x80;
        let blocks = if self.carried < LENGTH_AT { 1 } else { 2 };
        (padded, blocks * BLOCK_BYTES)
    }

    /// Moves what can't be read as whole blocks where it lies. Gives how many blocks lie in a row then; none at the end.
    fn prepare(&mut self) -> usize {
        while self.carried < BLOCK_BYTES {
            let row = self.waiting.row();
            if row.is_empty() {
                return 0;
            }
            if self.carried == 0 && row.len() >= BLOCK_BYTES {
                return row.len() / BLOCK_BYTES;
            }
            let len = row.len().min(BLOCK_BYTES - self.carried);
            self.carry[self.carried..self.carried + len].copy_from_slice(&row[..len]);
            self.carried += len;
            self.waiting.pass(len);
        }
        1
    }

    /// The next blocks; `prepare` has told that they lie in a row.
    fn blocks(&self, count: usize) -> &[u8] {
        let row = if self.carried == BLOCK_BYTES { &self.carry[..] } else { self.waiting.row() };
        &row[..count * BLOCK_BYTES]
    }

    /// The blocks are in the digests.
    fn advance(&mut self, count: usize) {
        if self.carried == BLOCK_BYTES {
            self.carried = 0;
        } else {
            self.waiting.pass(count * BLOCK_BYTES);
        }
    }
}

/// Works off whole blocks of up to [`LANES_MAX`] streams, side by side, until fewer than three quarters of them go on: what
/// is left of the longer ones is cheaper in the company of the next run. A run is bounded: call it again while data waits.
///
/// # Panics
/// If there are more.
pub(crate) fn run(kernel: Kernel, works: &mut [&mut Work]) {
    assert!(works.len() <= LANES_MAX, "a run has no more streams than a vector has lanes");
    let mut lanes_min = 1;
    let mut left = RUN_BLOCKS_MAX;
    while left > 0 {
        let mut rows = [0; LANES_MAX];
        for (row, work) in rows.iter_mut().zip(works.iter_mut()) {
            *row = work.prepare();
        }
        let filled = rows.iter().copied().filter(|row| *row > 0);
        let (lanes, shortest) = (filled.clone().count(), filled.min().unwrap_or(0));
        if lanes < lanes_min {
            return;
        }
        lanes_min = lanes_min.max((3 * lanes).div_ceil(4));
        let blocks = shortest.min(STEP_BLOCKS).min(left);
        left -= blocks;
        step::<Md5, 4>(kernel, works, &rows, blocks, |work| &mut work.md5);
        step::<Sha256, 8>(kernel, works, &rows, blocks, |work| &mut work.sha256);
        for (work, _) in works.iter_mut().zip(rows).filter(|(_, row)| *row > 0) {
            work.advance(blocks);
        }
    }
}

/// Takes one digest of those streams forward that have it and have a row of blocks.
fn step<A: Algorithm<N>, const N: usize>(
    kernel: Kernel,
    works: &mut [&mut Work],
    rows: &[usize; LANES_MAX],
    blocks: usize,
    state_of: impl Fn(&mut Work) -> &mut Option<[u32; N]>,
) {
    let mut states = [[0; N]; LANES_MAX];
    let mut lanes = [0; LANES_MAX];
    let mut count = 0;
    for (number, work) in works.iter_mut().enumerate() {
        if let Some(state) = state_of(work).filter(|_| rows[number] > 0) {
            (states[count], lanes[count]) = (state, number);
            count += 1;
        }
    }
    let mut inputs: [&[u8]; LANES_MAX] = [&[]; LANES_MAX];
    for (input, lane) in inputs.iter_mut().zip(&lanes[..count]) {
        *input = works[*lane].blocks(blocks);
    }
    kernel.compress::<A, N>(&mut states[..count], &inputs[..count]);
    for (state, lane) in states.into_iter().zip(&lanes[..count]) {
        *state_of(works[*lane]) = Some(state);
    }
}

fn bytes_of<const WORDS: usize, const BYTES: usize>(words: [[u8; 4]; WORDS]) -> [u8; BYTES] {
    let flat = words.as_flattened();
    std::array::from_fn(|at| flat[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::md5::Digest;
    use bytes::Bytes;
    use proptest::prelude::*;

    const BOTH: Kinds = Kinds { md5: true, sha256: true };

    fn add(work: &mut Work, data: &[u8]) {
        let mut chunks = Chunks::default();
        chunks.push(Bytes::copy_from_slice(data));
        work.add(&mut chunks);
    }

    fn of(data: &[u8]) -> Values {
        let mut work = Work::new(BOTH);
        add(&mut work, data);
        work.finish(Kernel::detect())
    }

    fn expected(data: &[u8], kinds: Kinds) -> Values {
        let sha256 = ring::digest::digest(&ring::digest::SHA256, data);
        Values {
            md5: kinds.md5.then(|| ::md5::Md5::digest(data).into()),
            sha256: kinds.sha256.then(|| sha256.as_ref().try_into().unwrap()),
        }
    }

    /// The test suite of RFC 1321.
    #[test]
    fn md5_is_the_one_of_its_rfc() {
        let suite = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ];
        for (text, digest) in suite {
            let md5: String =
                of(text.as_bytes()).md5.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(md5, digest, "{text}");
        }
    }

    #[test]
    fn lengths_around_the_end_of_a_block_are_padded_right() {
        let data: Vec<u8> = (0..200).collect();
        for len in 0..data.len() {
            assert_eq!(of(&data[..len]), expected(&data[..len], BOTH), "{len}");
        }
    }

    proptest! {
        #[test]
        fn streams_side_by_side_have_the_digests_they_have_alone(
            streams in proptest::collection::vec(
                (any::<bool>(), any::<bool>(), proptest::collection::vec((0usize..3000, any::<bool>()), 0..8)),
                1..=LANES_MAX,
            ),
            seed: u8,
        ) {
            for kernel in Kernel::all() {
                let mut works = Vec::new();
                let mut all = Vec::new();
                for (number, (md5, sha256, pieces)) in streams.iter().enumerate() {
                    let kinds = Kinds { md5: *md5, sha256: *sha256 };
                    let (mut work, mut data) = (Work::new(kinds), Vec::new());
                    for (len, runs_at_once) in pieces {
                        let piece: Vec<u8> =
                            (0..*len).map(|at| (at * 7 + data.len() + number) as u8 ^ seed).collect();
                        data.extend_from_slice(&piece);
                        add(&mut work, &piece);
                        if *runs_at_once {
                            run(kernel, &mut [&mut work]);
                        }
                    }
                    works.push(work);
                    all.push(expected(&data, kinds));
                }
                run(kernel, &mut works.iter_mut().collect::<Vec<_>>());
                for (work, expected) in works.into_iter().zip(all) {
                    prop_assert_eq!(work.finish(kernel), expected);
                }
            }
        }
    }
}
