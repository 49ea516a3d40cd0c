//! What must hold whatever happens; each invariant has its file. [`recovered`] holds them all after a start.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use env::Env;
use model::etag::ETag;
use object::{BucketInfo, ObjectError, Objects};

use crate::oracle::{Oracle, Value};
use crate::workload::{BUCKETS, bucket_name, exists, full_key};

pub mod answers;
pub mod bytes;
pub mod durability;
pub mod linearizable;
pub mod listing;
pub mod no_resurrection;
pub mod quota;
pub mod raft_order;
pub mod rows;
pub mod space;
pub mod usage;

/// Between two looks whether workers are done.
const LOOK_EVERY: Duration = Duration::from_secs(7);
/// Elections take less than this after a start.
const ELECTION_SECONDS_MAX: u64 = 15;
/// Looks, at most: workers rest up to a minute.
const LOOKS_MAX: usize = 40;

/// After a start: everything is what it may be, and the store says the same of it wherever it is asked.
pub async fn recovered(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>) {
    for name in BUCKETS {
        let bucket = settled_bucket(objects, env, oracle, name).await;
        let readable = read_all(objects, bucket.as_ref(), oracle, name).await;
        let Some(bucket) = bucket else { continue };
        let listed = listing::check(objects, &bucket, &readable).await;
        note(oracle, "listing", listed);
        let counted = usage::check(objects, &bucket, &readable).await;
        note(oracle, "usage", counted);
        let booked = quota::check(objects, &bucket).await;
        note(oracle, "quota", booked);
        if name == BUCKETS[0] {
            match listing::uploads_with_parts(objects, &bucket).await {
                Ok(listed) => {
                    let checked = listing::check_uploads(&mut oracle.borrow_mut(), listed);
                    note(oracle, "listing", checked);
                }
                Err(error) => oracle.borrow_mut().violate("listing", format!("uploads: {error}")),
            }
        }
    }
    healthy(objects, env, oracle).await;
}

/// Without faults all is well, as soon as every partition has a leader.
async fn healthy(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>) {
    let mut health = objects.health().await;
    for _ in 0..ELECTION_SECONDS_MAX {
        if oracle.borrow().is_faulty || (health.reads && health.writes && health.reasons.is_empty()) {
            return;
        }
        env.clock.sleep(Duration::from_secs(1)).await;
        health = objects.health().await;
    }
    oracle.borrow_mut().violate("answers", format!("{health:?}"));
}

/// With more harm than can be made good: what is read is right, and what can't be read is an error.
pub async fn nothing_wrong(objects: &Objects, oracle: &RefCell<Oracle>) {
    let Ok(bucket) = objects.bucket(BUCKETS[0]).await else { return };
    let prefix = full_key(BUCKETS[0], "");
    let keys: Vec<String> = oracle.borrow().keys.keys().cloned().collect();
    for key in keys.iter().filter_map(|key| key.strip_prefix(&prefix)) {
        // Whether it is found is not asked: the bytes that are served are held against its ETag.
        let _ = read_whole(objects, &bucket, oracle, key).await;
    }
}

/// Waits until workers have done what there is to do.
pub async fn tidied(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>) {
    let mut left = Ok(());
    for _ in 0..LOOKS_MAX {
        env.clock.sleep(LOOK_EVERY).await;
        left = space::check(objects).await;
        if left.is_ok() {
            return;
        }
    }
    note(oracle, "space", left);
}

/// Deletes everything and sees whether all room comes back.
pub async fn emptied(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>) {
    if let Err(error) = delete_all(objects).await {
        return oracle.borrow_mut().violate("answers", format!("everything can't be deleted: {error}"));
    }
    let mut left = Ok(());
    for _ in 0..LOOKS_MAX {
        env.clock.sleep(LOOK_EVERY).await;
        left = space::check_empty(objects).await;
        if left.is_ok() {
            return;
        }
    }
    note(oracle, "space", left);
}

