//! Shards as bytes: `docs/formats/shard.md`. Encoding and decoding, pure; decoding is total.
//!
//! What always holds: whatever leaves a `decode` or `open` here was written for exactly this blob, shard and place,
//! and has not changed since.

use std::hash::Hasher;

use bytes::Bytes;
use env::buffer::BLOCK_BYTES;
use model::blob::{BlobRef, Redundancy};
use model::ids::BlobId;
use model::limits::SHARDS_MAX;
use twox_hash::XxHash3_64;

use crate::DESCRIPTOR_BYTES_MAX;
use crate::error::FormatError;
use crate::fields::{FieldsIn, FieldsOut};
use crate::layout::piece_len;

const VERSION: u8 = 1;
const FILE_MAGIC: [u8; 4] = *b"RfSh";
const FRAME_MAGIC: [u8; 4] = *b"RfFr";
const FOOTER_MAGIC: [u8; 4] = *b"RfFo";
const END_MAGIC: [u8; 4] = *b"RfEn";
const PACKED_MAGIC: [u8; 4] = *b"RfPk";

/// Bytes of the header of a shard file.
pub(crate) const FILE_HEADER_BYTES: usize = 64;
/// Bytes before the payload of a frame.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;
/// Bytes before the payload of a packed shard.
pub(crate) const PACKED_HEADER_BYTES: usize = 72;
/// Bytes of a footer besides the descriptor.
pub(crate) const FOOTER_BYTES: usize = 56;
/// Longest footer in whole blocks: what to read from the end of a shard file to have it in any case.
pub(crate) const FOOTER_BYTES_MAX: usize =
    (FOOTER_BYTES + DESCRIPTOR_BYTES_MAX).div_ceil(BLOCK_BYTES) * BLOCK_BYTES;

/// Which shard of which blob, and how that was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: BlobId,
    pub(crate) shard: u8,
    pub(crate) redundancy: Redundancy,
    pub(crate) stripe_bytes: u32,
    pub(crate) set: u16,
    pub(crate) first_slot: u8,
    pub(crate) map_epoch: u64,
}

impl Identity {
    pub(crate) fn of(blob: &BlobRef, shard: u8) -> Self {
        Identity {
            id: blob.id,
            shard,
            redundancy: blob.redundancy,
            stripe_bytes: blob.stripe_bytes,
            set: blob.set,
            first_slot: blob.first_slot,
            map_epoch: blob.map_epoch,
        }
    }

    /// The reference to its blob.
    pub(crate) fn blob(&self, size_bytes: u64) -> BlobRef {
        BlobRef {
            id: self.id,
            size_bytes,
            redundancy: self.redundancy,
            stripe_bytes: self.stripe_bytes,
            set: self.set,
            first_slot: self.first_slot,
            map_epoch: self.map_epoch,
        }
    }

    fn put<const N: usize>(&self, fields: FieldsOut<N>) -> FieldsOut<N> {
        fields
            .u8(self.shard)
            .u8(self.redundancy.data)
            .u8(self.redundancy.parity)
            .fixed(self.id.bytes())
            .u32(self.stripe_bytes)
            .u16(self.set)
            .u8(self.first_slot)
            .u8(0)
            .u64(self.map_epoch)
    }

    fn take(fields: &mut FieldsIn<'_>) -> Result<Self, FormatError> {
        let shard = fields.u8()?;
        let redundancy = Redundancy { data: fields.u8()?, parity: fields.u8()? };
        let id = BlobId::from_bytes(fields.fixed()?);
        let stripe_bytes = fields.u32()?;
        let set = fields.u16()?;
        let first_slot = fields.u8()?;
        let _flags = fields.u8()?;
        let map_epoch = fields.u64()?;
        if redundancy.data == 0 || redundancy.shards() > SHARDS_MAX {
            return Err(fields.impossible("redundancy"));
        }
        if usize::from(shard) >= redundancy.shards() {
            return Err(fields.impossible("shard number"));
        }
        if stripe_bytes == 0 {
            return Err(fields.impossible("stripe size"));
        }
        Ok(Identity { id, shard, redundancy, stripe_bytes, set, first_slot, map_epoch })
    }

