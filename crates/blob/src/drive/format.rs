//! Segments as bytes: `docs/formats/segment.md`. Encoding and decoding, pure; decoding is total.
//!
//! What always holds: a record's header checks only at its own place in its own segment, as its checksum is seeded with
//! the segment's salt and covers the place. So a scan that looks for records behind damaged bytes can't be led astray
//! by what a user stored, nor by what an older segment left on the drive.

use bytes::Bytes;
use env::buffer::BLOCK_BYTES;
use model::ids::BlobId;
use twox_hash::XxHash3_64;

use crate::DESCRIPTOR_BYTES_MAX;
use crate::error::FormatError;
use crate::fields::{FieldsIn, FieldsOut};
use crate::shard::PACKED_HEADER_BYTES;

const VERSION: u8 = 1;
const SEGMENT_MAGIC: [u8; 4] = *b"RfSg";
const RECORD_MAGIC: [u8; 4] = *b"RfRc";
const FOOTER_MAGIC: [u8; 4] = *b"RfSf";

/// Bytes of the header of a segment; the first batch begins at the next block.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
/// Where the first batch begins.
pub(crate) const FIRST_BATCH: u64 = BLOCK_BYTES as u64;
/// Bytes before the body of a record.
pub(crate) const RECORD_HEADER_BYTES: usize = 48;
/// Records begin at multiples of this.
pub(crate) const RECORD_ALIGN: usize = 8;
/// Bytes of one entry of the index at the end of a sealed segment.
pub(crate) const ENTRY_BYTES: usize = 32;
/// Bytes of the footer at the very end of a sealed segment.
pub(crate) const SEGMENT_FOOTER_BYTES: usize = 64;
/// Longest body that a record can have: bounds what a reader allocates for a length it was told.
pub(crate) const BODY_BYTES_MAX: usize = PACKED_HEADER_BYTES + (16 << 20) + DESCRIPTOR_BYTES_MAX;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A packed shard: the body.
    Shard,
    /// The shard is dead wherever it stands before; no body.
    Tombstone {
        /// The segment that holds what it kills: the tombstone is needed as long as that is there.
        target: u32,
    },
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    pub(crate) salt: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        FieldsOut::new(SEGMENT_MAGIC, VERSION)
            .fixed(&[0; 3])
            .u32(self.number)
            .u32(BLOCK_BYTES as u32)
            .u64(self.salt)
            .checksummed()
    }

    pub(crate) fn decode(bytes: &[u8], number: u32) -> Result<Self, FormatError> {
        let part = "segment header";
        let mut fields = FieldsIn::checked(part, bytes, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, VERSION)?;
        fields.fixed::<3>()?;
        let found = fields.u32()?;
        if fields.u32()? != BLOCK_BYTES as u32 {
            return Err(fields.impossible("block size"));
        }
        if found != number {
            return Err(FormatError::Foreign { part, what: "segment" });
        }
        Ok(SegmentHeader { number, salt: fields.u64()? })
    }
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: RecordKind,
    pub(crate) id: BlobId,
    pub(crate) shard: u8,
    /// Bytes of the body.
    pub(crate) length: u32,
    /// Number of the batch it was written in, from 1 on in each segment.
    pub(crate) batch: u32,
}

impl RecordHeader {
    pub(crate) fn encode(&self, segment: &SegmentHeader, offset: u64) -> [u8; RECORD_HEADER_BYTES] {
        let (kind, target) = match self.kind {
            RecordKind::Shard => (1, 0),
            RecordKind::Tombstone { target } => (2, target),
        };
        let fields = FieldsOut::<RECORD_HEADER_BYTES>::new(RECORD_MAGIC, VERSION)
            .u8(kind)
            .u8(self.shard)
            .u8(0)
            .u32(self.length)
            .u32(self.batch)
            .fixed(self.id.bytes())
            .u32(target)
            .u32(0);
        let sum = record_checksum(segment, offset, fields.so_far());
        fields.u64(sum).full()
    }

    pub(crate) fn decode(bytes: &[u8], segment: &SegmentHeader, offset: u64) -> Result<Self, FormatError> {
        let part = "record header";
        let mut fields = FieldsIn::marked(part, bytes, RECORD_HEADER_BYTES, RECORD_MAGIC, VERSION)?;
        let kind = fields.u8()?;
        let shard = fields.u8()?;
        fields.u8()?;
        let length = fields.u32()?;
        let batch = fields.u32()?;
        let id = BlobId::from_bytes(fields.fixed()?);
        let target = fields.u32()?;
        fields.u32()?;
        let sum = fields.u64()?;
        let summed = bytes.get(..RECORD_HEADER_BYTES - 8).unwrap_or_default();
        if sum != record_checksum(segment, offset, summed) {
            return Err(FormatError::Checksum { part });
        }
        let kind = match (kind, length) {
            (1, 1..) if length as usize <= BODY_BYTES_MAX => RecordKind::Shard,
            (2, 0) => RecordKind::Tombstone { target },
            _ => return Err(fields.impossible("kind")),
        };
        Ok(RecordHeader { kind, id, shard, length, batch })
    }
}

