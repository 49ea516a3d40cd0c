//! The shards on a drive: read, checked, and compared with the records.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use blob::{Depth, OfflineDrive, OfflineFault, OfflineFaultKind, OfflineItem, OfflineShard};
use cluster::map::{ClusterMap, Slot};
use env::Env;
use model::blob::BlobRef;
use model::ids::BlobId;
use object::inspect::Referred;

use super::finding::{Findings, Kind};
use super::progress::ProgressLine;
use super::{Best, Looked, rows};

/// Shards of a drive.
#[derive(Debug, Default)]
pub(crate) struct DriveShards {
    /// For looking shards up.
    pub(crate) drive: Option<OfflineDrive>,
    /// Shards that are there and not whole: whether that matters is known once the records were read.
    pub(crate) bad: HashMap<(BlobId, u8), OfflineFault>,
    pub(crate) whole: u64,
    pub(crate) read_bytes: u64,
}

/// Where a shard belongs.
pub(crate) fn slot_of(map: &ClusterMap, blob: &BlobRef, shard: u8) -> Slot {
    let width = map.sets.get(usize::from(blob.set)).map_or(1, Vec::len).max(1);
    let slot = (usize::from(blob.first_slot) + usize::from(shard)) % width;
    Slot { set: blob.set, slot: slot as u8 }
}

/// Reads all shards of a drive.
pub(crate) async fn look(
    env: &Env,
    map: &ClusterMap,
    drives: &[Looked],
    number: usize,
    best: &Best,
    findings: &mut Findings,
    progress: &mut ProgressLine,
) -> DriveShards {
    let Some(looked) = drives.get(number) else {
        return DriveShards::default();
    };
    let mut walk = Walk {
        map,
        drives,
        best,
        looked,
        shards: DriveShards::default(),
        faults: Vec::new(),
        unreferenced: (0, 0),
        elsewhere: 0,
    };
    let mut items = |item: OfflineItem| {
        walk.take(item);
        let done = walk.shards.read_bytes >> 20;
        progress.say(&format!("{}: {} shards, {done} MiB", looked.path.display(), walk.shards.whole));
    };
    let opened = OfflineDrive::open(Arc::clone(&env.disk), &looked.path, &mut items).await;
    let failed = match &opened {
        Ok(drive) => {
            drive.walk_packed(&mut items).await;
            drive.walk_files(Depth::Everything, &mut items).await.err().map(|error| error.to_string())
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = failed {
        findings.file(Kind::ReadError, &looked.path, &looked.path.join("blob"), None, reason);
    }
    walk.shards.drive = opened.ok();
    walk.report(findings)
}

/// What is gathered on the way.
struct Walk<'a> {
    map: &'a ClusterMap,
    drives: &'a [Looked],
    best: &'a Best,
    looked: &'a Looked,
    shards: DriveShards,
    faults: Vec<(Kind, OfflineFault)>,
    /// How many, and how many bytes.
    unreferenced: (u64, u64),
    elsewhere: u64,
}

impl Walk<'_> {
    fn take(&mut self, item: OfflineItem) {
        match item {
            OfflineItem::Read(bytes) => self.shards.read_bytes += bytes,
            OfflineItem::Shard(shard) => self.shard(&shard),
            OfflineItem::Fault(fault) => self.fault(fault),
        }
    }

    fn shard(&mut self, shard: &OfflineShard) {
        self.shards.whole += 1;
        let blob = &shard.described.blob;
        let belongs = slot_of(self.map, blob, shard.shard);
        if belongs != self.looked.slot {
            let reason = format!(
                "shard {} of blob {} belongs on set {} slot {}",
                shard.shard, blob.id, belongs.set, belongs.slot
            );
            self.faults.push((Kind::ShardMisplaced, fault_at(shard, reason)));
        }
        let engine = |partition| rows(self.drives, self.best, partition);
        let referred =
            object::inspect::referred(self.map.partitions, &shard.described.descriptor, &blob.id, engine);
        match referred {
            Ok(Referred::Yes | Referred::Reclaiming) => {}
            Ok(Referred::No) => {
                self.unreferenced.0 += 1;
                self.unreferenced.1 += shard.bytes;
            }
            Ok(Referred::Elsewhere(_)) | Err(_) => self.elsewhere += 1,
            Ok(Referred::Unknown) => {
                let reason = format!(
                    "what shard {} of blob {} says of its object can't be read",
                    shard.shard, blob.id
                );
                self.faults.push((Kind::ShardDamaged, fault_at(shard, reason)));
            }
        }
    }

    fn fault(&mut self, fault: OfflineFault) {
        let kind = match (fault.kind, fault.shard) {
            (OfflineFaultKind::Damaged, Some(of)) => {
                self.shards.bad.insert(of, fault);
                return;
            }
            (OfflineFaultKind::Damaged, None) => Kind::SegmentDamaged,
            (OfflineFaultKind::Unreadable, of) => {
                if let Some(of) = of {
                    self.shards.bad.insert(of, fault.clone());
                }
                Kind::ReadError
            }
            (OfflineFaultKind::Torn, _) => Kind::Torn,
            (OfflineFaultKind::Dead, _) => Kind::DeadDamage,
            (OfflineFaultKind::Newer, _) => Kind::Newer,
            (OfflineFaultKind::Stray | OfflineFaultKind::CutRepair, _) => Kind::Stray,
        };
        self.faults.push((kind, fault));
    }

    fn report(self, findings: &mut Findings) -> DriveShards {
        let drive: &Path = &self.looked.path;
        for (kind, fault) in self.faults {
            findings.file(kind, drive, &fault.path, Some(fault.offset_bytes), fault.reason);
        }
        let (count, bytes) = self.unreferenced;
        if count > 0 {
            findings.drive(Kind::Unreferenced, drive, format!("{count} shards of {bytes} bytes"));
        }
        if self.elsewhere > 0 {
            let what = format!(
                "whether records refer to {} shards: their records are not on these drives",
                self.elsewhere
            );
            findings.drive(Kind::Unchecked, drive, what);
        }
        self.shards
    }
}

fn fault_at(shard: &OfflineShard, reason: String) -> OfflineFault {
    OfflineFault {
        path: shard.path.clone(),
        offset_bytes: shard.offset_bytes,
        shard: Some((shard.described.blob.id, shard.shard)),
        kind: OfflineFaultKind::Damaged,
        reason,
    }
}
