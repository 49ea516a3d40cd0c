//! What transactions left to do: blobs to delete, blobs to heal. The workers call this; nobody else deletes a blob.
//!
//! Order: first the shards go, durably; then the row that remembers them. A crash in between deletes again what is gone,
//! which is no error.

use std::ops::Bound;
use std::time::Duration;

use blob::{FaultKind, Repaired};
use meta::table::{Stored, after_prefix};
use meta::{Reader, Row};
use model::blob::BlobRef;
use model::ids::{BlobId, PartitionId};
use model::object::Content;
use model::reclaim::{HealRecord, ReclaimRecord};
use model::time::Timestamp;
use model::upload::COMPLETION_NUMBER;

use crate::readers::is_due;
use crate::tables::{Current, Heal, PartKey, Parts, Reclaim, parts_prefix};
use crate::{ObjectError, Objects, settle};

/// Part rows that an upload has at most.
const PART_ROWS_MAX: usize = model::limits::PART_NUMBER_MAX as usize + 1;

/// Part rows removed by one transaction, at most: under the longest keys they take 2 KiB each.
const PARTS_PER_TRANSACTION_MAX: usize = 1000;

/// Pages of reclaim rows that a step looks at, at most, for some that are due.
const PAGES_PER_STEP_MAX: usize = 16;

/// Heal rows that a step looks at, at most.
const HEAL_ROWS_PER_STEP: usize = 512;
/// Between the first two attempts to heal a blob; twice as long after each.
const HEAL_WAIT: Duration = Duration::from_secs(5);
/// Between two attempts at most.
const HEAL_WAIT_MAX: Duration = Duration::from_secs(3600);

/// What a step of reclaiming did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Blobs deleted.
    pub blobs: usize,
    /// Whether more is due now.
    pub is_more_due: bool,
}

/// What a step of healing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Blobs that are whole again.
    pub whole: usize,
    /// Blobs that could not be made whole now.
    pub waiting: usize,
    /// Where the queue goes on; `None` at its end.
    pub next: Option<BlobId>,
}

/// A page of the blobs that objects of a partition refer to.
#[derive(Clone, Debug, Default)]
pub struct BlobsPage {
    /// The blobs.
    pub blobs: Vec<BlobRef>,
    /// Where to go on; `None` at the end.
    pub next: Option<BlobsCursor>,
}

/// A place in the walk over a partition's blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobsCursor {
    /// In the current versions, after this encoded key.
    Objects(Vec<u8>),
    /// In the parts, after this encoded key.
    Parts(Vec<u8>),
}

impl Default for BlobsCursor {
    fn default() -> Self {
        BlobsCursor::Objects(Vec::new())
    }
}

