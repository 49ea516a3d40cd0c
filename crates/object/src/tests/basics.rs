//! Each operation once, on one drive and on four.

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "a closure is written in place")]
fn on_stores(test: impl AsyncFn(&Objects, &BucketInfo, &Env)) {
    for drives in [1, 4] {
        let store = Store::new(drives as u64, drives);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, true).await;
            let bucket = objects.create_bucket("photos", "", "me").await.unwrap();
            test(&objects, &bucket, &env).await;
            close(&objects).await;
        });
        ending.finished();
    }
}

const SIZES: [usize; 9] = [0, 1, 500, 1024, 5000, 16_384, 300_000, 1 << 20, (5 << 20) + 7];

#[test]
fn objects_of_every_size_come_back_whole_and_in_ranges() {
    on_stores(async |objects, bucket, _| {
        for (n, size) in SIZES.into_iter().enumerate() {
            let bytes = content(n as u64, size);
            let key = format!("size/{size}");
            let done = put(objects, bucket, &key, &bytes).await.unwrap();
            assert_eq!(done.size_bytes, size as u64);
            assert_eq!(get(objects, bucket, &key).await.unwrap(), bytes, "{size}");
            let object = objects.open(bucket, &key, None).await.unwrap();
            assert_eq!(object.info().etag, done.etag);
            for range in [0..1u64, 1..2, (size as u64 / 2)..size as u64, 0..size as u64] {
                let wanted =
                    &bytes[range.start.min(size as u64) as usize..range.end.min(size as u64) as usize];
                assert_eq!(read(objects, &object, range.clone()).await.unwrap(), wanted, "{size} {range:?}");
            }
        }
        assert_eq!(keys(objects, bucket).await.len(), SIZES.len());
        let (count, bytes) = objects.usage(bucket).await.unwrap();
        assert_eq!((count as usize, bytes as usize), (SIZES.len(), SIZES.iter().sum()));
    });
}

#[test]
fn an_overwritten_object_is_the_new_one_and_its_old_bytes_go() {
    on_stores(async |objects, bucket, env| {
        let (old, new) = (content(1, 200_000), content(2, 3_000));
        put(objects, bucket, "k", &old).await.unwrap();
        let open = objects.open(bucket, "k", None).await.unwrap();
        put(objects, bucket, "k", &new).await.unwrap();
        assert_eq!(get(objects, bucket, "k").await.unwrap(), new);
        env.clock.sleep(std::time::Duration::from_secs(10)).await;
        let mut reclaimed = 0;
        for partition in objects.meta().partitions() {
            reclaimed += objects.reclaim(partition, 100).await.unwrap().blobs;
        }
        assert_eq!(reclaimed, 1);
        assert!(matches!(objects.read(&open, 0..10).await, Err(ObjectError::Replaced)));
        assert_eq!(get(objects, bucket, "k").await.unwrap(), new);
    });
}

#[test]
fn conditions_are_checked_in_the_transaction() {
    on_stores(async |objects, bucket, _| {
        let new_only = || WriteCondition { if_none_match: Some(ETagMatch::Any), ..Default::default() };
        let bytes = content(3, 100);
        let writers = (0..16).map(|_| put_if(objects, bucket, "lock", &bytes, new_only()));
        let results = futures_util::future::join_all(writers).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let refused = results.into_iter().filter_map(Result::err);
        assert!(refused.into_iter().all(|error| matches!(error, ObjectError::PreconditionFailed { .. })));
    });
}

#[test]
fn deletes_of_many_keys_answer_in_order() {
    on_stores(async |objects, bucket, _| {
        for n in 0..50 {
            put(objects, bucket, &format!("k{n}"), &content(n, 10)).await.unwrap();
        }
        let requests =
            (0..60).map(|n| DeleteRequest { key: format!("k{n}"), ..Default::default() }).collect();
        let results = objects.delete_many(bucket, requests).await;
        assert_eq!(results.len(), 60);
        assert!(results.iter().all(Result::is_ok));
        assert!(keys(objects, bucket).await.is_empty());
        assert!(matches!(get(objects, bucket, "k1").await, Err(ObjectError::NoSuchKey)));
        assert!(delete(objects, bucket, "k1").await.is_ok());
    });
}

