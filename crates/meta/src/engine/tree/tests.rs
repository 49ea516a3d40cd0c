//! What only this engine can be asked: what it leaves on a drive, at crashes, with damage and with failures; and that it
//! writes little and keeps little.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use env::Env;
use env::simulated::{Crash, DiskAction, Failure, Fault, Simulation};
use model::ids::{DriveId, PartitionId};

use super::version::Edit;
use super::{TreeEngine, TreeOptions, check_files};
use crate::engine::{ALL_KEYS, Engine, EngineBatch, EngineError, FoundDamage};

const DRIVE: DriveId = DriveId::from_bytes([7; 16]);
const ONE: PartitionId = PartitionId(1);
const TWO: PartitionId = PartitionId(2);
const SMALL: TreeOptions = TreeOptions { cache_bytes: 32 << 10, memtable_bytes: 16 << 10 };

fn place() -> PathBuf {
    PathBuf::from("/d1/engine")
}

fn simulation(seed: u64) -> Simulation {
    Simulation::with_drives(seed, 1, 64 << 20)
}

fn open(env: &Env) -> TreeEngine {
    TreeEngine::open(env, DRIVE, &place(), SMALL).unwrap()
}

fn put(engine: &dyn Engine, keyspace: PartitionId, key: u32, value: &[u8]) -> Result<(), EngineError> {
    let mut batch = EngineBatch::default();
    batch.put(keyspace, &key.to_be_bytes(), value);
    engine.write(&mut batch)
}

fn rows(engine: &dyn Engine, keyspace: PartitionId) -> BTreeMap<u32, Vec<u8>> {
    let mut rows = BTreeMap::new();
    let visited = engine.scan(keyspace, ALL_KEYS, &mut |key, value| {
        rows.insert(u32::from_be_bytes(key.try_into().unwrap()), value.to_vec());
        ControlFlow::Continue(())
    });
    visited.unwrap();
    rows
}

fn names(env: &Env) -> Vec<String> {
    env.disk.blocking().list(&place()).unwrap().into_iter().map(|entry| entry.name).collect()
}

/// Bytes that do not compress.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_769) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Writes rows until some were flushed and merged, with removed ones among them.
fn fill(engine: &dyn Engine, from: u32, count: u32) {
    for key in from..from + count {
        put(engine, PartitionId(1 + (key % 2) as u16), key, &noise(key, 200)).unwrap();
        if key % 5 == 0 {
            let mut batch = EngineBatch::default();
            batch.remove(PartitionId(1 + ((key / 2) % 2) as u16), &(key / 2).to_be_bytes());
            engine.write(&mut batch).unwrap();
        }
    }
}

/// What [`fill`] leaves.
fn filled(from: u32, count: u32) -> [BTreeMap<u32, Vec<u8>>; 2] {
    let mut maps = [BTreeMap::new(), BTreeMap::new()];
    for key in from..from + count {
        maps[(key % 2) as usize].insert(key, noise(key, 200));
        if key % 5 == 0 {
            maps[((key / 2) % 2) as usize].remove(&(key / 2));
        }
    }
    maps
}

fn assert_filled(engine: &dyn Engine, from: u32, count: u32) {
    let [one, two] = filled(from, count);
    assert!(rows(engine, ONE) == one && rows(engine, TWO) == two);
    for (key, value) in &one {
        assert_eq!(engine.get(ONE, &key.to_be_bytes()).unwrap().unwrap(), value[..]);
    }
    assert_eq!(engine.get(ONE, &(from + count + 2).to_be_bytes()).unwrap(), None);
}

#[test]
fn rows_go_to_files_and_files_are_merged_while_it_is_written_to() {
    simulation(1)
        .run(async |env| {
            let engine = open(&env);
            for part in 0..20 {
                fill(&engine, part * 200, 200);
                // Lets what runs beside go on.
                env.clock.sleep(std::time::Duration::from_millis(1)).await;
            }
            assert_filled(&engine, 0, 4000);
            engine.persist().unwrap();
            env.clock.sleep(std::time::Duration::from_millis(1)).await;
            assert_filled(&engine, 0, 4000);
            let files = names(&env).len();
            assert!((3..40).contains(&files), "{files} files");
            drop(engine);
            assert_filled(&open(&env), 0, 4000);
        })
        .finished();
}

