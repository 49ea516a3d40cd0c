//! Quotas are exact: a write is refused where it would pass the quota, and nowhere else, in whatever partition it is.

use futures_util::future::{join, join_all};

use env::simulated::{Crash, Ending};
use model::quota::Allotment;

use super::*;

const LIMIT: u64 = 100_000;

fn is_over<T>(result: &Result<T, ObjectError>) -> bool {
    matches!(result, Err(ObjectError::QuotaExceeded { bucket, .. }) if bucket == "b")
}

async fn set_up(objects: &Objects, limit: u64) -> BucketInfo {
    let bucket = objects.create_bucket("b", "r", "o").await.unwrap();
    objects.set_quota(&bucket, Some(limit)).await.unwrap();
    bucket
}

/// What is held, when the books are right.
async fn held(objects: &Objects, bucket: &BucketInfo) -> u64 {
    assert_eq!(objects.quota_fault(bucket).await.unwrap(), None);
    objects.held_by(bucket.id).await.unwrap().iter().map(|(_, held)| held).sum()
}

/// A grant that is booked and was not raised: what a crash, or a slow task, leaves.
async fn book(objects: &Objects, bucket: &BucketInfo, key: &str, bytes: u64) {
    let partition = objects.partition(bucket.id, key);
    let generation = objects.allotment(bucket.id, partition).await.unwrap().unwrap().generation;
    let books = objects.books(bucket.id).await.unwrap().unwrap();
    objects.book(bucket.id, &books, partition, Allotment { bytes, generation }).await.unwrap();
}

#[test]
fn what_was_granted_of_a_larger_quota_counts_no_more_when_it_is_lowered() {
    let store = Store::small(7050, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, LIMIT).await;
        book(&objects, &bucket, "k", 50_000).await;
        objects.set_quota(&bucket, Some(10_000)).await.unwrap();
        assert!(is_over(&put(&objects, &bucket, "k", &content(1, 40_000)).await));
        assert_eq!(held(&objects, &bucket).await, 0);
        // And where the quota stays, what was never raised is no loss for others.
        book(&objects, &bucket, "k", 10_000).await;
        for key in ["a", "b", "c", "d"] {
            put(&objects, &bucket, key, &content(1, 2_500)).await.unwrap();
        }
        assert_eq!(held(&objects, &bucket).await, 10_000);
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn a_large_write_that_makes_it_hold_no_more_is_not_refused_early() {
    let store = Store::small(7060, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, 20 << 20).await;
        put(&objects, &bucket, "k", &content(1, 4 << 20)).await.unwrap();
        let upload = objects.create_upload(&bucket, "u", UploadRequest::default()).await.unwrap();
        let bytes = content(2, 5 << 20);
        for _ in 0..2 {
            // The second time everything is full: it is the same part once more.
            let mut writer = objects.begin_part(&bucket, "u", upload, 1, Some(5 << 20)).await.unwrap();
            writer.write(bytes.clone()).await.unwrap();
            writer.commit(facts(&bytes)).await.unwrap();
            objects.set_quota(&bucket, Some(1 << 20)).await.unwrap();
        }
        assert!(is_over(&objects.begin_part(&bucket, "u", upload, 2, Some(5 << 20)).await));
        let hinted = |bytes| PutRequest { size_hint_bytes: Some(bytes), ..PutRequest::default() };
        objects.begin_put(&bucket, "k", hinted(2 << 20)).await.unwrap();
        objects.begin_put(&bucket, "k", hinted(4 << 20)).await.unwrap();
        assert!(is_over(&objects.begin_put(&bucket, "k", hinted((4 << 20) + 1)).await));
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn the_last_byte_is_taken_and_the_next_is_refused_whatever_its_partition() {
    let store = Store::small(7000, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, LIMIT).await;
        assert_eq!(objects.quota(&bucket).await.unwrap(), Some(LIMIT));
        let mut generator = Generator::new(1);
        let (mut expected, mut refused) = (BTreeMap::new(), 0);
        for _ in 0..300 {
            let key = format!("key-{}", generator.below(40));
            if generator.chance(1, 5) {
                delete(&objects, &bucket, &key).await.unwrap();
                expected.remove(&key);
                continue;
            }
            let size = 1 + generator.below(9_000);
            let bytes = content(generator.number(), size as usize);
            let before: u64 = expected.values().sum();
            let after = before - expected.get(&key).copied().unwrap_or(0) + size;
            let result = put(&objects, &bucket, &key, &bytes).await;
            // What makes it hold no more is never refused.
            if after > LIMIT && after > before {
                assert!(is_over(&result), "{after} bytes were taken: {result:?}");
                refused += 1;
            } else {
                result.unwrap();
                expected.insert(key, size);
            }
            assert_eq!(held(&objects, &bucket).await, expected.values().sum());
        }
        assert!(refused > 20, "only {refused}");
        let rest = LIMIT - expected.values().sum::<u64>();
        put(&objects, &bucket, "rest", &content(1, rest as usize)).await.unwrap();
        assert!(is_over(&put(&objects, &bucket, "one more", &content(2, 1)).await));
        put(&objects, &bucket, "empty", &Bytes::new()).await.unwrap();
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn writers_at_once_never_pass_it_and_are_not_refused_while_there_is_room() {
    for seed in 0..20 {
        let store = Store::small(7100 + seed, 3);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            let bucket = set_up(&objects, LIMIT).await;
            let writer = |writer: u64| {
                let (objects, bucket) = (&objects, &bucket);
                async move {
                    let mut taken = 0;
                    for number in 0..10 {
                        let key = format!("{writer}-{number}");
                        let result = put(objects, bucket, &key, &content(number, 1000)).await;
                        taken += u64::from(result.is_ok());
                        assert!(result.is_ok() || is_over(&result), "{result:?}");
                    }
                    taken
                }
            };
            // 160 would be too many; exactly 100 fit.
            let taken: u64 = join_all((0..16).map(writer)).await.into_iter().sum();
            assert_eq!((taken, held(&objects, &bucket).await), (100, LIMIT), "seed {seed}");
            close(&objects).await;
        });
        ending.finished();
    }
}

#[test]
fn a_quota_that_is_set_beside_writes_counts_every_one_of_them() {
    for seed in 0..20 {
        let store = Store::small(7200 + seed, 3);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            let bucket = objects.create_bucket("b", "r", "o").await.unwrap();
            let writers = (0..8u64).map(|writer| {
                let (objects, bucket) = (&objects, &bucket);
                async move {
                    for number in 0..10 {
                        let _ = put(objects, bucket, &format!("{writer}-{number}"), &content(1, 1000)).await;
                    }
                }
            });
            let set = async {
                env.clock.sleep(std::time::Duration::from_millis(seed * 3)).await;
                objects.set_quota(&bucket, Some(40_000)).await.unwrap();
                let (_, then) = objects.usage(&bucket).await.unwrap();
                then
            };
            let (_, then) = join(join_all(writers), set).await;
            // What was there when it was set may be more; nothing came on top of that.
            let held = held(&objects, &bucket).await;
            assert!(held <= then.max(40_000), "seed {seed}: {held}, {then} when it was set");
            assert!(is_over(&put(&objects, &bucket, "more", &content(1, 50_000)).await));
            close(&objects).await;
        });
        ending.finished();
    }
}

