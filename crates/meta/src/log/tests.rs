//! The log against a model, over crashes, torn writes and flipped bits, on simulated drives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use env::Env;
use env::simulated::{Crash, Ending, Simulation};
use model::ids::{DriveId, PartitionId};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;

const DIRECTORY: &str = "/d1/log";
const SECTOR_BYTES: usize = 512;

fn options() -> LogOptions {
    LogOptions {
        drive: DriveId::from_bytes([3; 16]),
        segment_bytes: 64 << 10,
        tail_bytes: 256 << 10,
        segments: 6,
        entries_kept_max: 100,
    }
}

async fn open(env: &Env) -> Result<(RaftLog, Recovered), LogError> {
    RaftLog::open(env, Path::new(DIRECTORY), options()).await
}

fn simulation(seed: u64) -> Simulation {
    let simulation = Simulation::with_drives(seed, 1, 1 << 30);
    simulation
        .run(async |env| {
            env.disk.create_directories(Path::new("/d1")).await.unwrap();
        })
        .finished();
    simulation
}

fn entry(index: u64, term: u64, len: usize) -> LogEntry {
    let byte = (index * 7 + term) as u8;
    LogEntry { index, term, kind: (index % 3) as u8, data: vec![byte; len].into() }
}

/// What the groups of a log should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(BTreeMap<u16, ModelGroup>);

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelGroup {
    hard_state: HardState,
    base: LogPosition,
    entries: Vec<LogEntry>,
}

impl ModelGroup {
    fn last(&self) -> LogPosition {
        let last = self.entries.last();
        last.map_or(self.base, |entry| LogPosition { index: entry.index, term: entry.term })
    }

    fn purge(&mut self, index: u64) {
        while let Some(first) = self.entries.first().filter(|first| first.index <= index) {
            self.base = LogPosition { index: first.index, term: first.term };
            self.entries.remove(0);
        }
    }

    fn append(&mut self, entry: LogEntry) {
        self.entries.retain(|kept| kept.index < entry.index);
        self.entries.push(entry);
    }
}

impl Model {
    fn of(log: &RaftLog) -> Model {
        let groups = log.groups.iter().map(|(id, group)| {
            let (first, last) = (group.first_index(), group.last_index());
            let entries = group.entries(first, last + 1, u64::MAX).unwrap();
            let terms: Vec<_> = entries.iter().map(|entry| group.term(entry.index).unwrap()).collect();
            assert!(entries.iter().zip(&terms).all(|(entry, term)| entry.term == *term));
            (id.0, ModelGroup { hard_state: group.hard_state(), base: group.base(), entries })
        });
        let held: usize = log.groups.values().map(GroupLog::memory_bytes).sum();
        assert_eq!(held, log.tail_bytes);
        Model(groups.filter(|(_, group)| *group != ModelGroup::default()).collect())
    }
}

/// One thing that a turn does to a group.
#[derive(Clone, Debug)]
enum Step {
    Append { count: u64, len: usize },
    Overwrite { back: u64, count: u64, len: usize },
    HardState { commit: u64 },
    Purge { kept: u64 },
    Restart { ahead: u64 },
    Remove,
}

fn step() -> impl Strategy<Value = (u16, Step)> {
    let step = prop_oneof![
        8 => (1..4u64, 0..3000usize).prop_map(|(count, len)| Step::Append { count, len }),
        1 => (1..2u64, 20_000..90_000usize).prop_map(|(count, len)| Step::Append { count, len }),
        2 => (1..5u64, 1..3u64, 0..2000usize)
            .prop_map(|(back, count, len)| Step::Overwrite { back, count, len }),
        4 => (0..1000u64).prop_map(|commit| Step::HardState { commit }),
        4 => (0..4u64).prop_map(|kept| Step::Purge { kept }),
        1 => (0..50u64).prop_map(|ahead| Step::Restart { ahead }),
        1 => Just(Step::Remove),
    ];
    (0..4u16, step)
}