#[test]
fn a_listing_groups_and_goes_on_where_it_stopped() {
    on_stores(async |objects, bucket, _| {
        for key in ["_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud", "_under2/bla", "a", "a/b"] {
            put(objects, bucket, key, &content(1, 5)).await.unwrap();
        }
        let mut request = ListRequest { delimiter: Some("/".into()), limit: 1, ..ListRequest::default() };
        let mut found = Vec::new();
        loop {
            let page = objects.list(bucket, request.clone()).await.unwrap();
            found.extend(page.entries.into_iter().map(|entry| match entry {
                ListEntry::Object(object) => object.key,
                ListEntry::Prefix(prefix) => prefix,
            }));
            match page.next {
                Some(next) => request.from = next,
                None => break,
            }
        }
        assert_eq!(found, ["_obj1_", "_under1/", "_under2/", "a", "a/"]);
        request = ListRequest {
            prefix: "_under1/".into(),
            delimiter: Some("/".into()),
            limit: 10,
            ..Default::default()
        };
        assert_eq!(objects.list(bucket, request).await.unwrap().entries.len(), 2);
    });
}

#[test]
fn an_upload_becomes_an_object_with_its_parts() {
    on_stores(async |objects, bucket, _| {
        let upload = objects.create_upload(bucket, "big", UploadRequest::default()).await.unwrap();
        let parts = [content(1, 5 << 20), content(2, 5 << 20), content(3, 77)];
        let mut named = Vec::new();
        for (number, bytes) in (1u16..).zip(&parts) {
            let mut writer = objects.begin_part(bucket, "big", upload, number, None).await.unwrap();
            writer.write(bytes.clone()).await.unwrap();
            let part = writer.commit(facts(bytes)).await.unwrap();
            named.push(CompletePart { number, etag: part.etag.to_string(), checksums: vec![] });
        }
        assert!(matches!(get(objects, bucket, "big").await, Err(ObjectError::NoSuchKey)));
        let request = CompleteRequest {
            parts: named,
            condition: WriteCondition::default(),
            expected_size_bytes: None,
            checksum: &|_, _| Ok(None),
        };
        let done = objects.complete_upload(bucket, "big", upload, request).await.unwrap();
        assert_eq!(done.etag.parts, 3);
        let whole = parts.concat();
        assert_eq!(get(objects, bucket, "big").await.unwrap(), whole);
        let object = objects.open(bucket, "big", None).await.unwrap();
        let range = (5 << 20) - 3..(10 << 20) + 5;
        assert_eq!(
            read(objects, &object, range.clone()).await.unwrap(),
            whole[range.start as usize..range.end as usize]
        );
        let third = objects.part_range(&object, 3).await.unwrap().unwrap();
        assert_eq!((third.range, third.parts), ((10 << 20)..(10 << 20) + 77, 3));
        assert!(matches!(objects.upload(bucket, "big", upload).await, Err(ObjectError::NoSuchUpload)));
        delete(objects, bucket, "big").await.unwrap();
        assert_eq!(objects.usage(bucket).await.unwrap(), (0, 0));
    });
}

#[test]
fn a_bucket_with_objects_stays_and_an_empty_one_goes() {
    on_stores(async |objects, bucket, _| {
        put(objects, bucket, "k", &content(1, 10)).await.unwrap();
        assert!(matches!(objects.delete_bucket("photos").await, Err(ObjectError::BucketNotEmpty { .. })));
        put(objects, bucket, "l", &content(1, 10)).await.unwrap();
        delete(objects, bucket, "k").await.unwrap();
        delete(objects, bucket, "l").await.unwrap();
        objects.delete_bucket("photos").await.unwrap();
        assert!(matches!(objects.bucket("photos").await, Err(ObjectError::NoSuchBucket { .. })));
        assert!(put(objects, bucket, "late", &content(1, 10)).await.is_err());
        let again = objects.create_bucket("photos", "", "me").await.unwrap();
        assert_ne!(again.id, bucket.id);
        assert!(keys(objects, &again).await.is_empty());
    });
}

#[test]
fn a_deleted_bucket_takes_its_uploads_along() {
    on_stores(async |objects, bucket, env| {
        let upload = objects.create_upload(bucket, "big", UploadRequest::default()).await.unwrap();
        let mut writer = objects.begin_part(bucket, "big", upload, 1, None).await.unwrap();
        writer.write(content(1, 300_000)).await.unwrap();
        writer.commit(facts(&content(1, 300_000))).await.unwrap();
        objects.delete_bucket("photos").await.unwrap();
        assert!(matches!(objects.upload(bucket, "big", upload).await, Err(ObjectError::NoSuchUpload)));
        let mut reclaimed = 0;
        for _ in 0..3 {
            env.clock.sleep(std::time::Duration::from_secs(10)).await;
            for partition in objects.meta().partitions() {
                reclaimed += objects.reclaim(partition, 100).await.unwrap().blobs;
            }
        }
        assert_eq!(reclaimed, 1);
    });
}
