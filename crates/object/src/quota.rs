//! Quotas of buckets, exact (decision 0007): each partition is allotted a part of what a bucket may hold, and checks that part
//! in the transaction of every write. A write that finds no room asks for more; what others do not use is taken back before
//! anybody is refused.
//!
//! Always: allotments are booked (system partition) before they are raised, and lowered before that is booked. So a crash
//! between the two leaves too much booked and never too little, and [`ledger::step`] finds it. A quota that begins or is
//! lowered allots nothing: whoever writes asks, and what is held already is counted then.

mod ledger;

use std::ops::Bound;

use meta::table::Stored;
use meta::{Reader, Txn};
use model::bucket::BucketState;
use model::ids::{BucketId, PartitionId};
use model::quota::{Allotment, FenceRecord, QuotaRecord, QuotaState};

use crate::tables::{Buckets, Fences, Path, Quotas, Usage};
use crate::types::BucketInfo;
use crate::{ATTEMPTS_MAX, ObjectError, Objects, fence, settle};
use ledger::{Seen, Step};

/// How often a partition is asked to give back before another one is.
const GIVE_BACK_TRIES: u32 = 8;

/// From this size on a write is refused before its bytes are sent, where the quota leaves no room.
const LOOKED_AT_BYTES_MIN: u64 = 1 << 20;

