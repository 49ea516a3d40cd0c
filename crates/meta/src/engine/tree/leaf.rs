//! Writes sorted rows as leaves, into one file or several.
//!
//! - Rows come in ascending order of keyspace and key, each key once.
//! - A leaf ends where its keyspace does, and at about [`LEAF_TARGET_BYTES`]; a file at about [`FILE_TARGET_BYTES`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use env::Random;
use env::blocking::BlockingDisk;
use model::ids::{DriveId, PartitionId};

use super::block::{BLOCK_TARGET_BYTES, BlockBuilder, Row, seal};
use super::file::{FileWriter, Identity, Leaf, Place, RowFile, encode_place};
use super::filter;

/// Index and filter of a leaf of so many bytes are a few KiB each, read and kept as a whole: a seek that finds nothing in
/// memory reads little more than its row.
const LEAF_TARGET_BYTES: u64 = 128 << 10;
/// Files of so many bytes are neither many nor kept long by one row.
const FILE_TARGET_BYTES: u64 = 64 << 20;

/// Where files are made.
pub(super) struct Workshop<'a> {
    pub(super) disk: &'a dyn BlockingDisk,
    pub(super) random: &'a dyn Random,
    pub(super) directory: &'a Path,
    pub(super) drive: DriveId,
    /// Gives every file a number of its own.
    pub(super) next_number: &'a (dyn Fn() -> u64 + Sync),
}

/// Rows on their way into files.
pub(super) struct LeafWriter<'a> {
    workshop: &'a Workshop<'a>,
    file: Option<FileWriter>,
    leaves: Vec<Leaf>,
    open: Option<OpenLeaf>,
    block: BlockBuilder,
    finished: Vec<Arc<RowFile>>,
}

/// A leaf that rows are still added to.
struct OpenLeaf {
    keyspace: PartitionId,
    rows: u64,
    removed: u64,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
    start: u64,
    index: BlockBuilder,
    hashes: Vec<u64>,
}

impl<'a> LeafWriter<'a> {
    pub(super) fn new(workshop: &'a Workshop<'a>) -> Self {
        LeafWriter {
            workshop,
            file: None,
            leaves: Vec::new(),
            open: None,
            block: BlockBuilder::default(),
            finished: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, keyspace: PartitionId, (key, value): Row<'_>) -> io::Result<()> {
        let full = |leaf: &OpenLeaf, at: u64| {
            leaf.keyspace != keyspace || at.saturating_sub(leaf.start) >= LEAF_TARGET_BYTES
        };
        let at = self.file.as_ref().map_or(0, FileWriter::offset);
        if self.open.as_ref().is_some_and(|leaf| full(leaf, at)) {
            self.end_leaf()?;
        }
        let start = self.writer()?.offset();
        let leaf = self.open.get_or_insert_with(|| OpenLeaf {
            keyspace,
            rows: 0,
            removed: 0,
            first_key: key.to_vec(),
            last_key: Vec::new(),
            start,
            index: BlockBuilder::default(),
            hashes: Vec::new(),
        });
        leaf.rows += 1;
        leaf.removed += u64::from(value.is_none());
        leaf.last_key.clear();
        leaf.last_key.extend_from_slice(key);
        leaf.hashes.push(filter::hash(key));
        self.block.add(key, value);
        if self.block.size_bytes() >= BLOCK_TARGET_BYTES { self.end_block() } else { Ok(()) }
    }

    /// Ends the last leaf and file; the files and their names are durable then, so that a manifest may name them.
    pub(super) fn finish(mut self) -> io::Result<Vec<Arc<RowFile>>> {
        self.end_leaf()?;
        self.end_file()?;
        if !self.finished.is_empty() {
            self.workshop.disk.sync_directory(self.workshop.directory)?;
        }
        Ok(self.finished)
    }

    /// Removes what was written, as far as that can be done: the rest goes at the next start.
    pub(super) fn give_up(self) {
        let unfinished = self.file.iter().map(FileWriter::path);
        for path in self.finished.iter().map(|file| file.path.as_path()).chain(unfinished) {
            let _ = self.workshop.disk.remove(path);
        }
    }

    fn writer(&mut self) -> io::Result<&mut FileWriter> {
        if self.file.is_none() {
            let Workshop { disk, random, directory, drive, next_number } = *self.workshop;
            let identity = Identity { drive, number: next_number() };
            self.file = Some(FileWriter::create(disk, directory, identity, random.number())?);
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("a file that was just made is there"))
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let seed = self.writer()?.seed();
        let sealed = self.block.seal(seed);
        let place = self.writer()?.add(&sealed)?;
        if let Some(leaf) = &mut self.open {
            leaf.index.add(&leaf.last_key, Some(&encode_place(place)));
        }
        Ok(())
    }

    fn end_leaf(&mut self) -> io::Result<()> {
        self.end_block()?;
        let Some(mut leaf) = self.open.take() else {
            return Ok(());
        };
        let file = self.writer()?;
        let sealed = leaf.index.seal(file.seed());
        let index = file.add(&sealed)?;
        let filter = add_sealed(file, &filter::build(&leaf.hashes))?;
        let is_full = file.offset() >= FILE_TARGET_BYTES;
        self.leaves.push(Leaf {
            keyspace: leaf.keyspace,
            rows: leaf.rows,
            removed: leaf.removed,
            first_key: leaf.first_key,
            last_key: leaf.last_key,
            start: leaf.start,
            index,
            filter,
        });
        if is_full { self.end_file() } else { Ok(()) }
    }

    fn end_file(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            let path = file.path().to_owned();
            let finished = file.finish(std::mem::take(&mut self.leaves));
            if finished.is_err() {
                let _ = self.workshop.disk.remove(&path);
            }
            self.finished.push(Arc::new(finished?));
        }
        Ok(())
    }
}

fn add_sealed(file: &mut FileWriter, bytes: &[u8]) -> io::Result<Place> {
    let sealed = seal(bytes, file.seed());
    file.add(&sealed)
}
