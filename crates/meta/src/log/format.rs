//! The bytes of the log, without any input or output. `docs/formats/raft-log.md` draws them.
//!
//! Invariants:
//! - Integers are little-endian. A frame begins at a block boundary and is padded with zeros to the next one; no block is
//!   written twice in one generation of a segment.
//! - A frame proves that it belongs where it lies: it carries the sequence and the random salt of its segment's
//!   generation and its own block number, all under the checksum. What a recycled segment held before never passes.
//! - Decoding is total: any bytes give a value or say that they aren't one.

use bytes::Bytes;
use env::buffer::BLOCK_BYTES;
use model::ids::{DriveId, PartitionId};
use xxhash_rust::xxh3::xxh3_64;

use super::batch::{HardState, LogEntry, LogPosition, LogRecord};

/// The version of segments that this release writes.
pub(super) const VERSION: u32 = 1;
/// Bytes of a segment's head that are used; it takes up the first block.
const HEAD_BYTES: usize = 72;
const HEAD_MAGIC: &[u8; 8] = b"RFSRLOG\0";
/// Bytes in front of a frame's payload.
pub(super) const FRAME_HEAD_BYTES: usize = 56;
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"RLF1");
/// The longest data of an entry.
pub(super) const ENTRY_BYTES_MAX: usize = 64 << 20;

/// The first block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    /// Length of the segment in blocks.
    pub(super) blocks: u32,
    /// The drive it belongs to.
    pub(super) drive: DriveId,
    /// One more than that of the segment before; the first has 1.
    pub(super) sequence: u64,
    /// Random, new for each generation.
    pub(super) salt: u64,
    /// Blocks of the segment before that are in use: everything behind them never counted. 0 for the first.
    pub(super) previous_blocks: u32,
    /// The oldest segment that was needed when this one began, perhaps this one.
    pub(super) oldest: u64,
}

/// Why a block is no head of this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHead {
    /// It isn't a head, or a damaged one.
    Invalid,
    /// It is whole, but newer.
    Newer(u32),
}

impl SegmentHead {
    pub(super) fn encode(&self, out: &mut [u8]) {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(HEAD_MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&self.blocks.to_le_bytes());
        head.extend_from_slice(self.drive.bytes());
        head.extend_from_slice(&self.sequence.to_le_bytes());
        head.extend_from_slice(&self.salt.to_le_bytes());
        head.extend_from_slice(&self.previous_blocks.to_le_bytes());
        head.extend_from_slice(&0u32.to_le_bytes());
        head.extend_from_slice(&self.oldest.to_le_bytes());
        head.extend_from_slice(&xxh3_64(&head).to_le_bytes());
        assert!(head.len() == HEAD_BYTES, "the head is drawn in the format");
        if let Some(out) = out.get_mut(..HEAD_BYTES) {
            out.copy_from_slice(&head);
        }
    }

    pub(super) fn decode(block: &[u8]) -> Result<Self, BadHead> {
        Self::parse(block).ok_or(BadHead::Invalid)?
    }

    fn parse(block: &[u8]) -> Option<Result<Self, BadHead>> {
        let (covered, checksum) = block.get(..HEAD_BYTES)?.split_at_checked(HEAD_BYTES - 8)?;
        let mut input = Input(covered);
        let magic: [u8; 8] = input.array()?;
        if &magic != HEAD_MAGIC || checksum != xxh3_64(covered).to_le_bytes() {
            return None;
        }
        let version = input.u32()?;
        if version != VERSION {
            return Some(Err(BadHead::Newer(version)));
        }
        let blocks = input.u32()?;
        let drive = DriveId::from_bytes(input.array()?);
        let sequence = input.u64()?;
        let salt = input.u64()?;
        let previous_blocks = input.u32()?;
        let _reserved = input.u32()?;
        let oldest = input.u64()?;
        Some(Ok(SegmentHead { blocks, drive, sequence, salt, previous_blocks, oldest }))
    }
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// The state of all groups when the segment began. It is the first frame of each segment.
    Checkpoint,
    /// A turn's records, of which more follow in the next frame.
    More,
    /// A turn's records, or the last of them.
    Last,
}

