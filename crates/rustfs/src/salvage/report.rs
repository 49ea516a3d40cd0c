//! What came back and what did not, by bucket: as text for people and as JSON.

use std::fmt::Write;

use model::upload::COMPLETION_NUMBER;
use object::salvage::{LostBlob, SalvagedBucket, SalvagedObject, SalvagedUpload};
use serde_json::{Value, json};

use super::Salvage;

/// Names shown of what did not come back, for each bucket.
const SHOWN_MAX: usize = 20;

/// What every report ends with: what no shard can tell.
const LIMITS: &str = "\
What salvage can't bring back, as no shard tells of it:
  - empty objects and small ones, which lie in the metadata itself (below 1 KiB on four drives, 16 KiB on one)
  - attributes that were changed by copying an object onto itself: those of the first put come back
  - region and owner of buckets: they belong to the root user now; empty buckets
  - whether an upload of an earlier release had been completed: parts 1 to n without a gap became an object where the
    key had no other; the checksum of such an object
What may be back though it was deleted: objects deleted in the last seconds before the loss, or while a drive was away.";

/// For people.
#[must_use]
pub fn text(salvage: &Salvage) -> String {
    let scanned = &salvage.scanned;
    let mut text = format!(
        "{} drives read: {} good shards, {} that are not ({} of them say nothing that can be read)\n",
        scanned.drives, scanned.shards, scanned.bad, scanned.unknown
    );
    for warning in &salvage.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for (name, bucket) in &salvage.plan.buckets {
        bucket_text(name, bucket, &mut text);
    }
    if salvage.plan.buckets.is_empty() {
        text.push_str("No object was found.\n");
    }
    let _ = write!(text, "\n{LIMITS}\n\n{}\n", outcome(salvage));
    text
}

fn outcome(salvage: &Salvage) -> String {
    let Some(moved) = &salvage.moved else {
        return "NOTHING WAS WRITTEN. To build the new metadata and put it in place, run the same with --write.".to_owned();
    };
    let mut text = "DONE. The new metadata is in place on every drive: start the server as usual.".to_owned();
    for path in moved {
        let _ = write!(text, "\n  the old metadata is kept in {}", path.display());
    }
    text
}

fn bucket_text(name: &str, bucket: &SalvagedBucket, text: &mut String) {
    let bytes: u64 = bucket.objects.values().map(SalvagedObject::size_bytes).sum();
    let of_parts =
        bucket.objects.values().filter(|object| matches!(object, SalvagedObject::Parts(_))).count();
    let _ = writeln!(
        text,
        "\nbucket {name}: {} objects of {bytes} bytes ({of_parts} of them made of parts), {} uploads in progress, {} lost",
        bucket.objects.len(),
        bucket.uploads.len(),
        bucket.lost.len()
    );
    if bucket.superseded + bucket.of_earlier > 0 {
        let (older, earlier) = (bucket.superseded, bucket.of_earlier);
        let _ =
            writeln!(text, "  left out: {older} older versions, {earlier} of an earlier bucket of this name");
    }
    for lost in bucket.lost.iter().take(SHOWN_MAX) {
        let _ = writeln!(text, "  lost: {}", lost_text(lost));
    }
    for upload in bucket.uploads.iter().take(SHOWN_MAX) {
        let _ = writeln!(
            text,
            "  upload: {:?}, {} parts, upload id {}",
            upload.key,
            upload.parts.len(),
            upload.upload
        );
    }
    let more = bucket.lost.len().saturating_sub(SHOWN_MAX) + bucket.uploads.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(text, "  ... and {more} more: --json names all of them");
    }
}

fn lost_text(lost: &LostBlob) -> String {
    let part = match lost.part {
        None => String::new(),
        Some((_, COMPLETION_NUMBER)) => {
            return format!("{:?}: its parts are not those that it was completed from", lost.key);
        }
        Some((_, number)) => format!(", part {number}"),
    };
    let instead = if lost.is_replaced_by_older { "; an older version is back in its place" } else { "" };
    format!("{:?}{part}: {} good shards where {} are needed{instead}", lost.key, lost.shards, lost.needed)
}

/// For programs. Its fields are in docs/operating/recovery.md.
#[must_use]
pub fn json(salvage: &Salvage) -> Value {
    let buckets: serde_json::Map<String, Value> =
        salvage.plan.buckets.iter().map(|(name, bucket)| (name.clone(), bucket_json(bucket))).collect();
    let faults: Vec<Value> = salvage
        .scanned
        .faults
        .iter()
        .map(|(path, offset, what)| json!({"path": path, "offset": offset, "what": what}))
        .collect();
    json!({
        "written": salvage.moved.is_some(),
        "old_metadata": salvage.moved,
        "drives": salvage.scanned.drives,
        "shards": salvage.scanned.shards,
        "bad_shards": salvage.scanned.bad,
        "faults": faults,
        "warnings": salvage.warnings,
        "buckets": buckets,
    })
}

fn bucket_json(bucket: &SalvagedBucket) -> Value {
    let of_parts = |(key, object): (&String, &SalvagedObject)| match object {
        SalvagedObject::Parts(_) => Some(key.clone()),
        SalvagedObject::Whole(_) => None,
    };
    let lost = |lost: &LostBlob| {
        json!({
            "key": lost.key, "part": lost.part.map(|part| part.1), "upload": lost.part.map(|part| part.0.to_string()),
            "size": lost.size_bytes, "shards": lost.shards, "needed": lost.needed, "older_is_back": lost.is_replaced_by_older,
        })
    };
    let upload = |upload: &SalvagedUpload| {
        let parts: Vec<u16> = upload.parts.keys().copied().collect();
        json!({"key": upload.key, "upload": upload.upload.to_string(), "parts": parts})
    };
    json!({
        "objects": bucket.objects.len(),
        "bytes": bucket.objects.values().map(SalvagedObject::size_bytes).sum::<u64>(),
        "of_parts": bucket.objects.iter().filter_map(of_parts).collect::<Vec<_>>(),
        "uploads": bucket.uploads.iter().map(upload).collect::<Vec<_>>(),
        "lost": bucket.lost.iter().map(lost).collect::<Vec<_>>(),
        "superseded": bucket.superseded,
        "of_earlier": bucket.of_earlier,
    })
}
