//! Putting an object: bytes first, durable; then one transaction that refers to them.

use blob::BlobWriter;
use bytes::{Bytes, BytesMut};
use meta::Reader;
use model::etag::ETag;
use model::ids::VersionId;
use model::object::{Content, ObjectDetail, ObjectVersion};
use model::reclaim::{BlobDescriptor, UploadFacts};
use model::record::Record;
use model::time::Timestamp;

use crate::tables::{Current, Path};
use crate::types::{BucketInfo, ContentFacts, Put, PutRequest};
use crate::undecided::Unreferred;
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content, fence};

/// Where bytes go while they come.
#[derive(Debug)]
pub(crate) enum Bytesink {
    /// Few so far: in memory, perhaps to stay inline.
    Memory(BytesMut),
    /// Into a blob.
    Blob(Box<BlobWriter>),
}

/// What bytes became.
pub(crate) enum Landed {
    /// There were none.
    Empty,
    /// Few: to be stored in the record.
    Inline(Bytes),
    /// Durable in a blob that nothing refers to yet.
    Blob(Box<Unreferred>),
}

/// An object that is being put. Dropped before [`PutWriter::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct PutWriter {
    objects: Objects,
    bucket: BucketInfo,
    path: Path,
    request: PutRequest,
    sink: Bytesink,
    size_bytes: u64,
}

impl Objects {
    /// Begins to put an object.
    ///
    /// # Errors
    /// Where its condition doesn't hold already now, or too many drives are full, so that no bytes are sent in vain.
    pub async fn begin_put(
        &self,
        bucket: &BucketInfo,
        key: &str,
        request: PutRequest,
    ) -> Result<PutWriter, ObjectError> {
        let path = (bucket.id, key.to_owned());
        if !request.condition.is_empty() {
            let current = self.reader(&path).await?.get::<Current>(&path)?;
            request.condition.check(current.as_ref().and_then(content::facts))?;
        }
        self.check_room(request.storage_class)?;
        let replaced =
            |reader: &Reader| Ok(reader.get::<Current>(&path)?.map_or(0, |current| current.row.size_bytes));
        self.check_quota(bucket, &path, request.size_hint_bytes, replaced).await?;
        Ok(PutWriter {
            objects: self.clone(),
            bucket: bucket.clone(),
            path,
            request,
            sink: Bytesink::Memory(BytesMut::new()),
            size_bytes: 0,
        })
    }

    /// Refuses what would add rows while too many drives are full. Deletes and aborts are not asked, as they give room back.
    pub(crate) fn check_room(&self, class: model::object::StorageClass) -> Result<(), ObjectError> {
        Ok(self.inner.blobs.check_room(self.redundancy(class))?)
    }

    /// Adds bytes to a sink; beyond `inline_bytes_max` they go into a blob.
    pub(crate) async fn sink(
        &self,
        sink: &mut Bytesink,
        bytes: Bytes,
        inline_bytes_max: usize,
        class: model::object::StorageClass,
        size_hint_bytes: Option<u64>,
    ) -> Result<(), ObjectError> {
        match sink {
            Bytesink::Blob(writer) => Ok(writer.write(bytes).await?),
            Bytesink::Memory(held) if held.len() + bytes.len() <= inline_bytes_max => {
                held.extend_from_slice(&bytes);
                Ok(())
            }
            Bytesink::Memory(held) => {
                let mut writer = self.inner.blobs.writer(self.redundancy(class), size_hint_bytes)?;
                if !held.is_empty() {
                    writer.write(std::mem::take(held).freeze()).await?;
                }
                writer.write(bytes).await?;
                *sink = Bytesink::Blob(Box::new(writer));
                Ok(())
            }
        }
    }
}

impl Landed {
    /// After the commit that was to refer to the bytes. Where it was refused, or nobody knows what became of it, they are
    /// decided about later: the answer does not wait for the drives once more.
    pub(crate) fn ended<T>(self, committed: &Result<T, ObjectError>) {
        if let (Landed::Blob(written), Ok(_)) = (self, committed) {
            written.settled();
        }
    }
}

