//! The newest rows, in memory: by keyspace, sorted, each with the versions that somebody may still read.
//!
//! - A version that no snapshot reads is overwritten in place: a counter that changes with every batch takes room once.
//! - Sequences are those of batches. A reader at a sequence sees the newest version that is not above it.
//! - Readers and the one writer hold the lock of a keyspace for some rows at a time, never while others are called.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hashbrown::HashMap;
use model::ids::PartitionId;
use parking_lot::RwLock;

use super::block::Row;
use crate::engine::EngineBatch;

/// Bytes that a row takes besides key and value, about.
const ROW_OVERHEAD_BYTES: usize = 96;
/// Rows that a cursor copies at a time, and bytes at which it stops before.
const COPIED_ROWS: usize = 64;
const COPIED_BYTES: usize = 64 << 10;

/// A version of a row: the batch that wrote it, and the value or `None` where it removed the row.
type Version = (u64, Option<Box<[u8]>>);

/// The versions of a row: the newest, and those before that snapshots may read, oldest first.
#[derive(Debug)]
struct Versions {
    newest: Version,
    older: Vec<Version>,
}

impl Versions {
    fn at(&self, sequence: u64) -> Option<&Version> {
        if self.newest.0 <= sequence {
            return Some(&self.newest);
        }
        self.older.iter().rev().find(|version| version.0 <= sequence)
    }
}

/// The rows of one keyspace.
#[derive(Debug, Default)]
pub(super) struct KeyspaceRows {
    rows: RwLock<BTreeMap<Box<[u8]>, Versions>>,
}

/// Rows in memory.
#[derive(Debug, Default)]
pub(super) struct Memtable {
    keyspaces: RwLock<HashMap<PartitionId, Arc<KeyspaceRows>>>,
    bytes: AtomicUsize,
}

impl Memtable {
    /// Adds a batch as `sequence`. `read_up_to`: the highest sequence that a snapshot reads at, if there are any.
    pub(super) fn write(&self, batch: &EngineBatch, sequence: u64, read_up_to: Option<u64>) {
        let mut operations = batch.operations().peekable();
        while let Some(keyspace) = operations.peek().map(|operation| operation.keyspace) {
            let there = self.keyspace_or_new(keyspace);
            let mut rows = there.rows.write();
            while let Some(operation) = operations.next_if(|operation| operation.keyspace == keyspace) {
                let value = operation.value.map(Box::from);
                let grown = put(&mut rows, operation.key, (sequence, value), read_up_to);
                // Wraps where a value became shorter, which adds up all the same.
                self.bytes.fetch_add(grown as usize, Ordering::Relaxed);
            }
        }
    }

    /// The newest value of a key: `None` where nothing is known of it, `Some(None)` where it was removed.
    pub(super) fn get(&self, keyspace: PartitionId, key: &[u8], sequence: u64) -> Option<Option<Bytes>> {
        let there = self.keyspace(keyspace)?;
        let rows = there.rows.read();
        let (_, value) = rows.get(key)?.at(sequence)?;
        Some(value.as_deref().map(Bytes::copy_from_slice))
    }

    pub(super) fn keyspace(&self, keyspace: PartitionId) -> Option<Arc<KeyspaceRows>> {
        self.keyspaces.read().get(&keyspace).cloned()
    }

    /// The keyspaces that were written to, ascending.
    pub(super) fn keyspaces(&self) -> Vec<PartitionId> {
        let mut keyspaces: Vec<_> = self.keyspaces.read().keys().copied().collect();
        keyspaces.sort_unstable();
        keyspaces
    }

    /// Forgets the rows of a keyspace.
    pub(super) fn remove_keyspace(&self, keyspace: PartitionId) {
        self.keyspaces.write().remove(&keyspace);
    }

    /// About how many bytes it takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keyspaces.read().is_empty()
    }

    fn keyspace_or_new(&self, keyspace: PartitionId) -> Arc<KeyspaceRows> {
        match self.keyspace(keyspace) {
            Some(there) => there,
            None => Arc::clone(self.keyspaces.write().entry(keyspace).or_default()),
        }
    }
}

impl KeyspaceRows {
    /// How many rows there are, removed ones included.
    pub(super) fn len(&self) -> usize {
        self.rows.read().len()
    }
}

/// Puts a version in place; returns by how many bytes the rows grew.
fn put(
    rows: &mut BTreeMap<Box<[u8]>, Versions>,
    key: &[u8],
    version: Version,
    read_up_to: Option<u64>,
) -> isize {
    let len = |version: &Version| version.1.as_ref().map_or(0, |value| value.len());
    let new_len = len(&version) as isize;
    let Some(versions) = rows.get_mut(key) else {
        rows.insert(key.into(), Versions { newest: version, older: Vec::new() });
        return new_len + (key.len() + ROW_OVERHEAD_BYTES) as isize;
    };
    let before = std::mem::replace(&mut versions.newest, version);
    if read_up_to.is_some_and(|sequence| sequence >= before.0) {
        versions.older.push(before);
        return new_len + size_of::<Version>() as isize;
    }
    new_len - len(&before) as isize
}

/// Walks through the rows of a keyspace as they were at a sequence.
#[derive(Debug)]
pub(super) struct MemoryCursor {
    rows: Arc<KeyspaceRows>,
    sequence: u64,
    /// Keys and values of the copied rows.
    bytes: Vec<u8>,
    /// Where keys and values end in `bytes`; `None`: no value.
    copied: Vec<(usize, Option<usize>)>,
    at: usize,
    start: usize,
    ended: bool,
}

