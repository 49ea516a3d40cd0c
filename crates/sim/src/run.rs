//! One seed: a store is made, and lives several times, with a crash at the end of each life; often in the recovery from the
//! crash before. At the end workers do what there is to do, everything is deleted, and nothing may be left.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use env::Env;
use env::simulated::{Crash, Ending, Generator, Operation};

use crate::campaign::MISHAPS;
use crate::invariants;
use crate::oracle::{Oracle, Violation};
use crate::workload::{self, Load};
use crate::world::{Server, Trace, World};

/// Lives with clients.
const LIVES: u64 = 4;
const LOAD: Load = Load { clients: 8, steps: 8 };
/// Operations of a life on each drive and once more, about: crashes and mishaps are drawn from these.
const OPERATIONS_PER_DRIVE: u64 = 150;
/// Disk operations of a start, about.
pub(crate) const OPERATIONS_OF_START: u64 = 150;

/// What drives do while clients are at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing unusual.
    Calm,
    /// One of them is struck in each life.
    Storm,
}

/// What became of a seed or of a crash point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything that happened on the drives, as one number.
    pub trace: u64,
    /// Operations of the drives.
    pub disk_operations: u64,
    /// Operations of clients.
    pub client_operations: u64,
    /// Crashes.
    pub crashes: u64,
    /// Promises of raft that were looked at.
    pub raft_looks: u64,
    /// What was found wrong, the first first.
    pub violations: Vec<Violation>,
    /// What happened on the drives, where it was asked for.
    pub operations: Vec<Operation>,
}

/// How many drives a seed has.
#[must_use]
pub fn drives(seed: u64) -> usize {
    [1, 3, 4, 2, 8, 5, 6][(seed % 7) as usize]
}

/// Runs a seed.
#[must_use]
pub fn seed(seed: u64, weather: Weather, trace: Trace) -> Report {
    caught(|| lives(seed, weather, trace))
}

/// A panic of the server or of a check is a violation.
pub fn caught(run: impl FnOnce() -> Report) -> Report {
    std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let what = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned();
        let violations = vec![Violation { invariant: "panic", what }];
        Report { violations, ..Report::default() }
    })
}

fn lives(seed: u64, weather: Weather, trace: Trace) -> Report {
    let world = World::new(seed, drives(seed), trace);
    let oracle = RefCell::new(Oracle::new(world.simulation.disks()));
    let mut generator = Generator::new(seed ^ 0xc0_ffee);
    let mut crashes = 0;
    first_start(&world, &oracle);
    for _ in 0..LIVES {
        if !oracle.borrow().violations.is_empty() {
            break;
        }
        let crash = if generator.chance(1, 4) { Crash::Kill } else { Crash::PowerCut };
        let operations = OPERATIONS_PER_DRIVE * (world.drives() as u64 + 1);
        let most = if generator.chance(1, 3) { OPERATIONS_OF_START } else { operations };
        world.simulation.disks().crash_after(1 + generator.below(most), crash);
        let clients = generator.number();
        let (_, mishap) = MISHAPS[generator.below(MISHAPS.len() as u64) as usize];
        let struck = 1 + generator.below(operations);
        let ending = world.simulation.run(async |env| {
            let Some(server) = start(&world, &env, &oracle).await else { return };
            invariants::recovered(server.objects(), &env, &oracle).await;
            if weather == Weather::Storm {
                oracle.borrow_mut().is_faulty = true;
                world.simulation.disks().mishap_at(struck, mishap);
            }
            workload::run(server.objects(), &env, &oracle, clients, LOAD).await;
        });
        note_ending(&oracle, &ending);
        crashes += 1;
        world.end_mishaps();
        world.crash(crash);
        oracle.borrow_mut().is_faulty = false;
    }
    last_life(&world, &oracle);
    report(&world, oracle, crashes)
}

/// Starts the server; that it does not is noted.
pub async fn start(world: &World, env: &Env, oracle: &RefCell<Oracle>) -> Option<Server> {
    match world.open(env).await {
        Ok(server) => Some(server),
        Err(_) if oracle.borrow().is_faulty => None,
        Err(error) => {
            oracle.borrow_mut().violate("answers", format!("the server does not start: {error}"));
            None
        }
    }
}

/// Makes the store and its first bucket.
pub fn first_start(world: &World, oracle: &RefCell<Oracle>) {
    let ending = world.simulation.run(async |env| {
        let Some(server) = start(world, &env, oracle).await else { return };
        workload::set_up(server.objects(), oracle).await;
        server.close().await;
    });
    note_ending(oracle, &ending);
}

/// Starts the server and looks at everything.
pub fn recovery(world: &World, oracle: &RefCell<Oracle>) {
    let ending = world.simulation.run(async |env| {
        let Some(server) = start(world, &env, oracle).await else { return };
        invariants::recovered(server.objects(), &env, oracle).await;
    });
    note_ending(oracle, &ending);
}

/// Recovers, lets workers finish, and empties the store.
pub fn last_life(world: &World, oracle: &RefCell<Oracle>) {
    if !oracle.borrow().violations.is_empty() {
        return;
    }
    let ending = world.simulation.run(async |env| {
        let Some(server) = start(world, &env, oracle).await else { return };
        let objects = server.objects();
        invariants::recovered(objects, &env, oracle).await;
        invariants::tidied(objects, &env, oracle).await;
        invariants::recovered(objects, &env, oracle).await;
        invariants::emptied(objects, &env, oracle).await;
        server.close().await;
    });
    note_ending(oracle, &ending);
}

/// A life that waits for ever is wrong.
pub fn note_ending<T>(oracle: &RefCell<Oracle>, ending: &Ending<T>) {
    if matches!(ending, Ending::Stuck) {
        oracle.borrow_mut().violate("answers", "the server waits for what never comes");
    }
}

/// What there is to say of it.
#[must_use]
pub fn report(world: &World, oracle: RefCell<Oracle>, crashes: u64) -> Report {
    let mut oracle = oracle.into_inner();
    for what in world.raft_order.violations() {
        oracle.violate("raft_order", what);
    }
    Report {
        trace: world.simulation.disks().trace(),
        disk_operations: world.simulation.disks().operations(),
        client_operations: oracle.operations,
        crashes,
        raft_looks: world.raft_order.looked(),
        violations: oracle.violations,
        operations: world.simulation.disks().kept_operations(),
    }
}
