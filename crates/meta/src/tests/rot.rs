//! Rows that can't be read any more: the replica is filled again from another one, and nothing is lost meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::map::raft_id;

use super::*;
use crate::engine::FoundDamage;
use crate::engine::tree::{TreeEngine, TreeOptions};

const ROWS: u64 = 400;

/// As [`Store::try_open`], with rows in files.
async fn open(store: &Store, env: &Env, new_store: bool) -> Meta {
    let (meta, left_out) = try_open(store, env, new_store).await;
    assert!(left_out.is_empty(), "{left_out:?}");
    meta
}

async fn try_open(store: &Store, env: &Env, new_store: bool) -> (Meta, Vec<LeftOut>) {
    let drive = |slot: usize| MetaDrive::new(store.map.sets[0][slot], format!("/d{}/meta", slot + 1));
    let engines = |env: &Env, id: DriveId, directory: &Path| {
        let options = TreeOptions { cache_bytes: 32 << 10, memtable_bytes: 32 << 10 };
        Ok(Arc::new(TreeEngine::open(env, id, directory, options)?) as Arc<dyn Engine>)
    };
    let options = MetaOptions {
        map: store.map.clone(),
        drives: store.all().into_iter().map(drive).collect(),
        new_store,
        engines: Arc::new(engines),
        log: Arc::new(crate::log::LogOptions::new),
        watch: None,
    };
    Meta::open(env, options).await.unwrap()
}

/// Values that are long and do not compress, so that rows fill blocks.
async fn put_long(env: &Env, meta: &Meta, number: u64) {
    // While one replica lets another one lead, it takes nothing.
    for _ in 0..100 {
        match try_put_long(meta, number).await {
            Err(MetaError::Busy | MetaError::NoLeader { .. }) => {
                env.clock.sleep(Duration::from_millis(100)).await
            }
            done => return done.unwrap(),
        }
    }
    panic!("nobody takes row {number}");
}

