//! Partitions over simulated drives: transactions, crashes, lost drives, new drives. `RUSTFS_TEST_SEEDS=N` runs N seeds of those
//! tests that begin from one.

use std::collections::BTreeSet;
use std::sync::Arc;

use cluster::map::ClusterMap;
use env::Env;
use env::simulated::{Crash, Ending, Simulation};
use model::ids::{DriveId, PartitionId, StoreId};
use parking_lot::Mutex;

use crate::engine::Engine;
use crate::engine::memory::MemoryEngineStore;
use crate::table::{Counters, Table};
use crate::{LeftOut, Meta, MetaDrive, MetaError, MetaOpenError, MetaOptions};

mod answers;
mod forgotten;
mod install;
mod limits;
mod recent;
mod rest;
mod rot;
mod silent;
mod survivors;

struct Totals;

impl Table for Totals {
    const ID: u8 = 9;
    const NAME: &'static str = "totals";
    type Key = u64;
    type Row = Counters;
    fn encode_key(key: &u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&key.to_be_bytes());
    }
    fn decode_key(bytes: &[u8]) -> Option<u64> {
        bytes.try_into().ok().map(u64::from_be_bytes)
    }
}

struct Numbers;

impl Table for Numbers {
    const ID: u8 = 10;
    const NAME: &'static str = "numbers";
    type Key = u64;
    type Row = Counters;
    fn encode_key(key: &u64, out: &mut Vec<u8>) {
        Totals::encode_key(key, out);
    }
    fn decode_key(bytes: &[u8]) -> Option<u64> {
        Totals::decode_key(bytes)
    }
}

/// A store of simulated drives: what outlives a crash.
struct Store {
    simulation: Simulation,
    map: ClusterMap,
    engines: Vec<MemoryEngineStore>,
    /// Slots whose drive is being filled.
    refilling: Vec<usize>,
}

const P: PartitionId = PartitionId(1);

/// So many seeds from the first one on, or as many as are asked for.
fn seeds(first: u64, usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("RUSTFS_TEST_SEEDS").ok().and_then(|count| count.parse().ok());
    first..first + asked.unwrap_or(usual)
}

impl Store {
    fn new(seed: u64, drives: usize) -> Self {
        let simulation = Simulation::with_drives(seed, drives, 1 << 30);
        let parity = cluster::placement::default_parity(drives);
        let map = ClusterMap {
            store: StoreId::from_bytes([7; 16]),
            epoch: 1,
            sets: vec![(1..=drives as u8).map(|n| DriveId::from_bytes([n; 16])).collect()],
            parity,
            parity_reduced: parity.min(1),
            partitions: 2,
            replicas: cluster::placement::default_replicas(drives, parity),
        };
        let engines = (0..drives).map(|_| MemoryEngineStore::default()).collect();
        Store { simulation, map, engines, refilling: Vec::new() }
    }

    /// Opens the drives that are there, by slot.
    async fn open(&self, env: &Env, present: &[usize], new_store: bool) -> Meta {
        let (meta, left_out) = self.try_open(env, present, new_store).await.unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
        meta
    }

    async fn try_open(
        &self,
        env: &Env,
        present: &[usize],
        new_store: bool,
    ) -> Result<(Meta, Vec<LeftOut>), MetaOpenError> {
        let drives = present
            .iter()
            .map(|slot| MetaDrive {
                refilling: self.refilling.contains(slot),
                ..MetaDrive::new(self.map.sets[0][*slot], format!("/d{}/meta", slot + 1))
            })
            .collect();
        let engines = self.engines.clone();
        let ids = self.map.sets[0].clone();
        let factory = Arc::new(move |_: &Env, id: DriveId, _: &std::path::Path| {
            let slot = ids.iter().position(|drive| *drive == id).unwrap();
            let engine: Arc<dyn Engine> = Arc::new(engines[slot].open());
            Ok(engine)
        });
        let options = MetaOptions {
            map: self.map.clone(),
            drives,
            new_store,
            engines: factory,
            log: Arc::new(crate::log::LogOptions::new),
            watch: None,
        };
        Meta::open(env, options).await
    }

    /// Another drive takes the place of the one in this slot, as a start does it with an empty folder.
    fn replace(&mut self, slot: usize) {
        self.lose_content(slot);
        self.map.epoch += 1;
        self.map.sets[0][slot] = DriveId::from_bytes([0x30 + self.map.epoch as u8; 16]);
        self.refilling.push(slot);
    }

    /// All that is on a drive goes.
    fn lose_content(&mut self, slot: usize) {
        self.simulation.disks().replace_with_empty(&format!("d{}", slot + 1));
        self.engines[slot] = MemoryEngineStore::default();
    }

    fn crash(&self) {
        for engine in &self.engines {
            engine.crash(self.simulation.random());
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.engines.len()).collect()
    }
}

