//! What an engine's readers, its writer and its maintenance share.
//!
//! Locks, in the order in which they may be held together: `compacting` or `flushing`, `manifest`, `head`, `state`. Only
//! `flushing`, `compacting` and `manifest` are held while the drive is waited for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use env::Env;
use env::blocking::BlockingDisk;
use model::ids::{DriveId, PartitionId};
use parking_lot::{Mutex, RwLock};

use super::TreeOptions;
use super::cache::BlockCache;
use super::file::{FileFault, RowFile, number_of};
use super::manifest::{MANIFEST, Manifest};
use super::memtable::Memtable;
use super::snapshot::TreeSnapshot;
use super::upkeep::due_in;
use super::version::{Edit, Version};
use crate::engine::{EngineBatch, EngineError, EngineStatistics};

/// More frozen memtables than this are not waiting for their file: whoever writes waits instead.
const FROZEN_MAX: usize = 1;
/// With more runs in a keyspace whoever fills a memtable waits for a merge.
const RUNS_MAX: usize = 48;

/// Whether anything on the drive may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    ReadWrite,
    LookOnly,
}

/// What readers begin with.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) active: Arc<Memtable>,
    /// Memtables that are being written to files, the newest first.
    pub(super) frozen: Vec<Arc<Memtable>>,
    pub(super) version: Arc<Version>,
}

impl State {
    /// The newest first.
    pub(super) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(&self.frozen)
    }
}

/// Batches and who reads them.
#[derive(Debug, Default)]
struct Head {
    /// Of the newest batch.
    sequence: u64,
    /// How many snapshots read at a sequence.
    snapshots: BTreeMap<u64, u32>,
}

/// See the module.
pub(super) struct Core {
    pub(super) env: Env,
    pub(super) disk: Arc<dyn BlockingDisk>,
    pub(super) directory: PathBuf,
    pub(super) drive: DriveId,
    options: TreeOptions,
    pub(super) mode: Mode,
    pub(super) cache: Arc<BlockCache>,
    head: Mutex<Head>,
    pub(super) state: RwLock<Arc<State>>,
    pub(super) manifest: Mutex<()>,
    /// How often the manifest was replaced.
    pub(super) edition: AtomicU64,
    pub(super) flushing: Mutex<()>,
    pub(super) compacting: Mutex<()>,
    /// Files that no version needs, until nobody reads them any more.
    pub(super) obsolete: Mutex<Vec<Arc<RowFile>>>,
    pub(super) next_file: AtomicU64,
    next_run: AtomicU64,
    pub(super) maintaining: AtomicBool,
    poisoned: AtomicBool,
    closed: AtomicBool,
}

impl Core {
    pub(super) fn open(
        env: &Env,
        drive: DriveId,
        directory: &Path,
        options: TreeOptions,
        mode: Mode,
    ) -> Result<Self, EngineError> {
        let core = Core {
            env: env.clone(),
            disk: env.disk.blocking(),
            directory: directory.to_owned(),
            drive,
            options,
            mode,
            cache: Arc::new(BlockCache::new(options.cache_bytes)),
            head: Mutex::default(),
            state: RwLock::default(),
            manifest: Mutex::default(),
            edition: AtomicU64::default(),
            flushing: Mutex::default(),
            compacting: Mutex::default(),
            obsolete: Mutex::default(),
            next_file: AtomicU64::new(1),
            next_run: AtomicU64::new(1),
            maintaining: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        };
        core.load().map_err(|fault| core.failed("open", fault))?;
        Ok(core)
    }

    /// Takes what the manifest names and removes the rest.
    fn load(&self) -> Result<(), FileFault> {
        if self.mode == Mode::ReadWrite {
            self.disk.create_directories(&self.directory)?;
            // A kill may have come between the rename of a manifest and the sync of its name. What is seen now has to last:
            // files are removed and the log is purged by it.
            self.disk.sync_directory(&self.directory)?;
        }
        let entries = self.disk.list(&self.directory)?;
        let files: Vec<u64> = entries.iter().filter_map(|entry| number_of(&entry.name)).collect();
        let manifest = match Manifest::read(&*self.disk, &self.directory, self.drive)? {
            Some(manifest) => manifest,
            None => self.begin(entries.iter().map(|entry| entry.name.as_str()))?,
        };
        let next_run = || self.next_run();
        let version = Version::open(&manifest, &*self.disk, &self.directory, self.drive, &next_run)?;
        let newest = files.iter().max().map_or(0, |newest| newest + 1);
        self.next_file.store(manifest.next_file.max(newest), Ordering::Relaxed);
        if self.mode == Mode::ReadWrite {
            let needed = version.files();
            for number in files.into_iter().filter(|number| !needed.contains_key(number)) {
                self.disk.remove(&self.directory.join(super::file::name_of(number)))?;
            }
        }
        *self.state.write() = Arc::new(State { version: Arc::new(version), ..State::default() });
        Ok(())
    }

