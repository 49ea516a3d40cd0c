//! What goes on beside readers and the writer: frozen memtables become files, files are merged, and what nobody needs is
//! removed.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ids::PartitionId;
use tracing::{error, warn};

use super::compaction::{self, Weight};
use super::core::{Core, Mode, State};
use super::damage::damaged;
use super::file::{FileFault, RowFile};
use super::leaf::{LeafWriter, Workshop};
use super::memtable::{MemoryCursor, Memtable};
use super::merge::{Merge, Source};
use super::run::{Blocks, Run, RunCursor};
use super::version::{Edit, Version};
use crate::engine::{EngineError, FoundDamage};

impl Core {
    pub(super) fn maintain_beside(self: &Arc<Self>) {
        if self.maintaining.swap(true, Ordering::AcqRel) {
            return;
        }
        let there = Arc::clone(self);
        let work = async move { there.maintain() };
        if self.env.spawn.thread("rustfs-rows", Box::pin(work)).is_err() {
            self.maintaining.store(false, Ordering::Release);
            warn!(engine = %self.place(), "there is no thread to write rows to files: they stay in memory for now");
        }
    }

    /// Writes what is frozen and merges what is due, until neither is left.
    fn maintain(&self) {
        loop {
            if let Err(failure) = self.flush() {
                // The engine takes no more writes, so whoever writes next is told.
                error!(engine = %self.place(), failure = %with_source(&failure), "rows could not be written to a file");
            }
            let is_done = self.check_writable().is_err() || !self.compact_one();
            if is_done {
                self.maintaining.store(false, Ordering::Release);
                // What was frozen since, by somebody who saw that maintenance was under way, is not left behind.
                let is_left = self.check_writable().is_ok() && !self.state().frozen.is_empty();
                if !is_left || self.maintaining.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        }
    }

    /// Writes all frozen memtables to files, the oldest first. When it returns they are durable.
    pub(super) fn flush(&self) -> Result<(), EngineError> {
        let _flushing = self.flushing.lock();
        loop {
            let state = self.state();
            let Some(oldest) = state.frozen.last() else {
                return Ok(());
            };
            self.check_writable()?;
            self.flush_one(oldest, &state.version)?;
        }
    }

    fn flush_one(&self, memtable: &Arc<Memtable>, version: &Version) -> Result<(), EngineError> {
        let next_number = || self.next_file.fetch_add(1, Ordering::Relaxed);
        let workshop = self.workshop(&next_number);
        let mut writer = LeafWriter::new(&workshop);
        for keyspace in memtable.keyspaces() {
            let Some(rows) = memtable.keyspace(keyspace) else {
                continue;
            };
            // Where there are no older rows there is nothing to remove.
            let keeps_removed = !version.runs(keyspace).is_empty();
            let mut cursor = MemoryCursor::new(rows, Bound::Unbounded, u64::MAX);
            while let Some(row) = cursor.row() {
                if keeps_removed || row.1.is_some() {
                    writer.add(keyspace, row).map_err(|error| self.poison("write rows", error))?;
                }
                cursor.advance();
            }
        }
        let files = writer.finish().map_err(|error| self.poison("write rows", error))?;
        self.commit(&Edit::Flushed(memtable.keyspaces(), files), Some(memtable))
    }

    fn workshop<'a>(&'a self, next_number: &'a (dyn Fn() -> u64 + Sync)) -> Workshop<'a> {
        Workshop {
            disk: &*self.disk,
            random: &*self.env.random,
            directory: &self.directory,
            drive: self.drive,
            next_number,
        }
    }

    /// Makes a change durable, then visible. `flushed`: the memtable whose rows are in files with it.
    pub(super) fn commit(&self, edit: &Edit, flushed: Option<&Arc<Memtable>>) -> Result<(), EngineError> {
        let _manifest = self.manifest.lock();
        // Of an engine that was closed meanwhile nothing is known any more: a manifest of it would name no files.
        self.check_writable()?;
        let before = Arc::clone(&self.state().version);
        let after = before.after(edit, &|| self.next_run());
        if self.mode == Mode::ReadWrite {
            let manifest = after.manifest(self.next_file.load(Ordering::Relaxed));
            let written = manifest.write(&*self.disk, &self.directory, self.drive);
            written.map_err(|error| self.poison("replace its manifest", error))?;
            self.edition.fetch_add(1, Ordering::Relaxed);
        }
        self.set_obsolete(&before, &after, edit);
        let mut state = self.state.write();
        let is_left =
            |memtable: &&Arc<Memtable>| flushed.is_none_or(|flushed| !Arc::ptr_eq(memtable, flushed));
        let frozen = state.frozen.iter().filter(is_left).cloned().collect();
        *state = Arc::new(State { active: Arc::clone(&state.active), frozen, version: Arc::new(after) });
        Ok(())
    }

    /// Remembers the files that a change has left without use.
    fn set_obsolete(&self, before: &Version, after: &Version, edit: &Edit) {
        let needed = after.files();
        let mut had = before.files();
        if let Edit::Merged(_, _, files) = edit {
            // Its keyspace may have been dropped meanwhile.
            had.extend(files.iter().map(|file| (file.number, Arc::clone(file))));
        }
        had.retain(|number, _| !needed.contains_key(number));
        self.obsolete.lock().extend(had.into_values());
    }

    /// Removes the files that nobody reads any more.
    pub(super) fn remove_obsolete(&self) {
        if self.mode == Mode::LookOnly {
            return;
        }
        let mut obsolete = self.obsolete.lock();
        let (unread, read) = std::mem::take(&mut *obsolete)
            .into_iter()
            .partition::<Vec<_>, _>(|file| Arc::strong_count(file) == 1);
        *obsolete = read;
        drop(obsolete);
        for file in unread {
            if let Err(error) = self.disk.remove(&file.path) {
                warn!(path = %file.path.display(), %error, "a file of rows that is no longer needed stays until the next start");
            }
        }
    }

    /// Merges the runs of the keyspace that needs it most; false where none does, or it failed.
    pub(super) fn compact_one(&self) -> bool {
        let _compacting = self.compacting.lock();
        if self.check_writable().is_err() {
            return false;
        }
        let version = Arc::clone(&self.state().version);
        let due = version.keyspaces().map(|(keyspace, runs)| (due_in(runs), runs.len(), keyspace));
        let most = due.filter(|(count, ..)| *count > 0).max();
        drop(version);
        let Some((count, _, keyspace)) = most else {
            return false;
        };
        match self.merge(keyspace, count) {
            Ok(()) => true,
            Err(failure) => {
                warn!(engine = %self.place(), failure = %with_source(&failure), "rows could not be merged");
                false
            }
        }
    }

    pub(super) fn compact(self: &Arc<Self>, keyspace: PartitionId) -> Result<(), EngineError> {
        self.persist()?;
        let _compacting = self.compacting.lock();
        let state = self.state();
        let runs = state.version.runs(keyspace);
        let (count, removed) = (runs.len(), runs.iter().map(|run| run.removed).sum::<u64>());
        drop(state);
        if count > 1 || removed > 0 { self.merge(keyspace, count) } else { Ok(()) }
    }

    /// See [`crate::engine::Engine::rewrite`]. What is written anew is whole keyspaces: a merge reads neither filters nor what
    /// tells of leaves, so it takes along what can be read.
    pub(super) fn rewrite(&self, found: &[FoundDamage]) -> Result<Vec<PartitionId>, EngineError> {
        let version = Arc::clone(&self.state().version);
        let needing = |found: &FoundDamage| Some(version.needing(found.file?, found.leaf));
        let damaged: BTreeSet<PartitionId> = found.iter().filter_map(needing).flatten().collect();
        drop(version);
        let mut unreadable = Vec::new();
        for keyspace in damaged {
            let _compacting = self.compacting.lock();
            self.check_writable()?;
            let count = self.state().version.runs(keyspace).len();
            match self.merge(keyspace, count) {
                Err(failure) if self.is_unreadable(&failure) => unreadable.push(keyspace),
                other => other?,
            }
        }
        if found.iter().any(|found| found.file.is_none()) {
            self.commit(&Edit::Same, None)?;
        }
        Ok(unreadable)
    }

    /// Whether it is reading that failed, and not for want of room or on writing, which poisons.
    fn is_unreadable(&self, failure: &EngineError) -> bool {
        let EngineError::Failed { source, .. } = failure else {
            return false;
        };
        match source.downcast_ref::<FileFault>() {
            Some(FileFault::Damage(_)) => true,
            Some(FileFault::Io(error)) => {
                error.kind() != std::io::ErrorKind::StorageFull && self.check_writable().is_ok()
            }
            None => false,
        }
    }

    /// Merges the newest runs of a keyspace into one. Whoever calls holds `compacting`.
    fn merge(&self, keyspace: PartitionId, count: usize) -> Result<(), EngineError> {
        let state = self.state();
        let all = state.version.runs(keyspace);
        let runs: Vec<Arc<Run>> = all.iter().take(count).cloned().collect();
        let keeps_removed = count < all.len();
        drop(state);
        let merged = runs.iter().map(|run| run.id).collect();
        let files = self.write_merged(keyspace, runs, keeps_removed)?;
        self.commit(&Edit::Merged(keyspace, merged, files), None)?;
        self.remove_obsolete();
        Ok(())
    }

    fn write_merged(
        &self,
        keyspace: PartitionId,
        runs: Vec<Arc<Run>>,
        keeps_removed: bool,
    ) -> Result<Vec<Arc<RowFile>>, EngineError> {
        let next_number = || self.next_file.fetch_add(1, Ordering::Relaxed);
        let workshop = self.workshop(&next_number);
        let mut writer = LeafWriter::new(&workshop);
        match self.copy_merged(keyspace, runs, keeps_removed, &mut writer) {
            Ok(()) => writer.finish().map_err(|error| self.not_merged(error)),
            Err(failure) => {
                writer.give_up();
                Err(failure)
            }
        }
    }

    fn copy_merged(
        &self,
        keyspace: PartitionId,
        runs: Vec<Arc<Run>>,
        keeps_removed: bool,
        writer: &mut LeafWriter<'_>,
    ) -> Result<(), EngineError> {
        let read_failed = |fault: FileFault| self.failed("read", fault);
        let mut sources = Vec::with_capacity(runs.len());
        for run in runs {
            let cursor = RunCursor::new(run, Blocks::Ahead, Bound::Unbounded).map_err(read_failed)?;
            sources.push(Source::Run(Box::new(cursor)));
        }
        let mut merge = Merge::new(sources);
        let mut last = Vec::new();
        while let Some(row) = merge.row() {
            // What is written is built on their order; no key is empty.
            if row.0 <= last.as_slice() {
                let reason = format!("rows of keyspace {keyspace} are out of order");
                return Err(read_failed(damaged(&self.directory, 0, &reason).into()));
            }
            last.clear();
            last.extend_from_slice(row.0);
            if keeps_removed || row.1.is_some() {
                writer.add(keyspace, row).map_err(|error| self.not_merged(error))?;
            }
            merge.advance().map_err(read_failed)?;
            self.check_open()?;
        }
        Ok(())
    }

    /// A merge may fail for want of room: everything is as it was. After another failure the drive can't be trusted.
    fn not_merged(&self, error: std::io::Error) -> EngineError {
        match error.kind() {
            std::io::ErrorKind::StorageFull => self.failed("merge rows", error),
            _ => self.poison("merge rows", error),
        }
    }
}

/// How many of the newest runs of a keyspace are to become one; 0: none.
pub(super) fn due_in(runs: &[Arc<Run>]) -> usize {
    let weights: Vec<Weight> = runs.iter().map(Weight::of).collect();
    compaction::due(&weights)
}

fn with_source(error: &EngineError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
