//! The tables of a store. Everything about one object path is in one partition, so that what a request changes is one
//! transaction. Drawn in `docs/formats/tables.md`.

use meta::table::{Counters, Table, decode_terminated, encode_terminated};
use model::bucket::BucketRecord;
use model::ids::{BlobId, BucketId, DriveId, UploadId, VersionId};
use model::object::{ObjectDetail, ObjectVersion};
use model::quota::{FenceRecord, QuotaRecord};
use model::reclaim::{HealRecord, ReclaimRecord};
use model::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use model::upload::{PartRecord, UploadRecord};

/// A key of an object, in its bucket.
pub(crate) type Path = (BucketId, String);

fn encode_path(bucket: BucketId, key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&bucket.0.to_be_bytes());
    encode_terminated(key.as_bytes(), out);
}

fn decode_path(bytes: &[u8]) -> Option<(BucketId, String, &[u8])> {
    let (bucket, rest) = bytes.split_first_chunk::<8>()?;
    let (key, rest) = decode_terminated(rest)?;
    Some((BucketId(u64::from_be_bytes(*bucket)), String::from_utf8(key).ok()?, rest))
}

fn exactly<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// System partition: buckets by name.
pub(crate) struct Buckets;

impl Table for Buckets {
    const ID: u8 = 1;
    const NAME: &'static str = "buckets";
    type Key = String;
    type Row = BucketRecord;

