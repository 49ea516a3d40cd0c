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
use tokio::sync::{mpsc, watch};

use crate::drive_loop::Event;
use crate::engine::Engine;
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
    leader: watch::Sender<Option<Arc<Leader>>>,
}

impl PartitionView {
    pub(crate) fn new(partition: PartitionId) -> Self {
        PartitionView { partition, leader: watch::Sender::new(None) }
    }

    /// A replica has become leader and has applied an entry of its term.
    pub(crate) fn set(&self, leader: Leader) {
        self.leader.send_if_modified(|current| {
            let newer = current.as_ref().is_none_or(|current| current.term < leader.term);
            if newer {
                *current = Some(Arc::new(leader));
            }
            newer
        });
    }

    /// The leader, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<Leader>> {
        self.leader.borrow().clone()
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

    /// Ends when there is a leader of a higher term than `term`.
    pub(crate) async fn deposed(&self, term: u64) {
        let mut changes = self.leader.subscribe();
        // The sender is this view's own: it does not go away meanwhile.
        let _ = changes.wait_for(|leader| leader.as_ref().is_some_and(|leader| leader.term > term)).await;
    }

    /// A leader of a higher term than `term`, as soon as there is one.
    pub(crate) async fn leader_after(&self, term: u64, clock: &dyn Clock) -> Result<Arc<Leader>, MetaError> {
        let mut changes = self.leader.subscribe();
        let newer = changes.wait_for(|leader| leader.as_ref().is_some_and(|leader| leader.term > term));
        tokio::select! {
            biased;
            found = newer => found.ok().and_then(|leader| leader.clone()),
            () = clock.sleep(LEADER_WAIT) => None,
        }
        .ok_or(MetaError::NoLeader { partition: self.partition })
    }
}

impl Leader {
    /// How far it has applied: what is read afterwards is at least as new.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }
}
