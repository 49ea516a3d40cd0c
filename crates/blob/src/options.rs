//! What can be set about a store of blobs.

use std::time::Duration;

use env::Space;
use model::limits;

use crate::patience::Patience;

/// Settings; the defaults are the ones to use.
#[derive(Clone, Debug)]
pub struct BlobOptions {
    /// Data bytes of a stripe of new blobs.
    pub stripe_bytes: u32,
    /// Largest payload, in bytes, of a shard that is packed into a segment.
    pub packed_shard_bytes_max: u32,
    /// Length a segment is reserved with, in bytes, on drives large enough for it.
    pub segment_bytes_max: u64,
    /// Room that writes leave free on a drive, in bytes; `None`: by the size of the file system.
    pub reserve_bytes: Option<u64>,
    /// How long a write waits for drives that are slower than its quorum before it leaves them out.
    pub straggler_wait: Duration,
    /// How long drives are waited for at most, where too few have answered.
    pub answer_wait: Duration,
    /// How long a drive may take for a write before new ones go to others, where there are enough.
    pub silent_after: Duration,
    /// How long a drive may take for a read before others are read instead, where there are enough.
    pub slow_after: Duration,
    /// Changes of files that one drive is asked for at once.
    pub drive_writes_max: usize,
    /// Reads that one drive is asked for at once: beyond, others are read instead where there are enough.
    pub drive_reads_max: usize,
    /// Memory kept for staging large writes between one and the next, in bytes: two MiB for each of sixteen at 2+2.
    pub staging_pool_bytes_max: usize,
    /// Blobs whose files go to one folder in a row. A folder costs as much to make, and to sync for the first time, as a file.
    pub folder_run_blobs: u64,
    /// Shards that wait for one drive's segment writer at most.
    pub drive_queue_max: usize,
    /// A segment is compacted when at least so many percent of its bytes are dead.
    pub compact_dead_percent_min: u8,
}

impl Default for BlobOptions {
    fn default() -> Self {
        BlobOptions {
            stripe_bytes: limits::STRIPE_BYTES,
            packed_shard_bytes_max: limits::PACKED_SHARD_BYTES_MAX,
            segment_bytes_max: 64 << 20,
            reserve_bytes: None,
            straggler_wait: Duration::from_secs(5),
            answer_wait: Duration::from_secs(30),
            silent_after: Duration::from_secs(10),
            slow_after: Duration::from_secs(2),
            drive_writes_max: 32,
            drive_reads_max: 32,
            staging_pool_bytes_max: 32 << 20,
            folder_run_blobs: 256,
            drive_queue_max: 512,
            compact_dead_percent_min: 50,
        }
    }
}

/// An eighth of a small file system, else 1 GiB or a hundredth, whichever is more. Records of deletes, the metadata's log and
/// its compaction live off the reserve when all else is refused: with less, a full drive could not be emptied.
const RESERVE_SHARE_MAX: u64 = 8;

impl BlobOptions {
    pub(crate) fn patience(&self) -> Patience {
        Patience { for_stragglers: self.straggler_wait, for_quorum: self.answer_wait }
    }

    /// Room that writes leave free on a file system, in bytes.
    #[must_use]
    pub fn reserve(&self, space: &Space) -> u64 {
        let wanted = (1 << 30).max(space.total_bytes / 100);
        self.reserve_bytes.unwrap_or(wanted.min(space.total_bytes / RESERVE_SHARE_MAX))
    }

    /// The length of a new segment on a file system, in bytes: at most a thirty-second of it, but never so short that
    /// it can't take the largest shard.
    #[must_use]
    pub fn segment_bytes(&self, space: &Space) -> u64 {
        let share = space.total_bytes / 32;
        let record = u64::from(self.packed_shard_bytes_max) + crate::DESCRIPTOR_BYTES_MAX as u64;
        let least = 4 * (record + 4096);
        self.segment_bytes_max.min(share).max(least) / 4096 * 4096
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_scales_with_the_file_system() {
        let options = BlobOptions::default();
        let of = |total_bytes| Space { total_bytes, ..Space::default() };
        assert_eq!(options.reserve(&of(64 << 20)), 8 << 20);
        assert_eq!(options.reserve(&of(64 << 30)), 1 << 30);
        assert_eq!(options.reserve(&of(10 << 40)), (10 << 40) / 100);
        assert_eq!(options.segment_bytes(&of(1 << 40)), 64 << 20);
        assert!(options.segment_bytes(&of(64 << 20)) < 4 << 20);
    }
}
