//! The engine on redb, a copy-on-write B-tree in one file: the second implementation.
//!
//! - A batch is a commit with `Durability::None`: it is in memory, readers see it, and nothing of it counts on the drive
//!   until the next durable commit. [`Engine::persist`] is that commit, with quick repair, so that opening after a crash
//!   doesn't walk the whole file. So **a kill or a power cut takes back everything since the last persist** that returned
//!   (or the one under way, whole): a prefix of the batches, atomic.
//! - Pages freed since the last durable commit are not used again before the next one: persist regularly, or the file
//!   grows (redb issue 810).
//! - No tombstones: deleted ranges cost nothing to seek over, and [`Engine::compact`] has nothing to do.
//! - It runs on any [`StorageBackend`], so on a simulated drive as well as on a file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use model::ids::PartitionId;
use parking_lot::{Mutex, RwLock};
use redb::{
    Builder, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend,
    TableDefinition, TableError, TableHandle, WriteTransaction,
};

use super::{Engine, EngineBatch, EngineError, EngineSnapshot, EngineStatistics, KeyRange, Visit, is_empty};

/// How redb is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedbOptions {
    /// Pages in memory.
    pub cache_bytes: usize,
}

impl Default for RedbOptions {
    fn default() -> Self {
        RedbOptions { cache_bytes: 64 << 20 }
    }
}

type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The engine of one drive.
pub struct RedbEngine {
    /// In messages.
    place: String,
    file: Option<PathBuf>,
    database: RwLock<Option<Arc<Database>>>,
    /// Held by whatever changes anything.
    writer: Mutex<()>,
    poisoned: AtomicBool,
}

impl std::fmt::Debug for RedbEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedbEngine({})", self.place)
    }
}

impl RedbEngine {
    /// Opens the engine in `file`, a path of the operating system, or makes it.
    ///
    /// # Errors
    /// Where the drive fails or holds damaged data, or the engine is open already.
    pub fn open(file: &Path, options: RedbOptions) -> Result<RedbEngine, EngineError> {
        let place = file.display().to_string();
        let opened = Builder::new().set_cache_size(options.cache_bytes).create(file);
        let engine = Self::with_database(opened, place, Some(file.to_owned()))?;
        sync_parent(file).map_err(|source| engine.failed("sync its directory", source))?;
        Ok(engine)
    }

    /// Opens the engine on any storage, or makes it there; `place` names it in messages.
    ///
    /// # Errors
    /// Where the storage fails or holds damaged data.
    pub fn open_on(
        backend: impl StorageBackend,
        place: String,
        options: RedbOptions,
    ) -> Result<RedbEngine, EngineError> {
        let opened = Builder::new().set_cache_size(options.cache_bytes).create_with_backend(backend);
        Self::with_database(opened, place, None)
    }

    fn with_database(
        opened: Result<Database, DatabaseError>,
        place: String,
        file: Option<PathBuf>,
    ) -> Result<RedbEngine, EngineError> {
        let engine = RedbEngine {
            place,
            file,
            database: RwLock::new(None),
            writer: Mutex::new(()),
            poisoned: AtomicBool::new(false),
        };
        let database = opened.map_err(|source| engine.failed("open", source))?;
        *engine.database.write() = Some(Arc::new(database));
        Ok(engine)
    }

    fn database(&self) -> Result<Arc<Database>, EngineError> {
        let database = self.database.read().clone();
        database.ok_or_else(|| EngineError::Closed { place: self.place.clone() })
    }

