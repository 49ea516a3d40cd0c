//! The workers over simulated drives, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use blob::{BlobOptions, Blobs, DrivePlace, InventoryCursor, SetDrives};
use bytes::Bytes;
use cluster::map::ClusterMap;
use env::Env;
use env::simulated::Simulation;
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::engine::tree::{TreeEngine, TreeOptions};
use meta::{Meta, MetaDrive, MetaOptions};
use model::blob::BlobRef;
use model::ids::{BlobId, DriveId, PartitionId, StoreId};
use model::time::Timestamp;
use object::{
    BlobsCursor, BucketInfo, ContentFacts, DeleteRequest, ObjectError, Objects, ObjectsOptions, PutRequest,
};

use crate::{Progress, Worker};

mod heal;
mod reclaim;
mod refill;
mod rest;
mod scrub_rows;
mod silent;
mod sweep;

/// Steps of a worker before a test takes it for one that never rests.
const STEPS_MAX: usize = 10_000;

/// A store of simulated drives: what outlives a crash.
struct Store {
    simulation: Simulation,
    map: ClusterMap,
    engines: Vec<MemoryEngineStore>,
    /// The slot whose drive took another one's place.
    refilling: Option<usize>,
    /// Rows are in files on the drives, as in a server, and not in memory.
    has_row_files: bool,
}

impl Store {
    fn new(seed: u64, drives: usize) -> Self {
        let parity = cluster::placement::default_parity(drives);
        let map = ClusterMap {
            store: StoreId::from_bytes([7; 16]),
            epoch: 1,
            sets: vec![(1..=drives as u8).map(|n| DriveId::from_bytes([n; 16])).collect()],
            parity,
            parity_reduced: parity.min(1),
            partitions: 3,
            replicas: cluster::placement::default_replicas(drives, parity),
        };
        let mut simulation = Simulation::with_drives(seed, drives, 1 << 30);
        simulation.set_life_max(Duration::from_secs(24 * 3600));
        let engines = (0..drives).map(|_| MemoryEngineStore::default()).collect();
        Store { simulation, map, engines, refilling: None, has_row_files: false }
    }

    /// One life with all drives.
    fn live<T>(&self, is_new: bool, life: impl AsyncFnOnce(Env, Objects) -> T) -> T {
        let all: Vec<usize> = (0..self.engines.len()).collect();
        self.live_with(is_new, &all, life)
    }

    /// One life with the drives in these slots. It ends as if the process had been killed.
    fn live_with<T>(&self, is_new: bool, present: &[usize], life: impl AsyncFnOnce(Env, Objects) -> T) -> T {
        let ending = self.simulation.run(async |env| {
            let objects = self.open(&env, is_new, present).await;
            if is_new {
                objects.create_bucket("bucket", "", "me").await.unwrap();
            }
            life(env, objects).await
        });
        ending.finished()
    }

    async fn open(&self, env: &Env, new_store: bool, present: &[usize]) -> Objects {
        let drive = |slot: &usize| MetaDrive {
            id: self.map.sets[0][*slot],
            directory: format!("/d{}/meta", slot + 1).into(),
            refilling: self.refilling == Some(*slot),
        };
        let (engines, ids) = (self.engines.clone(), self.map.sets[0].clone());
        let has_row_files = self.has_row_files;
        let factory = Arc::new(move |env: &Env, id: DriveId, path: &std::path::Path| {
            if has_row_files {
                let options = TreeOptions { cache_bytes: 64 << 10, memtable_bytes: 32 << 10 };
                return Ok(Arc::new(TreeEngine::open(env, id, path, options)?) as Arc<dyn Engine>);
            }
            let slot = ids.iter().position(|drive| *drive == id).unwrap();
            let engine: Arc<dyn Engine> = Arc::new(engines[slot].open());
            Ok(engine)
        });
        let options = MetaOptions {
            map: self.map.clone(),
            drives: present.iter().map(drive).collect(),
            new_store,
            engines: factory,
            log: Arc::new(meta::log::LogOptions::new),
            watch: None,
        };
        let (meta, left_out) = Meta::open(env, options).await.unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
        let path = |slot: usize| present.contains(&slot).then(|| format!("/d{}", slot + 1).into());
        let drives = (0..self.engines.len()).map(path).collect();
        let set = SetDrives { set: 0, map_epoch: self.map.epoch, drives };
        // Little is much: kilobytes are inline, packed or files of several stripes.
        let options = BlobOptions {
            stripe_bytes: 64 << 10,
            packed_shard_bytes_max: 8 << 10,
            segment_bytes_max: 1, // The least there is.
            reserve_bytes: Some(0),
            ..BlobOptions::default()
        };
        let blobs = Blobs::open(env.clone(), vec![set], options).await.unwrap();
        Objects::new(env.clone(), Arc::new(meta), blobs, ObjectsOptions { inline_bytes_max: 1024 })
    }
}

