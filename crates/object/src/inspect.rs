//! Rows of the tables read without a store, for whoever checks a drive.
//!
//! What always holds: nothing is written. A row that can't be read is told of and stepped over.

use std::collections::{BTreeMap, BTreeSet};

use meta::engine::{Engine, EngineError};
use meta::table::{Counters, RowHeader, Stored, Table, row_key};
use model::blob::BlobRef;
use model::bucket::BucketRecord;
use model::ids::{BlobId, BucketId, PartitionId, UploadId};
use model::object::{Content, ObjectVersion};
use model::part_set::PartSet;
use model::reclaim::{BlobDescriptor, HealRecord, ReclaimRecord};
use model::record::Record;
use model::upload::{COMPLETION_NUMBER, PartRecord, UploadRecord};

use crate::salvage::path_of;
use crate::tables::{
    Buckets, Current, Details, Fences, Heal, Missed, PartKey, Parts, Quotas, Reclaim, UploadMarks, Uploads,
    Usage, parts_prefix,
};

/// A row that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The table, as in `docs/formats/tables.md`.
    pub table: &'static str,
    /// Whose row it is, in words.
    pub row: String,
    /// What is wrong.
    pub reason: String,
}

/// A blob that a row refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobReference {
    /// The blob.
    pub blob: BlobRef,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: String,
    /// The number of the part that it is, if it is one; [`COMPLETION_NUMBER`] for what tells of a completion.
    pub part: Option<u16>,
}

/// What a row says to whoever checks a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowItem {
    /// A fault.
    Fault(RowFault),
    /// A reference to a blob that must be there.
    Reference(BlobReference),
    /// A bucket.
    Bucket {
        /// Its name.
        name: String,
        /// Its incarnation.
        id: BucketId,
    },
    /// A row of a table that objects do not have: of identities, or of none.
    Other {
        /// The table.
        table: u8,
        /// The key without the table's byte.
        key: Vec<u8>,
        /// The row's value with its header.
        value: Vec<u8>,
    },
}

/// What is called with each item.
pub type RowVisit<'a> = dyn FnMut(RowItem) + 'a;

/// What holds the parts of an upload.
#[derive(Debug, Default)]
struct Holders {
    /// The upload itself, or the collector.
    has_all: bool,
    /// An object: it holds these, or all of them.
    object: Option<Option<PartSet>>,
}

impl Holders {
    fn hold(&self, number: u16) -> bool {
        let named = |named: &Option<PartSet>| {
            number == COMPLETION_NUMBER || named.as_ref().is_none_or(|named| named.contains(number))
        };
        self.has_all || self.object.as_ref().is_some_and(named)
    }
}

/// A check of all rows of a partition, in the order of their keys.
#[derive(Debug)]
pub struct PartitionCheck<'a, E: Engine + ?Sized> {
    engine: &'a E,
    partition: PartitionId,
    uploads: BTreeSet<UploadId>,
    /// The upload whose parts were looked at last, with what holds them.
    held: Option<(UploadId, Holders)>,
    counted: BTreeMap<BucketId, [i64; 4]>,
    usage: BTreeMap<BucketId, Counters>,
    rows: u64,
}

impl<'a, E: Engine + ?Sized> PartitionCheck<'a, E> {
    /// Of a partition of objects, or the system partition.
    #[must_use]
    pub fn new(engine: &'a E, partition: PartitionId) -> Self {
        PartitionCheck {
            engine,
            partition,
            uploads: BTreeSet::new(),
            held: None,
            counted: BTreeMap::new(),
            usage: BTreeMap::new(),
            rows: 0,
        }
    }

