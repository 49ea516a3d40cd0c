//! The meaning of S3, with no HTTP in it: buckets, objects, uploads, copies, listings, preconditions.
//!
//! Invariants:
//! - What one request changes is one transaction of one partition; bytes are durable before it, and go only after it.
//! - A precondition is checked in the transaction that it guards.
//! - Whatever drops a reference to a blob writes a reclaim row in the same transaction; nothing else lets a blob be deleted.
//! - Everything that puts or deletes an object comes through here.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use blob::Blobs;
use env::Env;
use meta::{Committed, Meta, Reader, Txn};
use model::blob::Redundancy;
use model::ids::{BlobId, BucketId, PartitionId};
use model::object::StorageClass;

mod bucket;
mod completion;
mod conditions;
mod content;
mod copy;
mod delete;
mod error;
mod fence;
mod get;
mod health;
pub mod inspect;
mod list;
mod merge;
mod multipart;
mod part;
mod put;
mod quota;
mod readers;
mod reclaim;
pub mod salvage;
mod scrub;
mod sweep;
mod tables;
mod types;
mod undecided;
mod upload_list;
mod usage;

// What an `ObjectError` may hold, and what is known of drives, for who has no arrow to those crates.
pub use blob::{BlobError, DriveState, DriveStatus};
pub use meta::MetaError;

pub use copy::CopyRequest;
pub use error::ObjectError;
pub use get::{ObjectReader, OpenObject};
pub use health::Health;
pub use part::PartWriter;
pub use put::PutWriter;
pub use reclaim::{BlobsCursor, BlobsPage, Healed, Reclaimed};
pub use sweep::MissedDrive;
pub use types::*;
pub use usage::BucketUsage;

use readers::Readers;
use tables::Path;
use undecided::Undecided;

/// How often a transaction that met another one is tried again before the client is told.
const ATTEMPTS_MAX: usize = 64;

/// How objects are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectsOptions {
    /// Objects of up to this many bytes lie in their record; see [`ObjectsOptions::for_replicas`].
    pub inline_bytes_max: usize,
}

impl ObjectsOptions {
    /// An inline byte is written three times per replica (log, journal, table), a packed one (k+m)/k times: so the more
    /// replicas, the less is worth inlining (decision 0003).
    #[must_use]
    pub fn for_replicas(replicas: u8) -> Self {
        let replicas = usize::from(replicas.max(1));
        ObjectsOptions { inline_bytes_max: model::limits::INLINE_BYTES_MAX / (replicas * replicas) }
    }
}

/// Buckets and objects of a store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    env: Env,
    meta: Arc<Meta>,
    blobs: Blobs,
    options: ObjectsOptions,
    readers: Readers,
    undecided: Undecided,
    /// How often a delete missed a drive.
    misses: AtomicU64,
    /// Held by who fences partitions, sets quotas, or takes either back: see `bucket` and `quota`.
    fencing: tokio::sync::Mutex<()>,
}

impl Objects {
    /// Over a store's records and bytes.
    #[must_use]
    pub fn new(env: Env, meta: Arc<Meta>, blobs: Blobs, options: ObjectsOptions) -> Self {
        Objects {
            inner: Arc::new(Inner {
                env,
                meta,
                blobs,
                options,
                readers: Readers::default(),
                undecided: Undecided::default(),
                misses: AtomicU64::new(0),
                fencing: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// The store's bytes, for those who look after them.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    /// The store's records, for those who look after them.
    #[must_use]
    pub fn meta(&self) -> &Arc<Meta> {
        &self.inner.meta
    }

    fn partition(&self, bucket: BucketId, key: &str) -> PartitionId {
        cluster::placement::partition_of(self.inner.meta.map().partitions, bucket, key.as_bytes())
    }

    fn redundancy(&self, class: StorageClass) -> Redundancy {
        let map = self.inner.meta.map();
        match class {
            StorageClass::ReducedRedundancy => map.redundancy(map.parity_reduced),
            _ => map.redundancy(map.parity),
        }
    }

    async fn reader(&self, path: &Path) -> Result<Reader, ObjectError> {
        Ok(self.inner.meta.reader(self.partition(path.0, &path.1)).await?)
    }

    async fn begin(&self, path: &Path) -> Result<Txn<'_>, ObjectError> {
        Ok(self.inner.meta.begin(self.partition(path.0, &path.1)).await?)
    }

    /// 16 bytes that begin with the time: an id that sorts by when it was made.
    fn new_id(&self) -> [u8; 16] {
        let mut random = [0; 10];
        self.inner.env.random.fill(&mut random);
        *BlobId::new(self.inner.env.clock.now(), random).bytes()
    }
}

/// Commits a transaction: `None` where another one was first, so that this one is to be decided anew.
async fn settle(txn: Txn<'_>) -> Result<Option<Committed>, ObjectError> {
    match txn.commit().await {
        Ok(committed) => Ok(Some(committed)),
        Err(MetaError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
