//! One operation, crashed at each of its steps: the steps are counted in a run without a crash, then every one of them is
//! the last of its life once.
//!
//! A scenario prepares in the life that makes the store, which ends in good order. Its act is the life that crashes: what
//! the server does from the moment when the scenario is ready. After the crash the server recovers (now and then it
//! crashes in that as well), and everything that must hold is checked to the end, as after the lives of a seed.

use std::cell::RefCell;

use env::Env;
use env::simulated::{Crash, Ending, Generator, Mishap};

use crate::invariants;
use crate::oracle::{Condition, Oracle};
use crate::run::{self, Report, caught, note_ending};
use crate::workload::{BUCKETS, Client};
use crate::world::{Server, Trace, World};

mod compaction;
mod complete;
mod delete;
mod flush;
mod log_roll;
mod mixed;
mod overwrite;
mod put;
mod refill;
mod snapshot;

/// What is crashed at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// The first start of a store.
    FirstStart,
    /// New objects: inline, packed, in files.
    Put,
    /// Objects in the place of others.
    Overwrite,
    /// An upload becomes an object.
    Complete,
    /// Objects go, and their blobs after them.
    Delete,
    /// A segment that is mostly dead is rewritten.
    Compaction,
    /// The log goes on in new segments, and its beginning is purged.
    LogRoll,
    /// The server stops in good order and starts again.
    Flush,
    /// A follower that was away too long is filled by a snapshot.
    Snapshot,
    /// An empty drive in the place of another is filled.
    Refill,
    /// Several clients at once.
    Mixed,
}

/// All of them.
pub const SCENARIOS: [Scenario; 11] = [
    Scenario::FirstStart,
    Scenario::Put,
    Scenario::Overwrite,
    Scenario::Complete,
    Scenario::Delete,
    Scenario::Compaction,
    Scenario::LogRoll,
    Scenario::Flush,
    Scenario::Snapshot,
    Scenario::Refill,
    Scenario::Mixed,
];

/// What comes at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The process ends there.
    Crash,
    /// A drive is struck, and the server goes on.
    Mishap(Mishap),
}

/// A scenario on so many drives, from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which.
    pub scenario: Scenario,
    /// On how many drives.
    pub drives: usize,
    /// From which seed.
    pub seed: u64,
}

/// Where a scenario acts.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a World,
    pub(crate) env: &'a Env,
    pub(crate) client: Client<'a>,
}

impl Scenario {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::FirstStart => "first-start",
            Scenario::Put => "put",
            Scenario::Overwrite => "overwrite",
            Scenario::Complete => "complete",
            Scenario::Delete => "delete",
            Scenario::Compaction => "compaction",
            Scenario::LogRoll => "log-roll",
            Scenario::Flush => "flush",
            Scenario::Snapshot => "snapshot",
            Scenario::Refill => "refill",
            Scenario::Mixed => "mixed",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        SCENARIOS.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The numbers of drives on which it makes sense.
    #[must_use]
    pub fn drives(self) -> &'static [usize] {
        match self {
            Scenario::Refill | Scenario::Snapshot => &[3, 4, 6],
            _ => &[1, 2, 3, 4, 6, 8],
        }
    }

    /// Whether starting the server is part of the act.
    fn begins_with_start(self) -> bool {
        matches!(self, Scenario::FirstStart | Scenario::Flush | Scenario::Refill)
    }

    /// What is there before the act.
    async fn prepare(self, stage: &mut Stage<'_>) {
        match self {
            Scenario::FirstStart | Scenario::Put | Scenario::LogRoll => {}
            Scenario::Overwrite | Scenario::Delete => put::some(stage).await,
            Scenario::Complete => complete::prepare(stage).await,
            Scenario::Compaction => compaction::prepare(stage).await,
            Scenario::Flush | Scenario::Refill | Scenario::Snapshot => mixed::few(stage).await,
            Scenario::Mixed => mixed::few(stage).await,
        }
    }

    /// What happens to the drives while the server is not running.
    fn between(self, world: &World) {
        if self == Scenario::Refill {
            refill::replace(world);
        }
    }

    /// What comes before the act in its life.
    async fn lead_in(self, stage: &mut Stage<'_>) {
        if self == Scenario::Snapshot {
            snapshot::leave_behind(stage).await;
        }
    }

    /// What is crashed at every step.
    async fn act(self, stage: &mut Stage<'_>) {
        match self {
            Scenario::FirstStart => {}
            Scenario::Put => put::some(stage).await,
            Scenario::Overwrite => overwrite::act(stage).await,
            Scenario::Complete => complete::act(stage).await,
            Scenario::Delete => delete::act(stage).await,
            Scenario::Compaction => compaction::act(stage).await,
            Scenario::LogRoll => log_roll::act(stage).await,
            Scenario::Flush => flush::act(stage).await,
            Scenario::Snapshot => snapshot::act(stage).await,
            Scenario::Refill => refill::act(stage).await,
            Scenario::Mixed => mixed::act(stage).await,
        }
    }
}

impl Case {
    /// How many steps its act has.
    #[must_use]
    pub fn steps(self) -> u64 {
        let mut steps = 0;
        let report = caught(|| {
            let (world, oracle) = self.before(false, Trace::Number);
            let begun = RefCell::new(world.simulation.disks().operations());
            let ending = self.live(&world, &oracle, || {
                *begun.borrow_mut() = world.simulation.disks().operations();
            });
            note_ending(&oracle, &ending);
            steps = world.simulation.disks().operations() - begun.into_inner();
            run::report(&world, oracle, 0)
        });
        assert!(
            report.violations.is_empty(),
            "{self:?} fails without a crash: {:?}",
            report.violations.first()
        );
        steps
    }

