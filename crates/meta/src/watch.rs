//! What replicas promise one another, for tests that hold them to raft's rules of order: whoever is told that an entry is
//! logged, or given a vote, builds on it, so it must survive a power cut that comes right then.

use model::ids::PartitionId;
use raft::prelude::{Message, MessageType};

/// Sees every promise at the moment when it goes out.
pub trait Watch: Send + Sync {
    /// A replica is about to send this.
    fn promised(&self, promise: &Promise);
}

/// What must be durable at the sender when its message goes out. Replicas are named by [`cluster::map::raft_id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// All entries up to an index are logged; the leader counts on it.
    Logged {
        /// Who says so.
        replica: u64,
        /// Of which partition.
        partition: PartitionId,
        /// The term it is in.
        term: u64,
        /// The last of the entries.
        index: u64,
    },
    /// It votes for another replica, or stands for election itself, in this term: it votes for nobody else in it.
    Voted {
        /// Who votes.
        replica: u64,
        /// Of which partition.
        partition: PartitionId,
        /// The term.
        term: u64,
        /// For whom.
        for_replica: u64,
    },
}

/// Tells what a message promises, if it promises anything.
pub(crate) fn tell(watch: &dyn Watch, partition: PartitionId, message: &Message) {
    let (replica, term) = (message.get_from(), message.get_term());
    let promise = match message.get_msg_type() {
        MessageType::MsgAppendResponse if !message.get_reject() => {
            Promise::Logged { replica, partition, term, index: message.get_index() }
        }
        MessageType::MsgRequestVoteResponse if !message.get_reject() => {
            Promise::Voted { replica, partition, term, for_replica: message.get_to() }
        }
        MessageType::MsgRequestVote => Promise::Voted { replica, partition, term, for_replica: replica },
        _ => return,
    };
    watch.promised(&promise);
}
