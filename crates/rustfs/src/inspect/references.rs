//! The records: every row of every drive, and whether the blobs that they refer to are there.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use cluster::map::{ClusterMap, Slot};
use meta::engine::Engine;
use model::ids::{BlobId, BucketId, PartitionId};
use model::upload::COMPLETION_NUMBER;
use object::inspect::{BlobReference, PartitionCheck, RowItem, awaits_heal};

use super::finding::{Findings, Kind};
use super::progress::ProgressLine;
use super::shards::slot_of;
use super::{Best, Looked};

/// Rows read between two looks at shards.
const ROWS_AT_ONCE: usize = 4096;

/// Reads all rows; answers how many objects there are.
pub(crate) async fn check(
    map: &ClusterMap,
    drives: &mut [Looked],
    best: &Best,
    findings: &mut Findings,
    progress: &mut ProgressLine,
) -> u64 {
    let mut objects = 0;
    let mut names = BTreeMap::new();
    // The system partition comes first: it names the buckets.
    let partitions = (0..=map.partitions).rev().map(PartitionId);
    for partition in partitions {
        for number in 0..drives.len() {
            let is_best = best.get(usize::from(partition.0)) == Some(&Some(number));
            let Some(drive) = drives.get(number) else { continue };
            let Some(engine) = drive.meta.rows(partition) else { continue };
            progress.say(&format!("{}: records of partition {partition}", drive.path.display()));
            let mut rows =
                Rows { check: PartitionCheck::new(engine, partition), engine, partition, after: None };
            let mut found = BTreeMap::new();
            while let Some(items) = rows.page() {
                let references = report(&drive.path, items, &mut names, findings);
                if !is_best {
                    continue;
                }
                for reference in &references {
                    look(map, drives, engine, partition, reference, &names, findings, &mut found).await;
                }
            }
            objects += if is_best { rows.check.objects() } else { 0 };
            let (count, items) = rows.finish();
            report(&drive.path, items, &mut names, findings);
            if let Some(drive) = drives.get_mut(number) {
                drive.facts.rows += count;
            }
            for (of, (drive, name)) in found {
                settle_bad(drives, drive, of, &name, findings);
            }
        }
    }
    let is_complete = best.iter().all(Option::is_some);
    report_leftovers(drives, is_complete, findings);
    objects
}

/// The rows of a partition, a page at a time.
struct Rows<'a> {
    check: PartitionCheck<'a, dyn Engine + 'a>,
    engine: &'a dyn Engine,
    partition: PartitionId,
    after: Option<Vec<u8>>,
}

/// What a page says, with why it ended where the engine can't read on.
type Page = (Vec<RowItem>, Option<String>);

impl Rows<'_> {
    fn page(&mut self) -> Option<Page> {
        let start = self.after.take();
        let start = match start.as_deref() {
            Some([]) => return None,
            Some(after) => Bound::Excluded(after),
            None => Bound::Unbounded,
        };
        let (mut items, mut count, mut last) = (Vec::new(), 0, Vec::new());
        let check = &mut self.check;
        let scanned = self.engine.scan(self.partition, (start, Bound::Unbounded), &mut |key, value| {
            check.row(key, value, &mut |item| items.push(item));
            count += 1;
            if count < ROWS_AT_ONCE {
                return ControlFlow::Continue(());
            }
            last = key.to_vec();
            ControlFlow::Break(())
        });
        // An empty key is none that a row has: it ends the walk.
        self.after = Some(if scanned.is_ok() { last } else { Vec::new() });
        Some((items, scanned.err().map(|error| error.to_string())))
    }

    fn finish(self) -> (u64, Page) {
        let mut items = Vec::new();
        let count = self.check.rows();
        self.check.finish(&mut |item| items.push(item));
        (count, (items, None))
    }
}

/// Turns faults into findings; gives the references back.
fn report(
    drive: &std::path::Path,
    (items, failed): Page,
    names: &mut BTreeMap<BucketId, String>,
    findings: &mut Findings,
) -> Vec<BlobReference> {
    let mut references = Vec::new();
    let engine = drive.join("meta").join("engine");
    for item in items {
        match item {
            RowItem::Fault(fault) => {
                let what = format!("table {}, {}: {}", fault.table, fault.row, fault.reason);
                findings.file(Kind::RowBad, drive, &engine, None, what);
            }
            RowItem::Reference(reference) => references.push(reference),
            RowItem::Bucket { name, id } => drop(names.insert(id, name)),
            RowItem::Other { table, key, value } => {
                if let Some(what) = fault_of_other(table, &key, &value) {
                    findings.file(Kind::RowBad, drive, &engine, None, what);
                }
            }
        }
    }
    if let Some(reason) = failed {
        findings.file(Kind::MetadataDamaged, drive, &engine, None, reason);
    }
    references
}

