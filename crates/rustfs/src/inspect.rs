//! `rustfs inspect`: looks at drives while no server runs on them, says what is wrong and what to do.
//!
//! What always holds: nothing on a drive is written, made or removed. A drive that a server has taken is refused. What is
//! counted as a finding has a remedy; what a crash leaves, and the server clears by itself, is a note.

pub(crate) mod command;
pub mod drives;
pub mod finding;
pub mod progress;
mod references;
pub(crate) mod shards;
mod tables;
pub mod text;

use std::path::PathBuf;

use env::Env;
use meta::engine::tree::TreeOptions;
use meta::offline::OfflineMeta;
use model::ids::PartitionId;

use drives::{OfflineError, OfflineStore};
use finding::{Findings, Kind};
use progress::ProgressLine;
use shards::DriveShards;

/// Memory for blocks of a drive's rows, in bytes.
const CACHE_BYTES: u64 = 16 << 20;

/// What an inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// The store, as hexadecimal digits.
    pub store: String,
    /// The drives, in the order in which they were given.
    pub drives: Vec<DriveFacts>,
    /// What is wrong, and what is worth knowing.
    pub findings: Findings,
    /// Objects in the records that were read.
    pub objects: u64,
}

/// What is on a drive.
#[derive(Clone, Debug, Default)]
pub struct DriveFacts {
    /// Its folder.
    pub path: PathBuf,
    /// Its set and slot, where it is one of the store's.
    pub place: Option<(u16, u8)>,
    /// Shards that are whole.
    pub shards: u64,
    /// Bytes of shards that were read.
    pub read_bytes: u64,
    /// Replicas of partitions.
    pub replicas: usize,
    /// Rows of its tables.
    pub rows: u64,
}

/// A drive and all that was read of it.
pub(crate) struct Looked {
    pub(crate) path: PathBuf,
    pub(crate) slot: cluster::map::Slot,
    pub(crate) is_refilling: bool,
    pub(crate) meta: OfflineMeta,
    pub(crate) has_meta_faults: bool,
    pub(crate) shards: DriveShards,
    pub(crate) facts: DriveFacts,
}

/// Looks at drives.
///
/// # Errors
/// Where none of them can be looked at, or a server runs on one.
pub async fn inspect(
    env: &Env,
    paths: &[PathBuf],
    progress: &mut ProgressLine,
) -> Result<Inspection, OfflineError> {
    let mut findings = Findings::default();
    let store = OfflineStore::open(env, paths, &mut findings).await?;
    let mut drives = Vec::new();
    for (slot, id, path) in store.present() {
        progress.say(&format!("{}: metadata", path.display()));
        let options = TreeOptions { cache_bytes: CACHE_BYTES, ..TreeOptions::default() };
        let meta = OfflineMeta::read(env, &path.join("meta"), id, &store.map, options).await;
        let facts = DriveFacts {
            path: path.to_owned(),
            place: Some((slot.set, slot.slot)),
            replicas: meta.replicas.len(),
            ..DriveFacts::default()
        };
        let is_refilling = env
            .disk
            .list(path)
            .await
            .is_ok_and(|entries| entries.iter().any(|entry| entry.name == crate::drives::REFILL_FILE));
        tables::report_faults(path, is_refilling, &meta, &mut findings);
        drives.push(Looked {
            path: path.to_owned(),
            slot,
            is_refilling,
            has_meta_faults: !meta.faults.is_empty(),
            meta,
            shards: DriveShards::default(),
            facts,
        });
    }
    let best = tables::best(&store.map, &drives);
    tables::report_stale(&drives, &best, &mut findings);
    for number in 0..drives.len() {
        let shards = shards::look(env, &store.map, &drives, number, &best, &mut findings, progress).await;
        if let Some(drive) = drives.get_mut(number) {
            drive.facts.shards = shards.whole;
            drive.facts.read_bytes = shards.read_bytes;
            drive.shards = shards;
        }
    }
    let objects = references::check(&store.map, &mut drives, &best, &mut findings, progress).await;
    progress.end();
    let facts = drives.iter().map(|drive| drive.facts.clone()).collect();
    Ok(Inspection { store: store.map.store.to_string(), drives: facts, findings, objects })
}

/// By partition number: the drive whose replica goes furthest.
pub(crate) type Best = Vec<Option<usize>>;

/// The rows of a partition, of the replica that goes furthest.
pub(crate) fn rows<'a>(
    drives: &'a [Looked],
    best: &Best,
    partition: PartitionId,
) -> Option<&'a dyn meta::engine::Engine> {
    let drive = best.get(usize::from(partition.0)).copied().flatten()?;
    drives.get(drive)?.meta.rows(partition)
}

impl Inspection {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_sound()
    }
}

/// A kind that says that a drive's metadata is not to be trusted.
pub(crate) const META_DAMAGED: Kind = Kind::MetadataDamaged;
