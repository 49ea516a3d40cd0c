//! What comes back, decided without a store.

use model::attributes::Attributes;
use model::blob::Redundancy;
use model::ids::VersionId;
use model::object::StorageClass;

use super::*;

const MIB: u64 = 1 << 20;

fn blob(key: &str, written: u64, shards: u8) -> SalvagedBlob {
    let mut random = [0; 10];
    random[0] = written as u8;
    SalvagedBlob {
        blob: BlobRef {
            id: BlobId::new(Timestamp::from_millis(written), random),
            size_bytes: 5 * MIB,
            redundancy: Redundancy { data: 2, parity: 2 },
            stripe_bytes: 1 << 20,
            set: 0,
            first_slot: 0,
            map_epoch: 1,
        },
        descriptor: BlobDescriptor {
            bucket_name: "photos".into(),
            bucket: BucketId(7),
            key: key.into(),
            part: None,
            md5: [written as u8; 16],
            attributes: Attributes::default(),
            storage_class: StorageClass::Standard,
            written: Timestamp::ZERO,
            version: VersionId::NULL,
            checksum: None,
            owner: String::new(),
        },
        shards,
    }
}

fn part(key: &str, upload: u8, number: u16, written: u64) -> SalvagedBlob {
    let mut part = blob(key, written, 4);
    part.descriptor.part = Some((UploadId::from_bytes([upload; 16]), number));
    part
}

fn planned(blobs: Vec<SalvagedBlob>) -> SalvagedBucket {
    let mut reversed = blobs.clone();
    reversed.reverse();
    let (mut one, other) = (plan(blobs, true), plan(reversed, true));
    let text =
        |plan: &SalvagePlan| format!("{:?}", plan.buckets.values().map(|b| &b.objects).collect::<Vec<_>>());
    assert_eq!(text(&one), text(&other), "the order in which shards are found must not matter");
    one.buckets.remove("photos").unwrap()
}

fn md5(bucket: &SalvagedBucket, key: &str) -> u8 {
    match &bucket.objects[key] {
        SalvagedObject::Whole(blob) => blob.descriptor.md5[0],
        SalvagedObject::Parts(upload) => panic!("{upload:?}"),
    }
}

#[test]
fn the_newest_blob_of_a_key_wins() {
    let bucket = planned(vec![blob("k", 1, 4), blob("k", 3, 2), blob("k", 2, 4), blob("other", 1, 4)]);
    assert_eq!((md5(&bucket, "k"), bucket.superseded, bucket.objects.len()), (3, 2, 2));
    assert!(bucket.lost.is_empty());
}

#[test]
fn what_ended_later_is_newer_though_it_began_earlier() {
    let mut slow = blob("k", 1, 4);
    slow.descriptor.written = Timestamp::from_millis(9);
    let mut quick = blob("k", 2, 4);
    quick.descriptor.written = Timestamp::from_millis(3);
    assert_eq!(md5(&planned(vec![slow, quick]), "k"), 1);
}

#[test]
fn too_few_shards_are_a_loss_that_is_told_of() {
    let bucket = planned(vec![blob("gone", 1, 1), blob("k", 1, 4), blob("k", 2, 1)]);
    assert_eq!(md5(&bucket, "k"), 1, "an older version is better than none");
    let lost: Vec<(&str, bool)> =
        bucket.lost.iter().map(|lost| (lost.key.as_str(), lost.is_replaced_by_older)).collect();
    assert_eq!(lost, [("gone", false), ("k", true)]);
}

#[test]
fn an_unreadable_blob_that_was_replaced_is_no_loss() {
    assert!(planned(vec![blob("k", 1, 1), blob("k", 2, 4)]).lost.is_empty());
}

#[test]
fn parts_without_gaps_become_an_object() {
    let bucket = planned(vec![part("k", 1, 2, 12), part("k", 1, 1, 11), part("k", 1, 1, 10)]);
    let SalvagedObject::Parts(upload) = &bucket.objects["k"] else { panic!("{bucket:?}") };
    assert_eq!(upload.parts.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(upload.parts[&1].descriptor.md5, [11; 16], "the part that was sent last counts");
    let (version, _) = of_parts(upload).unwrap().unwrap();
    assert_eq!((version.size_bytes, version.etag.parts), (10 * MIB, 2));
    assert_eq!(version.modified.millis(), 12);
}

#[test]
fn parts_with_a_gap_come_back_as_an_upload() {
    let bucket = planned(vec![part("k", 1, 1, 1), part("k", 1, 3, 2)]);
    assert!(bucket.objects.is_empty());
    assert_eq!(bucket.uploads[0].parts.len(), 2);
}

#[test]
fn a_whole_object_is_never_hidden_by_an_upload() {
    let bucket = planned(vec![blob("k", 1, 4), part("k", 1, 1, 2)]);
    assert_eq!((md5(&bucket, "k"), bucket.uploads.len()), (1, 1));
}

#[test]
fn of_two_uploads_the_one_that_ended_first_was_completed() {
    let bucket = planned(vec![part("k", 2, 1, 5), part("k", 1, 1, 9)]);
    let SalvagedObject::Parts(upload) = &bucket.objects["k"] else { panic!("{bucket:?}") };
    assert_eq!(upload.upload, UploadId::from_bytes([2; 16]));
    assert_eq!(bucket.uploads.len(), 1);
}

#[test]
fn uploads_stay_uploads_where_that_is_asked_for() {
    let mut plan = plan(vec![part("k", 1, 1, 1)], false);
    let bucket = plan.buckets.remove("photos").unwrap();
    assert_eq!((bucket.objects.len(), bucket.uploads.len()), (0, 1));
}

#[test]
fn a_bucket_that_was_deleted_and_made_again_does_not_bring_back_its_past() {
    let mut earlier = blob("k", 1, 4);
    earlier.descriptor.bucket = BucketId(3);
    let bucket = planned(vec![earlier, blob("k2", 2, 4)]);
    assert_eq!((bucket.id, bucket.of_earlier, bucket.objects.len()), (BucketId(7), 1, 1));
}
