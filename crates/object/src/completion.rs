//! What tells that an upload was completed, should the records be lost: a blob of its own, whose descriptor names the parts
//! and the object's checksum, and whose bytes are the MD5s of the parts, in their order.
//!
//! What always holds: it is durable before the transaction that completes the upload, and lies among the upload's parts, under
//! a number that no part has ([`COMPLETION_NUMBER`]). So it is swept, healed and reclaimed as they are, and goes with them; a
//! completion that does not happen leaves it as a put that does not happen leaves its bytes.

use bytes::Bytes;
use meta::{Committed, Txn};
use model::checksum::Checksum;
use model::etag::ETag;
use model::ids::VersionId;
use model::reclaim::{BlobDescriptor, UploadFacts};
use model::record::Record;
use model::upload::{COMPLETION_NUMBER, PartRecord, UploadRecord};

use crate::multipart::UploadKey;
use crate::tables::{PartKey, Parts};
use crate::types::{BucketInfo, PartInfo};
use crate::undecided::Unreferred;
use crate::{ObjectError, Objects, content, fence};

/// What is told of a completion.
pub(crate) struct Completion<'a> {
    pub(crate) bucket: &'a BucketInfo,
    pub(crate) id: &'a UploadKey,
    pub(crate) upload: &'a UploadRecord,
    /// The parts that the object is made of.
    pub(crate) parts: &'a [PartInfo],
    pub(crate) checksum: Option<Checksum>,
}

impl Completion<'_> {
    /// Commits the transaction that completes the upload, with the blob that tells of it: `None` where another transaction was
    /// first. A blob that was written for one that was not committed, or of which nobody knows, is decided about later.
    pub(crate) async fn commit(
        &self,
        objects: &Objects,
        open: fence::Open<'_>,
        mut txn: Txn<'_>,
    ) -> Result<Option<Committed>, ObjectError> {
        let written = self.write(objects).await?;
        self.refer(&mut txn, &written);
        let settled = open.settle(objects, txn).await?;
        if settled.is_some() {
            written.settled();
        }
        Ok(settled)
    }

    async fn write(&self, objects: &Objects) -> Result<Unreferred, ObjectError> {
        let digests: Vec<u8> = self.parts.iter().flat_map(|part| part.etag.md5).collect();
        let descriptor = self.descriptor(objects);
        let redundancy = objects.redundancy(self.upload.storage_class);
        let mut writer = objects.inner.blobs.writer(redundancy, Some(digests.len() as u64))?;
        writer.write(Bytes::from(digests)).await?;
        let written = writer.finish(&descriptor.encode()).await?;
        Ok(Unreferred::new(objects, written, &descriptor))
    }

    fn descriptor(&self, objects: &Objects) -> BlobDescriptor {
        let (bucket, key, upload) = self.id;
        BlobDescriptor {
            bucket_name: self.bucket.name.clone(),
            bucket: *bucket,
            key: key.clone(),
            part: Some((*upload, COMPLETION_NUMBER)),
            md5: self.etag().md5,
            attributes: self.upload.attributes.clone(),
            storage_class: self.upload.storage_class,
            written: objects.inner.env.clock.now(),
            version: VersionId::NULL,
            checksum: self.checksum.clone(),
            owner: self.upload.owner.clone(),
            upload: UploadFacts::Completion {
                parts: self.parts.iter().map(|part| part.number).collect(),
                size_bytes: self.parts.iter().map(|part| part.size_bytes).sum(),
            },
        }
    }

    fn etag(&self) -> ETag {
        crate::multipart::etag(self.parts.iter().map(|part| part.etag.md5))
    }

    fn refer(&self, txn: &mut Txn<'_>, written: &Unreferred) {
        let (bucket, key, upload) = self.id.clone();
        let key = PartKey { bucket, key, upload, number: COMPLETION_NUMBER };
        txn.put::<Parts>(&key, &record(self.etag().md5, written.blob.clone()));
        if !written.missing_shards.is_empty() {
            content::heal(txn, &written.blob);
        }
    }
}

/// The row of a completion's blob: a part of no bytes, as none of them are the object's.
pub(crate) fn record(md5: [u8; 16], blob: model::blob::BlobRef) -> PartRecord {
    PartRecord { size_bytes: 0, etag: ETag::single(md5), checksum: None, blob: Some(blob) }
}
