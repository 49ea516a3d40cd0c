//! An engine in memory, for simulation: it keeps to [`Engine`]'s contract and to nothing beyond it.
//!
//! A [`MemoryEngineStore`] is what a drive is to the other engines: it outlives crashes. It keeps the state at the last
//! persist and every batch since; [`MemoryEngineStore::crash`] goes back to that state and some of those batches.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use env::Random;
use model::ids::PartitionId;
use parking_lot::Mutex;

use super::{Engine, EngineBatch, EngineError, EngineSnapshot, EngineStatistics, KeyRange, Visit, is_empty};

/// A keyspace; shared with snapshots and scans, copied at the next write while one of them is alive.
type Rows = Arc<BTreeMap<Bytes, Bytes>>;

/// What is kept over a crash.
#[derive(Clone, Debug, Default)]
pub struct MemoryEngineStore(Arc<Mutex<Store>>);

#[derive(Debug, Default)]
struct Store {
    current: Image,
    persisted: Image,
    since: Vec<Vec<Change>>,
    /// Counts openings and crashes: an engine of an earlier one is closed.
    generation: u64,
    poisoned: bool,
    /// Writes until one fails; `None`: all succeed.
    writes_until_failure: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Image(BTreeMap<PartitionId, Rows>);

type Change = (PartitionId, Bytes, Option<Bytes>);

impl Image {
    fn apply(&mut self, changes: &[Change]) {
        for (keyspace, key, value) in changes {
            let rows = Arc::make_mut(self.0.entry(*keyspace).or_default());
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
    }
}

impl MemoryEngineStore {
    /// Opens the engine; one that was opened before is closed by it.
    #[must_use]
    pub fn open(&self) -> MemoryEngine {
        let mut store = self.0.lock();
        store.generation += 1;
        store.poisoned = false;
        MemoryEngine { store: self.clone(), generation: store.generation }
    }

    /// Loses some of what was not persisted: a random number of the last batches. An open engine is closed by it.
    pub fn crash(&self, random: &dyn Random) {
        let mut store = self.0.lock();
        let kept = random.number() % (store.since.len() as u64 + 1);
        let batches = std::mem::take(&mut store.since);
        let mut image = store.persisted.clone();
        for changes in batches.iter().take(kept as usize) {
            image.apply(changes);
        }
        store.current = image.clone();
        store.persisted = image;
        store.generation += 1;
    }

    /// Lets `writes` writes succeed and the next one (or the next persist) fail, which poisons the engine.
    pub fn fail_after(&self, writes: u64) {
        self.0.lock().writes_until_failure = Some(writes);
    }
}

impl Store {
    fn persist(&mut self) {
        self.since.clear();
        self.persisted = self.current.clone();
    }

    fn count_down(&mut self) -> Result<(), EngineError> {
        match self.writes_until_failure {
            Some(0) => {
                self.writes_until_failure = None;
                self.poisoned = true;
                Err(EngineError::Failed {
                    place: PLACE.to_owned(),
                    action: "write",
                    source: "a failure that was asked for".into(),
                })
            }
            Some(left) => {
                self.writes_until_failure = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

const PLACE: &str = "memory";

/// The engine; made by [`MemoryEngineStore::open`].
#[derive(Debug)]
pub struct MemoryEngine {
    store: MemoryEngineStore,
    generation: u64,
}

impl MemoryEngine {
    fn with<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let mut store = self.store.0.lock();
        if store.generation != self.generation {
            return Err(EngineError::Closed { place: PLACE.to_owned() });
        }
        work(&mut store)
    }

    fn changing<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.with(|store| {
            if store.poisoned {
                return Err(EngineError::Poisoned { place: PLACE.to_owned() });
            }
            work(store)
        })
    }

    fn rows(&self, keyspace: PartitionId) -> Result<Rows, EngineError> {
        self.with(|store| Ok(store.current.0.get(&keyspace).cloned().unwrap_or_default()))
    }
}

impl Engine for MemoryEngine {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.with(|store| {
            let rows = store.current.0.get(&keyspace);
            Ok(rows.and_then(|rows| rows.get(key)).cloned())
        })
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        // Not under the lock: `visit` may call the engine.
        scan_rows(&self.rows(keyspace)?, range, visit);
        Ok(())
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        Ok(Box::new(MemorySnapshot(self.rows(keyspace)?)))
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        batch.check()?;
        self.changing(|store| {
            store.count_down()?;
            let changes: Vec<Change> = batch
                .operations()
                .map(|operation| {
                    (
                        operation.keyspace,
                        Bytes::copy_from_slice(operation.key),
                        operation.value.map(Bytes::copy_from_slice),
                    )
                })
                .collect();
            store.current.apply(&changes);
            store.since.push(changes);
            Ok(())
        })?;
        batch.clear();
        Ok(())
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.changing(|store| {
            store.count_down()?;
            store.persist();
            Ok(())
        })
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.changing(|store| {
            store.count_down()?;
            store.current.0.remove(&keyspace);
            store.persist();
            Ok(())
        })
    }

    fn compact(&self, _keyspace: PartitionId) -> Result<(), EngineError> {
        self.with(|_| Ok(()))
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        self.with(|store| Ok(store.current.0.keys().copied().collect()))
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.with(|store| {
            let bytes =
                |rows: &Rows| -> usize { rows.iter().map(|(key, value)| key.len() + value.len()).sum() };
            let memory_bytes = store.current.0.values().map(bytes).sum::<usize>() as u64;
            Ok(EngineStatistics { disk_bytes: 0, memory_bytes, keyspaces: store.current.0.len() as u32 })
        })
    }

    fn close(&self) -> Result<(), EngineError> {
        let persisted = self.persist();
        self.with(|store| {
            store.generation += 1;
            Ok(())
        })?;
        persisted
    }
}

/// A keyspace as it was.
#[derive(Debug)]
struct MemorySnapshot(Rows);

impl EngineSnapshot for MemorySnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        scan_rows(&self.0, range, visit);
        Ok(())
    }
}

fn scan_rows(rows: &Rows, range: KeyRange<'_>, visit: &mut Visit<'_>) {
    if is_empty(&range) {
        return; // `BTreeMap::range` panics where the end lies before the start.
    }
    for (key, value) in rows.range::<[u8], _>(range) {
        if let ControlFlow::Break(()) = visit(key, value) {
            return;
        }
    }
}
