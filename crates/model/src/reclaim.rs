//! Work left behind by a transaction: blobs to delete, blobs to heal.

use crate::blob::BlobRef;
use crate::ids::{BucketId, UploadId};
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};

/// Bytes that nothing refers to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReclaimRecord {
    /// A blob.
    Blob(BlobRef),
    /// All parts of an upload that was aborted, or of an object that was completed from it and is gone.
    Parts {
        /// The bucket.
        bucket: BucketId,
        /// The key.
        key: String,
        /// The upload.
        upload: UploadId,
    },
}

impl Record for ReclaimRecord {
    const NAME: &'static str = "reclaim";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        match self {
            ReclaimRecord::Blob(blob) => {
                out.u8(0);
                out.record(blob);
            }
            ReclaimRecord::Parts { bucket, key, upload } => {
                out.u8(1);
                out.varint(bucket.0);
                out.text(key);
                out.fixed(upload.bytes());
            }
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        match input.u8()? {
            0 => Ok(ReclaimRecord::Blob(input.record()?)),
            1 => Ok(ReclaimRecord::Parts {
                bucket: BucketId(input.varint()?),
                key: input.text()?,
                upload: UploadId::from_bytes(input.fixed()?),
            }),
            _ => Err(input.impossible("kind")),
        }
    }
}

/// A blob of which shards are missing or damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealRecord {
    /// The blob.
    pub blob: BlobRef,
    /// Attempts that have failed.
    pub attempts: u32,
}

impl Record for HealRecord {
    const NAME: &'static str = "heal";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.record(&self.blob);
        out.varint(u64::from(self.attempts));
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(HealRecord { blob: input.record()?, attempts: input.number("attempts")? })
    }
}

/// What every shard of a blob says of the object it belongs to, so that a store can be salvaged from its shards alone, and
/// so that the collector can ask whether anything refers to the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDescriptor {
    /// The bucket's name when it was written.
    pub bucket_name: String,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: String,
    /// For a part: its upload and number. Otherwise the blob is a whole object.
    pub part: Option<(UploadId, u16)>,
    /// MD5 of the blob's bytes.
    pub md5: [u8; 16],
    /// Content headers and user metadata of the object.
    pub attributes: crate::attributes::Attributes,
    /// Storage class of the object.
    pub storage_class: crate::object::StorageClass,
}

impl Record for BlobDescriptor {
    const NAME: &'static str = "blob descriptor";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.text(&self.bucket_name);
        out.varint(self.bucket.0);
        out.text(&self.key);
        match &self.part {
            None => out.u8(0),
            Some((upload, number)) => {
                out.u8(1);
                out.fixed(upload.bytes());
                out.varint(u64::from(*number));
            }
        }
        out.fixed(&self.md5);
        self.attributes.encode_fields(out);
        out.u8(self.storage_class as u8);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(BlobDescriptor {
            bucket_name: input.text()?,
            bucket: BucketId(input.varint()?),
            key: input.text()?,
            part: match input.u8()? {
                0 => None,
                1 => Some((UploadId::from_bytes(input.fixed()?), input.number("part number")?)),
                _ => return Err(input.impossible("part presence")),
            },
            md5: input.fixed()?,
            attributes: crate::attributes::Attributes::decode_fields(input)?,
            storage_class: crate::object::StorageClass::decode(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_written() {
        let parts = ReclaimRecord::Parts {
            bucket: BucketId(3),
            key: "k".into(),
            upload: UploadId::from_bytes([2; 16]),
        };
        assert_eq!(ReclaimRecord::decode(&parts.encode()), Ok(parts));
        let descriptor = BlobDescriptor {
            bucket_name: "photos".into(),
            bucket: BucketId(7),
            key: "a/b".into(),
            part: Some((UploadId::from_bytes([1; 16]), 10_000)),
            md5: [9; 16],
            attributes: crate::attributes::Attributes::default(),
            storage_class: crate::object::StorageClass::Standard,
        };
        assert_eq!(BlobDescriptor::decode(&descriptor.encode()), Ok(descriptor));
    }
}
