//! What the sweep asks of the records: whether anything refers to a shard that was found, and which drives have to be looked
//! at whole, because a delete missed them.
//!
//! What always holds: a delete that did not reach a drive leaves that drive's mark, in the transaction that forgets the
//! delete. The mark goes when all of the drive was looked at after that: the look names the versions it saw, so that a
//! delete missed meanwhile keeps it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::Ordering;

use blob::{DeleteOutcome, DrivePlace};
use meta::{MetaError, Txn};
use model::blob::BlobRef;
use model::ids::{BlobId, DriveId, PartitionId};
use model::reclaim::BlobDescriptor;
use model::record::Record;

use crate::tables::{Mark, Missed, Reclaim};
use crate::undecided::Owner;
use crate::{ObjectError, Objects, content, settle};

/// More drives than a store has.
const DRIVES_MAX: usize = 1 << 16;

/// A drive on which there may be shards of deleted blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedDrive {
    /// The drive.
    pub place: DrivePlace,
    id: DriveId,
    /// The marks that say so.
    marks: Vec<(PartitionId, u64)>,
}

impl Objects {
    /// Whether a record refers to a blob that a shard was found of, by what the shard says of itself. A descriptor that
    /// can't be read counts as referred to: what is not understood is not deleted.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn refers_to(&self, descriptor: &[u8], blob: &BlobId) -> Result<bool, ObjectError> {
        let Ok(descriptor) = BlobDescriptor::decode(descriptor) else {
            return Ok(true);
        };
        let mut txn = self.inner.meta.begin(self.partition(descriptor.bucket, &descriptor.key)).await?;
        let is_going = txn.get::<Reclaim>(blob.bytes())?.is_some();
        Ok(is_going || Owner::of(&descriptor).refers(&mut txn, blob)?)
    }

    /// Whether a blob is on its way out, whichever partition it belongs to.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn is_going(&self, blob: &BlobId) -> Result<bool, ObjectError> {
        for partition in self.inner.meta.partitions() {
            if self.inner.meta.reader(partition).await?.get::<Reclaim>(blob.bytes())?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Queues the repair of a blob to which a record of the partition refers.
    ///
    /// # Errors
    /// Where the row can't be written.
    pub async fn queue_heal(&self, partition: PartitionId, blob: &BlobRef) -> Result<(), ObjectError> {
        let mut txn = self.inner.meta.begin(partition).await?;
        content::heal(&mut txn, blob);
        settle(txn).await?;
        Ok(())
    }

    /// How often a delete missed a drive in this life: where it has grown, [`Objects::missed_drives`] is to be asked.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.inner.misses.load(Ordering::Acquire)
    }

    /// Marks the drives that a delete missed.
    pub(crate) fn mark_missed(&self, txn: &mut Txn<'_>, outcome: &DeleteOutcome) {
        for drive in outcome.left_on.iter().filter_map(|(place, _)| self.drive_at(*place)) {
            txn.put::<Missed>(&drive, &Mark);
        }
    }

    /// Says that marks were committed.
    pub(crate) fn note_misses(&self, outcome: &DeleteOutcome) {
        self.inner.misses.fetch_add(outcome.left_on.len() as u64, Ordering::AcqRel);
    }

    fn drive_at(&self, place: DrivePlace) -> Option<DriveId> {
        let set = self.inner.meta.map().sets.get(usize::from(place.set))?;
        set.get(usize::from(place.slot)).copied()
    }

    /// The drives that a delete missed and of which not everything has been looked at since. Marks of drives that were
    /// replaced are removed.
    ///
    /// # Errors
    /// Where the marks can't be read.
    pub async fn missed_drives(&self) -> Result<Vec<MissedDrive>, ObjectError> {
        let mut found: BTreeMap<DriveId, Vec<(PartitionId, u64)>> = BTreeMap::new();
        for partition in self.inner.meta.partitions() {
            let reader = self.inner.meta.reader(partition).await?;
            for (drive, mark) in reader.scan::<Missed>((Bound::Unbounded, Bound::Unbounded), DRIVES_MAX)? {
                found.entry(drive).or_default().push((partition, mark.version));
            }
        }
        let mut missed = Vec::new();
        for (id, marks) in found {
            match self.place_of(&id) {
                Some(place) => missed.push(MissedDrive { place, id, marks }),
                None => self.unmark(&id, &marks).await?,
            }
        }
        Ok(missed)
    }

    fn place_of(&self, id: &DriveId) -> Option<DrivePlace> {
        let sets = (0u16..).zip(&self.inner.meta.map().sets);
        let mut places = sets.flat_map(|(set, drives)| {
            (0u8..).zip(drives).map(move |(slot, drive)| (DrivePlace { set, slot }, drive))
        });
        places.find(|(_, drive)| *drive == id).map(|(place, _)| place)
    }

    /// All of the drive was looked at since the marks were read.
    ///
    /// # Errors
    /// Where the marks can't be written: the drive will be looked at again.
    pub async fn swept(&self, drive: &MissedDrive) -> Result<(), ObjectError> {
        self.unmark(&drive.id, &drive.marks).await
    }

    async fn unmark(&self, drive: &DriveId, marks: &[(PartitionId, u64)]) -> Result<(), ObjectError> {
        for (partition, version) in marks {
            let mut txn = self.inner.meta.begin(*partition).await?;
            txn.expect::<Missed>(drive, *version);
            txn.delete::<Missed>(drive);
            match txn.commit().await {
                // Missed again meanwhile: the mark stays.
                Ok(_) | Err(MetaError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
