//! What raft reads of a group: its part of the drive's log, and its members.
//!
//! The log begins after what the engine has persisted: a replica that needs older entries gets a snapshot.

use protobuf::ProtobufEnum as _;
use raft::prelude::{ConfState, Entry, EntryType, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, StorageError};

use crate::log::{self, EntriesError, GroupLog, LogEntry, LogPosition};
use crate::machine::Applied;

/// Where the log of a new partition begins. Not at 0, so that a replica that joins later can't take an empty log for a
/// complete one and is sent a snapshot, which also tells it the members.
pub(crate) const FIRST: LogPosition = LogPosition { index: 1, term: 1 };

/// The storage of one group on one drive, as raft reads it.
#[derive(Debug)]
pub(crate) struct GroupStorage {
    log: GroupLog,
    members: ConfState,
    applied: LogPosition,
}

impl GroupStorage {
    /// Over the group's log, as far as the engine has applied it.
    pub(crate) fn new(log: GroupLog, applied: &Applied) -> Self {
        let mut storage =
            GroupStorage { log, members: ConfState::default(), applied: LogPosition::default() };
        storage.set_applied(applied);
        storage
    }

    /// Entries up to here were applied to the engine, with these members.
    pub(crate) fn set_applied(&mut self, applied: &Applied) {
        self.applied = LogPosition { index: applied.index, term: applied.term };
        self.members = members(applied);
    }

    /// As far as the engine has applied the log: all but the time.
    pub(crate) fn applied(&self) -> Applied {
        Applied { index: self.applied.index, term: self.applied.term, ..members_record(&self.members) }
    }
}

impl raft::Storage for GroupStorage {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let logged = self.log.hard_state();
        // The commit index is logged only with entries: what was applied was committed as well.
        let commit = logged.commit.max(self.applied.index).min(self.log.last_index());
        let mut hard_state = HardState::default();
        hard_state.set_term(logged.term);
        hard_state.set_vote(logged.vote);
        hard_state.set_commit(commit);
        Ok(RaftState::new(hard_state, self.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let limit = max_size.into().unwrap_or(u64::MAX);
        let entries = self.log.entries(low, high, limit).map_err(storage_error)?;
        Ok(entries.into_iter().map(to_raft).collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        self.log.term(index).map_err(storage_error)
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.log.first_index())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.log.last_index())
    }

    /// Describes a snapshot: the rows travel beside the message (see `network`).
    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        if self.applied.index < request_index {
            return Err(StorageError::SnapshotTemporarilyUnavailable.into());
        }
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.set_index(self.applied.index);
        metadata.set_term(self.applied.term);
        metadata.set_conf_state(self.members.clone());
        Ok(snapshot)
    }
}

fn storage_error(error: EntriesError) -> raft::Error {
    match error {
        EntriesError::Purged => StorageError::Compacted.into(),
        EntriesError::Ahead => StorageError::Unavailable.into(),
    }
}

/// An entry of the log as raft has it.
pub(crate) fn to_raft(entry: LogEntry) -> Entry {
    let mut raft = Entry::default();
    raft.set_index(entry.index);
    raft.set_term(entry.term);
    raft.set_entry_type(EntryType::from_i32(i32::from(entry.kind)).unwrap_or_default());
    raft.set_data(entry.data);
    raft
}

/// An entry of raft as the log has it.
pub(crate) fn to_log(entry: &Entry) -> LogEntry {
    LogEntry {
        index: entry.get_index(),
        term: entry.get_term(),
        kind: entry.get_entry_type().value() as u8,
        data: entry.data.clone(),
    }
}

/// A hard state of raft as the log has it.
pub(crate) fn hard_state_to_log(state: &HardState) -> log::HardState {
    log::HardState { term: state.get_term(), vote: state.get_vote(), commit: state.get_commit() }
}

/// Members as raft has them.
pub(crate) fn members(applied: &Applied) -> ConfState {
    let mut members = ConfState::default();
    members.set_voters(applied.voters.clone());
    members.set_voters_outgoing(applied.voters_outgoing.clone());
    members.set_learners(applied.learners.clone());
    members.set_learners_next(applied.learners_next.clone());
    members.set_auto_leave(applied.auto_leave);
    members
}

/// Members as a record has them; index, term and time are not set.
pub(crate) fn members_record(members: &ConfState) -> Applied {
    Applied {
        voters: members.get_voters().to_vec(),
        voters_outgoing: members.get_voters_outgoing().to_vec(),
        learners: members.get_learners().to_vec(),
        learners_next: members.get_learners_next().to_vec(),
        auto_leave: members.get_auto_leave(),
        ..Applied::default()
    }
}
