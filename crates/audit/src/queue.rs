//! What waits for a target: bounded in number and in bytes, and never waited for. What finds no room is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of entries that wait for one target.
const BYTES_MAX: usize = 64 << 20;

/// An entry that waits.
pub(crate) struct Waiting {
    pub(crate) entry: Arc<str>,
    counts: Arc<Counts>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.counts.bytes.fetch_sub(self.entry.len(), Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// Where entries are put.
#[derive(Debug)]
pub(crate) struct Inlet {
    sender: Sender<Waiting>,
    counts: Arc<Counts>,
}

/// Where they are taken.
pub(crate) struct Outlet {
    receiver: Receiver<Waiting>,
    counts: Arc<Counts>,
}

/// A queue of so many entries.
pub(crate) fn queue(entries_max: usize) -> (Inlet, Outlet) {
    let (sender, receiver) = channel(entries_max.max(1));
    let counts = Arc::new(Counts::default());
    (Inlet { sender, counts: Arc::clone(&counts) }, Outlet { receiver, counts })
}

impl Inlet {
    /// Puts an entry there, or counts it as dropped.
    pub(crate) fn put(&self, entry: &Arc<str>) {
        let before = self.counts.bytes.fetch_add(entry.len(), Ordering::Relaxed);
        let waiting = Waiting { entry: Arc::clone(entry), counts: Arc::clone(&self.counts) };
        if before + entry.len() > BYTES_MAX || self.sender.try_send(waiting).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outlet {
    /// The next entry, when there is one.
    pub(crate) async fn next(&mut self) -> Option<Waiting> {
        self.receiver.recv().await
    }

    /// The next entry, if there is one.
    pub(crate) fn try_next(&mut self) -> Option<Waiting> {
        self.receiver.try_recv().ok()
    }

    /// How many were dropped since the last time this was asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.counts.dropped.swap(0, Ordering::Relaxed)
    }

    /// Counts entries as dropped that were taken and can't be brought there.
    pub(crate) fn drop_also(&self, count: u64) {
        self.counts.dropped.fetch_add(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_is_counted() {
        let (inlet, mut outlet) = queue(2);
        for text in ["a", "b", "c", "d"] {
            inlet.put(&Arc::from(text));
        }
        assert_eq!(outlet.next().await.map(|waiting| waiting.entry.to_string()), Some("a".into()));
        assert_eq!((outlet.take_dropped(), outlet.take_dropped()), (2, 0));
        drop(outlet.try_next());
        assert!(outlet.try_next().is_none());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too_and_given_back() {
        let (inlet, mut outlet) = queue(100);
        let large: Arc<str> = Arc::from("x".repeat(BYTES_MAX / 2));
        for _ in 0..3 {
            inlet.put(&large);
        }
        assert_eq!(outlet.take_dropped(), 1);
        drop(outlet.try_next());
        inlet.put(&large);
        assert_eq!(outlet.take_dropped(), 0);
    }
}
