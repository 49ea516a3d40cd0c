//! The map of a store: its drives by erasure set and slot, and what was fixed when it was formatted.

use model::blob::Redundancy;
use model::ids::{DriveId, StoreId};

/// A place for a drive: an erasure set and a slot in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The set.
    pub set: u16,
    /// The slot in the set.
    pub slot: u8,
}

/// What a store consists of. A change of drives makes the next epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterMap {
    /// The store.
    pub store: StoreId,
    /// Counts the changes of this map.
    pub epoch: u64,
    /// Drives by set and slot; all sets have one width.
    pub sets: Vec<Vec<DriveId>>,
    /// Parity shards of the class STANDARD.
    pub parity: u8,
    /// Parity shards of the class REDUCED_REDUNDANCY.
    pub parity_reduced: u8,
    /// Partitions of objects; the system partition comes after the last.
    pub partitions: u16,
    /// Replicas of each partition.
    pub replicas: u8,
}

impl ClusterMap {
    /// All places with the drive that belongs there.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, DriveId)> + '_ {
        self.sets.iter().zip(0u16..).flat_map(|(drives, set)| {
            drives.iter().zip(0u8..).map(move |(drive, slot)| (Slot { set, slot }, *drive))
        })
    }

    /// Drives in all.
    #[must_use]
    pub fn drive_count(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Drives in a set.
    #[must_use]
    pub fn set_width(&self) -> usize {
        self.sets.first().map_or(0, Vec::len)
    }

    /// Redundancy with so many parity shards over one set.
    #[must_use]
    pub fn redundancy(&self, parity: u8) -> Redundancy {
        let width = self.set_width().max(1) as u8;
        let parity = parity.min(width - 1);
        Redundancy { data: width - parity, parity }
    }

    /// The system partition's number.
    #[must_use]
    pub fn system_partition(&self) -> model::ids::PartitionId {
        model::ids::PartitionId(self.partitions)
    }
}

/// The number that raft knows a drive by: the first 8 bytes of its id, never 0. A drive that was formatted again has another
/// id and so takes no part under the old one's name: it does not remember what that one promised.
#[must_use]
pub fn raft_id(drive: &DriveId) -> u64 {
    let bytes = drive.bytes();
    let mut head = [0u8; 8];
    head.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(head).max(1)
}
