//! What can go wrong with an object, in S3's terms; `s3` maps each to its code in one place.

use blob::BlobError;
use meta::MetaError;
use thiserror::Error;

/// Why an operation on buckets or objects did not happen.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// There is no such bucket.
    #[error("the bucket {bucket} does not exist")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// The bucket is there already.
    #[error("the bucket {bucket} exists already")]
    BucketExists {
        /// Its name.
        bucket: String,
        /// Canonical id of its owner.
        owner: String,
    },
    /// The bucket holds objects.
    #[error("the bucket {bucket} is not empty: delete its objects first")]
    BucketNotEmpty {
        /// Its name.
        bucket: String,
    },
    /// The bucket is being deleted now.
    #[error("the bucket {bucket} is being deleted: try again")]
    BucketBusy {
        /// Its name.
        bucket: String,
    },
    /// The bucket may not hold as much.
    #[error("the bucket {bucket} may hold {limit_bytes} bytes: delete objects, or ask for a larger quota")]
    QuotaExceeded {
        /// Its name.
        bucket: String,
        /// Its quota.
        limit_bytes: u64,
    },
    /// There is no such key.
    #[error("the key does not exist")]
    NoSuchKey,
    /// The key's current version is a delete marker, or the version asked for is one.
    #[error("the version is a delete marker")]
    DeleteMarker {
        /// The marker's version.
        version: model::ids::VersionId,
        /// Whether the request named that version.
        named: bool,
    },
    /// There is no such version of the key.
    #[error("the version does not exist")]
    NoSuchVersion,
    /// There is no such upload.
    #[error("the upload does not exist: it was completed or aborted, or never begun")]
    NoSuchUpload,
    /// The condition of a write or a delete does not hold.
    #[error("the condition {condition} does not hold")]
    PreconditionFailed {
        /// The header that states it.
        condition: &'static str,
    },
    /// Other writes of the same key kept winning.
    #[error("other writes of the same key came first: try again")]
    Contended,
    /// A part that a completion names was not uploaded, or has another ETag or checksum.
    #[error("part {number} was not uploaded, or its ETag or checksum is another one")]
    InvalidPart {
        /// Its number.
        number: u16,
    },
    /// The parts of a completion are not in ascending order.
    #[error("the parts must be listed in ascending order of their numbers")]
    InvalidPartOrder,
    /// A part that is not the last one is too small.
    #[error("part {number} has {size_bytes} bytes; all but the last need at least {minimum_bytes}")]
    PartTooSmall {
        /// Its number.
        number: u16,
        /// Its size.
        size_bytes: u64,
        /// The least it must have.
        minimum_bytes: u64,
        /// Its ETag.
        etag: model::etag::ETag,
    },
    /// The object would be larger than one may be.
    #[error("an object may have at most {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The completed object has another size than the client expects.
    #[error("the object has {found_bytes} bytes, not {expected_bytes}")]
    SizeMismatch {
        /// What the parts add up to.
        found_bytes: u64,
        /// What the client said.
        expected_bytes: u64,
    },
    /// The checksum of the completed object is another one than the client states.
    #[error("the checksum of the object is another one")]
    ChecksumMismatch,
    /// Its bytes were replaced or deleted between the look at its record and the reading: look again.
    #[error("the object was replaced while it was opened: try again")]
    Replaced,
    /// Bytes can't be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Records can't be read or written.
    #[error(transparent)]
    Meta(MetaError),
}

impl From<MetaError> for ObjectError {
    fn from(error: MetaError) -> Self {
        match error {
            MetaError::Conflict => ObjectError::Contended,
            other => ObjectError::Meta(other),
        }
    }
}
