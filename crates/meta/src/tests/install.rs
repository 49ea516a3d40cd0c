//! A crash while a replica is filled from a snapshot costs the filling, not the drive.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::log::{LogBatch, LogOptions, RaftLog};
use crate::machine::Applied;

#[test]
fn a_crash_while_a_replica_is_filled_leaves_a_drive_that_opens() {
    for nth in 140..175 {
        let mut store = Store::new(9400 + nth, 4);
        let written = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            for number in 0..30 {
                put(&meta, number).await.unwrap();
            }
            meta.close().await;
        });
        written.finished();
        store.replace(2);
        store.simulation.disks().crash_after(nth, Crash::PowerCut);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            env.clock.sleep(Duration::from_secs(20)).await;
            meta.close().await;
        });
        if !matches!(ending, Ending::Crashed) {
            store.simulation.disks().disarm_crash();
        }
        store.crash();
        let again = store.simulation.run(async |env| {
            let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
            assert!(left_out.is_empty(), "crash after {nth}: {left_out:?}");
            env.clock.sleep(Duration::from_secs(20)).await;
            assert!(meta.votes_everywhere(store.map.sets[0][2]), "crash after {nth}");
            meta.close().await;
        });
        again.finished();
    }
}

/// The drive in slot 2 has a vote, and lacks entries that are in no log any more.
const BEHIND: usize = 2;

fn with_a_voter_behind(seed: u64) -> Store {
    let store = Store::new(seed, 4);
    let others = [0, 1, 3];
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put_all(&meta, 0..10).await;
        meta.close().await;
        let meta = store.open(&env, &others, false).await;
        put_all(&meta, 10..30).await;
        meta.close().await;
        for slot in others {
            purge(&env, &store, slot).await;
        }
    });
    written.finished();
    store
}

async fn put_all(meta: &Meta, numbers: std::ops::Range<u64>) {
    for number in numbers {
        put(meta, number).await.unwrap();
    }
}

/// Purges the log of a drive as far as its engine has persisted.
async fn purge(env: &Env, store: &Store, slot: usize) {
    let directory = format!("/d{}/meta/log", slot + 1);
    let options = LogOptions::new(store.map.sets[0][slot]);
    let (mut log, _) = RaftLog::open(env, Path::new(&directory), options).await.unwrap();
    let mut batch = LogBatch::default();
    batch.purge(P, applied(store, slot));
    log.append(&batch).await.unwrap();
}

fn applied(store: &Store, slot: usize) -> u64 {
    let engine = store.engines[slot].open();
    let sides = [P, PartitionId(P.0 | 1 << 15)];
    let applied = sides.iter().filter_map(|side| Applied::load(&engine, *side).unwrap());
    applied.map(|applied| applied.index).max().unwrap()
}

/// The drive opens again, is filled, and everything that it ever acknowledged is there.
fn assert_filled_at_last(store: &Store, when: &str) {
    let again = store.simulation.run(async |env| {
        let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
        assert!(left_out.is_empty(), "{when}: {left_out:?}");
        env.clock.sleep(Duration::from_secs(20)).await;
        assert_eq!(numbers(&meta).await, (0..30).collect(), "{when}");
        meta.close().await;
    });
    again.finished();
    assert_eq!(applied(store, BEHIND), applied(store, 0), "{when}");
}

#[test]
fn a_voter_that_is_behind_survives_a_crash_at_any_step_of_being_filled() {
    for nth in 1.. {
        let store = with_a_voter_behind(9700);
        store.simulation.disks().crash_after(nth, Crash::PowerCut);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            env.clock.sleep(Duration::from_secs(20)).await;
            meta.close().await;
        });
        let is_crashed = matches!(ending, Ending::Crashed);
        store.simulation.disks().disarm_crash();
        store.crash();
        assert_filled_at_last(&store, &format!("crash after {nth}"));
        if !is_crashed {
            assert!(nth > 50, "{nth}");
            return;
        }
    }
}

#[test]
fn a_voter_that_is_behind_survives_an_engine_that_fails_at_any_write_of_being_filled() {
    for writes in 0..12 {
        let store = with_a_voter_behind(9800);
        store.engines[BEHIND].fail_after(writes);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            env.clock.sleep(Duration::from_secs(20)).await;
            meta.close().await;
        });
        ending.finished();
        store.crash();
        store.engines[BEHIND].fail_after(u64::MAX);
        assert_filled_at_last(&store, &format!("failure after {writes}"));
    }
}
