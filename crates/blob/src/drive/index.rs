//! Where the packed shards of a drive are, in memory: rebuilt from the segments at every start.
//!
//! What always holds: a shard has one entry at most; an entry is 28 bytes, so that millions fit. The locks are held for
//! one look each, never across I/O.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::ops::Range;
use std::task::Poll;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;
use model::ids::BlobId;
use model::time::Timestamp;
use parking_lot::Mutex;

use super::format::BODY_BYTES_MAX;

const TABLES: usize = 64;
const LENGTH_BITS: u32 = 27;

const _: () = assert!(BODY_BYTES_MAX < 1 << LENGTH_BITS);
const _: () = assert!(model::limits::SHARDS_MAX <= 1 << (32 - LENGTH_BITS));

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The segment.
    pub(crate) segment: u32,
    /// Where the record begins in it.
    pub(crate) offset: u32,
    /// Bytes of its body.
    pub(crate) length: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    id: BlobId,
    segment: u32,
    offset: u32,
    shard_and_length: u32,
}

const _: () = assert!(size_of::<Slot>() == 28);

impl Slot {
    fn new(id: BlobId, shard: u8, location: Location) -> Self {
        assert!(location.length < 1 << LENGTH_BITS, "a record's length fits the index");
        Slot {
            id,
            segment: location.segment,
            offset: location.offset,
            shard_and_length: u32::from(shard) << LENGTH_BITS | location.length,
        }
    }

    fn shard(&self) -> u8 {
        (self.shard_and_length >> LENGTH_BITS) as u8
    }

    fn is(&self, id: &BlobId, shard: u8) -> bool {
        self.id == *id && self.shard() == shard
    }

    fn location(&self) -> Location {
        Location {
            segment: self.segment,
            offset: self.offset,
            length: self.shard_and_length & ((1 << LENGTH_BITS) - 1),
        }
    }
}

fn hash(id: &BlobId, shard: u8) -> u64 {
    // The end of an id is random: it needs no hashing.
    let [.., a, b, c, d, e, f, g, h] = *id.bytes();
    let random = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    random ^ u64::from(shard).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn hash_of(slot: &Slot) -> u64 {
    hash(&slot.id, slot.shard())
}

/// The index of a drive.
pub(crate) struct Index {
    tables: Vec<Mutex<HashTable<Slot>>>,
}

impl Default for Index {
    fn default() -> Self {
        Index { tables: (0..TABLES).map(|_| Mutex::default()).collect() }
    }
}

impl Index {
    fn table(&self, hash: u64) -> Option<&Mutex<HashTable<Slot>>> {
        self.tables.get((hash >> 40) as usize % TABLES)
    }

    /// Where a shard is.
    pub(crate) fn find(&self, id: &BlobId, shard: u8) -> Option<Location> {
        let hash = hash(id, shard);
        let table = self.table(hash)?.lock();
        let slot = table.find(hash, |slot| slot.is(id, shard))?;
        Some(slot.location())
    }

    /// Says where a shard is; gives where it was.
    pub(crate) fn insert(&self, id: BlobId, shard: u8, location: Location) -> Option<Location> {
        let hash = hash(&id, shard);
        let mut table = self.table(hash)?.lock();
        let new = Slot::new(id, shard, location);
        match table.entry(hash, |slot| slot.is(&id, shard), hash_of) {
            TableEntry::Occupied(mut old) => Some(std::mem::replace(old.get_mut(), new).location()),
            TableEntry::Vacant(place) => {
                place.insert(new);
                None
            }
        }
    }

    /// Says that a shard is elsewhere now, if it is still where the caller thinks.
    pub(crate) fn replace(&self, id: BlobId, shard: u8, from: Location, to: Location) -> bool {
        let hash = hash(&id, shard);
        let Some(table) = self.table(hash) else {
            return false;
        };
        let mut table = table.lock();
        match table.find_mut(hash, |slot| slot.is(&id, shard)) {
            Some(slot) if slot.location() == from => {
                *slot = Slot::new(id, shard, to);
                true
            }
            _ => false,
        }
    }

    /// Forgets a shard, if `only_at` does not say that it is elsewhere; gives where it was.
    pub(crate) fn remove(&self, id: &BlobId, shard: u8, only_at: Option<Location>) -> Option<Location> {
        let hash = hash(id, shard);
        let mut table = self.table(hash)?.lock();
        let found = table
            .find_entry(hash, |slot| slot.is(id, shard))
            .ok()
            .filter(|found| only_at.is_none_or(|at| at == found.get().location()))?;
        Some(found.remove().0.location())
    }

    /// All shards in a segment. Walks the whole index, and lets others go on after each table: millions of entries take
    /// longer than a request may wait.
    pub(crate) async fn in_segment(&self, segment: u32) -> Vec<(BlobId, u8, Location)> {
        let mut found = Vec::new();
        for table in &self.tables {
            found.extend(within_segment(&table.lock(), segment));
            give_way().await;
        }
        // In the order of places, so that reading them is sequential.
        found.sort_unstable_by_key(|(_, _, location)| location.offset);
        found
    }

    /// The first `limit` shards after `after` in one of the tables, by blob and shard, made in a time range: a page costs
    /// no more than a table, however many pages there are. `None` behind the last table.
    pub(crate) fn page(
        &self,
        made: &Range<Timestamp>,
        table: u32,
        after: Option<(BlobId, u8)>,
        limit: usize,
    ) -> Option<Vec<(BlobId, u8)>> {
        let mut page = BTreeSet::new();
        for slot in self.tables.get(table as usize)?.lock().iter() {
            let key = (slot.id, slot.shard());
            if after.is_some_and(|after| key <= after) || !made.contains(&slot.id.created()) {
                continue;
            }
            page.insert(key);
            if page.len() > limit {
                page.pop_last();
            }
        }
        Some(page.into_iter().collect())
    }
}

fn within_segment(
    table: &HashTable<Slot>,
    segment: u32,
) -> impl Iterator<Item = (BlobId, u8, Location)> + '_ {
    let there = table.iter().filter(move |slot| slot.segment == segment);
    there.map(|slot| (slot.id, slot.shard(), slot.location()))
}