/// Writes 240 rows, persists now and then, merges once.
async fn write_persist_and_merge(env: Env, persisted: &std::cell::Cell<u32>, written: &std::cell::Cell<u32>) {
    let Ok(engine) = TreeEngine::open(&env, DRIVE, &place(), SMALL) else { return };
    for key in 0..240u32 {
        written.set(key + 1);
        if put(&engine, ONE, key, &noise(key, 300)).is_err() {
            return;
        }
        if key % 40 == 39 && engine.persist().is_ok() {
            persisted.set(key + 1);
        }
        if key == 150 {
            let _ = engine.compact(ONE);
        }
        env.clock.sleep(std::time::Duration::from_micros(1)).await;
    }
    let _ = engine.close();
}

/// How many operations on the drive that takes.
fn steps_of_writing() -> u64 {
    let simulation = simulation(0);
    let zero = std::cell::Cell::new(0);
    let written = std::cell::Cell::new(0);
    simulation.run(async |env| write_persist_and_merge(env, &zero, &written).await).finished();
    simulation.disks().operations()
}

#[test]
fn a_crash_at_any_step_leaves_what_was_persisted_and_a_prefix_of_the_rest() {
    let steps = steps_of_writing();
    assert!(steps > 100, "{steps}");
    for (seed, step) in (0..3).flat_map(|seed| (1..=steps).map(move |step| (seed, step))) {
        let simulation = simulation(seed * 1000 + step);
        let (persisted, written) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        simulation.disks().crash_after(step, Crash::PowerCut);
        let _ = simulation.run(async |env| write_persist_and_merge(env, &persisted, &written).await);
        simulation.disks().disarm_crash();
        simulation.disks().crash_now(Crash::PowerCut);
        let left = simulation.run(async |env| {
            let left = rows(&open(&env), ONE);
            // A second start finds the same, and nothing that does not belong there.
            assert_eq!(rows(&open(&env), ONE), left);
            left
        });
        let left = left.finished();
        let count = left.len() as u32;
        assert!((persisted.get()..=written.get()).contains(&count), "step {step}: {count} rows");
        let is_whole = |(key, value): (&u32, &Vec<u8>)| *key < count && *value == noise(*key, 300);
        assert!(left.iter().all(is_whole), "step {step}");
    }
}

/// A kill leaves what the kernel has seen and the drive may not: what a start goes on from, a power cut after it must keep.
#[test]
fn what_a_start_after_a_kill_has_read_is_there_after_a_power_cut() {
    for (seed, step) in (0..3).flat_map(|seed| (1..=steps_of_writing()).map(move |step| (seed, step))) {
        let simulation = simulation(seed * 1000 + step);
        let (persisted, written) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        simulation.disks().crash_after(step, Crash::Kill);
        let _ = simulation.run(async |env| write_persist_and_merge(env, &persisted, &written).await);
        simulation.disks().disarm_crash();
        let read = simulation.run(async |env| rows(&open(&env), ONE)).finished();
        simulation.disks().crash_now(Crash::PowerCut);
        let left = simulation.run(async |env| rows(&open(&env), ONE)).finished();
        assert_eq!(left.len(), read.len(), "seed {seed}, step {step}");
        assert!(left == read, "seed {seed}, step {step}");
    }
}

/// Whoever drops a keyspace or writes files anew while the engine is being closed comes too late, and does not write a manifest of
/// the nothing that is left in memory.
#[test]
fn what_comes_while_the_engine_is_closed_leaves_the_manifest_alone() {
    simulation(5)
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 300);
            let before = rows(&engine, ONE);
            engine.close().unwrap();
            for edit in [Edit::Dropped(PartitionId(9)), Edit::Same] {
                assert!(matches!(engine.core.commit(&edit, None), Err(EngineError::Closed { .. })));
            }
            assert!(rows(&open(&env), ONE) == before);
        })
        .finished();
}

