//! The segments of a drive and what is alive in them.
//!
//! What always holds: an index entry names a segment that is in the map, and was synced before it was made. The live
//! bytes of a segment are those of the records that the index names in it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use env::File;
use model::ids::BlobId;
use parking_lot::{Mutex, RwLock};

use super::format::{RECORD_HEADER_BYTES, SegmentHeader, record_len};
use super::index::{Index, Location};
use crate::status::SegmentDamage;

/// A segment file.
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    /// For reading.
    pub(crate) file: Arc<dyn File>,
    /// Bytes of records, padding included.
    pub(crate) used_bytes: AtomicU64,
    /// Bytes of records that are alive.
    pub(crate) live_bytes: AtomicU64,
    /// Whether nothing is appended any more.
    pub(crate) sealed: AtomicBool,
    /// Its tombstones, counted by the segment that holds what they kill.
    tombstones: Mutex<HashMap<u32, u32>>,
}

impl Segment {
    pub(crate) fn new(header: SegmentHeader, file: Arc<dyn File>) -> Self {
        Segment {
            header,
            file,
            used_bytes: AtomicU64::new(0),
            live_bytes: AtomicU64::new(0),
            sealed: AtomicBool::new(false),
            tombstones: Mutex::default(),
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.header.number
    }
}

/// The path of a segment.
pub(crate) fn segment_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:016x}.seg"))
}

/// The segments of a drive with their index.
pub(crate) struct Segments {
    pub(crate) folder: PathBuf,
    pub(crate) index: Index,
    map: RwLock<BTreeMap<u32, Arc<Segment>>>,
    shards: AtomicU64,
    damages: Mutex<Vec<SegmentDamage>>,
    /// Whether a segment could not be taken in: what it holds is not in the index.
    incomplete: AtomicBool,
}

/// How full a segment is with what: what compaction decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) segment: u32,
    pub(crate) sealed: bool,
    pub(crate) used_bytes: u64,
    /// Records that must be kept: live shards, and tombstones whose target is still there.
    pub(crate) kept_bytes: u64,
}

impl Segments {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Segments {
            folder,
            index: Index::default(),
            map: RwLock::default(),
            shards: AtomicU64::new(0),
            damages: Mutex::default(),
            incomplete: AtomicBool::new(false),
        }
    }

    pub(crate) fn add(&self, segment: Arc<Segment>) {
        let old = self.map.write().insert(segment.number(), segment);
        assert!(old.is_none(), "segment numbers are used once");
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<Segment>> {
        self.map.read().get(&number).cloned()
    }

    /// The first segment of that number or a higher one.
    pub(crate) fn next_from(&self, number: u32) -> Option<Arc<Segment>> {
        self.map.read().range(number..).next().map(|(_, segment)| Arc::clone(segment))
    }

    /// Takes a segment off the map. Nothing may be alive in it.
    pub(crate) fn forget(&self, number: u32) {
        if let Some(segment) = self.map.write().remove(&number) {
            let live = segment.live_bytes.load(Ordering::Relaxed);
            assert_eq!(live, 0, "segment {number} is removed with living records");
        }
    }

    pub(crate) fn note_damage(&self, damage: SegmentDamage) {
        tracing::warn!(folder = %self.folder.display(), ?damage, "a segment is damaged");
        self.damages.lock().push(damage);
    }

    /// A segment is left out of the index.
    pub(crate) fn leave_out(&self, damage: SegmentDamage) {
        self.incomplete.store(true, Ordering::Relaxed);
        self.note_damage(damage);
    }

    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete.load(Ordering::Relaxed)
    }

    pub(crate) fn damages(&self) -> Vec<SegmentDamage> {
        self.damages.lock().clone()
    }

    /// Packed shards that are alive.
    pub(crate) fn shards(&self) -> u64 {
        self.shards.load(Ordering::Relaxed)
    }

    /// A shard stands at a place now, durably.
    pub(crate) fn put(&self, id: BlobId, shard: u8, location: Location) {
        self.count_in(location);
        match self.index.insert(id, shard, location) {
            Some(old) => self.count_out(old),
            None => {
                self.shards.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A shard stands elsewhere now, durably, unless it has gone from where it was.
    pub(crate) fn moved(&self, id: BlobId, shard: u8, from: Location, to: Location) {
        self.count_in(to);
        let done = self.index.replace(id, shard, from, to);
        self.count_out(if done { from } else { to });
    }

    /// A shard is dead. Gives where it was.
    pub(crate) fn kill(&self, id: &BlobId, shard: u8, only_at: Option<Location>) -> Option<Location> {
        let was = self.index.remove(id, shard, only_at)?;
        self.count_out(was);
        self.shards.fetch_sub(1, Ordering::Relaxed);
        Some(was)
    }

    /// A tombstone stands in a segment.
    pub(crate) fn tombstone(&self, segment: &Segment, target: u32) {
        *segment.tombstones.lock().entry(target).or_default() += 1;
    }

    fn count_in(&self, location: Location) {
        let len = record_len(location.length as usize) as u64;
        if let Some(segment) = self.get(location.segment) {
            segment.live_bytes.fetch_add(len, Ordering::Relaxed);
        }
    }

    fn count_out(&self, location: Location) {
        let len = record_len(location.length as usize) as u64;
        if let Some(segment) = self.get(location.segment) {
            let before = segment.live_bytes.fetch_sub(len, Ordering::Relaxed);
            assert!(before >= len, "a segment has no fewer than zero live bytes");
        }
    }

    /// The usage of every segment, by number.
    pub(crate) fn usage(&self) -> Vec<Usage> {
        let map = self.map.read();
        map.values()
            .map(|segment| {
                let tombstones = segment.tombstones.lock();
                let needed: u64 = tombstones
                    .iter()
                    .filter(|(target, _)| **target != segment.number() && map.contains_key(target))
                    .map(|(_, count)| u64::from(*count))
                    .sum();
                Usage {
                    segment: segment.number(),
                    sealed: segment.sealed.load(Ordering::Relaxed),
                    used_bytes: segment.used_bytes.load(Ordering::Relaxed),
                    kept_bytes: segment.live_bytes.load(Ordering::Relaxed) + needed * record_len(0) as u64,
                }
            })
            .collect()
    }

    /// Up to `limit_bytes` of the body of a shard's record, unchecked; `None` where there is no such shard.
    pub(crate) async fn read(&self, id: &BlobId, shard: u8, limit_bytes: usize) -> io::Result<Option<Bytes>> {
        while let Some(location) = self.index.find(id, shard) {
            // Without its segment the record has been moved since the look: look again.
            if let Some(segment) = self.get(location.segment) {
                let offset = u64::from(location.offset) + RECORD_HEADER_BYTES as u64;
                let len = limit_bytes.min(location.length as usize);
                return segment.file.read_at(offset, len).await.map(Some);
            }
            std::hint::spin_loop();
        }
        Ok(None)
    }
}
