//! Payload bytes: write them durably, read them back intact, or say which shards are lost.
//!
//! A blob is immutable. It is cut into stripes, each stripe into k data and m parity pieces; shard i of the blob is the
//! run of the i-th pieces and lies on one drive of an erasure set. Small shards are packed into segments, which are
//! synced for all writers at once; large shards are files. The formats are drawn in `docs/formats/shard.md` and
//! `docs/formats/segment.md`.
//!
//! What always holds:
//! - [`BlobWriter::finish`] returns after the shards it does not name as missing are synced, names of files included.
//! - No byte leaves a [`BlobReader`] unchecked: it is what was written, or there is an error.
//! - A crash at any point leaves whole shards, and shards that are unfinished or unreferenced, which
//!   [`Blobs::inventory`] shows; never a shard that passes its checks with other bytes.
//! - A drive whose sync failed takes no more writes until the store is opened anew.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use env::Env;
use model::blob::{BlobRef, Redundancy};
use model::ids::BlobId;
use model::time::Timestamp;

pub mod erasure;
mod error;
mod options;
mod reader;
mod registry;
mod status;
mod writer;

pub use error::{BlobError, BlobOpenError, FaultKind, FormatError, ShardFault};
pub use options::BlobOptions;
pub use reader::BlobReader;
pub use registry::PendingBlob;
pub use status::{
    Census, Compacted, DeleteOutcome, Described, DrivePlace, DriveState, DriveStatus, FoundShard,
    InventoryCursor, InventoryPage, Repaired, SegmentDamage,
};
pub use writer::{BlobWriter, Written};

/// Longest descriptor of a blob, in bytes.
pub const DESCRIPTOR_BYTES_MAX: usize = 64 * 1024;

/// The drives of an erasure set.
#[derive(Clone, Debug)]
pub struct SetDrives {
    /// Its number.
    pub set: u16,
    /// Epoch of the cluster map that new blobs are placed by.
    pub map_epoch: u64,
    /// The drives' folders by slot; `None` where the drive is missing. What is here lies in `<drive>/blob`.
    pub drives: Vec<Option<PathBuf>>,
}

/// The blobs on the drives of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    _inner: Arc<()>,
}

impl Blobs {
    /// Opens the drives: rebuilds the index of packed shards from the segments and cuts torn ends. Damage is recorded
    /// ([`Blobs::drives`]) and never keeps the store from opening.
    ///
    /// # Errors
    /// Where the sets are not such as can be, or no thread can be started.
    pub async fn open(
        _env: Env,
        _sets: Vec<SetDrives>,
        _options: BlobOptions,
    ) -> Result<Blobs, BlobOpenError> {
        Err(BlobOpenError::NoSets)
    }

    /// Begins a blob. The hint is its length, where the caller knows it: room is reserved by it, and a drive without
    /// that room is left out; a wrong hint does no harm.
    ///
    /// # Errors
    /// Where too few drives take writes, or no set is wide enough.
    pub fn writer(
        &self,
        redundancy: Redundancy,
        _size_hint_bytes: Option<u64>,
    ) -> Result<BlobWriter, BlobError> {
        Err(BlobError::NoSuchRedundancy { redundancy })
    }

    /// Begins to read `range` of a blob. No I/O is done before [`BlobReader::next`].
    ///
    /// # Errors
    /// Where the blob does not have the range, or is of a set that is not here.
    pub fn read(&self, blob: &BlobRef, range: Range<u64>) -> Result<BlobReader, BlobError> {
        Err(BlobError::BadRange { range, size_bytes: blob.size_bytes })
    }

    /// Removes blobs: durably for packed shards, whose room compaction gives back; files are unlinked. What is not
    /// there is not an error. All that goes to one drive is synced once.
    pub async fn delete(&self, _blobs: &[BlobRef]) -> DeleteOutcome {
        DeleteOutcome::default()
    }

    /// Removes one shard that [`Blobs::inventory`] found and nothing refers to.
    ///
    /// # Errors
    /// Where its drive is missing or fails.
    pub async fn delete_shard(&self, _place: DrivePlace, _id: BlobId, _shard: u8) -> Result<(), FaultKind> {
        Err(FaultKind::NoDrive)
    }

    /// Reads and checks every shard of a blob.
    ///
    /// # Errors
    /// Where the blob is of a set that is not here.
    pub async fn check(&self, blob: &BlobRef) -> Result<Census, BlobError> {
        Err(BlobError::UnknownSet { set: blob.set })
    }

    /// Checks every shard of a blob and writes anew those that are missing or damaged, on their drives, with the
    /// descriptor that the others carry.
    ///
    /// # Errors
    /// Where too few shards are whole to rebuild the others.
    pub async fn repair(&self, blob: &BlobRef) -> Result<Repaired, BlobError> {
        Err(BlobError::UnknownSet { set: blob.set })
    }

    /// Shards on a drive made in a time range, a page at a time, for the collector: none whose blob is pending. Packed
    /// shards come first, by id, then files, by folder.
    ///
    /// # Errors
    /// Where the drive is missing or can't be listed.
    pub async fn inventory(
        &self,
        _place: DrivePlace,
        _made: Range<Timestamp>,
        _cursor: InventoryCursor,
        _limit: usize,
    ) -> Result<InventoryPage, FaultKind> {
        Err(FaultKind::NoDrive)
    }

    /// What is known of each drive.
    pub async fn drives(&self) -> Vec<DriveStatus> {
        Vec::new()
    }

    /// One bounded step of compaction on each drive: at most one segment rewritten.
    pub async fn compact(&self) -> Compacted {
        Compacted::default()
    }

    /// Seals and syncs the segments and stops the drives' writers. Writes fail afterwards; reads go on.
    pub async fn close(&self) {}
}