    /// A new engine, where nothing else is: a folder that holds something has lost its manifest, or is another engine's.
    fn begin<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Result<Manifest, FileFault> {
        let temporary = format!("{MANIFEST}.new");
        if self.mode == Mode::LookOnly || names.any(|name| name != temporary) {
            let reason = "it is not there, or the folder is that of another engine (stores made by development \
                          versions before this engine can't be opened: copy the objects out with that version)";
            return Err(super::damage::damaged(&self.directory.join(MANIFEST), 0, reason).into());
        }
        // Its own name first: what is made durable in a folder that is lost is lost with it.
        if let Some(above) = self.directory.parent() {
            self.disk.sync_directory(above)?;
        }
        let manifest = Manifest { next_file: 1, keyspaces: Vec::new() };
        manifest.write(&*self.disk, &self.directory, self.drive)?;
        Ok(manifest)
    }

    pub(super) fn place(&self) -> String {
        self.directory.display().to_string()
    }

    pub(super) fn failed(&self, action: &'static str, source: impl Into<FileFault>) -> EngineError {
        EngineError::Failed { place: self.place(), action, source: Box::new(source.into()) }
    }

    /// A failure to write: what of it is on the drive is unknown, so nothing more is written.
    pub(super) fn poison(&self, action: &'static str, source: impl Into<FileFault>) -> EngineError {
        self.poisoned.store(true, Ordering::Relaxed);
        self.failed(action, source)
    }

