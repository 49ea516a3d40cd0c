//! Every bug that the simulation found, as the run that showed it: docs/reliability.md tells of each.

use sim::campaign::Run;
use sim::run::Weather;
use sim::scenario::{Case, Scenario};
use sim::world::Trace;

fn assert_holds(run: Run) {
    let report = run.run(Trace::Number);
    assert_eq!(report.violations, [], "cargo xtask sim {}", run.words());
}

fn assert_point_holds(scenario: Scenario, drives: usize, seed: u64, steps: std::ops::RangeInclusive<u64>) {
    for step in steps {
        assert_holds(Run::Point(Case { scenario, drives, seed }, step, "crash"));
    }
}

#[test]
fn a_shard_file_that_a_crash_cut_off_is_removed() {
    assert_point_holds(Scenario::Put, 2, 1, 36..=46);
    assert_point_holds(Scenario::Overwrite, 2, 1, 30..=40);
    for seed in [5, 51, 61, 62] {
        assert_holds(Run::Seed(seed, Weather::Calm));
    }
}

/// A flipped bit in the rows of a partition's leader: another drive leads when the rows are asked for again.
#[test]
fn rows_that_their_leader_cannot_read_are_read_from_another_drive() {
    for (seed, drives, number) in [(8, 3, 12), (10, 2, 24), (4, 8, 30)] {
        assert_holds(Run::Rot(sim::rot::Case { seed, drives, number }));
    }
}

/// A power cut kept the new manifest of an engine and not the names of the files that it names.
#[test]
fn a_manifest_never_names_a_file_whose_name_a_power_cut_can_take() {
    assert_point_holds(Scenario::LogRoll, 2, 1, 136..=140);
    assert_point_holds(Scenario::LogRoll, 2, 1, 430..=434);
}

/// A kill came between the rename of a manifest and the sync of its name; the next start removed files by it, and a power cut
/// brought the former manifest back.
#[test]
fn what_a_start_after_a_kill_goes_on_from_is_made_durable_first() {
    for seed in [819, 8309] {
        assert_holds(Run::Seed(seed, Weather::Calm));
    }
}

/// Seed 57 refuses a put at its commit while a drive hangs; the others have one or two drives, of which one hangs.
#[test]
fn nothing_waits_without_end_for_a_drive_that_never_answers() {
    for seed in [24, 52, 57, 63] {
        assert_holds(Run::Seed(seed, Weather::Storm));
    }
    assert_holds(Run::Point(Case { scenario: Scenario::Mixed, drives: 3, seed: 2 }, 1, "hang"));
}
