//! Keeps seeks fast and gives space back: a partition whose seeks have become slow, because they step over many deleted
//! rows, is compacted beside what goes on, and one that is at rest with many deleted rows as well (LAB.md: 0.75 us per
//! tombstone until then).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use env::Env;
use model::ids::PartitionId;
use tracing::{info, warn};

use crate::engine::Engine;

/// A seek that takes longer is slow: some 30,000 deleted rows, or a drive or processor that is very busy.
const SLOW: Duration = Duration::from_millis(20);
/// Between two compactions of a partition because of seeks, at least: where they don't help they should not hurt.
const PAUSE: Duration = Duration::from_secs(60);
/// Fewer removed rows since the last compaction make no seek slow.
const REMOVED_MIN: u64 = 10_000;
/// At rest a partition is compacted when one of so many of its rows was removed: the work is in proportion to what went.
const REST_ROWS_PER_REMOVED: u64 = 8;

/// Watches the seeks and removals of one partition on one drive.
#[derive(Clone)]
pub(crate) struct Seeks {
    env: Env,
    partition: PartitionId,
    engine: Arc<dyn Engine>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    compacting: AtomicBool,
    not_before_ms: AtomicU64,
    /// Rows removed since the last compaction, or since the start.
    removed: AtomicU64,
    /// Whether it was compacted since the start: before, nobody knows what was removed.
    is_known: AtomicBool,
}

impl Seeks {
    pub(crate) fn new(env: &Env, partition: PartitionId, engine: &Arc<dyn Engine>) -> Self {
        Seeks { env: env.clone(), partition, engine: Arc::clone(engine), state: Arc::default() }
    }

    /// The time to measure a seek from.
    pub(crate) fn start(&self) -> Duration {
        self.env.clock.monotonic()
    }

    /// So many rows were removed.
    pub(crate) fn removed(&self, rows: usize) {
        self.state.removed.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// A seek that began at `start` has found its first row, or that there is none.
    pub(crate) fn found(&self, start: Duration) {
        let now = self.env.clock.monotonic();
        if now.saturating_sub(start) >= SLOW && self.may_help() && self.is_due(now) {
            self.compact_beside(now);
        }
    }

    /// Whether the drive is to compact the partition while it has nothing else to do; [`Seeks::compact`] is called then.
    pub(crate) fn wants_rest(&self) -> bool {
        let removed = self.state.removed.load(Ordering::Relaxed);
        let rows = || self.engine.rows_about(self.partition).unwrap_or(u64::MAX);
        removed >= REMOVED_MIN
            && rows() <= removed.saturating_mul(REST_ROWS_PER_REMOVED)
            && !self.state.compacting.swap(true, Ordering::AcqRel)
    }

    /// There is no thread to compact it now: it is due again.
    pub(crate) fn put_off(&self) {
        self.state.compacting.store(false, Ordering::Release);
    }

    /// Compacts the partition, whoever found that it is due.
    pub(crate) fn compact(&self) {
        let Seeks { partition, engine, state, .. } = self;
        let removed = state.removed.swap(0, Ordering::Relaxed);
        match engine.compact(*partition) {
            Ok(()) => info!(%partition, removed, "compacted the partition's rows"),
            Err(error) => warn!(%partition, %error, "the partition's rows could not be compacted"),
        }
        state.is_known.store(true, Ordering::Relaxed);
        state.compacting.store(false, Ordering::Release);
    }

    /// Slow seeks have other causes than removed rows, against which a compaction only adds to the load.
    fn may_help(&self) -> bool {
        !self.state.is_known.load(Ordering::Relaxed)
            || self.state.removed.load(Ordering::Relaxed) >= REMOVED_MIN
    }

    fn is_due(&self, now: Duration) -> bool {
        now.as_millis() as u64 >= self.state.not_before_ms.load(Ordering::Relaxed)
            && !self.state.compacting.swap(true, Ordering::AcqRel)
    }

    fn compact_beside(&self, now: Duration) {
        self.state.not_before_ms.store((now + PAUSE).as_millis() as u64, Ordering::Relaxed);
        let there = self.clone();
        let work = async move { there.compact() };
        if self.env.spawn.thread("rustfs-compact", Box::pin(work)).is_err() {
            self.put_off();
        }
    }
}

#[cfg(test)]
mod tests {
    use env::simulated::Simulation;

    use super::*;
    use crate::engine::memory::MemoryEngineStore;

    /// Runs on an engine that nothing is written to.
    fn with_seeks(test: impl AsyncFnOnce(Seeks)) {
        let ending = Simulation::with_drives(1, 1, 1 << 20).run(async |env| {
            let engine: Arc<dyn Engine> = Arc::new(MemoryEngineStore::default().open());
            test(Seeks::new(&env, PartitionId(3), &engine)).await;
        });
        ending.finished();
    }

    #[test]
    fn a_partition_is_compacted_at_rest_once_after_enough_was_removed() {
        with_seeks(async |seeks| {
            seeks.removed(REMOVED_MIN as usize - 1);
            assert!(!seeks.wants_rest());
            seeks.removed(1);
            assert!(seeks.wants_rest());
            assert!(!seeks.wants_rest(), "it is being compacted");
            seeks.compact();
            assert!(!seeks.wants_rest(), "nothing was removed since");
            seeks.removed(REMOVED_MIN as usize);
            assert!(seeks.wants_rest());
            seeks.put_off();
            assert!(seeks.wants_rest());
        });
    }

    #[test]
    fn slow_seeks_where_little_was_removed_compact_nothing() {
        with_seeks(async |seeks| {
            assert!(seeks.may_help(), "nobody knows what was removed before the start");
            seeks.compact();
            assert!(!seeks.may_help());
            seeks.removed(REMOVED_MIN as usize);
            assert!(seeks.may_help());
        });
    }
}
