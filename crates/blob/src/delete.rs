//! Removing blobs, and shards that nothing refers to.
//!
//! What always holds: where the outcome names no drive, the shards are gone for good: tombstones are synced, and so are the
//! folders of unlinked files, which a power cut would bring back otherwise. Nobody looks for them again. No drive is waited for
//! by what lies on another, nor without end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{join, join_all};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::blob::BlobRef;
use model::ids::BlobId;

use crate::Blobs;
use crate::drive::Drive;
use crate::drive::file::folder_number;
use crate::error::FaultKind;
use crate::gather::{Gather, Outcome};
use crate::status::{DeleteOutcome, DrivePlace};

/// Files that are unlinked, and folders that are synced, on a drive at once.
const UNLINKS_AT_ONCE: usize = 8;

type Shard = (BlobId, u8);

impl Blobs {
    /// Removes blobs, durably; the room of packed shards comes back with compaction. What is not there is not an error.
    /// All that goes to one drive is synced together. It takes next to no room, so that a full drive can be emptied.
    pub async fn delete(&self, blobs: &[BlobRef]) -> DeleteOutcome {
        let deletes = self.by_drive(blobs).into_iter().map(|(place, shards)| async move {
            let deleted = match self.store.drive(place) {
                Ok(drive) => drive.delete(&shards).await,
                Err(kind) => Err(kind),
            };
            (place, deleted)
        });
        let mut outcome = DeleteOutcome::default();
        for (place, deleted) in join_all(deletes).await {
            if let Err(kind) = deleted {
                outcome.left_on.push((place, kind));
            }
        }
        outcome
    }

    fn by_drive(&self, blobs: &[BlobRef]) -> BTreeMap<DrivePlace, Vec<Shard>> {
        let mut by_drive: BTreeMap<DrivePlace, Vec<Shard>> = BTreeMap::new();
        for blob in blobs {
            let Ok(set) = self.store.set(blob.set) else {
                continue;
            };
            for shard in 0..blob.redundancy.shards() as u8 {
                by_drive.entry(set.place_of(blob.first_slot, shard)).or_default().push((blob.id, shard));
            }
        }
        by_drive
    }

    /// Removes one shard that [`Blobs::inventory`] found and nothing refers to, durably.
    ///
    /// # Errors
    /// Where its drive is missing or fails.
    pub async fn delete_shard(&self, place: DrivePlace, id: BlobId, shard: u8) -> Result<(), FaultKind> {
        self.store.drive(place)?.delete(&[(id, shard)]).await
    }

    /// Whether all drives of a blob are there and take writes, so that a repair is not in vain.
    #[must_use]
    pub fn can_repair(&self, blob: &BlobRef) -> bool {
        let can = |drive: &Option<Arc<Drive>>| drive.as_ref().is_some_and(|drive| drive.can_repair());
        self.store.drives_of(blob).is_ok_and(|drives| drives.iter().all(can))
    }

    /// Whether everything that lies on a drive is known, so that an [`Blobs::inventory`] leaves out nothing.
    #[must_use]
    pub fn knows_all_of(&self, place: DrivePlace) -> bool {
        self.store.drive(place).is_ok_and(|drive| drive.knows_all())
    }
}

impl Drive {
    /// Removes shards for good. Where it fails some may be left.
    async fn delete(&self, shards: &[Shard]) -> Outcome {
        if self.is_silent() {
            return Err(FaultKind::Silent);
        }
        let (packed, files) = shards.iter().partition(|(id, shard)| self.is_packed(id, *shard));
        // Both are tried: what one of them can't remove is no reason for the other to stay.
        let (killed, unlinked) =
            join(self.within(self.kill_all(packed)), self.within(self.unlink_all(files))).await;
        killed.and(unlinked)
    }

    async fn kill_all(&self, shards: Vec<Shard>) -> Outcome {
        let gather = Gather::new(0);
        for (id, shard) in shards {
            self.kill(id, shard, gather.ticket(0)).await;
        }
        gather.all().await.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// Unlinks files, then syncs each folder once.
    async fn unlink_all(&self, shards: Vec<Shard>) -> Outcome {
        if shards.is_empty() {
            return Ok(());
        }
        let _question = self.ask().await;
        let folders: BTreeSet<u16> = shards.iter().map(|(id, _)| folder_number(id)).collect();
        let unlinks = stream::iter(shards)
            .map(|(id, shard)| async move { self.remove_file(&id, shard).await })
            .buffer_unordered(UNLINKS_AT_ONCE);
        let unlinked = unlinks.fold(Ok(()), async |all: Outcome, one| all.and(one)).await;
        let syncs =
            stream::iter(folders).map(|number| self.sync_removed(number)).buffer_unordered(UNLINKS_AT_ONCE);
        let synced = syncs.try_for_each(async |()| Ok(())).await;
        // What is not in the index may be in a segment that could not be read.
        let known = if self.knows_all() { Ok(()) } else { Err(FaultKind::NotWritable) };
        unlinked.and(synced).and(known)
    }
}
