//! Sorted runs of a keyspace: each the rows of some batches, the newer ones before the older.
//!
//! Invariant: the leaves of a run are in order of their keys and do not overlap.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::block::{Block, Row};
use super::cache::BlockCache;
use super::file::{FileFault, Leaf, Place, RowFile, decode_place};
use super::filter;
use super::manifest::Piece;

/// Whoever merges runs reads so many bytes at a time.
const AHEAD_BYTES: usize = 128 << 10;

/// A leaf in its file.
#[derive(Clone, Debug)]
pub(super) struct LeafRef {
    pub(super) file: Arc<RowFile>,
    pub(super) leaf: usize,
}

impl LeafRef {
    pub(super) fn get(&self) -> Option<&Leaf> {
        self.file.leaves.get(self.leaf)
    }
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    /// Tells it from the other runs of the engine while it is open.
    pub(super) id: u64,
    pub(super) leaves: Vec<LeafRef>,
    /// The leaves as the manifest names them, and the file of each piece: few, however many leaves there are.
    pub(super) pieces: Vec<(Piece, Arc<RowFile>)>,
    /// Bytes, rows, and removed ones of these, over all leaves.
    pub(super) size_bytes: u64,
    pub(super) rows: u64,
    pub(super) removed: u64,
}

impl Run {
    pub(super) fn new(id: u64, leaves: Vec<LeafRef>) -> Self {
        let sum = |of: fn(&Leaf) -> u64| leaves.iter().filter_map(LeafRef::get).map(of).sum();
        let (size_bytes, rows, removed) =
            (sum(Leaf::size_bytes), sum(|leaf| leaf.rows), sum(|leaf| leaf.removed));
        Run { id, pieces: pieces_of(&leaves), leaves, size_bytes, rows, removed }
    }

    /// The first leaf that may hold `key` or what follows it.
    fn leaf_for(&self, key: &[u8]) -> usize {
        self.leaves.partition_point(|leaf| leaf.get().is_some_and(|leaf| leaf.last_key.as_slice() < key))
    }

    /// Whether it may hold a row between two bounds.
    pub(super) fn may_hold(&self, from: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
        let first = match from {
            Bound::Included(key) | Bound::Excluded(key) => self.leaf_for(key),
            Bound::Unbounded => 0,
        };
        let Some(leaf) = self.leaves.get(first).and_then(LeafRef::get) else {
            return false;
        };
        match end {
            Bound::Included(end) => leaf.first_key.as_slice() <= end,
            Bound::Excluded(end) => leaf.first_key.as_slice() < end,
            Bound::Unbounded => true,
        }
    }

    /// What the run knows of a key: `None` where nothing, `Some(None)` where it was removed.
    pub(super) fn get(
        &self,
        cache: &BlockCache,
        key: &[u8],
        hash: u64,
    ) -> Result<Option<Option<Bytes>>, FileFault> {
        let at = self.leaves.get(self.leaf_for(key));
        let Some((file, leaf)) = at.and_then(|at| Some((&at.file, at.get()?))) else {
            return Ok(None);
        };
        if leaf.first_key.as_slice() > key || !filter::may_hold(&cache.filter(file, leaf.filter)?, hash) {
            return Ok(None);
        }
        let index = cache.block(file, leaf.index)?;
        let Some((_, Some(place))) = index.row(index.seek(key)) else {
            return Ok(None);
        };
        let place = decode_place(place).ok_or_else(|| file.damage(leaf.index))?;
        let block = cache.block(file, place)?;
        let row = block.seek(key);
        Ok(block.has_key(row, key).then(|| block.value(row)))
    }
}

fn pieces_of(leaves: &[LeafRef]) -> Vec<(Piece, Arc<RowFile>)> {
    let mut pieces: Vec<(Piece, Arc<RowFile>)> = Vec::new();
    for leaf in leaves {
        let (file, at) = (leaf.file.number, leaf.leaf as u32);
        match pieces.last_mut() {
            Some((last, _)) if last.file == file && last.first + last.count == at => last.count += 1,
            _ => pieces.push((Piece { file, first: at, count: 1 }, Arc::clone(&leaf.file))),
        }
    }
    pieces
}

/// How a cursor comes to its blocks.
#[derive(Clone)]
pub(super) enum Blocks {
    /// Through the cache: for readers.
    Cached(Arc<BlockCache>),
    /// Past it, many at a time: for whoever reads a run once from end to end.
    Ahead,
}