async fn bucket(objects: &Objects) -> BucketInfo {
    objects.bucket("bucket").await.unwrap()
}

fn content(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let numbers = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    numbers.flatten().take(len).collect()
}

fn facts(seed: u64) -> ContentFacts {
    ContentFacts { md5: u128::from(seed).to_le_bytes(), checksum: None }
}

/// Puts an object of so many bytes, which its seed tells.
async fn put(objects: &Objects, key: &str, seed: u64, len: usize) -> Result<(), ObjectError> {
    let bucket = bucket(objects).await;
    let mut writer = objects.begin_put(&bucket, key, PutRequest::default()).await?;
    writer.write(content(seed, len)).await?;
    writer.commit(facts(seed)).await.map(|_| ())
}

async fn get(objects: &Objects, key: &str) -> Result<Vec<u8>, ObjectError> {
    let bucket = bucket(objects).await;
    let object = objects.open(&bucket, key, None).await?;
    let mut reader = objects.read(&object, 0..object.info().size_bytes).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

async fn delete(objects: &Objects, key: &str) {
    let bucket = bucket(objects).await;
    let request = DeleteRequest { key: key.into(), ..DeleteRequest::default() };
    objects.delete(&bucket, request).await.unwrap();
}

/// The blobs that records refer to, with their partition.
async fn referred(objects: &Objects) -> BTreeMap<BlobId, (PartitionId, BlobRef)> {
    let mut referred = BTreeMap::new();
    for partition in objects.meta().partitions() {
        let mut cursor = Some(BlobsCursor::default());
        while let Some(at) = cursor {
            let page = objects.blobs_of(partition, at, 7).await.unwrap();
            referred.extend(page.blobs.into_iter().map(|blob| (blob.id, (partition, blob))));
            cursor = page.next;
        }
    }
    referred
}

/// The blobs of which there is a shard on a drive.
async fn found_on(objects: &Objects, slot: u8) -> BTreeSet<BlobId> {
    let mut found = BTreeSet::new();
    let mut cursor = Some(InventoryCursor::start());
    while let Some(at) = cursor {
        let ever = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
        let page = objects.blobs().inventory(DrivePlace { set: 0, slot }, ever, at, 50).await.unwrap();
        found.extend(page.shards.into_iter().map(|shard| shard.id));
        cursor = page.next;
    }
    found
}

/// On every drive there is what records refer to, whole, and nothing else.
async fn assert_tidy(objects: &Objects) {
    let referred = referred(objects).await;
    for (slot, _) in (0u8..).zip(objects.blobs().drives().await) {
        let wanted: BTreeSet<BlobId> = referred.keys().copied().collect();
        assert_eq!(found_on(objects, slot).await, wanted, "on drive {slot}");
    }
    for (_, blob) in referred.values() {
        let census = objects.blobs().check(blob).await.unwrap();
        assert!(census.is_whole(), "{census:?}");
    }
}

/// Runs a worker until it rests.
async fn until_rest(worker: &mut dyn Worker) -> Progress {
    for _ in 0..STEPS_MAX {
        match worker.step().await.unwrap() {
            Progress::Busy => {}
            resting => return resting,
        }
    }
    panic!("{} does not rest", worker.name());
}

/// Reclaims what is due after the grace, until nothing is left to do.
async fn reclaim(env: &Env, objects: &Objects) {
    let mut worker = crate::reclaim::Reclaim::new(objects.clone());
    // What is in doubt becomes rows, and parts become rows of their own: each waits for its grace.
    for _ in 0..3 {
        until_rest(&mut worker).await;
        env.clock.sleep(Duration::from_secs(6)).await;
    }
    until_rest(&mut worker).await;
}

/// The sweep of a start.
async fn sweep(env: &Env, objects: &Objects) {
    until_rest(&mut crate::sweep::Sweep::new(env.clone(), objects.clone())).await;
}