    /// Rows seen.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Objects among them.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.counted.values().map(|counted| u64::try_from(counted[Usage::OBJECTS]).unwrap_or(0)).sum()
    }

    /// Takes the next row.
    pub fn row(&mut self, key: &[u8], value: &[u8], visit: &mut RowVisit<'_>) {
        self.rows += 1;
        let Some((table, key)) = key.split_first() else {
            return;
        };
        let checked = match *table {
            0 => Ok(()), // The partition's own: who reads the log has read it.
            Buckets::ID => self.bucket(key, value, visit),
            Quotas::ID => read::<Quotas>(key, value).map(drop),
            Current::ID => self.current(key, value, visit),
            Details::ID => self.detail(key, value),
            Uploads::ID => self.upload(key, value),
            Parts::ID => self.part(key, value, visit),
            UploadMarks::ID => read::<UploadMarks>(key, value).map(drop),
            Usage::ID => {
                read::<Usage>(key, value).map(|(bucket, row)| drop(self.usage.insert(bucket, row.row)))
            }
            Fences::ID => read::<Fences>(key, value).map(drop),
            Reclaim::ID => read::<Reclaim>(key, value).map(drop),
            Heal::ID => read::<Heal>(key, value).map(drop),
            Missed::ID => read::<Missed>(key, value).map(drop),
            table => {
                visit(RowItem::Other { table, key: key.to_vec(), value: value.to_vec() });
                Ok(())
            }
        };
        if let Err(fault) = checked {
            visit(RowItem::Fault(fault));
        }
    }

    /// What only all rows together tell: whether the counters are right.
    pub fn finish(self, visit: &mut RowVisit<'_>) {
        let buckets: BTreeSet<BucketId> = self.counted.keys().chain(self.usage.keys()).copied().collect();
        for bucket in buckets {
            let counted = self.counted.get(&bucket).copied().unwrap_or_default();
            let usage = self.usage.get(&bucket);
            let says = [Usage::OBJECTS, Usage::BYTES, Usage::UPLOADS, Usage::UPLOAD_BYTES]
                .map(|position| usage.map_or(0, |usage| usage.value(position)));
            if counted != says {
                let reason = format!(
                    "it says {says:?} (objects, bytes, uploads, bytes of parts), but the rows come to {counted:?}"
                );
                visit(RowItem::Fault(fault(Usage::NAME, &format!("bucket {bucket}"), &reason)));
            }
        }
    }

    fn bucket(&mut self, key: &[u8], value: &[u8], visit: &mut RowVisit<'_>) -> Result<(), RowFault> {
        let (name, row): (String, Stored<BucketRecord>) = read::<Buckets>(key, value)?;
        visit(RowItem::Bucket { name, id: row.row.id });
        Ok(())
    }

    fn current(&mut self, key: &[u8], value: &[u8], visit: &mut RowVisit<'_>) -> Result<(), RowFault> {
        let ((bucket, key), row): (_, Stored<ObjectVersion>) = read::<Current>(key, value)?;
        let counts = self.counted.entry(bucket).or_default();
        counts[Usage::OBJECTS] += i64::from(row.row.content != Content::DeleteMarker);
        counts[Usage::BYTES] += row.row.size_bytes as i64;
        let fault = |reason: &str| fault(Current::NAME, &named(bucket, &key), reason);
        if row.row.has_detail() {
            let detail = self.get::<Details>(&(bucket, key.clone(), row.row.id))?;
            if detail.is_none_or(|detail| detail.version != row.version) {
                return Err(fault(
                    "its details (inline bytes or large attributes) are missing or of another version",
                ));
            }
        }
        match row.row.content {
            Content::Blob(blob) => {
                visit(RowItem::Reference(BlobReference { blob, bucket, key, part: None }));
                Ok(())
            }
            Content::Parts { upload, count, named, .. } => {
                let (there, bytes) = self.count_parts(bucket, &key, upload, named.as_ref())?;
                if (there, bytes) == (usize::from(count), row.row.size_bytes) {
                    return Ok(());
                }
                let size = row.row.size_bytes;
                Err(fault(&format!("it has {count} parts of {size} bytes, but there are {there} of {bytes}")))
            }
            Content::DeleteMarker | Content::Empty | Content::Inline => Ok(()),
        }
    }

    fn detail(&self, key: &[u8], value: &[u8]) -> Result<(), RowFault> {
        let ((bucket, key, version), row) = read::<Details>(key, value)?;
        let current = self.get::<Current>(&(bucket, key.clone()))?;
        let is_held =
            current.is_some_and(|current| current.row.id == version && current.version == row.version);
        if is_held {
            Ok(())
        } else {
            Err(fault(Details::NAME, &named(bucket, &key), "no object has these details"))
        }
    }

    fn upload(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowFault> {
        let ((bucket, key, upload), _): (_, Stored<UploadRecord>) = read::<Uploads>(key, value)?;
        self.uploads.insert(upload);
        self.counted.entry(bucket).or_default()[Usage::UPLOADS] += 1;
        if self.get::<UploadMarks>(&(bucket, key.clone(), upload))?.is_none() {
            return Err(fault(Uploads::NAME, &named(bucket, &key), "the upload has no mark"));
        }
        Ok(())
    }

    fn part(&mut self, key: &[u8], value: &[u8], visit: &mut RowVisit<'_>) -> Result<(), RowFault> {
        let (part, row): (PartKey, Stored<PartRecord>) = read::<Parts>(key, value)?;
        let (bucket, key, number) = (part.bucket, part.key.clone(), Some(part.number));
        if self.uploads.contains(&part.upload) {
            self.counted.entry(bucket).or_default()[Usage::UPLOAD_BYTES] += row.row.size_bytes as i64;
        }
        if self.held.as_ref().is_none_or(|(upload, _)| *upload != part.upload) {
            self.held = Some((part.upload, self.holders(&part)?));
        }
        let is_held = self.held.as_ref().is_some_and(|(_, holders)| holders.hold(part.number));
        if let Some(blob) = row.row.blob {
            visit(RowItem::Reference(BlobReference { blob, bucket, key: key.clone(), part: number }));
        }
        if is_held {
            return Ok(());
        }
        Err(fault(Parts::NAME, &named(bucket, &key), "neither an upload nor an object has this part"))
    }

    fn holders(&self, part: &PartKey) -> Result<Holders, RowFault> {
        let is_going = || Ok(self.get::<Reclaim>(part.upload.bytes())?.is_some());
        let has_all = self.uploads.contains(&part.upload) || is_going()?;
        let current = self.get::<Current>(&(part.bucket, part.key.clone()))?;
        let object = current.and_then(|current| match current.row.content {
            Content::Parts { upload, named, .. } if upload == part.upload => Some(named),
            _ => None,
        });
        Ok(Holders { has_all, object })
    }

    /// How many parts an object has, and of how many bytes.
    fn count_parts(
        &self,
        bucket: BucketId,
        key: &str,
        upload: UploadId,
        named: Option<&PartSet>,
    ) -> Result<(usize, u64), RowFault> {
        let prefix = [&[Parts::ID][..], &parts_prefix(bucket, key, upload)].concat();
        let end = meta::table::after_prefix(&prefix);
        let end = end.as_deref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let (mut count, mut bytes) = (0, 0);
        let first = [prefix.as_slice(), &COMPLETION_NUMBER.to_be_bytes()].concat();
        let range = (std::ops::Bound::Excluded(first.as_slice()), end);
        let scanned = self.engine.scan(self.partition, range, &mut |key, value| {
            // A row that can't be read is told of where it is looked at itself.
            let row = read::<Parts>(key.get(1..).unwrap_or_default(), value);
            if let Ok((part, row)) = row
                && named.is_none_or(|named| named.contains(part.number))
            {
                count += 1;
                bytes += row.row.size_bytes;
            }
            std::ops::ControlFlow::Continue(())
        });
        scanned.map_err(|error| fault(Parts::NAME, &self::named(bucket, key), &error.to_string()))?;
        Ok((count, bytes))
    }

    fn get<T: Table>(&self, key: &T::Key) -> Result<Option<Stored<T::Row>>, RowFault> {
        get::<T, E>(self.engine, self.partition, key)
    }
}