#[test]
fn what_a_crash_left_behind_goes_at_the_next_start() {
    simulation(3)
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 300);
            engine.close().unwrap();
            let before = names(&env);
            let disk = env.disk.blocking();
            disk.create(&place().join("00000000000000ff.rows")).unwrap();
            disk.create(&place().join("manifest.new")).unwrap();
            let engine = open(&env);
            assert_eq!(names(&env).len(), before.len() + 1, "the temporary manifest goes with the next one");
            put(&engine, ONE, 9999, b"goes on").unwrap();
            engine.persist().unwrap();
            assert!(names(&env).contains(&"0000000000000100.rows".to_owned()), "{:?}", names(&env));
            assert!(!names(&env).contains(&"manifest.new".to_owned()));
        })
        .finished();
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is_and_never_read() {
    let simulation = simulation(4);
    simulation
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 400);
            engine.close().unwrap();
        })
        .finished();
    let list = simulation.run(async |env| env.disk.blocking().list(&place()).unwrap()).finished();
    let disks = simulation.disks();
    for entry in list {
        let path = place().join(&entry.name);
        for at in (0..entry.size_bytes).step_by(61) {
            disks.flip_bit(&path, at, (at % 8) as u32).unwrap();
            let found = simulation.run(async |env| found_damaged(&env)).finished();
            assert_eq!(found.as_deref(), Some(path.as_path()), "byte {at}");
            disks.flip_bit(&path, at, (at % 8) as u32).unwrap();
        }
    }
    simulation.run(async |env| assert_filled(&open(&env), 0, 400)).finished();
}

/// What another one would find on the drive.
fn look(env: &Env) -> TreeEngine {
    TreeEngine::open_to_look(env, DRIVE, &place(), SMALL).unwrap()
}

/// Reads all files of an engine that is in use.
async fn checked(engine: &TreeEngine) -> Vec<FoundDamage> {
    let mut check = engine.check().unwrap();
    let mut found = Vec::new();
    loop {
        let step = check.step(10_000).await;
        found.extend(step.found);
        if step.is_last {
            return found;
        }
    }
}

#[test]
fn damage_anywhere_is_found_while_the_engine_is_in_use() {
    let simulation = simulation(4);
    simulation
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 400);
            engine.close().unwrap();
        })
        .finished();
    let list = simulation.run(async |env| env.disk.blocking().list(&place()).unwrap()).finished();
    let disks = simulation.disks().clone();
    for entry in list {
        let path = place().join(&entry.name);
        for at in (0..entry.size_bytes).step_by(61) {
            let life = simulation.run(async |env| {
                let engine = open(&env);
                assert_eq!(checked(&engine).await, []);
                disks.flip_bit(&path, at, (at % 8) as u32).unwrap();
                let found = checked(&engine).await;
                match found.first() {
                    Some(first) => {
                        assert!(first.damage.path == path && found.len() == 1, "{found:?}, byte {at}")
                    }
                    // A leaf that nobody needs.
                    None => assert_filled(&look(&env), 0, 400),
                }
                disks.flip_bit(&path, at, (at % 8) as u32).unwrap();
                found.len()
            });
            let is_needed = entry.name == "manifest" || at < 40 || at + 100 > entry.size_bytes;
            assert!(life.finished() == 1 || !is_needed, "{path:?}, byte {at}");
        }
    }
}