impl Bytesink {
    /// All bytes have come: those in a blob are durable when this returns.
    pub(crate) async fn land(
        self,
        objects: &Objects,
        descriptor: &BlobDescriptor,
    ) -> Result<Landed, ObjectError> {
        match self {
            Bytesink::Memory(held) if held.is_empty() => Ok(Landed::Empty),
            Bytesink::Memory(held) => Ok(Landed::Inline(held.freeze())),
            Bytesink::Blob(writer) => {
                let written = writer.finish(&descriptor.encode()).await?;
                Ok(Landed::Blob(Box::new(Unreferred::new(objects, written, descriptor))))
            }
        }
    }
}

impl PutWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where too few drives take them, or they are more than an object may have.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes > model::limits::OBJECT_SIZE_BYTES_MAX {
            return Err(ObjectError::TooLarge { limit_bytes: model::limits::OBJECT_SIZE_BYTES_MAX });
        }
        let (class, hint) = (self.request.storage_class, self.request.size_hint_bytes);
        let inline = self.objects.inner.options.inline_bytes_max;
        self.objects.sink(&mut self.sink, bytes, inline, class, hint).await
    }

    /// Makes the object the current one: durable when this returns.
    ///
    /// # Errors
    /// Where its condition doesn't hold, or too few drives take it.
    pub async fn commit(self, facts: ContentFacts) -> Result<Put, ObjectError> {
        let descriptor = BlobDescriptor {
            bucket_name: self.bucket.name.clone(),
            bucket: self.bucket.id,
            key: self.path.1.clone(),
            part: None,
            md5: facts.md5,
            attributes: self.request.attributes.clone(),
            storage_class: self.request.storage_class,
            written: self.objects.inner.env.clock.now(),
            version: VersionId::NULL,
            checksum: facts.checksum.clone(),
            owner: self.request.owner.clone(),
            upload: UploadFacts::Untold,
        };
        let landed = self.sink.land(&self.objects, &descriptor).await?;
        let (attributes, apart) = content::place_attributes(self.request.attributes);
        let version = ObjectVersion {
            id: VersionId::NULL,
            modified: Timestamp::ZERO,
            content: match &landed {
                Landed::Empty => Content::Empty,
                Landed::Inline(_) => Content::Inline,
                Landed::Blob(written) => Content::Blob(written.blob.clone()),
            },
            size_bytes: self.size_bytes,
            etag: ETag::single(facts.md5),
            storage_class: self.request.storage_class,
            checksum: facts.checksum,
            attributes,
            owner: self.request.owner,
        };
        let inline = match &landed {
            Landed::Inline(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        };
        let detail = version.has_detail().then_some(ObjectDetail { attributes: apart, inline });
        let refer = Refer { objects: &self.objects, bucket: &self.bucket, path: &self.path, version, detail };
        let put = refer.commit(&self.request.condition, &landed).await;
        landed.ended(&put);
        put
    }
}

/// The transaction that makes a version current.
struct Refer<'a> {
    objects: &'a Objects,
    bucket: &'a BucketInfo,
    path: &'a Path,
    version: ObjectVersion,
    detail: Option<ObjectDetail>,
}

impl Refer<'_> {
    async fn commit(
        self,
        condition: &crate::types::WriteCondition,
        landed: &Landed,
    ) -> Result<Put, ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.objects.begin(self.path).await?;
            let open = fence::check(&mut txn, self.bucket)?;
            let current = txn.get::<Current>(self.path)?;
            condition.check(current.as_ref().and_then(content::facts))?;
            content::replace(&mut txn, self.path, current.as_ref(), &self.version, self.detail.as_ref());
            if let Landed::Blob(written) = landed
                && !written.missing_shards.is_empty()
            {
                content::heal(&mut txn, &written.blob);
            }
            if let Some(committed) = open.settle(self.objects, txn).await? {
                return Ok(content::put(self.version, committed));
            }
        }
        Err(ObjectError::Contended)
    }
}
