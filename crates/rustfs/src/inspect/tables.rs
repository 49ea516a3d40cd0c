//! The metadata of the drives: what is wrong with it, and whose is the newest.

use std::path::Path;

use cluster::map::ClusterMap;
use meta::log::LogError;
use meta::offline::{OfflineMeta, OfflineMetaFault, Replica};
use model::ids::PartitionId;

use super::finding::{Findings, Kind};
use super::{Best, Looked, META_DAMAGED};

/// Turns what was found in a drive's metadata into findings.
pub(crate) fn report_faults(drive: &Path, is_refilling: bool, meta: &OfflineMeta, findings: &mut Findings) {
    if meta.log_torn {
        findings.drive(Kind::Torn, drive, "the last write of the metadata's log was cut short".into());
    }
    for fault in &meta.faults {
        match fault {
            OfflineMetaFault::Log(error) => report_log(drive, error, findings),
            OfflineMetaFault::EngineFile(damage) => {
                let at = Some(damage.offset_bytes);
                findings.file(META_DAMAGED, drive, &damage.path, at, damage.reason.clone());
            }
            OfflineMetaFault::Engine { path, reason } => {
                findings.file(META_DAMAGED, drive, path, None, reason.clone());
            }
            OfflineMetaFault::Partition { partition, reason } => {
                let what = format!("partition {partition}: {reason}");
                // Until it is full, a drive may hold nothing of a partition.
                let kind = if is_refilling { Kind::Refilling } else { Kind::PartitionInconsistent };
                findings.file(kind, drive, &drive.join("meta"), None, what);
            }
        }
    }
}

fn report_log(drive: &Path, error: &LogError, findings: &mut Findings) {
    match error {
        LogError::Corrupt { path, offset, what, .. } => {
            findings.file(Kind::LogDamaged, drive, path, Some(*offset), what.clone());
        }
        LogError::Newer { path, .. } => findings.file(Kind::Newer, drive, path, None, error.to_string()),
        LogError::Io { path, source, .. } => {
            let is_gone = source.kind() == std::io::ErrorKind::NotFound;
            let kind = if is_gone { Kind::LogDamaged } else { Kind::ReadError };
            let what = if is_gone { "it is not there".to_owned() } else { source.to_string() };
            findings.file(kind, drive, path, None, what);
        }
        other => findings.drive(Kind::LogDamaged, drive, other.to_string()),
    }
}

/// For each partition the drive whose replica goes furthest, one without faults where there is one.
pub(crate) fn best(map: &ClusterMap, drives: &[Looked]) -> Best {
    (0..=map.partitions)
        .map(|partition| {
            let candidates = drives.iter().enumerate().filter_map(|(number, drive)| {
                let replica = replica(drive, PartitionId(partition))?;
                Some((!drive.has_meta_faults, (replica.last.1, replica.last.0, replica.applied), number))
            });
            candidates.max_by_key(|(is_sound, last, number)| (*is_sound, *last, std::cmp::Reverse(*number)))
        })
        .map(|best| best.map(|(_, _, number)| number))
        .collect()
}

fn replica(drive: &Looked, partition: PartitionId) -> Option<Replica> {
    drive.meta.replicas.iter().find(|replica| replica.partition == partition).copied()
}

/// Names drives whose replicas are behind those of others.
pub(crate) fn report_stale(drives: &[Looked], best: &Best, findings: &mut Findings) {
    for (number, drive) in drives.iter().enumerate() {
        let (mut partitions, mut entries) = (0, 0);
        for replica in &drive.meta.replicas {
            let newest = best.get(usize::from(replica.partition.0)).copied().flatten();
            let newest = newest.filter(|newest| *newest != number).and_then(|newest| drives.get(newest));
            let Some(newest) = newest.and_then(|newest| self::replica(newest, replica.partition)) else {
                continue;
            };
            let behind = newest.last.0.saturating_sub(replica.last.0);
            partitions += u64::from(behind > 0);
            entries = entries.max(behind);
        }
        if partitions > 0 {
            let what = format!("{partitions} partitions are behind, by up to {entries} entries");
            findings.drive(Kind::Stale, &drive.path, what);
        }
    }
}
