//! The object service over simulated drives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use blob::{BlobOptions, Blobs, DrivePlace, InventoryCursor, SetDrives};
use bytes::Bytes;
use cluster::map::ClusterMap;
use env::Env;
use env::simulated::{Generator, Simulation};
use md5::{Digest, Md5};
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::{Meta, MetaDrive, MetaOptions};
use model::blob::BlobRef;
use model::ids::{BlobId, DriveId, StoreId};
use model::time::Timestamp;

use crate::{
    BucketInfo, CompletePart, CompleteRequest, ContentFacts, DeleteRequest, ETagMatch, ListEntry,
    ListRequest, ObjectError, Objects, ObjectsOptions, Put, PutRequest, UploadRequest, WriteCondition,
};

mod basics;
mod bucket_deletes;
mod crash;
mod faults;
mod quota;
mod reference;
mod room;
mod sequences;
mod uploads;

/// A store of simulated drives: what outlives a crash.
struct Store {
    simulation: Simulation,
    map: ClusterMap,
    engines: Vec<MemoryEngineStore>,
    blobs: BlobOptions,
    objects: ObjectsOptions,
}

impl Store {
    fn new(seed: u64, drives: usize) -> Self {
        let simulation = Simulation::with_drives(seed, drives, 4 << 30);
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
        let engines = (0..drives).map(|_| MemoryEngineStore::default()).collect();
        let objects = ObjectsOptions::for_replicas(map.replicas);
        Store { simulation, map, engines, blobs: BlobOptions::default(), objects }
    }

    /// One in which little is much: kilobytes are inline, packed or files of several stripes.
    fn small(seed: u64, drives: usize) -> Self {
        let blobs = BlobOptions {
            stripe_bytes: 64 << 10,
            packed_shard_bytes_max: 8 << 10,
            segment_bytes_max: 1, // The least there is.
            reserve_bytes: Some(0),
            ..BlobOptions::default()
        };
        let objects = ObjectsOptions { inline_bytes_max: 1024 };
        Store { blobs, objects, ..Store::new(seed, drives) }
    }

    /// Opens it with all drives.
    async fn open(&self, env: &Env, new_store: bool) -> Objects {
        let all: Vec<usize> = (0..self.engines.len()).collect();
        self.open_with(env, new_store, &all).await
    }

    /// Opens it with the drives in these slots.
    async fn open_with(&self, env: &Env, new_store: bool, present: &[usize]) -> Objects {
        let drives = present
            .iter()
            .map(|slot| MetaDrive::new(self.map.sets[0][*slot], format!("/d{}/meta", slot + 1)))
            .collect();
        let (engines, ids) = (self.engines.clone(), self.map.sets[0].clone());
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
            log: Arc::new(meta::log::LogOptions::new),
            watch: None,
        };
        let (meta, left_out) = Meta::open(env, options).await.unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
        let set = SetDrives {
            set: 0,
            map_epoch: 1,
            drives: (0..self.engines.len())
                .map(|slot| present.contains(&slot).then(|| format!("/d{}", slot + 1).into()))
                .collect(),
        };
        let blobs = Blobs::open(env.clone(), vec![set], self.blobs.clone()).await.unwrap();
        Objects::new(env.clone(), Arc::new(meta), blobs, self.objects)
    }

    /// What a crash does to the engines, which keep their files elsewhere.
    fn crash_engines(&self) {
        for engine in &self.engines {
            engine.crash(self.simulation.random());
        }
    }
}

async fn close(objects: &Objects) {
    objects.meta().close().await;
    objects.blobs().close().await;
}

/// Bytes that differ by seed: cut out of one long random run.
fn content(seed: u64, len: usize) -> Bytes {
    const RUN_BYTES: usize = 16 << 20;
    static RUN: OnceLock<Bytes> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let mut generator = Generator::new(1);
        (0..RUN_BYTES / 8).flat_map(|_| generator.number().to_le_bytes()).collect()
    });
    let start = Generator::new(seed).below((RUN_BYTES - len) as u64) as usize;
    run.slice(start..start + len)
}

fn facts(bytes: &[u8]) -> ContentFacts {
    ContentFacts { md5: Md5::digest(bytes).into(), checksum: None }
}

async fn put(objects: &Objects, bucket: &BucketInfo, key: &str, bytes: &Bytes) -> Result<Put, ObjectError> {
    put_if(objects, bucket, key, bytes, WriteCondition::default()).await
}

