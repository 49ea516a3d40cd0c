//! The object service over simulated drives.

use std::sync::Arc;

use blob::{BlobOptions, Blobs, SetDrives};
use bytes::Bytes;
use cluster::map::ClusterMap;
use env::Env;
use env::simulated::Simulation;
use md5::{Digest, Md5};
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::{Meta, MetaDrive, MetaOptions};
use model::ids::{DriveId, StoreId};

use crate::{
    BucketInfo, CompletePart, CompleteRequest, ContentFacts, DeleteRequest, ETagMatch, ListEntry,
    ListRequest, ObjectError, Objects, ObjectsOptions, Put, PutRequest, UploadRequest, WriteCondition,
};

mod basics;

/// A store of simulated drives: what outlives a crash.
struct Store {
    simulation: Simulation,
    map: ClusterMap,
    engines: Vec<MemoryEngineStore>,
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
        Store { simulation, map, engines }
    }

    async fn open(&self, env: &Env, new_store: bool) -> Objects {
        let drives = (0..self.engines.len())
            .map(|slot| MetaDrive {
                id: self.map.sets[0][slot],
                directory: format!("/d{}/meta", slot + 1).into(),
            })
            .collect();
        let (engines, ids) = (self.engines.clone(), self.map.sets[0].clone());
        let factory = Arc::new(move |id: DriveId, _: &std::path::Path| {
            let slot = ids.iter().position(|drive| *drive == id).unwrap();
            let engine: Arc<dyn Engine> = Arc::new(engines[slot].open());
            Ok(engine)
        });
        let options = MetaOptions { map: self.map.clone(), drives, new_store, engines: factory };
        let (meta, left_out) = Meta::open(env, options).await.unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
        let set = SetDrives {
            set: 0,
            map_epoch: 1,
            drives: (1..=self.engines.len()).map(|n| Some(format!("/d{n}").into())).collect(),
        };
        let blobs = Blobs::open(env.clone(), vec![set], BlobOptions::default()).await.unwrap();
        let options = ObjectsOptions::for_replicas(self.map.replicas);
        Objects::new(env.clone(), Arc::new(meta), blobs, options)
    }
}

async fn close(objects: &Objects) {
    objects.meta().close().await;
    objects.blobs().close().await;
}

fn content(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes = (0..len).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.collect()
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
