//! Where things go. Pure: the same map gives the same places everywhere.

use xxhash_rust::xxh3::xxh3_64;

use model::ids::{BucketId, DriveId, PartitionId};

use crate::map::ClusterMap;

/// Widest erasure set.
pub const SET_WIDTH_MAX: usize = 16;

/// Partitions of objects that a new store gets. Fixed when it is formatted: enough for group commit over a hundred drives,
/// few enough that a listing merges them in no time (decision 0003).
pub const PARTITIONS_DEFAULT: u16 = 16;

/// Parity by the drives of a set, as RustFS and MinIO choose it.
#[must_use]
pub const fn default_parity(set_width: usize) -> u8 {
    match set_width {
        0 | 1 => 0,
        2 | 3 => 1,
        4 | 5 => 2,
        6 | 7 => 3,
        _ => 4,
    }
}

/// Replicas of each partition that survive what the data survives: the loss of `parity` drives leaves a majority of
/// `2 * parity + 1`. No more than there are drives; at least 3 where there are 3.
#[must_use]
pub fn default_replicas(drives: usize, parity: u8) -> u8 {
    (2 * usize::from(parity) + 1).max(3).min(drives).max(1) as u8
}

/// Cuts drives into sets of one width, the widest that divides their number.
#[must_use]
pub fn set_width(drives: usize) -> usize {
    (1..=SET_WIDTH_MAX.min(drives.max(1))).rev().find(|width| drives.is_multiple_of(*width)).unwrap_or(1)
}

/// The partition that holds everything about an object.
#[must_use]
pub fn partition_of(partitions: u16, bucket: BucketId, key: &[u8]) -> PartitionId {
    let mut hashed = Vec::with_capacity(8 + key.len());
    hashed.extend_from_slice(&bucket.0.to_be_bytes());
    hashed.extend_from_slice(key);
    PartitionId((xxh3_64(&hashed) % u64::from(partitions.max(1))) as u16)
}

/// The drives that hold the replicas of a partition; the first of them leads when nothing speaks against it. Partitions
/// begin at different drives, so that leaders and replicas spread evenly.
#[must_use]
pub fn replica_drives(map: &ClusterMap, partition: PartitionId) -> Vec<DriveId> {
    let drives: Vec<DriveId> = map.slots().map(|(_, drive)| drive).collect();
    let first = usize::from(partition.0) % drives.len().max(1);
    drives.iter().cycle().skip(first).take(usize::from(map.replicas).min(drives.len())).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::StoreId;

    fn map(drives: usize) -> ClusterMap {
        let ids: Vec<_> = (0..drives).map(|n| DriveId::from_bytes([n as u8 + 1; 16])).collect();
        let parity = default_parity(set_width(drives));
        ClusterMap {
            store: StoreId::from_bytes([0; 16]),
            epoch: 1,
            sets: ids.chunks(set_width(drives)).map(<[_]>::to_vec).collect(),
            parity,
            parity_reduced: parity.min(1),
            partitions: PARTITIONS_DEFAULT,
            replicas: default_replicas(drives, parity),
        }
    }

    #[test]
    fn sets_are_as_wide_as_divides() {
        let widths: Vec<_> = [1, 2, 4, 12, 16, 18, 24, 32].map(set_width).to_vec();
        assert_eq!(widths, [1, 2, 4, 12, 16, 9, 12, 16]);
    }

    #[test]
    fn metadata_survives_what_data_survives() {
        for drives in 1..=16usize {
            let parity = default_parity(set_width(drives));
            let replicas = usize::from(default_replicas(drives, parity));
            assert!(replicas <= drives && (drives < 3 || replicas >= 3));
            let lost = usize::from(parity);
            // Either a majority is left, or at least one replica that was part of every majority's sync.
            let quorum = replicas / 2 + 1;
            assert!(replicas - lost.min(replicas - 1) + quorum > replicas, "{drives} drives");
        }
    }

    #[test]
    fn replicas_are_different_drives_and_leaders_spread() {
        for drives in [1, 3, 4, 8] {
            let map = map(drives);
            let mut leads = vec![0; drives];
            for partition in 0..map.partitions {
                let replicas = replica_drives(&map, PartitionId(partition));
                let mut unique = replicas.clone();
                unique.sort();
                unique.dedup();
                assert_eq!(unique.len(), usize::from(map.replicas));
                let leader = map.slots().position(|(_, drive)| drive == replicas[0]).unwrap();
                leads[leader] += 1;
            }
            let (least, most) = (leads.iter().min().unwrap(), leads.iter().max().unwrap());
            assert!(most - least <= 1, "{leads:?}");
        }
    }

    #[test]
    fn partitions_get_about_as_many_keys() {
        let mut counts = [0u32; 16];
        for n in 0..16_000u32 {
            counts[usize::from(partition_of(16, BucketId(7), format!("photos/{n}.jpg").as_bytes()).0)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    /// On users' drives: must never change.
    #[test]
    fn the_partition_of_a_key_is_fixed() {
        let found = [b"a".as_slice(), b"photos/1.jpg", b""].map(|key| partition_of(16, BucketId(1), key).0);
        assert_eq!(found, FIXED);
    }
    const FIXED: [u16; 3] = [4, 5, 3];
}
