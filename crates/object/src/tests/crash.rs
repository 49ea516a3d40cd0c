//! Many clients on few keys, a crash at any operation of the drives, several lives in a row.
//!
//! Goal: what was acknowledged is there, what was not is there whole or not at all, and no reader at any time gets anything
//! else. Method: every write is noted when it begins and when it is acknowledged; of what a reader finds, one write that
//! gives it must lie so that no other one certainly came between. After each crash the store is opened (and may crash in
//! that), every key is read, and listing and usage are held against what was read. At the end workers run, and nothing
//! may be left on the drives that no record refers to.
//!
//! `RUSTFS_TEST_SEEDS=N` runs N seeds.

use std::cell::RefCell;
use std::time::Duration;

use env::simulated::{Crash, Ending};
use futures_util::future::{join, join_all};
use hashbrown::HashMap;
use model::attributes::Attributes;
use model::etag::ETag;
use model::ids::UploadId;

use super::*;
use crate::{ContentDigest, CopyRequest, ListUploadsRequest};

/// Seeds of a usual run.
const SEEDS: u64 = 60;
const LIVES: u64 = 4;
const CLIENTS: u64 = 8;
const STEPS: u64 = 10;
/// Disk operations of a life's workload, about: crashes are drawn from these.
const OPERATIONS: u64 = 2500;
const KEYS: [&str; 5] = ["a", "a/b", "b", "zz", "\u{1F600}/"];
const COUNTER: &str = "counter";

/// A write, or a delete.
#[derive(Clone, Copy, Debug)]
struct Write {
    value: Option<ETag>,
    started: u64,
    /// When it was known to have happened; the end of time where it is not known.
    done: u64,
}

/// What clients know.
#[derive(Debug, Default)]
struct History {
    now: u64,
    writes: BTreeMap<String, Vec<Write>>,
    bytes: HashMap<ETag, Bytes>,
    /// Increments that were acknowledged, and those that may have happened.
    counted: u64,
    count_pending: u64,
    value_last: u64,
}

/// A write under way.
#[derive(Clone, Copy)]
struct Ticket {
    started: u64,
}

impl History {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn begin(&mut self, key: &str, value: Option<ETag>) -> Ticket {
        let started = self.tick();
        self.writes.entry(key.into()).or_default().push(Write { value, started, done: u64::MAX });
        Ticket { started }
    }

    fn end(&mut self, key: &str, ticket: Ticket, fate: Fate) {
        let now = self.tick();
        let writes = self.writes.get_mut(key).unwrap();
        let at = writes.iter().position(|write| write.started == ticket.started).unwrap();
        match fate {
            Fate::Done => writes[at].done = writes[at].done.min(now),
            Fate::Refused => {
                writes.remove(at);
            }
            Fate::Unknown => {}
        }
    }

    /// A reader that began at `started` found this.
    fn check(&mut self, key: &str, started: u64, found: Option<ETag>) {
        let now = self.tick();
        let writes = self.writes.entry(key.into()).or_default();
        let is_possible = |write: &Write| {
            let between = |other: &Write| other.done < started && other.started > write.done;
            write.value == found && !writes.iter().any(between)
        };
        let possible: Vec<usize> = (0..writes.len()).filter(|at| is_possible(&writes[*at])).collect();
        let is_initial = found.is_none() && !writes.iter().any(|write| write.done < started);
        assert!(!possible.is_empty() || is_initial, "{key:?} is {found:?} at {started}, after {writes:#?}");
        if let ([at], false) = (&possible[..], is_initial) {
            writes[*at].done = writes[*at].done.min(now);
        }
    }

    /// After a crash: what was found is what there is.
    fn settle(&mut self, key: &str, found: Option<ETag>) {
        let started = self.tick();
        self.check(key, started, found);
        let done = self.tick();
        self.writes.insert(key.into(), vec![Write { value: found, started: done, done }]);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Refused,
    Unknown,
}

/// Without faults nothing fails but what another client caused.
fn fate<T>(result: &Result<T, ObjectError>) -> Fate {
    match result {
        Ok(_) => Fate::Done,
        Err(
            ObjectError::Contended
            | ObjectError::PreconditionFailed { .. }
            | ObjectError::NoSuchKey
            | ObjectError::NoSuchUpload
            | ObjectError::Replaced,
        ) => Fate::Refused,
        Err(ObjectError::Meta(meta::MetaError::Unknown { .. })) => Fate::Unknown,
        Err(error) => panic!("{error}"),
    }
}

struct Client<'a> {
    objects: &'a Objects,
    bucket: &'a BucketInfo,
    history: &'a RefCell<History>,
    generator: Generator,
    env: &'a Env,
}

