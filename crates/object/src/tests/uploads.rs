//! Uploads at their limits, and objects made of parts that are replaced while they are read.

use std::ops::Range;
use std::time::Duration;

use futures_util::future::join_all;
use model::etag::ETag;
use model::ids::UploadId;
use model::limits::{KEY_BYTES_MAX, PART_NUMBER_MAX, PART_SIZE_BYTES_MIN};
use model::reclaim::{BlobDescriptor, UploadFacts};
use model::record::Record;
use model::upload::PartRecord;

use crate::tables::{PartKey, Parts, Reclaim};

use super::*;

const PART_BYTES: usize = PART_SIZE_BYTES_MIN as usize;

fn on_a_store(drives: usize, test: impl AsyncFnOnce(&Objects, &BucketInfo, &Env)) {
    let store = Store::small(9400, drives);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = objects.create_bucket("photos", "", "me").await.unwrap();
        test(&objects, &bucket, &env).await;
        close(&objects).await;
    });
    ending.finished();
}

async fn begin(objects: &Objects, bucket: &BucketInfo, key: &str) -> UploadId {
    objects.create_upload(bucket, key, UploadRequest::default()).await.unwrap()
}

async fn put_part(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    upload: UploadId,
    (number, bytes): (u16, &Bytes),
) -> CompletePart {
    let mut writer = objects.begin_part(bucket, key, upload, number, None).await.unwrap();
    writer.write(bytes.clone()).await.unwrap();
    let part = writer.commit(facts(bytes)).await.unwrap();
    CompletePart { number, etag: part.etag.to_string(), checksums: vec![] }
}

async fn complete(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    upload: UploadId,
    parts: Vec<CompletePart>,
) -> Result<Put, ObjectError> {
    complete_if(objects, bucket, key, upload, parts, WriteCondition::default()).await
}

async fn complete_if(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    upload: UploadId,
    parts: Vec<CompletePart>,
    condition: WriteCondition,
) -> Result<Put, ObjectError> {
    let request = CompleteRequest { parts, condition, expected_size_bytes: None, checksum: &|_, _| Ok(None) };
    objects.complete_upload(bucket, key, upload, request).await
}

/// An object of three parts, with their bytes.
async fn three_parts(objects: &Objects, bucket: &BucketInfo, key: &str) -> Vec<u8> {
    let upload = begin(objects, bucket, key).await;
    let parts = [content(1, PART_BYTES), content(2, PART_BYTES), content(3, 777)];
    let mut named = Vec::new();
    for (number, bytes) in (1..).zip(&parts) {
        named.push(put_part(objects, bucket, key, upload, (number, bytes)).await);
    }
    complete(objects, bucket, key, upload, named).await.unwrap();
    parts.concat()
}

/// One round of reclaiming, after the grace.
async fn reclaim(objects: &Objects, env: &Env, limit: usize) {
    env.clock.sleep(crate::readers::GRACE * 2).await;
    for partition in objects.meta().partitions() {
        objects.reclaim(partition, limit).await.unwrap();
    }
}

async fn replace(objects: &Objects, bucket: &BucketInfo, key: &str, with: &str) {
    match with {
        "a delete" => drop(delete(objects, bucket, key).await.unwrap()),
        "a put" => drop(put(objects, bucket, key, &content(9, 300_000)).await.unwrap()),
        _ => drop(three_parts(objects, bucket, key).await),
    }
}

#[test]
fn a_slow_reader_of_parts_gets_the_old_bytes_whatever_replaces_them() {
    for with in ["a delete", "a put", "an upload"] {
        on_a_store(4, async |objects, bucket, env| {
            let old = three_parts(objects, bucket, "big").await;
            let object = objects.open(bucket, "big", None).await.unwrap();
            let mut reader = objects.read(&object, 0..old.len() as u64).await.unwrap();
            let mut found = reader.next().await.unwrap().unwrap().to_vec();
            replace(objects, bucket, "big", with).await;
            while let Some(bytes) = reader.next().await {
                found.extend_from_slice(&bytes.unwrap());
                reclaim(objects, env, 1).await;
            }
            assert!(found == old, "{with}: other bytes than those that were opened");
            drop(reader);
            work_until_done(objects, env).await;
            assert_tidy(objects).await;
        });
    }
}