/// Adds a step to the batch and does it to the model.
fn take_step(model: &mut Model, batch: &mut LogBatch, group: u16, step: &Step, purges_allowed: bool) {
    let id = PartitionId(group);
    let state = model.0.entry(group).or_default();
    match step {
        Step::Append { count, len } => {
            for _ in 0..*count {
                let new = entry(state.last().index + 1, state.last().term.max(1), *len);
                batch.entry(id, new.clone());
                state.append(new);
            }
        }
        Step::Overwrite { back, count, len } => {
            let term = state.last().term + 1;
            let from = (state.last().index + 1).saturating_sub(*back).max(state.base.index + 1);
            for index in from..from + count {
                let new = entry(index, term, *len);
                batch.entry(id, new.clone());
                state.append(new);
            }
        }
        Step::HardState { commit } => {
            state.hard_state = HardState { term: state.last().term, vote: u64::from(group), commit: *commit };
            batch.hard_state(id, state.hard_state);
        }
        // A purge is of what earlier batches wrote.
        Step::Purge { kept } if purges_allowed => {
            let index = state.last().index.saturating_sub(*kept);
            batch.purge(id, index);
            state.purge(index);
        }
        Step::Purge { .. } => {}
        Step::Restart { ahead } => {
            state.base = LogPosition { index: state.last().index + ahead, term: state.last().term + 1 };
            state.entries.clear();
            batch.restart(id, state.base);
        }
        Step::Remove => {
            *state = ModelGroup::default();
            batch.remove_group(id);
        }
    }
    model.0.retain(|_, group| *group != ModelGroup::default());
}

type Turn = Vec<(u16, Step)>;

