//! What is in memory: every entry that was not purged, for raft, which reads without waiting.
//!
//! Invariants of a group:
//! - Its entries are consecutive; the first one follows `base`, the position that was purged last (or that a snapshot
//!   restarted the log behind). `term` of `base` is known.
//! - Every entry knows the segment that holds it, so the oldest segment anything needs is known as well.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use super::batch::{HardState, LogEntry, LogPosition, LogRecord};
use super::error::EntriesError;
use super::format::GroupState;

/// Memory that an entry takes besides its data.
const ENTRY_OVERHEAD_BYTES: usize = size_of::<TailEntry>();

/// A group's part of a drive's log, for reading: cheap to clone, to be kept by raft's storage. It shows what
/// [`super::RaftLog::append`] has made durable, from the moment that returns.
#[derive(Clone, Default)]
pub struct GroupLog(Arc<RwLock<Group>>);

impl GroupLog {
    /// The hard state; all zeros for a new group.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.0.read().hard_state
    }

    /// The position before the first entry: purged up to there, or a snapshot. Zeros for a new group.
    #[must_use]
    pub fn base(&self) -> LogPosition {
        self.0.read().base
    }

    /// The index of the first entry that is there, or would be.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.0.read().base.index + 1
    }

    /// The index of the last entry; that of [`GroupLog::base`] where there is none.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.0.read().last_index()
    }

    /// The term of an entry, or of [`GroupLog::base`].
    ///
    /// # Errors
    /// Where the entry isn't there.
    pub fn term(&self, index: u64) -> Result<u64, EntriesError> {
        self.0.read().term(index)
    }

    /// The entries from `low` up to but without `high`: as many as come to `bytes_max` of data, but at least one.
    ///
    /// # Errors
    /// Where one of them isn't there.
    pub fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<LogEntry>, EntriesError> {
        self.0.read().entries(low, high, bytes_max)
    }

    /// Memory that the entries take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.0.read().bytes
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        change(&mut self.0.write())
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Group) -> T) -> T {
        read(&self.0.read())
    }
}

impl From<Group> for GroupLog {
    fn from(group: Group) -> Self {
        GroupLog(Arc::new(RwLock::new(group)))
    }
}

impl fmt::Debug for GroupLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0.read();
        f.debug_struct("GroupLog")
            .field("hard_state", &group.hard_state)
            .field("base", &group.base)
            .field("last_index", &group.last_index())
            .finish()
    }
}

/// The state of a group.
#[derive(Default)]
pub(super) struct Group {
    pub(super) hard_state: HardState,
    pub(super) base: LogPosition,
    entries: VecDeque<TailEntry>,
    bytes: usize,
}

struct TailEntry {
    entry: LogEntry,
    /// Sequence of the segment that holds it.
    segment: u64,
}

impl Group {
    pub(super) fn last_index(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    pub(super) fn term(&self, index: u64) -> Result<u64, EntriesError> {
        if index == self.base.index {
            return Ok(self.base.term);
        }
        let place = self.place(index)?;
        let entry = self.entries.get(place).ok_or(EntriesError::Ahead)?;
        Ok(entry.entry.term)
    }

    fn place(&self, index: u64) -> Result<usize, EntriesError> {
        let place = index.checked_sub(self.base.index + 1).ok_or(EntriesError::Purged)?;
        Ok(usize::try_from(place).unwrap_or(usize::MAX))
    }

    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<LogEntry>, EntriesError> {
        let (start, end) = (self.place(low)?, self.place(high)?);
        if end > self.entries.len() {
            return Err(EntriesError::Ahead);
        }
        let mut bytes = 0u64;
        let mut found = Vec::new();
        for held in self.entries.range(start..end.max(start)) {
            bytes = bytes.saturating_add(held.entry.data.len() as u64);
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(held.entry.clone());
        }
        Ok(found)
    }

    /// The oldest segment that holds an entry.
    pub(super) fn oldest_segment(&self) -> Option<u64> {
        // Later entries are in later segments, and entries that are written again are all written again.
        self.entries.front().map(|held| held.segment)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// All entries, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().map(|held| &held.entry)
    }

    /// Does what a record says that the segment `segment` holds.
    pub(super) fn apply(&mut self, record: &LogRecord, segment: u64) {
        match record {
            LogRecord::Entry { entry, .. } => self.append(entry.clone(), segment),
            LogRecord::HardState { state, .. } => self.hard_state = *state,
            LogRecord::Purge { position, .. } => self.purge(*position),
            LogRecord::Restart { position, .. } => self.restart(*position),
            LogRecord::Remove { .. } => *self = Group::default(),
        }
    }

    /// Adds an entry, in place of the ones from its index on. The caller has checked that it follows.
    pub(super) fn append(&mut self, entry: LogEntry, segment: u64) {
        assert!(
            entry.index > self.base.index && entry.index <= self.last_index() + 1,
            "entries of a log are consecutive"
        );
        while self.last_index() >= entry.index {
            self.pop_last();
        }
        self.bytes += entry.data.len() + ENTRY_OVERHEAD_BYTES;
        self.entries.push_back(TailEntry { entry, segment });
    }

    fn pop_last(&mut self) {
        if let Some(held) = self.entries.pop_back() {
            self.bytes -= held.entry.data.len() + ENTRY_OVERHEAD_BYTES;
        }
    }

    /// All entries were written again, to this segment.
    pub(super) fn moved_to(&mut self, segment: u64) {
        for held in &mut self.entries {
            held.segment = segment;
        }
    }

    pub(super) fn state(&self) -> GroupState {
        GroupState { hard_state: self.hard_state, base: self.base, last_index: self.last_index() }
    }

    /// Forgets entries up to `position`, which is one of them.
    pub(super) fn purge(&mut self, position: LogPosition) {
        assert!(position.index <= self.last_index(), "only what is in the log can be purged");
        while self.base.index < position.index {
            let Some(held) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= held.entry.data.len() + ENTRY_OVERHEAD_BYTES;
            self.base = LogPosition { index: held.entry.index, term: held.entry.term };
        }
    }

    /// Forgets all entries; the log goes on behind `position`.
    pub(super) fn restart(&mut self, position: LogPosition) {
        self.entries.clear();
        self.bytes = 0;
        self.base = position;
    }
}