#[test]
fn what_is_damaged_besides_rows_is_written_anew_and_keyspaces_that_can_not_be_read_are_named() {
    let simulation = simulation(5);
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 400);
            engine.persist().unwrap();
            engine.compact(ONE).unwrap();
            engine.compact(TWO).unwrap();
            let rows = || {
                names(&env).into_iter().filter(|name| name.ends_with(".rows")).map(|name| place().join(name))
            };
            for path in rows().chain([place().join("manifest")]) {
                disks.flip_bit(&path, 20, 2).unwrap();
            }
            let found = checked(&engine).await;
            assert_eq!(found.len(), 3, "{found:?}");
            assert_eq!(engine.rewrite(&found).unwrap(), []);
            assert_eq!(checked(&engine).await, []);
            assert_filled(&engine, 0, 400);
            assert_filled(&look(&env), 0, 400);
            let before: Vec<_> = rows().collect();
            disks.flip_bit(before.first().unwrap(), 2000, 2).unwrap();
            let found = checked(&engine).await;
            assert_eq!(engine.rewrite(&found).unwrap().len(), 1);
            assert_eq!(rows().collect::<Vec<_>>(), before, "what can't be read stays as it is");
            assert_eq!(checked(&engine).await, found);
        })
        .finished();
}

/// The file that is damaged, and no row that is not as it was.
fn found_damaged(env: &Env) -> Option<PathBuf> {
    let mut found = Vec::new();
    let checked = check_files(&*env.disk.blocking(), &place(), DRIVE, &mut |damage| found.push(damage.path));
    if let Err(error) = checked {
        let named = |path: &&PathBuf| error.to_string().contains(&path.display().to_string());
        return names(env)
            .iter()
            .map(|name| place().join(name))
            .collect::<Vec<_>>()
            .iter()
            .find(named)
            .cloned();
    }
    // With damage that the start does not see, what can be read is right.
    if let Ok(engine) = TreeEngine::open_to_look(env, DRIVE, &place(), SMALL) {
        let [one, _] = filled(0, 400);
        for (key, value) in &one {
            if let Ok(read) = engine.get(ONE, &key.to_be_bytes()) {
                // A damaged filter is an error, never a row that is not there.
                assert_eq!(read.as_deref(), Some(value.as_slice()));
            }
        }
    }
    found.first().cloned()
}

#[test]
fn a_look_changes_nothing_on_the_drive() {
    let simulation = simulation(5);
    simulation
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 300);
            engine.persist().unwrap();
            drop(engine);
            env.disk.blocking().create(&place().join("00000000000000ff.rows")).unwrap();
        })
        .finished();
    simulation.disks().keep_operations();
    simulation
        .run(async |env| {
            let engine = TreeEngine::open_to_look(&env, DRIVE, &place(), SMALL).unwrap();
            assert_filled(&engine, 0, 300);
            fill(&engine, 300, 300);
            assert_filled(&engine, 0, 600);
            engine.drop_keyspace(TWO).unwrap();
            assert_eq!(rows(&engine, TWO), BTreeMap::new());
            engine.persist().unwrap();
            engine.close().unwrap();
        })
        .finished();
    let changes = simulation.disks().kept_operations().into_iter().map(|operation| operation.action);
    let changes: Vec<_> =
        changes.filter(|action| !matches!(action, DiskAction::Open | DiskAction::Read)).collect();
    assert_eq!(changes, []);
}

#[test]
fn another_drives_files_and_another_engines_folder_are_refused() {
    simulation(6)
        .run(async |env| {
            drop(open(&env));
            let other = TreeEngine::open(&env, DriveId::from_bytes([8; 16]), &place(), SMALL);
            assert!(matches!(other, Err(EngineError::Failed { .. })));
            let folder = Path::new("/d1/other");
            env.disk.blocking().create_directories(folder).unwrap();
            env.disk.blocking().create(&folder.join("0.jnl")).unwrap();
            let refused = TreeEngine::open(&env, DRIVE, folder, SMALL).unwrap_err();
            let reason = std::error::Error::source(&refused).unwrap().to_string();
            assert!(reason.contains("another engine"), "{reason}");
            assert!(TreeEngine::open_to_look(&env, DRIVE, Path::new("/d1/none"), SMALL).is_err());
        })
        .finished();
}

fn fail(action: DiskAction, failure: Failure) -> Fault {
    Fault { action, under: place(), after: 0, times: 1, failure }
}

