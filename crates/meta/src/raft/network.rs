//! Messages between the replicas of a group. In one process they are handed over as they are.
//!
//! A message may be lost (a queue that is full drops it) and may be late: raft asks again. It is never changed.

use std::sync::Arc;

use hashbrown::HashMap;
use model::ids::PartitionId;
use raft::prelude::Message;
use tokio::sync::mpsc;

use crate::drive_loop::Event;
use crate::engine::EngineSnapshot;

/// A message on its way.
pub(crate) struct Envelope {
    /// The group.
    pub(crate) partition: PartitionId,
    /// What one replica says to another.
    pub(crate) message: Message,
    /// The rows behind a snapshot message, as of the index it names.
    pub(crate) snapshot: Option<Box<dyn EngineSnapshot>>,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({}, {:?})", self.partition, self.message.get_msg_type())
    }
}

/// The loops of the drives, by raft id.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    loops: Arc<HashMap<u64, mpsc::Sender<Event>>>,
}

impl Network {
    /// Over these loops.
    pub(crate) fn new(loops: HashMap<u64, mpsc::Sender<Event>>) -> Self {
        Network { loops: Arc::new(loops) }
    }

    /// Sends a message; false where it was dropped. Never waits: two loops that waited for one another would do so for ever.
    pub(crate) fn send(&self, envelope: Envelope) -> bool {
        let to = self.loops.get(&envelope.message.get_to());
        to.is_some_and(|to| to.try_send(Event::Message(Box::new(envelope))).is_ok())
    }
}
