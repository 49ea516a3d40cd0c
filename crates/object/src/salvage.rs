//! Records rebuilt from what blobs tell of themselves, into metadata that is new and empty.
//!
//! What always holds:
//! - [`plan`] is pure. It never gives bytes of an unfinished upload the name of an object that is there as a whole, and
//!   never lets an older blob take the place of a newer one that can be read.
//! - Every blob that can be read is referred to afterwards, unless a newer one has its place: nothing that was recovered
//!   is left for the collector.
//! - Parts are an object where a blob says so that was written when their upload was completed (`completion`): from the parts
//!   that it names, where these are the ones. Earlier releases wrote no such blob. Of uploads whose parts they wrote, those
//!   that look complete are taken for objects; any other upload without such a blob is in progress.
//! - What is written are the rows that putting those objects would have written, usage included.

mod upload;

use std::collections::BTreeMap;

use meta::{Meta, Txn};
use model::blob::BlobRef;
use model::bucket::{BucketRecord, BucketState};
use model::etag::ETag;
use model::ids::{BlobId, BucketId, UploadId};
use model::object::{Content, ObjectDetail, ObjectVersion};
use model::reclaim::{BlobDescriptor, UploadFacts};
use model::time::Timestamp;
use model::upload::UploadRecord;

use crate::tables::{Buckets, Mark, PartKey, Parts, Path, UploadMarks, Uploads, Usage};
use crate::{ObjectError, content, multipart};

pub use upload::SalvagedUpload;

/// Objects of one transaction: their records stay far below what a transaction may have.
const OBJECTS_AT_ONCE: usize = 256;
/// Parts of one transaction.
const PARTS_AT_ONCE: usize = 2_000;

/// A blob that was found, with what its shards say of it.
#[derive(Clone, Debug)]
pub struct SalvagedBlob {
    /// The blob.
    pub blob: BlobRef,
    /// Whose it is.
    pub descriptor: BlobDescriptor,
    /// Good shards that were found.
    pub shards: u8,
}

impl SalvagedBlob {
    fn is_readable(&self) -> bool {
        self.shards >= self.blob.redundancy.data
    }

    fn is_whole(&self) -> bool {
        usize::from(self.shards) >= self.blob.redundancy.shards()
    }

    /// When it was written, as well as is known.
    fn written(&self) -> Timestamp {
        self.descriptor.written.or(self.blob.id.created())
    }

    fn age(&self) -> (Timestamp, BlobId) {
        (self.written(), self.blob.id)
    }
}

/// What comes back.
#[derive(Clone, Debug, Default)]
pub struct SalvagePlan {
    /// By name.
    pub buckets: BTreeMap<String, SalvagedBucket>,
}

/// A bucket that comes back.
#[derive(Clone, Debug)]
pub struct SalvagedBucket {
    /// Its incarnation.
    pub id: BucketId,
    /// Objects, by key.
    pub objects: BTreeMap<String, SalvagedObject>,
    /// Uploads in progress, or that can't be put together.
    pub uploads: Vec<SalvagedUpload>,
    /// What does not come back.
    pub lost: Vec<LostBlob>,
    /// Blobs that a newer one of their key took the place of.
    pub superseded: u64,
    /// Blobs of an earlier bucket of this name, which had been deleted.
    pub of_earlier: u64,
}

/// An object that comes back.
#[derive(Clone, Debug)]
pub enum SalvagedObject {
    /// Of one blob.
    Whole(Box<SalvagedBlob>),
    /// Of the parts of an upload.
    Parts(Box<SalvagedUpload>),
}

/// A blob that can't be read, and is the newest of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostBlob {
    /// The key.
    pub key: String,
    /// The upload and number of the part that it is, if it is one.
    pub part: Option<(UploadId, u16)>,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Good shards that were found.
    pub shards: u8,
    /// Shards that it takes.
    pub needed: u8,
    /// Whether an older blob of the key comes back in its place.
    pub is_replaced_by_older: bool,
}

impl SalvagedObject {
    /// Its length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        match self {
            SalvagedObject::Whole(blob) => blob.blob.size_bytes,
            SalvagedObject::Parts(upload) => upload.size_bytes(),
        }
    }

    fn age(&self) -> Option<(Timestamp, BlobId)> {
        match self {
            SalvagedObject::Whole(blob) => Some(blob.age()),
            SalvagedObject::Parts(upload) => upload.last_written(),
        }
    }
}