#[test]
fn a_reader_that_comes_when_part_rows_are_going_away_is_told_so() {
    on_a_store(4, async |objects, bucket, env| {
        let size = three_parts(objects, bucket, "big").await.len() as u64;
        let object = objects.open(bucket, "big", None).await.unwrap();
        delete(objects, bucket, "big").await.unwrap();
        reclaim(objects, env, 1).await; // The row of part 1 alone is gone now.
        for range in [0..size, 0..10, size - 10..size] {
            let read = objects.read(&object, range.clone()).await;
            assert!(matches!(read, Err(ObjectError::Replaced)), "{range:?}: {:?}", read.err());
        }
        assert!(matches!(objects.part_range(&object, 1).await, Err(ObjectError::Replaced)));
    });
}

#[test]
fn a_completion_that_is_sent_again_is_answered_as_the_first_time() {
    on_a_store(1, async |objects, bucket, _| {
        let upload = begin(objects, bucket, "k").await;
        let part = put_part(objects, bucket, "k", upload, (1, &content(1, 3000))).await;
        let new_only = || WriteCondition { if_none_match: Some(ETagMatch::Any), ..Default::default() };
        let send = || complete_if(objects, bucket, "k", upload, vec![part.clone()], new_only());
        let answers = join_all((0..5).map(|_| send())).await;
        let first = answers[0].as_ref().unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref().ok() == Some(first)), "{answers:?}");
        assert_eq!(send().await.unwrap(), *first);
        // Another list of parts was never completed, nor is this upload what is there once the key is replaced.
        let other = CompletePart { etag: ETag::single([7; 16]).to_string(), ..part.clone() };
        let refused = complete(objects, bucket, "k", upload, vec![other]).await;
        assert!(matches!(refused, Err(ObjectError::NoSuchUpload)));
        put(objects, bucket, "k", &content(2, 10)).await.unwrap();
        assert!(matches!(send().await, Err(ObjectError::NoSuchUpload)));
        delete(objects, bucket, "k").await.unwrap();
        assert!(matches!(send().await, Err(ObjectError::NoSuchUpload)));
    });
}

/// Part rows of an upload as if all of that size had been uploaded; their blobs are nowhere.
async fn pretend_parts(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    upload: UploadId,
    numbers: Range<u16>,
) -> Vec<CompletePart> {
    let numbers: Vec<u16> = numbers.collect();
    let path = (bucket.id, key.to_owned());
    let mut named = Vec::new();
    for page in numbers.chunks(500) {
        let mut txn = objects.begin(&path).await.unwrap();
        for number in page {
            let etag = ETag::single([*number as u8; 16]);
            let row = PartRecord {
                size_bytes: PART_SIZE_BYTES_MIN,
                etag,
                checksum: None,
                blob: Some(blob(*number)),
            };
            let key = PartKey { bucket: bucket.id, key: key.to_owned(), upload, number: *number };
            txn.put::<Parts>(&key, &row);
            named.push(CompletePart { number: *number, etag: etag.to_string(), checksums: vec![] });
        }
        txn.commit().await.unwrap();
    }
    named
}

fn blob(number: u16) -> BlobRef {
    let mut id = [1; 16];
    id[14..].copy_from_slice(&number.to_be_bytes());
    BlobRef {
        id: BlobId::from_bytes(id),
        size_bytes: PART_SIZE_BYTES_MIN,
        redundancy: model::blob::Redundancy { data: 1, parity: 0 },
        stripe_bytes: 1 << 20,
        set: 0,
        first_slot: 0,
        map_epoch: 1,
    }
}

/// How many part rows the key's partition holds.
async fn part_rows(objects: &Objects, bucket: &BucketInfo, key: &str) -> usize {
    let reader = objects.reader(&(bucket.id, key.to_owned())).await.unwrap();
    reader.scan::<Parts>((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), usize::MAX).unwrap().len()
}

/// Whether a reclaim row is left for the upload.
async fn is_queued(objects: &Objects, bucket: &BucketInfo, key: &str, upload: UploadId) -> bool {
    let reader = objects.reader(&(bucket.id, key.to_owned())).await.unwrap();
    reader.get::<Reclaim>(upload.bytes()).unwrap().is_some()
}

