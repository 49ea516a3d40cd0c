//! Drives that fail, fill up, stall, go away or rot while clients are at it.
//!
//! Goal: with no more drives at fault than the parity has, operations go on and every answer is right; with more there is an
//! error and never a wrong byte; the drive at fault is named; once it is back all blobs are made whole. Method: clients
//! write each key over and over; a key may be what was acknowledged last, or a later try that failed.

use std::time::Duration;

use blob::DriveState;
use env::simulated::{Crash, DiskAction, Failure, Fault, SimulatedDisks};
use futures_util::future::join_all;

use super::*;

const CLIENTS: u64 = 6;
const ROUNDS: u64 = 12;

/// What a key may hold: the content by its seed and length.
#[derive(Clone, Debug, Default)]
struct Possible(Vec<(u64, usize)>);

type Model = BTreeMap<String, Possible>;

fn sizes(number: u64) -> usize {
    [500, 3_000, 15_000, 90_000, 200_000][number as usize % 5] + number as usize
}

/// Writes keys of its own, overwrites them, and reads them back at once.
async fn client(objects: &Objects, bucket: &BucketInfo, client: u64, round_first: u64) -> (Model, usize) {
    let mut model = Model::new();
    let mut refused = 0;
    for round in round_first..round_first + ROUNDS {
        let key = format!("{client}/{}", round % 5);
        let (seed, size) = (client * 1000 + round, sizes(round * 7 + client));
        let done = put(objects, bucket, &key, &content(seed, size)).await;
        let possible = model.entry(key.clone()).or_default();
        match done {
            Ok(_) => possible.0 = vec![(seed, size)],
            Err(_) => possible.0.push((seed, size)),
        }
        if let Err(error) = &done {
            assert!(matches!(error, ObjectError::Meta(meta::MetaError::Unknown { .. })), "{key}: {error}");
            refused += 1;
        }
        let holds_first = possible.0.first() == Some(&(seed, size));
        if done.is_ok() || !holds_first {
            assert_right(objects, bucket, &key, possible).await;
        }
    }
    (model, refused)
}

async fn assert_right(objects: &Objects, bucket: &BucketInfo, key: &str, possible: &Possible) {
    let bytes = get(objects, bucket, key).await.unwrap_or_else(|error| panic!("{key}: {error}"));
    let is_right = possible.0.iter().any(|(seed, size)| content(*seed, *size) == bytes);
    assert!(is_right, "{key} has {} bytes, and they are not of {possible:?}", bytes.len());
}

/// All clients at once; how many writes were refused.
async fn workload(objects: &Objects, bucket: &BucketInfo, model: &mut Model, round: u64) -> usize {
    let clients = (0..CLIENTS).map(|number| client(objects, bucket, number, round));
    let mut refused = 0;
    for (done, failed) in join_all(clients).await {
        model.extend(done);
        refused += failed;
    }
    refused
}

async fn assert_all_right(objects: &Objects, bucket: &BucketInfo, model: &Model) {
    for (key, possible) in model {
        assert_right(objects, bucket, key, possible).await;
    }
    assert_eq!(keys(objects, bucket).await, model.keys().cloned().collect::<Vec<_>>());
    let (count, _) = objects.usage(bucket).await.unwrap();
    assert_eq!(count as usize, model.len());
}

/// A workload, then a fault on drive 2 and a workload, then the drive is back and everything is made whole.
fn through_a_fault(
    seed: u64,
    begin: impl Fn(&SimulatedDisks),
    end: impl Fn(&SimulatedDisks),
    is_named: bool,
) {
    let store = Store::small(seed, 4);
    let disks = store.simulation.disks();
    let mut model = Model::new();
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = objects.create_bucket("bucket", "", "me").await.unwrap();
        assert_eq!(workload(&objects, &bucket, &mut model, 0).await, 0);
        begin(disks);
        // What was under way on a drive that led is in doubt; everything after it goes on.
        let refused = workload(&objects, &bucket, &mut model, 100).await;
        assert!(refused <= CLIENTS as usize, "{refused} writes failed");
        assert_eq!(workload(&objects, &bucket, &mut model, 150).await, 0, "three drives take writes");
        if is_named {
            let drives = objects.blobs().drives().await;
            assert_ne!(drives[1].state, DriveState::Ok, "the drive at fault is known");
            assert!(drives.iter().enumerate().all(|(n, drive)| n == 1 || drive.state == DriveState::Ok));
            let health = objects.health().await;
            assert!(health.reads && health.writes && !health.reasons.is_empty(), "{health:?}");
        }
        assert_all_right(&objects, &bucket, &model).await;
    });
    ending.finished();
    end(disks);
    disks.crash_now(Crash::Kill);
    store.crash_engines();
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, false).await;
        let bucket = objects.bucket("bucket").await.unwrap();
        assert_all_right(&objects, &bucket, &model).await;
        work_until_done(&objects, &env).await;
        assert_tidy(&objects).await;
        let health = objects.health().await;
        assert!(health.reasons.is_empty(), "{health:?}");
        assert_eq!(workload(&objects, &bucket, &mut model, 200).await, 0);
        assert_all_right(&objects, &bucket, &model).await;
        close(&objects).await;
    });
    ending.finished();
}