impl Client<'_> {
    async fn run(mut self) {
        for _ in 0..STEPS {
            if self.generator.chance(1, 4) {
                self.env.clock.sleep(Duration::from_millis(self.generator.below(3000))).await;
            }
            match self.generator.below(16) {
                0..=4 => self.put(WriteCondition::default()).await,
                5 => self.put(absent()).await,
                6 | 7 => self.delete().await,
                8 | 9 => self.get().await,
                10 => self.list().await,
                11 => self.copy().await,
                12 | 13 => self.upload().await,
                _ => self.count().await,
            }
        }
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.generator.below(KEYS.len() as u64) as usize]
    }

    /// A value that nobody else writes: inline, packed or a file.
    fn value(&mut self) -> Bytes {
        let len = match self.generator.below(8) {
            0..=2 => 8 + self.generator.below(1000),
            3..=5 => 1100 + self.generator.below(7000),
            6 => 8 << 10,
            _ => 20_000 + self.generator.below(200_000),
        };
        self.new_bytes(len)
    }

    fn new_bytes(&mut self, len: u64) -> Bytes {
        let mut history = self.history.borrow_mut();
        history.value_last += 1;
        let number = history.value_last;
        let mut bytes = content(number, len as usize).to_vec();
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes.into()
    }

    fn note(&self, etag: ETag, bytes: &Bytes) {
        self.history.borrow_mut().bytes.insert(etag, bytes.clone());
    }

    async fn put(&mut self, condition: WriteCondition) {
        let (key, bytes) = (self.key(), self.value());
        let etag = ETag::single(facts(&bytes).md5);
        self.note(etag, &bytes);
        let ticket = self.history.borrow_mut().begin(key, Some(etag));
        let result = put_if(self.objects, self.bucket, key, &bytes, condition).await;
        self.history.borrow_mut().end(key, ticket, fate(&result));
    }

    async fn delete(&mut self) {
        let mut keys = vec![self.key(), self.key()];
        keys.truncate(1 + self.generator.below(2) as usize);
        keys.dedup();
        let tickets: Vec<Ticket> =
            keys.iter().map(|key| self.history.borrow_mut().begin(key, None)).collect();
        let requests = keys.iter().map(|key| DeleteRequest { key: (*key).into(), ..Default::default() });
        let results = self.objects.delete_many(self.bucket, requests.collect()).await;
        for ((key, ticket), result) in keys.iter().zip(tickets).zip(results) {
            self.history.borrow_mut().end(key, ticket, fate(&result));
        }
    }

    async fn get(&mut self) {
        let key = self.key();
        let started = self.history.borrow_mut().tick();
        let found = look(self.objects, self.bucket, key, self.history).await;
        // What was replaced while it was read says nothing.
        if let Some(found) = found {
            self.history.borrow_mut().check(key, started, found);
        }
    }

    async fn list(&mut self) {
        let started = self.history.borrow_mut().tick();
        let found = listing(self.objects, self.bucket).await;
        for key in KEYS {
            let etag = found.get(key).map(|(etag, _)| *etag);
            self.history.borrow_mut().check(key, started, etag);
        }
    }

    async fn copy(&mut self) {
        let (from, to) = (self.key(), self.key());
        let Ok(source) = self.objects.open(self.bucket, from, None).await else {
            return;
        };
        let Some(bytes) = self.history.borrow().bytes.get(&source.info().etag).cloned() else {
            panic!("{from:?} holds what nobody put");
        };
        // A copy is put in one piece; onto itself it keeps what it has.
        let etag = if from == to { source.info().etag } else { ETag::single(facts(&bytes).md5) };
        self.note(etag, &bytes);
        let attributes = Attributes { user: vec![("n".into(), "x".repeat(100))], ..Attributes::default() };
        let request = CopyRequest { attributes: Some(attributes), ..CopyRequest::default() };
        let ticket = self.history.borrow_mut().begin(to, Some(etag));
        let digest = Box::new(Digesting(Md5::new()));
        let result = self.objects.copy(&source, self.bucket, to, request, digest).await;
        self.history.borrow_mut().end(to, ticket, fate(&result));
    }

    async fn upload(&mut self) {
        let key = self.key();
        let created = self.objects.create_upload(self.bucket, key, UploadRequest::default()).await;
        let Ok(upload) = created else { return };
        let sizes = match self.generator.below(12) {
            0 => vec![5 << 20, 30_000],
            1..=4 => vec![100],
            5..=8 => vec![6_000],
            _ => vec![100_000],
        };
        let mut parts = Vec::new();
        for (number, size) in (1u16..).zip(sizes) {
            if self.generator.chance(1, 3) {
                self.part(key, upload, number, size + 7).await;
            }
            let Some((bytes, part)) = self.part(key, upload, number, size).await else { return };
            parts.push((bytes, CompletePart { number, etag: part.to_string(), checksums: vec![] }, part));
        }
        if self.generator.chance(1, 4) {
            self.part(key, upload, 9, 3000).await; // Not named below.
        }
        match self.generator.below(6) {
            0 => return, // Left open.
            1 => return drop(self.objects.abort_upload(self.bucket, key, upload).await),
            _ => {}
        }
        let whole: Bytes = parts.iter().flat_map(|(bytes, ..)| bytes.clone()).collect();
        let digests = parts.iter().flat_map(|(_, _, etag)| etag.md5);
        let etag = ETag { md5: Md5::digest(digests.collect::<Vec<u8>>()).into(), parts: parts.len() as u16 };
        self.note(etag, &whole);
        let request = CompleteRequest {
            parts: parts.into_iter().map(|(_, part, _)| part).collect(),
            condition: WriteCondition::default(),
            expected_size_bytes: Some(whole.len() as u64),
            checksum: &|_, _| Ok(None),
        };
        let ticket = self.history.borrow_mut().begin(key, Some(etag));
        let result = self.objects.complete_upload(self.bucket, key, upload, request).await;
        self.history.borrow_mut().end(key, ticket, fate(&result));
    }

    async fn part(&mut self, key: &str, upload: UploadId, number: u16, size: u64) -> Option<(Bytes, ETag)> {
        let bytes = self.new_bytes(size);
        let mut writer = self.objects.begin_part(self.bucket, key, upload, number, Some(size)).await.ok()?;
        for piece in bytes.chunks(100_000) {
            writer.write(bytes.slice_ref(piece)).await.unwrap();
        }
        let part = writer.commit(facts(&bytes)).await.ok()?;
        Some((bytes, part.etag))
    }

    /// Adds one to a number by compare-and-swap.
    async fn count(&mut self) {
        let (number, condition) = match self.objects.open(self.bucket, COUNTER, None).await {
            Ok(object) => {
                let tag = Some(ETagMatch::parse(&object.info().etag.to_string()));
                (object.info().size_bytes, WriteCondition { if_match: tag, ..Default::default() })
            }
            Err(_) => (0, absent()),
        };
        self.history.borrow_mut().count_pending += 1;
        // The number is the length.
        let bytes = content(7, number as usize + 1);
        let result = put_if(self.objects, self.bucket, COUNTER, &bytes, condition).await;
        let mut history = self.history.borrow_mut();
        let fate = fate(&result);
        history.count_pending -= u64::from(fate != Fate::Unknown);
        history.counted += u64::from(fate == Fate::Done);
    }
}