fn batch_of(model: &mut Model, turn: &Turn) -> LogBatch {
    let mut batch = LogBatch::default();
    let mut touched = std::collections::BTreeSet::new();
    for (group, step) in turn {
        let first_of_group = touched.insert(*group);
        take_step(model, &mut batch, *group, step, first_of_group);
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn over_any_crash_the_log_is_what_was_acknowledged_or_one_batch_more(
        seed in any::<u64>(),
        lives in proptest::collection::vec(
            (proptest::collection::vec(proptest::collection::vec(step(), 0..6), 1..40), 1..90u64, any::<bool>()), 1..6),
    ) {
        let simulation = simulation(seed);
        // What was acknowledged, and the batch that is under way.
        let known = Arc::new(Mutex::new((Model::default(), None::<Model>)));
        for (turns, crash_after, power) in lives {
            let crash = if power { Crash::PowerCut } else { Crash::Kill };
            simulation.disks().crash_after(crash_after, crash);
            let shared = Arc::clone(&known);
            let ending = simulation.run(async move |env| {
                let (mut log, _) = open(&env).await.unwrap();
                let found = Model::of(&log);
                let mut model = {
                    let mut known = shared.lock();
                    let pending = known.1.take();
                    assert!(found == known.0 || Some(&found) == pending.as_ref(), "{found:?} is neither of {:?}", known.0);
                    known.0 = found.clone();
                    found
                };
                for turn in &turns {
                    let batch = batch_of(&mut model, turn);
                    shared.lock().1 = Some(model.clone());
                    log.append(&batch).await.unwrap();
                    assert_eq!(Model::of(&log), model);
                    *shared.lock() = (model.clone(), None);
                }
            });
            simulation.disks().disarm_crash();
            prop_assert!(ending != Ending::Stuck);
        }
        let shared = Arc::clone(&known);
        simulation.run(async move |env| {
            let (log, _) = open(&env).await.unwrap();
            let found = Model::of(&log);
            let known = shared.lock();
            assert!(found == known.0 || Some(&found) == known.1.as_ref());
        }).finished();
    }
}

/// Runs turns that append `entries` of `len` bytes each to group 1, one per turn.
async fn append_some(log: &mut RaftLog, entries: std::ops::Range<u64>, len: usize) {
    for index in entries {
        let mut batch = LogBatch::default();
        batch.entry(PartitionId(1), entry(index, 1, len));
        batch.hard_state(PartitionId(1), HardState { term: 1, vote: 1, commit: index - 1 });
        log.append(&batch).await.unwrap();
    }
}

/// The files of the log with their content.
fn files(simulation: &Simulation) -> BTreeMap<PathBuf, Bytes> {
    let files = simulation.disks().files("d1");
    files.into_iter().map(|(path, _)| (path.clone(), simulation.disks().content(&path).unwrap())).collect()
}

/// Puts the content of all files back. Segments that were made since were never used, then.
fn put_back(simulation: &Simulation, files: &BTreeMap<PathBuf, Bytes>) {
    for (path, len) in simulation.disks().files("d1") {
        if !files.contains_key(&path) {
            simulation.disks().zero(&path, 0..len).unwrap();
        }
    }
    for (path, content) in files {
        simulation.disks().set_content(path, content).unwrap();
    }
}

fn reopened(simulation: &Simulation) -> Result<(Model, Recovered), LogError> {
    simulation
        .run(async |env| open(&env).await.map(|(log, recovered)| (Model::of(&log), recovered)))
        .finished()
}

/// A log before and after a batch: its files and its state.
struct BeforeAndAfter {
    simulation: Simulation,
    before: (BTreeMap<PathBuf, Bytes>, Model),
    after: (BTreeMap<PathBuf, Bytes>, Model),
}

fn before_and_after(entries: u64, last_len: usize) -> BeforeAndAfter {
    let simulation = simulation(5);
    simulation
        .run(async |env| append_some(&mut open(&env).await.unwrap().0, 1..entries + 1, 100).await)
        .finished();
    let before = (files(&simulation), reopened(&simulation).unwrap().0);
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            // A log that was opened begins a new segment; what is of interest comes behind that.
            append_some(&mut log, entries + 1..entries + 2, 100).await;
        })
        .finished();
    let before = if entries.is_multiple_of(2) {
        before
    } else {
        (files(&simulation), reopened(&simulation).unwrap().0)
    };
    let first = before.1.0.get(&1).map_or(1, |group| group.last().index + 1);
    put_back(&simulation, &before.0);
    simulation
        .run(async |env| append_some(&mut open(&env).await.unwrap().0, first..first + 1, last_len).await)
        .finished();
    let after = (files(&simulation), reopened(&simulation).unwrap().0);
    BeforeAndAfter { simulation, before, after }
}

#[test]
fn a_write_torn_at_any_sector_is_gone_and_writing_goes_on() {
    for (entries, last_len) in [(0, 10), (1, 100), (4, 9000), (7, 30_000)] {
        let BeforeAndAfter { simulation, before, after } = before_and_after(entries, last_len);
        let changed = after.0.iter().find(|(path, content)| before.0.get(*path) != Some(content));
        let (path, new) = changed.unwrap();
        let old = before.0.get(path).cloned().unwrap_or_else(|| vec![0; new.len()].into());
        let different = (0..new.len() / SECTOR_BYTES).filter(|sector| {
            let range = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
            new[range.clone()] != old[range]
        });
        let different: Vec<_> = different.collect();
        for &torn in &different {
            // Up to it; all but it; only it.
            type Kept = fn(usize, usize) -> bool;
            let patterns: [Kept; 3] =
                [|sector, torn| sector < torn, |sector, torn| sector != torn, |sector, torn| sector == torn];
            for kept in patterns {
                let mut content = old.to_vec();
                for sector in different.iter().copied().filter(|&sector| kept(sector, torn)) {
                    let range = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
                    content[range.clone()].copy_from_slice(&new[range]);
                }
                put_back(&simulation, &before.0);
                simulation.disks().set_content(path, &content.into()).unwrap();
                let (found, _) = reopened(&simulation).unwrap();
                assert!(found == before.1 || (found == after.1 && different.len() == 1));
                go_on(&simulation, &found);
            }
        }
    }
}

