//! What the operations take and give.

use std::ops::Range;

use model::attributes::Attributes;
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use model::etag::ETag;
use model::ids::{BucketId, UploadId, VersionId};
use model::object::StorageClass;
use model::time::Timestamp;

/// A bucket as operations know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: String,
    /// Its incarnation.
    pub id: BucketId,
    /// When it was made.
    pub created: Timestamp,
    /// The location constraint it was made with; empty for none.
    pub region: String,
    /// Canonical id of its owner.
    pub owner: String,
}

/// An object as HEAD shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its version; `null` in a bucket without versioning.
    pub version: VersionId,
    /// Last modified.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its entity tag.
    pub etag: ETag,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// Its content headers and user metadata.
    pub attributes: Attributes,
    /// The checksum it is stored with.
    pub checksum: Option<Checksum>,
    /// How many parts it was completed from; `None` where it was put in one piece.
    pub parts: Option<u16>,
    /// Canonical id of its owner.
    pub owner: String,
}

/// An ETag as a condition names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ETagMatch {
    /// `*`: whatever it is.
    Any,
    /// One of these, without quotes; text that is no ETag matches none.
    OneOf(Vec<String>),
}

impl ETagMatch {
    /// Parses a header's value: `*`, or ETags with or without quotes (and `W/`), separated by commas.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        if value.trim() == "*" {
            return ETagMatch::Any;
        }
        let tags = value.split(',').map(|tag| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
        });
        ETagMatch::OneOf(tags.collect())
    }

    /// Whether it names this one.
    #[must_use]
    pub fn matches(&self, etag: &ETag) -> bool {
        match self {
            ETagMatch::Any => true,
            ETagMatch::OneOf(tags) => {
                let etag = etag.to_string();
                tags.iter().any(|tag| tag.eq_ignore_ascii_case(&etag))
            }
        }
    }
}

/// What must hold of the current object for a write or a delete to happen. Checked in the transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCondition {
    /// The current object has this ETag.
    pub if_match: Option<ETagMatch>,
    /// There is no current object (with this ETag).
    pub if_none_match: Option<ETagMatch>,
    /// The current object has this size in bytes.
    pub if_size: Option<u64>,
    /// The current object was last modified at this time, to the second.
    pub if_modified_at: Option<Timestamp>,
}

/// What must hold of an object for it to be read (RFC 9110, section 13, in S3's order).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCondition {
    /// It has this ETag; otherwise the condition failed.
    pub if_match: Option<ETagMatch>,
    /// It has not this ETag; otherwise it is not modified.
    pub if_none_match: Option<ETagMatch>,
    /// It was modified after this time; otherwise it is not modified. Ignored beside `if_none_match`.
    pub if_modified_since: Option<Timestamp>,
    /// It was not modified after this time; otherwise the condition failed. Ignored beside `if_match`.
    pub if_unmodified_since: Option<Timestamp>,
}

/// What a [`ReadCondition`] says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read it.
    Holds,
    /// The reader has it already.
    NotModified,
    /// The reader wants another one.
    Failed,
}

/// What is known of an object before its bytes come.
#[derive(Clone, Debug, Default)]
pub struct PutRequest {
    /// Content headers and user metadata.
    pub attributes: Attributes,
    /// Storage class.
    pub storage_class: StorageClass,
    /// What must hold of the current object.
    pub condition: WriteCondition,
    /// How many bytes will come, where that is known.
    pub size_hint_bytes: Option<u64>,
    /// Canonical id of who will own it; empty for the bucket's owner.
    pub owner: String,
}

/// What is known of content once all of it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFacts {
    /// MD5 of it.
    pub md5: [u8; 16],
    /// The checksum to store it with.
    pub checksum: Option<Checksum>,
}

/// Computes [`ContentFacts`] while content passes.
pub trait ContentDigest: Send {
    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);
    /// What all of them come to.
    fn finish(self: Box<Self>) -> ContentFacts;
}

/// What was put, copied or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its version; `None` where the bucket has no versioning.
    pub version: Option<VersionId>,
    /// Its entity tag.
    pub etag: ETag,
    /// Last modified.
    pub modified: Timestamp,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The checksum it was stored with.
    pub checksum: Option<Checksum>,
}