async fn put(meta: &Meta, number: u64) -> Result<(), MetaError> {
    let mut txn = meta.begin(P).await?;
    txn.put::<Numbers>(&number, &Counters { values: vec![number as i64] });
    txn.add::<Totals>(&0, &[1, number as i64]);
    txn.commit().await.map(|_| ())
}

async fn numbers(meta: &Meta) -> BTreeSet<u64> {
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let rows = meta.reader(P).await.unwrap().scan::<Numbers>(all, usize::MAX).unwrap();
    rows.into_iter().map(|(number, _)| number).collect()
}

async fn total(meta: &Meta) -> i64 {
    let total = meta.reader(P).await.unwrap().get::<Totals>(&0).unwrap();
    total.map_or(0, |total| total.row.value(0))
}

#[test]
fn a_transaction_is_read_by_all_that_comes_after_it() {
    for drives in [1, 3, 4] {
        let store = Store::new(1, drives);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            for number in 0..20 {
                put(&meta, number).await.unwrap();
                assert_eq!(total(&meta).await, number as i64 + 1);
            }
            assert_eq!(numbers(&meta).await, (0..20).collect());
            let mut txn = meta.begin(P).await.unwrap();
            txn.delete::<Numbers>(&3);
            txn.commit().await.unwrap();
            assert!(!numbers(&meta).await.contains(&3));
            meta.close().await;
        });
        ending.finished();
    }
}

#[test]
fn of_two_transactions_that_read_the_same_row_one_conflicts() {
    let store = Store::new(2, 3);
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        let mut one = meta.begin(P).await.unwrap();
        let mut other = meta.begin(P).await.unwrap();
        for txn in [&mut one, &mut other] {
            assert!(txn.get::<Numbers>(&1).unwrap().is_none());
            txn.put::<Numbers>(&1, &Counters { values: vec![1] });
        }
        let first = one.commit().await.unwrap();
        assert!(matches!(other.commit().await, Err(MetaError::Conflict)));
        // A row that was written and removed again is absent as before: whoever read it as absent may go on.
        let mut late = meta.begin(P).await.unwrap();
        assert!(late.get::<Numbers>(&2).unwrap().is_none());
        put(&meta, 2).await.unwrap();
        let mut remove = meta.begin(P).await.unwrap();
        remove.delete::<Numbers>(&2);
        remove.commit().await.unwrap();
        late.put::<Numbers>(&2, &Counters::default());
        assert!(late.commit().await.unwrap().time >= first.time);
        meta.close().await;
    });
    ending.finished();
}

#[test]
fn counters_never_conflict_and_never_miss() {
    let store = Store::new(3, 4);
    let ending = store.simulation.run(async |env| {
        let meta = Arc::new(store.open(&env, &store.all(), true).await);
        let writers = (0..16u64).map(|writer| {
            let meta = Arc::clone(&meta);
            async move {
                for number in 0..25 {
                    put(&meta, writer * 100 + number).await.unwrap();
                }
            }
        });
        futures_util::future::join_all(writers).await;
        assert_eq!(total(&meta).await, 400);
        meta.close().await;
    });
    ending.finished();
}

/// Writers until the crash; afterwards everything acknowledged is there, and counted.
fn crash_and_look(seed: u64, drives: usize, crash: Crash) {
    let store = Store::new(seed, drives);
    let first = store.simulation.run(async |env| store.open(&env, &store.all(), true).await.close().await);
    first.finished();
    let acknowledged = Mutex::new(BTreeSet::new());
    for life in 0..3u64 {
        let nth = 20 + (seed * 37 + life * 101) % 150;
        store.simulation.disks().crash_after(nth, crash);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            let found = numbers(&meta).await;
            assert!(found.is_superset(&acknowledged.lock()), "seed {seed}, life {life}");
            assert_eq!(total(&meta).await, found.len() as i64, "seed {seed}, life {life}");
            let writers = (0..8u64).map(|writer| {
                let (meta, acknowledged) = (&meta, &acknowledged);
                async move {
                    for number in 0..100 {
                        let number = life * 10_000 + writer * 1000 + number;
                        if put(meta, number).await.is_ok() {
                            acknowledged.lock().insert(number);
                        }
                    }
                }
            });
            futures_util::future::join_all(writers).await;
        });
        if !matches!(ending, Ending::Crashed) {
            store.simulation.disks().disarm_crash();
            store.simulation.disks().crash_now(crash);
        }
        store.crash();
    }
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        let found = numbers(&meta).await;
        assert!(found.is_superset(&acknowledged.lock()), "seed {seed}: nothing acknowledged is lost");
        assert_eq!(total(&meta).await, found.len() as i64);
        meta.close().await;
    });
    ending.finished();
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    for seed in seeds(0, 40) {
        crash_and_look(seed, [1, 3, 4][seed as usize % 3], Crash::PowerCut);
    }
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    for seed in seeds(100, 10) {
        crash_and_look(seed, [1, 4][seed as usize % 2], Crash::Kill);
    }
}