#[test]
fn of_ten_thousand_parts_under_the_longest_key_one_or_all_can_be_named() {
    // A byte of 0 takes two in a row's key: the longest there is.
    let key = "\0".repeat(KEY_BYTES_MAX);
    on_a_store(1, async |objects, bucket, env| {
        let upload = begin(objects, bucket, &key).await;
        let parts = pretend_parts(objects, bucket, &key, upload, 1..PART_NUMBER_MAX).await;
        let bytes = content(5, 5000);
        let last = put_part(objects, bucket, &key, upload, (PART_NUMBER_MAX, &bytes)).await;
        complete(objects, bucket, &key, upload, vec![last]).await.unwrap();
        assert_eq!(get(objects, bucket, &key).await.unwrap(), bytes, "unnamed parts are no part of it");
        let object = objects.open(bucket, &key, None).await.unwrap();
        let first = objects.part_range(&object, 1).await.unwrap().unwrap();
        assert_eq!((first.range, first.parts), (0..5000, 1));
        assert!(objects.part_range(&object, 2).await.unwrap().is_none());
        for _ in 0..3 * parts.len() / 1000 {
            reclaim(objects, env, 1000).await;
            assert_eq!(get(objects, bucket, &key).await.unwrap(), bytes);
        }
        assert_eq!(part_rows(objects, bucket, &key).await, 1 + 1, "what was not named is gone");
        assert!(!is_queued(objects, bucket, &key, upload).await);

        let upload = begin(objects, bucket, &key).await;
        let parts = pretend_parts(objects, bucket, &key, upload, 1..PART_NUMBER_MAX + 1).await;
        let put = complete(objects, bucket, &key, upload, parts).await.unwrap();
        assert_eq!(put.size_bytes, u64::from(PART_NUMBER_MAX) * PART_SIZE_BYTES_MIN);
    });
}

#[test]
fn parts_that_were_not_named_are_not_read_and_go_whatever_happens_to_the_object() {
    for with in ["nothing", "a delete", "a put", "an upload", "a touch"] {
        on_a_store(4, async |objects, bucket, env| {
            let upload = begin(objects, bucket, "k").await;
            let contents: Vec<Bytes> = (0..5).map(|number| content(number, PART_BYTES)).collect();
            let mut parts = Vec::new();
            for (number, bytes) in (1..).zip(&contents) {
                parts.push(put_part(objects, bucket, "k", upload, (number, bytes)).await);
            }
            let named = vec![parts[1].clone(), parts[3].clone()];
            complete(objects, bucket, "k", upload, named).await.unwrap();
            let whole = [&contents[1][..], &contents[3]].concat();
            let object = objects.open(bucket, "k", None).await.unwrap();
            let second = objects.part_range(&object, 2).await.unwrap().unwrap();
            assert_eq!((second.range, second.parts), (PART_SIZE_BYTES_MIN..2 * PART_SIZE_BYTES_MIN, 2));
            let middle = PART_SIZE_BYTES_MIN - 5..PART_SIZE_BYTES_MIN + 5;
            let wanted = &whole[middle.start as usize..middle.end as usize];
            assert_eq!(read(objects, &object, middle).await.unwrap(), wanted);
            match with {
                "nothing" => {}
                "a touch" => {
                    let request = crate::CopyRequest { owner: "you".into(), ..Default::default() };
                    objects.copy(&object, bucket, "k", request, Box::new(NoDigest)).await.unwrap();
                }
                with => {
                    let mut reader = objects.read(&object, 0..whole.len() as u64).await.unwrap();
                    replace(objects, bucket, "k", with).await;
                    reclaim(objects, env, 1).await;
                    let mut found = Vec::new();
                    while let Some(bytes) = reader.next().await {
                        found.extend_from_slice(&bytes.unwrap());
                    }
                    assert!(found == whole, "{with}");
                }
            }
            work_until_done(objects, env).await;
            work_until_done(objects, env).await;
            assert_tidy(objects).await;
            if ["nothing", "a touch"].contains(&with) {
                assert!(get(objects, bucket, "k").await.unwrap() == whole, "{with}");
                assert_eq!(part_rows(objects, bucket, "k").await, 2 + 1);
                delete(objects, bucket, "k").await.unwrap();
                work_until_done(objects, env).await;
                assert_tidy(objects).await;
                assert_eq!(part_rows(objects, bucket, "k").await, 0);
            }
            env.clock.sleep(Duration::from_millis(1)).await;
        });
    }
}

/// Where nothing is to be digested, as no bytes are copied.
struct NoDigest;

impl crate::ContentDigest for NoDigest {
    fn update(&mut self, _: &[u8]) {
        panic!("a copy onto itself reads nothing");
    }

    fn finish(self: Box<Self>) -> ContentFacts {
        panic!("a copy onto itself has the facts of the object");
    }
}