/// Lets other tasks of the thread go on first.
async fn give_way() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u8, u32),
        Remove(u8, u8),
        RemoveAt(u8, u8, u32),
        Replace(u8, u8, u32, u32),
    }

    fn id(number: u8) -> BlobId {
        BlobId::new(Timestamp::from_millis(u64::from(number)), [number; 10])
    }

    fn at(offset: u32) -> Location {
        Location { segment: 1, offset, length: offset % 100 + 1 }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (blob, shard, offset) = (0u8..20, 0u8..3, 0u32..4);
        let step = prop_oneof![
            (blob.clone(), shard.clone(), offset.clone()).prop_map(|(b, s, o)| Step::Insert(b, s, o)),
            (blob.clone(), shard.clone()).prop_map(|(b, s)| Step::Remove(b, s)),
            (blob.clone(), shard.clone(), offset.clone()).prop_map(|(b, s, o)| Step::RemoveAt(b, s, o)),
            (blob, shard, offset.clone(), offset).prop_map(|(b, s, o, p)| Step::Replace(b, s, o, p)),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_map(steps in steps()) {
            let index = Index::default();
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(b, s, o) => prop_assert_eq!(
                        index.insert(id(b), s, at(o)),
                        model.insert((id(b), s), at(o))
                    ),
                    Step::Remove(b, s) => prop_assert_eq!(
                        index.remove(&id(b), s, None),
                        model.remove(&(id(b), s))
                    ),
                    Step::RemoveAt(b, s, o) => {
                        let there = model.get(&(id(b), s)) == Some(&at(o));
                        prop_assert_eq!(index.remove(&id(b), s, Some(at(o))).is_some(), there);
                        if there {
                            model.remove(&(id(b), s));
                        }
                    }
                    Step::Replace(b, s, o, p) => {
                        let there = model.get(&(id(b), s)) == Some(&at(o));
                        prop_assert_eq!(index.replace(id(b), s, at(o), at(p)), there);
                        if there {
                            model.insert((id(b), s), at(p));
                        }
                    }
                }
            }
            for b in 0..20 {
                for s in 0..3 {
                    prop_assert_eq!(index.find(&id(b), s), model.get(&(id(b), s)).copied());
                }
            }
            let made = Timestamp::from_millis(5)..Timestamp::from_millis(15);
            let mut paged = Vec::new();
            let (mut table, mut after) = (0, None);
            while let Some(page) = index.page(&made, table, after, 2) {
                after = page.last().copied();
                table += u32::from(after.is_none());
                paged.extend(page);
            }
            paged.sort_unstable();
            let expected: Vec<_> =
                model.into_keys().filter(|(id, _)| made.contains(&id.created())).collect();
            prop_assert_eq!(paged, expected);
        }
    }
}
