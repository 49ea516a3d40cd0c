//! What all buckets hold, at once: as many rows are read as there are buckets in each partition.

use std::collections::BTreeMap;
use std::ops::Bound;

use model::ids::BucketId;

use crate::tables::Usage;
use crate::{BucketInfo, ObjectError, Objects};

/// Rows read at once.
const PAGE: usize = 1000;

/// What a bucket holds, exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUsage {
    /// Which one.
    pub bucket: BucketInfo,
    /// Current objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Objects {
    /// What every bucket holds, by its name.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn usages(&self) -> Result<Vec<BucketUsage>, ObjectError> {
        let buckets = self.list_buckets().await?;
        let mut sums: BTreeMap<BucketId, (i64, i64)> = BTreeMap::new();
        for partition in self.inner.meta.partitions() {
            let reader = self.inner.meta.reader(partition).await?;
            let mut after: Option<[u8; 8]> = None;
            loop {
                let start = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
                let page = reader.scan::<Usage>((start, Bound::Unbounded), PAGE)?;
                for (bucket, usage) in &page {
                    let sum = sums.entry(*bucket).or_default();
                    sum.0 += usage.row.value(Usage::OBJECTS);
                    sum.1 += usage.row.value(Usage::BYTES);
                }
                match page.last() {
                    Some((bucket, _)) if page.len() == PAGE => after = Some(bucket.0.to_be_bytes()),
                    _ => break,
                }
            }
        }
        let of = |bucket: BucketInfo| {
            let (objects, bytes) = sums.get(&bucket.id).copied().unwrap_or_default();
            let (objects, bytes) = (u64::try_from(objects).unwrap_or(0), u64::try_from(bytes).unwrap_or(0));
            BucketUsage { bucket, objects, bytes }
        };
        Ok(buckets.into_iter().map(of).collect())
    }
}
