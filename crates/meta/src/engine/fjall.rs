//! The engine on fjall, a log-structured merge tree: the default.
//!
//! What fjall 3.1.13 promises, as read in its source, and what that comes to here:
//! - A commit writes the batch to the journal (start marker, items, end marker with a checksum) and then to memory, under
//!   one lock. With `manual_journal_persist` off, as here, it hands the journal's buffer to the kernel before it returns:
//!   **kill -9 loses nothing that was written**. A batch cut in the middle is cut off when the journal is read: atomic.
//! - `persist(SyncAll)` is an fsync of the journal; older journals were synced when they were sealed. Memory is written to
//!   tables only after the journal was synced up to then, so tables never hold what the journal could lose: after a
//!   **power cut there is a prefix of the batches**, at least all up to the last persist.
//! - The journal is preallocated, so a power cut may leave holes behind the last persist. A hole at the wrong place makes
//!   fjall refuse to open (`ChecksumMismatch`) instead of ending the journal there: [`super::fjall_journal`] cuts the newest
//!   journal where its first bad batch begins, and opens again. Should that cut have lost something persisted, the
//!   applied index lies before the beginning of the raft log, which the caller sees.
//! - A new keyspace's directory is not synced by fjall: done here, before anything in it can be persisted.
//! - `max_write_buffer_size` is not looked at any more: the bound over all keyspaces is kept here. The journal is exchanged
//!   (at 64 MB) only when some keyspace is flushed, so that bound limits the journals as well.
//! - Of two and more threads that flush and compact the first leaves compactions to the others by putting them back into
//!   the queue, over and over while the others are busy: a core per drive. So there is one thread.
//! - Known weak spots: a seek costs 0.75 us per tombstone until [`Engine::compact`]; a write waits while four memtables
//!   of its keyspace wait for their flush, for ever if the threads that flush have died (fjall issue 257).

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable,
    Snapshot,
};
use hashbrown::HashMap;
use model::ids::PartitionId;
use parking_lot::{Mutex, RwLock};

use super::{
    Engine, EngineBatch, EngineError, EngineSnapshot, EngineStatistics, KeyRange, Visit, fjall_journal,
    is_empty,
};

/// How fjall is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FjallOptions {
    /// Blocks of tables in memory, over all keyspaces.
    pub cache_bytes: u64,
    /// Rows in memory that are in no table yet, over all keyspaces.
    pub write_buffer_bytes: u64,
    /// Above so many bytes of journals the keyspaces that need the oldest one are flushed; at least 64 MiB.
    pub journal_bytes: u64,
}

impl Default for FjallOptions {
    fn default() -> Self {
        FjallOptions { cache_bytes: 64 << 20, write_buffer_bytes: 64 << 20, journal_bytes: 64 << 20 }
    }
}

/// Values above this many bytes are kept apart from their keys, so that compaction doesn't copy them.
const SEPARATE_ABOVE_BYTES: u32 = 1024;
const JOURNAL_BYTES_MIN: u64 = 64 << 20;
/// A keyspace's own bound on what is in no table yet.
const MEMTABLE_BYTES_MAX: u64 = 16 << 20;
/// Fewer rows than these, over all keyspaces, stay in memory at rest: many small tables would cost more than they.
const REST_BYTES_MIN: u64 = 2 << 20;

/// The engine of one drive.
pub struct FjallEngine {
    place: PathBuf,
    options: FjallOptions,
    open: RwLock<Option<Open>>,
    /// Held by whatever changes anything. Bytes written since the write buffers were last summed up.
    writer: Mutex<u64>,
    poisoned: AtomicBool,
}

#[derive(Clone)]
struct Open {
    database: Database,
    keyspaces: HashMap<PartitionId, Keyspace>,
}

impl std::fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FjallEngine({})", self.place.display())
    }
}