#[test]
fn without_one_drive_of_four_writes_go_on_and_without_two_reads_do() {
    let store = Store::new(5, 4);
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        for number in 0..50 {
            put(&meta, number).await.unwrap();
        }
        meta.close().await;
    });
    written.finished();
    let one_missing = store.simulation.run(async |env| {
        let meta = store.open(&env, &[0, 1, 3], false).await;
        for number in 50..60 {
            put(&meta, number).await.unwrap();
        }
        meta.close().await;
    });
    one_missing.finished();
    for pair in [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]] {
        let two_missing = store.simulation.run(async |env| {
            let meta = store.open(&env, &pair, false).await;
            assert!(meta.is_read_only());
            assert_eq!(numbers(&meta).await, (0..60).collect(), "drives {pair:?}");
            assert!(matches!(put(&meta, 99).await, Err(MetaError::ReadOnly)));
            meta.close().await;
        });
        two_missing.finished();
    }
}

#[test]
fn a_new_drive_is_filled_and_then_counts() {
    let mut store = Store::new(6, 4);
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        for number in 0..50 {
            put(&meta, number).await.unwrap();
        }
        meta.close().await;
    });
    written.finished();
    store.replace(2);
    let filled = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        put(&meta, 50).await.unwrap();
        assert!(!meta.votes_everywhere(store.map.sets[0][2]));
        env.clock.sleep(std::time::Duration::from_secs(20)).await;
        assert!(meta.votes_everywhere(store.map.sets[0][2]));
        put(&meta, 51).await.unwrap();
        meta.close().await;
    });
    filled.finished();
    // Now the new drive and any other hold everything, and with a third one writes go on.
    let reads = store.simulation.run(async |env| {
        let meta = store.open(&env, &[1, 2], false).await;
        assert_eq!(numbers(&meta).await, (0..52).collect());
        meta.close().await;
    });
    reads.finished();
    let writes = store.simulation.run(async |env| {
        let meta = store.open(&env, &[0, 1, 2], false).await;
        assert!(!meta.is_read_only());
        put(&meta, 52).await.unwrap();
        meta.close().await;
    });
    writes.finished();
}

#[test]
fn messages_that_are_late_lost_or_cut_off_lose_nothing() {
    for seed in seeds(0, 12) {
        let store = Store::new(700 + seed, [3, 4, 5][seed as usize % 3]);
        let ids: Vec<u64> = store.map.sets[0].iter().map(cluster::map::raft_id).collect();
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            let network = store.simulation.network();
            network.set_delay_max(std::time::Duration::from_millis(50));
            network.lose(100);
            let mut acknowledged = BTreeSet::new();
            for number in 0..60u64 {
                // One drive after the other is cut off, in both directions or in one.
                if number % 20 == 10 {
                    let lost = ids[(seed + number / 20) as usize % ids.len()];
                    for other in ids.iter().filter(|id| **id != lost) {
                        network.cut(lost, *other);
                        if number % 40 == 10 {
                            network.cut(*other, lost);
                        }
                    }
                }
                if number % 20 == 0 {
                    network.mend();
                }
                if put(&meta, number).await.is_ok() {
                    acknowledged.insert(number);
                }
                assert!(numbers(&meta).await.is_superset(&acknowledged), "seed {seed}, number {number}");
            }
            network.mend();
            network.lose(0);
            put(&meta, 1000).await.unwrap();
            let found = numbers(&meta).await;
            assert!(found.is_superset(&acknowledged));
            assert_eq!(total(&meta).await, found.len() as i64);
            assert!(acknowledged.len() > 30, "seed {seed}: with a majority left, writes go on");
            meta.close().await;
        });
        ending.finished();
    }
}

#[test]
fn two_runs_of_a_seed_are_identical_through_elections_too() {
    let run = |seed: u64| {
        let store = Store::new(seed, [3, 4][seed as usize % 2]);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            let writers = (0..8u64).map(|writer| {
                let meta = &meta;
                async move {
                    for number in 0..20 {
                        put(meta, writer * 100 + number).await.unwrap();
                    }
                }
            });
            let trouble = async {
                env.clock.sleep(std::time::Duration::from_millis(2)).await;
                store.simulation.disks().fail_writes("/d2/meta/log", u64::MAX);
            };
            futures_util::future::join(futures_util::future::join_all(writers), trouble).await;
            meta.close().await;
        });
        ending.finished();
        store.simulation.disks().trace()
    };
    for seed in seeds(9900, 10) {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