async fn delete_all(objects: &Objects) -> Result<(), ObjectError> {
    for bucket in objects.list_buckets().await? {
        for upload in listing::uploads(objects, &bucket).await? {
            objects.abort_upload(&bucket, &upload.key, upload.id).await?;
        }
        let listed = listing::list(objects, &bucket, "", None, 1000).await?;
        let requests = listed.into_keys().map(|key| object::DeleteRequest { key, ..Default::default() });
        for deleted in objects.delete_many(&bucket, requests.collect()).await {
            deleted?;
        }
        objects.delete_bucket(&bucket.name).await?;
    }
    Ok(())
}

/// The bucket, once it is decided whether there is one, held against what clients know.
async fn settled_bucket(
    objects: &Objects,
    env: &Env,
    oracle: &RefCell<Oracle>,
    name: &str,
) -> Option<BucketInfo> {
    let mut found = objects.bucket(name).await;
    // A delete that the crash cut short is finished by a worker.
    for _ in 0..LOOKS_MAX {
        if !matches!(found, Err(ObjectError::BucketBusy { .. })) {
            break;
        }
        env.clock.sleep(Duration::from_secs(1)).await;
        found = objects.bucket(name).await;
    }
    let value = match &found {
        Ok(_) => exists(),
        Err(ObjectError::NoSuchBucket { .. }) => None,
        Err(error) => {
            oracle.borrow_mut().violate("answers", format!("bucket {name}: {error}"));
            return None;
        }
    };
    settle(oracle, &bucket_name(name), value);
    found.ok()
}

/// Reads every key that clients know of, whole.
async fn read_all(
    objects: &Objects,
    bucket: Option<&BucketInfo>,
    oracle: &RefCell<Oracle>,
    name: &str,
) -> BTreeMap<String, (ETag, u64)> {
    let prefix = full_key(name, "");
    let keys: Vec<String> = oracle.borrow().keys.keys().cloned().collect();
    let mut readable = BTreeMap::new();
    for key in keys.iter().filter_map(|key| key.strip_prefix(&prefix)) {
        let found = match bucket {
            Some(bucket) => read_whole(objects, bucket, oracle, key).await,
            None => Ok(None),
        };
        match found {
            Ok(found) => {
                settle(oracle, &full_key(name, key), found.map(|(etag, _)| etag));
                readable.extend(found.map(|found| (key.to_owned(), found)));
            }
            Err(error) => oracle.borrow_mut().violate("answers", format!("{key:?} can't be read: {error}")),
        }
    }
    readable
}

async fn read_whole(
    objects: &Objects,
    bucket: &BucketInfo,
    oracle: &RefCell<Oracle>,
    key: &str,
) -> Result<Option<(ETag, u64)>, ObjectError> {
    let object = match objects.open(bucket, key, None).await {
        Ok(object) => object,
        Err(ObjectError::NoSuchKey) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (etag, size_bytes) = (object.info().etag, object.info().size_bytes);
    let served = bytes::read(objects, &object, 0..size_bytes).await?;
    let checked = bytes::check(&oracle.borrow(), key, etag, &(0..size_bytes), &served);
    note(oracle, "bytes", checked);
    Ok(Some((etag, size_bytes)))
}

/// Holds what a key was found to hold against its history, and begins a new one.
fn settle(oracle: &RefCell<Oracle>, key: &str, found: Value) {
    let mut oracle = oracle.borrow_mut();
    let invoked = oracle.tick();
    oracle.read(key, invoked, found);
    if let Some(history) = oracle.keys.get(key).cloned() {
        let checks = [
            ("durability", durability::check(key, &history, found)),
            ("no_resurrection", no_resurrection::check(key, &history, found)),
            ("linearizable", linearizable::check(key, &history)),
        ];
        for (invariant, checked) in checks {
            if let Err(what) = checked {
                oracle.violate(invariant, what);
            }
        }
    }
    oracle.settle(key, found);
}

/// Notes what an invariant says.
pub fn note(oracle: &RefCell<Oracle>, invariant: &'static str, checked: Result<(), String>) {
    if let Err(what) = checked {
        oracle.borrow_mut().violate(invariant, what);
    }
}
