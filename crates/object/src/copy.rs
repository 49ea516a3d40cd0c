//! Copying. A copy has bytes of its own; an object copied onto itself keeps those it has and gets what is new about it.

use model::attributes::Attributes;
use model::object::{ObjectDetail, ObjectVersion, StorageClass};
use model::time::Timestamp;

use crate::get::OpenObject;
use crate::tables::{Current, Details};
use crate::types::{BucketInfo, ContentDigest, Put, PutRequest, WriteCondition};
use crate::{ATTEMPTS_MAX, ObjectError, Objects, bucket, content, settle};

/// How an object is copied.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// Content headers and user metadata of the copy; `None` for those of the source.
    pub attributes: Option<Attributes>,
    /// Storage class of the copy.
    pub storage_class: StorageClass,
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
            return self.rewrite(source, to, request).await;
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

    /// Gives an object new attributes: its bytes stay where they are.
    async fn rewrite(
        &self,
        source: &OpenObject,
        to: &BucketInfo,
        request: CopyRequest,
    ) -> Result<Put, ObjectError> {
        let path = source.path();
        let attributes = request.attributes.unwrap_or_else(|| source.info().attributes.clone());
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.begin(path).await?;
            bucket::check_fence(&mut txn, to)?;
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
                owner: request.owner.clone(),
                ..current.row.clone()
            };
            let detail = version
                .has_detail()
                .then(|| ObjectDetail { attributes: apart, inline: old.unwrap_or_default().inline });
            content::replace(&mut txn, path, Some(&current), &version, detail.as_ref());
            if let Some(committed) = settle(txn).await? {
                return Ok(content::put(version, committed));
            }
        }
        Err(ObjectError::Contended)
    }
}
