//! Objects: what a listing reads (small), and what it does not (in a row apart).

use crate::attributes::Attributes;
use crate::blob::BlobRef;
use crate::checksum::{self, Checksum};
use crate::etag::ETag;
use crate::ids::{UploadId, VersionId};
use crate::part_set::PartSet;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use crate::time::Timestamp;

/// Storage classes as AWS names them. Two of them choose a redundancy here; the others are labels that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StorageClass {
    /// The default redundancy.
    #[default]
    Standard = 0,
    /// Less parity.
    ReducedRedundancy = 1,
    /// A label.
    StandardIa = 2,
    /// A label.
    OnezoneIa = 3,
    /// A label.
    IntelligentTiering = 4,
    /// A label.
    Glacier = 5,
    /// A label.
    GlacierIr = 6,
    /// A label.
    DeepArchive = 7,
    /// A label.
    Outposts = 8,
    /// A label.
    Snow = 9,
    /// A label.
    ExpressOnezone = 10,
}

impl StorageClass {
    /// All of them.
    pub const ALL: [StorageClass; 11] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::Glacier,
        Self::GlacierIr,
        Self::DeepArchive,
        Self::Outposts,
        Self::Snow,
        Self::ExpressOnezone,
    ];

    /// Its name in `x-amz-storage-class` and in XML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::Glacier => "GLACIER",
            Self::GlacierIr => "GLACIER_IR",
            Self::DeepArchive => "DEEP_ARCHIVE",
            Self::Outposts => "OUTPOSTS",
            Self::Snow => "SNOW",
            Self::ExpressOnezone => "EXPRESS_ONEZONE",
        }
    }

    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Reads the byte that `self as u8` is.
    ///
    /// # Errors
    /// Where it is none.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let code = input.u8()?;
        Self::ALL
            .into_iter()
            .find(|class| *class as u8 == code)
            .ok_or_else(|| input.impossible("storage class"))
    }
}

/// Where the bytes of a version are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// There are none: the key is deleted.
    DeleteMarker,
    /// No bytes.
    Empty,
    /// In the version's [`ObjectDetail`].
    Inline,
    /// In one blob.
    Blob(BlobRef),
    /// In the parts of the upload that made it; the part rows stay where they are when the upload completes.
    Parts {
        /// The upload.
        upload: UploadId,
        /// How many parts.
        count: u16,
        /// Size of every part but the last where that is one size and numbers run from 1, else 0: lets a range find its
        /// part without walking the rows before it.
        uniform_bytes: u64,
        /// The numbers that are the object's parts, where others were uploaded as well; those go later and are not read.
        named: Option<PartSet>,
    },
}

/// Where the attributes of a version are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributesAt {
    /// Here: they are small.
    Here(Attributes),
    /// In the version's [`ObjectDetail`].
    Apart,
}

/// A version of an object, as a listing reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Its id.
    pub id: VersionId,
    /// Last modified; [`Timestamp::ZERO`] for the time of this row.
    pub modified: Timestamp,
    /// Where its bytes are.
    pub content: Content,
    /// How many.
    pub size_bytes: u64,
    /// Its entity tag.
    pub etag: ETag,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// The checksum that it was stored with.
    pub checksum: Option<Checksum>,
    /// Its content headers and user metadata.
    pub attributes: AttributesAt,
    /// Canonical id of the account that owns it; empty for the bucket's owner.
    pub owner: String,
}

impl ObjectVersion {
    /// Attributes of more encoded bytes than this lie apart, so that a listing reads small rows.
    pub const ATTRIBUTES_HERE_BYTES_MAX: usize = 160;

    /// Whether there is an [`ObjectDetail`] row for this version.
    #[must_use]
    pub fn has_detail(&self) -> bool {
        self.content == Content::Inline || self.attributes == AttributesAt::Apart
    }
}

