//! Copying. A copy has bytes of its own; an object copied onto itself keeps those it has and gets what is new about it.

use model::attributes::Attributes;
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use model::object::{ObjectDetail, ObjectVersion, StorageClass};
use model::time::Timestamp;

use crate::get::OpenObject;
use crate::tables::{Current, Details};
use crate::types::{BucketInfo, ContentDigest, ContentFacts, Put, PutRequest, WriteCondition};
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content, fence};

/// How an object is copied.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// Content headers and user metadata of the copy; `None` for those of the source.
    pub attributes: Option<Attributes>,
    /// Storage class of the copy.
    pub storage_class: StorageClass,
    /// The checksum asked for; `None` for whatever the copy comes with.
    pub checksum: Option<ChecksumAlgorithm>,
    /// What must hold of the object that the copy replaces.
    pub condition: WriteCondition,
    /// Canonical id of who will own the copy; empty for the bucket's owner.
    pub owner: String,
}

impl Objects {
    /// Copies an object. `digest` sees every byte of the copy and says what it comes to.
    ///
    /// # Errors
    /// Where the source was replaced meanwhile ([`ObjectError::Replaced`]: open it again), the condition doesn't hold, or too
    /// few drives take it.
    pub async fn copy(
        &self,
        source: &OpenObject,
        to: &BucketInfo,
        key: &str,
        request: CopyRequest,
        mut digest: Box<dyn ContentDigest>,
    ) -> Result<Put, ObjectError> {
        let same_class = request.storage_class == source.info().storage_class;
        if source.path().0 == to.id && source.path().1 == key && same_class {
            let checksum = match request.checksum {
                Some(asked) if !has_checksum(source, asked) => self.digest(source, digest).await?.checksum,
                _ => source.info().checksum.clone(),
            };
            return self.rewrite(source, to, request, checksum).await;
        }
        let size_bytes = source.info().size_bytes;
        let put = PutRequest {
            attributes: request.attributes.unwrap_or_else(|| source.info().attributes.clone()),
            storage_class: request.storage_class,
            condition: request.condition,
            size_hint_bytes: Some(size_bytes),
            owner: request.owner,
        };
        let mut writer = self.begin_put(to, key, put).await?;
        let mut reader = self.read(source, 0..size_bytes).await?;
        while let Some(bytes) = reader.next().await {
            let bytes = bytes?;
            digest.update(&bytes);
            writer.write(bytes).await?;
        }
        writer.commit(digest.finish()).await
    }

    /// What all bytes of an object come to.
    async fn digest(
        &self,
        source: &OpenObject,
        mut digest: Box<dyn ContentDigest>,
    ) -> Result<ContentFacts, ObjectError> {
        let mut reader = self.read(source, 0..source.info().size_bytes).await?;
        while let Some(bytes) = reader.next().await {
            digest.update(&bytes?);
        }
        Ok(digest.finish())
    }

    /// Gives an object new attributes and a checksum: its bytes stay where they are.
    async fn rewrite(
        &self,
        source: &OpenObject,
        to: &BucketInfo,
        request: CopyRequest,
        checksum: Option<Checksum>,
    ) -> Result<Put, ObjectError> {
        let path = source.path();
        let attributes = request.attributes.unwrap_or_else(|| source.info().attributes.clone());
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.begin(path).await?;
            let open = fence::check(&mut txn, to)?;
            let current = txn.get::<Current>(path)?.ok_or(ObjectError::NoSuchKey)?;
            if current.row.content != *source.content() || current.row.etag != source.info().etag {
                return Err(ObjectError::Replaced);
            }
            request.condition.check(content::facts(&current))?;
            let old = match current.row.has_detail() {
                true => txn.get::<Details>(&(path.0, path.1.clone(), current.row.id))?.map(|old| old.row),
                false => None,
            };
            let (attributes, apart) = content::place_attributes(attributes.clone());
            let version = ObjectVersion {
                attributes,
                modified: Timestamp::ZERO,
                storage_class: request.storage_class,
                checksum: checksum.clone(),
                owner: request.owner.clone(),
                ..current.row.clone()
            };
            let detail = version
                .has_detail()
                .then(|| ObjectDetail { attributes: apart, inline: old.unwrap_or_default().inline });
            content::replace(&mut txn, path, Some(&current), &version, detail.as_ref());
            if let Some(committed) = open.settle(self, txn).await? {
                return Ok(content::put(version, committed));
            }
        }
        Err(ObjectError::Contended)
    }
}

/// Whether an object has a checksum of the algorithm over all of its bytes.
fn has_checksum(object: &OpenObject, algorithm: ChecksumAlgorithm) -> bool {
    let checksum = object.info().checksum.as_ref();
    checksum.is_some_and(|found| found.algorithm == algorithm && found.kind == ChecksumType::FullObject)
}
