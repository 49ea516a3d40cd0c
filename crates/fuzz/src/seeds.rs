//! Seeds that the real encoders make. Those that are text are written by hand in `/fuzz/seeds`.

use meta::table::Counters;
use model::attributes::{Attributes, ContentHeader};
use model::blob::{BlobRef, Redundancy};
use model::bucket::{BucketRecord, BucketState};
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use model::etag::ETag;
use model::ids::{BlobId, BucketId, UploadId, VersionId};
use model::object::{AttributesAt, Content, ObjectDetail, ObjectVersion, StorageClass};
use model::reclaim::{BlobDescriptor, HealRecord, ReclaimRecord, UploadFacts};
use model::record::Record;
use model::time::Timestamp;
use model::upload::{COMPLETION_NUMBER, PartRecord, UploadRecord};

/// A seed: its target, its name and its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// All of them.
#[must_use]
pub fn all() -> Vec<Seed> {
    let versions = [
        ("version-marker", Content::DeleteMarker),
        ("version-inline", Content::Inline),
        ("version-blob", Content::Blob(blob())),
    ];
    let mut seeds: Vec<Seed> =
        versions.into_iter().map(|(name, content)| record(name, 2, &version(content))).collect();
    seeds.extend(records());
    seeds
}

fn records() -> Vec<Seed> {
    let parts = ReclaimRecord::Parts { bucket: BucketId(3), key: "a/b".into(), upload: upload() };
    vec![
        record("blob", 0, &blob()),
        record("bucket", 1, &bucket()),
        record("detail", 3, &ObjectDetail { attributes: Some(attributes()), inline: vec![1; 40] }),
        record("reclaim-blob", 4, &ReclaimRecord::Blob(blob())),
        record("reclaim-parts", 4, &parts),
        record("heal", 5, &HealRecord { blob: blob(), attempts: 3 }),
        record("descriptor-part", 6, &descriptor()),
        record("descriptor-completion", 6, &completion()),
        record("upload", 7, &upload_record()),
        record("part", 8, &part()),
        record("counters", 9, &Counters { values: vec![0, -1, i64::MAX, i64::MIN] }),
        ("record", "key", vec![10, b'a', 0, 0xff, b'b', 0, 0, 1]),
    ]
}

fn record<R: Record>(name: &'static str, kind: u8, record: &R) -> Seed {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&record.encode());
    ("record", name, bytes)
}

fn blob() -> BlobRef {
    BlobRef {
        id: BlobId::from_bytes([9; 16]),
        size_bytes: 1 << 30,
        redundancy: Redundancy { data: 2, parity: 2 },
        stripe_bytes: 1 << 20,
        set: 0,
        first_slot: 3,
        map_epoch: 1,
    }
}

fn upload() -> UploadId {
    UploadId::from_bytes([4; 16])
}

fn attributes() -> Attributes {
    let mut attributes = Attributes::default();
    attributes.set_header(ContentHeader::ContentType, "text/plain".into());
    attributes.set_header(ContentHeader::Expires, "0".into());
    attributes.user.push(("colour".into(), "bl\u{fc}e".into()));
    attributes
}

fn version(content: Content) -> ObjectVersion {
    ObjectVersion {
        id: VersionId::NULL,
        modified: Timestamp::from_millis(1_767_225_600_000),
        content,
        size_bytes: 5,
        etag: ETag { md5: [7; 16], parts: 2 },
        storage_class: StorageClass::Standard,
        checksum: Some(Checksum::full(ChecksumAlgorithm::Crc32, vec![1, 2, 3, 4])),
        attributes: AttributesAt::Here(attributes()),
        owner: "owner".into(),
    }
}

fn bucket() -> BucketRecord {
    BucketRecord {
        id: BucketId(300),
        created: Timestamp::ZERO,
        state: BucketState::Deleting,
        region: "eu-west-1".into(),
        owner: "owner".into(),
    }
}

fn descriptor() -> BlobDescriptor {
    BlobDescriptor {
        bucket_name: "photos".into(),
        bucket: BucketId(7),
        key: "a/b".into(),
        part: Some((upload(), 10_000)),
        md5: [9; 16],
        attributes: attributes(),
        storage_class: StorageClass::ReducedRedundancy,
        written: Timestamp::from_millis(1_767_225_600_000),
        version: VersionId::NULL,
        checksum: Some(Checksum::full(ChecksumAlgorithm::Sha1, vec![6; 20])),
        owner: "owner".into(),
        upload: UploadFacts::Part {
            checksum: Some((ChecksumAlgorithm::Sha1, ChecksumType::Composite)),
            initiator: "someone".into(),
        },
    }
}

/// What tells that an upload was completed.
fn completion() -> BlobDescriptor {
    let parts = [1, 2, 10_000].into_iter().collect();
    let upload_facts = UploadFacts::Completion { parts, size_bytes: 11 << 20 };
    BlobDescriptor { part: Some((upload(), COMPLETION_NUMBER)), upload: upload_facts, ..descriptor() }
}

fn upload_record() -> UploadRecord {
    UploadRecord {
        attributes: attributes(),
        storage_class: StorageClass::Glacier,
        checksum: Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)),
        owner: String::new(),
        initiator: "someone".into(),
    }
}

fn part() -> PartRecord {
    let checksum = Checksum::full(ChecksumAlgorithm::Crc64Nvme, vec![5; 8]);
    PartRecord { size_bytes: 300, etag: ETag::single([1; 16]), checksum: Some(checksum), blob: Some(blob()) }
}
