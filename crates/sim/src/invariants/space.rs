//! What nothing refers to gives its room back, and what is referred to is whole on all its drives: once workers are done.

use std::collections::{BTreeMap, BTreeSet};

use blob::{DrivePlace, FoundShard, InventoryCursor};
use model::blob::BlobRef;
use model::ids::BlobId;
use model::time::Timestamp;
use object::{BlobsCursor, ObjectError, Objects};

/// The blobs that records refer to.
///
/// # Errors
/// Where records can't be read.
pub async fn referred(objects: &Objects) -> Result<BTreeMap<BlobId, BlobRef>, ObjectError> {
    let mut referred = BTreeMap::new();
    for partition in objects.meta().partitions() {
        let mut cursor = Some(BlobsCursor::default());
        while let Some(at) = cursor {
            let page = objects.blobs_of(partition, at, 100).await?;
            referred.extend(page.blobs.into_iter().map(|blob| (blob.id, blob)));
            cursor = page.next;
        }
    }
    Ok(referred)
}

/// Every shard on every drive that is there.
///
/// # Errors
/// Where a drive can't be listed.
pub async fn shards(objects: &Objects) -> Result<Vec<(DrivePlace, FoundShard)>, String> {
    let ever = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
    let mut shards = Vec::new();
    for drive in objects.blobs().drives().await {
        let mut cursor = Some(InventoryCursor::start()).filter(|_| drive.path.is_some());
        while let Some(at) = cursor {
            let page = objects.blobs().inventory(drive.place, ever.clone(), at, 1000).await;
            let page = page.map_err(|fault| format!("{:?} can't be listed: {fault:?}", drive.place))?;
            shards.extend(page.shards.into_iter().map(|shard| (drive.place, shard)));
            cursor = page.next;
        }
    }
    Ok(shards)
}

/// Whether workers have done all that there is to do.
///
/// # Errors
/// What is left to do.
pub async fn check(objects: &Objects) -> Result<(), String> {
    let referred = referred(objects).await.map_err(|error| format!("records can't be read: {error}"))?;
    let found = shards(objects).await?;
    if let Some((place, shard)) = found.iter().find(|(_, shard)| !referred.contains_key(&shard.id)) {
        return Err(format!("on {place:?} lies {shard:?}, and no record refers to it"));
    }
    let mut seen = BTreeSet::new();
    if let Some((place, shard)) = found.iter().find(|(_, shard)| !seen.insert((shard.id, shard.shard))) {
        return Err(format!("{shard:?} lies twice, the second time on {place:?}"));
    }
    for blob in referred.values() {
        let census = objects.blobs().check(blob).await.map_err(|error| format!("{blob:?}: {error}"))?;
        if !census.is_whole() {
            return Err(format!("{blob:?} is not whole: {census:?}"));
        }
    }
    Ok(())
}

/// Whether an empty store holds nothing at all.
///
/// # Errors
/// What is left.
pub async fn check_empty(objects: &Objects) -> Result<(), String> {
    if let Some((place, shard)) = shards(objects).await?.first() {
        return Err(format!("everything was deleted, and on {place:?} lies {shard:?}"));
    }
    for drive in objects.blobs().drives().await {
        if drive.live_bytes != 0 {
            return Err(format!("everything was deleted, and {drive:?} counts living bytes"));
        }
    }
    Ok(())
}
