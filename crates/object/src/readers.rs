//! Who reads which blob now: the collector leaves those alone.
//!
//! A reader registers before its first byte. A blob that was replaced is reclaimed no sooner than [`GRACE`] after that, so a
//! reader that had found its record before the replacement has registered by then.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use model::ids::BlobId;
use model::time::Timestamp;
use parking_lot::Mutex;

/// Between the replacement of a blob and its reclaim: far longer than a reader takes from the record to the first byte.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Whether what was replaced at that time may go.
pub(crate) fn is_due(replaced: Timestamp, now: Timestamp) -> bool {
    replaced.millis() + GRACE.as_millis() as u64 <= now.millis()
}

/// The blobs that are being read, with how often. An upload whose parts are being read is among them, by its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers {
    counts: Arc<Mutex<HashMap<BlobId, u32>>>,
}

/// Keeps a blob from being reclaimed while it lives.
#[derive(Debug)]
pub(crate) struct Reading {
    readers: Readers,
    blob: BlobId,
}

impl Readers {
    pub(crate) fn register(&self, blob: BlobId) -> Reading {
        *self.counts.lock().entry(blob).or_default() += 1;
        Reading { readers: self.clone(), blob }
    }

    pub(crate) fn is_read(&self, blob: &BlobId) -> bool {
        self.counts.lock().contains_key(blob)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut counts = self.readers.counts.lock();
        if let Some(count) = counts.get_mut(&self.blob) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.blob);
            }
        }
    }
}