/// What was found of one key.
#[derive(Debug, Default)]
struct Candidates {
    whole: Option<SalvagedBlob>,
    unreadable: Option<SalvagedBlob>,
    uploads: BTreeMap<UploadId, SalvagedUpload>,
}

/// Decides what comes back. `assemble`: uploads that look complete become objects where nothing else has the key.
#[must_use]
pub fn plan(blobs: impl IntoIterator<Item = SalvagedBlob>, assemble: bool) -> SalvagePlan {
    let mut buckets: BTreeMap<String, BTreeMap<BucketId, Vec<SalvagedBlob>>> = BTreeMap::new();
    for blob in blobs {
        let ids = buckets.entry(blob.descriptor.bucket_name.clone()).or_default();
        ids.entry(blob.descriptor.bucket).or_default().push(blob);
    }
    let mut plan = SalvagePlan::default();
    for (name, mut ids) in buckets {
        // Ids begin with the time: of two buckets of a name the later one is there, the earlier was deleted.
        let Some((id, blobs)) = ids.pop_last() else {
            continue;
        };
        let mut bucket = bucket(id, blobs, assemble);
        bucket.of_earlier = ids.into_values().map(|blobs| blobs.len() as u64).sum();
        plan.buckets.insert(name, bucket);
    }
    plan
}

fn bucket(id: BucketId, blobs: Vec<SalvagedBlob>, assemble: bool) -> SalvagedBucket {
    let mut bucket = SalvagedBucket {
        id,
        objects: BTreeMap::new(),
        uploads: Vec::new(),
        lost: Vec::new(),
        superseded: 0,
        of_earlier: 0,
    };
    let mut keys: BTreeMap<String, Candidates> = BTreeMap::new();
    for blob in blobs {
        let candidates = keys.entry(blob.descriptor.key.clone()).or_default();
        match blob.descriptor.part {
            None => bucket.superseded += candidates.whole(blob),
            Some((upload, number)) => bucket.superseded += candidates.part(upload, number, blob),
        }
    }
    for (key, candidates) in keys {
        candidates.settle(key, assemble, &mut bucket);
    }
    bucket
}

impl Candidates {
    /// Takes a blob that is a whole object; answers how many gave way.
    fn whole(&mut self, blob: SalvagedBlob) -> u64 {
        let place = if blob.is_readable() { &mut self.whole } else { &mut self.unreadable };
        match place {
            Some(there) if there.age() >= blob.age() => 1,
            Some(there) => {
                *there = blob;
                1
            }
            None => {
                *place = Some(blob);
                0
            }
        }
    }

    fn part(&mut self, upload: UploadId, number: u16, blob: SalvagedBlob) -> u64 {
        let key = blob.descriptor.key.clone();
        let found = self.uploads.entry(upload).or_insert_with(|| SalvagedUpload::new(key, upload));
        found.take(number, blob)
    }

    /// What the key gets: the newest of what was put and what was completed, of that which is there.
    fn settle(mut self, key: String, assemble: bool, bucket: &mut SalvagedBucket) {
        let mut newest = self.whole.take().map(|whole| SalvagedObject::Whole(Box::new(whole)));
        let mut broken = Vec::new();
        for mut upload in
            self.uploads.extract_if(.., |_, upload| upload.completion.is_some()).map(|(_, it)| it)
        {
            match upload.assemble() {
                Ok(unnamed) => {
                    bucket.superseded += unnamed;
                    let newer = SalvagedObject::Parts(Box::new(upload));
                    bucket.superseded += give_way(&mut newest, newer);
                }
                Err(missing) => broken.push((upload, missing)),
            }
        }
        let age = newest.as_ref().and_then(SalvagedObject::age);
        for (upload, missing) in broken {
            upload.broken(missing, age, bucket);
        }
        if let Some(unreadable) = self.unreadable.take().filter(|blob| age < Some(blob.age())) {
            bucket.lost.push(lost(&unreadable, age.is_some()));
        }
        if newest.is_none() && assemble {
            newest = self.looks_complete().map(|upload| SalvagedObject::Parts(Box::new(upload)));
        }
        bucket.objects.extend(newest.map(|newest| (key, newest)));
        for upload in self.uploads.into_values() {
            upload.in_progress(bucket);
        }
    }

