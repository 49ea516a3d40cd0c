//! Removing blobs, and shards that nothing refers to.
//!
//! What always holds: where the outcome names no drive, the shards are gone for good: tombstones are synced, and so are the
//! folders of unlinked files, which a power cut would bring back otherwise. Nobody looks for them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::blob::BlobRef;
use model::ids::BlobId;

use crate::Blobs;
use crate::drive::Drive;
use crate::drive::file::folder_number;
use crate::error::FaultKind;
use crate::gather::Gather;
use crate::status::{DeleteOutcome, DrivePlace};

/// Files that one delete unlinks, and folders that it syncs, at once.
const UNLINKS_AT_ONCE: usize = 16;

/// A shard file to unlink.
struct Unlink {
    place: DrivePlace,
    drive: Arc<Drive>,
    id: BlobId,
    shard: u8,
}

impl Blobs {
    /// Removes blobs, durably; the room of packed shards comes back with compaction. What is not there is not an error.
    /// All that goes to one drive is synced together. It takes next to no room, so that a full drive can be emptied.
    pub async fn delete(&self, blobs: &[BlobRef]) -> DeleteOutcome {
        let mut outcome = DeleteOutcome::default();
        let mut places = Vec::new();
        let mut files = Vec::new();
        let gather = Gather::new(0);
        for blob in blobs {
            let Ok(set) = self.store.set(blob.set) else {
                continue;
            };
            for shard in 0..blob.redundancy.shards() as u8 {
                let place = set.place_of(blob.first_slot, shard);
                match self.store.drive(place) {
                    Err(kind) => outcome.note(place, kind),
                    Ok(drive) if drive.is_packed(&blob.id, shard) => {
                        let ticket = gather.ticket(places.len() as u32);
                        places.push(place);
                        drive.kill(blob.id, shard, ticket).await;
                    }
                    Ok(drive) => files.push(Unlink { place, drive: Arc::clone(drive), id: blob.id, shard }),
                }
            }
        }
        unlink(files, &mut outcome).await;
        for (number, answer) in gather.all().await {
            if let (Err(kind), Some(place)) = (answer, places.get(number as usize)) {
                outcome.note(*place, kind);
            }
        }
        outcome
    }

    /// Removes one shard that [`Blobs::inventory`] found and nothing refers to, durably.
    ///
    /// # Errors
    /// Where its drive is missing or fails.
    pub async fn delete_shard(&self, place: DrivePlace, id: BlobId, shard: u8) -> Result<(), FaultKind> {
        let drive = self.store.drive(place)?;
        if !drive.is_packed(&id, shard) {
            drive.remove_file(&id, shard).await?;
            return drive.sync_removed(folder_number(&id)).await;
        }
        let gather = Gather::new(1);
        drive.kill(id, shard, gather.ticket(0)).await;
        let answers = gather.all().await;
        answers.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// Whether all drives of a blob are there and take writes, so that a repair is not in vain.
    #[must_use]
    pub fn can_repair(&self, blob: &BlobRef) -> bool {
        let drives = self.store.drives_of(blob);
        drives.is_ok_and(|drives| {
            drives.iter().all(|drive| drive.as_ref().is_some_and(|drive| drive.takes(0).is_ok()))
        })
    }

    /// Whether everything that lies on a drive is known, so that an [`Blobs::inventory`] leaves out nothing.
    #[must_use]
    pub fn knows_all_of(&self, place: DrivePlace) -> bool {
        self.store.drive(place).is_ok_and(|drive| drive.knows_all())
    }
}

/// Unlinks files, then syncs each folder once.
async fn unlink(files: Vec<Unlink>, outcome: &mut DeleteOutcome) {
    let mut folders: BTreeMap<(DrivePlace, u16), Arc<Drive>> = BTreeMap::new();
    let mut unlinks = stream::iter(files)
        .map(|file| async move {
            // What is not in the index may be in a segment that could not be read.
            let known = if file.drive.knows_all() { Ok(()) } else { Err(FaultKind::NotWritable) };
            let unlinked = file.drive.remove_file(&file.id, file.shard).await;
            (unlinked.and(known), file)
        })
        .buffer_unordered(UNLINKS_AT_ONCE);
    while let Some((unlinked, file)) = unlinks.next().await {
        if let Err(kind) = unlinked {
            outcome.note(file.place, kind);
        }
        folders.insert((file.place, folder_number(&file.id)), file.drive);
    }
    let mut syncs = stream::iter(folders)
        .map(|((place, number), drive)| async move { (place, drive.sync_removed(number).await) })
        .buffer_unordered(UNLINKS_AT_ONCE);
    while let Some((place, synced)) = syncs.next().await {
        if let Err(kind) = synced {
            outcome.note(place, kind);
        }
    }
}
