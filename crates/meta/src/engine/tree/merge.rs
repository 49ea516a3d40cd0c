//! Rows of several sources as one: in order of their keys, of each key the row of the newest source that has it.

use std::cmp::Ordering;

use super::block::Row;
use super::file::FileFault;
use super::memtable::MemoryCursor;
use super::run::RunCursor;

/// Something that gives rows in order.
pub(super) enum Source {
    Memory(MemoryCursor),
    Run(Box<RunCursor>),
}

impl Source {
    fn row(&self) -> Option<Row<'_>> {
        match self {
            Source::Memory(cursor) => cursor.row(),
            Source::Run(cursor) => cursor.row(),
        }
    }

    fn advance(&mut self) -> Result<(), FileFault> {
        match self {
            Source::Memory(cursor) => {
                cursor.advance();
                Ok(())
            }
            Source::Run(cursor) => cursor.advance(),
        }
    }
}

/// The merged rows; removed ones are among them.
pub(super) struct Merge {
    /// The newest first.
    sources: Vec<Source>,
    /// A heap of those that have rows left: none comes before the one at half its place.
    heap: Vec<usize>,
}

impl Merge {
    /// Of sources that stand where the merge is to begin, the newest first.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        let heap = (0..sources.len()).filter(|at| sources.get(*at).is_some_and(|s| s.row().is_some()));
        let heap: Vec<usize> = heap.collect();
        let mut merge = Merge { sources, heap };
        for at in (0..merge.heap.len() / 2).rev() {
            merge.sift(at);
        }
        merge
    }

    /// The row it stands at.
    pub(super) fn row(&self) -> Option<Row<'_>> {
        self.row_of(*self.heap.first()?)
    }

    /// Goes on to the next key.
    pub(super) fn advance(&mut self) -> Result<(), FileFault> {
        let Some(&first) = self.heap.first() else {
            return Ok(());
        };
        // Older rows of the same key lie right below, wherever they are.
        while let Some(second) = self.second().filter(|second| self.keys(*second, first).is_eq()) {
            self.step(second)?;
        }
        self.step(first)
    }

    /// The source that comes after the first one.
    fn second(&self) -> Option<usize> {
        match (self.heap.get(1).copied(), self.heap.get(2).copied()) {
            (Some(left), Some(right)) if self.comes_before(right, left) => Some(right),
            (left, _) => left,
        }
    }

    /// Advances a source, one of the first three of the heap, and puts it in its place.
    fn step(&mut self, source: usize) -> Result<(), FileFault> {
        let Some(at) = self.heap.iter().take(3).position(|other| *other == source) else {
            return Ok(());
        };
        let Some(found) = self.sources.get_mut(source) else {
            return Ok(());
        };
        found.advance()?;
        if found.row().is_none() {
            self.heap.swap_remove(at);
        }
        self.sift(at);
        Ok(())
    }

    /// Lets the source at a place of the heap sink to where it belongs.
    fn sift(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            for child in [left, right] {
                if let (Some(&child_source), Some(&least_source)) =
                    (self.heap.get(child), self.heap.get(least))
                    && self.comes_before(child_source, least_source)
                {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    fn comes_before(&self, left: usize, right: usize) -> bool {
        self.keys(left, right).then(left.cmp(&right)).is_lt()
    }

    fn keys(&self, left: usize, right: usize) -> Ordering {
        let key = |source| self.row_of(source).map(|(key, _)| key);
        key(left).cmp(&key(right))
    }

    fn row_of(&self, source: usize) -> Option<Row<'_>> {
        self.sources.get(source)?.row()
    }
}
