//! One suite for every implementation of [`Engine`]: what its obligations say, case by case, and against a model.
//!
//! An implementation is tested through a [`Bench`]: a place where its engine is opened again and again.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::ops::ControlFlow;
use std::path::PathBuf;

use bytes::Bytes;
use env::simulated::SimulatedRandom;
use model::ids::{DriveId, PartitionId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::memory::MemoryEngineStore;
use super::redb::{RedbEngine, RedbOptions};
use super::tree::{TreeEngine, TreeOptions};
use super::{ALL_KEYS, Engine, EngineBatch, EngineError, EngineSnapshot, KEY_BYTES_MAX, KeyRange};

mod kill;

/// Where an engine is opened; keeps what is on the drive.
trait Bench {
    fn open(&self) -> Box<dyn Engine>;
    /// The engine goes away without being closed, and what may be lost is lost.
    fn crash(&self, engine: Box<dyn Engine>);
}

struct MemoryBench(MemoryEngineStore, SimulatedRandom);

impl MemoryBench {
    fn new() -> Self {
        MemoryBench(MemoryEngineStore::default(), env::simulated::Simulation::new(7).random().clone())
    }
}

impl Bench for MemoryBench {
    fn open(&self) -> Box<dyn Engine> {
        Box::new(self.0.open())
    }

    fn crash(&self, _engine: Box<dyn Engine>) {
        self.0.crash(&self.1);
    }
}

/// With so little memory that rows go to files all the time.
const SMALL_TREE: TreeOptions = TreeOptions { cache_bytes: 64 << 10, memtable_bytes: 16 << 10 };

struct TreeBench {
    directory: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    options: TreeOptions,
}

impl TreeBench {
    fn new(options: TreeOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        TreeBench { directory: tempfile::tempdir().unwrap(), runtime, options }
    }
}

impl Bench for TreeBench {
    fn open(&self) -> Box<dyn Engine> {
        let env = env::real::env(self.runtime.handle());
        let directory = self.directory.path().join("engine");
        Box::new(TreeEngine::open(&env, DRIVE, &directory, self.options).unwrap())
    }

    fn crash(&self, engine: Box<dyn Engine>) {
        drop(engine);
    }
}

struct RedbBench(tempfile::TempDir);

impl RedbBench {
    fn file(&self) -> PathBuf {
        self.0.path().join("engine.redb")
    }
}

impl Bench for RedbBench {
    fn open(&self) -> Box<dyn Engine> {
        Box::new(RedbEngine::open(&self.file(), RedbOptions { cache_bytes: 1 << 20 }).unwrap())
    }

    fn crash(&self, engine: Box<dyn Engine>) {
        drop(engine);
    }
}

/// Runs every case with every engine.
macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $case() { super::$case(&super::MemoryBench::new()); })*
        }
        mod tree {
            use super::TreeOptions;
            $(#[test] fn $case() { super::$case(&super::TreeBench::new(TreeOptions::default())); })*
        }
        mod small_tree {
            $(#[test] fn $case() { super::$case(&super::TreeBench::new(super::SMALL_TREE)); })*
        }
        mod redb {
            $(#[test] fn $case() { super::$case(&super::RedbBench(tempfile::tempdir().unwrap())); })*
        }
    };
}

suite![
    what_is_put_is_read_and_what_is_removed_is_gone,
    a_scan_is_in_order_and_within_its_bounds,
    a_scan_stops_when_it_is_told_and_may_call_the_engine,
    a_snapshot_stays_what_it_was,
    a_batch_is_seen_whole_or_not_at_all,
    limits_are_refused_and_change_nothing,
    large_and_empty_values_and_long_keys_come_back,
    many_keyspaces_do_not_touch_one_another,
    a_dropped_keyspace_is_empty_and_may_come_back,
    what_was_persisted_is_there_after_opening_again,
    a_crash_leaves_a_prefix_that_holds_what_was_persisted,
    tombstones_hide_and_compaction_changes_nothing,
    a_rest_changes_nothing,
    a_closed_engine_refuses,
    an_engine_is_a_map,
];

const DRIVE: DriveId = DriveId::from_bytes([7; 16]);
const ONE: PartitionId = PartitionId(1);
const TWO: PartitionId = PartitionId(2);
const APPLIED: &[u8] = b"!applied";

type Row = (Vec<u8>, Vec<u8>);

fn rows(engine: &dyn Engine, keyspace: PartitionId, range: KeyRange<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let visited = engine.scan(keyspace, range, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    rows
}

fn keys(engine: &dyn Engine, keyspace: PartitionId, range: KeyRange<'_>) -> Vec<u8> {
    rows(engine, keyspace, range).into_iter().map(|(key, _)| key[0]).collect()
}

fn all_of(snapshot: &dyn EngineSnapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    let visited = snapshot.scan(ALL_KEYS, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    rows
}

fn put(engine: &dyn Engine, keyspace: PartitionId, key: &[u8], value: &[u8]) {
    let mut batch = EngineBatch::default();
    batch.put(keyspace, key, value);
    engine.write(&mut batch).unwrap();
    assert!(batch.is_empty(), "a batch that was written may be used again");
}

fn remove(engine: &dyn Engine, keyspace: PartitionId, key: &[u8]) {
    let mut batch = EngineBatch::default();
    batch.remove(keyspace, key);
    engine.write(&mut batch).unwrap();
}

fn get(engine: &dyn Engine, keyspace: PartitionId, key: &[u8]) -> Option<Bytes> {
    engine.get(keyspace, key).unwrap()
}

fn what_is_put_is_read_and_what_is_removed_is_gone(bench: &dyn Bench) {
    let engine = bench.open();
    assert_eq!(get(&*engine, ONE, b"k"), None, "a keyspace that was never written is empty");
    assert!(rows(&*engine, ONE, ALL_KEYS).is_empty());
    put(&*engine, ONE, b"k", b"1");
    put(&*engine, ONE, b"k", b"2");
    assert_eq!(get(&*engine, ONE, b"k").unwrap(), "2");
    assert_eq!(get(&*engine, TWO, b"k"), None);
    assert_eq!(get(&*engine, ONE, b""), None);
    remove(&*engine, ONE, b"k");
    remove(&*engine, ONE, b"never");
    assert_eq!(get(&*engine, ONE, b"k"), None);
    // Within a batch the last one wins.
    let mut batch = EngineBatch::default();
    batch.put(ONE, b"a", b"1");
    batch.remove(ONE, b"a");
    batch.remove(ONE, b"b");
    batch.put(ONE, b"b", b"2");
    engine.write(&mut batch).unwrap();
    assert_eq!(rows(&*engine, ONE, ALL_KEYS), [(b"b".to_vec(), b"2".to_vec())]);
    engine.write(&mut EngineBatch::default()).unwrap();
}

fn a_scan_is_in_order_and_within_its_bounds(bench: &dyn Bench) {
    let engine = bench.open();
    for key in [5u8, 1, 255, 3, 9, 0] {
        put(&*engine, ONE, &[key], b"v");
    }
    put(&*engine, TWO, &[4], b"other");
    let three: &[u8] = &[3];
    let nine: &[u8] = &[9];
    let cases: [(KeyRange<'_>, &[u8]); 12] = [
        (ALL_KEYS, &[0, 1, 3, 5, 9, 255]),
        ((Included(three), Unbounded), &[3, 5, 9, 255]),
        ((Excluded(three), Unbounded), &[5, 9, 255]),
        ((Unbounded, Included(nine)), &[0, 1, 3, 5, 9]),
        ((Unbounded, Excluded(nine)), &[0, 1, 3, 5]),
        ((Included(three), Excluded(nine)), &[3, 5]),
        ((Excluded(three), Included(nine)), &[5, 9]),
        ((Included(three), Included(three)), &[3]),
        ((Excluded(three), Excluded(three)), &[]),
        ((Included(nine), Included(three)), &[]),
        ((Unbounded, Excluded(&[])), &[]),
        ((Included(&[]), Excluded(&[1])), &[0]),
    ];
    for (range, expected) in cases {
        assert_eq!(keys(&*engine, ONE, range), expected, "{range:?}");
    }
}

fn a_scan_stops_when_it_is_told_and_may_call_the_engine(bench: &dyn Bench) {
    let engine = bench.open();
    for key in 0..10u8 {
        put(&*engine, ONE, &[key], &[key]);
    }
    let mut seen = Vec::new();
    let visited = engine.scan(ONE, ALL_KEYS, &mut |key, value| {
        // What is written meanwhile is not seen by the scan, but by everyone else.
        put(&*engine, ONE, &[key[0], 1], b"new");
        remove(&*engine, ONE, &[key[0] + 1]);
        assert_eq!(get(&*engine, ONE, &[key[0], 1]).unwrap(), "new");
        seen.push((key[0], value[0]));
        if key[0] == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    visited.unwrap();
    assert_eq!(seen, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
}

fn a_snapshot_stays_what_it_was(bench: &dyn Bench) {
    let engine = bench.open();
    let empty = engine.snapshot(ONE).unwrap();
    put(&*engine, ONE, b"a", b"1");
    put(&*engine, ONE, APPLIED, b"1");
    let snapshot = engine.snapshot(ONE).unwrap();
    let mut batch = EngineBatch::default();
    batch.put(ONE, b"a", b"2");
    batch.put(ONE, b"b", b"2");
    batch.put(ONE, APPLIED, b"2");
    engine.write(&mut batch).unwrap();
    engine.persist().unwrap();
    engine.drop_keyspace(ONE).unwrap();
    put(&*engine, ONE, b"c", b"3");
    assert!(all_of(&*empty).is_empty());
    let expected = [(APPLIED.to_vec(), b"1".to_vec()), (b"a".to_vec(), b"1".to_vec())];
    assert_eq!(all_of(&*snapshot), expected);
    assert_eq!(snapshot.get(b"a").unwrap().unwrap(), "1");
    assert_eq!(snapshot.get(b"b").unwrap(), None);
    assert_eq!(snapshot.get(b"").unwrap(), None);
    assert_eq!(keys(&*engine, ONE, ALL_KEYS), b"c");
}

fn a_batch_is_seen_whole_or_not_at_all(bench: &dyn Bench) {
    let engine = bench.open();
    let turns = 300u32;
    let write = |turn: u32| {
        let mut batch = EngineBatch::default();
        for key in 0..20u8 {
            batch.put(ONE, &[key], &turn.to_le_bytes());
        }
        engine.write(&mut batch).unwrap();
    };
    write(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let values: Vec<_> =
                    rows(&*engine, ONE, ALL_KEYS).into_iter().map(|(_, value)| value).collect();
                assert_eq!(values.len(), 20);
                assert!(values.iter().all(|value| *value == values[0]));
                if values[0] == (turns - 1).to_le_bytes() {
                    return;
                }
            }
        });
        for turn in 1..turns {
            write(turn);
        }
        reader.join().unwrap();
    });
}

fn limits_are_refused_and_change_nothing(bench: &dyn Bench) {
    let engine = bench.open();
    for bad in [&[][..], &[7; KEY_BYTES_MAX + 1]] {
        let mut batch = EngineBatch::default();
        batch.put(ONE, b"good", b"v");
        batch.put(ONE, bad, b"v");
        assert!(matches!(engine.write(&mut batch), Err(EngineError::KeyLength { .. })));
        assert_eq!(batch.len(), 2, "a batch that was refused is as it was");
    }
    assert_eq!(get(&*engine, ONE, b"good"), None);
    put(&*engine, ONE, b"good", b"v");
}

fn large_and_empty_values_and_long_keys_come_back(bench: &dyn Bench) {
    let key = [9u8; KEY_BYTES_MAX];
    let large: Vec<u8> = (0..2u32 << 20).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let engine = bench.open();
    put(&*engine, ONE, b"empty", b"");
    put(&*engine, ONE, b"large", &large);
    put(&*engine, ONE, &key, b"long");
    for len in [1023, 1024, 1025, 16 << 10] {
        put(&*engine, TWO, &(len as u32).to_be_bytes(), &large[..len]);
    }
    let check = |engine: &dyn Engine| {
        assert_eq!(get(engine, ONE, b"empty").unwrap(), "");
        assert_eq!(get(engine, ONE, b"large").unwrap(), large);
        assert_eq!(get(engine, ONE, &key).unwrap(), "long");
        assert!(rows(engine, TWO, ALL_KEYS).iter().all(|(_, value)| *value == large[..value.len()]));
        assert_eq!(rows(engine, TWO, ALL_KEYS).len(), 4);
    };
    check(&*engine);
    engine.persist().unwrap();
    bench.crash(engine);
    let engine = bench.open();
    check(&*engine);
    engine.compact(ONE).unwrap();
    engine.compact(TWO).unwrap();
    check(&*engine);
}

fn many_keyspaces_do_not_touch_one_another(bench: &dyn Bench) {
    let engine = bench.open();
    let mut batch = EngineBatch::default();
    for id in 0..64u16 {
        batch.put(PartitionId(id * 1000), b"key", &id.to_le_bytes());
    }
    engine.write(&mut batch).unwrap();
    engine.close().unwrap();
    drop(engine);
    let engine = bench.open();
    for id in 0..64u16 {
        let expected = [(b"key".to_vec(), id.to_le_bytes().to_vec())];
        assert_eq!(rows(&*engine, PartitionId(id * 1000), ALL_KEYS), expected);
    }
    let ids: Vec<_> = (0..64u16).map(|id| PartitionId(id * 1000)).collect();
    assert_eq!(engine.keyspaces().unwrap(), ids);
    assert_eq!(engine.statistics().unwrap().keyspaces, 64);
}

fn a_dropped_keyspace_is_empty_and_may_come_back(bench: &dyn Bench) {
    let engine = bench.open();
    put(&*engine, ONE, b"a", b"1");
    put(&*engine, TWO, b"a", b"2");
    engine.drop_keyspace(ONE).unwrap();
    engine.drop_keyspace(PartitionId(9)).unwrap();
    assert_eq!(get(&*engine, ONE, b"a"), None);
    assert_eq!(engine.keyspaces().unwrap(), [TWO]);
    bench.crash(engine);
    // The drop is durable, and so is what was written before it.
    let engine = bench.open();
    assert_eq!(get(&*engine, ONE, b"a"), None);
    assert_eq!(get(&*engine, TWO, b"a").unwrap(), "2");
    put(&*engine, ONE, b"b", b"3");
    engine.persist().unwrap();
    bench.crash(engine);
    let engine = bench.open();
    assert_eq!(keys(&*engine, ONE, ALL_KEYS), b"b");
    engine.drop_keyspace(ONE).unwrap();
    put(&*engine, ONE, b"c", b"4");
    engine.close().unwrap();
    assert_eq!(keys(&*bench.open(), ONE, ALL_KEYS), b"c");
}

fn what_was_persisted_is_there_after_opening_again(bench: &dyn Bench) {
    for turn in 0..5u32 {
        let engine = bench.open();
        assert_eq!(rows(&*engine, ONE, ALL_KEYS).len(), turn as usize);
        put(&*engine, ONE, &turn.to_be_bytes(), b"v");
        if turn % 2 == 0 {
            engine.persist().unwrap();
            bench.crash(engine);
        } else {
            engine.close().unwrap();
        }
    }
}

/// Writes a batch over two keyspaces with its number as the applied row; checks what is there the same way.
struct Numbered;

impl Numbered {
    /// Some are long enough to be stored apart from their keys.
    fn value(number: u32) -> Vec<u8> {
        vec![number as u8; if number.is_multiple_of(8) { 2000 } else { 100 }]
    }

    fn write(engine: &dyn Engine, number: u32) {
        let mut batch = EngineBatch::default();
        Self::fill(&mut batch, number);
        engine.write(&mut batch).unwrap();
    }

    fn fill(batch: &mut EngineBatch, number: u32) {
        batch.put(ONE, &[&b"row-"[..], &number.to_be_bytes()].concat(), &Self::value(number));
        batch.put(TWO, &(number % 16).to_be_bytes(), &number.to_le_bytes());
        if number.is_multiple_of(3) {
            batch.remove(ONE, &[&b"row-"[..], &(number / 3).to_be_bytes()].concat());
        }
        batch.put(ONE, APPLIED, &number.to_le_bytes());
    }

    /// The number of the last batch that is there; all before it must be, none after it.
    fn check(engine: &dyn Engine) -> u32 {
        let applied =
            get(engine, ONE, APPLIED).map_or(0, |value| u32::from_le_bytes(value[..].try_into().unwrap()));
        let mut expected = BTreeMap::new();
        for number in 1..=applied {
            expected.insert(number, ());
            if number.is_multiple_of(3) {
                expected.remove(&(number / 3));
            }
        }
        let start = &b"row-"[..];
        let found: Vec<u32> = rows(engine, ONE, (Included(start), Unbounded))
            .into_iter()
            .map(|(key, value)| {
                let number = u32::from_be_bytes(key[4..].try_into().unwrap());
                assert_eq!(value, Self::value(number));
                number
            })
            .collect();
        assert_eq!(found, expected.into_keys().collect::<Vec<_>>(), "up to {applied}");
        for (key, value) in rows(engine, TWO, ALL_KEYS) {
            let place = u32::from_be_bytes(key[..].try_into().unwrap());
            let number = u32::from_le_bytes(value[..].try_into().unwrap());
            assert!(number % 16 == place && number <= applied && applied - number < 16, "{number} {applied}");
        }
        applied
    }
}

fn a_crash_leaves_a_prefix_that_holds_what_was_persisted(bench: &dyn Bench) {
    let (mut next, mut persisted) = (1, 0);
    for life in 0..12u32 {
        let engine = bench.open();
        let applied = Numbered::check(&*engine);
        assert!((persisted..next).contains(&applied), "{persisted} {applied} {next}");
        next = applied + 1;
        for _ in 0..life * 7 % 20 {
            Numbered::write(&*engine, next);
            next += 1;
            if next.is_multiple_of(11) {
                engine.persist().unwrap();
                persisted = next - 1;
            }
        }
        bench.crash(engine);
    }
}

fn tombstones_hide_and_compaction_changes_nothing(bench: &dyn Bench) {
    let engine = bench.open();
    for round in 0..3u32 {
        let mut batch = EngineBatch::default();
        for key in 0..3000u32 {
            batch.put(ONE, &key.to_be_bytes(), &round.to_le_bytes());
        }
        engine.write(&mut batch).unwrap();
        for key in (0..3000u32).filter(|key| key % 100 != round) {
            batch.remove(ONE, &key.to_be_bytes());
        }
        engine.write(&mut batch).unwrap();
        let before = rows(&*engine, ONE, ALL_KEYS);
        assert_eq!(before.len(), 30);
        engine.compact(ONE).unwrap();
        assert_eq!(rows(&*engine, ONE, ALL_KEYS), before);
        let from = 2950u32.to_be_bytes();
        assert!(rows(&*engine, ONE, (Excluded(&from), Unbounded)).is_empty());
    }
    engine.compact(TWO).unwrap();
}

fn a_rest_changes_nothing(bench: &dyn Bench) {
    let engine = bench.open();
    let large = vec![7; 100_000];
    for round in 0..30u8 {
        put(&*engine, ONE, &[round], &large);
        put(&*engine, TWO, &[round], b"small");
        if round > 0 {
            remove(&*engine, ONE, &[round - 1]);
        }
    }
    let (one, two) = (rows(&*engine, ONE, ALL_KEYS), rows(&*engine, TWO, ALL_KEYS));
    assert_eq!((one.len(), two.len()), (1, 30));
    engine.rest().unwrap();
    put(&*engine, TWO, b"after", b"the rest");
    assert_eq!(rows(&*engine, ONE, ALL_KEYS), one);
    assert_eq!(rows(&*engine, TWO, ALL_KEYS).len(), 31);
    engine.persist().unwrap();
    bench.crash(engine);
    let engine = bench.open();
    assert_eq!(rows(&*engine, ONE, ALL_KEYS), one);
    assert_eq!(get(&*engine, TWO, b"after").unwrap(), "the rest");
}

fn a_closed_engine_refuses(bench: &dyn Bench) {
    let engine = bench.open();
    put(&*engine, ONE, b"a", b"1");
    engine.close().unwrap();
    assert!(matches!(engine.get(ONE, b"a"), Err(EngineError::Closed { .. })));
    let mut batch = EngineBatch::default();
    batch.put(ONE, b"a", b"2");
    assert!(matches!(engine.write(&mut batch), Err(EngineError::Closed { .. })));
    assert!(matches!(engine.persist(), Err(EngineError::Closed { .. })));
    assert!(engine.close().is_err());
    // The files are free although the engine is still there.
    assert_eq!(get(&*bench.open(), ONE, b"a").unwrap(), "1");
}

/// What may happen to an engine.
#[derive(Clone, Debug)]
enum Action {
    Write(Vec<(u16, Vec<u8>, Option<Vec<u8>>)>),
    Persist,
    Drop(u16),
    Compact(u16),
    Crash,
    Scan(u16, Vec<u8>, Vec<u8>),
}

fn action() -> impl Strategy<Value = Action> {
    let key = || proptest::collection::vec(0..4u8, 1..4);
    let value = proptest::option::of((any::<u8>(), 0..3000usize).prop_map(|(byte, len)| vec![byte; len]));
    prop_oneof![
        8 => proptest::collection::vec((0..3u16, key(), value), 1..12).prop_map(Action::Write),
        1 => Just(Action::Persist),
        1 => (0..3u16).prop_map(Action::Drop),
        1 => (0..3u16).prop_map(Action::Compact),
        1 => Just(Action::Crash),
        4 => (0..3u16, key(), key()).prop_map(|(keyspace, start, end)| Action::Scan(keyspace, start, end)),
    ]
}

type Maps = BTreeMap<u16, BTreeMap<Vec<u8>, Vec<u8>>>;

fn contents(engine: &dyn Engine) -> Maps {
    let maps = (0..3u16).map(|id| (id, rows(engine, PartitionId(id), ALL_KEYS).into_iter().collect()));
    maps.filter(|(_, map): &(u16, BTreeMap<_, _>)| !map.is_empty()).collect()
}

fn without_empty(mut maps: Maps) -> Maps {
    maps.retain(|_, map| !map.is_empty());
    maps
}

fn an_engine_is_a_map(bench: &dyn Bench) {
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1) },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let mut engine = Some(bench.open());
    // The states since the last persist, the newest one last.
    let mut states = vec![Maps::default()];
    for _ in 0..400 {
        let action = action().new_tree(&mut runner).unwrap().current();
        step(bench, &mut engine, &mut states, action);
    }
}

fn step(bench: &dyn Bench, open: &mut Option<Box<dyn Engine>>, states: &mut Vec<Maps>, action: Action) {
    let engine = open.as_deref().unwrap();
    let mut newest = states.last().cloned().unwrap_or_default();
    match action {
        Action::Write(changes) => {
            let mut batch = EngineBatch::default();
            for (keyspace, key, value) in changes {
                let map = newest.entry(keyspace).or_default();
                match value {
                    Some(value) => {
                        batch.put(PartitionId(keyspace), &key, &value);
                        map.insert(key, value);
                    }
                    None => {
                        batch.remove(PartitionId(keyspace), &key);
                        map.remove(&key);
                    }
                }
            }
            engine.write(&mut batch).unwrap();
            states.push(without_empty(newest));
        }
        Action::Persist => {
            engine.persist().unwrap();
            *states = vec![newest];
        }
        Action::Drop(keyspace) => {
            engine.drop_keyspace(PartitionId(keyspace)).unwrap();
            newest.remove(&keyspace);
            *states = vec![newest];
        }
        Action::Compact(keyspace) => engine.compact(PartitionId(keyspace)).unwrap(),
        Action::Crash => {
            bench.crash(open.take().unwrap());
            let engine = bench.open();
            let found = contents(&*engine);
            assert!(states.contains(&found), "what is left is no prefix");
            *states = vec![found];
            *open = Some(engine);
        }
        Action::Scan(keyspace, start, end) => {
            let map = newest.remove(&keyspace).unwrap_or_default();
            let expected: Vec<Row> = map.into_iter().filter(|(key, _)| *key >= start && *key < end).collect();
            let range: KeyRange<'_> = (Included(&start), Excluded(&end));
            assert_eq!(rows(engine, PartitionId(keyspace), range), expected);
        }
    }
    let engine = open.as_deref().unwrap();
    assert_eq!(contents(engine), states.last().cloned().unwrap_or_default());
}