fn fails(action: DiskAction, under: &str, failure: Failure) -> impl Fn(&SimulatedDisks) {
    let under = under.to_owned();
    move |disks| {
        disks.fail(Fault { action, under: (&under).into(), after: 7, times: u64::MAX, failure });
    }
}

#[test]
fn a_drive_that_can_not_write_is_left_out_and_made_whole_later() {
    for (seed, under) in [(1, "/d2"), (2, "/d2/blob"), (3, "/d2/meta")] {
        let begin = fails(DiskAction::Write, under, Failure::Input);
        through_a_fault(seed, begin, SimulatedDisks::clear_faults, under == "/d2/blob");
    }
}

#[test]
fn a_drive_that_can_not_sync_is_left_out_and_made_whole_later() {
    for (seed, under) in [(1, "/d2"), (2, "/d2/blob"), (3, "/d2/meta")] {
        let begin = fails(DiskAction::Sync, under, Failure::Input);
        through_a_fault(seed, begin, SimulatedDisks::clear_faults, under == "/d2/blob");
    }
}

#[test]
fn a_drive_that_can_not_read_is_read_around() {
    through_a_fault(
        1,
        fails(DiskAction::Read, "/d2/blob", Failure::Input),
        SimulatedDisks::clear_faults,
        false,
    );
}

#[test]
fn a_full_drive_is_left_out_and_made_whole_later() {
    let full = |disks: &SimulatedDisks| disks.set_capacity("d2", 1 << 20);
    let roomy = |disks: &SimulatedDisks| disks.set_capacity("d2", 4 << 30);
    through_a_fault(1, full, roomy, false);
    through_a_fault(2, fails(DiskAction::Write, "/d2", Failure::Full), SimulatedDisks::clear_faults, false);
}

#[test]
fn a_drive_that_stalls_is_left_out_and_made_whole_later() {
    let stall = |disks: &SimulatedDisks| disks.stall_until_resumed("d2");
    through_a_fault(1, stall, |disks| disks.resume("d2"), false);
    let pause = |disks: &SimulatedDisks| disks.stall("d2", Duration::from_secs(3));
    through_a_fault(2, pause, |_| {}, false);
}

#[test]
fn a_drive_that_is_pulled_is_left_out_and_made_whole_when_it_is_back() {
    let pull = |disks: &SimulatedDisks| disks.remove_drive("d2");
    through_a_fault(1, pull, |disks| disks.return_drive("d2"), true);
}

/// A store with a workload on it, closed.
fn filled(seed: u64, drives: usize) -> (Store, Model) {
    let store = Store::small(seed, drives);
    let mut model = Model::new();
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = objects.create_bucket("bucket", "", "me").await.unwrap();
        assert_eq!(workload(&objects, &bucket, &mut model, 0).await, 0);
        work_until_done(&objects, &env).await;
        assert_tidy(&objects).await;
        close(&objects).await;
    });
    ending.finished();
    (store, model)
}

#[test]
fn without_two_of_four_drives_reads_go_on_and_writes_are_refused() {
    for pair in [[0, 1], [0, 3], [1, 2], [2, 3]] {
        let (store, model) = filled(1, 4);
        let ending = store.simulation.run(async |env| {
            let objects = store.open_with(&env, false, &pair).await;
            let bucket = objects.bucket("bucket").await.unwrap();
            assert_all_right(&objects, &bucket, &model).await;
            let health = objects.health().await;
            assert!(health.reads && !health.writes, "{health:?}");
            for size in [10, 10_000, 100_000] {
                assert!(put(&objects, &bucket, "new", &content(1, size)).await.is_err());
            }
            assert!(delete(&objects, &bucket, "0/0").await.is_err());
            close(&objects).await;
        });
        ending.finished();
        // With one more, writes go on; with all, everything is made whole.
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("bucket").await.unwrap();
            assert_all_right(&objects, &bucket, &model).await;
            work_until_done(&objects, &env).await;
            assert_tidy(&objects).await;
            close(&objects).await;
        });
        ending.finished();
    }
}

