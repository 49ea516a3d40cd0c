//! Deleting objects. Keys of one partition that are deleted together are one transaction.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use meta::{MetaError, Txn};
use model::ids::PartitionId;
use model::object::Content;

use crate::tables::{Current, Path};
use crate::types::{BucketInfo, DeleteRequest, Deleted};
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content};

/// Keys deleted by one transaction, at most: bounds its size.
const KEYS_PER_TRANSACTION_MAX: usize = 256;

impl Objects {
    /// Deletes a key. One that isn't there is no error.
    ///
    /// # Errors
    /// Where its condition doesn't hold, or too few drives take it.
    pub async fn delete(&self, bucket: &BucketInfo, request: DeleteRequest) -> Result<Deleted, ObjectError> {
        let deleted = self.delete_many(bucket, vec![request]).await;
        deleted.into_iter().next().unwrap_or(Err(ObjectError::Contended))
    }

    /// Deletes keys; answers in their order. Each is deleted or not, whatever happens to the others.
    pub async fn delete_many(
        &self,
        bucket: &BucketInfo,
        requests: Vec<DeleteRequest>,
    ) -> Vec<Result<Deleted, ObjectError>> {
        let mut results: Vec<Option<Result<Deleted, ObjectError>>> = requests.iter().map(|_| None).collect();
        let mut by_partition: BTreeMap<PartitionId, Vec<(usize, &DeleteRequest)>> = BTreeMap::new();
        for (position, request) in requests.iter().enumerate() {
            let partition = self.partition(bucket.id, &request.key);
            by_partition.entry(partition).or_default().push((position, request));
        }
        let batches: Vec<(PartitionId, Vec<(usize, &DeleteRequest)>)> = by_partition
            .into_iter()
            .flat_map(|(partition, keys)| {
                let chunks: Vec<_> = keys.chunks(KEYS_PER_TRANSACTION_MAX).map(<[_]>::to_vec).collect();
                chunks.into_iter().map(move |chunk| (partition, chunk))
            })
            .collect();
        let deletions = batches.iter().map(|(partition, keys)| self.delete_batch(bucket, *partition, keys));
        for (position, result) in join_all(deletions).await.into_iter().flatten() {
            if let Some(place) = results.get_mut(position) {
                *place = Some(result);
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(ObjectError::Contended))).collect()
    }

    async fn delete_batch(
        &self,
        bucket: &BucketInfo,
        partition: PartitionId,
        keys: &[(usize, &DeleteRequest)],
    ) -> Vec<(usize, Result<Deleted, ObjectError>)> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = match self.inner.meta.begin(partition).await {
                Ok(txn) => txn,
                Err(error) => return all_failed(keys, &error),
            };
            let mut results = Vec::with_capacity(keys.len());
            let mut gone = BTreeSet::new();
            for (position, request) in keys {
                results.push((*position, delete_key(&mut txn, bucket, request, &mut gone)));
            }
            if txn.is_empty() {
                return results;
            }
            match txn.commit().await {
                Ok(_) => return results,
                Err(MetaError::Conflict) => {}
                Err(error) => return all_failed(keys, &error),
            }
        }
        keys.iter().map(|(position, _)| (*position, Err(ObjectError::Contended))).collect()
    }
}

/// Deletes a key, which is `gone` then: one that is named twice is deleted once, and the second finds it gone.
fn delete_key<'a>(
    txn: &mut Txn<'_>,
    bucket: &BucketInfo,
    request: &'a DeleteRequest,
    gone: &mut BTreeSet<&'a str>,
) -> Result<Deleted, ObjectError> {
    let path: Path = (bucket.id, request.key.clone());
    let current = txn.get::<Current>(&path)?.filter(|_| !gone.contains(request.key.as_str()));
    let current = current.filter(|current| request.version.is_none_or(|version| version == current.row.id));
    request.condition.check(current.as_ref().and_then(content::facts))?;
    let Some(current) = current else {
        return Ok(Deleted { version: request.version, is_delete_marker: false });
    };
    content::remove(txn, &path, &current);
    gone.insert(&request.key);
    let is_delete_marker = current.row.content == Content::DeleteMarker;
    Ok(Deleted { version: request.version, is_delete_marker })
}

fn all_failed(
    keys: &[(usize, &DeleteRequest)],
    error: &MetaError,
) -> Vec<(usize, Result<Deleted, ObjectError>)> {
    keys.iter().map(|(position, _)| (*position, Err(ObjectError::Meta(error.again())))).collect()
}