/// Whether rows refer to a blob of which a shard was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referred {
    /// An object or a part.
    Yes,
    /// The collector is about to remove it.
    Reclaiming,
    /// Nothing.
    No,
    /// The rows of its key lie in a partition that was not to be looked at.
    Elsewhere(PartitionId),
    /// What the shard says of its object can't be read.
    Unknown,
}

/// Looks up what a shard says of itself. `engine` gives the engine that has a partition.
///
/// # Errors
/// Where a row can't be read.
pub fn referred<'e>(
    partitions: u16,
    descriptor: &[u8],
    blob: &BlobId,
    engine: impl Fn(PartitionId) -> Option<&'e dyn Engine>,
) -> Result<Referred, RowFault> {
    let Ok(descriptor) = BlobDescriptor::decode(descriptor) else {
        return Ok(Referred::Unknown);
    };
    let path = path_of(&descriptor);
    let partition = cluster::placement::partition_of(partitions, path.0, path.1.as_bytes());
    let Some(engine) = engine(partition) else {
        return Ok(Referred::Elsewhere(partition));
    };
    let is_referred = match descriptor.part {
        None => get::<Current, dyn Engine>(engine, partition, &path)?
            .is_some_and(|row| matches!(&row.row.content, Content::Blob(found) if found.id == *blob)),
        Some((upload, number)) => {
            let key = PartKey { bucket: path.0, key: path.1, upload, number };
            let part = get::<Parts, dyn Engine>(engine, partition, &key)?;
            part.is_some_and(|part| part.row.blob.is_some_and(|found| found.id == *blob))
        }
    };
    if is_referred {
        return Ok(Referred::Yes);
    }
    let reclaim: Option<Stored<ReclaimRecord>> = get::<Reclaim, dyn Engine>(engine, partition, blob.bytes())?;
    Ok(if reclaim.is_some() { Referred::Reclaiming } else { Referred::No })
}

