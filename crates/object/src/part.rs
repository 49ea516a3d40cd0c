//! Parts of an upload: as a put, only that the record is the part's.

use bytes::{Bytes, BytesMut};
use meta::{Reader, Txn};
use model::etag::ETag;
use model::ids::{UploadId, VersionId};
use model::reclaim::{BlobDescriptor, UploadFacts};
use model::upload::PartRecord;

use crate::get::OpenObject;
use crate::put::{Bytesink, Landed};
use crate::tables::{Mark, PartKey, Parts, Path, UploadMarks, Uploads, Usage};
use crate::types::{BucketInfo, ContentDigest, ContentFacts, PartInfo};
use crate::undecided::Unreferred;
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content, fence};

/// A part that is being uploaded. Dropped before [`PartWriter::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct PartWriter {
    objects: Objects,
    bucket: BucketInfo,
    key: PartKey,
    upload: model::upload::UploadRecord,
    sink: Bytesink,
    size_bytes: u64,
    size_hint_bytes: Option<u64>,
}

impl Objects {
    /// Begins to upload a part.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`]; where too many drives are full.
    pub async fn begin_part(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
        number: u16,
        size_hint_bytes: Option<u64>,
    ) -> Result<PartWriter, ObjectError> {
        let path = (bucket.id, key.to_owned());
        let found = self.reader(&path).await?.get::<Uploads>(&(path.0, path.1.clone(), upload))?;
        let record = found.ok_or(ObjectError::NoSuchUpload)?.row;
        self.check_room(record.storage_class)?;
        let part = PartKey { bucket: path.0, key: path.1.clone(), upload, number };
        let replaced =
            |reader: &Reader| Ok(reader.get::<Parts>(&part)?.map_or(0, |replaced| replaced.row.size_bytes));
        self.check_quota(bucket, &path, size_hint_bytes, replaced).await?;
        Ok(PartWriter {
            objects: self.clone(),
            bucket: bucket.clone(),
            key: part,
            upload: record,
            sink: Bytesink::Memory(BytesMut::new()),
            size_bytes: 0,
            size_hint_bytes,
        })
    }

    /// Uploads a part from bytes of an object.
    ///
    /// # Errors
    /// As [`Objects::begin_part`] and [`PartWriter::commit`]; [`ObjectError::Replaced`] where the source was replaced.
    #[expect(
        clippy::too_many_arguments,
        reason = "source, range and target: each is one thing, and none groups with another"
    )]
    pub async fn copy_part(
        &self,
        source: &OpenObject,
        range: std::ops::Range<u64>,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
        number: u16,
        mut digest: Box<dyn ContentDigest>,
    ) -> Result<PartInfo, ObjectError> {
        let size_bytes = range.end - range.start;
        let mut writer = self.begin_part(bucket, key, upload, number, Some(size_bytes)).await?;
        let mut reader = self.read(source, range).await?;
        while let Some(bytes) = reader.next().await {
            let bytes = bytes?;
            digest.update(&bytes);
            writer.write(bytes).await?;
        }
        writer.commit(digest.finish()).await
    }
}

impl PartWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where too few drives take them, or they are more than a part may have.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes > model::limits::PART_SIZE_BYTES_MAX {
            return Err(ObjectError::TooLarge { limit_bytes: model::limits::PART_SIZE_BYTES_MAX });
        }
        // Nothing inline: a part's row stays small, as an object's listing of parts reads it.
        let (class, hint) = (self.upload.storage_class, self.size_hint_bytes);
        self.objects.sink(&mut self.sink, bytes, 0, class, hint).await
    }

    /// Makes it the part of that number: durable when this returns.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`] where the upload was completed or aborted meanwhile.
    pub async fn commit(self, facts: ContentFacts) -> Result<PartInfo, ObjectError> {
        let descriptor = BlobDescriptor {
            bucket_name: self.bucket.name.clone(),
            bucket: self.bucket.id,
            key: self.key.key.clone(),
            part: Some((self.key.upload, self.key.number)),
            md5: facts.md5,
            attributes: self.upload.attributes.clone(),
            storage_class: self.upload.storage_class,
            written: self.objects.inner.env.clock.now(),
            version: VersionId::NULL,
            checksum: facts.checksum.clone(),
            owner: self.upload.owner.clone(),
            upload: UploadFacts::Part {
                checksum: self.upload.checksum,
                initiator: self.upload.initiator.clone(),
            },
        };
        let landed = self.sink.land(&self.objects, &descriptor).await?;
        let written = match &landed {
            Landed::Blob(written) => Some(&**written),
            Landed::Empty | Landed::Inline(_) => None,
        };
        let part = PartRecord {
            size_bytes: self.size_bytes,
            etag: ETag::single(facts.md5),
            checksum: facts.checksum,
            blob: written.map(|written| written.blob.clone()),
        };
        let committed = refer(&self.objects, &self.bucket, &self.key, &part, written).await;
        landed.ended(&committed);
        committed
    }
}

async fn refer(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &PartKey,
    part: &PartRecord,
    written: Option<&Unreferred>,
) -> Result<PartInfo, ObjectError> {
    let path: Path = (key.bucket, key.key.clone());
    let upload = (key.bucket, key.key.clone(), key.upload);
    for _ in 0..ATTEMPTS_MAX {
        let mut txn = objects.begin(&path).await?;
        let open = fence::check(&mut txn, bucket)?;
        if txn.get::<Uploads>(&upload)?.is_none() {
            return Err(ObjectError::NoSuchUpload);
        }
        let replaced = txn.get::<Parts>(key)?.map(|replaced| replaced.row);
        if let Some(blob) = replaced.as_ref().and_then(|replaced| replaced.blob.as_ref()) {
            content::reclaim_blob(&mut txn, blob);
        }
        put_part(&mut txn, key, part, replaced.map_or(0, |replaced| replaced.size_bytes));
        txn.put::<UploadMarks>(&upload, &Mark);
        if let Some(written) = written.filter(|written| !written.missing_shards.is_empty()) {
            content::heal(&mut txn, &written.blob);
        }
        if let Some(committed) = open.settle(objects, txn).await? {
            return Ok(PartInfo {
                number: key.number,
                size_bytes: part.size_bytes,
                etag: part.etag,
                modified: committed.time,
                checksum: part.checksum.clone(),
            });
        }
    }
    Err(ObjectError::Contended)
}

fn put_part(txn: &mut Txn<'_>, key: &PartKey, part: &PartRecord, replaced_bytes: u64) {
    txn.put::<Parts>(key, part);
    let mut deltas = [0; 4];
    deltas[Usage::UPLOAD_BYTES] = part.size_bytes as i64 - replaced_bytes as i64;
    txn.add::<Usage>(&key.bucket, &deltas);
}
