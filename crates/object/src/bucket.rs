//! Buckets. Deleting one follows decision 0001: it is marked, every partition that holds nothing of it is fenced, and only
//! then the bucket goes; a put that comes in between finds the fence in its own transaction.

use std::ops::Bound;

use meta::table::{Stored, after_prefix};
use meta::{MetaError, Txn};
use model::bucket::{BucketRecord, BucketState};
use model::ids::{BucketId, PartitionId};
use model::object::StorageClass;
use model::quota::FenceRecord;
use model::time::Timestamp;

use crate::tables::{Buckets, Fences, Quotas, Uploads, Usage, bucket_prefix};
use crate::types::BucketInfo;
use crate::{ATTEMPTS_MAX, ObjectError, Objects, fence, settle};

/// Buckets read at once.
const PAGE: usize = 1000;

impl Objects {
    /// Makes a bucket.
    ///
    /// # Errors
    /// [`ObjectError::BucketExists`] where there is one of that name, whoever owns it; where too many drives are full.
    pub async fn create_bucket(
        &self,
        name: &str,
        region: &str,
        owner: &str,
    ) -> Result<BucketInfo, ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.system_txn().await?;
            if let Some(found) = txn.get::<Buckets>(&name.to_owned())? {
                if found.row.state == BucketState::Active {
                    return Err(ObjectError::BucketExists {
                        bucket: name.to_owned(),
                        owner: found.row.owner,
                    });
                }
                drop(txn);
                match self.finish_delete(name, found.row.id).await {
                    // Whoever else was deleting it has ended: the next look tells how.
                    Ok(()) | Err(ObjectError::NoSuchBucket { .. } | ObjectError::BucketNotEmpty { .. }) => {
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            self.check_room(StorageClass::Standard)?;
            let row = BucketRecord {
                id: self.new_bucket_id(),
                created: Timestamp::ZERO,
                state: BucketState::Active,
                region: region.to_owned(),
                owner: owner.to_owned(),
            };
            txn.put::<Buckets>(&name.to_owned(), &row);
            if let Some(committed) = settle(txn).await? {
                let (version, time) = (committed.version, committed.time);
                return Ok(info(name.to_owned(), Stored { row, version, time }));
            }
        }
        Err(ObjectError::Contended)
    }

    /// Finds a bucket.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`].
    pub async fn bucket(&self, name: &str) -> Result<BucketInfo, ObjectError> {
        let reader = self.inner.meta.reader(self.system()).await?;
        match reader.get::<Buckets>(&name.to_owned())? {
            Some(found) if found.row.state == BucketState::Active => Ok(info(name.to_owned(), found)),
            Some(_) => Err(ObjectError::BucketBusy { bucket: name.to_owned() }),
            None => Err(ObjectError::NoSuchBucket { bucket: name.to_owned() }),
        }
    }

    /// All buckets, by name.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn list_buckets(&self) -> Result<Vec<BucketInfo>, ObjectError> {
        let reader = self.inner.meta.reader(self.system()).await?;
        let mut buckets: Vec<BucketInfo> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let start = match &after {
                Some(name) => Bound::Excluded(name.as_bytes()),
                None => Bound::Unbounded,
            };
            let page = reader.scan::<Buckets>((start, Bound::Unbounded), PAGE)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(name, _)| name.clone());
            let active = page.into_iter().filter(|(_, found)| found.row.state == BucketState::Active);
            buckets.extend(active.map(|(name, found)| info(name, found)));
            if is_last {
                return Ok(buckets);
            }
        }
    }

    /// Deletes an empty bucket. Uploads in progress do not keep it: they are aborted.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::BucketNotEmpty`].
    pub async fn delete_bucket(&self, name: &str) -> Result<(), ObjectError> {
        let found = self.inner.meta.reader(self.system()).await?.get::<Buckets>(&name.to_owned())?;
        let found = found.ok_or_else(|| ObjectError::NoSuchBucket { bucket: name.to_owned() })?;
        if found.row.state == BucketState::Deleting {
            return self.finish_delete(name, found.row.id).await; // A crash may have cut it short.
        }
        let bucket = info(name.to_owned(), found);
        // A look first, so that the common mistake disturbs nobody.
        for partition in self.inner.meta.partitions() {
            let reader = self.inner.meta.reader(partition).await?;
            let usage = reader.get::<Usage>(&bucket.id)?;
            if usage.is_some_and(|usage| usage.row.value(Usage::OBJECTS) > 0) {
                return Err(ObjectError::BucketNotEmpty { bucket: name.to_owned() });
            }
        }
        self.run_delete(name, bucket.id, BucketState::Active).await
    }

    /// What the bucket holds: objects and bytes, exact.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn usage(&self, bucket: &BucketInfo) -> Result<(u64, u64), ObjectError> {
        let (mut objects, mut bytes) = (0, 0);
        for partition in self.inner.meta.partitions() {
            let reader = self.inner.meta.reader(partition).await?;
            if let Some(usage) = reader.get::<Usage>(&bucket.id)? {
                objects += usage.row.value(Usage::OBJECTS);
                bytes += usage.row.value(Usage::BYTES);
            }
        }
        Ok((u64::try_from(objects).unwrap_or(0), u64::try_from(bytes).unwrap_or(0)))
    }

    /// Goes on with deletes that a crash cut short.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn finish_deletes(&self) -> Result<(), ObjectError> {
        let reader = self.inner.meta.reader(self.system()).await?;
        let all = (Bound::Unbounded, Bound::Unbounded);
        for (name, found) in reader.scan::<Buckets>(all, usize::MAX)? {
            if found.row.state == BucketState::Deleting {
                match self.finish_delete(&name, found.row.id).await {
                    Ok(()) | Err(ObjectError::BucketNotEmpty { .. } | ObjectError::NoSuchBucket { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Goes on with a delete that was begun.
    async fn finish_delete(&self, name: &str, id: BucketId) -> Result<(), ObjectError> {
        self.run_delete(name, id, BucketState::Deleting).await
    }

    /// Deletes a bucket that was found in this state. It runs to its end also when whoever waits for it goes away: half of
    /// it would keep clients from a bucket that stays.
    async fn run_delete(&self, name: &str, id: BucketId, found: BucketState) -> Result<(), ObjectError> {
        let (objects, name) = (self.clone(), name.to_owned());
        self.to_its_end(async move { objects.delete_alone(&name, id, found).await }).await
    }

    /// Waits for what goes on where nobody waits any more.
    pub(crate) async fn to_its_end(
        &self,
        change: impl Future<Output = Result<(), ObjectError>> + Send + 'static,
    ) -> Result<(), ObjectError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        drop(self.inner.env.spawn.task(Box::pin(async move {
            let _ = reply.send(change.await);
        })));
        answer.await.unwrap_or_else(|_| Err(MetaError::Unknown { partition: self.system() }.into()))
    }

    /// Marks the bucket, fences every partition and removes the bucket; where one partition holds an object, takes it all
    /// back.
    pub(crate) async fn delete_alone(
        &self,
        name: &str,
        id: BucketId,
        found: BucketState,
    ) -> Result<(), ObjectError> {
        // One at a time: another one's fences would be taken for this one's, and be taken back by the other.
        let _alone = self.inner.fencing.lock().await;
        let now = self.inner.meta.reader(self.system()).await?.get::<Buckets>(&name.to_owned())?;
        match now.filter(|now| now.row.id == id).map(|now| now.row.state) {
            Some(BucketState::Active) if found == BucketState::Deleting => {
                return Err(ObjectError::BucketNotEmpty { bucket: name.to_owned() });
            }
            Some(_) => {}
            None => return Err(ObjectError::NoSuchBucket { bucket: name.to_owned() }),
        }
        // Written anew where it is marked: whoever took it back, and was not told what became of that, comes too late now.
        self.set_bucket_state(name, id, BucketState::Deleting).await?;
        for partition in self.inner.meta.partitions() {
            if self.fence(partition, id).await? {
                continue;
            }
            for fenced in self.inner.meta.partitions() {
                self.unfence(fenced, id).await?;
            }
            self.set_bucket_state(name, id, BucketState::Active).await?;
            return Err(ObjectError::BucketNotEmpty { bucket: name.to_owned() });
        }
        for partition in self.inner.meta.partitions() {
            self.abort_uploads(partition, id).await?;
        }
        let mut txn = self.system_txn().await?;
        let found = txn.get::<Buckets>(&name.to_owned())?;
        if found.is_none_or(|found| found.row.id != id) {
            return Err(ObjectError::NoSuchBucket { bucket: name.to_owned() });
        }
        txn.delete::<Buckets>(&name.to_owned());
        txn.delete::<Quotas>(&id);
        txn.commit().await?;
        Ok(())
    }

    /// Fences a partition if it holds nothing of the bucket. The count and the fence are one transaction: a put that was
    /// counted keeps the fence out, and a fence keeps a put out.
    async fn fence(&self, partition: PartitionId, id: BucketId) -> Result<bool, ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.inner.meta.begin(partition).await?;
            // Written anew where it is there: whoever was taking it back may still be doing so.
            let fence = fence::read(&mut txn, id)?;
            let usage = txn.get::<Usage>(&id)?;
            if usage.is_some_and(|usage| usage.row.value(Usage::OBJECTS) > 0) {
                return Ok(false);
            }
            txn.put::<Fences>(&id, &FenceRecord { is_closed: true, ..fence });
            if settle(txn).await?.is_some() {
                return Ok(true);
            }
        }
        Err(ObjectError::Contended)
    }

    /// Aborts the uploads of a bucket that is fenced: no new one can begin.
    async fn abort_uploads(&self, partition: PartitionId, id: BucketId) -> Result<(), ObjectError> {
        let prefix = bucket_prefix(id);
        let end = after_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        loop {
            let reader = self.inner.meta.reader(partition).await?;
            let uploads = reader.scan::<Uploads>((Bound::Included(&prefix), end), PAGE)?;
            let is_last = uploads.len() < PAGE;
            for (key, _) in uploads {
                match self.abort(&key).await {
                    Ok(()) | Err(ObjectError::NoSuchUpload) => {}
                    Err(error) => return Err(error),
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn unfence(&self, partition: PartitionId, id: BucketId) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.inner.meta.begin(partition).await?;
            let fence = fence::read(&mut txn, id)?;
            if !fence.is_closed {
                return Ok(());
            }
            fence::write(&mut txn, id, FenceRecord { is_closed: false, ..fence });
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    async fn set_bucket_state(
        &self,
        name: &str,
        id: BucketId,
        state: BucketState,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.system_txn().await?;
            let found = txn.get::<Buckets>(&name.to_owned())?;
            let found = found.filter(|found| found.row.id == id);
            let found = found.ok_or_else(|| ObjectError::NoSuchBucket { bucket: name.to_owned() })?;
            let created = found.row.created.or(found.time);
            txn.put::<Buckets>(&name.to_owned(), &BucketRecord { state, created, ..found.row });
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    pub(crate) fn system(&self) -> PartitionId {
        self.inner.meta.map().system_partition()
    }

    pub(crate) async fn system_txn(&self) -> Result<Txn<'_>, ObjectError> {
        Ok(self.inner.meta.begin(self.system()).await?)
    }

    /// A number that sorts by time and that no earlier bucket had.
    fn new_bucket_id(&self) -> BucketId {
        let random = self.inner.env.random.number() & 0xf_ffff;
        BucketId(self.inner.env.clock.now().millis() << 20 | random)
    }
}

fn info(name: String, found: Stored<BucketRecord>) -> BucketInfo {
    BucketInfo {
        name,
        id: found.row.id,
        created: found.row.created.or(found.time),
        region: found.row.region,
        owner: found.row.owner,
    }
}