    fn failed(
        &self,
        action: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> EngineError {
        EngineError::Failed { place: self.place.clone(), action, source: Box::new(source) }
    }

    /// A write transaction: not when poisoned, and poisoning when it fails.
    fn commit(
        &self,
        action: &'static str,
        durability: Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), EngineError> {
        let database = self.database()?;
        let _writer = self.writer.lock();
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(EngineError::Poisoned { place: self.place.clone() });
        }
        let commit = || -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            transaction.set_quick_repair(matches!(durability, Durability::Immediate));
            change(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        commit().map_err(|source| {
            self.poisoned.store(true, Ordering::Relaxed);
            self.failed(action, source)
        })
    }

    fn rows(&self, keyspace: PartitionId) -> Result<Option<Rows>, EngineError> {
        let database = self.database()?;
        let transaction = database.begin_read().map_err(|source| self.failed("read", source))?;
        match transaction.open_table(Definition::new(&name_of(keyspace))) {
            Ok(rows) => Ok(Some(rows)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(source) => Err(self.failed("read", source)),
        }
    }
}

impl Engine for RedbEngine {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        get(self.rows(keyspace)?.as_ref(), key).map_err(|source| self.failed("read", source))
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        scan(self.rows(keyspace)?.as_ref(), range, visit).map_err(|source| self.failed("read", source))
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        Ok(Box::new(RedbSnapshot { place: self.place.clone(), rows: self.rows(keyspace)? }))
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        batch.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        self.commit("write", Durability::None, |transaction| {
            let mut tables = HashMap::new();
            for operation in batch.operations() {
                let table = match tables.entry(operation.keyspace) {
                    Entry::Occupied(opened) => opened.into_mut(),
                    Entry::Vacant(place) => {
                        place.insert(transaction.open_table(Definition::new(&name_of(operation.keyspace)))?)
                    }
                };
                match operation.value {
                    Some(value) => drop(table.insert(operation.key, value)?),
                    None => drop(table.remove(operation.key)?),
                }
            }
            Ok(())
        })?;
        batch.clear();
        Ok(())
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.commit("persist", Durability::Immediate, |_| Ok(()))
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.commit("drop a keyspace", Durability::Immediate, |transaction| {
            transaction.delete_table(Definition::new(&name_of(keyspace)))?;
            Ok(())
        })
    }

    fn compact(&self, _keyspace: PartitionId) -> Result<(), EngineError> {
        self.database().map(drop)
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        let database = self.database()?;
        let list = || -> Result<Vec<PartitionId>, redb::Error> {
            let transaction = database.begin_read()?;
            let tables = transaction.list_tables()?;
            Ok(tables.filter_map(|table| id_of(table.name())).collect())
        };
        let mut ids = list().map_err(|source| self.failed("read", source))?;
        ids.sort_unstable();
        Ok(ids)
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        let keyspaces = self.keyspaces()?.len() as u32;
        let disk_bytes = match &self.file {
            Some(file) => std::fs::metadata(file).map_err(|source| self.failed("measure", source))?.len(),
            None => 0,
        };
        Ok(EngineStatistics { disk_bytes, memory_bytes: 0, keyspaces })
    }

    fn close(&self) -> Result<(), EngineError> {
        let persisted = self.persist();
        let _writer = self.writer.lock();
        drop(self.database.write().take());
        persisted
    }
}

/// A keyspace at a point of time.
struct RedbSnapshot {
    place: String,
    rows: Option<Rows>,
}

impl RedbSnapshot {
    fn failed(&self, source: redb::StorageError) -> EngineError {
        EngineError::Failed { place: self.place.clone(), action: "read", source: Box::new(source) }
    }
}

impl EngineSnapshot for RedbSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        get(self.rows.as_ref(), key).map_err(|source| self.failed(source))
    }

    fn scan(&self, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        scan(self.rows.as_ref(), range, visit).map_err(|source| self.failed(source))
    }
}

fn get(rows: Option<&Rows>, key: &[u8]) -> Result<Option<Bytes>, redb::StorageError> {
    let Some(rows) = rows else {
        return Ok(None);
    };
    Ok(rows.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
}

fn scan(rows: Option<&Rows>, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), redb::StorageError> {
    let Some(rows) = rows.filter(|_| !is_empty(&range)) else {
        return Ok(());
    };
    for row in rows.range::<&[u8]>(range)? {
        let (key, value) = row?;
        if let ControlFlow::Break(()) = visit(key.value(), value.value()) {
            break;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "redb has a file of its own, which no env::Disk knows")]
fn sync_parent(file: &Path) -> std::io::Result<()> {
    file.parent().map_or(Ok(()), |parent| std::fs::File::open(parent)?.sync_all())
}

fn name_of(id: PartitionId) -> String {
    format!("p{:05}", id.0)
}

fn id_of(name: &str) -> Option<PartitionId> {
    name.strip_prefix('p')?.parse().ok().map(PartitionId)
}