/// Whether the repair of a blob is queued.
///
/// # Errors
/// Where the row can't be read.
pub fn awaits_heal(engine: &dyn Engine, partition: PartitionId, blob: &BlobId) -> Result<bool, RowFault> {
    let row: Option<Stored<HealRecord>> = get::<Heal, dyn Engine>(engine, partition, blob)?;
    Ok(row.is_some())
}

fn get<T: Table, E: Engine + ?Sized>(
    engine: &E,
    partition: PartitionId,
    key: &T::Key,
) -> Result<Option<Stored<T::Row>>, RowFault> {
    let unreadable = |reason: String| fault(T::NAME, &format!("a row of partition {partition}"), &reason);
    let value = engine
        .get(partition, &row_key::<T>(key))
        .map_err(|error: EngineError| unreadable(error.to_string()))?;
    value.map(|value| Stored::decode(&value)).transpose().map_err(|error| unreadable(error.to_string()))
}

/// Reads a row's key and record.
fn read<T: Table>(key: &[u8], value: &[u8]) -> Result<(T::Key, Stored<T::Row>), RowFault> {
    let words = || format!("the row with the key {}", printable(key));
    let Some(decoded) = T::decode_key(key) else {
        return Err(fault(T::NAME, &words(), "its key is not one of this table"));
    };
    let header = RowHeader::split(value).map(|(header, _)| header);
    if header.is_some_and(|header| header.version == 0) {
        return Err(fault(T::NAME, &words(), "its version is 0, which no row has"));
    }
    match Stored::decode(value) {
        Ok(row) => Ok((decoded, row)),
        Err(error) => Err(fault(T::NAME, &words(), &error.to_string())),
    }
}

fn fault(table: &'static str, row: &str, reason: &str) -> RowFault {
    RowFault { table, row: row.to_owned(), reason: reason.to_owned() }
}