/// Walks through the rows of a run.
pub(super) struct RunCursor {
    run: Arc<Run>,
    blocks: Blocks,
    /// The leaf, its index, and where in the index the block is.
    leaf: usize,
    index: Option<Block>,
    in_index: usize,
    block: Option<Block>,
    row: usize,
    /// The key of the row, with its prefix.
    key: Vec<u8>,
    /// Bytes that were read ahead, and where they begin.
    ahead: (u64, Bytes),
}

impl RunCursor {
    /// Stands at the first row from `from` on.
    pub(super) fn new(run: Arc<Run>, blocks: Blocks, from: Bound<&[u8]>) -> Result<Self, FileFault> {
        let key = match from {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &[],
        };
        let leaf = run.leaf_for(key);
        let mut cursor = RunCursor {
            run,
            blocks,
            leaf,
            index: None,
            in_index: 0,
            block: None,
            row: 0,
            key: Vec::new(),
            ahead: (0, Bytes::new()),
        };
        cursor.open_leaf(key)?;
        if matches!(from, Bound::Excluded(key) if cursor.row().is_some_and(|(found, _)| found == key)) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    pub(super) fn row(&self) -> Option<Row<'_>> {
        let (_, value) = self.block.as_ref()?.row(self.row)?;
        Some((&self.key, value))
    }

    /// Puts the key of the row that it stands at together; the prefix is there already where `same_block`.
    fn take_key(&mut self, same_block: bool) {
        let Some(block) = &self.block else {
            return;
        };
        let prefix = block.prefix();
        self.key.truncate(if same_block { prefix.len() } else { 0 });
        if !same_block {
            self.key.extend_from_slice(prefix);
        }
        let (rest, _) = block.row(self.row).unwrap_or_default();
        self.key.extend_from_slice(rest);
    }

    pub(super) fn advance(&mut self) -> Result<(), FileFault> {
        self.row += 1;
        if self.block.as_ref().is_some_and(|block| self.row < block.len()) {
            self.take_key(true);
            return Ok(());
        }
        self.in_index += 1;
        if self.index.as_ref().is_some_and(|index| self.in_index < index.len()) {
            return self.open_block(&[]);
        }
        self.leaf += 1;
        self.open_leaf(&[])
    }

    /// Opens the leaf that it stands at, at the first row from `key` on.
    fn open_leaf(&mut self, key: &[u8]) -> Result<(), FileFault> {
        (self.index, self.block, self.in_index, self.row) = (None, None, 0, 0);
        let Some(at) = self.run.leaves.get(self.leaf).cloned() else {
            return Ok(());
        };
        let Some(leaf) = at.get() else {
            return Ok(());
        };
        let index = match &self.blocks {
            Blocks::Cached(cache) => cache.block(&at.file, leaf.index)?,
            Blocks::Ahead => at.file.block(leaf.index)?,
        };
        self.in_index = index.seek(key);
        self.index = Some(index);
        self.open_block(key)
    }

    fn open_block(&mut self, key: &[u8]) -> Result<(), FileFault> {
        let (Some(at), Some(index)) = (self.run.leaves.get(self.leaf).cloned(), &self.index) else {
            return Ok(());
        };
        let place = index.row(self.in_index).and_then(|(_, place)| decode_place(place?));
        let Some(place) = place else {
            return match at.get() {
                Some(leaf) => Err(at.file.damage(leaf.index).into()),
                None => Ok(()),
            };
        };
        let block = match &self.blocks {
            Blocks::Cached(cache) => cache.block(&at.file, place)?,
            Blocks::Ahead => self.block_ahead(&at, place)?,
        };
        self.row = block.seek(key);
        self.block = Some(block);
        self.take_key(false);
        Ok(())
    }

    fn block_ahead(&mut self, at: &LeafRef, place: Place) -> Result<Block, FileFault> {
        let (start, bytes) = &self.ahead;
        let is_there = place.offset >= *start && place.end() <= start + bytes.len() as u64;
        if !is_there || self.in_index == 0 {
            let end = at.get().map_or(0, |leaf| leaf.index.offset);
            if place.end() > end {
                return Err(at.file.damage(place).into());
            }
            let len = (end - place.offset).min((AHEAD_BYTES as u64).max(place.len_bytes.into()));
            self.ahead = (place.offset, at.file.read_raw(place.offset, len as usize)?);
        }
        let (start, bytes) = &self.ahead;
        let from = (place.offset - start) as usize;
        let end = bytes.len().min(from + place.len_bytes as usize);
        at.file.block_in(place, &bytes.slice(from.min(end)..end))
    }
}
