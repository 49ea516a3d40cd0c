//! The simulated network: messages take time, overtake one another, and are lost where a test says so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::random::Generator;
use crate::{Clock, Network, Spawn};

/// The network of the simulation. Clones are the same network; it outlives the lives of the process.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    generator: Generator,
    delay_max: Duration,
    lost_in_1000: u64,
    cut: BTreeSet<(u64, u64)>,
}

impl SimulatedNetwork {
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            generator: Generator::new(seed),
            delay_max: Duration::from_micros(200),
            lost_in_1000: 0,
            cut: BTreeSet::new(),
        };
        SimulatedNetwork { state: Arc::new(Mutex::new(state)) }
    }

    /// Every message takes up to so long, drawn for each: so they overtake one another.
    pub fn set_delay_max(&self, time: Duration) {
        self.state.lock().delay_max = time;
    }

    /// So many of 1,000 messages are lost.
    pub fn lose(&self, in_1000: u64) {
        self.state.lock().lost_in_1000 = in_1000;
    }

    /// Nothing goes from one place to another any more; the other direction is not touched.
    pub fn cut(&self, from: u64, to: u64) {
        self.state.lock().cut.insert((from, to));
    }

    /// All places reach one another again.
    pub fn mend(&self) {
        self.state.lock().cut.clear();
    }

    /// How long the next message takes; `None` where it is lost.
    fn draw(&self, from: u64, to: u64) -> Option<Duration> {
        let mut state = self.state.lock();
        let lost_in_1000 = state.lost_in_1000;
        let is_lost = state.generator.chance(lost_in_1000, 1000) || state.cut.contains(&(from, to));
        let bound = u64::try_from(state.delay_max.as_nanos()).unwrap_or(u64::MAX);
        let delay = Duration::from_nanos(state.generator.below(bound));
        (!is_lost).then_some(delay)
    }
}

/// The network as one life of the process has it.
pub(super) struct NetworkOfLife {
    pub(super) network: SimulatedNetwork,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spawn: Arc<dyn Spawn>,
}

impl Network for NetworkOfLife {
    fn carry(&self, from: u64, to: u64, deliver: Box<dyn FnOnce() + Send>) {
        let Some(delay) = self.network.draw(from, to) else {
            return;
        };
        let sleep = self.clock.sleep(delay);
        drop(self.spawn.task(Box::pin(async move {
            sleep.await;
            deliver();
        })));
    }
}