fn absent() -> WriteCondition {
    WriteCondition { if_none_match: Some(ETagMatch::Any), ..WriteCondition::default() }
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

/// Reads a key whole, and holds its bytes against those of its ETag. `None` where it was replaced meanwhile.
async fn look(
    objects: &Objects,
    bucket: &BucketInfo,
    key: &str,
    history: &RefCell<History>,
) -> Option<Option<ETag>> {
    let object = match objects.open(bucket, key, None).await {
        Ok(object) => object,
        Err(ObjectError::NoSuchKey) => return Some(None),
        Err(error) => panic!("{key:?}: {error}"),
    };
    let info = object.info();
    match read(objects, &object, 0..info.size_bytes).await {
        Ok(bytes) => {
            let expected = history.borrow().bytes.get(&info.etag).cloned();
            assert!(expected.is_some_and(|expected| expected == bytes), "{key:?} has wrong bytes");
            Some(Some(info.etag))
        }
        Err(ObjectError::Replaced) => None,
        Err(error) => panic!("{key:?}: {error}"),
    }
}

async fn listing(objects: &Objects, bucket: &BucketInfo) -> BTreeMap<String, (ETag, u64)> {
    let page = objects.list(bucket, ListRequest { limit: 1000, ..ListRequest::default() }).await.unwrap();
    let entries = page.entries.into_iter().map(|entry| match entry {
        ListEntry::Object(object) => (object.key, (object.etag, object.size_bytes)),
        ListEntry::Prefix(prefix) => panic!("{prefix} is in a listing without delimiter"),
    });
    entries.collect()
}

/// What workers do, now and then, while clients are at it.
async fn workers(objects: &Objects, env: &Env) {
    for _ in 0..4 {
        env.clock.sleep(Duration::from_secs(3)).await;
        for partition in objects.meta().partitions() {
            objects.reclaim(partition, 8).await.unwrap();
            objects.heal(partition, None, 8).await.unwrap();
        }
        objects.blobs().compact().await;
    }
}

async fn workload(objects: &Objects, env: &Env, history: &RefCell<History>, seed: u64) {
    let bucket = &objects.bucket("bucket").await.unwrap();
    let clients = (0..CLIENTS).map(|number| {
        let generator = Generator::new(seed * 100 + number);
        Client { objects, bucket, history, generator, env }.run()
    });
    join(join_all(clients), workers(objects, env)).await;
}

/// Reads everything: it is what it may be, and listing and usage say the same.
async fn verify(objects: &Objects, history: &RefCell<History>) {
    let bucket = objects.bucket("bucket").await.unwrap();
    let mut readable = BTreeMap::new();
    for key in KEYS {
        let found = look(objects, &bucket, key, history).await.expect("nobody replaces it");
        history.borrow_mut().settle(key, found);
        if let Some(etag) = found {
            readable.insert(key.to_owned(), (etag, history.borrow().bytes[&etag].len() as u64));
        }
    }
    if let Ok(object) = objects.open(&bucket, COUNTER, None).await {
        let (etag, size) = (object.info().etag, object.info().size_bytes);
        assert_eq!(read(objects, &object, 0..size).await.unwrap(), content(7, size as usize));
        readable.insert(COUNTER.to_owned(), (etag, size));
    }
    let count = readable.get(COUNTER).map_or(0, |(_, size)| *size);
    {
        let mut history = history.borrow_mut();
        let (least, most) = (history.counted, history.counted + history.count_pending);
        assert!((least..=most).contains(&count), "counted to {count}, not to {least}..={most}");
        (history.counted, history.count_pending) = (count, 0);
    }
    assert_eq!(listing(objects, &bucket).await, readable, "the listing is what can be read");
    let bytes = readable.values().map(|(_, size)| size).sum();
    assert_eq!(objects.usage(&bucket).await.unwrap(), (readable.len() as u64, bytes));
    let health = objects.health().await;
    assert!(health.reads && health.writes && health.reasons.is_empty(), "{health:?}");
}

/// After the last life: everything is tidy, and after everything is deleted nothing is left.
async fn wind_up(objects: &Objects, env: &Env, history: &RefCell<History>) {
    work_until_done(objects, env).await;
    verify(objects, history).await;
    assert_tidy(objects).await;
    let bucket = objects.bucket("bucket").await.unwrap();
    let request = ListUploadsRequest { limit: 1000, ..ListUploadsRequest::default() };
    for upload in objects.list_uploads(&bucket, request).await.unwrap().uploads {
        objects.abort_upload(&bucket, &upload.key, upload.id).await.unwrap();
    }
    for key in KEYS.into_iter().chain([COUNTER]) {
        delete(objects, &bucket, key).await.unwrap();
    }
    objects.delete_bucket("bucket").await.unwrap();
    work_until_done(objects, env).await;
    assert_eq!(shards(objects).await, [], "what was deleted gives its room back");
    for drive in objects.blobs().drives().await {
        assert_eq!((drive.live_bytes, drive.damages.len()), (0, 0), "{drive:?}");
    }
}

/// All lives of a seed; gives the trace of everything that happened on the drives.
fn run(seed: u64) -> u64 {
    let store = Store::small(seed, [1, 3, 4][seed as usize % 3]);
    let mut generator = Generator::new(seed ^ 0xc0ffee);
    let history = RefCell::new(History::default());
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, true).await;
        objects.create_bucket("bucket", "", "me").await.unwrap();
        close(&objects).await;
    });
    ending.finished();
    for life in 0..LIVES {
        let crash = if generator.chance(1, 4) { Crash::Kill } else { Crash::PowerCut };
        // Often in the recovery from the crash before.
        let most = if generator.chance(1, 3) { 100 } else { OPERATIONS };
        store.simulation.disks().crash_after(1 + generator.below(most), crash);
        let ending = store.simulation.run(async |env| {
            let objects = store.open(&env, false).await;
            verify(&objects, &history).await;
            workload(&objects, &env, &history, seed * LIVES + life).await;
        });
        assert_ne!(ending, Ending::Stuck, "life {life}");
        store.simulation.disks().disarm_crash();
        store.simulation.disks().crash_now(crash);
        store.crash_engines();
    }
    let ending = store.simulation.run(async |env| {
        let objects = store.open(&env, false).await;
        verify(&objects, &history).await;
        wind_up(&objects, &env, &history).await;
        close(&objects).await;
    });
    ending.finished();
    store.simulation.disks().trace()
}

/// Runs seeds, and names the one that fails.
fn run_seeds(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("seed {seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn after_any_crash_there_is_what_was_acknowledged_and_nothing_else() {
    let seeds = std::env::var("RUSTFS_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    run_seeds(0..seeds.unwrap_or(SEEDS));
}

#[test]
fn two_runs_of_a_seed_are_identical() {
    for seed in [0, 1, 2] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