#[test]
fn what_fails_while_writing_poisons_and_is_whole_after_opening_again() {
    for action in [DiskAction::Write, DiskAction::Sync, DiskAction::Name, DiskAction::SyncDirectory] {
        for failure in [Failure::Input, Failure::Full] {
            let simulation = simulation(7);
            let persisted = simulation.run(async |env| {
                let engine = open(&env);
                fill(&engine, 0, 100);
                engine.persist().unwrap();
                put(&engine, ONE, 5000, b"more").unwrap();
                simulation.disks().fail(fail(action, failure));
                assert!(matches!(engine.persist(), Err(EngineError::Failed { .. })), "{action:?}");
                assert!(matches!(put(&engine, ONE, 6000, b"no"), Err(EngineError::Poisoned { .. })));
                assert!(matches!(engine.persist(), Err(EngineError::Poisoned { .. })));
                assert_eq!(engine.get(ONE, &5000u32.to_be_bytes()).unwrap().unwrap(), "more");
                drop(engine);
                let engine = open(&env);
                put(&engine, ONE, 6000, b"yes").unwrap();
                engine.persist().unwrap();
                let [one, _] = filled(0, 100);
                one.into_iter().all(|(key, value)| rows(&engine, ONE).get(&key) == Some(&value))
            });
            assert!(persisted.finished(), "{action:?} {failure:?}");
        }
    }
}

#[test]
fn a_merge_without_room_changes_nothing_and_is_made_when_there_is_some() {
    let simulation = simulation(8);
    simulation
        .run(async |env| {
            let engine = open(&env);
            for part in 0..3 {
                fill(&engine, part * 20, 20);
                engine.persist().unwrap();
            }
            let before = names(&env);
            simulation.disks().fail(fail(DiskAction::Write, Failure::Full));
            assert!(matches!(engine.compact(ONE), Err(EngineError::Failed { action: "merge rows", .. })));
            assert_eq!(names(&env), before, "what was begun is gone");
            assert_filled(&engine, 0, 60);
            put(&engine, ONE, 7000, b"goes on").unwrap();
            engine.compact(ONE).unwrap();
            assert_eq!(rows(&engine, ONE).len(), filled(0, 60)[0].len() + 1);
        })
        .finished();
}

#[test]
fn removed_rows_give_their_room_back_and_files_wait_for_their_readers() {
    simulation(9)
        .run(async |env| {
            let engine = open(&env);
            fill(&engine, 0, 1000);
            engine.persist().unwrap();
            let full = engine.statistics().unwrap().disk_bytes;
            let reader = engine.snapshot(ONE).unwrap();
            for keyspace in [ONE, TWO] {
                let mut batch = EngineBatch::default();
                for key in rows(&engine, keyspace).keys() {
                    batch.remove(keyspace, &key.to_be_bytes());
                }
                engine.write(&mut batch).unwrap();
                engine.compact(keyspace).unwrap();
            }
            assert_eq!(engine.statistics().unwrap().disk_bytes, 0, "of {full}");
            assert_eq!((engine.rows_about(ONE).unwrap(), engine.rows_about(TWO).unwrap()), (0, 0));
            let mut read = 0;
            reader
                .scan(ALL_KEYS, &mut |_, _| {
                    read += 1;
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(read, filled(0, 1000)[0].len());
            assert!(names(&env).len() > 1, "the reader's files are still there");
            drop(reader);
            engine.rest().unwrap();
            assert_eq!(names(&env), ["manifest"]);
        })
        .finished();
}

#[test]
fn a_counter_written_a_thousand_times_is_one_row_of_one_file() {
    simulation(10)
        .run(async |env| {
            let engine = open(&env);
            for value in 0..10_000u32 {
                put(&engine, ONE, 1, &value.to_le_bytes()).unwrap();
            }
            assert_eq!(names(&env), ["manifest"], "nothing had to be written");
            engine.persist().unwrap();
            assert_eq!((names(&env).len(), engine.rows_about(ONE).unwrap()), (2, 1));
        })
        .finished();
}
