//! Whether there is room for more: asked by those who write no bytes here, but rows on the same drives.

use model::blob::Redundancy;

use crate::Blobs;
use crate::drive::Drive;
use crate::error::BlobError;
use crate::store::Set;

impl Blobs {
    /// Refuses where so many drives are full that a blob of the redundancy could not be written. Rows go to the same drives as
    /// bytes: were they taken for ever, the metadata would fill a drive to its last block, and then no delete could be logged
    /// that gives room back. Drives that are missing or poisoned are no matter of room: alone they refuse nothing.
    ///
    /// # Errors
    /// [`BlobError::TooFewDrives`] with the number of full ones.
    pub fn check_room(&self, redundancy: Redundancy) -> Result<(), BlobError> {
        let needed = redundancy.write_quorum();
        let best = self.store.sets.iter().map(count).max_by_key(|(writable, _)| *writable);
        match best {
            Some((writable, full)) if writable < needed && full > 0 => {
                Err(BlobError::TooFewDrives { writable, needed, full })
            }
            _ => Ok(()),
        }
    }
}

/// How many drives of a set take writes, and how many don't for want of room.
fn count(set: &Set) -> (usize, usize) {
    let drives = || set.drives.iter().flatten();
    drives().for_each(Drive::refresh_space);
    let writable = drives().filter(|drive| drive.takes(0).is_ok()).count();
    let full = drives().filter(|drive| drive.takes(0).is_err() && drive.is_full()).count();
    (writable, full)
}