async fn try_put_long(meta: &Meta, number: u64) -> Result<(), MetaError> {
    let mut txn = meta.begin(P).await?;
    let value = |at: u64| (number * 100 + at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
    txn.put::<Numbers>(&number, &Counters { values: (0..40).map(value).collect() });
    txn.add::<Totals>(&0, &[1]);
    txn.commit().await.map(drop)
}

/// A store with rows in files, closed.
fn filled(seed: u64, drives: usize) -> Store {
    let store = Store::new(seed, drives);
    let life = store.simulation.run(async |env| {
        let meta = open(&store, &env, true).await;
        for number in 0..ROWS {
            put_long(&env, &meta, number).await;
        }
        assert!(meta.close().await.is_empty());
    });
    life.finished();
    store
}

/// Turns a bit of the first row of every file of a drive: of how far a partition is applied, and of many others.
fn rot_first(store: &Store, drive: usize) {
    let disks = store.simulation.disks();
    let files = disks.files(&format!("d{drive}")).into_iter();
    for (path, _) in files.filter(|(path, _)| path.extension().is_some_and(|end| end == "rows")) {
        disks.flip_bit(&path, 70, 1).unwrap();
    }
}

/// Turns a bit in the midst of every file of rows of a drive but small ones.
fn rot(store: &Store, drive: usize) {
    let disks = store.simulation.disks();
    let files = disks.files(&format!("d{drive}")).into_iter();
    let rows: Vec<(PathBuf, u64)> = files
        .filter(|(path, len)| path.extension().is_some_and(|end| end == "rows") && *len > 20_000)
        .collect();
    assert!(!rows.is_empty());
    for (path, len) in rows {
        disks.flip_bit(&path, len / 2, 2).unwrap();
    }
}

/// Reads all files of a drive's engine.
async fn damage(meta: &Meta, drive: DriveId) -> Vec<FoundDamage> {
    let mut check = meta.check_rows(drive).unwrap();
    let mut found = Vec::new();
    loop {
        let step = check.step(64 << 10).await;
        found.extend(step.found);
        if step.is_last {
            return found;
        }
    }
}

/// The drive whose replica leads the partition.
fn leads(store: &Store, meta: &Meta) -> usize {
    let engine = Arc::as_ptr(&meta.views[usize::from(P.0)].current().unwrap().engine).cast::<()>();
    let loops = meta.loops.lock();
    let running = loops.iter().find(|running| Arc::as_ptr(&running.engine).cast::<()>() == engine);
    let id = raft_id(&running.unwrap().drive);
    store.map.sets[0].iter().position(|drive| raft_id(drive) == id).unwrap() + 1
}

/// Reads every row, from whoever leads; asks again where one leads that can't read.
async fn assert_all_there(env: &Env, meta: &Meta, count: u64) {
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    for _ in 0..20 {
        if let Ok(rows) = meta.reader(P).await.unwrap().scan::<Numbers>(all, usize::MAX) {
            assert_eq!(
                rows.into_iter().map(|(number, _)| number).collect::<BTreeSet<_>>(),
                (0..count).collect()
            );
            return;
        }
        env.clock.sleep(Duration::from_secs(1)).await;
    }
    panic!("nobody can read all rows");
}

#[test]
fn damage_that_a_scrub_finds_is_healed_from_another_replica() {
    // Of the drive that leads, and of one that does not.
    for rotten in [1, 2, 3] {
        let store = filled(500, 3);
        rot(&store, rotten);
        let drive = store.map.sets[0][rotten - 1];
        let life = store.simulation.run(async |env| {
            let meta = open(&store, &env, false).await;
            put_long(&env, &meta, ROWS).await;
            let found = damage(&meta, drive).await;
            assert!(!found.is_empty());
            meta.heal_rows(drive, &found).await.unwrap();
            for number in ROWS + 1..ROWS + 50 {
                env.clock.sleep(Duration::from_millis(100)).await;
                put_long(&env, &meta, number).await;
            }
            env.clock.sleep(Duration::from_secs(20)).await;
            assert_eq!(damage(&meta, drive).await, []);
            assert_all_there(&env, &meta, ROWS + 50).await;
            assert!(meta.close().await.is_empty());
        });
        life.finished();
        let again = store.simulation.run(async |env| {
            let meta = open(&store, &env, false).await;
            assert_eq!(damage(&meta, drive).await, []);
            assert_all_there(&env, &meta, ROWS + 50).await;
        });
        again.finished();
    }
}

/// Whether the replica of a drive has applied what wrote a row.
fn has_row(store: &Store, meta: &Meta, slot: usize, number: u64) -> bool {
    let loops = meta.loops.lock();
    let running = loops.iter().find(|running| running.drive == store.map.sets[0][slot]).unwrap();
    running.engine.get(P, &crate::table::row_key::<Numbers>(&number)).unwrap().is_some()
}

/// Raft's leader does not find out by itself that a replica was filled that had acknowledged as much before.
#[test]
fn a_replica_that_was_filled_again_follows_its_leader() {
    for rotten in [1, 2, 3] {
        let store = filled(550, 3);
        rot(&store, rotten);
        let drive = store.map.sets[0][rotten - 1];
        let life = store.simulation.run(async |env| {
            let meta = open(&store, &env, false).await;
            put_long(&env, &meta, ROWS).await;
            let found = damage(&meta, drive).await;
            meta.heal_rows(drive, &found).await.unwrap();
            // Nothing is written while it is filled.
            env.clock.sleep(Duration::from_secs(30)).await;
            assert_eq!(damage(&meta, drive).await, []);
            for number in ROWS + 1..ROWS + 10 {
                put_long(&env, &meta, number).await;
                env.clock.sleep(Duration::from_secs(1)).await;
                assert!(has_row(&store, &meta, rotten - 1, number), "drive {rotten}, row {number}");
            }
        });
        life.finished();
    }
}

#[test]
fn a_leader_that_can_not_read_its_rows_is_filled_from_the_one_that_leads_next() {
    let store = filled(600, 3);
    let life = store.simulation.run(async |env| {
        let meta = open(&store, &env, false).await;
        put_long(&env, &meta, ROWS).await;
        let rotten = leads(&store, &meta);
        rot(&store, rotten);
        let drive = store.map.sets[0][rotten - 1];
        assert_all_there(&env, &meta, ROWS + 1).await;
        assert_ne!(leads(&store, &meta), rotten);
        env.clock.sleep(Duration::from_secs(20)).await;
        assert_eq!(damage(&meta, drive).await, []);
        assert!(meta.close().await.is_empty());
    });
    life.finished();
}

#[test]
fn a_replica_is_not_filled_from_rows_that_can_not_be_read_and_loses_nothing_by_the_attempt() {
    // Two of three are damaged: who is to be filled may ask the other one first.
    let store = filled(700, 3);
    rot(&store, 1);
    rot(&store, 2);
    let life = store.simulation.run(async |env| {
        let meta = open(&store, &env, false).await;
        for slot in [0, 1] {
            let drive = store.map.sets[0][slot];
            let found = damage(&meta, drive).await;
            meta.heal_rows(drive, &found).await.unwrap();
        }
        for number in ROWS..ROWS + 20 {
            put_long(&env, &meta, number).await;
            env.clock.sleep(Duration::from_secs(10)).await;
        }
        assert!(meta.failed_drives().is_empty(), "{:?}", meta.failed_drives());
        for slot in [0, 1, 2] {
            assert_eq!(damage(&meta, store.map.sets[0][slot]).await, [], "drive {slot}");
        }
        assert_all_there(&env, &meta, ROWS + 20).await;
    });
    life.finished();
}

#[test]
fn of_two_drives_neither_is_lost() {
    let store = filled(800, 2);
    rot(&store, 1);
    let life = store.simulation.run(async |env| {
        let meta = open(&store, &env, false).await;
        let found = damage(&meta, store.map.sets[0][0]).await;
        meta.heal_rows(store.map.sets[0][0], &found).await.unwrap();
        for number in ROWS..ROWS + 20 {
            put_long(&env, &meta, number).await;
            env.clock.sleep(Duration::from_secs(2)).await;
        }
        assert_all_there(&env, &meta, ROWS + 20).await;
        assert!(meta.failed_drives().is_empty(), "{:?}", meta.failed_drives());
    });
    life.finished();
}

#[test]
fn a_drive_that_can_not_tell_how_far_its_rows_are_is_filled_again_where_the_others_are_enough() {
    let store = filled(1000, 3);
    rot_first(&store, 1);
    let drive = store.map.sets[0][0];
    let life = store.simulation.run(async |env| {
        let meta = open(&store, &env, false).await;
        for number in ROWS..ROWS + 20 {
            put_long(&env, &meta, number).await;
            env.clock.sleep(Duration::from_secs(1)).await;
        }
        assert!(meta.failed_drives().is_empty(), "{:?}", meta.failed_drives());
        assert_eq!(damage(&meta, drive).await, []);
        assert_all_there(&env, &meta, ROWS + 20).await;
        assert!(meta.close().await.is_empty());
    });
    life.finished();
    // It is as good as the others.
    store.simulation.disks().remove_drive("d3");
    let again = store.simulation.run(async |env| {
        let (meta, left_out) = try_open(&store, &env, false).await;
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        put_long(&env, &meta, ROWS + 20).await;
        assert_all_there(&env, &meta, ROWS + 21).await;
    });
    again.finished();
}

#[test]
fn a_drive_that_can_not_tell_how_far_its_rows_are_is_left_out_untouched_where_it_is_needed_to_write() {
    let store = filled(1100, 2);
    rot_first(&store, 1);
    let life = store.simulation.run(async |env| {
        let before = store.simulation.disks().files("d1");
        let (meta, left_out) = try_open(&store, &env, false).await;
        assert!(meta.is_read_only() && left_out.len() == 1, "{left_out:?}");
        assert_eq!(store.simulation.disks().files("d1"), before);
        assert_all_there(&env, &meta, ROWS).await;
    });
    life.finished();
}

#[test]
fn a_crash_at_any_step_of_being_filled_again_loses_nothing() {
    use env::simulated::{Crash, Ending};
    let mut nth = 1;
    loop {
        let store = filled(900, 3);
        rot(&store, 2);
        let drive = store.map.sets[0][1];
        let ending = store.simulation.run(async |env| {
            let meta = open(&store, &env, false).await;
            put_long(&env, &meta, ROWS).await;
            let found = damage(&meta, drive).await;
            store.simulation.disks().crash_after(nth, Crash::PowerCut);
            meta.heal_rows(drive, &found).await.unwrap();
            env.clock.sleep(Duration::from_secs(10)).await;
        });
        let is_crashed = matches!(ending, Ending::Crashed);
        store.simulation.disks().disarm_crash();
        let again = store.simulation.run(async |env| {
            let meta = open(&store, &env, false).await;
            env.clock.sleep(Duration::from_secs(5)).await;
            let found = damage(&meta, drive).await;
            meta.heal_rows(drive, &found).await.unwrap();
            env.clock.sleep(Duration::from_secs(15)).await;
            assert_eq!(damage(&meta, drive).await, [], "crash at {nth}");
            assert_all_there(&env, &meta, ROWS + 1).await;
        });
        again.finished();
        if !is_crashed {
            assert!(nth > 20, "{nth}");
            return;
        }
        nth += 3;
    }
}
