//! Usage is exact at any time: objects and bytes of a bucket are those that can be read.

use std::collections::BTreeMap;

use model::etag::ETag;
use object::{BucketInfo, Objects};

/// Holds the counters of a bucket against what can be read in it.
///
/// # Errors
/// Where they differ.
pub async fn check(
    objects: &Objects,
    bucket: &BucketInfo,
    readable: &BTreeMap<String, (ETag, u64)>,
) -> Result<(), String> {
    let usage = objects.usage(bucket).await;
    let usage = usage.map_err(|error| format!("the usage of {} can't be read: {error}", bucket.name))?;
    let wanted = (readable.len() as u64, readable.values().map(|(_, size)| size).sum::<u64>());
    if usage == wanted {
        return Ok(());
    }
    Err(format!("{} counts {usage:?} objects and bytes, and {wanted:?} can be read", bucket.name))
}