impl FjallEngine {
    /// Opens the engine in `directory`, a path of the operating system, or makes it.
    ///
    /// # Errors
    /// Where the drive fails or holds damaged data, or the engine is open already.
    pub fn open(directory: &Path, options: FjallOptions) -> Result<FjallEngine, EngineError> {
        let database = match open_database(directory, options) {
            Err(fjall::Error::JournalRecovery(_)) => {
                let cut = fjall_journal::cut_newest(directory);
                cut.map_err(|source| failed(directory, "repair its journal", source))?;
                open_database(directory, options)
            }
            other => other,
        };
        let database = database.map_err(|source| failed(directory, "open", source))?;
        let mut keyspaces = HashMap::new();
        for name in database.list_keyspace_names() {
            if let Some(id) = id_of(&name) {
                let keyspace = database.keyspace(&name, keyspace_options);
                let keyspace = keyspace.map_err(|source| failed(directory, "open a keyspace", source))?;
                keyspaces.insert(id, keyspace);
            }
        }
        Ok(FjallEngine {
            place: directory.to_owned(),
            options,
            open: RwLock::new(Some(Open { database, keyspaces })),
            writer: Mutex::new(0),
            poisoned: AtomicBool::new(false),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> T) -> Result<T, EngineError> {
        match &*self.open.read() {
            Some(open) => Ok(work(open)),
            None => Err(EngineError::Closed { place: self.place.display().to_string() }),
        }
    }

    fn keyspace(&self, id: PartitionId) -> Result<Option<Keyspace>, EngineError> {
        self.with(|open| open.keyspaces.get(&id).cloned())
    }

    fn failed(&self, action: &'static str, source: fjall::Error) -> EngineError {
        failed(&self.place, action, source)
    }

    /// Runs what changes something: not when poisoned, and poisoning when it fails.
    fn changing<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut u64) -> fjall::Result<T>,
    ) -> Result<T, EngineError> {
        let mut written = self.writer.lock();
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(EngineError::Poisoned { place: self.place.display().to_string() });
        }
        work(&mut written).map_err(|source| {
            self.poisoned.store(true, Ordering::Relaxed);
            self.failed(action, source)
        })
    }

    /// The keyspaces that a batch needs are made where they are missing.
    fn make_keyspaces(&self, batch: &EngineBatch) -> Result<Open, EngineError> {
        let mut open = self.with(Open::clone)?;
        let is_missing = |id: &PartitionId| !open.keyspaces.contains_key(id);
        let mut missing: Vec<_> =
            batch.operations().map(|operation| operation.keyspace).filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(open);
        }
        missing.sort_unstable();
        missing.dedup();
        let made = self.changing("make keyspaces", |_| {
            let make = |id: PartitionId| Ok((id, open.database.keyspace(&name_of(id), keyspace_options)?));
            let made: fjall::Result<Vec<_>> = missing.into_iter().map(make).collect();
            // Once for all: before it returns nothing is written to any of them.
            fjall_journal::sync_keyspaces(&self.place)?;
            made
        })?;
        if let Some(open) = &mut *self.open.write() {
            open.keyspaces.extend(made.iter().cloned());
        }
        open.keyspaces.extend(made);
        Ok(open)
    }

    /// Keeps the bound on write buffers: seals the largest one, which a thread then flushes.
    fn bound_write_buffers(&self, open: &Open) -> fjall::Result<()> {
        let sizes =
            open.keyspaces.values().map(|keyspace| (keyspace.tree.active_memtable().size(), keyspace));
        let total: u64 = sizes.clone().map(|(size, _)| size).sum();
        if total > self.options.write_buffer_bytes
            && let Some((_, largest)) = sizes.max_by_key(|(size, _)| *size)
        {
            largest.rotate_memtable()?;
        }
        Ok(())
    }
}

