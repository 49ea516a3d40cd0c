//! Deleting a bucket: several at once, cut short, and beside writes to it.

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

/// A delete of a bucket that is given up after so many microseconds.
async fn delete_for(objects: &Objects, env: &Env, name: &str, moment: u64) {
    let cut = env.clock.sleep(std::time::Duration::from_micros(moment));
    drop(futures_util::future::select(Box::pin(objects.delete_bucket(name)), cut).await);
}

#[test]
fn a_delete_that_was_given_up_keeps_nobody_from_a_bucket_that_stays() {
    // An object comes behind the first look, in the last partition: the delete is taken back, however early its clients go.
    for moment in 0..60 {
        for second in [0, 100, 400, 900] {
            let store = Store::new(9500 + moment, 3);
            let ending = store.simulation.run(async |env| {
                let objects = store.open(&env, true).await;
                let bucket = objects.create_bucket("b", "r", "o").await.unwrap();
                let bytes = Bytes::from_static(b"x");
                let last = key_in(&objects, &bucket, 2);
                let deletes = async {
                    delete_for(&objects, &env, "b", 50 * moment).await;
                    delete_for(&objects, &env, "b", second).await;
                };
                let (was_put, ()) =
                    futures_util::future::join(put(&objects, &bucket, &last, &bytes), deletes).await;
                env.clock.sleep(std::time::Duration::from_secs(1)).await;
                if was_put.is_ok() {
                    for partition in 0..3 {
                        let key = key_in(&objects, &bucket, partition);
                        let again = put(&objects, &bucket, &key, &bytes).await;
                        assert!(
                            again.is_ok(),
                            "moments {moment}, {second}, partition {partition}: {again:?}"
                        );
                    }
                    assert_eq!(objects.bucket("b").await.unwrap().id, bucket.id);
                }
                close(&objects).await;
            });
            ending.finished();
        }
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