    pub(super) fn check_open(&self) -> Result<(), EngineError> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(EngineError::Closed { place: self.place() }),
            false => Ok(()),
        }
    }

    pub(super) fn check_writable(&self) -> Result<(), EngineError> {
        self.check_open()?;
        match self.poisoned.load(Ordering::Relaxed) {
            true => Err(EngineError::Poisoned { place: self.place() }),
            false => Ok(()),
        }
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    /// What a reader begins with. Closing says so before it lets go of the rows: looked at in the other order, they could be
    /// found empty instead of closed.
    fn state_to_read(&self) -> Result<Arc<State>, EngineError> {
        let state = self.state();
        self.check_open()?;
        Ok(state)
    }

    pub(super) fn next_run(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.get_in(&*self.state_to_read()?, keyspace, key, u64::MAX)
    }

    pub(super) fn get_in(
        &self,
        state: &State,
        keyspace: PartitionId,
        key: &[u8],
        sequence: u64,
    ) -> Result<Option<Bytes>, EngineError> {
        for memtable in state.memtables() {
            if let Some(value) = memtable.get(keyspace, key, sequence) {
                return Ok(value);
            }
        }
        let found = state.version.get(&self.cache, keyspace, key);
        found.map_err(|fault| self.failed("read", fault))
    }

    pub(super) fn snapshot(self: &Arc<Self>, keyspace: PartitionId) -> Result<TreeSnapshot, EngineError> {
        // Under one lock with writing: the sequence is that of a whole batch, and its versions stay from here on.
        let mut head = self.head.lock();
        let state = self.state_to_read()?;
        let sequence = head.sequence;
        *head.snapshots.entry(sequence).or_default() += 1;
        drop(head);
        Ok(TreeSnapshot { core: Arc::clone(self), keyspace, sequence, state })
    }

    pub(super) fn snapshot_is_gone(&self, sequence: u64) {
        let mut head = self.head.lock();
        if let Some(count) = head.snapshots.get_mut(&sequence) {
            *count -= 1;
            if *count == 0 {
                head.snapshots.remove(&sequence);
            }
        }
    }

    pub(super) fn write(self: &Arc<Self>, batch: &EngineBatch) -> Result<(), EngineError> {
        self.check_writable()?;
        let mut head = self.head.lock();
        let sequence = head.sequence + 1;
        let active = Arc::clone(&self.state.read().active);
        active.write(batch, sequence, head.snapshots.last_key_value().map(|(sequence, _)| *sequence));
        head.sequence = sequence;
        let is_full = active.size_bytes() as u64 > self.options.memtable_bytes / 2;
        if !is_full || self.mode == Mode::LookOnly {
            return Ok(());
        }
        self.freeze(&head);
        drop(head);
        self.keep_up()
    }

    /// Puts an empty memtable in the place of the one that is written to. `_head`: nobody writes meanwhile.
    fn freeze(&self, _head: &Head) {
        let mut state = self.state.write();
        if state.active.is_empty() {
            return;
        }
        let frozen = std::iter::once(&state.active).chain(&state.frozen).cloned().collect();
        *state = Arc::new(State { active: Arc::default(), frozen, version: Arc::clone(&state.version) });
    }

    /// Lets what is frozen be written, beside whoever writes as long as that keeps up.
    fn keep_up(self: &Arc<Self>) -> Result<(), EngineError> {
        let state = self.state();
        if state.frozen.len() > FROZEN_MAX {
            self.flush()?;
        }
        if state.version.keyspaces().any(|(_, runs)| runs.len() > RUNS_MAX) {
            self.compact_one();
        }
        self.maintain_beside();
        Ok(())
    }

    pub(super) fn persist(self: &Arc<Self>) -> Result<(), EngineError> {
        self.check_writable()?;
        if self.mode == Mode::LookOnly {
            return Ok(());
        }
        self.freeze(&self.head.lock());
        self.flush()?;
        self.remove_obsolete();
        let version = Arc::clone(&self.state().version);
        if version.keyspaces().any(|(_, runs)| due_in(runs) > 0) {
            self.maintain_beside();
        }
        Ok(())
    }

    pub(super) fn drop_keyspace(self: &Arc<Self>, keyspace: PartitionId) -> Result<(), EngineError> {
        self.persist()?;
        if self.mode == Mode::LookOnly {
            self.state().active.remove_keyspace(keyspace);
        }
        self.commit(&Edit::Dropped(keyspace), None)?;
        self.remove_obsolete();
        Ok(())
    }

    pub(super) fn rows_about(&self, keyspace: PartitionId) -> Result<u64, EngineError> {
        let state = self.state_to_read()?;
        let in_files: u64 = state.version.runs(keyspace).iter().map(|run| run.rows).sum();
        let in_memory: usize =
            state.memtables().filter_map(|table| table.keyspace(keyspace)).map(|rows| rows.len()).sum();
        Ok(in_files + in_memory as u64)
    }

    pub(super) fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        let state = self.state_to_read()?;
        let in_files = state.version.keyspaces().map(|(keyspace, _)| keyspace);
        let mut keyspaces: Vec<_> = state.memtables().flat_map(|table| table.keyspaces()).collect();
        keyspaces.extend(in_files);
        keyspaces.sort_unstable();
        keyspaces.dedup();
        Ok(keyspaces)
    }

    pub(super) fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        let keyspaces = self.keyspaces()?.len() as u32;
        let state = self.state();
        let disk_bytes = state.version.files().values().map(|file| file.size_bytes).sum();
        let in_memory: usize = state.memtables().map(|table| table.size_bytes()).sum();
        let memory_bytes = in_memory as u64 + self.cache.size_bytes();
        Ok(EngineStatistics { disk_bytes, memory_bytes, keyspaces })
    }

    pub(super) fn close(self: &Arc<Self>) -> Result<(), EngineError> {
        self.check_open()?;
        let persisted = self.persist();
        self.stop();
        *self.state.write() = Arc::default();
        self.remove_obsolete();
        self.cache.clear();
        persisted
    }

    /// Takes no more calls. When it returns nobody changes anything on the drive any more: whoever merges or writes a file
    /// has ended, or has seen that it is closed.
    pub(super) fn stop(&self) {
        self.closed.store(true, Ordering::Release);
        let _compacting = self.compacting.lock();
        let _flushing = self.flushing.lock();
        // Who drops a keyspace or writes files anew holds this one alone.
        let _manifest = self.manifest.lock();
    }
}