fn record_checksum(segment: &SegmentHeader, offset: u64, fields: &[u8]) -> u64 {
    let place = u64::from(segment.number) << 32 | offset;
    XxHash3_64::oneshot_with_seed(segment.salt ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15), fields)
}

/// Bytes that a record with a body of `body_len` bytes takes.
pub(crate) const fn record_len(body_len: usize) -> usize {
    (RECORD_HEADER_BYTES + body_len).div_ceil(RECORD_ALIGN) * RECORD_ALIGN
}

/// A record by its place: an entry of the index at the end of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: RecordKind,
    pub(crate) id: BlobId,
    pub(crate) shard: u8,
    /// Where the record begins.
    pub(crate) offset: u32,
    /// Bytes of its body.
    pub(crate) length: u32,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let (kind, target) = match self.kind {
            RecordKind::Shard => (1u8, 0u32),
            RecordKind::Tombstone { target } => (2, target),
        };
        let mut out = [0u8; ENTRY_BYTES];
        let fields = self
            .id
            .bytes()
            .iter()
            .copied()
            .chain([self.shard, kind, 0, 0])
            .chain(self.offset.to_le_bytes())
            .chain(self.length.to_le_bytes())
            .chain(target.to_le_bytes());
        for (place, byte) in out.iter_mut().zip(fields) {
            *place = byte;
        }
        out
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Result<Self, FormatError> {
        let mut fields = FieldsIn::new("segment index", bytes);
        let id = BlobId::from_bytes(fields.fixed()?);
        let shard = fields.u8()?;
        let kind = fields.u8()?;
        fields.u16()?;
        let offset = fields.u32()?;
        let length = fields.u32()?;
        let target = fields.u32()?;
        let kind = match (kind, length) {
            (1, 1..) if length as usize <= BODY_BYTES_MAX => RecordKind::Shard,
            (2, 0) => RecordKind::Tombstone { target },
            _ => return Err(fields.impossible("kind")),
        };
        Ok(Entry { kind, id, shard, offset, length })
    }
}

/// What ends a sealed segment: its index, sorted by blob and shard, and its footer. `data_end` is where they begin.
pub(crate) fn encode_seal(segment: &SegmentHeader, data_end: u64, entries: &mut [Entry]) -> Vec<u8> {
    entries.sort_by_key(|entry| (entry.id, entry.shard, entry.offset));
    let mut out = Vec::with_capacity(entries.len() * ENTRY_BYTES + SEGMENT_FOOTER_BYTES);
    for entry in entries.iter() {
        out.extend_from_slice(&entry.encode());
    }
    let footer: [u8; SEGMENT_FOOTER_BYTES] = FieldsOut::new(FOOTER_MAGIC, VERSION)
        .fixed(&[0; 3])
        .u32(segment.number)
        .u32(entries.len() as u32)
        .u64(data_end)
        .u64(segment.salt)
        .u64(XxHash3_64::oneshot(&out))
        .checksummed();
    out.extend_from_slice(&footer);
    out
}

/// What the footer of a sealed segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFooter {
    pub(crate) header: SegmentHeader,
    pub(crate) entries: u32,
    pub(crate) data_end: u64,
    entries_sum: u64,
}

impl SegmentFooter {
    /// From the last [`SEGMENT_FOOTER_BYTES`] of a file of `file_len` bytes.
    pub(crate) fn decode(bytes: &[u8], number: u32, file_len: u64) -> Result<Self, FormatError> {
        let part = "segment footer";
        let mut fields = FieldsIn::checked(part, bytes, SEGMENT_FOOTER_BYTES, FOOTER_MAGIC, VERSION)?;
        fields.fixed::<3>()?;
        let found = fields.u32()?;
        let footer = SegmentFooter {
            entries: fields.u32()?,
            data_end: fields.u64()?,
            header: SegmentHeader { number, salt: fields.u64()? },
            entries_sum: fields.u64()?,
        };
        if found != number {
            return Err(FormatError::Foreign { part, what: "segment" });
        }
        let index = u64::from(footer.entries) * ENTRY_BYTES as u64;
        let end = footer.data_end.checked_add(index + SEGMENT_FOOTER_BYTES as u64);
        if end != Some(file_len) || footer.data_end < FIRST_BATCH {
            return Err(fields.impossible("length"));
        }
        Ok(footer)
    }

    /// Bytes of the index.
    pub(crate) fn index_len(&self) -> usize {
        self.entries as usize * ENTRY_BYTES
    }

