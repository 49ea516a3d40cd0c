//! Random sequences of operations against the service and against a small S3 in memory, which must answer the same.
//!
//! Between the operations the store is opened anew, and workers do their steps. A sequence that fails is shrunk and printed.

use std::ops::Range;
use std::time::Duration;

use model::attributes::{Attributes, ContentHeader};
use model::ids::UploadId;
use model::limits::PART_SIZE_BYTES_MIN;
use model::object::StorageClass;
use proptest::prelude::*;
use proptest::sample::select;

use super::reference::{Answer, Condition, Reference, kind};
use super::*;
use crate::{ContentDigest, CopyRequest, ListFrom, ListUploadsRequest};

const BUCKETS: [&str; 2] = ["one", "two"];
const KEYS: [&str; 16] = [
    "a",
    "a/",
    "a//",
    "a/b",
    "a/b/c",
    "a0",
    "ab",
    "..",
    "../a",
    "\0",
    "a\0",
    "a\0b",
    "é",
    "\u{1F600}/x",
    "\u{7f}",
    "z",
];
const PREFIXES: [&str; 9] = ["", "a", "a/", "a//", "a\0", ".", "\u{1F600}", "zz", "é"];
const DELIMITERS: [Option<&str>; 5] = [None, Some("/"), Some("a"), Some("\0"), Some("//")];
/// Around what is inline, packed and a file of several stripes, with one drive and with more.
const SIZES: [usize; 14] =
    [0, 1, 7, 1000, 1024, 1025, 5000, 8191, 8192, 8193, 16_384, 16_385, 65_537, 200_000];