/// Appends to a log that was torn, and finds all of it again.
fn go_on(simulation: &Simulation, found: &Model) {
    let next = found.0.get(&1).map_or(1, |group| group.last().index + 1);
    simulation
        .run(async |env| append_some(&mut open(&env).await.unwrap().0, next..next + 2, 50).await)
        .finished();
    let (group, _) = reopened(simulation).unwrap();
    assert_eq!(group.0[&1].last().index, next + 1);
}

#[test]
fn a_flipped_bit_in_what_was_acknowledged_is_found() {
    let simulation = simulation(9);
    // Several segments, the first ones of which are recycled, then some turns after a reopening.
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            append_some(&mut log, 1..60, 100).await;
            let mut batch = LogBatch::default();
            batch.purge(PartitionId(1), 40);
            log.append(&batch).await.unwrap();
        })
        .finished();
    simulation.run(async |env| append_some(&mut open(&env).await.unwrap().0, 60..64, 5000).await).finished();
    let (whole, _) = reopened(&simulation).unwrap();
    let mut without_last = whole.clone();
    without_last.0.get_mut(&1).unwrap().entries.pop();
    let (mut damaged, mut unharmed) = (0, 0);
    for (path, content) in files(&simulation) {
        for offset in (0..content.len()).filter(|offset| offset % 4096 < 80 || offset % 251 == 0) {
            simulation.disks().flip_bit(&path, offset as u64, (offset % 8) as u32).unwrap();
            match reopened(&simulation) {
                Err(LogError::Corrupt { .. } | LogError::Newer { .. }) => damaged += 1,
                Err(other) => panic!("{other}"),
                Ok((found, _)) if found == whole => unharmed += 1,
                // The last write can't be told from a torn one.
                Ok((found, _)) => {
                    assert_eq!(found.0[&1].entries, without_last.0[&1].entries, "{path:?} {offset}")
                }
            }
            simulation.disks().flip_bit(&path, offset as u64, (offset % 8) as u32).unwrap();
        }
    }
    assert!(damaged > 500 && unharmed > 500, "{damaged} {unharmed}");
}

#[test]
fn a_missing_segment_is_found() {
    let simulation = simulation(10);
    simulation.run(async |env| append_some(&mut open(&env).await.unwrap().0, 1..60, 100).await).finished();
    let (whole, _) = reopened(&simulation).unwrap();
    let all = files(&simulation);
    let mut found_missing = 0;
    for path in all.keys() {
        put_back(&simulation, &all);
        simulation.disks().zero(path, 0..64 << 10).unwrap();
        match reopened(&simulation) {
            Err(LogError::Corrupt { .. }) => found_missing += 1,
            Err(other) => panic!("{other}"),
            // One that was never used, or the newest: without it the log ends earlier, at whole turns.
            Ok((found, _)) => assert!(whole.0[&1].entries.starts_with(&found.0[&1].entries)),
        }
    }
    assert!(found_missing >= 3, "{found_missing}");
}

#[test]
fn segments_are_recycled_and_never_show_what_they_held() {
    let simulation = simulation(11);
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            for round in 0..40u64 {
                append_some(&mut log, round * 10 + 1..round * 10 + 11, 100).await;
                let mut batch = LogBatch::default();
                batch.purge(PartitionId(1), round * 10 + 9);
                log.append(&batch).await.unwrap();
            }
            let statistics = log.statistics();
            assert!(statistics.disk_bytes <= 5 * (64 << 10), "{statistics:?}");
            assert!(log.wants_purge().is_empty());
        })
        .finished();
    let (found, _) = reopened(&simulation).unwrap();
    assert_eq!(found.0[&1].base.index, 399);
    assert_eq!(found.0[&1].entries, [entry(400, 1, 100)]);
    assert_eq!(found.0[&1].hard_state.commit, 399);
}

