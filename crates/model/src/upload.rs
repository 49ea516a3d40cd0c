//! Multipart uploads in progress, and the parts of uploads and of the objects that they became.

use crate::attributes::Attributes;
use crate::blob::BlobRef;
use crate::checksum::{self, AskedChecksum, Checksum};
use crate::etag::ETag;
use crate::object::StorageClass;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};

/// The number under which, among the parts of an upload, lies what tells that it was completed. No part has it.
pub const COMPLETION_NUMBER: u16 = 0;

/// An upload in progress. It was initiated at the time of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// Content headers and user metadata of the object to be.
    pub attributes: Attributes,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// The checksum asked for, if one was.
    pub checksum: Option<AskedChecksum>,
    /// Canonical id of the account that will own the object; empty for the bucket's owner.
    pub owner: String,
    /// Canonical id of who started it.
    pub initiator: String,
}

impl Record for UploadRecord {
    const NAME: &'static str = "upload";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.attributes.encode_fields(out);
        out.u8(self.storage_class as u8);
        checksum::encode_asked(self.checksum, out);
        out.text(&self.owner);
        out.text(&self.initiator);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let attributes = Attributes::decode_fields(input)?;
        let storage_class = StorageClass::decode(input)?;
        let checksum = checksum::decode_asked(input)?;
        Ok(UploadRecord {
            attributes,
            storage_class,
            checksum,
            owner: input.text()?,
            initiator: input.text()?,
        })
    }
}

/// A part. It was last modified at the time of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// Its length in bytes.
    pub size_bytes: u64,
    /// MD5 of its content.
    pub etag: ETag,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// Its bytes; none for an empty part.
    pub blob: Option<BlobRef>,
}

impl Record for PartRecord {
    const NAME: &'static str = "part";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.size_bytes);
        self.etag.encode_fields(out);
        checksum::encode_optional(self.checksum.as_ref(), out);
        out.u8(u8::from(self.blob.is_some()));
        if let Some(blob) = &self.blob {
            out.record(blob);
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(PartRecord {
            size_bytes: input.varint()?,
            etag: ETag::decode_fields(input)?,
            checksum: checksum::decode_optional(input)?,
            blob: match input.u8()? {
                0 => None,
                1 => Some(input.record()?),
                _ => return Err(input.impossible("blob presence")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{ChecksumAlgorithm, ChecksumType};

    /// Found by fuzzing: any byte but 0 was read as `COMPOSITE`, also one that a later release may give a meaning.
    #[test]
    fn an_unknown_checksum_type_is_refused() {
        let known = [1, 0, 0, 0, ChecksumAlgorithm::Crc32 as u8, 1, 0, 0];
        assert!(UploadRecord::decode(&known).is_ok());
        let unknown = [1, 0, 0, 0, ChecksumAlgorithm::Crc32 as u8, 41, 0, 0];
        assert!(matches!(UploadRecord::decode(&unknown), Err(RecordError::Impossible { .. })));
    }

    #[test]
    fn uploads_and_parts_come_back_as_written() {
        let upload = UploadRecord {
            attributes: Attributes { headers: vec![], user: vec![("a".into(), "b".into())] },
            storage_class: StorageClass::ReducedRedundancy,
            checksum: Some((ChecksumAlgorithm::Sha1, ChecksumType::Composite)),
            owner: "o".into(),
            initiator: "i".into(),
        };
        assert_eq!(UploadRecord::decode(&upload.encode()), Ok(upload));
        let part = PartRecord { size_bytes: 0, etag: ETag::single([0; 16]), checksum: None, blob: None };
        assert_eq!(PartRecord::decode(&part.encode()), Ok(part));
    }
}