/// What stands in front of a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: FrameKind,
    /// Of the segment.
    pub(super) sequence: u64,
    /// Of the segment.
    pub(super) salt: u64,
    /// Number of the turn, more than that of the turn before. A checkpoint has turn and part of the frame that follows it.
    pub(super) turn: u64,
    /// Which frame of the turn, from 0.
    pub(super) part: u32,
    /// Its first block in the segment.
    pub(super) position: u32,
    pub(super) payload_bytes: u32,
}

/// Blocks of a frame with so much payload.
pub(super) const fn frame_blocks(payload_bytes: usize) -> usize {
    (FRAME_HEAD_BYTES + payload_bytes).div_ceil(BLOCK_BYTES)
}

impl FrameHead {
    /// Writes head and payload to the start of `out`; the caller has left zeros behind them.
    pub(super) fn encode(&self, payload: &[u8], out: &mut [u8]) {
        assert!(payload.len() == self.payload_bytes as usize, "the head tells the length");
        let mut head = Vec::with_capacity(FRAME_HEAD_BYTES);
        head.extend_from_slice(&FRAME_MAGIC.to_le_bytes());
        head.extend_from_slice(&(self.kind as u32).to_le_bytes());
        head.extend_from_slice(&self.sequence.to_le_bytes());
        head.extend_from_slice(&self.salt.to_le_bytes());
        head.extend_from_slice(&self.turn.to_le_bytes());
        head.extend_from_slice(&self.part.to_le_bytes());
        head.extend_from_slice(&self.position.to_le_bytes());
        head.extend_from_slice(&self.payload_bytes.to_le_bytes());
        head.extend_from_slice(&0u32.to_le_bytes());
        let covered = head.len();
        head.extend_from_slice(&[0; 8]);
        assert!(head.len() == FRAME_HEAD_BYTES, "the frame is drawn in the format");
        let Some(out) = out.get_mut(..FRAME_HEAD_BYTES + payload.len()) else {
            return;
        };
        let (out_head, out_payload) = out.split_at_mut(FRAME_HEAD_BYTES);
        out_payload.copy_from_slice(payload);
        out_head.copy_from_slice(&head);
        let checksum = frame_checksum(out_head.get(..covered).unwrap_or_default(), payload);
        if let Some(place) = out_head.get_mut(covered..) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }

    /// The frame at the start of `bytes`, which end where the segment does, with its payload; `None` where there is
    /// no whole one.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let frame = Self::peek(bytes)?;
        let (head, rest) = bytes.split_at_checked(FRAME_HEAD_BYTES)?;
        let (covered, checksum) = head.split_at_checked(FRAME_HEAD_BYTES - 8)?;
        let payload = rest.get(..frame.payload_bytes as usize)?;
        let whole = frame_checksum(covered, payload).to_le_bytes() == checksum;
        whole.then_some((frame, payload))
    }

    /// The head of what looks like a frame, whole or not.
    pub(super) fn peek(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        if input.u32()? != FRAME_MAGIC {
            return None;
        }
        let kind = match input.u32()? {
            0 => FrameKind::Checkpoint,
            1 => FrameKind::More,
            2 => FrameKind::Last,
            _ => return None,
        };
        Some(FrameHead {
            kind,
            sequence: input.u64()?,
            salt: input.u64()?,
            turn: input.u64()?,
            part: input.u32()?,
            position: input.u32()?,
            payload_bytes: input.u32()?,
        })
    }

    /// The block behind it.
    pub(super) fn end(&self) -> u32 {
        self.position + frame_blocks(self.payload_bytes as usize) as u32
    }
}

/// The payload's checksum, made the seed of the head's: both are covered without being copied together.
fn frame_checksum(head: &[u8], payload: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(head, xxh3_64(payload))
}

/// The state of a group at the beginning of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupState {
    pub(super) hard_state: HardState,
    pub(super) base: LogPosition,
    pub(super) last_index: u64,
}

const ENTRY: u8 = 1;
const HARD_STATE: u8 = 2;
const PURGE: u8 = 3;
const RESTART: u8 = 4;
const REMOVE: u8 = 5;