impl Objects {
    /// Deletes up to `limit` blobs of a partition to which nothing refers any more.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn reclaim(&self, partition: PartitionId, limit: usize) -> Result<Reclaimed, ObjectError> {
        let due = self.due(&self.inner.meta.reader(partition).await?, limit)?;
        let mut is_more_due = due.len() == limit;
        let mut blobs = Vec::new();
        let mut done = Vec::new();
        for (id, row) in due {
            match row.row {
                ReclaimRecord::Blob(blob) => {
                    blobs.push(blob);
                    done.push((id, row.version));
                }
                ReclaimRecord::Parts { bucket, key, upload } => {
                    let key = PartKey { bucket, key, upload, number: 0 };
                    self.reclaim_parts(partition, &key, limit, (id, row.version)).await?;
                    is_more_due = true;
                }
            }
        }
        if blobs.is_empty() {
            return Ok(Reclaimed { blobs: 0, is_more_due });
        }
        // What a drive missed is forgotten here: the drive's mark remembers that there is something.
        let outcome = self.inner.blobs.delete(&blobs).await;
        let mut txn = self.inner.meta.begin(partition).await?;
        for (id, version) in &done {
            txn.expect::<Reclaim>(id, *version);
            txn.delete::<Reclaim>(id);
            txn.delete::<Heal>(&BlobId::from_bytes(*id));
        }
        self.mark_missed(&mut txn, &outcome);
        settle(txn).await?;
        self.note_misses(&outcome);
        Ok(Reclaimed { blobs: blobs.len(), is_more_due })
    }

    /// Up to `limit` rows that are due and whose bytes nobody reads: those that are not are not in the way of the others.
    fn due(&self, reader: &Reader, limit: usize) -> Result<Vec<Row<Reclaim>>, ObjectError> {
        let now = self.inner.env.clock.now();
        let mut due = Vec::new();
        let mut after = None;
        for _ in 0..PAGES_PER_STEP_MAX {
            let start =
                after.as_ref().map_or(Bound::Unbounded, |after: &[u8; 16]| Bound::Excluded(&after[..]));
            let rows = reader.scan::<Reclaim>((start, Bound::Unbounded), limit)?;
            after = rows.last().filter(|_| rows.len() == limit).map(|(last, _)| *last);
            // The key is the blob's id, or the upload's.
            due.extend(rows.into_iter().filter(|(id, row)| {
                is_due(row.time, now) && !self.inner.readers.is_read(&BlobId::from_bytes(*id))
            }));
            if after.is_none() || due.len() >= limit {
                break;
            }
        }
        due.truncate(limit);
        Ok(due)
    }

    /// Turns parts into reclaim rows of their own, a page at a time; the row that named them goes with the last page. Those
    /// that the current object names stay.
    async fn reclaim_parts(
        &self,
        partition: PartitionId,
        key: &PartKey,
        limit: usize,
        (id, version): ([u8; 16], u64),
    ) -> Result<(), ObjectError> {
        let mut txn = self.inner.meta.begin(partition).await?;
        let prefix = parts_prefix(key.bucket, &key.key, key.upload);
        let end = after_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let current = txn.get::<Current>(&(key.bucket, key.key.clone()))?.map(|current| current.row.content);
        let limit = limit.min(PARTS_PER_TRANSACTION_MAX);
        let mut parts = txn.unchecked().scan::<Parts>((Bound::Included(&prefix), end), PART_ROWS_MAX)?;
        parts.retain(|(part, _)| !is_part(current.as_ref(), part));
        parts.truncate(limit);
        let is_last = parts.len() < limit;
        txn.expect::<Reclaim>(&id, version);
        for (part, row) in parts {
            if let Some(blob) = &row.row.blob {
                crate::content::reclaim_blob(&mut txn, blob);
            }
            txn.delete::<Parts>(&part);
        }
        if is_last {
            txn.delete::<Reclaim>(&id);
        }
        settle(txn).await?;
        Ok(())
    }

    /// Heals up to `limit` blobs of a partition that were queued, of those behind `after`: what can't be healed now is not
    /// in the way of what can, and costs no reads or writes while one of its drives is away or the last attempt is fresh.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn heal(
        &self,
        partition: PartitionId,
        after: Option<BlobId>,
        limit: usize,
    ) -> Result<Healed, ObjectError> {
        let reader = self.inner.meta.reader(partition).await?;
        let start = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(&after.bytes()[..]));
        let rows = reader.scan::<Heal>((start, Bound::Unbounded), HEAL_ROWS_PER_STEP)?;
        let is_last = rows.len() < HEAL_ROWS_PER_STEP;
        let now = self.inner.env.clock.now();
        let mut healed = Healed::default();
        let mut tried = 0;
        for (id, row) in rows {
            if tried == limit {
                return Ok(healed);
            }
            healed.next = Some(id);
            let blob = &row.row.blob;
            if !self.is_worth_trying(&row, now) {
                healed.waiting += 1;
                continue;
            }
            tried += 1;
            let repaired = self.repair(partition, blob).await;
            let is_whole = repaired.as_ref().is_ok_and(|repaired| repaired.remaining.is_empty());
            let is_gone = match repaired {
                Err(ObjectError::Replaced) => true,
                _ => !is_whole && self.is_gone(blob).await,
            };
            let mut txn = self.inner.meta.begin(partition).await?;
            txn.expect::<Heal>(&id, row.version);
            if is_whole || is_gone {
                txn.delete::<Heal>(&id);
            } else {
                let attempts = row.row.attempts.saturating_add(1);
                txn.put::<Heal>(&id, &HealRecord { attempts, ..row.row });
            }
            settle(txn).await?;
            healed.whole += usize::from(is_whole);
            healed.waiting += usize::from(!is_whole && !is_gone);
        }
        healed.next = healed.next.filter(|_| !is_last);
        Ok(healed)
    }

    /// Each blob is tried at once, whatever its drives are like: there may be more wrong with it than a drive that is away.
    fn is_worth_trying(&self, row: &Stored<HealRecord>, now: Timestamp) -> bool {
        let attempts = row.row.attempts;
        let wait = HEAL_WAIT.saturating_mul(1 << attempts.min(10)).min(HEAL_WAIT_MAX);
        let is_due = row.time.millis() + wait.as_millis() as u64 <= now.millis();
        attempts == 0 || (is_due && self.inner.blobs.can_repair(&row.row.blob))
    }

    /// Whether every drive of a blob is there and has none of it.
    async fn is_gone(&self, blob: &BlobRef) -> bool {
        let census = self.inner.blobs.check(blob).await;
        census.is_ok_and(|census| {
            census.whole.is_empty() && census.faults.iter().all(|fault| fault.kind == FaultKind::Missing)
        })
    }

    /// Makes a blob of a partition whole. It is not reclaimed meanwhile, as a shard that is written after the others went
    /// would stay for ever.
    ///
    /// # Errors
    /// Where it can't be, or is on its way out.
    pub async fn repair(&self, partition: PartitionId, blob: &BlobRef) -> Result<Repaired, ObjectError> {
        let _held = self.inner.readers.register(blob.id);
        let reader = self.inner.meta.reader(partition).await?;
        if reader.get::<Reclaim>(blob.id.bytes())?.is_some() {
            return Err(ObjectError::Replaced);
        }
        // Who asks may have read the record long ago: shards of a deleted blob that a drive missed would be its seed.
        if let Some(descriptor) = self.inner.blobs.describe(blob).await
            && !self.refers_to(&descriptor, &blob.id).await?
        {
            return Err(ObjectError::Replaced);
        }
        Ok(self.inner.blobs.repair(blob).await?)
    }

    /// Walks the blobs that a partition refers to, for filling a new drive.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn blobs_of(
        &self,
        partition: PartitionId,
        cursor: BlobsCursor,
        limit: usize,
    ) -> Result<BlobsPage, ObjectError> {
        let reader = self.inner.meta.reader(partition).await?;
        let after = |key: &[u8]| match key.is_empty() {
            true => Bound::Unbounded,
            false => Bound::Excluded(key.to_vec()),
        };
        match cursor {
            BlobsCursor::Objects(key) => {
                let start = after(&key);
                let rows =
                    reader.scan::<Current>((start.as_ref().map(Vec::as_slice), Bound::Unbounded), limit)?;
                let next = match rows.last().filter(|_| rows.len() == limit) {
                    Some((last, _)) => BlobsCursor::Objects(encoded::<Current>(last)),
                    None => BlobsCursor::Parts(Vec::new()),
                };
                let blobs = rows.into_iter().filter_map(|(_, row)| match row.row.content {
                    Content::Blob(blob) => Some(blob),
                    _ => None,
                });
                Ok(BlobsPage { blobs: blobs.collect(), next: Some(next) })
            }
            BlobsCursor::Parts(key) => {
                let start = after(&key);
                let rows =
                    reader.scan::<Parts>((start.as_ref().map(Vec::as_slice), Bound::Unbounded), limit)?;
                let last = rows.last().filter(|_| rows.len() == limit);
                let next = last.map(|(last, _)| BlobsCursor::Parts(encoded::<Parts>(last)));
                Ok(BlobsPage { blobs: rows.into_iter().filter_map(|(_, row)| row.row.blob).collect(), next })
            }
        }
    }
}

/// Whether a part is one of an object, or tells of its completion.
fn is_part(content: Option<&Content>, part: &PartKey) -> bool {
    match content {
        Some(Content::Parts { upload, named, .. }) if *upload == part.upload => {
            part.number == COMPLETION_NUMBER || named.as_ref().is_none_or(|named| named.contains(part.number))
        }
        _ => false,
    }
}

fn encoded<T: meta::table::Table>(key: &T::Key) -> Vec<u8> {
    let mut out = Vec::new();
    T::encode_key(key, &mut out);
    out
}
