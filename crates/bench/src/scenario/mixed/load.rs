//! The requests of the mixed load, and whether their answers are right.

use super::keys::{Content, Keys};
use super::upload::{Step, Upload};
use crate::body::{BodyKind, Payload, Pool, mixed};
use crate::driver::{Done, Driver};
use crate::histogram::Histogram;
use crate::request::{Expect, Request};
use crate::response::{Response, between};
use crate::workload::Access;
use std::rc::Rc;
use std::time::Instant;

/// Sizes of objects, and how many of a hundred have each.
const SIZES: [(usize, u64); 7] = [
    (1 << 10, 30),
    (4 << 10, 25),
    (16 << 10, 15),
    (64 << 10, 12),
    (256 << 10, 9),
    (1 << 20, 6),
    (4 << 20, 3),
];
/// Bytes of a part: the least that S3 allows.
const PART_BYTES: usize = 5 << 20;
/// Keys above which more are deleted than made: a few gigabytes of objects.
const KEYS_MAX: usize = 4_000;
/// Keys of a request that deletes what is left.
const DELETE_BATCH: usize = 100;
/// Keys of a page that is listed.
const PAGE_KEYS: usize = 100;

/// What requests do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Overwrite,
    Get,
    Delete,
    List,
    Upload,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Put, Self::Overwrite, Self::Get, Self::Delete, Self::List, Self::Upload];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Overwrite => "overwrite",
            Self::Get => "get",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Upload => "part",
        }
    }
}

/// What a connection waits for.
enum Asked {
    Put { key: u64, content: Content },
    Get { key: u64, bytes: u64 },
    Delete { key: u64 },
    DeleteMany,
    List,
    Step(Upload),
}

struct Outstanding {
    kind: Kind,
    asked: Asked,
    since: Instant,
}

/// The load and what it knows of the server.
pub(super) struct Load {
    pub(super) access: Access,
    pools: Vec<Pool>,
    parts: Pool,
    pub(super) keys: Keys,
    next_number: u64,
    draws: u64,
    outstanding: Vec<Option<Outstanding>>,
    /// Uploads that go on with the connection's next request.
    uploads: Vec<Option<Upload>>,
    latencies: Vec<Histogram>,
    /// Keys to delete at the end.
    leftover: Option<Vec<u64>>,
    /// Answers that were not as they should be.
    pub(super) wrong: u64,
}

impl Load {
    pub(super) fn new(access: Access, connections: u32) -> Self {
        Self {
            access,
            pools: SIZES.iter().map(|(size, _)| Pool::new(*size)).collect(),
            parts: Pool::new(PART_BYTES),
            keys: Keys::default(),
            next_number: 0,
            draws: 0,
            outstanding: (0..connections).map(|_| None).collect(),
            uploads: (0..connections).map(|_| None).collect(),
            latencies: Kind::ALL.iter().map(|_| Histogram::new()).collect(),
            leftover: None,
            wrong: 0,
        }
    }

    pub(super) fn latency(&self, kind: Kind) -> &Histogram {
        &self.latencies[kind as usize]
    }

    pub(super) fn forget_latencies(&mut self) {
        self.latencies.fill_with(Histogram::new);
    }

    /// From now on only deletes, until nothing is left. Uploads that were begun are given up: they have been aborted.
    pub(super) fn delete_all(&mut self) {
        self.leftover = Some(self.keys.take_all());
    }

    /// A number below `below`, drawn.
    fn draw(&mut self, below: u64) -> u64 {
        self.draws += 1;
        mixed(self.draws ^ 0x6d69_7865_6400) % below
    }

    fn numbers(&mut self, count: u64) -> u64 {
        self.next_number += count;
        self.next_number - count
    }

    fn choose(&mut self) -> Kind {
        let many = self.keys.len() > KEYS_MAX;
        match self.draw(100) {
            0..30 if many => Kind::Delete,
            0..30 => Kind::Put,
            30..40 => Kind::Overwrite,
            40..80 => Kind::Get,
            80..95 => Kind::Delete,
            95..99 => Kind::List,
            _ => Kind::Upload,
        }
    }

