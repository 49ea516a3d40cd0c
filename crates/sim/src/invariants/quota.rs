//! What a bucket may hold is booked right: no partition is allotted more than is booked for it, and what is booked or held is in
//! all no more than the quota. So no write that comes can pass it.

use object::{BucketInfo, Objects};

/// Holds the books of a bucket's quota against what its partitions say.
///
/// # Errors
/// Where they are wrong.
pub async fn check(objects: &Objects, bucket: &BucketInfo) -> Result<(), String> {
    // What a crash left half set or half removed is finished by a worker; here that is not waited for.
    objects.finish_quotas().await.map_err(|error| format!("quotas can't be finished: {error}"))?;
    match objects.quota_fault(bucket).await {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(format!("the quota of {}: {fault}", bucket.name)),
        Err(error) => Err(format!("the quota of {} can't be read: {error}", bucket.name)),
    }
}
