//! One process on one seed.
//!
//! - Everything runs on one thread. Time stands still while anything can run and jumps when nothing can. Random numbers,
//!   the time that operations take and what a crash leaves are drawn from the seed: two runs of the same code on the same
//!   seed do the same things at the same times.
//! - The process lives as often as a test runs it ([`Simulation::run`]). Between lives only the drives are kept, with what
//!   a crash left on them ([`SimulatedDisks`]), the clocks, and the state of the random numbers.
//! - A power cut keeps what the obligations of [`crate::Disk`] promise and nothing else for certain. It is stricter than
//!   usual file systems: a synced file without a synced directory may be gone, and so may a directory whose parent was
//!   not synced.
//! - Nothing else passes time: a loop that only yields never ends, and `tokio::time` fails. A `select!` must be `biased`.
//!
//! A test counts the operations of a workload and crashes at each of them:
//!
//! ```
//! use env::simulated::{Crash, Simulation};
//! use env::{Env, read_file, replace_file};
//! use std::path::Path;
//!
//! async fn workload(env: Env, acknowledged: &mut u32) {
//!     for number in 1..=3 {
//!         let data = number.to_string().into();
//!         replace_file(&*env.disk, Path::new("/d1/number"), data).await.unwrap();
//!         *acknowledged = number;
//!     }
//! }
//!
//! let simulation = Simulation::with_drives(0, 1, 1 << 30);
//! simulation.run(async |env| workload(env, &mut 0).await).finished();
//! for nth in 1..=simulation.disks().operations() {
//!     let simulation = Simulation::with_drives(nth, 1, 1 << 30);
//!     simulation.disks().crash_after(nth, Crash::PowerCut);
//!     let mut acknowledged = 0;
//!     let _ = simulation.run(|env| workload(env, &mut acknowledged));
//!     let found = simulation.run(async |env| {
//!         let data = read_file(&*env.disk, Path::new("/d1/number"), 10).await;
//!         data.map_or(0, |data| String::from_utf8_lossy(&data).parse().unwrap())
//!     });
//!     let found: u32 = found.finished();
//!     assert!((acknowledged..=acknowledged + 1).contains(&found), "crash at {nth}");
//! }
//! ```

mod blocking;
mod change;
mod clock;
mod content;
mod data;
mod disk;
mod disks;
mod drive;
mod faults;
mod names;
mod network;
mod random;
mod spawn;
mod timeline;
mod trace;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use self::network::NetworkOfLife;
use self::timeline::{Over, Timeline};
use crate::{Clock, Env, Spawn};

pub use self::clock::SimulatedClock;
pub use self::disk::SimulatedDisk;
pub use self::disks::{Crash, Mishap, SimulatedDisks};
pub use self::faults::{Failure, Fault};
pub use self::network::SimulatedNetwork;
pub use self::random::{Generator, SimulatedRandom};
pub use self::spawn::SimulatedSpawn;
pub use self::trace::{DiskAction, Operation};

/// How long a life takes at most if the test does not say otherwise.
const LIFE_MAX: Duration = Duration::from_secs(3600);

/// One process, its machine, and the seed of everything that is left to chance.
#[derive(Debug)]
pub struct Simulation {
    disks: SimulatedDisks,
    clock: SimulatedClock,
    random: SimulatedRandom,
    network: SimulatedNetwork,
    timeline: Arc<Timeline>,
    life_max: Duration,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending<T> {
    /// Its future did, with this.
    Finished(T),
    /// By a crash.
    Crashed,
    /// It had waited for longer than a life may take, or nothing was left that could ever happen.
    Stuck,
}

impl<T> Ending<T> {
    /// What the future ended with.
    ///
    /// # Panics
    /// Where it did not end: a test that expects no crash wants to know.
    #[track_caller]
    pub fn finished(self) -> T {
        match self {
            Ending::Finished(value) => value,
            Ending::Crashed => panic!("the life crashed before its future had ended"),
            Ending::Stuck => panic!("the life is stuck: everything waits for what never comes"),
        }
    }
}

impl Simulation {
    /// Without drives yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut seeds = Generator::new(seed);
        let timeline = Arc::new(Timeline::new());
        Simulation {
            random: SimulatedRandom::new(seeds.number()),
            disks: SimulatedDisks::new(&mut seeds, Arc::clone(&timeline)),
            network: SimulatedNetwork::new(seeds.number()),
            clock: SimulatedClock::new(Arc::clone(&timeline)),
            timeline,
            life_max: LIFE_MAX,
        }
    }

