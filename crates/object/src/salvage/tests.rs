//! What comes back, decided without a store.

use md5::{Digest, Md5};
use model::attributes::Attributes;
use model::blob::Redundancy;
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use model::ids::VersionId;
use model::object::StorageClass;
use model::upload::COMPLETION_NUMBER;

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
            upload: UploadFacts::Untold,
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

/// A part that this release wrote: its upload's completion has a blob of its own.
fn told(key: &str, upload: u8, number: u16, written: u64) -> SalvagedBlob {
    let mut part = part(key, upload, number, written);
    let checksum = Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite));
    part.descriptor.upload = UploadFacts::Part { checksum, initiator: "somebody".into() };
    part
}

/// What tells that an upload was completed from these parts.
fn completion(key: &str, upload: u8, written: u64, parts: &[&SalvagedBlob]) -> SalvagedBlob {
    let mut completion = part(key, upload, COMPLETION_NUMBER, written);
    completion.descriptor.md5 = multipart::etag(parts.iter().map(|part| part.descriptor.md5)).md5;
    completion.descriptor.checksum = Some(Checksum::full(ChecksumAlgorithm::Crc64Nvme, vec![8; 8]));
    completion.descriptor.upload = UploadFacts::Completion {
        parts: parts.iter().filter_map(|part| part.descriptor.part).map(|(_, number)| number).collect(),
        size_bytes: parts.iter().map(|part| part.blob.size_bytes).sum(),
    };
    completion
}

fn of_upload<'a>(bucket: &'a SalvagedBucket, key: &str) -> &'a SalvagedUpload {
    match &bucket.objects[key] {
        SalvagedObject::Parts(upload) => upload,
        SalvagedObject::Whole(blob) => panic!("{blob:?}"),
    }
}

fn numbers(upload: &SalvagedUpload) -> Vec<u16> {
    upload.rows().map(|(number, ..)| number).collect()
}

#[test]
fn a_completed_upload_comes_back_from_the_parts_that_were_named() {
    let (one, two, three) = (told("k", 1, 2, 11), told("k", 1, 5, 12), told("k", 1, 7, 13));
    let done = completion("k", 1, 20, &[&one, &three]);
    let bucket = planned(vec![two, one, done, three]);
    let upload = of_upload(&bucket, "k");
    assert_eq!((numbers(upload), bucket.superseded), (vec![COMPLETION_NUMBER, 2, 7], 1));
    let (version, _) = of_parts(upload).unwrap().unwrap();
    assert_eq!((version.size_bytes, version.etag.parts, version.modified.millis()), (10 * MIB, 2, 20));
    assert_eq!(version.checksum, Some(Checksum::full(ChecksumAlgorithm::Crc64Nvme, vec![8; 8])));
    assert!(bucket.uploads.is_empty() && bucket.lost.is_empty());
}

#[test]
fn an_upload_that_looks_complete_and_was_not_completed_stays_an_upload() {
    let bucket = planned(vec![told("k", 1, 1, 1), told("k", 1, 2, 2)]);
    assert!(bucket.objects.is_empty());
    let record = upload_record(bucket.uploads[0].any().unwrap(), "root");
    assert_eq!(record.checksum, Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)));
    assert_eq!(record.initiator, "somebody");
}

#[test]
fn the_newer_of_an_object_and_a_completed_upload_wins() {
    let one = told("k", 1, 1, 5);
    let bucket = planned(vec![blob("k", 8, 4), one.clone(), completion("k", 1, 9, &[&one])]);
    assert_eq!((numbers(of_upload(&bucket, "k")), bucket.superseded), (vec![0, 1], 1));
    let bucket = planned(vec![blob("k", 10, 4), one.clone(), completion("k", 1, 9, &[&one])]);
    assert_eq!((md5(&bucket, "k"), bucket.superseded, bucket.uploads.len()), (10, 2, 0));
    let other = told("k", 2, 1, 6);
    let two = [completion("k", 1, 9, &[&one]), completion("k", 2, 7, &[&other]), one, other];
    let bucket = planned(two.into());
    assert_eq!((of_upload(&bucket, "k").upload, bucket.superseded), (UploadId::from_bytes([1; 16]), 2));
}

#[test]
fn a_completed_upload_without_one_of_its_parts_is_lost_and_its_other_parts_are_kept() {
    let (one, two) = (told("k", 1, 1, 1), told("k", 1, 2, 2));
    let done = completion("k", 1, 9, &[&one, &two]);
    for found in [None, Some(SalvagedBlob { shards: 1, ..two.clone() })] {
        let shards = found.as_ref().map_or(0, |found| found.shards);
        let blobs = [one.clone(), done.clone(), blob("k", 3, 4)].into_iter().chain(found);
        let bucket = planned(blobs.collect());
        assert_eq!(md5(&bucket, "k"), 3, "what was there before is better than nothing");
        let [lost] = &bucket.lost[..] else { panic!("{:?}", bucket.lost) };
        assert_eq!((lost.part, lost.shards), (Some((UploadId::from_bytes([1; 16]), 2)), shards));
        assert!(lost.is_replaced_by_older);
        assert_eq!(numbers(&bucket.uploads[0]), [1]);
    }
}

#[test]
fn parts_other_than_those_that_were_completed_never_become_the_object() {
    let (one, two) = (told("k", 1, 1, 1), told("k", 1, 2, 2));
    let done = completion("k", 1, 9, &[&one, &two]);
    let bucket = planned(vec![one, told("k", 1, 2, 3), done]);
    assert!(bucket.objects.is_empty());
    assert_eq!(bucket.lost[0].part, Some((UploadId::from_bytes([1; 16]), COMPLETION_NUMBER)));
    assert_eq!(bucket.uploads[0].parts.len(), 2);
}

#[test]
fn a_completion_of_which_one_shard_is_left_tells_as_much_and_is_not_referred_to() {
    let one = told("k", 1, 1, 1);
    let done = SalvagedBlob { shards: 1, ..completion("k", 1, 9, &[&one]) };
    assert_eq!(numbers(of_upload(&planned(vec![one, done]), "k")), [1]);
}

#[test]
fn a_last_part_of_no_bytes_comes_back_though_it_has_no_blob() {
    let one = told("k", 1, 1, 1);
    let mut empty = told("k", 1, 2, 2);
    empty.blob.size_bytes = 0;
    empty.descriptor.md5 = Md5::digest([]).into();
    let bucket = planned(vec![completion("k", 1, 9, &[&one, &empty]), one]);
    let upload = of_upload(&bucket, "k");
    assert_eq!(numbers(upload), [0, 1, 2]);
    assert_eq!(of_parts(upload).unwrap().unwrap().0.etag.parts, 2);
    let bucket = planned(vec![completion("k", 1, 9, &[&empty])]);
    assert_eq!(of_parts(of_upload(&bucket, "k")).unwrap().unwrap().0.size_bytes, 0);
}

#[test]
fn an_upload_of_an_earlier_release_that_this_one_completed_is_told_of() {
    let (one, other) = (part("k", 1, 1, 1), part("k", 2, 1, 2));
    let done = completion("k", 2, 9, &[&other]);
    let bucket = planned(vec![one, other, done]);
    assert_eq!(of_upload(&bucket, "k").upload, UploadId::from_bytes([2; 16]));
    assert_eq!(bucket.uploads.len(), 1);
}
