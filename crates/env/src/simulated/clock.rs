//! The simulated clocks.
//!
//! The monotonic clock is the time of the simulation, through all lives. The wall clock is a base, plus that, plus an
//! offset that tests set: it jumps when they say so and never else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::time::Timestamp;

use super::timeline::Timeline;
use crate::{BoxFuture, Clock};

/// What the wall clock shows at the start: the first of January 2026, in milliseconds since 1970.
const BASE_MS: u64 = 1_767_225_600_000;

/// The clocks of the simulation. Clones are the same clocks.
#[derive(Clone)]
pub struct SimulatedClock {
    timeline: Arc<Timeline>,
    offset_ms: Arc<AtomicI64>,
}

impl SimulatedClock {
    pub(super) fn new(timeline: Arc<Timeline>) -> Self {
        SimulatedClock { timeline, offset_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// Lets the wall clock jump by so many milliseconds, backwards where negative.
    pub fn jump_ms(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedClock({:?})", self.monotonic())
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let ms = BASE_MS + self.timeline.now_ns() / 1_000_000;
        Timestamp::from_millis(ms.saturating_add_signed(self.offset_ms.load(Ordering::Relaxed)))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.timeline.now_ns())
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.timeline.sleep(time))
    }
}