#[test]
fn a_smaller_quota_lets_nothing_grow_and_deletes_make_room_again() {
    let store = Store::small(7300, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, LIMIT).await;
        for number in 0..8 {
            put(&objects, &bucket, &format!("{number}"), &content(number, 10_000)).await.unwrap();
        }
        objects.set_quota(&bucket, Some(50_000)).await.unwrap();
        assert_eq!(held(&objects, &bucket).await, 80_000);
        assert!(is_over(&put(&objects, &bucket, "new", &content(9, 1)).await));
        assert!(is_over(&put(&objects, &bucket, "0", &content(9, 10_001)).await));
        put(&objects, &bucket, "0", &content(9, 9_000)).await.unwrap();
        for number in 1..4 {
            assert!(is_over(&put(&objects, &bucket, &format!("{number}"), &content(9, 10_001)).await));
            delete(&objects, &bucket, &format!("{number}")).await.unwrap();
        }
        // In the partitions of what was deleted as well.
        for key in ["new", "1", "2", "3"] {
            assert!(is_over(&put(&objects, &bucket, key, &content(9, 1_001)).await), "{key}");
        }
        put(&objects, &bucket, "2", &content(9, 1_000)).await.unwrap();
        assert_eq!(held(&objects, &bucket).await, 50_000);
        objects.set_quota(&bucket, None).await.unwrap();
        assert_eq!(objects.quota(&bucket).await.unwrap(), None);
        put(&objects, &bucket, "large", &content(9, 200_000)).await.unwrap();
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn parts_of_uploads_count_and_completing_them_takes_nothing_more() {
    let store = Store::small(7400, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, 6 << 20).await;
        let upload = objects.create_upload(&bucket, "k", UploadRequest::default()).await.unwrap();
        let part = async |number, size| {
            let bytes = content(u64::from(number), size);
            let mut writer = objects.begin_part(&bucket, "k", upload, number, None).await?;
            writer.write(bytes.clone()).await?;
            writer.commit(facts(&bytes)).await
        };
        let first = part(1, 5 << 20).await.unwrap();
        assert!(is_over(&part(2, (1 << 20) + 1).await));
        let second = part(2, 1 << 20).await.unwrap();
        let parts = [first, second].map(|part| CompletePart {
            number: part.number,
            etag: part.etag.to_string(),
            checksums: Vec::new(),
        });
        let request = CompleteRequest {
            parts: parts.to_vec(),
            condition: WriteCondition::default(),
            expected_size_bytes: None,
            checksum: &|_, _| Ok(None),
        };
        objects.complete_upload(&bucket, "k", upload, request).await.unwrap();
        assert_eq!(held(&objects, &bucket).await, 6 << 20);
        // A large write is refused before its bytes come.
        let hinted = PutRequest { size_hint_bytes: Some(2 << 20), ..PutRequest::default() };
        assert!(is_over(&objects.begin_put(&bucket, "more", hinted.clone()).await));
        objects.begin_put(&bucket, "k", hinted).await.unwrap();
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn a_bucket_that_can_not_be_deleted_keeps_its_quota_and_one_that_is_takes_it_along() {
    let store = Store::small(7500, 3);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = set_up(&objects, 1000).await;
        put(&objects, &bucket, "k", &content(1, 1000)).await.unwrap();
        // As where an object comes behind the first look.
        let kept = objects.delete_alone("b", bucket.id, model::bucket::BucketState::Active).await;
        assert!(matches!(kept, Err(ObjectError::BucketNotEmpty { .. })));
        assert!(is_over(&put(&objects, &bucket, "more", &content(1, 1)).await));
        delete(&objects, &bucket, "k").await.unwrap();
        objects.delete_bucket("b").await.unwrap();
        assert!(matches!(objects.set_quota(&bucket, Some(1)).await, Err(ObjectError::NoSuchBucket { .. })));
        let next = objects.create_bucket("b", "r", "o").await.unwrap();
        assert_eq!(objects.quota(&next).await.unwrap(), None);
        put(&objects, &next, "k", &content(1, 2000)).await.unwrap();
        close(&objects).await;
    });
    ending.finished();
}