impl Record for ObjectVersion {
    const NAME: &'static str = "object version";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.fixed(self.id.bytes());
        out.varint(self.modified.millis());
        match &self.content {
            Content::DeleteMarker => out.u8(0),
            Content::Empty => out.u8(1),
            Content::Inline => out.u8(2),
            Content::Blob(blob) => {
                out.u8(3);
                out.record(blob);
            }
            Content::Parts { upload, count, uniform_bytes, named } => {
                out.u8(if named.is_some() { 5 } else { 4 });
                out.fixed(upload.bytes());
                out.varint(u64::from(*count));
                out.varint(*uniform_bytes);
                if let Some(named) = named {
                    named.encode_fields(out);
                }
            }
        }
        out.varint(self.size_bytes);
        self.etag.encode_fields(out);
        out.u8(self.storage_class as u8);
        checksum::encode_optional(self.checksum.as_ref(), out);
        match &self.attributes {
            AttributesAt::Apart => out.u8(0),
            AttributesAt::Here(attributes) => {
                out.u8(1);
                attributes.encode_fields(out);
            }
        }
        out.text(&self.owner);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(ObjectVersion {
            id: VersionId::from_bytes(input.fixed()?),
            modified: Timestamp::from_millis(input.varint()?),
            content: match input.u8()? {
                0 => Content::DeleteMarker,
                1 => Content::Empty,
                2 => Content::Inline,
                3 => Content::Blob(input.record()?),
                kind @ (4 | 5) => Content::Parts {
                    upload: UploadId::from_bytes(input.fixed()?),
                    count: input.number("part count")?,
                    uniform_bytes: input.varint()?,
                    named: (kind == 5).then(|| PartSet::decode_fields(input)).transpose()?,
                },
                _ => return Err(input.impossible("content")),
            },
            size_bytes: input.varint()?,
            etag: ETag::decode_fields(input)?,
            storage_class: StorageClass::decode(input)?,
            checksum: checksum::decode_optional(input)?,
            attributes: match input.u8()? {
                0 => AttributesAt::Apart,
                1 => AttributesAt::Here(Attributes::decode_fields(input)?),
                _ => return Err(input.impossible("attributes")),
            },
            owner: input.text()?,
        })
    }
}

/// What a listing does not show: inline bytes and large attributes, in a row of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectDetail {
    /// The attributes where they lie apart.
    pub attributes: Option<Attributes>,
    /// The bytes where they are inline.
    pub inline: Vec<u8>,
}

impl Record for ObjectDetail {
    const NAME: &'static str = "object detail";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.u8(u8::from(self.attributes.is_some()));
        if let Some(attributes) = &self.attributes {
            attributes.encode_fields(out);
        }
        out.bytes(&self.inline);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let attributes = match input.u8()? {
            0 => None,
            1 => Some(Attributes::decode_fields(input)?),
            _ => return Err(input.impossible("attributes")),
        };
        Ok(ObjectDetail { attributes, inline: input.bytes()?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::ContentHeader;
    use crate::blob::Redundancy;
    use crate::checksum::ChecksumAlgorithm;
    use crate::ids::BlobId;
    use proptest::prelude::*;

    fn sample(content: Content) -> ObjectVersion {
        let mut attributes = Attributes::default();
        attributes.set_header(ContentHeader::ContentType, "text/plain".into());
        attributes.user.push(("colour".into(), "blue".into()));
        ObjectVersion {
            id: VersionId::NULL,
            modified: Timestamp::ZERO,
            content,
            size_bytes: 5,
            etag: ETag::single([7; 16]),
            storage_class: StorageClass::Standard,
            checksum: Some(Checksum::full(ChecksumAlgorithm::Crc32, vec![1, 2, 3, 4])),
            attributes: AttributesAt::Here(attributes),
            owner: String::new(),
        }
    }

    fn contents() -> Vec<Content> {
        let blob = BlobRef {
            id: BlobId::from_bytes([9; 16]),
            size_bytes: 1 << 30,
            redundancy: Redundancy { data: 2, parity: 2 },
            stripe_bytes: 1 << 20,
            set: 0,
            first_slot: 3,
            map_epoch: 1,
        };
        let parts = |named| Content::Parts {
            upload: UploadId::from_bytes([4; 16]),
            count: 10_000,
            uniform_bytes: 5 << 20,
            named,
        };
        let (all, some) = (parts(None), parts(Some([1, 7, 10_000].into_iter().collect())));
        vec![Content::DeleteMarker, Content::Empty, Content::Inline, Content::Blob(blob), all, some]
    }

    #[test]
    fn versions_come_back_as_written() {
        for content in contents() {
            let version = sample(content);
            assert_eq!(ObjectVersion::decode(&version.encode()), Ok(version));
        }
        let detail = ObjectDetail { attributes: None, inline: vec![1; 300] };
        assert_eq!(ObjectDetail::decode(&detail.encode()), Ok(detail));
    }

    /// The bytes of version 1, for ever: what is on users' drives must stay readable.
    #[test]
    fn version_1_is_read_for_ever() {
        let bytes = sample(Content::Inline).encode();
        let fixture = concat!(
            "01000000000000000000000000000000000002050707070707070707070707070707070700000101",
            "000004010203040101010a746578742f706c61696e0106636f6c6f757204626c756500"
        );
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, fixture);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = ObjectVersion::decode(&bytes);
            let _ = ObjectDetail::decode(&bytes);
        }
    }
}
