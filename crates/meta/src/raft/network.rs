//! Messages between the replicas of a group. In one process they are handed over as they are.
//!
//! A message may be lost (a queue that is full drops it) and may be late: raft asks again. It is never changed. Only a
//! snapshot would be waited for: whoever sent one is told when it was lost.

use std::sync::Arc;

use env::Env;
use hashbrown::HashMap;
use model::ids::PartitionId;
use raft::prelude::Message;
use tokio::sync::mpsc;

use crate::drive_loop::Event;
use crate::engine::EngineSnapshot;
use crate::watch::{self, Watch};

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
#[derive(Clone)]
pub(crate) struct Network {
    env: Env,
    loops: Arc<HashMap<u64, mpsc::Sender<Event>>>,
    watch: Option<Arc<dyn Watch>>,
}

impl Network {
    /// Over these loops.
    pub(crate) fn new(
        env: &Env,
        loops: HashMap<u64, mpsc::Sender<Event>>,
        watch: Option<Arc<dyn Watch>>,
    ) -> Self {
        Network { env: env.clone(), loops: Arc::new(loops), watch }
    }

    /// Sends a message. Never waits: two loops that waited for one another would do so for ever.
    pub(crate) fn send(&self, envelope: Envelope) {
        let (from, to) = (envelope.message.get_from(), envelope.message.get_to());
        if let Some(watch) = &self.watch {
            watch::tell(&**watch, envelope.partition, &envelope.message);
        }
        let sender = envelope.snapshot.as_ref().and_then(|_| self.loops.get(&from));
        let partition = envelope.partition;
        let mut loss = sender.map(|sender| Loss { partition, to, sender: sender.clone(), is_lost: true });
        let Some(receiver) = self.loops.get(&to).cloned() else {
            return;
        };
        let deliver = move || {
            let is_lost = receiver.try_send(Event::Message(Box::new(envelope))).is_err();
            if let Some(loss) = &mut loss {
                loss.is_lost = is_lost;
            }
        };
        self.env.network.carry(from, to, Box::new(deliver));
    }
}

impl Network {
    /// Tells a loop what is no message of raft. Lost where its queue is full: raft's own clock goes on.
    pub(crate) fn tell(&self, to: u64, event: Event) {
        if let Some(receiver) = self.loops.get(&to) {
            let _ = receiver.try_send(event);
        }
    }
}

/// Tells the sender of a snapshot when it is dropped undelivered.
struct Loss {
    partition: PartitionId,
    to: u64,
    sender: mpsc::Sender<Event>,
    is_lost: bool,
}

impl Drop for Loss {
    fn drop(&mut self) {
        if self.is_lost {
            // A queue that is full has no room for this either; raft's own clock then finds that the follower is silent.
            let _ = self.sender.try_send(Event::SnapshotLost { partition: self.partition, to: self.to });
        }
    }
}
