//! What one turn of a drive's loop adds to the log.

use bytes::Bytes;
use model::ids::PartitionId;

/// What a group must never forget: raft's hard state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The newest term seen.
    pub term: u64,
    /// Whom the replica voted for in that term; 0 for nobody.
    pub vote: u64,
    /// The last index known to be committed.
    pub commit: u64,
}

/// A place in a group's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// Index; the first entry of all has 1.
    pub index: u64,
    /// Term of the entry at that index.
    pub term: u64,
}

/// An entry of a group's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Which sort of entry: raft's number for it, opaque here.
    pub kind: u8,
    /// What it says.
    pub data: Bytes,
}

/// One thing written to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogRecord {
    /// An entry; what had its index, and everything behind it, is no longer.
    Entry { group: PartitionId, entry: LogEntry },
    /// The hard state from now on.
    HardState { group: PartitionId, state: HardState },
    /// Entries up to this one are no longer needed.
    Purge { group: PartitionId, position: LogPosition },
    /// The log goes on behind this position; all entries are gone (a snapshot took their place).
    Restart { group: PartitionId, position: LogPosition },
    /// The group has left the drive.
    Remove { group: PartitionId },
}

impl LogRecord {
    pub(super) fn group(&self) -> PartitionId {
        match self {
            LogRecord::Entry { group, .. }
            | LogRecord::HardState { group, .. }
            | LogRecord::Purge { group, .. }
            | LogRecord::Restart { group, .. }
            | LogRecord::Remove { group } => *group,
        }
    }
}

/// Everything that one write makes durable: added in any order of groups; within a group, order counts.
///
/// It stays whole: after a crash either all of it is there or nothing.
#[derive(Debug, Default)]
pub struct LogBatch {
    pub(super) records: Vec<LogRecord>,
    pub(super) purges: Vec<(PartitionId, u64)>,
}

impl LogBatch {
    /// Adds an entry. Its index is one above the one before it; or it is the index of an entry that is there, which is
    /// then overwritten with everything behind it, as a follower does at a new leader's word.
    pub fn entry(&mut self, group: PartitionId, entry: LogEntry) {
        self.records.push(LogRecord::Entry { group, entry });
    }

    /// Sets the hard state.
    pub fn hard_state(&mut self, group: PartitionId, state: HardState) {
        self.records.push(LogRecord::HardState { group, state });
    }

    /// Entries up to `index` are no longer needed, because the engine has *persisted* what they did. They must be in the
    /// log already, from an earlier batch; what was purged before is no error.
    pub fn purge(&mut self, group: PartitionId, index: u64) {
        self.purges.push((group, index));
    }

    /// A snapshot up to `position` was installed (and persisted): all entries go, the log goes on behind it.
    pub fn restart(&mut self, group: PartitionId, position: LogPosition) {
        self.records.push(LogRecord::Restart { group, position });
    }

    /// The group has left this drive: nothing of it is kept. The same group may come back later, empty.
    pub fn remove_group(&mut self, group: PartitionId) {
        self.records.push(LogRecord::Remove { group });
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.purges.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.purges.clear();
    }
}