    /// Checks that a shard found is the one looked for. Set, slot and epoch tell where it was placed and are no part
    /// of what it is.
    fn expect(&self, wanted: &Identity, part: &'static str) -> Result<(), FormatError> {
        self.names(&wanted.id, wanted.shard, part)?;
        if self.redundancy != wanted.redundancy || self.stripe_bytes != wanted.stripe_bytes {
            return Err(FormatError::Foreign { part, what: "layout" });
        }
        Ok(())
    }

    /// Checks that a shard found says to be this one.
    pub(crate) fn names(&self, id: &BlobId, shard: u8, part: &'static str) -> Result<(), FormatError> {
        if self.id != *id {
            return Err(FormatError::Foreign { part, what: "blob" });
        }
        if self.shard != shard {
            return Err(FormatError::Foreign { part, what: "shard" });
        }
        Ok(())
    }
}

/// The header of a shard file.
pub(crate) fn encode_file_header(identity: &Identity) -> [u8; FILE_HEADER_BYTES] {
    identity.put(FieldsOut::new(FILE_MAGIC, VERSION)).checksummed()
}

/// What the header of a shard file says.
pub(crate) fn decode_file_header(bytes: &[u8]) -> Result<Identity, FormatError> {
    let mut fields = FieldsIn::checked("shard header", bytes, FILE_HEADER_BYTES, FILE_MAGIC, VERSION)?;
    Identity::take(&mut fields)
}

/// As [`decode_file_header`], of this shard.
pub(crate) fn open_file_header(bytes: &[u8], wanted: &Identity) -> Result<(), FormatError> {
    decode_file_header(bytes)?.expect(wanted, "shard header")
}

/// What stands before the payload of a frame, computed while the payload is put together piece by piece: so it is summed
/// where it still lies in a near cache.
pub(crate) struct FrameHeader {
    fields: FieldsOut<FRAME_HEADER_BYTES>,
    sum: XxHash3_64,
}

impl FrameHeader {
    pub(crate) fn new(id: &BlobId, shard: u8, stripe: u32, payload_len: usize) -> Self {
        let fields = FieldsOut::<FRAME_HEADER_BYTES>::new(FRAME_MAGIC, VERSION)
            .u8(shard)
            .u16(0)
            .u32(stripe)
            .u32(payload_len as u32)
            .fixed(id.bytes());
        let sum = XxHash3_64::with_seed(XxHash3_64::oneshot(fields.so_far()));
        FrameHeader { fields, sum }
    }

    /// Takes the next bytes of the payload.
    pub(crate) fn update(&mut self, payload: &[u8]) {
        self.sum.write(payload);
    }

    pub(crate) fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        self.fields.u64(self.sum.finish()).full()
    }
}

/// The payload's checksum, seeded with that of the header's fields: either can't change alone.
fn frame_checksum(fields: &[u8], payload: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(fields), payload)
}

/// The payload of a frame, checked to be `stripe` of this shard and `len_bytes` long.
pub(crate) fn open_frame(
    frame: &Bytes,
    id: &BlobId,
    shard: u8,
    stripe: u64,
    len_bytes: u32,
) -> Result<Bytes, FormatError> {
    let part = "frame";
    let mut fields = FieldsIn::marked(part, frame, FRAME_HEADER_BYTES, FRAME_MAGIC, VERSION)?;
    let found_shard = fields.u8()?;
    fields.u16()?;
    let found_stripe = fields.u32()?;
    let found_len = fields.u32()?;
    let found_id = BlobId::from_bytes(fields.fixed()?);
    let sum = fields.u64()?;
    // Who it is comes before whether it is whole: a swapped shard is told from a flipped bit.
    let what = if found_id != *id {
        "blob"
    } else if found_shard != shard {
        "shard"
    } else if u64::from(found_stripe) != stripe || found_len != len_bytes {
        "place"
    } else {
        ""
    };
    let end = FRAME_HEADER_BYTES + found_len as usize;
    let (Some(header), Some(payload)) =
        (frame.get(..FRAME_HEADER_BYTES - 8), frame.get(FRAME_HEADER_BYTES..end))
    else {
        return Err(if what.is_empty() {
            FormatError::Cut { part }
        } else {
            FormatError::Foreign { part, what }
        });
    };
    if frame_checksum(header, payload) != sum {
        return Err(FormatError::Checksum { part });
    }
    if !what.is_empty() {
        return Err(FormatError::Foreign { part, what });
    }
    Ok(frame.slice(FRAME_HEADER_BYTES..end))
}