impl MemoryCursor {
    /// Stands at the first row from `from` on.
    pub(super) fn new(rows: Arc<KeyspaceRows>, from: Bound<&[u8]>, sequence: u64) -> Self {
        let mut cursor = MemoryCursor {
            rows,
            sequence,
            bytes: Vec::new(),
            copied: Vec::new(),
            at: 0,
            start: 0,
            ended: false,
        };
        cursor.copy(from);
        cursor
    }

    pub(super) fn row(&self) -> Option<Row<'_>> {
        let (key_end, value_end) = *self.copied.get(self.at)?;
        let key = self.bytes.get(self.start..key_end)?;
        Some((key, value_end.and_then(|end| self.bytes.get(key_end..end))))
    }

    pub(super) fn advance(&mut self) {
        let Some((key_end, value_end)) = self.copied.get(self.at).copied() else {
            return;
        };
        if self.at + 1 == self.copied.len() && !self.ended {
            let last: Vec<u8> = self.bytes.get(self.start..key_end).unwrap_or_default().to_vec();
            self.copy(Bound::Excluded(&last));
            return;
        }
        self.start = value_end.unwrap_or(key_end);
        self.at += 1;
    }

    /// Copies the next rows.
    fn copy(&mut self, from: Bound<&[u8]>) {
        (self.at, self.start) = (0, 0);
        self.bytes.clear();
        self.copied.clear();
        let there = Arc::clone(&self.rows);
        let rows = there.rows.read();
        let mut range: btree_map::Range<'_, Box<[u8]>, Versions> =
            rows.range::<[u8], _>((from, Bound::Unbounded));
        while self.copied.len() < COPIED_ROWS && self.bytes.len() < COPIED_BYTES {
            let Some((key, versions)) = range.next() else {
                self.ended = true;
                return;
            };
            if let Some((_, value)) = versions.at(self.sequence) {
                self.bytes.extend_from_slice(key);
                let key_end = self.bytes.len();
                self.bytes.extend_from_slice(value.as_deref().unwrap_or_default());
                self.copied.push((key_end, value.as_ref().map(|_| self.bytes.len())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(1);

    fn write(table: &Memtable, sequence: u64, read: Option<u64>, changes: &[(&[u8], Option<&[u8]>)]) {
        let mut batch = EngineBatch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(P, key, value),
                None => batch.remove(P, key),
            }
        }
        table.write(&batch, sequence, read);
    }

    fn value(table: &Memtable, key: &[u8], sequence: u64) -> Option<Option<Vec<u8>>> {
        table.get(P, key, sequence).map(|value| value.map(|value| value.to_vec()))
    }

    #[test]
    fn a_reader_sees_what_was_written_up_to_its_sequence() {
        let table = Memtable::default();
        write(&table, 1, None, &[(b"a", Some(b"1")), (b"b", Some(b"1"))]);
        write(&table, 2, Some(1), &[(b"a", Some(b"22"))]);
        write(&table, 3, Some(1), &[(b"a", None)]);
        assert_eq!(value(&table, b"a", 0), None);
        assert_eq!(value(&table, b"a", 1), Some(Some(b"1".to_vec())));
        assert_eq!(value(&table, b"a", 3), Some(None));
        assert_eq!(value(&table, b"c", 9), None);
    }

    #[test]
    fn what_nobody_reads_is_overwritten_in_place() {
        let table = Memtable::default();
        write(&table, 1, None, &[(b"counter", Some(&[1; 100]))]);
        let before = table.size_bytes();
        for sequence in 2..1000 {
            write(&table, sequence, None, &[(b"counter", Some(&[2; 100]))]);
        }
        assert_eq!(table.size_bytes(), before);
        write(&table, 1000, None, &[(b"counter", Some(&[2; 10]))]);
        assert_eq!(table.size_bytes(), before - 90);
        // The snapshot at 1000 reads the version of 1000; later ones replace each other.
        for sequence in 1001..1100 {
            write(&table, sequence, Some(1000), &[(b"counter", Some(&[3; 10]))]);
        }
        assert!(table.size_bytes() < before + 100, "{} {before}", table.size_bytes());
        assert_eq!(value(&table, b"counter", 1000).unwrap().unwrap(), [2; 10]);
    }

    #[test]
    fn a_cursor_goes_on_where_it_was_while_rows_come_in() {
        let table = Memtable::default();
        for key in 0..1000u32 {
            write(&table, 1, None, &[(&(key * 2).to_be_bytes(), Some(b"old"))]);
        }
        let mut cursor =
            MemoryCursor::new(table.keyspace(P).unwrap(), Bound::Excluded(&10u32.to_be_bytes()), 1);
        let mut found = Vec::new();
        while let Some((key, value)) = cursor.row() {
            assert_eq!(value, Some(&b"old"[..]));
            let key = u32::from_be_bytes(key.try_into().unwrap());
            found.push(key);
            write(&table, 2, Some(1), &[(&(key + 1).to_be_bytes(), Some(b"new"))]);
            write(&table, 2, Some(1), &[(&(key + 2).to_be_bytes(), None)]);
            cursor.advance();
        }
        assert_eq!(found, (6..1000).map(|key| key * 2).collect::<Vec<_>>());
    }
}
