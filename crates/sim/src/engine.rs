//! Engines in memory whose writes and syncs are steps of the simulation: a crash or a fault can come at each.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use env::simulated::{DiskAction, SimulatedDisks, SimulatedRandom};
use meta::EngineFactory;
use meta::engine::memory::{MemoryEngine, MemoryEngineStore};
use meta::engine::{Engine, EngineBatch, EngineError, EngineSnapshot, EngineStatistics, KeyRange, Visit};
use model::ids::{DriveId, PartitionId};
use parking_lot::Mutex;

/// Sees what an engine is about to be told.
pub trait EngineWatch: Send + Sync {
    /// A drive's engine was opened in a directory.
    fn opened(&self, drive: DriveId, directory: &Path);
    /// A batch is about to be written on a drive.
    fn writes(&self, drive: DriveId, batch: &EngineBatch);
}

/// What the engines keep over crashes, by drive: a drive that was formatted again begins anew.
#[derive(Clone, Default)]
pub struct Engines {
    stores: Arc<Mutex<BTreeMap<DriveId, MemoryEngineStore>>>,
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engines({})", self.stores.lock().len())
    }
}

impl Engines {
    /// Opens engines whose steps are those of these drives.
    #[must_use]
    pub fn factory(&self, disks: &SimulatedDisks, watch: Option<Arc<dyn EngineWatch>>) -> EngineFactory {
        let (stores, disks) = (Arc::clone(&self.stores), disks.clone());
        Arc::new(move |drive: DriveId, directory: &Path| {
            if let Some(watch) = &watch {
                watch.opened(drive, directory);
            }
            let inner = stores.lock().entry(drive).or_default().open();
            let engine: Arc<dyn Engine> = Arc::new(SteppedEngine {
                inner,
                drive,
                disks: disks.clone(),
                directory: directory.to_owned(),
                watch: watch.clone(),
                poisoned: AtomicBool::new(false),
            });
            Ok(engine)
        })
    }

    /// Loses some of what was not persisted, on every drive.
    pub fn crash(&self, random: &SimulatedRandom) {
        for store in self.stores.lock().values() {
            store.crash(random);
        }
    }
}

struct SteppedEngine {
    inner: MemoryEngine,
    drive: DriveId,
    disks: SimulatedDisks,
    directory: PathBuf,
    watch: Option<Arc<dyn EngineWatch>>,
    poisoned: AtomicBool,
}

impl SteppedEngine {
    /// A step that may fail; after one that did, the engine takes no more.
    fn step(&self, action: DiskAction) -> Result<(), EngineError> {
        let place = || self.directory.display().to_string();
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(EngineError::Poisoned { place: place() });
        }
        self.disks.operate_elsewhere(action, &self.directory).map_err(|source: io::Error| {
            self.poisoned.store(true, Ordering::Relaxed);
            EngineError::Failed { place: place(), action: "write", source: Box::new(source) }
        })
    }
}

impl Engine for SteppedEngine {
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
        self.step(DiskAction::Write)?;
        if let Some(watch) = &self.watch {
            watch.writes(self.drive, batch);
        }
        self.inner.write(batch)
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.step(DiskAction::Sync)?;
        self.inner.persist()
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.step(DiskAction::Name)?;
        self.inner.drop_keyspace(keyspace)
    }

    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.inner.compact(keyspace)
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        self.inner.keyspaces()
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.inner.statistics()
    }

    fn close(&self) -> Result<(), EngineError> {
        let synced = self.step(DiskAction::Sync);
        self.inner.close()?;
        synced
    }
}
