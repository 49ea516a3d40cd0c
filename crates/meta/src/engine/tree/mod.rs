//! The engine of a drive: log-structured merge trees, one for each keyspace, over one memory of newest rows.
//!
//! It has no log of its own. The raft log is the write-ahead log: what was not persisted when the process ended is applied
//! from there again. So a write is a change in memory, and [`Engine::persist`] writes what is in memory to a file of sorted
//! rows and replaces the manifest.
//!
//! Always:
//! - A file and its name are durable before the manifest refers to it. The manifest is replaced as a whole:
//!   so after a crash there are all batches up to some persist or flush, none after.
//! - What the manifest does not name does not count, and is removed at the next start.
//! - Readers see a [`version::Version`] and memtables that stay as they are while they read. A file goes when nobody reads
//!   it any more.
//! - What fails while writing poisons the engine; what fails while reading does not.
//!
//! `docs/formats/engine.md` has the files to the byte.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use env::Env;
use model::ids::{DriveId, PartitionId};

use super::{
    Engine, EngineBatch, EngineCheck, EngineError, EngineSnapshot, EngineStatistics, FoundDamage, KeyRange,
    Visit,
};

mod block;
mod cache;
mod check;
mod compaction;
mod core;
mod damage;
mod file;
mod filter;
mod leaf;
mod manifest;
mod memtable;
mod merge;
mod run;
mod scrub;
mod snapshot;
#[cfg(test)]
mod tests;
mod upkeep;
mod version;

pub use check::check_files;
pub use damage::Damage;

use self::core::{Core, Mode};

/// How much memory it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeOptions {
    /// Blocks of files that were read.
    pub cache_bytes: u64,
    /// Rows that are in no file yet, over all keyspaces.
    pub memtable_bytes: u64,
}

impl Default for TreeOptions {
    fn default() -> Self {
        TreeOptions { cache_bytes: 64 << 20, memtable_bytes: 64 << 20 }
    }
}

/// The engine of one drive.
pub struct TreeEngine {
    core: Arc<Core>,
}

impl std::fmt::Debug for TreeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TreeEngine({})", self.core.place())
    }
}

impl TreeEngine {
    /// Opens the engine of a drive in `directory`, or makes it.
    ///
    /// # Errors
    /// Where the drive fails, or holds damaged data or another drive's.
    pub fn open(
        env: &Env,
        drive: DriveId,
        directory: &Path,
        options: TreeOptions,
    ) -> Result<Self, EngineError> {
        Ok(TreeEngine { core: Arc::new(Core::open(env, drive, directory, options, Mode::ReadWrite)?) })
    }

    /// Opens it without changing anything on the drive: what is written, dropped or persisted stays in memory.
    ///
    /// # Errors
    /// Where there is none, the drive fails, or holds damaged data or another drive's.
    pub fn open_to_look(
        env: &Env,
        drive: DriveId,
        directory: &Path,
        options: TreeOptions,
    ) -> Result<Self, EngineError> {
        Ok(TreeEngine { core: Arc::new(Core::open(env, drive, directory, options, Mode::LookOnly)?) })
    }
}

impl Drop for TreeEngine {
    /// What was not persisted is lost, as by a crash.
    fn drop(&mut self) {
        self.core.stop();
    }
}

impl Engine for TreeEngine {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.core.get(keyspace, key)
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.core.snapshot(keyspace)?.scan(range, visit)
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        Ok(Box::new(self.core.snapshot(keyspace)?))
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        batch.check()?;
        if !batch.is_empty() {
            self.core.write(batch)?;
        }
        batch.clear();
        Ok(())
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.core.persist()
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.core.drop_keyspace(keyspace)
    }

    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.core.compact(keyspace)
    }

    fn rest(&self) -> Result<(), EngineError> {
        self.core.remove_obsolete();
        Ok(())
    }

    fn rows_about(&self, keyspace: PartitionId) -> Result<u64, EngineError> {
        self.core.rows_about(keyspace)
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        self.core.keyspaces()
    }

    fn check(&self) -> Option<Box<dyn EngineCheck>> {
        Some(Box::new(scrub::TreeCheck::new(Arc::clone(&self.core))))
    }

    fn rewrite(&self, found: &[FoundDamage]) -> Result<Vec<PartitionId>, EngineError> {
        self.core.rewrite(found)
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.core.statistics()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.core.close()
    }
}

/// Visits rows until it is told to stop.
fn visit_rows(
    merge: &mut merge::Merge,
    end: std::ops::Bound<&[u8]>,
    visit: &mut Visit<'_>,
) -> Result<(), file::FileFault> {
    use std::ops::Bound;
    while let Some((key, value)) = merge.row() {
        let is_behind = match end {
            Bound::Included(end) => key > end,
            Bound::Excluded(end) => key >= end,
            Bound::Unbounded => false,
        };
        if is_behind {
            break;
        }
        if let Some(value) = value
            && let ControlFlow::Break(()) = visit(key, value)
        {
            break;
        }
        merge.advance()?;
    }
    Ok(())
}
