//! Clients that do every kind of operation on few keys, so that they meet.

use std::cell::RefCell;
use std::time::Duration;

use ::bytes::Bytes;
use env::Env;
use env::simulated::Generator;
use futures_util::future::join_all;
use model::attributes::Attributes;
use model::etag::ETag;
use model::ids::UploadId;
use object::{
    BucketInfo, CompletePart, CompleteRequest, CopyRequest, DeleteRequest, ETagMatch, ObjectError, Objects,
    PutRequest, UploadRequest, WriteCondition,
};

use crate::content::{Digesting, etag, etag_of_parts, facts};
use crate::invariants::{answers, bytes, listing, note};
use crate::oracle::{Condition, Fate, Oracle, Upload, Value};

/// The buckets: the first is always there, the second is made and deleted by clients.
pub const BUCKETS: [&str; 2] = ["bucket", "scratch"];

const KEYS: [&str; 6] = ["a", "a/b", "a/c", "b", "zz", "\u{1F600}/"];
const SCRATCH_KEYS: [&str; 2] = ["x", "y"];

/// Content goes to the server in pieces of this.
const PIECE_BYTES: usize = 100_000;

/// A key's name in the oracle.
#[must_use]
pub fn full_key(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

/// A bucket's name in the oracle, where it is a key that is there or not.
#[must_use]
pub fn bucket_name(bucket: &str) -> String {
    format!("{bucket} itself")
}

/// What a bucket that is there holds in the oracle.
#[must_use]
pub fn exists() -> Value {
    Some(ETag::single([0xbb; 16]))
}

/// How many clients do how many operations each.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Clients at once.
    pub clients: u64,
    /// Operations of each.
    pub steps: u64,
}

/// A client, and what it works on.
pub struct Client<'a> {
    /// The server.
    pub objects: &'a Objects,
    /// The first bucket.
    pub bucket: BucketInfo,
    /// What is known.
    pub oracle: &'a RefCell<Oracle>,
    /// What it does next.
    pub generator: Generator,
    /// Time.
    pub env: &'a Env,
}

impl std::fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// Makes the first bucket.
pub async fn set_up(objects: &Objects, oracle: &RefCell<Oracle>) {
    let key = bucket_name(BUCKETS[0]);
    let ticket = oracle.borrow_mut().begin(&key, exists(), Condition::Absent);
    match objects.create_bucket(BUCKETS[0], "", "me").await {
        Ok(_) => oracle.borrow_mut().end(&ticket, Fate::Done),
        Err(error) => oracle.borrow_mut().violate("answers", format!("the bucket can't be made: {error}")),
    }
}

/// All clients at once, until each has done its steps.
pub async fn run(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>, seed: u64, load: Load) {
    let bucket = match objects.bucket(BUCKETS[0]).await {
        Ok(bucket) => bucket,
        Err(error) => return oracle.borrow_mut().violate("answers", format!("the first bucket: {error}")),
    };
    let mut seeds = Generator::new(seed);
    let clients = (0..load.clients).map(|_| {
        let (bucket, generator) = (bucket.clone(), Generator::new(seeds.number()));
        Client { objects, bucket, oracle, generator, env }.steps(load.steps)
    });
    join_all(clients).await;
}

