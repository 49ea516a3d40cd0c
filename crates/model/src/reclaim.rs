//! Work left behind by a transaction: blobs to delete, blobs to heal.

use crate::attributes::Attributes;
use crate::blob::BlobRef;
use crate::checksum::{self, AskedChecksum, Checksum};
use crate::ids::{BucketId, UploadId, VersionId};
use crate::object::StorageClass;
use crate::part_set::PartSet;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use crate::time::Timestamp;

/// Bytes that nothing refers to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReclaimRecord {
    /// A blob.
    Blob(BlobRef),
    /// The parts of an upload that ended: all of them, but for those that the object made from it names while it is there.
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
    /// For a part: its upload and number; what tells of a completion has [`crate::upload::COMPLETION_NUMBER`]. Otherwise the
    /// blob is a whole object.
    pub part: Option<(UploadId, u16)>,
    /// MD5 of the blob's bytes. Those of a completion are the MD5s of its parts, so that this one is in the object's ETag.
    pub md5: [u8; 16],
    /// Content headers and user metadata of the object.
    pub attributes: Attributes,
    /// Storage class of the object.
    pub storage_class: StorageClass,
    /// When its last byte had come: of two blobs of a key the later one is the newer. [`Timestamp::ZERO`] where an earlier
    /// release wrote it, which left only the beginning to tell, in the blob's id.
    pub written: Timestamp,
    /// The version that it was written as.
    pub version: VersionId,
    /// The checksum that the client gave, or asked for; of a completion that of the whole object.
    pub checksum: Option<Checksum>,
    /// Canonical id of the account that owns the object; empty for the bucket's owner.
    pub owner: String,
    /// What it tells of its upload.
    pub upload: UploadFacts,
}

/// What a blob tells of the upload that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UploadFacts {
    /// Nothing: it is a whole object, or an earlier release wrote it.
    #[default]
    Untold,
    /// It is a part, of an upload whose completion a blob of its own will tell.
    Part {
        /// The checksum that was asked for when the upload began.
        checksum: Option<AskedChecksum>,
        /// Canonical id of who began it.
        initiator: String,
    },
    /// The upload was completed.
    Completion {
        /// From these parts.
        parts: PartSet,
        /// All of them together.
        size_bytes: u64,
    },
}

impl UploadFacts {
    fn encode_fields(&self, out: &mut Encoder) {
        match self {
            UploadFacts::Untold => out.u8(0),
            UploadFacts::Part { checksum, initiator } => {
                out.u8(1);
                checksum::encode_asked(*checksum, out);
                out.text(initiator);
            }
            UploadFacts::Completion { parts, size_bytes } => {
                out.u8(2);
                parts.encode_fields(out);
                out.varint(*size_bytes);
            }
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        match input.u8()? {
            0 => Ok(UploadFacts::Untold),
            1 => Ok(UploadFacts::Part { checksum: checksum::decode_asked(input)?, initiator: input.text()? }),
            2 => Ok(UploadFacts::Completion {
                parts: PartSet::decode_fields(input)?,
                size_bytes: input.varint()?,
            }),
            _ => Err(input.impossible("upload facts")),
        }
    }
}

impl Record for BlobDescriptor {
    const NAME: &'static str = "blob descriptor";
    const VERSION: u8 = 3;
    type Previous = BlobDescriptor2;

    fn upgrade(previous: BlobDescriptor2) -> Self {
        previous.0
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.encode_second(out);
        self.upload.encode_fields(out);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let second = Self::decode_second(input)?;
        Ok(BlobDescriptor { upload: UploadFacts::decode_fields(input)?, ..second })
    }
}

impl BlobDescriptor {
    /// The fields that version 1 had.
    fn encode_first(&self, out: &mut Encoder) {
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

    fn decode_first(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
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
            attributes: Attributes::decode_fields(input)?,
            storage_class: StorageClass::decode(input)?,
            written: Timestamp::ZERO,
            version: VersionId::NULL,
            checksum: None,
            owner: String::new(),
            upload: UploadFacts::Untold,
        })
    }

    /// The fields that version 2 had.
    fn encode_second(&self, out: &mut Encoder) {
        self.encode_first(out);
        out.varint(self.written.millis());
        out.fixed(self.version.bytes());
        checksum::encode_optional(self.checksum.as_ref(), out);
        out.text(&self.owner);
    }

