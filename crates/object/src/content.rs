//! What a transaction does about content: references dropped and made, and what that means for usage and reclaim.

use meta::table::Stored;
use meta::{Committed, Txn};
use model::attributes::Attributes;
use model::blob::BlobRef;
use model::object::{AttributesAt, Content, ObjectDetail, ObjectVersion};
use model::reclaim::{HealRecord, ReclaimRecord};
use model::record::Encoder;

use crate::conditions::CurrentFacts;
use crate::tables::{Current, Details, Heal, Path, Reclaim, Usage};
use crate::types::Put;

/// What a condition sees of the current row: nothing where it is a delete marker.
pub(crate) fn facts(current: &Stored<ObjectVersion>) -> Option<CurrentFacts> {
    let row = &current.row;
    (row.content != Content::DeleteMarker).then(|| CurrentFacts {
        etag: row.etag,
        modified: row.modified.or(current.time),
        size_bytes: row.size_bytes,
    })
}

/// Puts attributes where they belong: into the row where they are small.
pub(crate) fn place_attributes(attributes: Attributes) -> (AttributesAt, Option<Attributes>) {
    let mut encoded = Encoder::default();
    attributes.encode_fields(&mut encoded);
    if encoded.finish().len() <= ObjectVersion::ATTRIBUTES_HERE_BYTES_MAX {
        (AttributesAt::Here(attributes), None)
    } else {
        (AttributesAt::Apart, Some(attributes))
    }
}

/// Writes a version as the current one in place of `replaced`, whose content is no longer referred to.
pub(crate) fn replace(
    txn: &mut Txn<'_>,
    path: &Path,
    replaced: Option<&Stored<ObjectVersion>>,
    version: &ObjectVersion,
    detail: Option<&ObjectDetail>,
) {
    let kept = replaced.is_some_and(|replaced| replaced.row.content == version.content);
    if let Some(replaced) = replaced.filter(|_| !kept) {
        reclaim(txn, path, &replaced.row.content);
    }
    let key = (path.0, path.1.clone(), version.id);
    match detail {
        Some(detail) => txn.put::<Details>(&key, detail),
        None if replaced.is_some_and(|replaced| replaced.row.has_detail()) => txn.delete::<Details>(&key),
        None => {}
    }
    txn.put::<Current>(path, version);
    count(txn, path, replaced.map(|replaced| &replaced.row), Some(version));
}

/// Removes the current version; its content is no longer referred to.
pub(crate) fn remove(txn: &mut Txn<'_>, path: &Path, removed: &Stored<ObjectVersion>) {
    reclaim(txn, path, &removed.row.content);
    if removed.row.has_detail() {
        txn.delete::<Details>(&(path.0, path.1.clone(), removed.row.id));
    }
    txn.delete::<Current>(path);
    count(txn, path, Some(&removed.row), None);
}

/// Notes that bytes are no longer referred to.
fn reclaim(txn: &mut Txn<'_>, path: &Path, content: &Content) {
    match content {
        Content::DeleteMarker | Content::Empty | Content::Inline => {}
        Content::Blob(blob) => reclaim_blob(txn, blob),
        Content::Parts { upload, .. } => {
            let (bucket, key) = path.clone();
            txn.put::<Reclaim>(upload.bytes(), &ReclaimRecord::Parts { bucket, key, upload: *upload });
        }
    }
}

/// Notes that a blob is no longer referred to.
pub(crate) fn reclaim_blob(txn: &mut Txn<'_>, blob: &BlobRef) {
    txn.put::<Reclaim>(blob.id.bytes(), &ReclaimRecord::Blob(blob.clone()));
}

/// Queues the repair of a blob.
pub(crate) fn heal(txn: &mut Txn<'_>, blob: &BlobRef) {
    txn.put::<Heal>(&blob.id, &HealRecord { blob: blob.clone(), attempts: 0 });
}

fn count(txn: &mut Txn<'_>, path: &Path, before: Option<&ObjectVersion>, after: Option<&ObjectVersion>) {
    let objects = |version: Option<&ObjectVersion>| {
        i64::from(version.is_some_and(|version| version.content != Content::DeleteMarker))
    };
    let bytes = |version: Option<&ObjectVersion>| version.map_or(0, |version| version.size_bytes as i64);
    let mut deltas = [0; 2];
    deltas[Usage::OBJECTS] = objects(after) - objects(before);
    deltas[Usage::BYTES] = bytes(after) - bytes(before);
    if deltas != [0; 2] {
        txn.add::<Usage>(&path.0, &deltas);
    }
}

/// The answer to whoever put a version.
pub(crate) fn put(version: ObjectVersion, committed: Committed) -> Put {
    Put {
        version: None,
        etag: version.etag,
        modified: committed.time,
        size_bytes: version.size_bytes,
        checksum: version.checksum,
    }
}