#[derive(Clone, Debug)]
enum Op {
    CreateBucket(usize),
    DeleteBucket(usize),
    ListBuckets,
    Usage(usize),
    Put {
        bucket: usize,
        key: &'static str,
        size: usize,
        seed: u64,
        condition: Wanted,
        attributes: u8,
    },
    Get {
        bucket: usize,
        key: &'static str,
        range: Option<(u16, u16)>,
    },
    GetPart {
        bucket: usize,
        key: &'static str,
        number: u16,
    },
    Copy {
        from: (usize, &'static str),
        to: (usize, &'static str),
        condition: Wanted,
        attributes: Option<u8>,
        reduced: bool,
    },
    Delete {
        bucket: usize,
        keys: Vec<(&'static str, Wanted)>,
    },
    List {
        bucket: usize,
        prefix: &'static str,
        delimiter: Option<&'static str>,
        after: Option<&'static str>,
        limit: u32,
    },
    ListUploads {
        bucket: usize,
        prefix: &'static str,
        delimiter: Option<&'static str>,
        limit: u32,
    },
    CreateUpload {
        bucket: usize,
        key: &'static str,
        attributes: u8,
    },
    Part {
        upload: usize,
        number: u16,
        size: usize,
        seed: u64,
    },
    CopyPart {
        upload: usize,
        number: u16,
        from: (usize, &'static str),
        range: (u16, u16),
    },
    Complete {
        upload: usize,
        left_out: u8,
        wrong: u8,
        condition: Wanted,
    },
    Abort(usize),
    ListParts {
        upload: usize,
        after: u16,
        limit: u32,
    },
    Reopen,
    Work,
}

/// A condition, before it is known what the object is.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Nothing,
    Absent,
    Present,
    ThisTag,
    OtherTag,
    NotThisTag,
    ThisSize,
    OtherSize,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    use Wanted::{Absent, NotThisTag, Nothing, OtherSize, OtherTag, Present, ThisSize, ThisTag};
    prop_oneof![
        6 => Just(Nothing),
        3 => select(vec![Absent, Present, ThisTag, OtherTag, NotThisTag, ThisSize, OtherSize]),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    // Mostly a few, so that they meet.
    prop_oneof![select(&KEYS[..5]), select(&KEYS[..])]
}

fn place() -> impl Strategy<Value = (usize, &'static str)> {
    (bucket(), key())
}

fn bucket() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0usize), 1 => Just(1usize)]
}

fn op() -> impl Strategy<Value = Op> {
    let size = || prop_oneof![8 => select(&SIZES[..]), 2 => 0usize..30_000];
    // The smallest part that may be followed by another one is large: rarely.
    let part_size = prop_oneof![20 => select(&SIZES[1..]), 1 => Just(PART_SIZE_BYTES_MIN as usize)];
    let delimiter = || select(&DELIMITERS[..]);
    let limit = || prop_oneof![1u32..4, Just(1000u32)];
    let attributes = || 0u8..4;
    prop_oneof![
        1 => bucket().prop_map(Op::CreateBucket),
        1 => bucket().prop_map(Op::DeleteBucket),
        1 => Just(Op::ListBuckets),
        2 => bucket().prop_map(Op::Usage),
        9 => (place(), size(), 0u64..1000, wanted(), attributes()).prop_map(
            |((bucket, key), size, seed, condition, attributes)| Op::Put { bucket, key, size, seed, condition, attributes }),
        6 => (place(), proptest::option::of((any::<u16>(), any::<u16>()))).prop_map(
            |((bucket, key), range)| Op::Get { bucket, key, range }),
        1 => (place(), 0u16..4).prop_map(|((bucket, key), number)| Op::GetPart { bucket, key, number }),
        5 => (place(), place(), wanted(), proptest::option::of(attributes()), any::<bool>()).prop_map(
            |(from, to, condition, attributes, reduced)| Op::Copy { from, to, condition, attributes, reduced }),
        2 => (place(), wanted(), attributes()).prop_map(
            |(from, condition, attributes)| Op::Copy { from, to: from, condition, attributes: Some(attributes), reduced: false }),
        4 => (bucket(), proptest::collection::vec((key(), wanted()), 1..5)).prop_map(
            |(bucket, keys)| Op::Delete { bucket, keys }),
        4 => (bucket(), select(&PREFIXES[..]), delimiter(), proptest::option::weighted(0.3, key()), limit()).prop_map(
            |(bucket, prefix, delimiter, after, limit)| Op::List { bucket, prefix, delimiter, after, limit }),
        2 => (bucket(), select(&PREFIXES[..]), delimiter(), limit()).prop_map(
            |(bucket, prefix, delimiter, limit)| Op::ListUploads { bucket, prefix, delimiter, limit }),
        3 => (place(), attributes()).prop_map(|((bucket, key), attributes)| Op::CreateUpload { bucket, key, attributes }),
        6 => (0usize..4, 1u16..5, part_size, 0u64..1000).prop_map(
            |(upload, number, size, seed)| Op::Part { upload, number, size, seed }),
        2 => (0usize..4, 1u16..5, place(), any::<(u16, u16)>()).prop_map(
            |(upload, number, from, range)| Op::CopyPart { upload, number, from, range }),
        4 => (0usize..4, any::<u8>(), 0u8..16, wanted()).prop_map(
            |(upload, left_out, wrong, condition)| Op::Complete { upload, left_out, wrong, condition }),
        1 => (0usize..4).prop_map(Op::Abort),
        2 => (0usize..4, 0u16..5, 1u32..4).prop_map(|(upload, after, limit)| Op::ListParts { upload, after, limit }),
        1 => Just(Op::Reopen),
        2 => Just(Op::Work),
    ]
}

/// Attributes that are none, small, and too many for the record itself.
fn attributes(number: u8) -> Attributes {
    let mut attributes = Attributes::default();
    if number > 0 {
        attributes.set_header(ContentHeader::ContentType, format!("text/x-{number}"));
    }
    if number > 1 {
        attributes.user.push(("name".into(), "é".repeat(usize::from(number) * 300)));
    }
    attributes
}

/// The service beside the reference.
struct Pair<'a> {
    objects: Objects,
    env: &'a Env,
    reference: Reference,
    /// Uploads that were begun, also such as are no more: bucket, key, id.
    uploads: Vec<(BucketInfo, String, UploadId)>,
}