    /// The upload that is taken for an object of an earlier release, where nothing else has the key. A whole object beats it:
    /// had the upload been completed, the collector would have taken the object. So of two uploads that look complete the older
    /// one was, and the newer one was still in progress.
    fn looks_complete(&mut self) -> Option<SalvagedUpload> {
        let complete = self
            .uploads
            .values()
            .filter(|upload| !upload.parts.is_empty() && upload.is_untold() && upload.may_be_complete());
        let oldest = complete.min_by_key(|upload| upload.last_written()).map(|upload| upload.upload)?;
        self.uploads.remove(&oldest)
    }
}

/// Puts the newer of two in the place; answers how many blobs of the other are left out.
fn give_way(place: &mut Option<SalvagedObject>, other: SalvagedObject) -> u64 {
    let older = match place {
        Some(there) if there.age() >= other.age() => Some(other),
        _ => place.replace(other),
    };
    match older {
        None => 0,
        Some(SalvagedObject::Whole(_)) => 1,
        Some(SalvagedObject::Parts(upload)) => upload.blobs(),
    }
}

fn lost(blob: &SalvagedBlob, is_replaced_by_older: bool) -> LostBlob {
    LostBlob {
        key: blob.descriptor.key.clone(),
        part: blob.descriptor.part,
        size_bytes: blob.blob.size_bytes,
        shards: blob.shards,
        needed: blob.blob.redundancy.data,
        is_replaced_by_older,
    }
}

/// Writes what comes back into metadata that is new. `owner`: who the buckets are given to, as no shard names their owner.
///
/// # Errors
/// Where the metadata can't be written.
pub async fn write(meta: &Meta, plan: &SalvagePlan, owner: &str) -> Result<(), ObjectError> {
    for (name, bucket) in &plan.buckets {
        let mut txn = meta.begin(meta.map().system_partition()).await?;
        let row = BucketRecord {
            id: bucket.id,
            // The id begins with the time that it was made at.
            created: Timestamp::from_millis(bucket.id.0 >> 20),
            state: BucketState::Active,
            region: String::new(),
            owner: owner.to_owned(),
        };
        txn.put::<Buckets>(name, &row);
        txn.commit().await?;
        let rebuild = Rebuild { meta, bucket: bucket.id, owner };
        rebuild.objects(&bucket.objects).await?;
        for upload in &bucket.uploads {
            rebuild.upload(upload).await?;
        }
    }
    Ok(())
}

/// Writes the rows of a bucket.
struct Rebuild<'a> {
    meta: &'a Meta,
    bucket: BucketId,
    owner: &'a str,
}