    fn size(&mut self) -> usize {
        let mut left = self.draw(SIZES.iter().map(|(_, share)| share).sum());
        let fits = |(_, share): &(usize, u64)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        };
        SIZES.iter().position(fits).unwrap_or(0)
    }

    fn payload(&self, content: Content) -> &Rc<Payload> {
        let pool = if content.parts > 1 { &self.parts } else { &self.pools[content.size] };
        pool.of(content.number)
    }

    fn ask(&mut self, kind: Kind, request: &mut Request) -> Asked {
        let drawn = match kind {
            Kind::Overwrite | Kind::Get | Kind::Delete => self.keys.draw(),
            _ => None,
        };
        match (kind, drawn) {
            (Kind::Get, Some((key, content))) => self.get(key, content, request),
            (Kind::Delete, Some((key, _))) => self.delete(key, request),
            (Kind::Overwrite, Some((key, _))) => self.put(key, request),
            (Kind::List, _) => self.list(request),
            (Kind::Upload, _) => {
                let upload = Upload::new(self.keys.fresh(), self.numbers(Upload::PARTS));
                self.step(upload, request)
            }
            _ => {
                let key = self.keys.fresh();
                self.put(key, request)
            }
        }
    }

    fn put(&mut self, key: u64, request: &mut Request) -> Asked {
        self.keys.begin_change(key);
        let content = Content { number: self.numbers(1), size: self.size(), parts: 1 };
        let payload = Rc::clone(self.payload(content));
        self.access.put(request, &name(key), "", BodyKind::Trailer, (&payload, content.number));
        Asked::Put { key, content }
    }

    fn get(&mut self, key: u64, content: Content, request: &mut Request) -> Asked {
        self.keys.begin_reading(key);
        let part = self.draw(content.parts);
        let content = Content { number: content.number + part, ..content };
        let query = if content.parts > 1 { format!("partNumber={}", part + 1) } else { String::new() };
        self.access.object_request(request, "GET", &name(key), &query);
        let payload = Rc::clone(self.payload(content));
        let bytes = payload.len() as u64;
        request.expect = Expect::Object { stamp: payload.stamp(content.number), payload, whole: true };
        Asked::Get { key, bytes }
    }

    fn delete(&mut self, key: u64, request: &mut Request) -> Asked {
        self.keys.begin_change(key);
        self.access.object_request(request, "DELETE", &name(key), "");
        Asked::Delete { key }
    }

    fn list(&mut self, request: &mut Request) -> Asked {
        let after = name(self.draw(self.next_number + 1));
        let query = format!("list-type=2&max-keys={PAGE_KEYS}&start-after={}", after.replace('/', "%2F"));
        self.access.bucket_request(request, "GET", &query);
        Asked::List
    }

    fn step(&mut self, upload: Upload, request: &mut Request) -> Asked {
        let key = name(upload.key);
        match upload.step() {
            Step::Begin(query) => self.access.object_request(request, "POST", &key, &query),
            Step::Part(part, query) => {
                let number = upload.number + part;
                let payload = Rc::clone(self.parts.of(number));
                self.access.put(request, &key, &query, BodyKind::Unsigned, (&payload, number));
            }
            Step::Complete(query, text) => self.access.post_text(request, &key, &query, &text),
        }
        Asked::Step(upload)
    }

    fn delete_leftover(&mut self, request: &mut Request) -> bool {
        let Some(left) = &mut self.leftover else {
            return false;
        };
        let batch = left.split_off(left.len().saturating_sub(DELETE_BATCH));
        let names: Vec<String> = batch.into_iter().map(name).collect();
        if names.is_empty() {
            return false;
        }
        self.access.delete_request(request, names.iter().map(String::as_str));
        true
    }

    fn judge(&mut self, slot: usize, asked: Asked, response: &Response) -> Result<u64, String> {
        // What a request that failed was about stays unknown, and is deleted at the end.
        if response.status >= 300 {
            return Err(response.error_label());
        }
        match asked {
            Asked::Put { key, content } => {
                self.keys.holds(key, content);
                return Ok(SIZES[content.size].0 as u64);
            }
            Asked::Get { bytes, .. } => {
                if response.length != bytes || !response.intact {
                    return Err(format!("WRONG BYTES ({} instead of {bytes})", response.length));
                }
                return Ok(bytes);
            }
            Asked::Delete { key } => self.keys.is_gone(key),
            Asked::DeleteMany
                if between(&String::from_utf8_lossy(&response.body), "<Error>", "<").is_some() =>
            {
                return Err("a key that can't be deleted".to_owned());
            }
            Asked::DeleteMany => {}
            Asked::List => in_order(&response.body)?,
            Asked::Step(mut upload) => {
                if upload.answered(&response.etag, &response.body)? {
                    let content = Content { number: upload.number, size: 0, parts: Upload::PARTS };
                    self.keys.holds(upload.key, content);
                } else {
                    self.uploads[slot] = Some(upload);
                }
            }
        }
        Ok(0)
    }
}

impl Driver for Load {
    fn next(&mut self, slot: usize, request: &mut Request) -> bool {
        let (kind, asked) = if self.leftover.is_some() {
            if !self.delete_leftover(request) {
                return false;
            }
            (Kind::Delete, Asked::DeleteMany)
        } else if let Some(upload) = self.uploads[slot].take() {
            (Kind::Upload, self.step(upload, request))
        } else {
            let kind = self.choose();
            (kind, self.ask(kind, request))
        };
        self.outstanding[slot] = Some(Outstanding { kind, asked, since: Instant::now() });
        true
    }

    fn finish(&mut self, slot: usize, _request: &Request, response: &Response) -> Result<Done, String> {
        let Some(Outstanding { kind, asked, since }) = self.outstanding[slot].take() else {
            return Err("an answer to nothing".to_owned());
        };
        self.latencies[kind as usize].record(since.elapsed());
        if let Asked::Get { key, .. } = asked {
            self.keys.end_reading(key);
        }
        let judged = self.judge(slot, asked, response);
        self.wrong += u64::from(judged.is_err() && response.status < 300);
        judged.map(|bytes| Done { operations: 1, bytes })
    }

    fn lost(&mut self, slot: usize, _request: &Request) {
        self.outstanding[slot] = None;
    }
}

/// The key of a number, spread over prefixes.
fn name(key: u64) -> String {
    format!("{:02x}/{key:08}", mixed(key) & 255)
}

/// Whether the keys of a page ascend.
fn in_order(body: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(body);
    let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next());
    if keys.is_sorted_by(|one, two| one < two) { Ok(()) } else { Err("keys out of order".to_owned()) }
}