impl Pair<'_> {
    async fn apply(&mut self, store: &Store, op: &Op) {
        match op {
            Op::CreateBucket(number) => {
                let made = self.objects.create_bucket(BUCKETS[*number], "", "me").await;
                same(known(made).map(|_| ()), self.reference.create_bucket(BUCKETS[*number]));
            }
            Op::DeleteBucket(number) => {
                let deleted = self.objects.delete_bucket(BUCKETS[*number]).await;
                same(known(deleted), self.reference.delete_bucket(BUCKETS[*number]));
            }
            Op::ListBuckets => {
                let buckets = self.objects.list_buckets().await.unwrap();
                let names: Vec<String> = buckets.into_iter().map(|bucket| bucket.name).collect();
                assert_eq!(names, self.reference.bucket_names());
            }
            Op::Usage(number) => {
                if let Some(bucket) = self.bucket(*number).await {
                    let usage = self.objects.usage(&bucket).await.unwrap();
                    assert_eq!(usage, self.reference.usage(&bucket.name));
                }
            }
            Op::Put { bucket, key, size, seed, condition, attributes: number } => {
                self.put((*bucket, key), &content(*seed, *size), *condition, *number).await;
            }
            Op::Get { bucket, key, range } => self.get((*bucket, key), *range).await,
            Op::GetPart { bucket, key, number } => self.get_part((*bucket, key), *number).await,
            Op::Copy { from, to, condition, attributes, reduced } => {
                self.copy(*from, *to, *condition, *attributes, *reduced).await;
            }
            Op::Delete { bucket, keys } => self.delete(*bucket, keys).await,
            Op::List { bucket, prefix, delimiter, after, limit } => {
                self.list(*bucket, prefix, *delimiter, *after, *limit).await;
            }
            Op::ListUploads { bucket, prefix, delimiter, limit } => {
                self.list_uploads(*bucket, prefix, *delimiter, *limit).await;
            }
            Op::CreateUpload { bucket, key, attributes } => {
                self.create_upload((*bucket, key), *attributes).await
            }
            Op::Part { upload, number, size, seed } => {
                self.part(*upload, *number, &content(*seed, *size)).await
            }
            Op::CopyPart { upload, number, from, range } => {
                self.copy_part(*upload, *number, *from, *range).await
            }
            Op::Complete { upload, left_out, wrong, condition } => {
                self.complete(*upload, *left_out, *wrong, *condition).await;
            }
            Op::Abort(upload) => {
                let Some((bucket, key, id)) = self.upload(*upload) else { return };
                let aborted = self.objects.abort_upload(&bucket, &key, id).await;
                same(known(aborted), self.reference.abort(&bucket.name, &key, id));
            }
            Op::ListParts { upload, after, limit } => self.list_parts(*upload, *after, *limit).await,
            Op::Reopen => {
                close(&self.objects).await;
                self.objects = store.open(self.env, false).await;
            }
            Op::Work => self.work().await,
        }
    }

    /// The bucket, if both say that it is there.
    async fn bucket(&self, number: usize) -> Option<BucketInfo> {
        let found = known(self.objects.bucket(BUCKETS[number]).await);
        same(
            found.as_ref().map(|_| ()).map_err(|kind| *kind),
            self.reference.bucket(BUCKETS[number]).map(|_| ()),
        );
        found.ok()
    }

    fn upload(&self, number: usize) -> Option<(BucketInfo, String, UploadId)> {
        let count = self.uploads.len();
        // The latest ones.
        count.checked_sub(1 + number % count.max(1)).and_then(|at| self.uploads.get(at).cloned())
    }

    fn condition(&self, bucket: &BucketInfo, key: &str, wanted: Wanted) -> (WriteCondition, Condition) {
        let current = self.reference.object(&bucket.name, key).ok();
        let tag = current.map_or_else(|| "0".repeat(32), |object| object.etag.clone());
        let size = current.map_or(0, |object| object.bytes.len() as u64);
        let mut condition = Condition::default();
        match wanted {
            Wanted::Nothing => {}
            Wanted::Absent => condition.none_match = Some("*".into()),
            Wanted::Present => condition.matches = Some("*".into()),
            Wanted::ThisTag => condition.matches = Some(tag),
            Wanted::OtherTag => condition.matches = Some("f".repeat(32)),
            Wanted::NotThisTag => condition.none_match = Some(tag),
            Wanted::ThisSize => condition.size = Some(size),
            Wanted::OtherSize => condition.size = Some(size + 1),
        }
        let real = WriteCondition {
            if_match: condition.matches.as_deref().map(ETagMatch::parse),
            if_none_match: condition.none_match.as_deref().map(ETagMatch::parse),
            if_size: condition.size,
            if_modified_at: None,
        };
        (real, condition)
    }

    async fn put(&mut self, (bucket, key): (usize, &str), bytes: &Bytes, wanted: Wanted, number: u8) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let (condition, expected) = self.condition(&bucket, key, wanted);
        let request = PutRequest { condition, attributes: attributes(number), ..PutRequest::default() };
        let put = async {
            let mut writer = self.objects.begin_put(&bucket, key, request).await?;
            for piece in bytes.chunks(10_000) {
                writer.write(bytes.slice_ref(piece)).await?;
            }
            writer.commit(facts(bytes)).await
        };
        let put = put.await.map(|put| put.etag.to_string());
        let expected = self.reference.put(&bucket.name, key, bytes, attributes(number), &expected);
        same(known(put), expected);
    }

    async fn get(&mut self, (bucket, key): (usize, &str), range: Option<(u16, u16)>) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let opened = known(self.objects.open(&bucket, key, None).await);
        let expected = self.reference.object(&bucket.name, key);
        same(opened.as_ref().map(|_| ()).map_err(|kind| *kind), expected.map(|_| ()));
        let (Ok(opened), Ok(expected)) = (opened, expected) else { return };
        let info = opened.info();
        assert_eq!(
            (info.size_bytes, info.etag.to_string()),
            (expected.bytes.len() as u64, expected.etag.clone())
        );
        assert_eq!(info.attributes, expected.attributes);
        assert_eq!(info.parts, expected.part_count());
        let range = range.map_or(0..info.size_bytes, |range| within(range, info.size_bytes));
        let bytes = read(&self.objects, &opened, range.clone()).await.unwrap();
        assert!(
            bytes == expected.bytes[range.start as usize..range.end as usize],
            "wrong bytes of {key:?} in {range:?}"
        );
    }

    async fn get_part(&mut self, (bucket, key): (usize, &str), number: u16) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let Ok(expected) = self.reference.object(&bucket.name, key) else { return };
        let opened = self.objects.open(&bucket, key, None).await.unwrap();
        let found = self.objects.part_range(&opened, number).await.unwrap();
        assert_eq!(found.map(|found| found.range), expected.part_range(number));
    }

    async fn copy(
        &mut self,
        from: (usize, &str),
        to: (usize, &str),
        wanted: Wanted,
        number: Option<u8>,
        reduced: bool,
    ) {
        let (Some(source), Some(target)) = (self.bucket(from.0).await, self.bucket(to.0).await) else {
            return;
        };
        let Ok(opened) = self.objects.open(&source, from.1, None).await else { return };
        let (condition, expected) = self.condition(&target, to.1, wanted);
        let storage_class = if reduced { StorageClass::ReducedRedundancy } else { StorageClass::Standard };
        // Onto itself in another class is a put: the reference asks which of the two it was.
        let in_place =
            source.id == target.id && from.1 == to.1 && opened.info().storage_class == storage_class;
        let request = CopyRequest {
            attributes: number.map(attributes),
            condition,
            storage_class,
            ..CopyRequest::default()
        };
        let digest = Box::new(Digesting(Md5::new()));
        let copied = self.objects.copy(&opened, &target, to.1, request, digest).await;
        let copied = copied.map(|put| put.etag.to_string());
        let (from, to) = ((&*source.name, from.1), (&*target.name, to.1));
        let expected = self.reference.copy(from, to, number.map(attributes), in_place, &expected);
        same(known(copied), expected);
    }

    async fn delete(&mut self, bucket: usize, keys: &[(&'static str, Wanted)]) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let conditions: Vec<_> =
            keys.iter().map(|(key, wanted)| (*key, self.condition(&bucket, key, *wanted))).collect();
        let requests = conditions.iter().map(|(key, (condition, _))| DeleteRequest {
            key: (*key).to_owned(),
            version: None,
            condition: condition.clone(),
        });
        let deleted = self.objects.delete_many(&bucket, requests.collect()).await;
        for ((key, (_, condition)), deleted) in conditions.iter().zip(deleted) {
            same(known(deleted).map(|_| ()), self.reference.delete(&bucket.name, key, condition));
        }
    }

    async fn list(
        &mut self,
        bucket: usize,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let mut request = ListRequest {
            prefix: prefix.into(),
            delimiter: delimiter.map(str::to_owned),
            from: after.map_or(ListFrom::Start, |after| ListFrom::After(after.into())),
            limit,
        };
        let mut found = Vec::new();
        loop {
            let page = self.objects.list(&bucket, request.clone()).await.unwrap();
            assert!(page.entries.len() <= limit as usize);
            assert!(
                page.next.is_none() || page.entries.len() == limit as usize,
                "a page that is not the last is full"
            );
            found.extend(page.entries.into_iter().map(|entry| match entry {
                ListEntry::Object(object) => (object.key, Some((object.etag.to_string(), object.size_bytes))),
                ListEntry::Prefix(prefix) => (prefix, None),
            }));
            match page.next {
                Some(next) => request.from = next,
                None => break,
            }
        }
        assert_eq!(found, self.reference.list(&bucket.name, prefix, delimiter, after));
    }

    async fn list_uploads(&mut self, bucket: usize, prefix: &str, delimiter: Option<&str>, limit: u32) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let mut request = ListUploadsRequest {
            prefix: prefix.into(),
            delimiter: delimiter.map(str::to_owned),
            after: None,
            limit,
        };
        let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
        loop {
            let page = self.objects.list_uploads(&bucket, request.clone()).await.unwrap();
            assert!(page.uploads.len() + page.prefixes.len() <= limit as usize);
            uploads.extend(page.uploads.into_iter().map(|upload| (upload.key, upload.id)));
            prefixes.extend(page.prefixes);
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert_eq!((uploads, prefixes), self.reference.list_uploads(&bucket.name, prefix, delimiter));
    }

    async fn create_upload(&mut self, (bucket, key): (usize, &str), number: u8) {
        let Some(bucket) = self.bucket(bucket).await else { return };
        let request = UploadRequest { attributes: attributes(number), ..UploadRequest::default() };
        let id = self.objects.create_upload(&bucket, key, request).await.unwrap();
        self.reference.create_upload(&bucket.name, key, id, attributes(number));
        self.uploads.push((bucket, key.to_owned(), id));
    }

    async fn part(&mut self, upload: usize, number: u16, bytes: &Bytes) {
        let Some((bucket, key, id)) = self.upload(upload) else { return };
        let part = async {
            let mut writer =
                self.objects.begin_part(&bucket, &key, id, number, Some(bytes.len() as u64)).await?;
            for piece in bytes.chunks(70_000) {
                writer.write(bytes.slice_ref(piece)).await?;
            }
            writer.commit(facts(bytes)).await
        };
        let part = part.await.map(|part| part.etag.to_string());
        let expected = self.reference.part(&bucket.name, &key, id, number, bytes);
        same(known(part), expected);
    }

    async fn copy_part(&mut self, upload: usize, number: u16, from: (usize, &str), range: (u16, u16)) {
        let Some((bucket, key, id)) = self.upload(upload) else { return };
        let Some(source) = self.bucket(from.0).await else { return };
        let Ok(opened) = self.objects.open(&source, from.1, None).await else { return };
        let range = within(range, opened.info().size_bytes);
        let bytes = self
            .reference
            .object(&source.name, from.1)
            .unwrap()
            .bytes
            .slice(range.start as usize..range.end as usize);
        let digest = Box::new(Digesting(Md5::new()));
        let part = self.objects.copy_part(&opened, range, &bucket, &key, id, number, digest).await;
        let part = part.map(|part| part.etag.to_string());
        let expected = self.reference.part(&bucket.name, &key, id, number, &bytes);
        same(known(part), expected);
    }

    async fn complete(&mut self, upload: usize, left_out: u8, wrong: u8, wanted: Wanted) {
        let Some((bucket, key, id)) = self.upload(upload) else { return };
        let mut named = self.reference.parts(&bucket.name, &key, id).unwrap_or_default();
        // Mostly all of them.
        if left_out > 100 {
            named.retain(|(number, _)| left_out & (1 << number) != 0);
        }
        match wrong {
            1 => named.push((7, "0".repeat(32))),
            2 => named.reverse(),
            3 => named.iter_mut().for_each(|(_, etag)| *etag = "0".repeat(32)),
            _ => {}
        }
        if named.is_empty() {
            return;
        }
        let size_wrong = (wrong == 4).then_some(3);
        let (condition, expected) = self.condition(&bucket, &key, wanted);
        let parts = named.iter().map(|(number, etag)| CompletePart {
            number: *number,
            etag: etag.clone(),
            checksums: vec![],
        });
        let request = CompleteRequest {
            parts: parts.collect(),
            condition,
            expected_size_bytes: size_wrong,
            checksum: &|_, _| Ok(None),
        };
        let completed = self.objects.complete_upload(&bucket, &key, id, request).await;
        let completed = completed.map(|put| put.etag.to_string());
        let expected = self.reference.complete(&bucket.name, (&key, id), &named, size_wrong, &expected);
        same(known(completed), expected);
    }

    async fn list_parts(&mut self, upload: usize, after: u16, limit: u32) {
        let Some((bucket, key, id)) = self.upload(upload) else { return };
        let (mut found, mut from) = (Vec::new(), after);
        let listed = loop {
            match self.objects.list_parts(&bucket, &key, id, from, limit).await {
                Err(error) => break Err(error),
                Ok(page) => {
                    found.extend(page.parts.into_iter().map(|part| (part.number, part.etag.to_string())));
                    match page.next {
                        Some(next) => from = next,
                        None => break Ok(()),
                    }
                }
            }
        };
        let mut expected = self.reference.parts(&bucket.name, &key, id);
        if let Ok(parts) = &mut expected {
            parts.retain(|(number, _)| *number > after);
        }
        same(known(listed).map(|()| found), expected);
    }

    async fn work(&self) {
        self.env.clock.sleep(Duration::from_secs(6)).await;
        for partition in self.objects.meta().partitions() {
            self.objects.reclaim(partition, 5).await.unwrap();
            self.objects.heal(partition, None, 5).await.unwrap();
        }
        self.objects.finish_deletes().await.unwrap();
        self.objects.blobs().compact().await;
    }

    /// Everything once more, and then nothing that is not referred to.
    async fn finish(&mut self) {
        for number in 0..BUCKETS.len() {
            if self.bucket(number).await.is_some() {
                for key in KEYS {
                    self.get((number, key), None).await;
                }
                self.list(number, "", None, None, 1000).await;
                self.list_uploads(number, "", None, 1000).await;
            }
        }
        work_until_done(&self.objects, self.env).await;
        assert_tidy(&self.objects).await;
    }
}

/// A range of an object of so many bytes: its bounds as shares.
fn within((left, right): (u16, u16), size: u64) -> Range<u64> {
    let at = |share: u16| u64::from(share) * (size + 1) / (u64::from(u16::MAX) + 1);
    at(left.min(right))..at(left.max(right))
}

fn known<T>(found: Result<T, ObjectError>) -> Answer<T> {
    found.map_err(|error| kind(&error))
}

/// Both have the same answer, or the same kind of error.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "callers have no more use for them")]
fn same<T: PartialEq + std::fmt::Debug>(found: Answer<T>, expected: Answer<T>) {
    assert_eq!(found, expected, "the service, and the reference");
}

struct Digesting(Md5);

impl ContentDigest for Digesting {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> ContentFacts {
        ContentFacts { md5: self.0.finalize().into(), checksum: None }
    }
}

fn run(seed: u64, drives: usize, ops: &[Op]) {
    let store = Store::small(seed, drives);
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        let mut pair = Pair { objects, env: &env, reference: Reference::default(), uploads: Vec::new() };
        for number in 0..BUCKETS.len() {
            pair.apply(&store, &Op::CreateBucket(number)).await;
        }
        for op in ops {
            pair.apply(&store, op).await;
        }
        pair.finish().await;
        close(&pair.objects).await;
    });
    ending.finished();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_service_answers_as_a_small_s3_does(
        seed in 0u64..1_000_000,
        drives in select(vec![1usize, 3, 4]),
        ops in proptest::collection::vec(op(), 1..60),
    ) {
        run(seed, drives, &ops);
    }
}