    fn encode_key(key: &String, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

/// System partition: what buckets may hold. Tables 2 to 7 are those of `iam`.
pub(crate) struct Quotas;

impl Table for Quotas {
    const ID: u8 = 8;
    const NAME: &'static str = "quotas";
    type Key = BucketId;
    type Row = QuotaRecord;

    fn encode_key(key: &BucketId, out: &mut Vec<u8>) {
        Usage::encode_key(key, out);
    }

    fn decode_key(bytes: &[u8]) -> Option<BucketId> {
        Usage::decode_key(bytes)
    }
}

/// The current version of each key, in the order of keys: what GET, HEAD and a plain listing read. The key's bytes end the
/// row's key, so that rows sort as keys do.
pub(crate) struct Current;

impl Table for Current {
    const ID: u8 = 16;
    const NAME: &'static str = "current versions";
    type Key = Path;
    type Row = ObjectVersion;

    fn encode_key((bucket, key): &Path, out: &mut Vec<u8>) {
        out.extend_from_slice(&bucket.0.to_be_bytes());
        out.extend_from_slice(key.as_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<Path> {
        let (bucket, key) = bytes.split_first_chunk::<8>()?;
        Some((BucketId(u64::from_be_bytes(*bucket)), String::from_utf8(key.to_vec()).ok()?))
    }
}

/// What a listing does not show of a version: inline bytes, large attributes.
pub(crate) struct Details;

impl Table for Details {
    const ID: u8 = 17;
    const NAME: &'static str = "details";
    type Key = (BucketId, String, VersionId);
    type Row = ObjectDetail;

    fn encode_key((bucket, key, version): &Self::Key, out: &mut Vec<u8>) {
        encode_path(*bucket, key, out);
        out.extend_from_slice(version.bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<Self::Key> {
        let (bucket, key, rest) = decode_path(bytes)?;
        Some((bucket, key, VersionId::from_bytes(exactly(rest)?)))
    }
}

/// Uploads in progress, by key and then by when they began (their ids begin with that time).
pub(crate) struct Uploads;

impl Table for Uploads {
    const ID: u8 = 18;
    const NAME: &'static str = "uploads";
    type Key = (BucketId, String, UploadId);
    type Row = UploadRecord;

    fn encode_key((bucket, key, upload): &Self::Key, out: &mut Vec<u8>) {
        encode_path(*bucket, key, out);
        out.extend_from_slice(upload.bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<Self::Key> {
        let (bucket, key, rest) = decode_path(bytes)?;
        Some((bucket, key, UploadId::from_bytes(exactly(rest)?)))
    }
}

/// Parts of uploads, and of the objects that uploads became, by number.
pub(crate) struct Parts;

/// See [`Parts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartKey {
    pub(crate) bucket: BucketId,
    pub(crate) key: String,
    pub(crate) upload: UploadId,
    pub(crate) number: u16,
}

impl Table for Parts {
    const ID: u8 = 19;
    const NAME: &'static str = "parts";
    type Key = PartKey;
    type Row = PartRecord;

    fn encode_key(key: &PartKey, out: &mut Vec<u8>) {
        encode_path(key.bucket, &key.key, out);
        out.extend_from_slice(key.upload.bytes());
        out.extend_from_slice(&key.number.to_be_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<PartKey> {
        let (bucket, key, rest) = decode_path(bytes)?;
        let (upload, number) = rest.split_first_chunk::<16>()?;
        let number = u16::from_be_bytes(exactly(number)?);
        Some(PartKey { bucket, key, upload: UploadId::from_bytes(*upload), number })
    }
}

/// One row per upload that every part writes and completion checks: a part that comes in meanwhile makes it try again,
/// while parts don't get into one another's way.
pub(crate) struct UploadMarks;

impl Table for UploadMarks {
    const ID: u8 = 20;
    const NAME: &'static str = "upload marks";
    type Key = (BucketId, String, UploadId);
    type Row = Mark;

    fn encode_key(key: &Self::Key, out: &mut Vec<u8>) {
        Uploads::encode_key(key, out);
    }

    fn decode_key(bytes: &[u8]) -> Option<Self::Key> {
        Uploads::decode_key(bytes)
    }
}

/// A row that says nothing but that it is there, and by its version when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark;

impl Record for Mark {
    const NAME: &'static str = "mark";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, _out: &mut Encoder) {}

    fn decode_fields(_input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Mark)
    }
}

/// What a bucket holds in this partition; the sum over the partitions is what it holds.
pub(crate) struct Usage;

impl Usage {
    /// Position of the number of current objects.
    pub(crate) const OBJECTS: usize = 0;
    /// Position of the bytes of current objects.
    pub(crate) const BYTES: usize = 1;
    /// Position of the number of uploads in progress.
    pub(crate) const UPLOADS: usize = 2;
    /// Position of the bytes of their parts.
    pub(crate) const UPLOAD_BYTES: usize = 3;
    /// Positions of all that takes room: what a quota limits.
    pub(crate) const HELD: [usize; 2] = [Self::BYTES, Self::UPLOAD_BYTES];
}

impl Table for Usage {
    const ID: u8 = 21;
    const NAME: &'static str = "usage";
    type Key = BucketId;
    type Row = Counters;

    fn encode_key(key: &BucketId, out: &mut Vec<u8>) {
        out.extend_from_slice(&key.0.to_be_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<BucketId> {
        Some(BucketId(u64::from_be_bytes(exactly(bytes)?)))
    }
}

/// What this partition takes of a bucket: nothing, where it is being deleted (decision 0001), or as much as it was allotted,
/// where it has a quota (decision 0007). Every write of an object reads it.
pub(crate) struct Fences;

impl Table for Fences {
    const ID: u8 = 22;
    const NAME: &'static str = "fences";
    type Key = BucketId;
    type Row = FenceRecord;

    fn encode_key(key: &BucketId, out: &mut Vec<u8>) {
        Usage::encode_key(key, out);
    }

    fn decode_key(bytes: &[u8]) -> Option<BucketId> {
        Usage::decode_key(bytes)
    }
}

/// Bytes to be deleted; see [`ReclaimRecord`]. The key is the blob's or the upload's id: both begin with a time.
pub(crate) struct Reclaim;

impl Table for Reclaim {
    const ID: u8 = 23;
    const NAME: &'static str = "reclaim";
    type Key = [u8; 16];
    type Row = ReclaimRecord;

    fn encode_key(key: &[u8; 16], out: &mut Vec<u8>) {
        out.extend_from_slice(key);
    }

    fn decode_key(bytes: &[u8]) -> Option<[u8; 16]> {
        exactly(bytes)
    }
}

/// Blobs to be healed.
pub(crate) struct Heal;

impl Table for Heal {
    const ID: u8 = 24;
    const NAME: &'static str = "heal";
    type Key = BlobId;
    type Row = HealRecord;

    fn encode_key(key: &BlobId, out: &mut Vec<u8>) {
        out.extend_from_slice(key.bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<BlobId> {
        Some(BlobId::from_bytes(exactly(bytes)?))
    }
}

/// Drives that a delete missed.
pub(crate) struct Missed;

impl Table for Missed {
    const ID: u8 = 32;
    const NAME: &'static str = "missed deletes";
    type Key = DriveId;
    type Row = Mark;

    fn encode_key(key: &DriveId, out: &mut Vec<u8>) {
        out.extend_from_slice(key.bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<DriveId> {
        Some(DriveId::from_bytes(exactly(bytes)?))
    }
}

/// The range of encoded keys that belong to a bucket in a table whose keys begin with it.
pub(crate) fn bucket_prefix(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}

/// The encoded keys of the parts of an upload.
pub(crate) fn parts_prefix(bucket: BucketId, key: &str, upload: UploadId) -> Vec<u8> {
    let mut out = Vec::new();
    Uploads::encode_key(&(bucket, key.to_owned(), upload), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip<T: Table>(key: &T::Key) -> Option<T::Key> {
        let mut out = Vec::new();
        T::encode_key(key, &mut out);
        T::decode_key(&out)
    }

    proptest! {
        #[test]
        fn keys_come_back(bucket: u64, key: String, id: [u8; 16], number: u16) {
            let (bucket, upload) = (BucketId(bucket), UploadId::from_bytes(id));
            prop_assert_eq!(round_trip::<Current>(&(bucket, key.clone())), Some((bucket, key.clone())));
            let upload_key = (bucket, key.clone(), upload);
            prop_assert_eq!(round_trip::<Uploads>(&upload_key), Some(upload_key));
            let part = PartKey { bucket, key, upload, number };
            prop_assert_eq!(round_trip::<Parts>(&part), Some(part));
        }

        #[test]
        fn current_versions_sort_as_their_keys(a: String, b: String) {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            Current::encode_key(&(BucketId(1), a.clone()), &mut left);
            Current::encode_key(&(BucketId(1), b.clone()), &mut right);
            prop_assert_eq!(left.cmp(&right), a.as_bytes().cmp(b.as_bytes()));
        }
    }
}