#[test]
fn what_a_killed_process_left_is_durable_once_it_was_read() {
    for killed_at in 1..60 {
        let simulation = simulation(killed_at);
        simulation.disks().crash_after(killed_at, Crash::Kill);
        let ending =
            simulation.run(async |env| append_some(&mut open(&env).await.unwrap().0, 1..20, 100).await);
        assert_ne!(ending, Ending::Stuck);
        simulation.disks().disarm_crash();
        let (seen, _) = reopened(&simulation).unwrap();
        let next = seen.0.get(&1).map_or(1, |group| group.last().index + 1);
        simulation
            .run(async |env| append_some(&mut open(&env).await.unwrap().0, next..next + 1, 100).await)
            .finished();
        simulation.disks().crash_now(Crash::PowerCut);
        let (found, _) = reopened(&simulation).unwrap();
        assert_eq!(found.0[&1].last().index, next);
    }
}

#[test]
fn a_purge_is_asked_for_again_only_when_more_has_come() {
    let simulation = simulation(18);
    simulation
        .run(async |env| {
            let options = LogOptions { segment_bytes: 1 << 20, ..options() };
            let (mut log, _) = RaftLog::open(&env, Path::new(DIRECTORY), options).await.unwrap();
            append_some(&mut log, 1..26, 10_000).await;
            assert_eq!(log.wants_purge(), []);
            append_some(&mut log, 26..28, 10_000).await;
            assert_eq!(log.wants_purge(), [PartitionId(1)]);
            assert_eq!(log.wants_purge(), []);
            append_some(&mut log, 28..35, 10_000).await;
            assert_eq!(log.wants_purge(), [PartitionId(1)]);
            let mut batch = LogBatch::default();
            batch.purge(PartitionId(1), 30);
            log.append(&batch).await.unwrap();
            assert_eq!(log.wants_purge(), []);
        })
        .finished();
}

#[test]
fn an_entry_that_is_never_purged_does_not_keep_all_segments() {
    let simulation = simulation(12);
    let kept = entry(1, 1, 700);
    let expected = kept.clone();
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            let mut batch = LogBatch::default();
            batch.entry(PartitionId(7), kept);
            batch.hard_state(PartitionId(7), HardState { term: 1, vote: 3, commit: 0 });
            log.append(&batch).await.unwrap();
            let mut wanted = Vec::new();
            for index in 1..400u64 {
                append_some(&mut log, index..index + 1, 100).await;
                let mut batch = LogBatch::default();
                batch.purge(PartitionId(1), index);
                log.append(&batch).await.unwrap();
                wanted = wanted.into_iter().chain(log.wants_purge()).collect();
            }
            assert!(wanted.contains(&PartitionId(7)));
            assert!(log.statistics().segments <= 8, "{:?}", log.statistics());
        })
        .finished();
    let (found, _) = reopened(&simulation).unwrap();
    assert_eq!(found.0[&7].entries, [expected]);
    assert_eq!(found.0[&7].hard_state.vote, 3);
}

#[test]
fn a_failed_write_poisons_the_log_until_it_is_opened_again() {
    let simulation = simulation(13);
    simulation.run(async |env| append_some(&mut open(&env).await.unwrap().0, 1..4, 100).await).finished();
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            disks.fail_writes(DIRECTORY, 1);
            let mut batch = LogBatch::default();
            batch.entry(PartitionId(1), entry(4, 1, 10));
            assert!(matches!(log.append(&batch).await, Err(LogError::Io { .. })));
            assert_eq!(log.group(PartitionId(1)).last_index(), 3);
            assert!(matches!(log.append(&batch).await, Err(LogError::Poisoned { .. })));
            assert!(matches!(log.append(&LogBatch::default()).await, Err(LogError::Poisoned { .. })));
        })
        .finished();
    let (found, _) = reopened(&simulation).unwrap();
    assert!((3..=4).contains(&found.0[&1].last().index));
    go_on(&simulation, &found);
}

