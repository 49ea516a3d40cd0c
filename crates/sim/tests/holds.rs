//! A little of everything that `cargo xtask sim` does, in every `cargo test`. CI runs far more: `docs/reliability.md`.

use sim::campaign::{self, Run, Totals};
use sim::run::Weather;
use sim::scenario::{Case, SCENARIOS, Scenario};
use sim::world::Trace;

fn assert_holds(runs: &[Run]) -> Totals {
    let totals = campaign::run_all(runs, 2, |words, what| eprintln!("cargo xtask sim {words}\n{what}"));
    assert_eq!(totals.failed, []);
    totals
}

/// Of many runs so many, evenly.
fn some(runs: Vec<Run>, count: usize) -> Vec<Run> {
    let every = (runs.len() / count).max(1);
    runs.into_iter().step_by(every).collect()
}

#[test]
fn whatever_clients_do_and_whenever_the_process_dies_the_invariants_hold() {
    let totals = assert_holds(&campaign::seeds(0, 24, Weather::Calm));
    assert!(totals.crashes > 60 && totals.client_operations > 1000 && totals.raft_looks > 100, "{totals:?}");
}

#[test]
fn a_crash_at_any_step_of_any_scenario_leaves_everything_as_it_may_be() {
    for scenario in SCENARIOS {
        assert_holds(&some(campaign::points(1, "crash", Some(scenario)), 12));
    }
}

#[test]
fn a_drive_that_fails_at_any_step_costs_nothing_acknowledged() {
    for (blow, _) in campaign::MISHAPS {
        assert_holds(&some(campaign::points(2, blow, Some(Scenario::Mixed)), 12));
    }
}

#[test]
fn rot_is_read_around_or_an_error_and_never_wrong_bytes() {
    for seed in 0..7 {
        assert_holds(&campaign::rots(seed, 6));
    }
}

#[test]
fn two_runs_of_a_seed_are_identical() {
    let point = Case { scenario: Scenario::Refill, drives: 4, seed: 3 };
    for run in [
        Run::Seed(1, Weather::Calm),
        Run::Seed(4, Weather::Storm),
        Run::Point(point, 90, "crash"),
        Run::Point(point, 90, "pull"),
    ] {
        let reports = [run.run(Trace::Operations), run.run(Trace::Operations)];
        assert_eq!(reports[0], reports[1], "{}", run.words());
        assert!(reports[0].disk_operations > 100, "{reports:?}");
    }
}
