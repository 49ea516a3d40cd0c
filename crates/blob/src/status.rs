//! What the store tells about its drives and shards.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use model::blob::BlobRef;
use model::ids::BlobId;

use crate::error::{FaultKind, ShardFault};

/// A drive by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DrivePlace {
    /// The erasure set.
    pub set: u16,
    /// The slot in the set.
    pub slot: u8,
}

/// Whether a drive can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriveState {
    /// Reads and writes.
    Ok,
    /// Not there when the store was opened: neither reads nor writes.
    Missing,
    /// A sync or a write of its log failed: reads go on, writes only after the store is opened anew.
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// Something asked of it has been waiting for so long: reads and writes go to others where there are enough, until it
    /// answers.
    Silent {
        /// How long.
        waited: Duration,
    },
    /// Its free room is down to the reserve: reads and deletes go on, writes again when there is room.
    Full,
}

/// What is known of a drive.
#[derive(Clone, Debug)]
pub struct DriveStatus {
    /// Where it is in the store.
    pub place: DrivePlace,
    /// Its folder; `None` where it is missing.
    pub path: Option<PathBuf>,
    /// Whether it can be used.
    pub state: DriveState,
    /// Bytes of its file system.
    pub total_bytes: u64,
    /// Bytes of it that are free.
    pub free_bytes: u64,
    /// Segment files.
    pub segments: usize,
    /// Shards packed in segments.
    pub packed_shards: u64,
    /// Bytes of records in segments that are alive.
    pub live_bytes: u64,
    /// Bytes of records in segments that are dead: what compaction can give back.
    pub dead_bytes: u64,
    /// Places in segments where records were found damaged when the drive was opened.
    pub damages: Vec<SegmentDamage>,
}

impl DriveStatus {
    /// Of a drive that was not there when the store was opened.
    pub(crate) fn missing(place: DrivePlace) -> Self {
        DriveStatus {
            place,
            path: None,
            state: DriveState::Missing,
            total_bytes: 0,
            free_bytes: 0,
            segments: 0,
            packed_shards: 0,
            live_bytes: 0,
            dead_bytes: 0,
            damages: Vec::new(),
        }
    }
}

/// Damage in a segment, found when its drive was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentDamage {
    /// The segment.
    pub segment: u32,
    /// Where the damage begins.
    pub offset_bytes: u64,
    /// What is wrong there.
    pub reason: String,
}

/// What became of a blob's shards, each read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Numbers of the shards that are whole.
    pub whole: Vec<u8>,
    /// The others, each with what is wrong.
    pub faults: Vec<ShardFault>,
}

impl Census {
    /// Whether all shards are whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// Numbers of the shards that [`crate::Blobs::repair`] can write anew now.
    #[must_use]
    pub fn repairable(&self) -> Vec<u8> {
        let damaged = self.faults.iter().filter(|fault| fault.kind.is_damage());
        damaged.map(|fault| fault.shard).collect()
    }
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Shards that were written anew and are durable.
    pub rebuilt: Vec<u8>,
    /// Shards that are still not there, with why: queue the blob again.
    pub remaining: Vec<ShardFault>,
}

/// What a delete did. What it names is not an error, but somebody must remember it: on those drives shards are left that
/// are found only by looking at all of them ([`crate::Blobs::inventory`]), once the drives can be written again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOutcome {
    /// Drives on which shards may be left.
    pub left_on: Vec<(DrivePlace, FaultKind)>,
}

impl DeleteOutcome {}

/// A shard found on a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundShard {
    /// The blob it says it belongs to.
    pub id: BlobId,
    /// Its number.
    pub shard: u8,
    /// What it tells of its blob; `None` where it is unfinished or damaged: the records tell which. One that they refer
    /// to is damaged and to be repaired; any other may be removed, as its id is not pending.
    pub described: Option<Described>,
}

/// What a whole shard tells of its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The reference as the writer returned it.
    pub blob: BlobRef,
    /// The descriptor that the writer was given.
    pub descriptor: Bytes,
}

/// Where an inventory goes on: pass it back as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryCursor(pub(crate) CursorAt);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CursorAt {
    /// In the packed shards, in this table of the index, after this one.
    Packed { table: u32, after: Option<(BlobId, u8)> },
    /// In the shard files, at this of the 65,536 folders, after this one.
    Files { folder: u32, after: Option<(BlobId, u8)> },
}

impl InventoryCursor {
    /// From the first shard on.
    #[must_use]
    pub fn start() -> Self {
        InventoryCursor(CursorAt::Packed { table: 0, after: None })
    }
}

/// A page of an inventory.
#[derive(Clone, Debug)]
pub struct InventoryPage {
    /// Shards, none of a pending blob.
    pub shards: Vec<FoundShard>,
    /// Where to go on; `None` at the end.
    pub next: Option<InventoryCursor>,
}

/// What a step of compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments rewritten and removed.
    pub segments: u32,
    /// Bytes of living records moved.
    pub moved_bytes: u64,
    /// Bytes given back to the file systems.
    pub freed_bytes: u64,
}

impl Compacted {
    pub(crate) fn add(&mut self, other: Compacted) {
        self.segments += other.segments;
        self.moved_bytes += other.moved_bytes;
        self.freed_bytes += other.freed_bytes;
    }
}
