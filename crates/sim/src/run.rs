//! One seed: a store is made, and lives several times, with a crash at the end of each life; often in the recovery from the
//! crash before. At the end workers do what there is to do, everything is deleted, and nothing may be left.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use env::Env;
use env::simulated::{Crash, Ending, Generator};

use crate::invariants;
use crate::oracle::{Oracle, Violation};
use crate::workload::{self, Load};
use crate::world::{Server, World};

/// Lives with clients.
const LIVES: u64 = 4;
const LOAD: Load = Load { clients: 8, steps: 8 };
/// Disk operations of a life, about: crashes are drawn from these.
const OPERATIONS: u64 = 2500;
/// Disk operations of a start, about.
pub(crate) const OPERATIONS_OF_START: u64 = 150;

/// What became of a seed or of a crash point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Everything that happened on the drives, as one number.
    pub trace: u64,
    /// Operations of the drives.
    pub disk_operations: u64,
    /// Operations of clients.
    pub client_operations: u64,
    /// Crashes.
    pub crashes: u64,
    /// What was found wrong, the first first.
    pub violations: Vec<Violation>,
}

/// How many drives a seed has.
#[must_use]
pub fn drives(seed: u64) -> usize {
    [1, 3, 4, 2, 8, 5, 6][(seed % 7) as usize]
}

/// Runs a seed.
#[must_use]
pub fn seed(seed: u64) -> Report {
    caught(|| lives(seed))
}

/// A panic of the server or of a check is a violation.
pub fn caught(run: impl FnOnce() -> Report) -> Report {
    std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let what = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned();
        let violations = vec![Violation { invariant: "panic", what }];
        Report { trace: 0, disk_operations: 0, client_operations: 0, crashes: 0, violations }
    })
}

fn lives(seed: u64) -> Report {
    let world = World::new(seed, drives(seed));
    let oracle = RefCell::new(Oracle::default());
    let mut generator = Generator::new(seed ^ 0xc0_ffee);
    let mut crashes = 0;
    first_start(&world, &oracle);
    for _ in 0..LIVES {
        if !oracle.borrow().violations.is_empty() {
            break;
        }
        let crash = if generator.chance(1, 4) { Crash::Kill } else { Crash::PowerCut };
        let most = if generator.chance(1, 3) { OPERATIONS_OF_START } else { OPERATIONS };
        world.simulation.disks().crash_after(1 + generator.below(most), crash);
        let clients = generator.number();
        let ending = world.simulation.run(async |env| match world.open(&env).await {
            Ok(server) => {
                invariants::recovered(server.objects(), &env, &oracle).await;
                workload::run(server.objects(), &env, &oracle, clients, LOAD).await;
            }
            Err(error) => {
                oracle.borrow_mut().violate("answers", format!("the server does not start: {error}"))
            }
        });
        note_ending(&oracle, &ending);
        crashes += 1;
        world.crash(crash);
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
    let oracle = oracle.into_inner();
    Report {
        trace: world.simulation.disks().trace(),
        disk_operations: world.simulation.disks().operations(),
        client_operations: oracle.operations,
        crashes,
        violations: oracle.violations,
    }
}