/// Segments and shard files on a drive. Names that were removed and would be back after a power cut are not among them.
fn files_of_blobs(disks: &SimulatedDisks, drive: usize) -> Vec<(std::path::PathBuf, u64)> {
    let is_data = |path: &std::path::Path| {
        let path = path.to_string_lossy();
        path.contains("/blob/segments/") || path.contains("/blob/shards/")
    };
    let files = disks.files(&format!("d{drive}")).into_iter();
    files.filter(|(path, len)| *len > 0 && is_data(path) && disks.content(path).is_ok()).collect()
}

/// Does harm to every file of blobs on a drive.
fn rot(disks: &SimulatedDisks, drive: usize, generator: &mut Generator) {
    let files = files_of_blobs(disks, drive);
    for (number, (path, _)) in files.iter().enumerate() {
        // A swap may have changed it.
        let len = disks.content(path).unwrap().len() as u64;
        let at = generator.below(len);
        match generator.below(5) {
            0 | 1 => disks.flip_bit(path, at, generator.below(8) as u32).unwrap(),
            2 => disks.truncate(path, at).unwrap(),
            3 => disks.zero(path, at / 512 * 512..(at / 512 * 512 + 512).min(len)).unwrap(),
            _ => {
                let other = &files[(number + 1) % files.len()].0;
                let is_shard = |path: &std::path::Path| path.to_string_lossy().contains("/shards/");
                if is_shard(path) && is_shard(other) {
                    disks.swap(path, other).unwrap();
                } else {
                    disks.flip_bit(path, at, 0).unwrap();
                }
            }
        }
    }
}

/// Objects that read right, and those that can't be read; none reads wrong.
async fn read_all(objects: &Objects, bucket: &BucketInfo, model: &Model) -> (usize, usize) {
    let (mut right, mut failed) = (0, 0);
    for (key, possible) in model {
        match get(objects, bucket, key).await {
            Ok(bytes) => {
                assert!(
                    possible.0.iter().any(|(seed, size)| content(*seed, *size) == bytes),
                    "{key} reads wrong"
                );
                right += 1;
            }
            Err(_) => failed += 1,
        }
    }
    (right, failed)
}

#[test]
fn rot_on_two_drives_of_four_is_read_around_and_made_good() {
    for seed in 0..8 {
        let (store, model) = filled(seed, 4);
        let mut generator = Generator::new(seed);
        let first = 1 + seed as usize % 4;
        for drive in [first, first % 4 + 1] {
            rot(store.simulation.disks(), drive, &mut generator);
        }
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("bucket").await.unwrap();
            assert_all_right(&objects, &bucket, &model).await;
            let mut queued = 0;
            for partition in objects.meta().partitions() {
                queued += objects.heal(partition, None, 1000).await.unwrap().whole;
            }
            assert!(queued > 0, "what was read with the help of parity is healed");
            assert_all_right(&objects, &bucket, &model).await;
            close(&objects).await;
        });
        ending.finished();
    }
}

#[test]
fn rot_on_three_drives_of_four_gives_errors_and_never_wrong_bytes() {
    for seed in 0..8 {
        let (store, model) = filled(seed, 4);
        let mut generator = Generator::new(seed);
        for drive in 2..=4 {
            rot(store.simulation.disks(), drive, &mut generator);
        }
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("bucket").await.unwrap();
            let (_, failed) = read_all(&objects, &bucket, &model).await;
            assert!(failed > 0, "three drives are too many");
            close(&objects).await;
        });
        ending.finished();
    }
}

#[test]
fn on_a_single_drive_a_flipped_bit_costs_one_object() {
    let mut hurt = 0;
    for seed in 0..24 {
        let (store, model) = filled(seed, 1);
        let disks = store.simulation.disks();
        let files = files_of_blobs(disks, 1);
        let mut generator = Generator::new(seed);
        let (path, len) = &files[generator.below(files.len() as u64) as usize];
        disks.flip_bit(path, generator.below(*len), 3).unwrap();
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("bucket").await.unwrap();
            let (_, failed) = read_all(&objects, &bucket, &model).await;
            assert!(failed <= 1, "one bit in {} costs {failed} objects", path.display());
            hurt += failed;
            assert_eq!(keys(&objects, &bucket).await.len(), model.len());
            put(&objects, &bucket, "0/0", &content(9, 9000)).await.unwrap();
            close(&objects).await;
        });
        ending.finished();
    }
    assert!(hurt > 5, "most bits are somebody's: {hurt}");
}
