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

use bytes::Bytes;
use env::Env;
use futures_util::future::join_all;
use model::blob::{BlobRef, Redundancy};
use model::time::Timestamp;

mod delete;
mod drive;
#[expect(
    clippy::indexing_slicing,
    reason = "the kernels index by numbers that the code itself has made; checks would cost and say no more"
)]
pub mod erasure;
mod error;
mod fields;
mod gather;
mod large;
mod latency;
mod layout;
mod options;
mod patience;
mod placement;
mod reader;
mod registry;
mod repair;
mod room;
mod scrub;
mod shard;
mod sink;
mod staging;
mod status;
mod store;
mod stripe;
mod writer;

use drive::{Busy, Drive};
use store::{Set, Store};

pub use drive::offline::{
    Depth, OfflineDrive, OfflineFault, OfflineFaultKind, OfflineItem, OfflineShard, OfflineVisit,
};
pub use error::{BlobError, BlobOpenError, FaultKind, FormatError, ShardFault};
pub use options::BlobOptions;
pub use reader::BlobReader;
pub use registry::PendingBlob;
pub use scrub::{DriveScrub, ScrubCursor, ScrubFault, ScrubStep};
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
    store: Arc<Store>,
}

impl Blobs {
    /// Opens the drives: rebuilds the index of packed shards from the segments and cuts torn ends. Damage is recorded
    /// ([`Blobs::drives`]) and never keeps the store from opening; a drive that can't be read is poisoned, and one that
    /// leaves a step of it waiting for [`BlobOptions::answer_wait`] counts as missing until the next start.
    ///
    /// # Errors
    /// Where the sets are not such as can be, or no thread can be started.
    pub async fn open(env: Env, sets: Vec<SetDrives>, options: BlobOptions) -> Result<Blobs, BlobOpenError> {
        check_sets(&sets)?;
        let mut opened = Vec::with_capacity(sets.len());
        for set in sets {
            opened.push(open_set(&env, set, &options).await?);
        }
        Ok(Blobs { store: Arc::new(Store::new(env, options, opened)) })
    }

    /// When the store was opened: blobs of this process are no older, whatever the clock does.
    #[must_use]
    pub fn opened(&self) -> Timestamp {
        self.store.opened
    }

    /// Begins a blob. The hint is its length, where the caller knows it: room is reserved by it, and a drive without
    /// that room is left out; a wrong hint does no harm.
    ///
    /// # Errors
    /// Where too few drives take writes, or no set is wide enough.
    pub fn writer(
        &self,
        redundancy: Redundancy,
        size_hint_bytes: Option<u64>,
    ) -> Result<BlobWriter, BlobError> {
        BlobWriter::new(&self.store, redundancy, size_hint_bytes)
    }

    /// Begins to read `range` of a blob. No I/O is done before [`BlobReader::next`].
    ///
    /// # Errors
    /// Where the blob does not have the range, or is of a set that is not here.
    pub fn read(&self, blob: &BlobRef, range: Range<u64>) -> Result<BlobReader, BlobError> {
        BlobReader::new(&self.store, blob, range)
    }

    /// Reads and checks every shard of a blob.
    ///
    /// # Errors
    /// Where the blob is of a set that is not here.
    pub async fn check(&self, blob: &BlobRef) -> Result<Census, BlobError> {
        repair::check(&self.store, blob).await
    }

    /// The descriptor of a blob, from whichever of its shards tells it; `None` where none does.
    pub async fn describe(&self, blob: &BlobRef) -> Option<Bytes> {
        repair::describe(&self.store, blob).await
    }

    /// Checks every shard of a blob and writes anew those that are missing or damaged, on their drives, with the
    /// descriptor that the others carry.
    ///
    /// # Errors
    /// Where too few shards are whole to rebuild the others.
    pub async fn repair(&self, blob: &BlobRef) -> Result<Repaired, BlobError> {
        repair::repair(&self.store, blob, &[]).await
    }