impl Objects {
    /// What a bucket may hold, in bytes; none for no limit.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn quota(&self, bucket: &BucketInfo) -> Result<Option<u64>, ObjectError> {
        let found = self.inner.meta.reader(self.system()).await?.get::<Quotas>(&bucket.id)?;
        Ok(found.filter(|found| found.row.state != QuotaState::Removing).map(|found| found.row.limit_bytes))
    }

    /// Sets what a bucket may hold, or lets it hold whatever there is room for. When it returns no write passes the limit. It
    /// may be less than the bucket holds: then only what makes it hold no more is taken.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; where records can't be read or written: what was begun is ended by the next start, or by
    /// who sets a quota again.
    pub async fn set_quota(&self, bucket: &BucketInfo, limit_bytes: Option<u64>) -> Result<(), ObjectError> {
        let (objects, bucket) = (self.clone(), bucket.clone());
        self.to_its_end(async move {
            // One at a time, and not while a bucket is being deleted: both write fences.
            let _alone = objects.inner.fencing.lock().await;
            match limit_bytes {
                Some(limit_bytes) => objects.begin_quota(&bucket.name, bucket.id, limit_bytes).await,
                None => objects.end_quota(bucket.id).await,
            }
        })
        .await
    }

    /// What is wrong with what is booked for a bucket's quota, in a store in which nothing is going on: none where it is right.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn quota_fault(&self, bucket: &BucketInfo) -> Result<Option<String>, ObjectError> {
        let Some(books) = self.books(bucket.id).await?.map(|books| books.row) else { return Ok(None) };
        let held_by = self.held_by(bucket.id).await?;
        for (partition, _) in &held_by {
            let booked = ledger::booked(&books, *partition);
            match self.allotment(bucket.id, *partition).await? {
                Some(here) if here.bytes <= booked.bytes => {}
                here => {
                    return Ok(Some(format!("{partition} is allotted {here:?}, and {booked:?} is booked")));
                }
            }
        }
        Ok(ledger::fault(&books, &held_by))
    }

    /// Goes on with quotas that a crash left half set or half removed.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn finish_quotas(&self) -> Result<(), ObjectError> {
        let _alone = self.inner.fencing.lock().await;
        let reader = self.inner.meta.reader(self.system()).await?;
        for (id, found) in reader.scan::<Quotas>((Bound::Unbounded, Bound::Unbounded), usize::MAX)? {
            let ended = match found.row.state {
                QuotaState::InForce => Ok(()),
                QuotaState::Setting => {
                    self.begin_quota(&found.row.bucket_name, id, found.row.limit_bytes).await
                }
                QuotaState::Removing => self.end_quota(id).await,
            };
            match ended {
                // It is being deleted, and its quota with it.
                Ok(()) | Err(ObjectError::NoSuchBucket { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Refuses a large write whose bytes would be sent in vain; `replaced`: the bytes that it is to replace. Small ones are told
    /// when they commit, and so is whoever can't be told now.
    pub(crate) async fn check_quota(
        &self,
        bucket: &BucketInfo,
        path: &Path,
        bytes: Option<u64>,
        replaced: impl FnOnce(&Reader) -> Result<u64, ObjectError> + Send,
    ) -> Result<(), ObjectError> {
        let Some(bytes) = bytes.filter(|bytes| *bytes >= LOOKED_AT_BYTES_MIN) else { return Ok(()) };
        let reader = self.reader(path).await?;
        let fence = reader.get::<Fences>(&bucket.id)?;
        let Some(allotment) = fence.and_then(|fence| fence.row.allotment) else { return Ok(()) };
        let growth = bytes.saturating_sub(replaced(&reader)?);
        let held = self.held(bucket.id, self.partition(path.0, &path.1)).await?;
        if growth == 0 || held.saturating_add(growth) <= allotment.bytes {
            return Ok(());
        }
        match self.limit_passed(bucket, growth).await {
            Ok(Some(limit_bytes)) => Err(over(bucket, limit_bytes)),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// The quota, if so many bytes more would pass it.
    async fn limit_passed(&self, bucket: &BucketInfo, growth: u64) -> Result<Option<u64>, ObjectError> {
        let Some(limit_bytes) = self.quota(bucket).await? else { return Ok(None) };
        let held_by = self.held_by(bucket.id).await?;
        let after = held_by.iter().fold(growth, |sum, (_, held)| sum.saturating_add(*held));
        Ok(Some(limit_bytes).filter(|limit_bytes| after > *limit_bytes))
    }

    /// Makes room in a partition for a write that found none there. When it returns the write is to be tried again.
    ///
    /// # Errors
    /// [`ObjectError::QuotaExceeded`] where the quota leaves no room.
    pub(crate) async fn enlarge(
        &self,
        bucket: &BucketInfo,
        partition: PartitionId,
        growth: u64,
    ) -> Result<(), ObjectError> {
        let mut refused = 0;
        for _ in 0..ATTEMPTS_MAX {
            let Some(books) = self.books(bucket.id).await? else { return Ok(()) };
            let allotment = self.allotment(bucket.id, partition).await?;
            let seen = Seen { partition, allotment, held_by: self.held_by(bucket.id).await? };
            match ledger::step(&books.row, &seen, growth) {
                Step::Again => return Ok(()),
                Step::Raise(to) => self.raise(bucket.id, partition, to).await?,
                Step::Book(allotment) | Step::Grant(allotment) => {
                    self.book(bucket.id, &books, partition, allotment).await?;
                }
                Step::GiveBack(wanted) => self.give_back(bucket.id, partition, wanted).await?,
                // Partitions are read one after the other: what moved between two of them was counted twice. So twice is asked.
                Step::Refuse if refused == 0 => refused += 1,
                Step::Refuse => return Err(over(bucket, books.row.limit_bytes)),
            }
        }
        Err(ObjectError::Contended)
    }

    pub(crate) async fn books(&self, bucket: BucketId) -> Result<Option<Stored<QuotaRecord>>, ObjectError> {
        Ok(self.inner.meta.reader(self.system()).await?.get::<Quotas>(&bucket)?)
    }

    pub(crate) async fn allotment(
        &self,
        bucket: BucketId,
        partition: PartitionId,
    ) -> Result<Option<Allotment>, ObjectError> {
        let reader = self.inner.meta.reader(partition).await?;
        Ok(reader.get::<Fences>(&bucket)?.and_then(|fence| fence.row.allotment))
    }

    /// Bytes that each partition holds of a bucket.
    pub(crate) async fn held_by(&self, bucket: BucketId) -> Result<Vec<(PartitionId, u64)>, ObjectError> {
        let mut held_by = Vec::new();
        for partition in self.inner.meta.partitions() {
            held_by.push((partition, self.held(bucket, partition).await?));
        }
        Ok(held_by)
    }

    async fn held(&self, bucket: BucketId, partition: PartitionId) -> Result<u64, ObjectError> {
        let usage = self.inner.meta.reader(partition).await?.get::<Usage>(&bucket)?;
        let usage = usage.map(|usage| usage.row).unwrap_or_default();
        let held: i64 = Usage::HELD.iter().map(|position| usage.value(*position)).sum();
        Ok(u64::try_from(held).unwrap_or(0))
    }

    /// Books an allotment, if the books are still as they were read; otherwise the caller looks again.
    pub(crate) async fn book(
        &self,
        bucket: BucketId,
        read: &Stored<QuotaRecord>,
        partition: PartitionId,
        allotment: Allotment,
    ) -> Result<(), ObjectError> {
        let mut txn = self.system_txn().await?;
        let Some(mut now) = txn.get::<Quotas>(&bucket)?.filter(|now| now.version == read.version) else {
            return Ok(());
        };
        ledger::book(&mut now.row, partition, allotment);
        txn.put::<Quotas>(&bucket, &now.row);
        settle(txn).await.map(drop)
    }

    /// Raises an allotment to what was booked for it, unless it was lowered or removed since.
    async fn raise(
        &self,
        bucket: BucketId,
        partition: PartitionId,
        to: Allotment,
    ) -> Result<(), ObjectError> {
        let mut txn = self.inner.meta.begin(partition).await?;
        let found = fence::read(&mut txn, bucket)?;
        let is_known = |here: &Allotment| here.generation == to.generation && here.bytes < to.bytes;
        if found.allotment.as_ref().is_some_and(is_known) {
            fence::write(&mut txn, bucket, FenceRecord { allotment: Some(to), ..found });
            settle(txn).await?;
        }
        Ok(())
    }

    /// Takes back what partitions but `keeper` do not use, until there are so many bytes.
    ///
    /// # Errors
    /// Where one can't be asked, and no other gave anything.
    async fn give_back(&self, bucket: BucketId, keeper: PartitionId, wanted: u64) -> Result<(), ObjectError> {
        let (mut found, mut failed) = (0u64, None);
        let others = self.inner.meta.partitions().filter(|partition| *partition != keeper);
        // Those last that are going to keep everybody waiting.
        let (ready, stuck): (Vec<_>, Vec<_>) =
            others.partition(|partition| self.inner.meta.takes_writes(*partition));
        for partition in ready.into_iter().chain(stuck) {
            if found >= wanted {
                break;
            }
            match self.take_back(bucket, partition).await {
                Ok(freed) => found = found.saturating_add(freed),
                Err(error) => failed = Some(error),
            }
        }
        failed.filter(|_| found == 0).map_or(Ok(()), Err)
    }

    async fn take_back(&self, bucket: BucketId, partition: PartitionId) -> Result<u64, ObjectError> {
        let freed = self.lower(bucket, partition).await?;
        self.settle_books(bucket, partition).await?;
        Ok(freed)
    }

    /// Lowers an allotment to what is held; the bytes that it gives up.
    async fn lower(&self, bucket: BucketId, partition: PartitionId) -> Result<u64, ObjectError> {
        for times in 0..GIVE_BACK_TRIES {
            let Some(books) = self.books(bucket).await? else { return Ok(0) };
            let booked = ledger::booked(&books.row, partition);
            let mut txn = self.inner.meta.begin(partition).await?;
            let fence = fence::read(&mut txn, bucket)?;
            let held = self.held(bucket, partition).await?;
            let lowered =
                fence.allotment.and_then(|here| Some((here, ledger::lowered(here, booked, held, times)?)));
            let Some((here, lowered)) = lowered else { return Ok(0) };
            fence::lower(&mut txn, bucket, fence, lowered);
            if fits(txn).await? {
                return Ok(booked.bytes.max(here.bytes) - lowered.bytes);
            }
        }
        Ok(0)
    }

    /// Books what a partition's allotment was lowered to; whether the books said otherwise.
    async fn settle_books(&self, bucket: BucketId, partition: PartitionId) -> Result<bool, ObjectError> {
        let Some(books) = self.books(bucket).await? else { return Ok(false) };
        let Some(here) = self.allotment(bucket, partition).await? else { return Ok(false) };
        if ledger::booked(&books.row, partition).generation == here.generation {
            return Ok(false);
        }
        self.book(bucket, &books, partition, here).await?;
        Ok(true)
    }

    /// Sets a quota, or another limit, and puts it in force in every partition.
    async fn begin_quota(&self, name: &str, id: BucketId, limit_bytes: u64) -> Result<(), ObjectError> {
        let bucket_name = name.to_owned();
        self.change_books(name, id, |books| QuotaRecord {
            bucket_name: bucket_name.clone(),
            limit_bytes,
            state: QuotaState::Setting,
            ..books
        })
        .await?;
        // What was granted while a partition still took whatever came, did not know what that would be: it is taken back.
        while self.cover_all(id).await? {}
        self.change_books(name, id, |books| QuotaRecord { state: QuotaState::InForce, ..books }).await
    }

    /// Covers every partition; whether one of them was open.
    async fn cover_all(&self, bucket: BucketId) -> Result<bool, ObjectError> {
        let mut was_open = false;
        for partition in self.inner.meta.partitions() {
            was_open |= self.cover(bucket, partition).await?;
            self.book_for_certain(bucket, partition).await?;
        }
        Ok(was_open)
    }

    async fn book_for_certain(&self, bucket: BucketId, partition: PartitionId) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            if !self.settle_books(bucket, partition).await? {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    async fn change_books(
        &self,
        name: &str,
        id: BucketId,
        change: impl Fn(QuotaRecord) -> QuotaRecord,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.system_txn().await?;
            let found = txn.get::<Buckets>(&name.to_owned())?;
            if !found.is_some_and(|found| found.row.id == id && found.row.state == BucketState::Active) {
                return Err(ObjectError::NoSuchBucket { bucket: name.to_owned() });
            }
            let books = txn.get::<Quotas>(&id)?.map(|books| books.row).unwrap_or_default();
            txn.put::<Quotas>(&id, &change(books));
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    /// Lets a partition take nothing more of a bucket that it does not ask for; whether it took whatever came before.
    async fn cover(&self, bucket: BucketId, partition: PartitionId) -> Result<bool, ObjectError> {
        // Nobody who still knows an allotment of an earlier quota must be able to raise this one.
        let first = Allotment { bytes: 0, generation: self.inner.env.random.number() >> 32 };
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.inner.meta.begin(partition).await?;
            let fence = fence::read(&mut txn, bucket)?;
            let allotment = fence.allotment.map_or(first, ledger::emptied);
            fence::write(&mut txn, bucket, FenceRecord { allotment: Some(allotment), ..fence });
            if settle(txn).await?.is_some() {
                return Ok(fence.allotment.is_none());
            }
        }
        Err(ObjectError::Contended)
    }

    /// Removes a quota from every partition, then from the books.
    async fn end_quota(&self, bucket: BucketId) -> Result<(), ObjectError> {
        self.change_state(bucket, Some(QuotaState::Removing)).await?;
        for partition in self.inner.meta.partitions() {
            self.uncover(bucket, partition).await?;
        }
        self.change_state(bucket, None).await
    }

    /// Writes the state of a quota that is there, or removes it.
    async fn change_state(&self, bucket: BucketId, state: Option<QuotaState>) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.system_txn().await?;
            let Some(books) = txn.get::<Quotas>(&bucket)? else { return Ok(()) };
            match state {
                Some(state) => txn.put::<Quotas>(&bucket, &QuotaRecord { state, ..books.row }),
                None => txn.delete::<Quotas>(&bucket),
            }
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    async fn uncover(&self, bucket: BucketId, partition: PartitionId) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.inner.meta.begin(partition).await?;
            let fence = fence::read(&mut txn, bucket)?;
            if fence.allotment.is_none() {
                return Ok(());
            }
            fence::write(&mut txn, bucket, FenceRecord { allotment: None, ..fence });
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }
}

/// Commits a transaction that sets an allotment; false where writes came in between, so that it is to be decided anew.
async fn fits(txn: Txn<'_>) -> Result<bool, ObjectError> {
    match settle(txn).await {
        Ok(settled) => Ok(settled.is_some()),
        Err(ObjectError::Meta(meta::MetaError::OverLimit)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn over(bucket: &BucketInfo, limit_bytes: u64) -> ObjectError {
    ObjectError::QuotaExceeded { bucket: bucket.name.clone(), limit_bytes }
}