impl Rebuild<'_> {
    async fn objects(&self, objects: &BTreeMap<String, SalvagedObject>) -> Result<(), ObjectError> {
        let mut waiting: BTreeMap<_, Vec<(&String, &SalvagedObject)>> = BTreeMap::new();
        for (key, object) in objects {
            if let SalvagedObject::Parts(upload) = object {
                self.parts(upload).await?;
            }
            let partition = self.partition(key);
            let batch = waiting.entry(partition).or_default();
            batch.push((key, object));
            if batch.len() >= OBJECTS_AT_ONCE {
                self.commit(partition, &std::mem::take(batch)).await?;
            }
        }
        for (partition, batch) in waiting {
            self.commit(partition, &batch).await?;
        }
        Ok(())
    }

    async fn commit(
        &self,
        partition: model::ids::PartitionId,
        batch: &[(&String, &SalvagedObject)],
    ) -> Result<(), ObjectError> {
        let mut txn = self.meta.begin(partition).await?;
        for (key, object) in batch {
            let path = (self.bucket, (*key).clone());
            let rows = match object {
                SalvagedObject::Whole(blob) => Some(whole(blob)),
                SalvagedObject::Parts(upload) => of_parts(upload)?,
            };
            if let Some((version, detail)) = rows {
                content::replace(&mut txn, &path, None, &version, detail.as_ref());
            }
            if let SalvagedObject::Whole(blob) = object {
                heal(&mut txn, blob);
            }
        }
        if !txn.is_empty() {
            txn.commit().await?;
        }
        Ok(())
    }

    /// The rows of an upload's parts, and of what tells of its completion.
    async fn parts(&self, upload: &SalvagedUpload) -> Result<(), ObjectError> {
        let parts: Vec<_> = upload.rows().collect();
        for parts in parts.chunks(PARTS_AT_ONCE) {
            let mut txn = self.meta.begin(self.partition(&upload.key)).await?;
            for (number, record, found) in parts {
                let (key, upload) = (upload.key.clone(), upload.upload);
                let key = PartKey { bucket: self.bucket, key, upload, number: *number };
                txn.put::<Parts>(&key, record);
                found.iter().for_each(|found| heal(&mut txn, found));
            }
            txn.commit().await?;
        }
        Ok(())
    }

    /// An upload in progress.
    async fn upload(&self, upload: &SalvagedUpload) -> Result<(), ObjectError> {
        let Some(any) = upload.any() else {
            return Ok(());
        };
        self.parts(upload).await?;
        let id = (self.bucket, upload.key.clone(), upload.upload);
        let mut txn = self.meta.begin(self.partition(&upload.key)).await?;
        txn.put::<Uploads>(&id, &upload_record(any, self.owner));
        txn.put::<UploadMarks>(&id, &Mark);
        let mut deltas = [0; 4];
        deltas[Usage::UPLOADS] = 1;
        deltas[Usage::UPLOAD_BYTES] = upload.size_bytes() as i64;
        txn.add::<Usage>(&self.bucket, &deltas);
        txn.commit().await?;
        Ok(())
    }

    fn partition(&self, key: &str) -> model::ids::PartitionId {
        cluster::placement::partition_of(self.meta.map().partitions, self.bucket, key.as_bytes())
    }
}

fn heal(txn: &mut Txn<'_>, blob: &SalvagedBlob) {
    if !blob.is_whole() {
        content::heal(txn, &blob.blob);
    }
}

/// The record of an object of one blob.
fn whole(found: &SalvagedBlob) -> (ObjectVersion, Option<ObjectDetail>) {
    let descriptor = &found.descriptor;
    let (attributes, apart) = content::place_attributes(descriptor.attributes.clone());
    let version = ObjectVersion {
        id: descriptor.version,
        modified: found.written(),
        content: Content::Blob(found.blob.clone()),
        size_bytes: found.blob.size_bytes,
        etag: ETag::single(descriptor.md5),
        storage_class: descriptor.storage_class,
        checksum: descriptor.checksum.clone(),
        attributes,
        owner: descriptor.owner.clone(),
    };
    let detail = apart.map(|attributes| ObjectDetail { attributes: Some(attributes), inline: Vec::new() });
    (version, detail)
}

/// The record of an object that parts make.
fn of_parts(upload: &SalvagedUpload) -> Result<Option<(ObjectVersion, Option<ObjectDetail>)>, ObjectError> {
    let (Some(any), Some((modified, _))) = (upload.any(), upload.last_written()) else {
        return Ok(None);
    };
    let record = upload_record(any, "");
    let checksum = upload.completion.as_ref().and_then(|completion| completion.descriptor.checksum.clone());
    let (version, detail) = multipart::object(&record, upload.upload, &upload.infos(), true, checksum)?;
    Ok(Some((ObjectVersion { id: any.descriptor.version, modified, ..version }, detail)))
}

/// `initiator`: who is said to have begun it where no part tells.
fn upload_record(part: &SalvagedBlob, initiator: &str) -> UploadRecord {
    let (checksum, initiator) = match &part.descriptor.upload {
        UploadFacts::Part { checksum, initiator } => (*checksum, initiator.as_str()),
        UploadFacts::Untold | UploadFacts::Completion { .. } => (None, initiator),
    };
    UploadRecord {
        attributes: part.descriptor.attributes.clone(),
        storage_class: part.descriptor.storage_class,
        checksum,
        owner: part.descriptor.owner.clone(),
        initiator: initiator.to_owned(),
    }
}

/// Where everything about a path lies, for those who look without a store.
pub(crate) fn path_of(descriptor: &BlobDescriptor) -> Path {
    (descriptor.bucket, descriptor.key.clone())
}

#[cfg(test)]
mod tests;