async fn put_if(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    bytes: &Bytes,
    condition: WriteCondition,
) -> Result<Put, ObjectError> {
    let mut writer =
        objects.begin_put(bucket, key, PutRequest { condition, ..PutRequest::default() }).await?;
    for piece in bytes.chunks(100_000) {
        writer.write(bytes.slice_ref(piece)).await?;
    }
    writer.commit(facts(bytes)).await
}

async fn get(objects: &Objects, bucket: &BucketInfo, key: &str) -> Result<Vec<u8>, ObjectError> {
    let object = objects.open(bucket, key, None).await?;
    read(objects, &object, 0..object.info().size_bytes).await
}

async fn read(
    objects: &Objects,
    object: &crate::OpenObject,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, ObjectError> {
    let mut reader = objects.read(object, range).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

async fn keys(objects: &Objects, bucket: &BucketInfo) -> Vec<String> {
    let page = objects.list(bucket, ListRequest { limit: 1000, ..ListRequest::default() }).await.unwrap();
    let entries = page.entries.into_iter().map(|entry| match entry {
        ListEntry::Object(object) => object.key,
        ListEntry::Prefix(prefix) => prefix,
    });
    entries.collect()
}

async fn delete(objects: &Objects, bucket: &BucketInfo, key: &str) -> Result<crate::Deleted, ObjectError> {
    objects.delete(bucket, DeleteRequest { key: key.into(), ..DeleteRequest::default() }).await
}

/// The blobs that records refer to.
async fn referred(objects: &Objects) -> BTreeMap<BlobId, BlobRef> {
    let mut referred = BTreeMap::new();
    for partition in objects.meta().partitions() {
        let mut cursor = Some(crate::BlobsCursor::default());
        while let Some(at) = cursor {
            let page = objects.blobs_of(partition, at, 7).await.unwrap();
            referred.extend(page.blobs.into_iter().map(|blob| (blob.id, blob)));
            cursor = page.next;
        }
    }
    referred
}

/// Every shard on every drive that can be listed, with what it tells of its blob.
async fn shards(objects: &Objects) -> Vec<(DrivePlace, blob::FoundShard)> {
    let mut shards = Vec::new();
    for drive in objects.blobs().drives().await {
        let mut cursor = Some(InventoryCursor::start()).filter(|_| drive.path.is_some());
        while let Some(at) = cursor {
            let ever = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
            let page = objects.blobs().inventory(drive.place, ever, at, 50).await.unwrap();
            shards.extend(page.shards.into_iter().map(|shard| (drive.place, shard)));
            cursor = page.next;
        }
    }
    shards
}

/// Does what workers do until nothing is left to do: heals, reclaims after the grace, removes orphans, compacts.
async fn work_until_done(objects: &Objects, env: &Env) {
    // What is reclaimed may first become rows of their own: thrice is enough.
    for _ in 0..3 {
        env.clock.sleep(crate::readers::GRACE * 2).await;
        for partition in objects.meta().partitions() {
            objects.finish_deletes().await.unwrap();
            let mut healed = objects.heal(partition, None, 16).await.unwrap();
            while healed.next.is_some() {
                healed = objects.heal(partition, healed.next, 16).await.unwrap();
            }
            while objects.reclaim(partition, 16).await.unwrap().is_more_due {}
        }
    }
    for (place, shard) in shards(objects).await {
        let descriptor = shard.described.as_ref().map(|described| &described.descriptor[..]);
        let is_wanted = match descriptor {
            Some(descriptor) => objects.refers_to(descriptor, &shard.id).await.unwrap(),
            // Unfinished: the sweep leaves it to the caller of this to say whose it is.
            None => referred(objects).await.contains_key(&shard.id),
        };
        if !is_wanted {
            objects.blobs().delete_shard(place, shard.id, shard.shard).await.unwrap();
        }
    }
    while objects.blobs().compact().await.segments > 0 {}
}

/// Nothing lies on the drives that no record refers to, and all that records refer to is whole.
async fn assert_tidy(objects: &Objects) {
    let referred = referred(objects).await;
    let found: BTreeSet<BlobId> = shards(objects).await.into_iter().map(|(_, shard)| shard.id).collect();
    let wanted: BTreeSet<BlobId> = referred.keys().copied().collect();
    assert_eq!(found, wanted, "on the drives there is what records refer to");
    for blob in referred.values() {
        let census = objects.blobs().check(blob).await.unwrap();
        assert!(census.is_whole(), "{census:?}");
    }
}
