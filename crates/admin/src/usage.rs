//! What buckets hold. The counts are exact and of now: they are rows that the transactions of objects keep.

use object::BucketUsage;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::drives;
use crate::error::AdminError;
use crate::inventory::Inventory;
use crate::time::rfc3339;

/// madmin's `DataUsageInfo`.
pub(crate) async fn data_usage_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let usage = shared.objects.usages().await?;
    let disks = drives::disks(shared).await;
    let inventory =
        Inventory { map: shared.objects.meta().map(), disks: &disks, endpoint: &shared.facts.endpoint };
    let (total, free) = inventory.raw_room();
    let buckets: Map<String, Value> =
        usage.iter().map(|bucket| (bucket.bucket.name.clone(), of_bucket(bucket))).collect();
    let sizes: Map<String, Value> =
        usage.iter().map(|bucket| (bucket.bucket.name.clone(), bucket.bytes.into())).collect();
    Answer::json(&json!({
        "lastUpdate": rfc3339(shared.env.clock.now()),
        "objectsCount": usage.iter().map(|bucket| bucket.objects).sum::<u64>(),
        "versionsCount": usage.iter().map(|bucket| bucket.objects).sum::<u64>(),
        "deleteMarkersCount": 0,
        "objectsTotalSize": usage.iter().map(|bucket| bucket.bytes).sum::<u64>(),
        "bucketsCount": usage.len(),
        "bucketsUsageInfo": buckets,
        "bucketsSizes": sizes,
        "tierStats": {},
        "capacity": total,
        "freeCapacity": free,
        "usedCapacity": total.saturating_sub(free),
    }))
}

fn of_bucket(bucket: &BucketUsage) -> Value {
    json!({
        "size": bucket.bytes,
        "objectsCount": bucket.objects,
        "versionsCount": bucket.objects,
        "deleteMarkersCount": 0,
        "objectsSizesHistogram": {},
        "objectsVersionsHistogram": {},
    })
}
