//! Deleting a bucket twice at once, and again after it was cut short.

use super::*;

/// A key of each partition.
fn key_in(objects: &Objects, bucket: &BucketInfo, partition: u16) -> String {
    let mut keys = (0..).map(|number| format!("key-{number}"));
    keys.find(|key| objects.partition(bucket.id, key).0 == partition).unwrap()
}

#[test]
fn a_delete_that_was_given_up_is_finished_by_the_next_one() {
    // Given up at each of its first moments, as when the client goes away.
    for moment in 0..40 {
        let store = Store::new(9200 + moment, 3);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            objects.create_bucket("b", "r", "o").await.unwrap();
            let cut = env.clock.sleep(std::time::Duration::from_micros(50 * moment));
            let delete = objects.delete_bucket("b");
            drop(futures_util::future::select(Box::pin(delete), cut).await);
            match objects.delete_bucket("b").await {
                Ok(()) | Err(ObjectError::NoSuchBucket { .. }) => {}
                Err(error) => panic!("moment {moment}: {error}"),
            }
            close(&objects).await;
        });
        ending.finished();
    }
}

#[test]
fn a_bucket_in_which_an_object_was_put_stays_however_many_delete_it() {
    for seed in 0..200u64 {
        let store = Store::new(9300 + seed, 3);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            let bucket = objects.create_bucket("b", "r", "o").await.unwrap();
            let bytes = Bytes::from_static(b"x");
            let (first, last) = (key_in(&objects, &bucket, 0), key_in(&objects, &bucket, 2));
            let wait = |n: u64| env.clock.sleep(std::time::Duration::from_micros(n * 37 % 3000));
            // Looked up before it is marked: what is put through it is counted or fenced.
            let client = async {
                wait(seed).await;
                let _ = put(&objects, &bucket, &last, &bytes).await;
                wait(seed * 7).await;
                let _ = delete(&objects, &bucket, &last).await;
                for _ in 0..20 {
                    if put(&objects, &bucket, &first, &bytes).await.is_ok() {
                        return true;
                    }
                    wait(seed * 3).await;
                }
                false
            };
            let deleter = objects.delete_bucket("b");
            let maker = async {
                wait(seed * 13).await;
                let _ = objects.create_bucket("b", "r", "o").await;
            };
            let (was_put, _, ()) = futures_util::future::join3(client, deleter, maker).await;
            if was_put {
                let found = objects.bucket("b").await.map(|found| found.id);
                assert_eq!(
                    found.ok(),
                    Some(bucket.id),
                    "seed {seed}: the bucket of an acknowledged object is gone"
                );
                assert!(put(&objects, &bucket, &last, &bytes).await.is_ok(), "seed {seed}: a fence stayed");
            }
            close(&objects).await;
        });
        ending.finished();
    }
}
