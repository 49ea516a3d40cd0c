//! Transactions on tables, over the log and an engine, against an ordered map. Input: transactions, restarts, and entries
//! that no transaction wrote.
//!
//! Every read and every commit answers as the map does, also after a restart. An entry that can't be read is never taken
//! for one that can: the partition stops.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use env::Env;
use env::simulated::Simulation;
use meta::engine::memory::MemoryEngineStore;
use meta::log::{HardState, LogBatch, LogEntry, LogOptions, RaftLog};
use meta::table::{Counters, Table};
use meta::{Meta, MetaError};
use model::ids::{DriveId, PartitionId};

use crate::input::Input;
use crate::metadata::{self, DIRECTORY, DRIVE};

const PARTITION: PartitionId = PartitionId(0);

/// The table of the rows.
struct Rows;

impl Table for Rows {
    const ID: u8 = 200;
    const NAME: &'static str = "rows";
    type Key = Vec<u8>;
    type Row = Counters;

    fn encode_key(key: &Vec<u8>, out: &mut Vec<u8>) {
        out.extend_from_slice(key);
    }

    fn decode_key(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

/// What the table must hold: values with the version of their row.
type Model = BTreeMap<Vec<u8>, (Vec<i64>, u64)>;

/// See the module.
pub fn run(data: &[u8]) {
    let simulation = Simulation::with_drives(1, 1, 256 << 20);
    simulation.run(async |env| check(&env, Input::new(data)).await).finished();
}

async fn check(env: &Env, mut input: Input<'_>) {
    let store = MemoryEngineStore::default();
    let Some(mut meta) = open(env, &store, true).await else { panic!("a new store does not open") };
    let mut model = Model::new();
    for _ in 0..24 {
        match input.u8() {
            _ if input.is_empty() => break,
            0..=199 => transaction(&meta, &mut model, &mut input).await,
            200..=219 => {
                meta.close().await;
                let Some(opened) = open(env, &store, false).await else {
                    panic!("a store does not open again")
                };
                meta = opened;
            }
            _ => {
                meta.close().await;
                return foreign(env, &store, &mut input).await;
            }
        }
        same(&meta, &model).await;
    }
    meta.close().await;
}

async fn open(env: &Env, store: &MemoryEngineStore, new_store: bool) -> Option<Meta> {
    let options = metadata::options(1, store.clone(), Arc::new(log), new_store);
    Some(Meta::open(env, options).await.ok()?.0)
}

fn log(drive: DriveId) -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, segments: 8, ..LogOptions::new(drive) }
}

/// Reads, writes, removes and counts; a check may be of a version that is no longer.
async fn transaction(meta: &Meta, model: &mut Model, input: &mut Input<'_>) {
    let Ok(mut txn) = meta.begin(PARTITION).await else { panic!("a drive that is well takes no writes") };
    let mut after = model.clone();
    let mut is_stale = false;
    let mut written = Vec::new();
    for _ in 0..input.u8() % 6 {
        let (op, key) = (input.u8(), key(input));
        match op % 5 {
            0 => {
                let read = txn.get::<Rows>(&key);
                let read = read.map(|row| row.map(|row| (row.row.values, row.version)));
                assert!(read.is_ok_and(|read| read.as_ref() == model.get(&key)), "{key:?} reads otherwise");
            }
            1 => {
                let version = u64::from(input.u8());
                is_stale |= model.get(&key).map_or(0, |(_, version)| *version) != version;
                txn.expect::<Rows>(&key, version);
            }
            2 => {
                let values: Vec<i64> = (0..input.u8() % 4).map(|_| i64::from(input.u8())).collect();
                txn.put::<Rows>(&key, &Counters { values: values.clone() });
                after.insert(key.clone(), (values, 0));
                written.push(key);
            }
            3 => {
                txn.delete::<Rows>(&key);
                after.remove(&key);
                written.push(key);
            }
            _ => written.push(key),
        }
    }
    match txn.commit().await {
        Ok(committed) => {
            assert!(!is_stale, "a check that fails is taken for one that holds");
            for key in &written {
                if let Some((_, version)) = after.get_mut(key).filter(|(_, version)| *version == 0) {
                    *version = committed.version;
                }
            }
            *model = after;
        }
        Err(MetaError::Conflict) => assert!(is_stale, "a conflict with nobody"),
        Err(error) => panic!("a transaction fails: {error}"),
    }
}

/// Short keys of few bytes, so that they meet and sort in all ways.
fn key(input: &mut Input<'_>) -> Vec<u8> {
    let len = usize::from(input.u8() % 4) + 1;
    let bytes = [0, 1, b'a', 0xfe, 0xff];
    (0..len).map(|_| bytes.get(usize::from(input.u8()) % 5).copied().unwrap_or_default()).collect()
}

async fn same(meta: &Meta, model: &Model) {
    let Ok(reader) = meta.reader(PARTITION).await else { panic!("a drive that is well does not read") };
    let Ok(rows) = reader.scan::<Rows>((Bound::Unbounded, Bound::Unbounded), usize::MAX) else {
        panic!("the rows can't be read")
    };
    let found: Model = rows.into_iter().map(|(key, row)| (key, (row.row.values, row.version))).collect();
    assert_eq!(&found, model, "the table is not what the map is");
}

/// Appends an entry to the log that the store did not write, and starts the store.
async fn foreign(env: &Env, store: &MemoryEngineStore, input: &mut Input<'_>) {
    let opened = RaftLog::open(env, &Path::new(DIRECTORY).join("log"), log(DRIVE)).await;
    let Ok((mut raft_log, _)) = opened else { panic!("the log of a store that was closed does not open") };
    let group = raft_log.group(PARTITION);
    let (index, term) = (group.last_index() + 1, group.hard_state().term);
    let kind = input.u8() % 4;
    let mut batch = LogBatch::default();
    batch.entry(PARTITION, LogEntry { index, term, kind, data: Bytes::copy_from_slice(input.rest()) });
    batch.hard_state(PARTITION, HardState { commit: index, ..group.hard_state() });
    assert!(raft_log.append(&batch).await.is_ok(), "the simulated drive is well");
    drop(raft_log);
    // Opened or not: it must answer.
    let Some(meta) = open(env, store, false).await else { return };
    if let Ok(reader) = meta.reader(PARTITION).await {
        let rows = reader.scan::<Rows>((Bound::Unbounded, Bound::Unbounded), usize::MAX);
        assert!(!matches!(rows, Err(MetaError::NoLeader { .. })), "a reader has a leader");
    }
    meta.close().await;
}