#[test]
fn a_batch_out_of_order_is_refused_and_changes_nothing() {
    let simulation = simulation(14);
    simulation
        .run(async |env| {
            let (mut log, _) = open(&env).await.unwrap();
            append_some(&mut log, 1..6, 10).await;
            let mut batch = LogBatch::default();
            batch.purge(PartitionId(1), 2);
            log.append(&batch).await.unwrap();
            let before = Model::of(&log);
            let refused: [fn(&mut LogBatch); 5] = [
                |batch| batch.entry(PartitionId(1), entry(7, 1, 1)),
                |batch| batch.entry(PartitionId(1), entry(2, 1, 1)),
                |batch| batch.purge(PartitionId(1), 6),
                |batch| batch.entry(PartitionId(2), entry(2, 1, 1)),
                |batch| {
                    batch.restart(PartitionId(1), LogPosition { index: 90, term: 2 });
                    batch.entry(PartitionId(1), entry(90, 2, 1));
                },
            ];
            for add in refused {
                let mut batch = LogBatch::default();
                batch.hard_state(PartitionId(1), HardState { term: 9, vote: 9, commit: 9 });
                add(&mut batch);
                assert!(matches!(log.append(&batch).await, Err(LogError::OutOfOrder { .. })));
                assert_eq!(Model::of(&log), before);
            }
            append_some(&mut log, 6..7, 10).await;
        })
        .finished();
}

#[test]
fn the_log_of_another_drive_is_refused() {
    let simulation = simulation(15);
    simulation.run(async |env| append_some(&mut open(&env).await.unwrap().0, 1..4, 100).await).finished();
    simulation
        .run(async |env| {
            let other = LogOptions { drive: DriveId::from_bytes([4; 16]), ..options() };
            let opened = RaftLog::open(&env, Path::new(DIRECTORY), other).await;
            assert!(matches!(opened, Err(LogError::Corrupt { .. })));
        })
        .finished();
}

#[test]
fn entries_are_read_as_raft_asks_for_them() {
    let simulation = simulation(16);
    simulation
        .run(async |env| {
            let (mut log, recovered) = open(&env).await.unwrap();
            assert_eq!(recovered, Recovered::default());
            append_some(&mut log, 1..11, 100).await;
            let mut batch = LogBatch::default();
            batch.purge(PartitionId(1), 3);
            log.append(&batch).await.unwrap();
            let group = log.group(PartitionId(1));
            let indexes = |low, high, bytes_max| {
                let entries = group.entries(low, high, bytes_max);
                entries.map(|entries| entries.iter().map(|entry| entry.index).collect::<Vec<_>>())
            };
            assert_eq!(indexes(4, 7, u64::MAX), Ok(vec![4, 5, 6]));
            assert_eq!(indexes(4, 11, 250), Ok(vec![4, 5]));
            assert_eq!(indexes(5, 11, 0), Ok(vec![5]), "at least one");
            assert_eq!(indexes(5, 5, 0), Ok(vec![]));
            assert_eq!(indexes(3, 5, 0), Err(EntriesError::Purged));
            assert_eq!(indexes(9, 12, 0), Err(EntriesError::Ahead));
            assert_eq!((group.term(3), group.term(10)), (Ok(1), Ok(1)));
            assert_eq!(group.term(2), Err(EntriesError::Purged));
            assert_eq!(group.term(11), Err(EntriesError::Ahead));
        })
        .finished();
}

#[test]
fn a_real_drive_keeps_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let env = env::real::env(runtime.handle());
    runtime.block_on(async {
        for life in 0..3u64 {
            let (mut log, _) = RaftLog::open(&env, &directory.path().join("log"), options()).await.unwrap();
            assert_eq!(log.group(PartitionId(1)).last_index(), life * 30);
            append_some(&mut log, life * 30 + 1..life * 30 + 31, 3000).await;
        }
    });
}
