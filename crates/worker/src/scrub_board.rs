//! Where the scrubs of the drives can be seen, and tell one another what they have healed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use blob::DrivePlace;
use model::ids::BlobId;
use parking_lot::Mutex;

use crate::scrub_state::ScrubState;

/// What is known of the scrubs of a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubStatus {
    /// Where the drive is in the store.
    pub drive: DrivePlace,
    /// Its folder.
    pub path: PathBuf,
    /// How far it is, and what it has found.
    pub state: ScrubState,
}

/// Where the state of all runs can be seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ScrubBoard(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    statuses: BTreeMap<DrivePlace, ScrubStatus>,
    /// Shards found and healed by runs of other drives, by the drive they lie on, until its own run counts them.
    healed_by_others: BTreeMap<DrivePlace, Vec<BlobId>>,
}

impl ScrubBoard {
    /// The drives, by place.
    #[must_use]
    pub fn all(&self) -> Vec<ScrubStatus> {
        self.0.lock().statuses.values().cloned().collect()
    }

    pub(crate) fn show(&self, status: ScrubStatus) {
        self.0.lock().statuses.insert(status.drive, status);
    }

    /// A run of another drive has healed a shard of this one.
    pub(crate) fn tell_healed(&self, drive: DrivePlace, blob: BlobId) {
        self.0.lock().healed_by_others.entry(drive).or_default().push(blob);
    }

    /// The blobs of which runs of others have healed the shard here since the last time.
    pub(crate) fn take_healed(&self, drive: DrivePlace) -> Vec<BlobId> {
        self.0.lock().healed_by_others.remove(&drive).unwrap_or_default()
    }
}
