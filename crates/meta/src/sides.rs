//! Two keyspaces for each partition of a drive, one of them in use: a replica is filled beside what it holds, and readers go
//! from one complete state to the next.
//!
//! Invariants:
//! - The side in use is complete: what some prefix of the log came to, with its applied index. The log goes on from it.
//! - Nobody reads the spare side, and only [`crate::snapshot`] writes it. It goes when the log has begun anew behind what
//!   was filled, or at the next start, where the log tells which side it goes on from.
//! - A read is of one side as it was in use: where the sides were exchanged meanwhile it is made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use bytes::Bytes;
use model::ids::PartitionId;

use crate::engine::{
    Engine, EngineBatch, EngineCheck, EngineError, EngineSnapshot, EngineStatistics, FoundDamage, KeyRange,
    Visit,
};

/// Tells the second side's keyspace from the first one's, which has the partition's number: see `docs/formats/engine.md`.
const SECOND: u16 = 1 << 15;

/// More partitions than this can't be told apart on an engine.
pub(crate) const PARTITIONS_MAX: u16 = SECOND - 1;

/// An engine whose keyspaces are partitions, wherever each of them lies now.
pub(crate) struct Sides {
    base: Arc<dyn Engine>,
    /// By partition number: how often the sides were exchanged. Where that is odd, the second one is in use.
    exchanges: Vec<AtomicU64>,
}

impl Sides {
    /// The first sides are in use.
    pub(crate) fn new(base: Arc<dyn Engine>, partitions: usize) -> Self {
        Sides { base, exchanges: (0..partitions).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Where the spare side is written: in keyspace [`Sides::spare`].
    pub(crate) fn base(&self) -> &dyn Engine {
        &*self.base
    }

    /// The keyspace of the side that is not in use.
    pub(crate) fn spare(&self, partition: PartitionId) -> PartitionId {
        side(partition, self.exchanges(partition) + 1)
    }

    /// Puts the spare side, which must be complete, in the place of the one in use.
    pub(crate) fn exchange(&self, partition: PartitionId) {
        if let Some(exchanges) = self.exchanges.get(usize::from(partition.0)) {
            exchanges.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Removes the spare side where there is one.
    pub(crate) fn drop_spare(&self, partition: PartitionId) -> Result<(), EngineError> {
        let spare = self.spare(partition);
        if self.base.keyspaces()?.contains(&spare) { self.base.drop_keyspace(spare) } else { Ok(()) }
    }

    fn exchanges(&self, partition: PartitionId) -> u64 {
        self.exchanges.get(usize::from(partition.0)).map_or(0, |exchanges| exchanges.load(Ordering::Acquire))
    }

    /// The partition of which a keyspace is the side in use.
    fn in_use(&self, keyspace: PartitionId) -> Option<PartitionId> {
        let partition = PartitionId(keyspace.0 & !SECOND);
        (side(partition, self.exchanges(partition)) == keyspace).then_some(partition)
    }

    /// Reads the side in use. A side goes only after the exchange, so a read after which there was none saw it whole.
    fn steady<T>(
        &self,
        partition: PartitionId,
        read: impl Fn(PartitionId) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        loop {
            let before = self.exchanges(partition);
            let found = read(side(partition, before));
            fence(Ordering::Acquire);
            if self.exchanges(partition) == before {
                return found;
            }
        }
    }
}

/// The side that is in use after so many exchanges.
fn side(partition: PartitionId, exchanges: u64) -> PartitionId {
    if exchanges.is_multiple_of(2) { partition } else { PartitionId(partition.0 | SECOND) }
}

impl Engine for Sides {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.steady(keyspace, |side| self.base.get(side, key))
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        // A visit can't be taken back, so what is visited must not change sides.
        self.snapshot(keyspace)?.scan(range, visit)
    }

    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.steady(keyspace, |side| self.base.snapshot(side))
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        batch.move_to(|partition| side(partition, self.exchanges(partition)));
        let written = self.base.write(batch);
        if written.is_err() {
            batch.move_to(|side| PartitionId(side.0 & !SECOND));
        }
        written
    }

    fn persist(&self) -> Result<(), EngineError> {
        self.base.persist()
    }

    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.base.drop_keyspace(side(keyspace, self.exchanges(keyspace)))
    }

    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
        self.base.compact(side(keyspace, self.exchanges(keyspace)))
    }

    fn rest(&self) -> Result<(), EngineError> {
        self.base.rest()
    }

