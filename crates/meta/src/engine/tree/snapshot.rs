//! One keyspace at one point in time.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use model::ids::PartitionId;

use super::core::{Core, State};
use super::file::FileFault;
use super::memtable::MemoryCursor;
use super::merge::{Merge, Source};
use super::run::{Blocks, RunCursor};
use super::visit_rows;
use crate::engine::{EngineError, EngineSnapshot, KeyRange, Visit, is_empty};

/// A keyspace as it was at a sequence. While it is there the versions that it reads stay in memory.
pub(super) struct TreeSnapshot {
    pub(super) core: Arc<Core>,
    pub(super) keyspace: PartitionId,
    pub(super) sequence: u64,
    pub(super) state: Arc<State>,
}

impl TreeSnapshot {
    /// All sources that may hold rows of the range, the newest first.
    fn merge(&self, (from, end): KeyRange<'_>) -> Result<Merge, FileFault> {
        let mut sources = Vec::new();
        for memtable in self.state.memtables() {
            if let Some(rows) = memtable.keyspace(self.keyspace) {
                sources.push(Source::Memory(MemoryCursor::new(rows, from, self.sequence)));
            }
        }
        for run in self.state.version.runs(self.keyspace) {
            if run.may_hold(from, end) {
                let blocks = Blocks::Cached(Arc::clone(&self.core.cache));
                sources.push(Source::Run(Box::new(RunCursor::new(Arc::clone(run), blocks, from)?)));
            }
        }
        Ok(Merge::new(sources))
    }
}

impl EngineSnapshot for TreeSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.core.get_in(&self.state, self.keyspace, key, self.sequence)
    }

    fn scan(&self, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        if is_empty(&range) {
            return Ok(());
        }
        // No key is empty, so nothing is lost where the first one that is asked for is.
        let from = if range.0 == Bound::Included(&[][..]) { Bound::Unbounded } else { range.0 };
        let scanned =
            self.merge((from, range.1)).and_then(|mut merge| visit_rows(&mut merge, range.1, visit));
        scanned.map_err(|fault| self.core.failed("read", fault))
    }
}

impl Drop for TreeSnapshot {
    fn drop(&mut self) {
        self.core.snapshot_is_gone(self.sequence);
    }
}