#[test]
fn a_crash_at_any_step_leaves_it_exact() {
    for seed in 0..150 {
        let store = Store::small(8000 + seed, if seed % 2 == 0 { 1 } else { 3 });
        let mut generator = Generator::new(seed);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            set_up(&objects, LIMIT).await;
            close(&objects).await;
        });
        ending.finished();
        let crash = if seed % 3 == 0 { Crash::Kill } else { Crash::PowerCut };
        store.simulation.disks().crash_after(1 + generator.below(1500), crash);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("b").await.unwrap();
            let writers = (0..8u64).map(|writer| {
                let (objects, bucket) = (&objects, &bucket);
                async move {
                    for number in 0..20 {
                        let key = format!("{writer}-{number}");
                        let _ = put(objects, bucket, &key, &content(number, 1000)).await;
                    }
                }
            });
            let changes = async {
                objects.set_quota(&bucket, Some(60_000)).await.unwrap();
                objects.set_quota(&bucket, None).await.unwrap();
                objects.set_quota(&bucket, Some(LIMIT)).await.unwrap();
            };
            join(join_all(writers), changes).await;
            close(&objects).await;
        });
        assert_ne!(ending, Ending::Stuck, "seed {seed}");
        store.simulation.disks().disarm_crash();
        store.crash_engines();
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            let bucket = objects.bucket("b").await.unwrap();
            objects.finish_quotas().await.unwrap();
            if objects.quota(&bucket).await.unwrap().is_none() {
                objects.set_quota(&bucket, Some(LIMIT)).await.unwrap();
            }
            let limit = objects.quota(&bucket).await.unwrap().unwrap();
            let before = held(&objects, &bucket).await;
            // Without a quota more may have come than the next one allows.
            let room = limit.saturating_sub(before);
            if room > 0 {
                put(&objects, &bucket, "rest", &content(1, room as usize)).await.unwrap();
            }
            assert!(is_over(&put(&objects, &bucket, "one more", &content(2, 1)).await), "seed {seed}");
            assert_eq!(held(&objects, &bucket).await, before + room, "seed {seed}");
            close(&objects).await;
        });
        ending.finished();
    }
}