    fn rows_about(&self, keyspace: PartitionId) -> Result<u64, EngineError> {
        self.base.rows_about(side(keyspace, self.exchanges(keyspace)))
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        let keyspaces = self.base.keyspaces()?;
        let mut partitions: Vec<_> =
            keyspaces.into_iter().filter_map(|keyspace| self.in_use(keyspace)).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    fn check(&self) -> Option<Box<dyn EngineCheck>> {
        self.base.check()
    }

    /// The partitions of which a side that is in use can't be read.
    fn rewrite(&self, found: &[FoundDamage]) -> Result<Vec<PartitionId>, EngineError> {
        let unreadable = self.base.rewrite(found)?;
        Ok(unreadable.into_iter().filter_map(|keyspace| self.in_use(keyspace)).collect())
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.base.statistics()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.base.close()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use parking_lot::Mutex;

    use super::*;
    use crate::engine::ALL_KEYS;
    use crate::engine::memory::MemoryEngineStore;
    use crate::machine::Applied;
    use crate::snapshot;

    const P: PartitionId = PartitionId(3);

    type Hook = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

    /// Calls somebody before and after everything that it does.
    struct Watched {
        engine: Arc<dyn Engine>,
        hook: Hook,
    }

    impl Watched {
        fn during<T>(&self, work: impl FnOnce() -> T) -> T {
            let hook = self.hook.lock().take();
            let call = || {
                if let Some(hook) = &hook {
                    hook();
                }
            };
            call();
            let done = work();
            call();
            *self.hook.lock() = hook;
            done
        }
    }

    impl Engine for Watched {
        fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
            self.engine.get(keyspace, key)
        }
        fn scan(
            &self,
            keyspace: PartitionId,
            range: KeyRange<'_>,
            visit: &mut Visit<'_>,
        ) -> Result<(), EngineError> {
            self.engine.scan(keyspace, range, visit)
        }
        fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
            self.engine.snapshot(keyspace)
        }
        fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
            self.during(|| self.engine.write(batch))
        }
        fn persist(&self) -> Result<(), EngineError> {
            self.during(|| self.engine.persist())
        }
        fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError> {
            self.during(|| self.engine.drop_keyspace(keyspace))
        }
        fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError> {
            self.engine.compact(keyspace)
        }
        fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
            self.engine.keyspaces()
        }
        fn statistics(&self) -> Result<EngineStatistics, EngineError> {
            self.engine.statistics()
        }
        fn close(&self) -> Result<(), EngineError> {
            self.engine.close()
        }
    }

    /// Rows of which each has the same value as all others.
    fn fill(engine: &dyn Engine, value: u8) {
        let mut batch = EngineBatch::default();
        for key in 0..100u8 {
            batch.put(P, &[9, key], &[value; 64 << 10]);
        }
        Applied { index: u64::from(value), term: 1, ..Applied::default() }.store(P, &mut batch);
        engine.write(&mut batch).unwrap();
    }

    /// The one value of all rows, as a scan and as single reads see them.
    fn value_of_all(engine: &dyn Engine) -> u8 {
        let mut scanned = Vec::new();
        engine
            .scan(P, ALL_KEYS, &mut |key, value| {
                scanned.extend((key[0] == 9).then(|| value[0]));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(scanned.len(), 100, "all rows are there");
        scanned.dedup();
        assert_eq!(scanned.len(), 1, "rows of one state");
        let one = engine.get(P, &[9, 50]).unwrap().unwrap()[0];
        assert_eq!(one, scanned[0]);
        one
    }

    #[test]
    fn whoever_reads_while_a_snapshot_is_installed_sees_a_complete_state() {
        let sender = Sides::new(Arc::new(MemoryEngineStore::default().open()), 8);
        let hook = Hook::default();
        let engine = Arc::new(MemoryEngineStore::default().open());
        let sides = Arc::new(Sides::new(Arc::new(Watched { engine, hook: Arc::clone(&hook) }), 8));
        fill(&*sides, 1);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (reader, values) = (Arc::clone(&sides), Arc::clone(&seen));
        *hook.lock() = Some(Box::new(move || values.lock().push(value_of_all(&*reader))));
        for value in 2..5 {
            fill(&sender, value);
            let rows = sender.snapshot(P).unwrap();
            let applied = snapshot::fill(&sides, P, &*rows).unwrap();
            sides.exchange(P);
            assert_eq!(applied.index, u64::from(value));
            assert_eq!(value_of_all(&*sides), value);
            sides.drop_spare(P).unwrap();
            assert_eq!(sides.keyspaces().unwrap(), [P]);
        }
        let seen = seen.lock();
        assert!(seen.len() > 20 && seen.is_sorted(), "{seen:?}");
    }

    #[test]
    fn a_read_in_whose_middle_the_sides_are_exchanged_is_made_again() {
        let sides = Sides::new(Arc::new(MemoryEngineStore::default().open()), 8);
        fill(&sides, 1);
        let mut spare = EngineBatch::default();
        spare.put(sides.spare(P), &[9, 50], b"new");
        sides.base().write(&mut spare).unwrap();
        let read = sides.steady(P, |side| {
            if sides.exchanges(P) == 0 {
                sides.exchange(P);
                sides.drop_spare(P)?;
            }
            sides.base().get(side, &[9, 50])
        });
        assert_eq!(read.unwrap().unwrap(), "new");
    }
}