/// The rows of an upload's parts, with what tells of its completion.
async fn rows_of(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    upload: UploadId,
) -> Vec<(u16, PartRecord)> {
    let reader = objects.reader(&(bucket.id, key.to_owned())).await.unwrap();
    let prefix = crate::tables::parts_prefix(bucket.id, key, upload);
    let end = meta::table::after_prefix(&prefix).unwrap();
    let range = (std::ops::Bound::Included(&prefix[..]), std::ops::Bound::Excluded(&end[..]));
    let rows = reader.scan::<Parts>(range, 20_000).unwrap();
    rows.into_iter().map(|(key, row)| (key.number, row.row)).collect()
}

/// Salvage has nothing but shards: what it needs of a completion has to be in those of one blob.
#[test]
fn a_completion_is_told_of_by_a_blob_that_goes_with_the_object() {
    for (drives, missing) in [(4, &[][..]), (4, &[2][..]), (1, &[][..])] {
        let store = Store::small(9410, drives);
        let all: Vec<usize> = (0..drives).filter(|slot| !missing.contains(slot)).collect();
        store.simulation.run(async |env| close(&store.open(&env, true).await).await).finished();
        let ending = store.simulation.run(async |env| {
            let objects = store.open_with(&env, false, &all).await;
            let bucket = objects.create_bucket("photos", "", "me").await.unwrap();
            let upload = begin(&objects, &bucket, "big").await;
            let mut named = Vec::new();
            for (number, bytes) in [(2, PART_BYTES), (3, PART_BYTES), (9, 777)] {
                named.push(
                    put_part(&objects, &bucket, "big", upload, (number, &content(u64::from(number), bytes)))
                        .await,
                );
            }
            named.remove(1);
            let put = complete(&objects, &bucket, "big", upload, named).await.unwrap();
            let rows = rows_of(&objects, &bucket, "big", upload).await;
            let (0, PartRecord { size_bytes: 0, blob: Some(blob), .. }) = &rows[0] else {
                panic!("{rows:?}")
            };
            let descriptor = objects.blobs().describe(blob).await.unwrap();
            let descriptor = BlobDescriptor::decode(&descriptor).unwrap();
            assert_eq!((descriptor.part, descriptor.md5), (Some((upload, 0)), put.etag.md5));
            let told = UploadFacts::Completion {
                parts: [2, 9].into_iter().collect(),
                size_bytes: PART_BYTES as u64 + 777,
            };
            assert_eq!(descriptor.upload, told);
            // The part that was not named goes, what tells of the others stays: neither the collector nor the sweep takes it.
            work_until_done(&objects, &env).await;
            let numbers: Vec<u16> =
                rows_of(&objects, &bucket, "big", upload).await.iter().map(|row| row.0).collect();
            assert_eq!(numbers, [0, 2, 9]);
            assert!(objects.blobs().describe(blob).await.is_some());
            let object = objects.open(&bucket, "big", None).await.unwrap();
            let second = objects.part_range(&object, 2).await.unwrap().unwrap();
            assert_eq!(second.range, PART_BYTES as u64..PART_BYTES as u64 + 777);
            delete(&objects, &bucket, "big").await.unwrap();
            work_until_done(&objects, &env).await;
            assert_eq!(shards(&objects).await.len(), 0, "it goes with the object");
            close(&objects).await;
        });
        ending.finished();
    }
}

/// What tells of a completion is written before its transaction: it must go where that fails.
#[test]
fn a_completion_that_is_refused_leaves_nothing_behind() {
    on_a_store(4, async |objects, bucket, env| {
        let upload = begin(objects, bucket, "k").await;
        let part = put_part(objects, bucket, "k", upload, (1, &content(1, 3000))).await;
        let new_only = || WriteCondition { if_none_match: Some(ETagMatch::Any), ..Default::default() };
        put(objects, bucket, "k", &content(2, 10)).await.unwrap();
        let refused = complete_if(objects, bucket, "k", upload, vec![part.clone()], new_only()).await;
        assert!(matches!(refused, Err(ObjectError::PreconditionFailed { .. })));
        assert_tidy(objects).await;
        // Two at once, of which one alone can be the first: what the other has written goes.
        let part_2 = put_part(objects, bucket, "k", upload, (2, &content(2, 3000))).await;
        let both = [vec![part], vec![part_2]].map(|parts| complete(objects, bucket, "k", upload, parts));
        let answers = join_all(both).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        work_until_done(objects, env).await;
        assert_tidy(objects).await;
    });
}