impl Client<'_> {
    async fn steps(mut self, steps: u64) {
        for _ in 0..steps {
            if self.generator.chance(1, 4) {
                self.env.clock.sleep(Duration::from_millis(self.generator.below(3000))).await;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match self.generator.below(25) {
            0..=6 => self.put_somewhere().await,
            7..=9 => self.delete_some().await,
            10..=12 => self.get().await,
            13 => self.list().await,
            14..=15 => self.copy().await,
            16..=18 => self.upload().await,
            19 => self.go_on_with_upload().await,
            20..=21 => self.count().await,
            22 => self.quota().await,
            _ => self.scratch().await,
        }
    }

    /// Sets a quota that is often passed, or takes it away: no write may pass it, none may be refused while there is room
    /// (the other operations count what they may be told), and crashes leave it whole.
    async fn quota(&mut self) {
        let limit = match self.generator.below(4) {
            0 => None,
            1 => Some(self.generator.below(60_000)),
            _ => Some(100_000 + self.generator.below(1_000_000)),
        };
        if let Err(error) = self.objects.set_quota(&self.bucket, limit).await {
            answers::note(&mut self.oracle.borrow_mut(), "quota", &error);
        }
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.generator.below(KEYS.len() as u64) as usize]
    }

    /// Inline, packed, or a file of several stripes.
    fn size(&mut self) -> usize {
        let size = match self.generator.below(16) {
            0..=5 => 8 + self.generator.below(1000),
            6..=11 => 1100 + self.generator.below(7000),
            12..=13 => 8 << 10,
            14 => 0,
            _ => 20_000 + self.generator.below(150_000),
        };
        size as usize
    }

    fn new_content(&mut self) -> Bytes {
        let size = self.size();
        self.oracle.borrow_mut().new_content(size)
    }

    /// A condition, often one that holds.
    async fn condition(&mut self, key: &str) -> Condition {
        match self.generator.below(12) {
            0 => Condition::Absent,
            1 => Condition::Present,
            2 => match self.objects.open(&self.bucket, key, None).await {
                Ok(object) => Condition::Is(object.info().etag),
                Err(_) => Condition::Is(ETag::single([1; 16])),
            },
            _ => Condition::Always,
        }
    }

    async fn put_somewhere(&mut self) {
        let key = self.key();
        let (content, condition) = (self.new_content(), self.condition(key).await);
        let bucket = self.bucket.clone();
        self.put(&bucket, key, &content, condition).await;
    }

    /// Puts an object; whether that was acknowledged.
    pub async fn put(
        &mut self,
        bucket: &BucketInfo,
        key: &str,
        content: &Bytes,
        condition: Condition,
    ) -> bool {
        let etag = etag(content);
        self.oracle.borrow_mut().note(etag, content);
        let name = full_key(&bucket.name, key);
        let ticket = self.oracle.borrow_mut().begin(&name, Some(etag), condition);
        let put = put(self.objects, bucket, key, content, condition).await;
        let fate = self.fate("put", put, condition);
        self.oracle.borrow_mut().end(&ticket, fate);
        fate == Fate::Done
    }

    fn fate<T>(&self, operation: &str, result: Result<T, ObjectError>, condition: Condition) -> Fate {
        match result {
            // Nobody has heard it.
            _ if self.oracle.borrow().is_dead() => Fate::Unknown,
            Ok(_) => Fate::Done,
            Err(error) => {
                answers::note(&mut self.oracle.borrow_mut(), operation, &error);
                answers::fate(&error, condition)
            }
        }
    }

    async fn delete_some(&mut self) {
        let mut keys = vec![self.key(), self.key(), self.key()];
        keys.truncate(1 + self.generator.below(3) as usize);
        keys.sort_unstable();
        keys.dedup();
        let condition = match keys[..] {
            [key] => self.condition(key).await,
            _ => Condition::Always,
        };
        self.delete(&keys, condition).await;
    }

    /// Deletes keys in one request.
    pub async fn delete(&mut self, keys: &[&str], condition: Condition) {
        let begin = |key: &&str| {
            let name = full_key(&self.bucket.name, key);
            self.oracle.borrow_mut().begin(&name, None, condition)
        };
        let tickets: Vec<_> = keys.iter().map(begin).collect();
        let requests = keys.iter().map(|key| DeleteRequest {
            key: (*key).to_owned(),
            version: None,
            condition: write_condition(condition),
        });
        let deleted = self.objects.delete_many(&self.bucket, requests.collect()).await;
        for (ticket, deleted) in tickets.iter().zip(deleted) {
            let fate = self.fate("delete", deleted, condition);
            self.oracle.borrow_mut().end(ticket, fate);
        }
    }

    async fn get(&mut self) {
        let key = self.key();
        let name = full_key(&self.bucket.name, key);
        let invoked = self.oracle.borrow_mut().tick();
        let object = match self.objects.open(&self.bucket, key, None).await {
            Ok(object) => object,
            Err(ObjectError::NoSuchKey) => return self.oracle.borrow_mut().read(&name, invoked, None),
            Err(error) => return answers::note(&mut self.oracle.borrow_mut(), "get", &error),
        };
        let etag = object.info().etag;
        self.oracle.borrow_mut().read(&name, invoked, Some(etag));
        let range = bytes::range(&mut self.generator, object.info().size_bytes);
        match bytes::read(self.objects, &object, range.clone()).await {
            Ok(served) => {
                let checked = bytes::check(&self.oracle.borrow(), key, etag, &range, &served);
                note(self.oracle, "bytes", checked);
            }
            Err(error) => answers::note(&mut self.oracle.borrow_mut(), "read", &error),
        }
    }

    async fn list(&mut self) {
        let invoked = self.oracle.borrow_mut().tick();
        let limit = [1000, 2][self.generator.below(2) as usize];
        let listed = match listing::list(self.objects, &self.bucket, "", None, limit).await {
            Ok(listed) => listed,
            Err(error) => return answers::note(&mut self.oracle.borrow_mut(), "list", &error),
        };
        for key in KEYS {
            let value = listed.get(key).copied().flatten().map(|(etag, _)| etag);
            self.oracle.borrow_mut().read(&full_key(&self.bucket.name, key), invoked, value);
        }
    }

    async fn copy(&mut self) {
        let (from, to) = (self.key(), self.key());
        let source = match self.objects.open(&self.bucket, from, None).await {
            Ok(source) => source,
            Err(error) => return answers::note(&mut self.oracle.borrow_mut(), "copy", &error),
        };
        let found = source.info().etag;
        let Some(content) = self.oracle.borrow().contents.get(&found).cloned() else {
            return self.oracle.borrow_mut().violate("bytes", format!("{from:?} holds what nobody put"));
        };
        // A copy is put in one piece; onto itself it keeps what it has.
        let copied = if from == to { found } else { etag(&content) };
        self.oracle.borrow_mut().note(copied, &content);
        let user = vec![("name".to_owned(), "x".repeat(100))];
        let attributes = Some(Attributes { user, ..Attributes::default() });
        let request = CopyRequest { attributes, ..CopyRequest::default() };
        let name = full_key(&self.bucket.name, to);
        let ticket = self.oracle.borrow_mut().begin(&name, Some(copied), Condition::Always);
        let digest = Box::new(Digesting::default());
        let copied = self.objects.copy(&source, &self.bucket, to, request, digest).await;
        let fate = self.fate("copy", copied, Condition::Always);
        self.oracle.borrow_mut().end(&ticket, fate);
    }

    async fn upload(&mut self) {
        let key = self.key();
        let Some(upload) = self.create_upload(key).await else { return };
        for number in 1..=1 + self.generator.below(2) as u16 {
            for _ in 0..1 + self.generator.below(4) / 3 {
                let content = self.new_content();
                self.part(upload, number, &content).await;
            }
        }
        if self.generator.chance(3, 4) {
            self.finish_upload(upload).await;
        }
    }

    async fn go_on_with_upload(&mut self) {
        let open = |(id, upload): (&UploadId, &mut Upload)| {
            let is_free = !upload.is_taken && upload.is_open == Some(true);
            upload.is_taken |= is_free;
            is_free.then_some(*id)
        };
        let found = self.oracle.borrow_mut().uploads.iter_mut().find_map(open);
        let Some(upload) = found else { return };
        let (content, number) = (self.new_content(), 1 + self.generator.below(3) as u16);
        self.part(upload, number, &content).await;
        if self.generator.chance(3, 4) {
            self.finish_upload(upload).await;
        }
    }

    async fn finish_upload(&mut self, upload: UploadId) {
        if self.generator.chance(1, 5) {
            return self.abort(upload).await;
        }
        let key = self.key_of(upload);
        let condition = self.condition(&key).await;
        self.complete(upload, condition).await;
    }

    fn key_of(&self, upload: UploadId) -> String {
        self.oracle.borrow().uploads.get(&upload).map(|upload| upload.key.clone()).unwrap_or_default()
    }

    /// Begins an upload.
    pub async fn create_upload(&mut self, key: &str) -> Option<UploadId> {
        self.oracle.borrow_mut().uploads_in_doubt += 1;
        let created = self.objects.create_upload(&self.bucket, key, UploadRequest::default()).await;
        let mut oracle = self.oracle.borrow_mut();
        match created {
            _ if oracle.is_dead() => None,
            Ok(id) => {
                oracle.uploads_in_doubt -= 1;
                oracle.uploads.insert(id, Upload { is_taken: true, ..Upload::new(key) });
                Some(id)
            }
            Err(error) => {
                answers::note(&mut oracle, "create an upload", &error);
                oracle.uploads_in_doubt -=
                    usize::from(answers::fate(&error, Condition::Always) != Fate::Unknown);
                None
            }
        }
    }

    /// Puts a part.
    pub async fn part(&mut self, id: UploadId, number: u16, content: &Bytes) {
        let (key, etag) = (self.key_of(id), etag(content));
        let change = |change: &dyn Fn(&mut Upload)| {
            if let Some(upload) = self.oracle.borrow_mut().uploads.get_mut(&id) {
                change(upload);
            }
        };
        self.oracle.borrow_mut().note(etag, content);
        change(&|upload| upload.begin_part(number, etag));
        let put = async {
            let size = Some(content.len() as u64);
            let mut writer = self.objects.begin_part(&self.bucket, &key, id, number, size).await?;
            for piece in content.chunks(PIECE_BYTES) {
                writer.write(content.slice_ref(piece)).await?;
            }
            writer.commit(facts(content)).await
        };
        let put = put.await;
        let fate = self.fate("put a part", put, Condition::Always);
        change(&|upload| upload.end_part(number, etag, fate));
    }

    /// Completes an upload from the one part that S3 allows to be small: the last of those that are certain.
    pub async fn complete(&mut self, id: UploadId, condition: Condition) {
        let key = self.key_of(id);
        let last = self.oracle.borrow().uploads.get(&id).and_then(|upload| {
            let certain = upload.parts.iter().rev().filter(|(_, values)| values.len() == 1);
            certain.map(|(number, values)| (*number, values.clone())).next()
        });
        let Some((number, part)) = last else { return };
        let content = part.first().and_then(|part| self.oracle.borrow().contents.get(part).cloned());
        let Some(content) = content else { return };
        let whole = etag_of_parts(&part);
        self.oracle.borrow_mut().note(whole, &content);
        let etag = part.first().map(ETag::to_string).unwrap_or_default();
        let request = CompleteRequest {
            parts: vec![CompletePart { number, etag, checksums: vec![] }],
            condition: write_condition(condition),
            expected_size_bytes: Some(content.len() as u64),
            checksum: &|_, _| Ok(None),
        };
        let name = full_key(&self.bucket.name, &key);
        let ticket = self.oracle.borrow_mut().begin(&name, Some(whole), condition);
        self.set_open(id, None);
        let completed = self.objects.complete_upload(&self.bucket, &key, id, request).await;
        let fate = self.fate("complete", completed, condition);
        self.oracle.borrow_mut().end(&ticket, fate);
        self.close_upload(id, fate);
    }

    /// Aborts an upload.
    pub async fn abort(&mut self, id: UploadId) {
        self.set_open(id, None);
        let aborted = self.objects.abort_upload(&self.bucket, &self.key_of(id), id).await;
        let fate = self.fate("abort", aborted, Condition::Always);
        self.close_upload(id, fate);
    }

    fn close_upload(&self, id: UploadId, fate: Fate) {
        match fate {
            Fate::Done => self.set_open(id, Some(false)),
            Fate::ConditionFailed | Fate::NothingDone => self.set_open(id, Some(true)),
            Fate::Unknown => {}
        }
    }

    fn set_open(&self, id: UploadId, is_open: Option<bool>) {
        if let Some(upload) = self.oracle.borrow_mut().uploads.get_mut(&id) {
            upload.is_open = is_open;
        }
    }

    /// Replaces what it has read, by compare-and-swap: of two that read the same one is refused.
    async fn count(&mut self) {
        const COUNTER: &str = "counter";
        let condition = match self.objects.open(&self.bucket, COUNTER, None).await {
            Ok(object) => Condition::Is(object.info().etag),
            Err(ObjectError::NoSuchKey) => Condition::Absent,
            Err(error) => return answers::note(&mut self.oracle.borrow_mut(), "count", &error),
        };
        let content = self.oracle.borrow_mut().new_content(20);
        let bucket = self.bucket.clone();
        self.put(&bucket, COUNTER, &content, condition).await;
    }

    /// Makes, fills, empties and deletes the second bucket.
    async fn scratch(&mut self) {
        let name = bucket_name(BUCKETS[1]);
        match self.generator.below(5) {
            0 => self.create_bucket(&name).await,
            1 => self.delete_bucket(&name).await,
            _ => {
                let invoked = self.oracle.borrow_mut().tick();
                match self.objects.bucket(BUCKETS[1]).await {
                    Ok(bucket) => {
                        self.oracle.borrow_mut().read(&name, invoked, exists());
                        self.in_scratch(bucket).await;
                    }
                    Err(ObjectError::NoSuchBucket { .. }) => {
                        self.oracle.borrow_mut().read(&name, invoked, None);
                    }
                    Err(error) => answers::note(&mut self.oracle.borrow_mut(), "find a bucket", &error),
                }
            }
        }
    }

    async fn in_scratch(&mut self, bucket: BucketInfo) {
        let key = SCRATCH_KEYS[self.generator.below(SCRATCH_KEYS.len() as u64) as usize];
        if self.generator.chance(1, 3) {
            let content = self.oracle.borrow_mut().new_content(2000);
            self.put(&bucket, key, &content, Condition::Always).await;
        } else {
            let first = std::mem::replace(&mut self.bucket, bucket);
            self.delete(&SCRATCH_KEYS, Condition::Always).await;
            self.bucket = first;
        }
    }

    async fn create_bucket(&mut self, name: &str) {
        let ticket = self.oracle.borrow_mut().begin(name, exists(), Condition::Absent);
        let made = self.objects.create_bucket(BUCKETS[1], "", "me").await;
        let is_refused = matches!(made, Err(ObjectError::BucketExists { .. }));
        let fate = self.fate("create a bucket", made, Condition::Always);
        self.oracle.borrow_mut().end(&ticket, if is_refused { Fate::ConditionFailed } else { fate });
    }

    async fn delete_bucket(&mut self, name: &str) {
        let ticket = self.oracle.borrow_mut().begin(name, None, Condition::Present);
        let invoked = self.oracle.borrow_mut().tick();
        let deleted = self.objects.delete_bucket(BUCKETS[1]).await;
        let is_refused = matches!(deleted, Err(ObjectError::NoSuchBucket { .. }));
        let fate = self.fate("delete a bucket", deleted, Condition::Always);
        let mut oracle = self.oracle.borrow_mut();
        oracle.end(&ticket, if is_refused { Fate::ConditionFailed } else { fate });
        if fate == Fate::Done {
            // It was empty.
            for key in SCRATCH_KEYS {
                oracle.read(&full_key(BUCKETS[1], key), invoked, None);
            }
        }
    }
}

fn write_condition(condition: Condition) -> WriteCondition {
    let mut asked = WriteCondition::default();
    match condition {
        Condition::Always => {}
        Condition::Absent => asked.if_none_match = Some(ETagMatch::Any),
        Condition::Present => asked.if_match = Some(ETagMatch::Any),
        Condition::Is(etag) => asked.if_match = Some(ETagMatch::parse(&etag.to_string())),
    }
    asked
}

async fn put(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    content: &Bytes,
    condition: Condition,
) -> Result<(), ObjectError> {
    let request = PutRequest { condition: write_condition(condition), ..PutRequest::default() };
    let mut writer = objects.begin_put(bucket, key, request).await?;
    for piece in content.chunks(PIECE_BYTES) {
        writer.write(content.slice_ref(piece)).await?;
    }
    writer.commit(facts(content)).await.map(drop)
}
