//! What can go wrong with a blob, each with who must act.

use std::path::PathBuf;

use model::blob::Redundancy;
use model::ids::BlobId;
use std::ops::Range;
use thiserror::Error;

use crate::erasure::CodeError;

/// Why the drives can't be opened as a store of blobs. A drive that is merely bad is no such reason: it is opened as
/// far as it goes, and [`crate::Blobs::drives`] tells its state.
#[derive(Debug, Error)]
pub enum BlobOpenError {
    /// The caller named no erasure set.
    #[error("a store of blobs needs at least one erasure set with at least one drive")]
    NoSets,
    /// The caller named a set twice.
    #[error("erasure set {set} is named twice")]
    SetTwice {
        /// Its number.
        set: u16,
    },
    /// The caller named a set without slots, or with more than a slot number can tell apart.
    #[error("erasure set {set} has {slots} slots: it must have 1 to 255")]
    BadWidth {
        /// Its number.
        set: u16,
        /// Its slots.
        slots: usize,
    },
    /// The operating system gives no thread for a drive.
    #[error("no thread can be started for the drive {path}: raise the limit of threads")]
    Thread {
        /// The drive.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Why a blob can't be written, read or repaired.
#[derive(Debug, Error)]
pub enum BlobError {
    /// The caller named an erasure set that this store does not have.
    #[error("there is no erasure set {set} here")]
    UnknownSet {
        /// Its number.
        set: u16,
    },
    /// The caller asks for a redundancy that no set is wide enough for, or that no code has.
    #[error(
        "no erasure set has the {} drives that {} + {} shards need",
        redundancy.shards(), redundancy.data, redundancy.parity
    )]
    NoSuchRedundancy {
        /// What was asked for.
        redundancy: Redundancy,
    },
    /// Too few drives take writes now. Where some of them are full, the operator must add room; else look at the drives.
    #[error("{writable} drives take writes where {needed} are needed ({full} are full)")]
    TooFewDrives {
        /// Drives of the best set that take writes.
        writable: usize,
        /// Drives that must take the write.
        needed: usize,
        /// Drives of that set that are full.
        full: usize,
    },
    /// Drives failed while the blob was written, more than it can do without. Nothing was acknowledged; what was
    /// written is removed.
    #[error("{synced} shards of blob {blob} are durable where {needed} are needed: {faults:?}")]
    WriteQuorum {
        /// The blob.
        blob: BlobId,
        /// Shards that are durable.
        synced: usize,
        /// Shards that must be.
        needed: usize,
        /// What happened to the others.
        faults: Vec<ShardFault>,
    },
    /// Fewer whole shards are left than the data needs: this range of the blob is lost unless drives come back.
    #[error("blob {blob} has {whole} whole shards of stripe {stripe} where {needed} are needed: {faults:?}")]
    TooFewShards {
        /// The blob.
        blob: BlobId,
        /// The stripe that can't be read.
        stripe: u64,
        /// Shards of it that could be read.
        whole: usize,
        /// Shards that it takes.
        needed: usize,
        /// What is wrong with the others.
        faults: Vec<ShardFault>,
    },
    /// The caller asks for bytes that the blob does not have.
    #[error("bytes {}..{} of a blob of {size_bytes} bytes were asked for", range.start, range.end)]
    BadRange {
        /// What was asked for.
        range: Range<u64>,
        /// What there is.
        size_bytes: u64,
    },
    /// The caller finishes a blob of no bytes: what is empty needs no blob.
    #[error("a blob has at least one byte")]
    Empty,
    /// The caller's descriptor is longer than a shard carries.
    #[error("the descriptor has {bytes} bytes, more than the {max_bytes} that a shard carries")]
    DescriptorTooLong {
        /// Its length.
        bytes: usize,
        /// The longest.
        max_bytes: usize,
    },
    /// No shard of the blob is left that tells its descriptor.
    #[error("no shard of blob {blob} has a whole descriptor")]
    NoDescriptor {
        /// The blob.
        blob: BlobId,
    },
    /// The erasure code refused: a defect of this program.
    #[error("the erasure code refused")]
    Code(#[from] CodeError),
}

/// What is wrong with one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFault {
    /// Its number.
    pub shard: u8,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong with a shard.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// The drive is there, the shard is not.
    #[error("not on its drive")]
    Missing,
    /// The bytes are not what was written.
    #[error("damaged: {0}")]
    Damaged(#[from] FormatError),
    /// The drive is missing.
    #[error("its drive is missing")]
    NoDrive,
    /// The drive takes no writes: it is full, poisoned or closed.
    #[error("its drive takes no writes")]
    NotWritable,
    /// The drive did not answer while all the others did.
    #[error("its drive does not answer")]
    Silent,
    /// The operating system reports an error.
    #[error("{0}")]
    Io(String),
}

impl FaultKind {
    /// From an error of the operating system.
    pub(crate) fn io(error: &std::io::Error) -> Self {
        FaultKind::Io(error.to_string())
    }

    /// Whether writing the shard anew would mend it: its drive is there and does not have it whole.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, FaultKind::Missing | FaultKind::Damaged(_) | FaultKind::Io(_))
    }
}

/// Why bytes are not the part of a shard or segment that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// Fewer bytes than the part has.
    #[error("the {part} is cut short")]
    Cut {
        /// Which part.
        part: &'static str,
    },
    /// It does not begin with its mark.
    #[error("there is no {part}")]
    NoMagic {
        /// Which part.
        part: &'static str,
    },
    /// Written by a newer release.
    #[error("the {part} has version {found}, newer than {known}: start a release that knows it")]
    Newer {
        /// Which part.
        part: &'static str,
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// The checksum does not match.
    #[error("the checksum of the {part} does not match")]
    Checksum {
        /// Which part.
        part: &'static str,
    },
    /// A field holds what no release writes.
    #[error("the {part} holds an impossible {field}")]
    Impossible {
        /// Which part.
        part: &'static str,
        /// Which field.
        field: &'static str,
    },
    /// It is whole, but of another blob, shard or place.
    #[error("the {part} belongs to another {what}")]
    Foreign {
        /// Which part.
        part: &'static str,
        /// What differs.
        what: &'static str,
    },
}