/// Appends a record.
pub(super) fn encode_record(record: &LogRecord, out: &mut Vec<u8>) {
    match record {
        LogRecord::Entry { group, entry } => encode_entry(*group, entry, out),
        LogRecord::HardState { group, state } => {
            record_head(HARD_STATE, *group, out);
            encode_hard_state(state, out);
        }
        LogRecord::Purge { group, position } => {
            record_head(PURGE, *group, out);
            encode_position(position, out);
        }
        LogRecord::Restart { group, position } => {
            record_head(RESTART, *group, out);
            encode_position(position, out);
        }
        LogRecord::Remove { group } => record_head(REMOVE, *group, out),
    }
}

/// Appends an entry's record.
pub(super) fn encode_entry(group: PartitionId, entry: &LogEntry, out: &mut Vec<u8>) {
    assert!(entry.data.len() <= ENTRY_BYTES_MAX, "the length was checked before");
    record_head(ENTRY, group, out);
    out.extend_from_slice(&entry.index.to_le_bytes());
    out.extend_from_slice(&entry.term.to_le_bytes());
    out.push(entry.kind);
    out.extend_from_slice(&(entry.data.len() as u32).to_le_bytes());
    out.extend_from_slice(&entry.data);
}

/// The records of a turn; `None` where the bytes are none. The data of entries is copied: what is kept of a segment must
/// not keep all of it.
pub(super) fn decode_records(payload: &[u8]) -> Option<Vec<LogRecord>> {
    let mut records = Vec::new();
    let mut input = Input(payload);
    while !input.0.is_empty() {
        let kind = input.u8()?;
        let group = PartitionId(input.u16()?);
        records.push(match kind {
            ENTRY => {
                let (index, term, kind) = (input.index()?, input.u64()?, input.u8()?);
                let len = input.u32()? as usize;
                let data = Bytes::copy_from_slice(input.take(len)?);
                let entry = LogEntry { index, term, kind, data };
                LogRecord::Entry { group, entry }
            }
            HARD_STATE => LogRecord::HardState { group, state: input.hard_state()? },
            PURGE => LogRecord::Purge { group, position: input.position()? },
            RESTART => LogRecord::Restart { group, position: input.position()? },
            REMOVE => LogRecord::Remove { group },
            _ => return None,
        });
    }
    Some(records)
}

/// Appends a group's state to a checkpoint.
pub(super) fn encode_group(group: PartitionId, state: &GroupState, out: &mut Vec<u8>) {
    out.extend_from_slice(&group.0.to_le_bytes());
    encode_hard_state(&state.hard_state, out);
    encode_position(&state.base, out);
    out.extend_from_slice(&state.last_index.to_le_bytes());
}

/// The groups of a checkpoint; `None` where the bytes are none.
pub(super) fn decode_groups(payload: &[u8]) -> Option<Vec<(PartitionId, GroupState)>> {
    let mut groups = Vec::new();
    let mut input = Input(payload);
    while !input.0.is_empty() {
        let group = PartitionId(input.u16()?);
        let state = GroupState {
            hard_state: input.hard_state()?,
            base: input.position()?,
            last_index: input.index()?,
        };
        groups.push((group, state));
    }
    Some(groups)
}

fn record_head(kind: u8, group: PartitionId, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&group.0.to_le_bytes());
}

fn encode_hard_state(state: &HardState, out: &mut Vec<u8>) {
    out.extend_from_slice(&state.term.to_le_bytes());
    out.extend_from_slice(&state.vote.to_le_bytes());
    out.extend_from_slice(&state.commit.to_le_bytes());
}

fn encode_position(position: &LogPosition, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.index.to_le_bytes());
    out.extend_from_slice(&position.term.to_le_bytes());
}