impl Engine for FjallEngine {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let found = self.with(|open| match open.keyspaces.get(&keyspace) {
            Some(keyspace) if !key.is_empty() => keyspace.get(key),
            _ => Ok(None),
        })?;
        found.map(|value| value.map(Bytes::from_owner)).map_err(|source| self.failed("read", source))
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.snapshot(keyspace)?.scan(range, visit)
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        let (snapshot, keyspace) =
            self.with(|open| (open.database.snapshot(), open.keyspaces.get(&keyspace).cloned()))?;
        Ok(Box::new(FjallSnapshot { place: self.place.clone(), snapshot, keyspace }))
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        batch.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let open = self.make_keyspaces(batch)?;
        self.changing("write", |written| {
            let mut changes = open.database.batch();
            for operation in batch.operations() {
                let Some(keyspace) = open.keyspaces.get(&operation.keyspace) else {
                    return Err(fjall::Error::KeyspaceDeleted);
                };
                match operation.value {
                    Some(value) => changes.insert(keyspace, operation.key, value),
                    None => changes.remove(keyspace, operation.key),
                }
            }
            changes.commit()?;
            *written += batch.size_bytes() as u64;
            if *written > self.options.write_buffer_bytes / 16 {
                *written = 0;
                self.bound_write_buffers(&open)?;
            }
            Ok(())
        })?;
        batch.clear();
        Ok(())
    }

    fn persist(&self) -> Result<(), EngineError> {
        // Not under the writer's lock: fjall has its own, and writes may go on up to it.
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(EngineError::Poisoned { place: self.place.display().to_string() });
        }
        let database = self.with(|open| open.database.clone())?;
        database.persist(PersistMode::SyncAll).map_err(|source| {
            self.poisoned.store(true, Ordering::Relaxed);
            self.failed("persist", source)
        })
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        let database = self.with(|open| open.database.clone())?;
        self.changing("drop a keyspace", |_| {
            database.persist(PersistMode::SyncAll)?;
            let dropped = self.open.write().as_mut().and_then(|open| open.keyspaces.remove(&keyspace));
            dropped.map_or(Ok(()), |dropped| database.delete_keyspace(dropped))
        })
    }

    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        let Some(keyspace) = self.keyspace(keyspace)? else {
            return Ok(());
        };
        // What is only in memory takes no part in a compaction.
        let compacted = keyspace.rotate_memtable_and_wait().and_then(|()| keyspace.major_compact());
        compacted.map_err(|source| self.failed("compact", source))
    }

    fn rest(&self) -> Result<(), EngineError> {
        let open = self.with(Open::clone)?;
        let rows = |keyspace: &Keyspace| keyspace.tree.active_memtable().size();
        if open.keyspaces.values().map(rows).sum::<u64>() < REST_BYTES_MIN {
            return Ok(());
        }
        for keyspace in open.keyspaces.values().filter(|keyspace| rows(keyspace) > 0) {
            self.changing("write tables", |_| keyspace.rotate_memtable().map(drop))?;
        }
        Ok(())
    }

    fn rows_about(&self, keyspace: PartitionId) -> Result<u64, EngineError> {
        Ok(self.keyspace(keyspace)?.map_or(0, |keyspace| keyspace.approximate_len() as u64))
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        let mut ids = self.with(|open| open.keyspaces.keys().copied().collect::<Vec<_>>())?;
        ids.sort_unstable();
        Ok(ids)
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        let open = self.with(Open::clone)?;
        let disk_bytes = open.database.disk_space().map_err(|source| self.failed("measure", source))?;
        Ok(EngineStatistics {
            disk_bytes,
            memory_bytes: open.database.cache_size() + open.database.write_buffer_size(),
            keyspaces: open.keyspaces.len() as u32,
        })
    }

    fn close(&self) -> Result<(), EngineError> {
        let persisted = self.persist();
        let _writer = self.writer.lock();
        drop(self.open.write().take());
        persisted
    }
}

/// A keyspace at a point of time.
struct FjallSnapshot {
    place: PathBuf,
    snapshot: Snapshot,
    keyspace: Option<Keyspace>,
}

impl EngineSnapshot for FjallSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let Some(keyspace) = self.keyspace.as_ref().filter(|_| !key.is_empty()) else {
            return Ok(None);
        };
        let found = self.snapshot.get(keyspace, key);
        found.map(|value| value.map(Bytes::from_owner)).map_err(|source| failed(&self.place, "read", source))
    }

    fn scan(&self, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        let Some(keyspace) = self.keyspace.as_ref().filter(|_| !is_empty(&range)) else {
            return Ok(());
        };
        for row in self.snapshot.range::<&[u8], _>(keyspace, range) {
            let (key, value) = row.into_inner().map_err(|source| failed(&self.place, "read", source))?;
            if let ControlFlow::Break(()) = visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }
}

fn open_database(directory: &Path, options: FjallOptions) -> fjall::Result<Database> {
    Database::builder(directory)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(JOURNAL_BYTES_MIN))
        .worker_threads(1)
        .manual_journal_persist(false)
        .open()
}

fn keyspace_options() -> KeyspaceCreateOptions {
    let separation = KvSeparationOptions::default().separation_threshold(SEPARATE_ABOVE_BYTES);
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES_MAX)
        .with_kv_separation(Some(separation))
}

fn name_of(id: PartitionId) -> String {
    format!("p{:05}", id.0)
}

fn id_of(name: &str) -> Option<PartitionId> {
    name.strip_prefix('p')?.parse().ok().map(PartitionId)
}

fn failed(
    place: &Path,
    action: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> EngineError {
    EngineError::Failed { place: place.display().to_string(), action, source: Box::new(source) }
}