    /// Shards on a drive made in a time range, a page at a time, for the sweep: none whose blob is pending. Packed shards
    /// come first, then files, by folder. A page may be empty and not the last.
    ///
    /// # Errors
    /// Where the drive is missing or can't be listed.
    pub async fn inventory(
        &self,
        place: DrivePlace,
        made: Range<Timestamp>,
        cursor: InventoryCursor,
        limit: usize,
    ) -> Result<InventoryPage, FaultKind> {
        let busy = Busy { pending: &self.store.pending, repairing: &self.store.repairing };
        let drive = self.store.drive(place)?;
        drive.within(drive.inventory(&made, &cursor, limit, busy)).await
    }

    /// What is known of each drive.
    pub async fn drives(&self) -> Vec<DriveStatus> {
        let places = self.store.sets.iter().flat_map(|set| {
            let slots = (0u8..).zip(&set.drives);
            slots.map(|(slot, _)| DrivePlace { set: set.number, slot })
        });
        // Beside one another: one that does not answer is waited for once, not before each of the others.
        join_all(places.map(|place| self.drive(place))).await
    }

    /// What is known of a drive.
    pub async fn drive(&self, place: DrivePlace) -> DriveStatus {
        match self.store.drive(place) {
            Ok(drive) => drive.status().await,
            Err(_) => DriveStatus::missing(place),
        }
    }

    /// The drives that are there, with their folders.
    #[must_use]
    pub fn present(&self) -> Vec<(DrivePlace, PathBuf)> {
        self.store.drives().map(|drive| (drive.place, drive.path().to_owned())).collect()
    }

    /// One bounded step of compaction on each drive, beside one another: at most one segment rewritten.
    pub async fn compact(&self) -> Compacted {
        let mut all = Compacted::default();
        for step in join_all(self.store.drives().map(|drive| drive.compact())).await {
            all.add(step.unwrap_or_default());
        }
        all
    }

    /// One bounded step of compaction on a drive: at most one segment rewritten. While requests use the drive it takes a
    /// part of its time only. It waits for a drive that does not answer.
    ///
    /// # Errors
    /// Where the drive is missing, takes no writes, or fails.
    pub async fn compact_drive(&self, place: DrivePlace) -> Result<Compacted, FaultKind> {
        self.store.drive(place)?.compact().await
    }

    /// Seals and syncs the segments and stops the drives' writers. Writes of small blobs fail afterwards; reads go on.
    pub async fn close(&self) {
        join_all(self.store.drives().map(|drive| drive.close())).await;
    }
}

fn check_sets(sets: &[SetDrives]) -> Result<(), BlobOpenError> {
    if sets.is_empty() {
        return Err(BlobOpenError::NoSets);
    }
    let mut seen = std::collections::HashSet::new();
    for set in sets {
        if !seen.insert(set.set) {
            return Err(BlobOpenError::SetTwice { set: set.set });
        }
        if set.drives.is_empty() || set.drives.len() > usize::from(u8::MAX) {
            return Err(BlobOpenError::BadWidth { set: set.set, slots: set.drives.len() });
        }
    }
    Ok(())
}

async fn open_set(env: &Env, set: SetDrives, options: &BlobOptions) -> Result<Set, BlobOpenError> {
    let places = (0u8..).map(|slot| DrivePlace { set: set.set, slot });
    // Beside one another: each waits for its own drive, and reads all of its segments.
    let opening = places.zip(&set.drives).map(async |(place, path)| match path {
        Some(path) => {
            let opened = Drive::open(env, place, path, options).await?;
            if opened.is_none() {
                tracing::warn!(
                    drive = %path.display(), waited_seconds = options.answer_wait.as_secs(),
                    "the drive does not answer: its data is left out until the next start. Look at the device and at \
                     what the kernel says of it, then start the server again"
                );
            }
            Ok(opened)
        }
        None => Ok(None),
    });
    let drives = join_all(opening).await.into_iter().collect::<Result<_, _>>()?;
    Ok(Set { number: set.set, map_epoch: set.map_epoch, drives })
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests;
