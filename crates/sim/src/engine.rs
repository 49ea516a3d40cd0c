//! The engines of the simulated drives: small ones, so that rows go to files and files are merged within a few operations,
//! and watched.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use env::Env;
use meta::EngineFactory;
use meta::engine::tree::{TreeEngine, TreeOptions};
use meta::engine::{
    Engine, EngineBatch, EngineCheck, EngineError, EngineSnapshot, EngineStatistics, FoundDamage, KeyRange,
    Visit,
};
use model::ids::{DriveId, PartitionId};

/// Rows go to a file after some dozens of batches.
const OPTIONS: TreeOptions = TreeOptions { cache_bytes: 64 << 10, memtable_bytes: 24 << 10 };

/// Sees what an engine is about to be told.
pub trait EngineWatch: Send + Sync {
    /// A drive's engine was opened in a directory.
    fn opened(&self, drive: DriveId, directory: &Path);
    /// A batch is about to be written on a drive.
    fn writes(&self, drive: DriveId, batch: &EngineBatch);
}

/// Opens engines that are watched.
#[must_use]
pub fn factory(watch: &Arc<dyn EngineWatch>) -> EngineFactory {
    let watch = Arc::clone(watch);
    Arc::new(move |env: &Env, drive: DriveId, directory: &Path| {
        watch.opened(drive, directory);
        let inner = TreeEngine::open(env, drive, directory, OPTIONS)?;
        let engine: Arc<dyn Engine> = Arc::new(WatchedEngine { inner, drive, watch: Arc::clone(&watch) });
        Ok(engine)
    })
}

struct WatchedEngine {
    inner: TreeEngine,
    drive: DriveId,
    watch: Arc<dyn EngineWatch>,
}

impl Engine for WatchedEngine {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.inner.get(keyspace, key)
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.inner.scan(keyspace, range, visit)
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.inner.snapshot(keyspace)
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        self.watch.writes(self.drive, batch);
        self.inner.write(batch)
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.inner.persist()
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.inner.drop_keyspace(keyspace)
    }

    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.inner.compact(keyspace)
    }

    fn rest(&self) -> Result<(), EngineError> {
        self.inner.rest()
    }

    fn rows_about(&self, keyspace: PartitionId) -> Result<u64, EngineError> {
        self.inner.rows_about(keyspace)
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        self.inner.keyspaces()
    }

    fn check(&self) -> Option<Box<dyn EngineCheck>> {
        self.inner.check()
    }

    fn rewrite(&self, found: &[FoundDamage]) -> Result<Vec<PartitionId>, EngineError> {
        self.inner.rewrite(found)
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.inner.statistics()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.inner.close()
    }
}
