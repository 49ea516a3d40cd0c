//! The leader of a partition, as its readers and writers find it.
//!
//! Invariants:
//! - There is one pointer per partition in the process, and all replicas that may lead are in this process. So the pointer is
//!   the lease: a leader sets it when it has applied the first entry of its term, before it answers any write; until
//!   another one does, the engine it points to holds everything that was acknowledged.
//! - It only ever goes to a higher term. A leader that lost its followers keeps it: nobody else can have acknowledged
//!   anything, so reads stay right while writes wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use env::Clock;
use model::ids::PartitionId;
use parking_lot::RwLock;
use tokio::sync::{Notify, mpsc};

use crate::drive_loop::Event;
use crate::engine::{Engine, EngineError};
use crate::error::MetaError;
use crate::seeks::Seeks;

/// How long a read or write waits for a partition to have a leader: longer than two elections take.
const LEADER_WAIT: Duration = Duration::from_secs(10);

/// A replica that leads.
pub(crate) struct Leader {
    /// Its term: of two leaders the one with the higher term is right.
    pub(crate) term: u64,
    /// What it has applied, for reading.
    pub(crate) engine: Arc<dyn Engine>,
    /// Watches how long seeks take.
    pub(crate) seeks: Seeks,
    /// How far it has applied.
    pub(crate) applied: Arc<AtomicU64>,
    /// Where it takes commands; `None` where the store is open for reading only.
    pub(crate) events: Option<mpsc::Sender<Event>>,
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leader(term {})", self.term)
    }
}

/// A partition, as readers and writers see it.
#[derive(Debug)]
pub(crate) struct PartitionView {
    partition: PartitionId,
    leader: RwLock<Option<Arc<Leader>>>,
    /// Wakes those who wait in the order in which they came (a `watch` does so in an order of its own dice, which no seed
    /// brings back).
    changed: Notify,
}

impl PartitionView {
    pub(crate) fn new(partition: PartitionId) -> Self {
        PartitionView { partition, leader: RwLock::default(), changed: Notify::new() }
    }

    /// A replica has become leader and has applied an entry of its term.
    pub(crate) fn set(&self, leader: Leader) {
        let mut current = self.leader.write();
        if current.as_ref().is_none_or(|current| current.term < leader.term) {
            *current = Some(Arc::new(leader));
            drop(current);
            self.changed.notify_waiters();
        }
    }

    /// The leader, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<Leader>> {
        self.leader.read().clone()
    }

    /// The leader, as soon as there is one.
    pub(crate) async fn leader(&self, clock: &dyn Clock) -> Result<Arc<Leader>, MetaError> {
        match self.current() {
            Some(leader) => Ok(leader),
            None => self.leader_after(0, clock).await,
        }
    }

    /// Which partition.
    pub(crate) fn partition(&self) -> PartitionId {
        self.partition
    }

    /// A leader of a higher term than `term`, as soon as there is one.
    pub(crate) async fn leader_after(&self, term: u64, clock: &dyn Clock) -> Result<Arc<Leader>, MetaError> {
        tokio::select! {
            biased;
            leader = self.deposed(term) => Ok(leader),
            () = clock.sleep(LEADER_WAIT) => Err(MetaError::NoLeader { partition: self.partition }),
        }
    }

    /// As [`PartitionView::leader_after`], however long it takes.
    pub(crate) async fn deposed(&self, term: u64) -> Arc<Leader> {
        loop {
            // Before the look, so that no change comes in between unnoticed: `notify_waiters` wakes whoever has one.
            let changed = self.changed.notified();
            if let Some(leader) = self.current().filter(|leader| leader.term > term) {
                return leader;
            }
            changed.await;
        }
    }
}

impl Leader {
    /// What became of a read. Where the drive can't read its rows another replica is to lead: whoever asks again finds it.
    pub(crate) fn read<T>(
        &self,
        partition: PartitionId,
        read: Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        if let (Err(EngineError::Failed { .. }), Some(events)) = (&read, &self.events) {
            // A full queue: the next one who reads in vain asks again.
            let _ = events.try_send(Event::Unreadable(partition));
        }
        read
    }

    /// How far it has applied: what is read afterwards is at least as new.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }
}
