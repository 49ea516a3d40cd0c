//! Which blobs are being written and not yet referred to by a committed record.
//!
//! What always holds: a blob is registered before its first shard can be found on a drive, and stays so until its
//! [`PendingBlob`] is dropped, which its owner does after the commit (or after giving up). So a blob that is found on a
//! drive and not registered is either referred to or an orphan, and the metadata tell which.

use std::collections::HashSet;
use std::sync::Arc;

use model::ids::BlobId;
use parking_lot::Mutex;

/// The blobs being written in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    ids: Arc<Mutex<HashSet<BlobId>>>,
}

impl Registry {
    /// Registers a new blob.
    pub(crate) fn register(&self, id: BlobId) -> PendingBlob {
        let registered = self.try_register(id);
        let Some(pending) = registered else { panic!("blob {id} is written twice: ids must be unique") };
        pending
    }

    /// Registers a blob, unless it is registered.
    pub(crate) fn try_register(&self, id: BlobId) -> Option<PendingBlob> {
        let new = self.ids.lock().insert(id);
        new.then(|| PendingBlob { id, registry: self.clone() })
    }

    /// Whether a blob is registered.
    pub(crate) fn contains(&self, id: &BlobId) -> bool {
        self.ids.lock().contains(id)
    }
}

/// While it lives, the collector does not take its blob for an orphan. Keep it until the record that refers to the blob
/// is committed.
#[derive(Debug)]
#[must_use = "dropped before the commit, the blob may be collected"]
pub struct PendingBlob {
    id: BlobId,
    registry: Registry,
}

impl PendingBlob {
    /// The blob it protects.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }
}

impl Drop for PendingBlob {
    fn drop(&mut self) {
        self.registry.ids.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_pending_as_long_as_its_guard_lives() {
        let registry = Registry::default();
        let id = BlobId::from_bytes([7; 16]);
        let pending = registry.register(id);
        assert!(registry.contains(&id));
        drop(pending);
        assert!(!registry.contains(&id));
    }
}