fn named(bucket: BucketId, key: &str) -> String {
    format!("bucket {bucket}, key {key:?}")
}

/// Bytes as text where they are text.
fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::quota::FenceRecord;

    use crate::tables::Mark;
    use meta::engine::EngineBatch;
    use meta::engine::memory::{MemoryEngine, MemoryEngineStore};
    use model::bucket::BucketState;
    use model::time::Timestamp;

    fn put<T: Table>(engine: &MemoryEngine, key: &T::Key, row: &T::Row) {
        let mut batch = EngineBatch::default();
        let header = RowHeader { version: 5, time: Timestamp::from_millis(1) };
        batch.put(PartitionId(0), &row_key::<T>(key), &[&header.encode()[..], &row.encode()].concat());
        engine.write(&mut batch).unwrap();
    }

    fn check(engine: &MemoryEngine) -> Vec<RowItem> {
        let mut items = Vec::new();
        let mut check = PartitionCheck::new(engine, PartitionId(0));
        let all = meta::engine::ALL_KEYS;
        let scanned = engine.scan(PartitionId(0), all, &mut |key, value| {
            check.row(key, value, &mut |item| items.push(item));
            std::ops::ControlFlow::Continue(())
        });
        scanned.unwrap();
        check.finish(&mut |item| items.push(item));
        items
    }

    fn faults(engine: &MemoryEngine) -> Vec<&'static str> {
        let tables = check(engine).into_iter().filter_map(|item| match item {
            RowItem::Fault(fault) => Some(fault.table),
            _ => None,
        });
        tables.collect()
    }

    fn empty_object() -> ObjectVersion {
        ObjectVersion {
            id: model::ids::VersionId::NULL,
            modified: Timestamp::ZERO,
            content: Content::Empty,
            size_bytes: 0,
            etag: model::etag::ETag::single([0; 16]),
            storage_class: model::object::StorageClass::Standard,
            checksum: None,
            attributes: model::object::AttributesAt::Here(model::attributes::Attributes::default()),
            owner: String::new(),
        }
    }

    #[test]
    fn rows_that_fit_one_another_are_no_fault() {
        let engine = MemoryEngineStore::default().open();
        put::<Current>(&engine, &(BucketId(1), "k".into()), &empty_object());
        put::<Usage>(&engine, &BucketId(1), &Counters { values: vec![1, 0] });
        let bucket = BucketRecord {
            id: BucketId(1),
            created: Timestamp::ZERO,
            state: BucketState::Active,
            region: String::new(),
            owner: String::new(),
        };
        put::<Buckets>(&engine, &"photos".into(), &bucket);
        assert_eq!(check(&engine), [RowItem::Bucket { name: "photos".into(), id: BucketId(1) }]);
    }

    #[test]
    fn a_wrong_count_is_found() {
        let engine = MemoryEngineStore::default().open();
        put::<Current>(&engine, &(BucketId(1), "k".into()), &empty_object());
        put::<Usage>(&engine, &BucketId(1), &Counters { values: vec![2, 0] });
        assert_eq!(faults(&engine), [Usage::NAME]);
    }

    #[test]
    fn missing_details_and_stray_details_are_found() {
        let engine = MemoryEngineStore::default().open();
        let inline = ObjectVersion { content: Content::Inline, ..empty_object() };
        put::<Current>(&engine, &(BucketId(1), "k".into()), &inline);
        let detail = model::object::ObjectDetail::default();
        put::<Details>(&engine, &(BucketId(1), "other".into(), model::ids::VersionId::NULL), &detail);
        put::<Usage>(&engine, &BucketId(1), &Counters { values: vec![1] });
        assert_eq!(faults(&engine), [Current::NAME, Details::NAME]);
    }

    #[test]
    fn parts_that_nothing_holds_and_parts_that_are_missing_are_found() {
        let engine = MemoryEngineStore::default().open();
        let upload = UploadId::from_bytes([3; 16]);
        let content = Content::Parts { upload, count: 2, uniform_bytes: 0, named: None };
        put::<Current>(&engine, &(BucketId(1), "k".into()), &ObjectVersion { content, ..empty_object() });
        put::<Parts>(&engine, &part_key("k", upload, 1), &part(0));
        put::<Parts>(&engine, &part_key("stray", UploadId::from_bytes([4; 16]), 1), &part(0));
        put::<Usage>(&engine, &BucketId(1), &Counters { values: vec![1] });
        assert_eq!(faults(&engine), [Current::NAME, Parts::NAME]);
    }

    fn part(size_bytes: u64) -> PartRecord {
        PartRecord { size_bytes, etag: model::etag::ETag::single([0; 16]), checksum: None, blob: None }
    }

    fn part_key(key: &str, upload: UploadId, number: u16) -> PartKey {
        PartKey { bucket: BucketId(1), key: key.into(), upload, number }
    }

    /// An object that names parts 1 and 3 of its upload, of 10 bytes, and rows of parts of 5 bytes.
    fn with_named_parts(numbers: &[u16]) -> MemoryEngine {
        let engine = MemoryEngineStore::default().open();
        let upload = UploadId::from_bytes([3; 16]);
        let named = Some([1, 3].into_iter().collect());
        let content = Content::Parts { upload, count: 2, uniform_bytes: 0, named };
        let object = ObjectVersion { content, size_bytes: 10, ..empty_object() };
        put::<Current>(&engine, &(BucketId(1), "k".into()), &object);
        put::<Usage>(&engine, &BucketId(1), &Counters { values: vec![1, 10] });
        put::<Parts>(&engine, &part_key("k", upload, COMPLETION_NUMBER), &part(0));
        for number in numbers {
            put::<Parts>(&engine, &part_key("k", upload, *number), &part(5));
        }
        engine
    }

    #[test]
    fn an_object_needs_the_parts_that_it_names_and_holds_no_others() {
        assert_eq!(faults(&with_named_parts(&[1, 3])), [""; 0]);
        assert_eq!(
            faults(&with_named_parts(&[1, 2])),
            [Current::NAME, Parts::NAME],
            "3 is not there, 2 nobody's"
        );
        let engine = with_named_parts(&[1, 2, 3]);
        assert_eq!(faults(&engine), [Parts::NAME], "a part that is not named must be on its way out");
        let upload = UploadId::from_bytes([3; 16]);
        let going = ReclaimRecord::Parts { bucket: BucketId(1), key: "k".into(), upload };
        put::<Reclaim>(&engine, upload.bytes(), &going);
        assert_eq!(faults(&engine), [""; 0]);
    }

    #[test]
    fn parts_of_other_bytes_than_their_object_has_are_found() {
        let engine = with_named_parts(&[1]);
        put::<Parts>(&engine, &part_key("k", UploadId::from_bytes([3; 16]), 3), &part(6));
        assert_eq!(faults(&engine), [Current::NAME]);
    }

    #[test]
    fn bytes_that_are_no_row_are_found() {
        let engine = MemoryEngineStore::default().open();
        let mut batch = EngineBatch::default();
        batch.put(PartitionId(0), &[Heal::ID, 1], b"short");
        batch.put(PartitionId(0), &[99, 1], b"what");
        engine.write(&mut batch).unwrap();
        assert_eq!(faults(&engine), [Heal::NAME]);
        let other = RowItem::Other { table: 99, key: vec![1], value: b"what".to_vec() };
        assert!(check(&engine).contains(&other), "whoever knows the table is to look at it");
    }

    #[test]
    fn marks_are_read() {
        let engine = MemoryEngineStore::default().open();
        put::<Fences>(&engine, &BucketId(1), &FenceRecord { is_closed: true, allotment: None });
        put::<Missed>(&engine, &model::ids::DriveId::from_bytes([5; 16]), &Mark);
        assert!(check(&engine).is_empty());
    }
}
