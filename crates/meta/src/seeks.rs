//! Keeps seeks fast: a partition whose seeks have become slow, because they step over many deleted rows, is compacted beside
//! what goes on (LAB.md: 0.75 us per tombstone until then).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use env::Env;
use model::ids::PartitionId;
use tracing::{info, warn};

use crate::engine::Engine;

/// A seek that takes longer is slow: some 30,000 deleted rows, or a drive that is very busy.
const SLOW: Duration = Duration::from_millis(20);
/// Between two compactions of a partition, at least: where they don't help they should not hurt.
const PAUSE: Duration = Duration::from_secs(60);

/// Watches the seeks of one partition at its leader.
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
}

impl Seeks {
    pub(crate) fn new(env: &Env, partition: PartitionId, engine: &Arc<dyn Engine>) -> Self {
        Seeks { env: env.clone(), partition, engine: Arc::clone(engine), state: Arc::default() }
    }

    /// The time to measure a seek from.
    pub(crate) fn start(&self) -> Duration {
        self.env.clock.monotonic()
    }

    /// A seek that began at `start` has found its first row, or that there is none.
    pub(crate) fn found(&self, start: Duration) {
        let now = self.env.clock.monotonic();
        if now.saturating_sub(start) >= SLOW && self.is_due(now) {
            self.compact(now);
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        now.as_millis() as u64 >= self.state.not_before_ms.load(Ordering::Relaxed)
            && !self.state.compacting.swap(true, Ordering::AcqRel)
    }

    fn compact(&self, now: Duration) {
        let Seeks { partition, engine, state, .. } = self.clone();
        state.not_before_ms.store((now + PAUSE).as_millis() as u64, Ordering::Relaxed);
        let work = async move {
            match engine.compact(partition) {
                Ok(()) => info!(%partition, "compacted the partition's rows, as seeks had become slow"),
                Err(error) => warn!(%partition, %error, "the partition's rows could not be compacted"),
            }
            state.compacting.store(false, Ordering::Release);
        };
        if self.env.spawn.thread("rustfs-compact", Box::pin(work)).is_err() {
            self.state.compacting.store(false, Ordering::Release);
        }
    }
}