    /// The index, in the order of places.
    pub(crate) fn decode_index(&self, bytes: &[u8]) -> Result<Vec<Entry>, FormatError> {
        let part = "segment index";
        if bytes.len() != self.index_len() {
            return Err(FormatError::Cut { part });
        }
        if XxHash3_64::oneshot(bytes) != self.entries_sum {
            return Err(FormatError::Checksum { part });
        }
        let (chunks, _) = bytes.as_chunks::<ENTRY_BYTES>();
        let mut entries = chunks.iter().map(Entry::decode).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| entry.offset);
        Ok(entries)
    }
}

/// What stands at a place of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record whose header checks, with its body as it is there.
    Record { header: RecordHeader, body: Bytes },
    /// Zeros up to the next block.
    Padding,
    /// More bytes must be at hand to tell: so many from the place on.
    More(usize),
    /// Neither record nor padding.
    Bad(FormatError),
}

/// Tells what stands at `offset`; `bytes` begin there.
pub(crate) fn look(bytes: &Bytes, segment: &SegmentHeader, offset: u64) -> Found {
    let to_block = BLOCK_BYTES - (offset % BLOCK_BYTES as u64) as usize;
    match RecordHeader::decode(bytes, segment, offset) {
        Ok(header) => {
            let len = record_len(header.length as usize);
            if bytes.len() < len {
                return Found::More(len);
            }
            let body = RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + header.length as usize;
            Found::Record { header, body: bytes.slice(body) }
        }
        Err(error) => match bytes.get(..to_block) {
            Some(rest) if rest.iter().all(|byte| *byte == 0) => Found::Padding,
            Some(_) if !matches!(error, FormatError::Cut { .. }) => Found::Bad(error),
            _ => Found::More(to_block.max(RECORD_HEADER_BYTES)),
        },
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEGMENT: SegmentHeader = SegmentHeader { number: 5, salt: 0x1234 };

    fn record(length: u32) -> RecordHeader {
        RecordHeader { kind: RecordKind::Shard, id: BlobId::from_bytes([3; 16]), shard: 2, length, batch: 9 }
    }

    #[test]
    fn a_record_checks_at_its_place_only() {
        let bytes = record(40).encode(&SEGMENT, 4096);
        assert_eq!(RecordHeader::decode(&bytes, &SEGMENT, 4096), Ok(record(40)));
        assert!(RecordHeader::decode(&bytes, &SEGMENT, 8192).is_err());
        let other = SegmentHeader { number: 6, ..SEGMENT };
        assert!(RecordHeader::decode(&bytes, &other, 4096).is_err());
        let salted = SegmentHeader { salt: 1, ..SEGMENT };
        assert!(RecordHeader::decode(&bytes, &salted, 4096).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(RecordHeader::decode(&flipped, &SEGMENT, 4096).is_err());
        }
    }

    #[test]
    fn padding_is_told_from_damage() {
        let mut block = vec![0u8; 3 * BLOCK_BYTES];
        assert_eq!(look(&Bytes::from(block.clone()), &SEGMENT, 4096 + 64), Found::Padding);
        block[500] = 1;
        assert!(matches!(look(&Bytes::from(block), &SEGMENT, 4096 + 64), Found::Bad(_)));
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (any::<[u8; 16]>(), 0u8..32, any::<u32>(), any::<bool>()).prop_map(
            |(id, shard, number, dead)| Entry {
                kind: if dead { RecordKind::Tombstone { target: number } } else { RecordKind::Shard },
                id: BlobId::from_bytes(id),
                shard,
                offset: number / 8 * 8,
                length: if dead { 0 } else { number % 1000 + 1 },
            },
        );
        proptest::collection::vec(entry, 0..50)
    }

    proptest! {
        #[test]
        fn a_sealed_segment_gives_its_entries_back(mut entries in entries()) {
            let seal = encode_seal(&SEGMENT, 8192, &mut entries);
            let file_len = 8192 + seal.len() as u64;
            let (index, footer) = seal.split_at(seal.len() - SEGMENT_FOOTER_BYTES);
            let footer = SegmentFooter::decode(footer, 5, file_len).unwrap();
            prop_assert_eq!(footer.header, SEGMENT);
            entries.sort_by_key(|entry| entry.offset);
            prop_assert_eq!(footer.decode_index(index).unwrap(), entries);
            prop_assert!(SegmentFooter::decode(&seal[index.len()..], 5, file_len + 1).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, offset in 0u64..100_000, kind in 0usize..3) {
            let magics = [SEGMENT_MAGIC, RECORD_MAGIC, FOOTER_MAGIC];
            for bytes in [bytes.clone(), [&magics[kind][..], &[1], &bytes].concat()] {
                let bytes = Bytes::from(bytes);
                let _ = SegmentHeader::decode(&bytes, 1);
                let _ = look(&bytes, &SEGMENT, offset / 8 * 8);
                let _ = SegmentFooter::decode(&bytes, 1, offset);
            }
        }
    }
}