/// Bytes that are read from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// An index that an entry can have: one can follow it.
    fn index(&mut self) -> Option<u64> {
        self.u64().filter(|index| *index < u64::MAX)
    }

    fn hard_state(&mut self) -> Option<HardState> {
        Some(HardState { term: self.u64()?, vote: self.u64()?, commit: self.u64()? })
    }

    fn position(&mut self) -> Option<LogPosition> {
        Some(LogPosition { index: self.index()?, term: self.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> SegmentHead {
        SegmentHead {
            blocks: 16,
            drive: DriveId::from_bytes([7; 16]),
            sequence: 3,
            salt: 0x1234_5678_9abc_def0,
            previous_blocks: 9,
            oldest: 2,
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_written_and_any_flipped_bit_shows() {
        let mut block = vec![0u8; BLOCK_BYTES];
        head().encode(&mut block);
        assert_eq!(SegmentHead::decode(&block), Ok(head()));
        for bit in 0..HEAD_BYTES * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHead::decode(&block), Err(BadHead::Invalid));
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn the_bytes_of_version_1_stay_what_they_are() {
        let mut block = vec![0u8; HEAD_BYTES];
        head().encode(&mut block);
        assert_eq!(&block[..16], b"RFSRLOG\0\x01\0\0\0\x10\0\0\0");
        assert_eq!(&block[32..40], &3u64.to_le_bytes());
        let mut record = Vec::new();
        let entry = LogEntry { index: 5, term: 2, kind: 1, data: Bytes::from_static(b"ab") };
        encode_entry(PartitionId(0x0102), &entry, &mut record);
        assert_eq!(record, b"\x01\x02\x01\x05\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x02\0\0\0ab");
    }

    /// Found by fuzzing: the index after it was computed, and there is none.
    #[test]
    fn the_last_number_is_no_index() {
        for index in [u64::MAX - 1, u64::MAX] {
            let position = LogPosition { index, term: 1 };
            let mut records = Vec::new();
            encode_record(&LogRecord::Restart { group: PartitionId(1), position }, &mut records);
            assert_eq!(decode_records(&records).is_some(), index < u64::MAX);
            let mut groups = Vec::new();
            let state = GroupState { last_index: index, ..GroupState::default() };
            encode_group(PartitionId(1), &state, &mut groups);
            assert_eq!(decode_groups(&groups).is_some(), index < u64::MAX);
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written_and_any_flipped_bit_shows() {
        let payload = [5u8; 30];
        let frame = FrameHead {
            kind: FrameKind::More,
            sequence: 3,
            salt: 4,
            turn: 5,
            part: 6,
            position: 7,
            payload_bytes: 30,
        };
        let mut block = vec![0u8; BLOCK_BYTES];
        frame.encode(&payload, &mut block);
        assert_eq!(FrameHead::decode(&block), Some((frame, &payload[..])));
        assert_eq!(frame.end(), 8);
        for bit in 0..(FRAME_HEAD_BYTES + payload.len()) * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHead::decode(&block), None, "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }

    fn record() -> impl Strategy<Value = LogRecord> {
        let group = any::<u16>().prop_map(PartitionId);
        let position = (any::<u64>(), any::<u64>()).prop_map(|(index, term)| LogPosition { index, term });
        let data = proptest::collection::vec(any::<u8>(), 0..50);
        let fields = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u8>(), data);
        (group, position, fields, 0..5).prop_map(|(group, position, fields, which)| {
            let (term, vote, commit, kind, data) = fields;
            match which {
                0 => LogRecord::Entry {
                    group,
                    entry: LogEntry { index: position.index, term, kind, data: data.into() },
                },
                1 => LogRecord::HardState { group, state: HardState { term, vote, commit } },
                2 => LogRecord::Purge { group, position },
                3 => LogRecord::Restart { group, position },
                _ => LogRecord::Remove { group },
            }
        })
    }

    proptest! {
        #[test]
        fn records_are_read_as_they_were_written(records in proptest::collection::vec(record(), 0..20)) {
            let mut payload = Vec::new();
            for record in &records {
                encode_record(record, &mut payload);
            }
            prop_assert_eq!(decode_records(&payload), Some(records));
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SegmentHead::decode(&bytes);
            let _ = FrameHead::decode(&bytes);
            let _ = decode_groups(&bytes);
            let _ = decode_records(&bytes);
        }
    }
}
