//! Scrubbing a drive from outside: a walk over all of it, and what is known of the blob that a bad shard is of.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use model::blob::BlobRef;
use model::ids::BlobId;

use crate::Blobs;
use crate::drive::Walk;
use crate::error::{BlobError, FaultKind, ShardFault};
use crate::repair;
use crate::status::{Described, DrivePlace, Repaired};
use crate::store::Store;

/// Where a scrub of a drive goes on; as text it can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubCursor(ScrubAt);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScrubAt {
    /// At the first segment of that number or a higher one.
    Segments { from: u32 },
    /// At the first folder of shard files of that number or a higher one.
    Files { from: u32 },
}

/// What a step of a scrub did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubStep {
    /// Bytes read.
    pub read_bytes: u64,
    /// Shards that were looked at to their end.
    pub shards: u64,
    /// What is not as it was written.
    pub faults: Vec<ScrubFault>,
    /// Whether the walk is at its end.
    pub is_last: bool,
    /// How long to leave the drive to requests before the next step, at least: they use it.
    pub rest: Duration,
}

/// What a scrub finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScrubFault {
    /// A shard that is not whole. Its blob may be one that nobody refers to.
    Shard {
        /// The blob.
        id: BlobId,
        /// Its number.
        shard: u8,
        /// What is wrong.
        kind: FaultKind,
    },
    /// What a segment has besides its records. They may be whole all the same: see [`Blobs::rewrite_segment`].
    Segment {
        /// The segment.
        number: u32,
        /// What is wrong.
        kind: FaultKind,
    },
}

/// A walk over all shards of a drive.
pub struct DriveScrub {
    store: Arc<Store>,
    walk: Walk,
}

impl fmt::Debug for DriveScrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DriveScrub").field(&self.cursor()).finish()
    }
}

impl DriveScrub {
    /// Reads on until so many bytes were read, or a little more: a frame at least.
    ///
    /// # Errors
    /// Where the drive can't be listed, or does not answer: begin again at the cursor. What can't be read is no error but a fault.
    pub async fn step(&mut self, limit_bytes: u64) -> Result<ScrubStep, FaultKind> {
        let drive = self.walk.drive();
        drive.within(self.walk.step(limit_bytes, &self.store.pending)).await
    }

    /// Where to begin again: what was read of the segment or folder at hand is read once more.
    #[must_use]
    pub fn cursor(&self) -> ScrubCursor {
        ScrubCursor(self.walk.at())
    }
}

impl Blobs {
    /// Begins to read all of a drive.
    ///
    /// # Errors
    /// Where it is missing.
    pub fn scrub(&self, place: DrivePlace, from: ScrubCursor) -> Result<DriveScrub, FaultKind> {
        let drive = Arc::clone(self.store.drive(place)?);
        Ok(DriveScrub { store: Arc::clone(&self.store), walk: Walk::new(drive, from.0) })
    }

    /// Does a piece of work on a drive that nobody waits for, and tells how long to leave the drive to requests then.
    pub async fn paced<T>(&self, place: DrivePlace, work: impl Future<Output = T>) -> (T, Duration) {
        let Ok(drive) = self.store.drive(place) else {
            return (work.await, Duration::ZERO);
        };
        let piece = drive.begin_piece();
        let done = work.await;
        (done, piece.rest(false))
    }

    /// What the shards of a blob tell of it, asked by one of them that lies, or should lie, on a drive. `None` where none of
    /// them can be read.
    pub async fn describe_by(&self, place: DrivePlace, id: &BlobId, shard: u8) -> Option<Described> {
        let set = self.store.set(place.set).ok()?;
        let width = set.drives.len();
        let first_slot = (usize::from(place.slot) + width - usize::from(shard) % width) % width;
        for (number, drive) in (0u8..).zip(set.window(first_slot as u8, width)) {
            let Some(drive) = drive else { continue };
            if let Ok(described) = drive.within(drive.describe(id, number)).await {
                return Some(described);
            }
        }
        None
    }

    /// The number of the shard of a blob that belongs on a drive, if one does.
    #[must_use]
    pub fn shard_on(&self, place: DrivePlace, blob: &BlobRef) -> Option<u8> {
        let set = self.store.set(blob.set).ok().filter(|set| set.number == place.set)?;
        let shards = 0..blob.redundancy.shards() as u8;
        shards.into_iter().find(|shard| set.place_of(blob.first_slot, *shard) == place)
    }

    /// Where a shard of a blob belongs.
    ///
    /// # Errors
    /// Where the blob is of a set that is not here.
    pub fn place_of(&self, blob: &BlobRef, shard: u8) -> Result<DrivePlace, BlobError> {
        Ok(self.store.set(blob.set)?.place_of(blob.first_slot, shard))
    }

    /// Whether a drive has a shard, in whatever state.
    ///
    /// # Errors
    /// Where the drive is missing or fails.
    pub async fn has_shard(&self, place: DrivePlace, id: &BlobId, shard: u8) -> Result<bool, FaultKind> {
        let drive = self.store.drive(place)?;
        drive.within(drive.has_shard(id, shard)).await
    }

    /// As [`Blobs::repair`], where some shards are known to be bad: these are not asked, as the page cache may still have a
    /// good copy of what the drive has lost.
    ///
    /// # Errors
    /// Where too few shards are whole to rebuild the others.
    pub async fn repair_known(&self, blob: &BlobRef, known: &[ShardFault]) -> Result<Repaired, BlobError> {
        repair::repair(&self.store, blob, known).await
    }

    /// Writes anew a segment whose header, index or footer is damaged: what lives in it goes into others, and it is removed.
    /// What lives in it and is damaged is lost to this drive: look for it first.
    ///
    /// # Errors
    /// Where the drive takes no writes, or what the segment holds can't be told any more.
    pub async fn rewrite_segment(&self, place: DrivePlace, number: u32) -> Result<(), FaultKind> {
        self.store.drive(place)?.rewrite_segment(number).await
    }
}

impl ScrubCursor {
    /// From the first segment on.
    #[must_use]
    pub fn start() -> Self {
        ScrubCursor(ScrubAt::Segments { from: 0 })
    }

    /// Whether all that lives in a segment was looked at.
    #[must_use]
    pub fn is_past(&self, segment: u32) -> bool {
        match self.0 {
            ScrubAt::Segments { from } => from > segment,
            ScrubAt::Files { .. } => true,
        }
    }
}

impl fmt::Display for ScrubCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ScrubAt::Segments { from } => write!(f, "segment {from}"),
            ScrubAt::Files { from } => write!(f, "folder {from}"),
        }
    }
}

impl FromStr for ScrubCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, number) = text.split_once(' ').ok_or(())?;
        let from: u32 = number.parse().map_err(|_| ())?;
        match kind {
            "segment" => Ok(ScrubCursor(ScrubAt::Segments { from })),
            "folder" => Ok(ScrubCursor(ScrubAt::Files { from })),
            _ => Err(()),
        }
    }
}
