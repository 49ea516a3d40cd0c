//! Many runs: which there are, and what they come to.
//!
//! A run is known by its words ([`Run::words`]), which are those of the command line that repeats it.

use std::sync::atomic::{AtomicUsize, Ordering};

use env::simulated::{Failure, Mishap};
use parking_lot::Mutex;

use crate::rot;
use crate::run::{self, Report, Weather};
use crate::scenario::{Blow, Case, SCENARIOS, Scenario};
use crate::world::Trace;

/// What strikes a drive, by the name on the command line.
pub const MISHAPS: [(&str, Mishap); 5] = [
    ("error", Mishap::Fail(Failure::Input)),
    ("full", Mishap::Fail(Failure::Full)),
    ("stall", Mishap::Stall(std::time::Duration::from_secs(4))),
    ("hang", Mishap::StallUntilResumed),
    ("pull", Mishap::Pull),
];

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Several lives of a seed.
    Seed(u64, Weather),
    /// A blow at a step of a scenario.
    Point(Case, u64, &'static str),
    /// Rot on a drive between two lives.
    Rot(rot::Case),
}

/// What runs came to.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Crashes.
    pub crashes: u64,
    /// Promises of raft that were looked at.
    pub raft_looks: u64,
    /// Operations on drives.
    pub disk_operations: u64,
    /// Operations of clients.
    pub client_operations: u64,
    /// Runs that found something wrong, each with the first of it.
    pub failed: Vec<(String, String)>,
}

impl Run {
    /// Runs it.
    #[must_use]
    pub fn run(self, trace: Trace) -> Report {
        match self {
            Run::Seed(seed, weather) => run::seed(seed, weather, trace),
            Run::Point(case, step, blow) => case.at(step, blow_of(blow), trace),
            Run::Rot(case) => case.run(trace),
        }
    }

    /// The arguments that repeat it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Run::Seed(seed, Weather::Calm) => format!("--seed {seed}"),
            Run::Seed(seed, Weather::Storm) => format!("--seed {seed} --storm"),
            Run::Point(case, step, blow) => format!(
                "--seed {} --scenario {} --drives {} --step {step} --blow {blow}",
                case.seed,
                case.scenario.name(),
                case.drives
            ),
            Run::Rot(case) => {
                format!("--seed {} --rot {} --drives {}", case.seed, case.number, case.drives)
            }
        }
    }
}

/// What comes at a step, by its name.
fn blow_of(name: &str) -> Blow {
    let mishap = MISHAPS.into_iter().find(|(known, _)| *known == name);
    mishap.map_or(Blow::Crash, |(_, mishap)| Blow::Mishap(mishap))
}

/// So many seeds from this one.
#[must_use]
pub fn seeds(from: u64, count: u64, weather: Weather) -> Vec<Run> {
    (from..from.saturating_add(count)).map(|seed| Run::Seed(seed, weather)).collect()
}

/// Every step of every scenario of this seed, struck by this: by a crash, or by one of [`MISHAPS`]. `chosen` is one scenario
/// alone.
#[must_use]
pub fn points(seed: u64, blow: &'static str, chosen: Option<Scenario>) -> Vec<Run> {
    let scenarios = SCENARIOS.into_iter().filter(|scenario| chosen.is_none_or(|chosen| chosen == *scenario));
    let cases = scenarios.map(|scenario| {
        // Each seed has each scenario on one number of drives.
        let drives = scenario.drives();
        Case { scenario, drives: drives[seed as usize % drives.len()], seed }
    });
    cases.flat_map(|case| (1..=case.steps()).map(move |step| Run::Point(case, step, blow))).collect()
}

/// So many cases of rot in the store of this seed.
#[must_use]
pub fn rots(seed: u64, count: u64) -> Vec<Run> {
    let drives = run::drives(seed);
    (0..count).map(|number| Run::Rot(rot::Case { seed, drives, number })).collect()
}

/// Runs them all on so many threads, in order; `tell` hears of each that failed.
#[must_use]
pub fn run_all(runs: &[Run], jobs: usize, tell: impl Fn(&str, &str) + Sync) -> Totals {
    let next = AtomicUsize::new(0);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = run.run(Trace::Number);
                    if let Some(violation) = report.violations.first() {
                        tell(&run.words(), &violation.to_string());
                    }
                    totals.lock().add(*run, &report);
                }
            });
        }
    });
    totals.into_inner()
}

impl Totals {
    /// Adds what a run came to.
    pub fn add(&mut self, run: Run, report: &Report) {
        self.runs += 1;
        self.crashes += report.crashes;
        self.raft_looks += report.raft_looks;
        self.disk_operations += report.disk_operations;
        self.client_operations += report.client_operations;
        self.failed.extend(report.violations.first().map(|first| (run.words(), first.to_string())));
    }
}