    fn decode_second(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let first = Self::decode_first(input)?;
        Ok(BlobDescriptor {
            written: Timestamp::from_millis(input.varint()?),
            version: VersionId::from_bytes(input.fixed()?),
            checksum: checksum::decode_optional(input)?,
            owner: input.text()?,
            ..first
        })
    }
}

/// A [`BlobDescriptor`] of version 2: it tells nothing of its upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDescriptor2(BlobDescriptor);

impl Record for BlobDescriptor2 {
    const NAME: &'static str = BlobDescriptor::NAME;
    const VERSION: u8 = 2;
    type Previous = BlobDescriptor1;

    fn upgrade(previous: BlobDescriptor1) -> Self {
        BlobDescriptor2(previous.0)
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.0.encode_second(out);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        BlobDescriptor::decode_second(input).map(BlobDescriptor2)
    }
}

/// A [`BlobDescriptor`] of version 1: without time, version, checksum and owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDescriptor1(BlobDescriptor);

impl Record for BlobDescriptor1 {
    const NAME: &'static str = BlobDescriptor::NAME;
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.0.encode_first(out);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        BlobDescriptor::decode_first(input).map(BlobDescriptor1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{ChecksumAlgorithm, ChecksumType};

    #[test]
    fn records_come_back_as_written() {
        let parts = ReclaimRecord::Parts {
            bucket: BucketId(3),
            key: "k".into(),
            upload: UploadId::from_bytes([2; 16]),
        };
        assert_eq!(ReclaimRecord::decode(&parts.encode()), Ok(parts));
        assert_eq!(BlobDescriptor::decode(&descriptor().encode()), Ok(descriptor()));
    }

    fn descriptor() -> BlobDescriptor {
        BlobDescriptor {
            bucket_name: "photos".into(),
            bucket: BucketId(7),
            key: "a/b".into(),
            part: Some((UploadId::from_bytes([1; 16]), 10_000)),
            md5: [9; 16],
            attributes: Attributes::default(),
            storage_class: StorageClass::Standard,
            written: Timestamp::from_millis(1_700_000_000_000),
            version: VersionId::from_bytes([3; 16]),
            checksum: Some(Checksum::full(ChecksumAlgorithm::Crc32, vec![1, 2, 3, 4])),
            owner: "o".into(),
            upload: UploadFacts::Untold,
        }
    }

    /// The bytes of all versions, for ever: what is on users' drives must stay readable.
    #[test]
    fn descriptors_of_all_versions_are_read_for_ever() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let first = BlobDescriptor {
            written: Timestamp::ZERO,
            version: VersionId::NULL,
            checksum: None,
            owner: String::new(),
            ..descriptor()
        };
        let fields = concat!(
            "0670686f746f730703612f6201010101010101010101010101010101",
            "01904e09090909090909090909090909090909000000"
        );
        let version_1 = BlobDescriptor1(first.clone()).encode();
        assert_eq!(hex(&version_1), format!("01{fields}"));
        assert_eq!(BlobDescriptor::decode(&version_1), Ok(first));
        let rest = concat!("80d095ffbc31", "03030303030303030303030303030303", "010100000401020304", "016f");
        let version_2 = BlobDescriptor2(descriptor()).encode();
        assert_eq!(hex(&version_2), format!("02{fields}{rest}"));
        assert_eq!(BlobDescriptor::decode(&version_2), Ok(descriptor()));
        let told = [
            (UploadFacts::Untold, "00"),
            (UploadFacts::Part { checksum: None, initiator: "i".into() }, "01000169"),
            (
                UploadFacts::Part {
                    checksum: Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)),
                    initiator: String::new(),
                },
                "01050100",
            ),
            (
                UploadFacts::Completion { parts: [1, 2, 9].into_iter().collect(), size_bytes: 300 },
                "02020602ac02",
            ),
        ];
        for (upload, bytes) in told {
            let descriptor = BlobDescriptor { upload, ..descriptor() };
            assert_eq!(hex(&descriptor.encode()), format!("03{fields}{rest}{bytes}"));
            assert_eq!(BlobDescriptor::decode(&descriptor.encode()), Ok(descriptor));
        }
    }
}