/// The footer of a shard file; it ends where the file ends.
pub(crate) fn encode_footer(id: &BlobId, shard: u8, size_bytes: u64, descriptor: &[u8]) -> Vec<u8> {
    assert!(descriptor.len() <= DESCRIPTOR_BYTES_MAX, "the writer has checked the descriptor");
    let len = FOOTER_BYTES + descriptor.len();
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&FOOTER_MAGIC);
    out.extend_from_slice(&[VERSION, shard, 0, 0]);
    out.extend_from_slice(id.bytes());
    out.extend_from_slice(&size_bytes.to_le_bytes());
    out.extend_from_slice(&(descriptor.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(descriptor);
    let sum = XxHash3_64::oneshot(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&(len as u32).to_le_bytes());
    out.extend_from_slice(&END_MAGIC);
    assert_eq!(out.len(), len, "a footer is as long as it says");
    out
}

/// What a footer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) id: BlobId,
    pub(crate) shard: u8,
    pub(crate) size_bytes: u64,
    pub(crate) descriptor: Bytes,
}

/// How long the footer at the end of a shard file says it is.
pub(crate) fn footer_len(end: &[u8]) -> Option<usize> {
    let (_, tail) = end.split_last_chunk::<8>()?;
    let [l0, l1, l2, l3, magic @ ..] = *tail;
    (magic == END_MAGIC).then(|| u32::from_le_bytes([l0, l1, l2, l3]) as usize)
}

/// Reads the footer from the end of a shard file.
pub(crate) fn decode_footer(end: &Bytes) -> Result<Footer, FormatError> {
    let part = "shard footer";
    let len = footer_len(end).ok_or(FormatError::NoMagic { part })?;
    let start = end
        .len()
        .checked_sub(len)
        .filter(|_| (FOOTER_BYTES..=FOOTER_BYTES + DESCRIPTOR_BYTES_MAX).contains(&len))
        .ok_or(FormatError::Impossible { part, field: "length" })?;
    let footer = end.slice(start..);
    let mut fields = FieldsIn::marked(part, &footer, FOOTER_BYTES, FOOTER_MAGIC, VERSION)?;
    let shard = fields.u8()?;
    fields.u16()?;
    let id = BlobId::from_bytes(fields.fixed()?);
    let size_bytes = fields.u64()?;
    let descriptor_len = fields.u32()? as usize;
    if FOOTER_BYTES + descriptor_len != len {
        return Err(fields.impossible("descriptor length"));
    }
    let (summed, sum) = footer.split_at(len - 16);
    if sum.get(..8) != Some(XxHash3_64::oneshot(summed).to_le_bytes().as_slice()) {
        return Err(FormatError::Checksum { part });
    }
    Ok(Footer { id, shard, size_bytes, descriptor: footer.slice(40..40 + descriptor_len) })
}

/// As [`decode_footer`], of this shard of a blob of this size; gives the descriptor.
pub(crate) fn open_footer(end: &Bytes, blob: &BlobRef, shard: u8) -> Result<Bytes, FormatError> {
    let footer = decode_footer(end)?;
    let what = if footer.id != blob.id {
        "blob"
    } else if footer.shard != shard {
        "shard"
    } else if footer.size_bytes != blob.size_bytes {
        "layout"
    } else {
        return Ok(footer.descriptor);
    };
    Err(FormatError::Foreign { part: "shard footer", what })
}

/// The header of a packed shard: the one frame and the footer of a small blob are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedHeader {
    pub(crate) identity: Identity,
    pub(crate) size_bytes: u32,
    pub(crate) descriptor_len: u32,
    payload_sum: u64,
    descriptor_sum: u64,
}