/// What is wrong with a row that objects do not have.
fn fault_of_other(table: u8, key: &[u8], value: &[u8]) -> Option<String> {
    match iam::check_row(table, key, value) {
        Some((_, Ok(()))) => None,
        Some((name, Err(reason))) => Some(format!("table {name}, a row: {reason}")),
        None => Some(format!("table {table}: no table of this release has this number")),
    }
}

/// Bad shards that an object needs: on which drive, and whose.
type Needed = BTreeMap<(BlobId, u8), (usize, String)>;

/// Whether the shards of a blob are there.
#[expect(
    clippy::too_many_arguments,
    reason = "what is looked at, what it is compared with, and where it is told"
)]
async fn look(
    map: &ClusterMap,
    drives: &[Looked],
    engine: &dyn Engine,
    partition: PartitionId,
    reference: &BlobReference,
    names: &BTreeMap<BucketId, String>,
    findings: &mut Findings,
    needed: &mut Needed,
) {
    let blob = &reference.blob;
    let name = named(reference, names);
    // Shards on drives that are not here may be good.
    let mut usable = 0;
    for shard in 0..blob.redundancy.shards() as u8 {
        let slot = slot_of(map, blob, shard);
        let Some((number, drive)) = at(drives, slot) else {
            usable += 1;
            continue;
        };
        let Some(offline) = &drive.shards.drive else { continue };
        if drive.shards.bad.contains_key(&(blob.id, shard)) {
            needed.insert((blob.id, shard), (number, name.clone()));
        } else if offline.find(&blob.id, shard).await.is_some() {
            usable += 1;
        } else {
            let is_queued = awaits_heal(engine, partition, &blob.id).unwrap_or(false);
            let kind = match (drive.is_refilling, is_queued) {
                (true, _) => Kind::Refilling,
                (false, true) => Kind::AwaitsHeal,
                (false, false) => Kind::ShardMissing,
            };
            findings.drive(kind, &drive.path, format!("shard {shard} of blob {} of {name}", blob.id));
        }
    }
    if usable < usize::from(blob.redundancy.data) {
        let what = format!(
            "{name}: {usable} shards of blob {} are good or may be, {} are needed",
            blob.id, blob.redundancy.data
        );
        // Nothing but a salvage reads what tells of a completion.
        let kind = match reference.part {
            Some(COMPLETION_NUMBER) => Kind::ShardMissing,
            _ => Kind::ObjectUnreadable,
        };
        findings.drive(kind, std::path::Path::new(""), what);
    }
}

fn at(drives: &[Looked], slot: Slot) -> Option<(usize, &Looked)> {
    drives.iter().enumerate().find(|(_, drive)| drive.slot == slot)
}

fn named(reference: &BlobReference, names: &BTreeMap<BucketId, String>) -> String {
    let bucket =
        names.get(&reference.bucket).cloned().unwrap_or_else(|| format!("(id {})", reference.bucket));
    match reference.part {
        Some(COMPLETION_NUMBER) => {
            format!("bucket {bucket}, key {:?}, what tells that its parts were completed", reference.key)
        }
        Some(part) => format!("bucket {bucket}, key {:?}, part {part}", reference.key),
        None => format!("bucket {bucket}, key {:?}", reference.key),
    }
}

/// A bad shard that an object needs.
fn settle_bad(drives: &mut [Looked], number: usize, of: (BlobId, u8), name: &str, findings: &mut Findings) {
    let Some(drive) = drives.get_mut(number) else { return };
    if let Some(fault) = drive.shards.bad.remove(&of) {
        let what = format!("shard {} of {name}: {}", of.1, fault.reason);
        findings.file(Kind::ShardDamaged, &drive.path, &fault.path, Some(fault.offset_bytes), what);
    }
}

/// Bad shards that no record refers to. Where not all records could be read, nobody knows.
fn report_leftovers(drives: &mut [Looked], is_complete: bool, findings: &mut Findings) {
    let kind = if is_complete { Kind::DeadDamage } else { Kind::ShardDamaged };
    for drive in drives {
        let mut bad: Vec<_> = std::mem::take(&mut drive.shards.bad).into_values().collect();
        bad.sort_by(|one, other| (&one.path, one.offset_bytes).cmp(&(&other.path, other.offset_bytes)));
        for fault in bad {
            findings.file(kind, &drive.path, &fault.path, Some(fault.offset_bytes), fault.reason);
        }
    }
}
