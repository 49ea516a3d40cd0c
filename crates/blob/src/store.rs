//! What all parts of the store share: the sets of drives, and what is kept between one blob and the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Env;
use model::blob::{BlobRef, Redundancy};
use model::ids::BlobId;
use model::time::Timestamp;
use parking_lot::Mutex;

use crate::drive::Drive;
use crate::drive::file::FolderRuns;
use crate::erasure::Code;
use crate::error::{BlobError, FaultKind};
use crate::latency::Latency;
use crate::options::BlobOptions;
use crate::registry::Registry;
use crate::staging::StagingPool;
use crate::status::DrivePlace;

/// An erasure set.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) number: u16,
    pub(crate) map_epoch: u64,
    /// By slot; `None` where the drive is missing.
    pub(crate) drives: Vec<Option<Arc<Drive>>>,
}

/// What is shared.
pub(crate) struct Store {
    pub(crate) env: Env,
    pub(crate) options: BlobOptions,
    pub(crate) sets: Vec<Set>,
    pub(crate) pending: Registry,
    pub(crate) repairing: Registry,
    pub(crate) staging: Arc<StagingPool>,
    pub(crate) packed_latency: Latency,
    pub(crate) file_latency: Latency,
    /// When it was opened: no id that it gives is older.
    pub(crate) opened: Timestamp,
    /// The newest time that an id was given, in milliseconds.
    id_time_ms: AtomicU64,
    folders: FolderRuns,
    codes: Mutex<HashMap<Redundancy, Arc<Code>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("sets", &self.sets).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(env: Env, options: BlobOptions, sets: Vec<Set>) -> Self {
        let opened = env.clock.now();
        let folders = FolderRuns::new(env.random.number(), options.folder_run_blobs);
        Store {
            env,
            opened,
            folders,
            id_time_ms: AtomicU64::new(opened.millis()),
            staging: StagingPool::new(options.staging_pool_bytes_max),
            options,
            sets,
            pending: Registry::default(),
            repairing: Registry::default(),
            packed_latency: Latency::default(),
            file_latency: Latency::default(),
            codes: Mutex::default(),
        }
    }

    /// The id of a new blob. Its time never goes back, whatever the clock does: what is older than the store's opening was
    /// written by an earlier process, which is what the sweep goes by.
    pub(crate) fn new_id(&self, has_files: bool) -> BlobId {
        let now = self.env.clock.now().millis();
        let time = self.id_time_ms.fetch_max(now, Ordering::Relaxed).max(now);
        let mut random = [0u8; 10];
        self.env.random.fill(&mut random);
        if has_files {
            let [high, low, ..] = &mut random;
            [*high, *low] = self.folders.next().to_be_bytes();
        }
        BlobId::new(Timestamp::from_millis(time), random)
    }

    pub(crate) fn set(&self, number: u16) -> Result<&Set, BlobError> {
        let found = self.sets.iter().find(|set| set.number == number);
        found.ok_or(BlobError::UnknownSet { set: number })
    }

    /// The drives that are there.
    pub(crate) fn drives(&self) -> impl Iterator<Item = &Arc<Drive>> {
        self.sets.iter().flat_map(|set| set.drives.iter().flatten())
    }

    pub(crate) fn drive(&self, place: DrivePlace) -> Result<&Arc<Drive>, FaultKind> {
        let set = self.sets.iter().find(|set| set.number == place.set);
        let slot = set.and_then(|set| set.drives.get(usize::from(place.slot)));
        slot.and_then(Option::as_ref).ok_or(FaultKind::NoDrive)
    }

    /// The code of a redundancy; made once.
    pub(crate) fn code(&self, redundancy: Redundancy) -> Result<Arc<Code>, BlobError> {
        let mut codes = self.codes.lock();
        if let Some(code) = codes.get(&redundancy) {
            return Ok(Arc::clone(code));
        }
        let code = Arc::new(Code::new(redundancy.data, redundancy.parity)?);
        codes.insert(redundancy, Arc::clone(&code));
        Ok(code)
    }

    /// The drives of a blob by shard.
    pub(crate) fn drives_of(&self, blob: &BlobRef) -> Result<Vec<Option<Arc<Drive>>>, BlobError> {
        let set = self.set(blob.set)?;
        Ok(set.window(blob.first_slot, blob.redundancy.shards()))
    }
}

impl Set {
    /// The drives of so many slots from the first one on, around the end.
    pub(crate) fn window(&self, first_slot: u8, shards: usize) -> Vec<Option<Arc<Drive>>> {
        let slots = (0..shards).map(|shard| self.slot_of(first_slot, shard));
        slots.map(|slot| self.drives.get(slot).cloned().flatten()).collect()
    }

    fn slot_of(&self, first_slot: u8, shard: usize) -> usize {
        (usize::from(first_slot) + shard) % self.drives.len().max(1)
    }

    /// Where a shard lies.
    pub(crate) fn place_of(&self, first_slot: u8, shard: u8) -> DrivePlace {
        DrivePlace { set: self.number, slot: self.slot_of(first_slot, usize::from(shard)) as u8 }
    }
}