impl PackedHeader {
    pub(crate) fn new(identity: Identity, size_bytes: u32, payload: &[u8], descriptor: &[u8]) -> Self {
        assert!(descriptor.len() <= DESCRIPTOR_BYTES_MAX, "the writer has checked the descriptor");
        let header = PackedHeader {
            identity,
            size_bytes,
            descriptor_len: descriptor.len() as u32,
            payload_sum: XxHash3_64::oneshot(payload),
            descriptor_sum: XxHash3_64::oneshot(descriptor),
        };
        assert_eq!(header.payload_len(), payload.len(), "a packed shard holds its piece");
        header
    }

    /// Bytes of payload.
    pub(crate) fn payload_len(&self) -> usize {
        piece_len(self.size_bytes, self.identity.redundancy.data) as usize
    }

    /// Bytes of the whole shard.
    pub(crate) fn shard_len(&self) -> usize {
        PACKED_HEADER_BYTES + self.payload_len() + self.descriptor_len as usize
    }

    pub(crate) fn encode(&self) -> [u8; PACKED_HEADER_BYTES] {
        self.identity
            .put(FieldsOut::new(PACKED_MAGIC, VERSION))
            .u32(self.size_bytes)
            .u32(self.descriptor_len)
            .u64(self.payload_sum)
            .u64(self.descriptor_sum)
            .checksummed()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields =
            FieldsIn::checked("packed shard", bytes, PACKED_HEADER_BYTES, PACKED_MAGIC, VERSION)?;
        let header = PackedHeader {
            identity: Identity::take(&mut fields)?,
            size_bytes: fields.u32()?,
            descriptor_len: fields.u32()?,
            payload_sum: fields.u64()?,
            descriptor_sum: fields.u64()?,
        };
        if header.size_bytes == 0 || header.size_bytes > header.identity.stripe_bytes {
            return Err(fields.impossible("blob size"));
        }
        if header.descriptor_len as usize > DESCRIPTOR_BYTES_MAX {
            return Err(fields.impossible("descriptor length"));
        }
        Ok(header)
    }
}

/// The payload of a packed shard, checked; `bytes` may end before the descriptor.
pub(crate) fn open_packed(bytes: &Bytes, blob: &BlobRef, shard: u8) -> Result<Bytes, FormatError> {
    let part = "packed shard";
    let header = PackedHeader::decode(bytes)?;
    header.identity.expect(&Identity::of(blob, shard), part)?;
    if u64::from(header.size_bytes) != blob.size_bytes {
        return Err(FormatError::Foreign { part, what: "layout" });
    }
    packed_payload(&header, bytes)
}

fn packed_payload(header: &PackedHeader, bytes: &Bytes) -> Result<Bytes, FormatError> {
    let end = PACKED_HEADER_BYTES + header.payload_len();
    if bytes.len() < end {
        return Err(FormatError::Cut { part: "packed shard" });
    }
    let payload = bytes.slice(PACKED_HEADER_BYTES..end);
    if XxHash3_64::oneshot(&payload) != header.payload_sum {
        return Err(FormatError::Checksum { part: "packed payload" });
    }
    Ok(payload)
}

/// The descriptor of a packed shard, checked.
pub(crate) fn packed_descriptor(header: &PackedHeader, bytes: &Bytes) -> Result<Bytes, FormatError> {
    let start = PACKED_HEADER_BYTES + header.payload_len();
    if bytes.len() < header.shard_len() {
        return Err(FormatError::Cut { part: "packed shard" });
    }
    let descriptor = bytes.slice(start..header.shard_len());
    if XxHash3_64::oneshot(&descriptor) != header.descriptor_sum {
        return Err(FormatError::Checksum { part: "packed descriptor" });
    }
    Ok(descriptor)
}

/// Checks a packed shard from its first to its last byte, whosever it is.
pub(crate) fn check_packed(bytes: &Bytes) -> Result<PackedHeader, FormatError> {
    let header = PackedHeader::decode(bytes)?;
    if bytes.len() != header.shard_len() {
        return Err(FormatError::Cut { part: "packed shard" });
    }
    packed_payload(&header, bytes)?;
    packed_descriptor(&header, bytes)?;
    Ok(header)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests;
