//! What a partition takes of a bucket, as every write of an object asks it.
//!
//! Always: a transaction that makes a bucket hold more has read the fence and commits only where the fence is unchanged and
//! the allotment is kept. So who closes a fence, or sets an allotment, is never overtaken by a write that did not see it.

use meta::{Committed, MetaError, Txn};
use model::ids::BucketId;
use model::quota::{Allotment, FenceRecord};

use crate::tables::{Fences, Usage};
use crate::types::BucketInfo;
use crate::{ObjectError, Objects};

/// That a bucket takes writes in the partition of a transaction, up to its allotment.
#[must_use = "the write is committed with it"]
pub(crate) struct Open<'a> {
    bucket: &'a BucketInfo,
    allotment: Option<Allotment>,
}

/// Checks in an object's transaction that the bucket is not being deleted.
pub(crate) fn check<'a>(txn: &mut Txn<'_>, bucket: &'a BucketInfo) -> Result<Open<'a>, ObjectError> {
    let fence = read(txn, bucket.id)?;
    match fence.is_closed {
        true => Err(ObjectError::BucketBusy { bucket: bucket.name.clone() }),
        false => Ok(Open { bucket, allotment: fence.allotment }),
    }
}

/// The fence of a bucket in a transaction's partition, checked when it commits; no row is one that says nothing.
pub(crate) fn read(txn: &mut Txn<'_>, bucket: BucketId) -> Result<FenceRecord, ObjectError> {
    Ok(txn.get::<Fences>(&bucket)?.map(|fence| fence.row).unwrap_or_default())
}

/// Writes a fence; one that says nothing is no row.
pub(crate) fn write(txn: &mut Txn<'_>, bucket: BucketId, fence: FenceRecord) {
    match fence == FenceRecord::default() {
        true => txn.delete::<Fences>(&bucket),
        false => txn.put::<Fences>(&bucket, &fence),
    }
}

/// Lowers what a bucket may hold in a transaction's partition; the commit fails where it holds more than that by then.
pub(crate) fn lower(txn: &mut Txn<'_>, bucket: BucketId, fence: FenceRecord, allotment: Allotment) {
    write(txn, bucket, FenceRecord { allotment: Some(allotment), ..fence });
    if fence.allotment.is_some_and(|before| before.bytes <= allotment.bytes) {
        return; // Another generation alone.
    }
    txn.keep_within::<Usage>(&bucket, &Usage::HELD, bytes(allotment));
}

/// An allotment as counters count.
fn bytes(allotment: Allotment) -> i64 {
    i64::try_from(allotment.bytes).unwrap_or(i64::MAX)
}

impl Open<'_> {
    /// Commits a write: `None` where another one was first, or the partition was allotted more now, so that the write is to be
    /// decided anew.
    ///
    /// # Errors
    /// [`ObjectError::QuotaExceeded`] where the bucket's quota leaves no room for it.
    pub(crate) async fn settle(
        self,
        objects: &Objects,
        mut txn: Txn<'_>,
    ) -> Result<Option<Committed>, ObjectError> {
        let (growth, partition) = (txn.added::<Usage>(&self.bucket.id, &Usage::HELD), txn.partition());
        // What makes the bucket hold no more is taken, also where a quota was set below what it holds.
        if let Some(allotment) = self.allotment.filter(|_| growth > 0) {
            txn.keep_within::<Usage>(&self.bucket.id, &Usage::HELD, bytes(allotment));
        }
        match txn.commit().await {
            Ok(committed) => Ok(Some(committed)),
            Err(MetaError::Conflict) => Ok(None),
            Err(MetaError::OverLimit) => {
                objects.enlarge(self.bucket, partition, growth.unsigned_abs()).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
