//! Drives that are nearly full: what would add rows is refused before a byte of it is read, what gives room back is not.

use std::time::Duration;

use blob::BlobError;
use model::ids::UploadId;

use super::*;

const RESERVE_BYTES: u64 = 256 << 20;

/// A store whose drives keep a reserve, in which their logs have room however full they are.
fn on_a_store(drives: usize, test: impl AsyncFnOnce(&Store, &Objects, &BucketInfo, &Env)) {
    let mut store = Store::small(9500, drives);
    store.blobs.reserve_bytes = Some(RESERVE_BYTES);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let bucket = objects.create_bucket("photos", "", "me").await.unwrap();
        test(&store, &objects, &bucket, &env).await;
        close(&objects).await;
    });
    ending.finished();
}

/// Gives drives so much room beside what they hold, and waits until the store has seen it.
async fn leave_room(store: &Store, objects: &Objects, env: &Env, slots: &[usize], free_bytes: u64) {
    for slot in slots {
        let name = format!("d{}", slot + 1);
        let space = env.disk.space(format!("/{name}").as_ref()).await.unwrap();
        store.simulation.disks().set_capacity(&name, space.total_bytes - space.free_bytes + free_bytes);
    }
    for _ in 0..2 {
        env.clock.sleep(Duration::from_secs(2)).await;
        let _ = objects.check_room(model::object::StorageClass::Standard);
    }
    env.clock.sleep(Duration::from_millis(100)).await;
}

fn is_about_room<T>(answer: &Result<T, ObjectError>, full: usize) -> bool {
    matches!(answer, Err(ObjectError::Blob(BlobError::TooFewDrives { full: found, .. })) if *found == full)
}

async fn create_upload(objects: &Objects, bucket: &BucketInfo) -> Result<UploadId, ObjectError> {
    objects.create_upload(bucket, "up", UploadRequest::default()).await
}

/// Everything that would add rows is refused, without a row or a byte of it.
async fn assert_refuses(objects: &Objects, bucket: &BucketInfo, upload: UploadId, full: usize) {
    let before = (objects.usage(bucket).await.unwrap(), objects.list_buckets().await.unwrap().len());
    assert!(is_about_room(&objects.create_bucket("more", "", "me").await, full));
    assert!(is_about_room(&create_upload(objects, bucket).await, full));
    assert!(is_about_room(&objects.begin_put(bucket, "new", PutRequest::default()).await, full));
    assert!(is_about_room(&objects.begin_part(bucket, "up", upload, 2, Some(0)).await, full));
    let after = (objects.usage(bucket).await.unwrap(), objects.list_buckets().await.unwrap().len());
    assert_eq!(before, after);
}

#[test]
fn what_adds_rows_is_refused_while_too_many_drives_are_full_and_goes_on_when_room_is_back() {
    on_a_store(4, async |store, objects, bucket, env| {
        put(objects, bucket, "old", &content(1, 20_000)).await.unwrap();
        let upload = create_upload(objects, bucket).await.unwrap();
        leave_room(store, objects, env, &[0, 2], RESERVE_BYTES / 2).await;
        assert_refuses(objects, bucket, upload, 2).await;
        assert_eq!(get(objects, bucket, "old").await.unwrap(), content(1, 20_000), "reads go on");
        leave_room(store, objects, env, &[0, 2], RESERVE_BYTES * 4).await;
        for len in [0, 10, 20_000] {
            put(objects, bucket, "new", &content(2, len)).await.unwrap();
        }
        create_upload(objects, bucket).await.unwrap();
        objects.create_bucket("more", "", "me").await.unwrap();
    });
}

#[test]
fn what_gives_room_back_is_not_asked_for_room() {
    on_a_store(1, async |store, objects, bucket, env| {
        put(objects, bucket, "old", &content(1, 20_000)).await.unwrap();
        let upload = create_upload(objects, bucket).await.unwrap();
        let gone = objects.create_bucket("gone", "", "me").await.unwrap();
        leave_room(store, objects, env, &[0], RESERVE_BYTES / 2).await;
        assert_refuses(objects, bucket, upload, 1).await;
        delete(objects, bucket, "old").await.unwrap();
        objects.abort_upload(bucket, "up", upload).await.unwrap();
        objects.delete_bucket(&gone.name).await.unwrap();
        work_until_done(objects, env).await;
        assert_tidy(objects).await;
    });
}

#[test]
fn one_full_drive_of_four_refuses_nothing() {
    on_a_store(4, async |store, objects, bucket, env| {
        leave_room(store, objects, env, &[3], RESERVE_BYTES / 2).await;
        for len in [0, 10, 20_000] {
            put(objects, bucket, &format!("of {len}"), &content(2, len)).await.unwrap();
        }
        create_upload(objects, bucket).await.unwrap();
        objects.create_bucket("more", "", "me").await.unwrap();
    });
}

/// Who is told that a name is taken, or that a condition does not hold, has no use for being sent again later.
#[test]
fn an_answer_for_good_comes_before_one_about_room() {
    on_a_store(1, async |store, objects, bucket, env| {
        put(objects, bucket, "old", &content(1, 10)).await.unwrap();
        leave_room(store, objects, env, &[0], RESERVE_BYTES / 2).await;
        let taken = objects.create_bucket("photos", "", "me").await;
        assert!(matches!(taken, Err(ObjectError::BucketExists { .. })));
        let condition = WriteCondition { if_none_match: Some(ETagMatch::Any), ..WriteCondition::default() };
        let request = PutRequest { condition, ..PutRequest::default() };
        let refused = objects.begin_put(bucket, "old", request).await.err();
        assert!(matches!(refused, Some(ObjectError::PreconditionFailed { .. })), "{refused:?}");
        let gone = UploadId::from_bytes([1; 16]);
        let part = objects.begin_part(bucket, "up", gone, 1, None).await;
        assert!(matches!(part, Err(ObjectError::NoSuchUpload)));
    });
}