    /// Runs it with a blow at one of its steps, 1 for the first.
    #[must_use]
    pub fn at(self, step: u64, blow: Blow, trace: Trace) -> Report {
        caught(|| match blow {
            Blow::Crash => self.crash_at(step, trace),
            Blow::Mishap(mishap) => self.suffer_at(step, mishap, trace),
        })
    }

    fn crash_at(self, step: u64, trace: Trace) -> Report {
        let (world, oracle) = self.before(false, trace);
        let mut fate = Generator::new(self.seed ^ step << 16);
        let crash = if fate.chance(1, 4) { Crash::Kill } else { Crash::PowerCut };
        let arm = || world.simulation.disks().crash_after(step, crash);
        let ending = self.live(&world, &oracle, arm);
        note_ending(&oracle, &ending);
        world.crash(crash);
        oracle.borrow_mut().is_faulty = false;
        let mut crashes = 1;
        if fate.chance(1, 3) {
            world.simulation.disks().crash_after(1 + fate.below(run::OPERATIONS_OF_START), Crash::PowerCut);
            run::recovery(&world, &oracle);
            world.crash(Crash::PowerCut);
            crashes += 1;
        }
        run::last_life(&world, &oracle);
        run::report(&world, oracle, crashes)
    }

    fn suffer_at(self, step: u64, mishap: Mishap, trace: Trace) -> Report {
        let (world, oracle) = self.before(true, trace);
        let strike = || world.simulation.disks().mishap_at(step, mishap);
        let ending = self.live(&world, &oracle, strike);
        note_ending(&oracle, &ending);
        world.end_mishaps();
        world.crash(Crash::Kill);
        oracle.borrow_mut().is_faulty = false;
        run::last_life(&world, &oracle);
        run::report(&world, oracle, 1)
    }

    /// The world as it is before the act.
    fn before(self, is_faulty: bool, trace: Trace) -> (World, RefCell<Oracle>) {
        let world = World::new(self.seed, self.drives, trace);
        let oracle = RefCell::new(Oracle::new(world.simulation.disks()));
        if self.scenario != Scenario::FirstStart {
            let ending = world.simulation.run(async |env| {
                let Some(server) = run::start(&world, &env, &oracle).await else { return };
                crate::workload::set_up(server.objects(), &oracle).await;
                if let Some(mut stage) = self.stage(&world, &env, &server, &oracle).await {
                    self.scenario.prepare(&mut stage).await;
                }
                server.close().await;
            });
            note_ending(&oracle, &ending);
            self.scenario.between(&world);
        }
        // A drive that was away may lead again for a moment: what it is asked then is in doubt.
        oracle.borrow_mut().is_faulty = is_faulty || self.scenario == Scenario::Snapshot;
        (world, oracle)
    }

    /// The life of the act; `arm` is called when it begins.
    fn live(self, world: &World, oracle: &RefCell<Oracle>, arm: impl Fn()) -> Ending<()> {
        world.simulation.run(async |env| {
            if self.scenario.begins_with_start() {
                arm();
            }
            let Some(server) = run::start(world, &env, oracle).await else { return };
            if let Some(mut stage) = self.stage(world, &env, &server, oracle).await {
                self.scenario.lead_in(&mut stage).await;
                if !self.scenario.begins_with_start() {
                    arm();
                }
                self.scenario.act(&mut stage).await;
                self.still_serves(&mut stage).await;
            }
            // A drive that never answers is never closed.
            world.end_mishaps();
            server.close().await;
        })
    }

    /// With a drive at fault a store that can write without it goes on: what comes now is not refused. A write takes a shard
    /// more than reading needs, so with a parity of one it takes all drives.
    async fn still_serves(self, stage: &mut Stage<'_>) {
        let oracle = stage.client.oracle;
        let has_one_away = matches!(self.scenario, Scenario::Refill | Scenario::Snapshot);
        if !oracle.borrow().is_faulty || stage.world.parity() < 2 || has_one_away {
            return;
        }
        stage.env.clock.sleep(std::time::Duration::from_secs(15)).await;
        let content = oracle.borrow_mut().new_content(3000);
        let bucket = stage.client.bucket.clone();
        if !stage.client.put(&bucket, "b", &content, Condition::Always).await {
            let last = oracle.borrow().failure_last.clone();
            oracle
                .borrow_mut()
                .violate("answers", format!("one drive is at fault, and a put is refused: {last}"));
        }
    }

    async fn stage<'a>(
        self,
        world: &'a World,
        env: &'a Env,
        server: &'a Server,
        oracle: &'a RefCell<Oracle>,
    ) -> Option<Stage<'a>> {
        let objects = server.objects();
        let bucket = match objects.bucket(BUCKETS[0]).await {
            Ok(bucket) => bucket,
            Err(_) if self.scenario == Scenario::FirstStart => return None,
            Err(error) => {
                invariants::answers::note(&mut oracle.borrow_mut(), "find the bucket", &error);
                return None;
            }
        };
        let generator = Generator::new(self.seed);
        Some(Stage { world, env, client: Client { objects, bucket, oracle, generator, env } })
    }
}