    /// With drives `d1`, `d2` and so on of so many bytes each.
    #[must_use]
    pub fn with_drives(seed: u64, count: usize, capacity_bytes: u64) -> Self {
        let simulation = Simulation::new(seed);
        for number in 1..=count {
            simulation.disks.add_drive(&format!("d{number}"), capacity_bytes);
        }
        simulation
    }

    /// The drives: what is on them, crashes, and faults.
    #[must_use]
    pub fn disks(&self) -> &SimulatedDisks {
        &self.disks
    }

    /// The clocks, to let the wall clock jump.
    #[must_use]
    pub fn clock(&self) -> &SimulatedClock {
        &self.clock
    }

    /// The random numbers of the process.
    #[must_use]
    pub fn random(&self) -> &SimulatedRandom {
        &self.random
    }

    /// The network: delays, losses, cuts.
    #[must_use]
    pub fn network(&self) -> &SimulatedNetwork {
        &self.network
    }

    /// How much simulated time a life takes at most.
    pub fn set_life_max(&mut self, time: Duration) {
        self.life_max = time;
    }

    /// One life of the process: runs the future to its end, or until a crash. Tasks that are left are dropped then; what
    /// they had under way on the drives ends as if the process had been killed.
    ///
    /// # Panics
    /// With the panic of the future or of any task, and where the machine has no means for a runtime.
    pub fn run<T, F: Future<Output = T>>(&self, process: impl FnOnce(Env) -> F) -> Ending<T> {
        self.timeline.begin_life(self.life_max);
        let life = self.disks.begin_life();
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(error) => panic!("the operating system gives no means for a runtime: {error}"),
        };
        let env = self.env(runtime.handle(), life);
        let ended = End { simulation: self };
        let ending = runtime.block_on(self.live(process(env)));
        drop(ended);
        drop(runtime);
        match ending {
            Ok(value) => Ending::Finished(value),
            Err(Over::Crashed) => Ending::Crashed,
            Err(Over::Stuck) => Ending::Stuck,
            Err(Over::Panicked(panic)) => std::panic::resume_unwind(panic),
        }
    }

    fn env(&self, runtime: &Handle, life: u64) -> Env {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let spawn: Arc<dyn Spawn> =
            Arc::new(SimulatedSpawn::new(runtime.clone(), Arc::clone(&self.timeline)));
        let network = NetworkOfLife {
            network: self.network.clone(),
            clock: Arc::clone(&clock),
            spawn: Arc::clone(&spawn),
        };
        Env {
            clock,
            random: Arc::new(self.random.clone()),
            disk: Arc::new(SimulatedDisk::new(self.disks.clone(), life)),
            spawn,
            network: Arc::new(network),
        }
    }

    /// Without the runtime's own clock and I/O: what waits on those would not be simulated, so it fails.
    fn runtime(&self) -> io::Result<tokio::runtime::Runtime> {
        let timeline = Arc::clone(&self.timeline);
        Builder::new_current_thread().on_thread_park(move || timeline.jump()).build()
    }

    async fn live<T>(&self, process: impl Future<Output = T>) -> Result<T, Over> {
        let mut process = pin!(process);
        poll_fn(|context| {
            self.timeline.root_is_polled();
            let waker = self.timeline.root_waker(context.waker());
            if !self.timeline.is_over()
                && let Poll::Ready(value) = process.as_mut().poll(&mut Context::from_waker(&waker))
                && !self.timeline.is_over()
            {
                return Poll::Ready(Ok(value));
            }
            match self.timeline.take_over() {
                Some(over) => Poll::Ready(Err(over)),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// Ends a life on the drives, also when its future panics, and before the runtime drops the tasks.
struct End<'a> {
    simulation: &'a Simulation,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.simulation.timeline.end_life(Over::Crashed);
        self.simulation.timeline.forget_root();
        self.simulation.disks.end_life();
    }
}

#[cfg(test)]
mod tests;