/// What a delete did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The version that is gone, or the marker that was made; `None` where the bucket has no versioning.
    pub version: Option<VersionId>,
    /// Whether that version is (or was) a delete marker.
    pub is_delete_marker: bool,
}

/// One key to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRequest {
    /// The key.
    pub key: String,
    /// The version; `None` for the current one.
    pub version: Option<VersionId>,
    /// What must hold of the current object.
    pub condition: WriteCondition,
}

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ListFrom {
    /// At the beginning.
    #[default]
    Start,
    /// After this key.
    After(String),
    /// After everything that begins with this.
    AfterPrefix(String),
}

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// What groups keys behind the prefix; `None` for no grouping.
    pub delimiter: Option<String>,
    /// Where to go on.
    pub from: ListFrom,
    /// Entries of the page, at most.
    pub limit: u32,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry {
    /// An object.
    Object(ListedObject),
    /// All keys that begin with this, which ends in the delimiter.
    Prefix(String),
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: String,
    /// Last modified.
    pub modified: Timestamp,
    /// Its entity tag.
    pub etag: ETag,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// The algorithm and type of the checksum it is stored with.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Canonical id of its owner; empty for the bucket's owner.
    pub owner: String,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Keys and prefixes together, in the order of their bytes.
    pub entries: Vec<ListEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ListFrom>,
}

/// What is known of an upload when it begins.
#[derive(Clone, Debug, Default)]
pub struct UploadRequest {
    /// Content headers and user metadata of the object to be.
    pub attributes: Attributes,
    /// Storage class of the object to be.
    pub storage_class: StorageClass,
    /// Checksum that the client will give with each part.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Canonical id of who will own the object; empty for the bucket's owner.
    pub owner: String,
    /// Canonical id of who begins it.
    pub initiator: String,
}

/// An upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its id.
    pub id: UploadId,
    /// The key of the object to be.
    pub key: String,
    /// When it began.
    pub initiated: Timestamp,
    /// Storage class of the object to be.
    pub storage_class: StorageClass,
    /// Checksum asked for.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Canonical id of who will own the object; empty for the bucket's owner.
    pub owner: String,
    /// Canonical id of who began it.
    pub initiator: String,
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its number.
    pub number: u16,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// MD5 of its content.
    pub etag: ETag,
    /// Last modified.
    pub modified: Timestamp,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// A part as a completion names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletePart {
    /// Its number.
    pub number: u16,
    /// Its ETag as the client was told it, without quotes.
    pub etag: String,
    /// The checksums that the client states for it.
    pub checksums: Vec<(ChecksumAlgorithm, Vec<u8>)>,
}

/// Computes the checksum of an object from its parts', in order.
pub type CombineChecksums<'a> =
    dyn Fn(&UploadInfo, &[PartInfo]) -> Result<Option<Checksum>, ObjectError> + Sync + 'a;

/// How an upload is completed.
pub struct CompleteRequest<'a> {
    /// The parts, ascending.
    pub parts: Vec<CompletePart>,
    /// What must hold of the current object.
    pub condition: WriteCondition,
    /// The size that the client expects.
    pub expected_size_bytes: Option<u64>,
    /// Computes the object's checksum from its parts' (in order), and checks it against what the client states.
    pub checksum: &'a CombineChecksums<'a>,
}

use crate::ObjectError;

/// Uploads of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListUploadsRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// What groups keys behind the prefix.
    pub delimiter: Option<String>,
    /// After this key, and after this upload of it where one is given (otherwise after all of the key's uploads).
    pub after: Option<(String, Option<UploadId>)>,
    /// Entries of the page, at most.
    pub limit: u32,
}

/// A page of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListUploadsPage {
    /// Uploads by key, then by when they began.
    pub uploads: Vec<UploadInfo>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// The last key and upload of the page where there are more: what to go on after. The upload is `None` after a prefix.
    pub next: Option<(String, Option<UploadId>)>,
}

/// A page of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPartsPage {
    /// The upload.
    pub upload: UploadInfo,
    /// Parts by number.
    pub parts: Vec<PartInfo>,
    /// The last number of the page where there are more.
    pub next: Option<u16>,
}

/// The part of an object that `partNumber` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRange {
    /// Its bytes in the object.
    pub range: Range<u64>,
    /// How many parts the object has.
    pub parts: u16,
    /// The part's checksum.
    pub checksum: Option<Checksum>,
}
