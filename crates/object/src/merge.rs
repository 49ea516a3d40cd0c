//! One ordered scan over all partitions.
//!
//! Each partition is read a page ahead; the smallest of the first rows comes next. Rows that a listing does not want are
//! skipped by seeking where they are not in a page already, so that a page costs what it shows, not what it skips.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::{Bound, ControlFlow};

use meta::Reader;
use meta::table::{Table, after_prefix};

use crate::{ObjectError, Objects};

/// Rows read ahead from a partition, at least.
const PAGE_MIN: usize = 16;

/// A row: its encoded key and its value.
type Row = (Vec<u8>, Vec<u8>);

/// The first row of a partition: its key, which partition (by position), its value.
type Head = (Vec<u8>, usize, Vec<u8>);

struct Cursor {
    reader: Reader,
    page: VecDeque<Row>,
    /// Where the next page begins; `None` when there is none.
    next: Option<Bound<Vec<u8>>>,
}

/// Rows of a table over all partitions, in the order of their encoded keys.
pub(crate) struct Merged<T: Table> {
    cursors: Vec<Cursor>,
    /// The first row of each partition, by key.
    heads: BinaryHeap<Reverse<Head>>,
    end: Option<Vec<u8>>,
    page: usize,
    table: std::marker::PhantomData<T>,
}

impl Objects {
    /// Scans the keys that begin with `prefix`, from `start` on, about `wanted` of them.
    pub(crate) async fn merged<T: Table>(
        &self,
        prefix: &[u8],
        start: Bound<Vec<u8>>,
        wanted: usize,
    ) -> Result<Merged<T>, ObjectError> {
        let partitions: Vec<_> = self.inner.meta.partitions().collect();
        // A little more than its share from each, as keys don't spread evenly.
        let share = wanted / partitions.len().max(1);
        let mut cursors = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let reader = self.inner.meta.reader(partition).await?;
            cursors.push(Cursor { reader, page: VecDeque::new(), next: Some(start.clone()) });
        }
        let mut merged = Merged {
            cursors,
            heads: BinaryHeap::new(),
            end: after_prefix(prefix),
            page: (share + share / 4).max(PAGE_MIN),
            table: std::marker::PhantomData,
        };
        for position in 0..merged.cursors.len() {
            merged.advance(position)?;
        }
        Ok(merged)
    }
}

impl<T: Table> Merged<T> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, ObjectError> {
        let Some(Reverse((key, position, value))) = self.heads.pop() else {
            return Ok(None);
        };
        self.advance(position)?;
        Ok(Some((key, value)))
    }

    /// The key of the next row.
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        self.heads.peek().map(|Reverse((key, _, _))| key.as_slice())
    }

    /// Skips all rows whose keys begin with `prefix`.
    pub(crate) fn skip(&mut self, prefix: &[u8]) -> Result<(), ObjectError> {
        let after = after_prefix(prefix);
        while self.peek().is_some_and(|key| key.starts_with(prefix)) {
            let Some(Reverse((_, position, _))) = self.heads.pop() else {
                break;
            };
            if let Some(cursor) = self.cursors.get_mut(position) {
                cursor.skip(prefix, after.as_deref());
            }
            self.advance(position)?;
        }
        Ok(())
    }

    /// Puts the next row of a partition among the heads.
    fn advance(&mut self, position: usize) -> Result<(), ObjectError> {
        let Some(cursor) = self.cursors.get_mut(position) else {
            return Ok(());
        };
        if cursor.page.is_empty() {
            cursor.fill::<T>(self.end.as_deref(), self.page)?;
        }
        if let Some((key, value)) = cursor.page.pop_front() {
            self.heads.push(Reverse((key, position, value)));
        }
        Ok(())
    }
}

impl Cursor {
    fn skip(&mut self, prefix: &[u8], after: Option<&[u8]>) {
        while self.page.front().is_some_and(|(key, _)| key.starts_with(prefix)) {
            self.page.pop_front();
        }
        let lies_behind = |next: &Bound<Vec<u8>>| match (next, after) {
            (Bound::Included(next) | Bound::Excluded(next), Some(after)) => next.as_slice() < after,
            _ => true,
        };
        if self.page.is_empty() && self.next.as_ref().is_some_and(lies_behind) {
            self.next = after.map(|after| Bound::Included(after.to_vec()));
        }
    }

    fn fill<T: Table>(&mut self, end: Option<&[u8]>, limit: usize) -> Result<(), ObjectError> {
        let Some(start) = self.next.take() else {
            return Ok(());
        };
        let start = start.as_ref().map(Vec::as_slice);
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        if is_empty(start, end) {
            return Ok(());
        }
        let page = &mut self.page;
        self.reader.visit::<T>((start, end), &mut |key, value| {
            page.push_back((key.to_vec(), value.to_vec()));
            if page.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if self.page.len() >= limit {
            self.next = self.page.back().map(|(key, _)| Bound::Excluded(key.clone()));
        }
        Ok(())
    }
}

fn is_empty(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        _ => false,
    }
}
