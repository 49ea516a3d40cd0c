//! The one writer of a drive's segments, on a thread of its own.
//!
//! A turn: take all that waits (no waiting to gather more) -> one write at a block boundary -> one sync -> the index ->
//! the answers. A new segment is synced with its name before the first record goes in; a full one is sealed and synced
//! before the next is made, so only the newest segment can have a torn end.
//!
//! What always holds: a job is answered with success only after its record is synced; the index never names a record
//! that is not; a shard that is killed and moved at the same time stays dead, as the two never share a batch. After a
//! failed write or sync the loop answers failures only.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use env::buffer::{BLOCK_BYTES, blocks};
use env::{Env, File, OpenOptions};
use model::ids::BlobId;
use tokio::sync::mpsc::Receiver;

use super::format::{
    ENTRY_BYTES, Entry, FIRST_BATCH, RecordHeader, RecordKind, SEGMENT_FOOTER_BYTES, SegmentHeader,
    encode_seal, record_len,
};
use super::health::Health;
use super::index::Location;
use super::segments::{Segment, Segments, segment_path};
use super::silence::Silence;
use crate::error::FaultKind;
use crate::gather::{Outcome, Ticket};

/// Bytes of one batch at most.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Memory of a batch that is kept for the next one: many batches a second would have the allocator hold a second's worth.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What the loop does for its callers.
pub(crate) enum Work {
    /// Appends a shard: header, payload, descriptor.
    Put { parts: [Bytes; 3] },
    /// Makes a shard dead.
    Kill,
    /// Appends what stands elsewhere, if it still does.
    Move { from: Location, body: Bytes },
    /// Appends a tombstone that stands elsewhere.
    Carry { target: u32 },
    /// Seals and syncs; nothing is taken afterwards.
    Close,
}

/// A piece of work for one shard, and whom to answer.
pub(crate) struct Job {
    pub(crate) id: BlobId,
    pub(crate) shard: u8,
    pub(crate) work: Work,
    pub(crate) ticket: Ticket,
}

impl Job {
    fn body_len(&self) -> usize {
        match &self.work {
            Work::Put { parts } => parts.iter().map(Bytes::len).sum(),
            Work::Move { body, .. } => body.len(),
            Work::Kill | Work::Carry { .. } | Work::Close => 0,
        }
    }
}

/// The segment that is appended to.
struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn File>,
    at: u64,
    room_end: u64,
    batch: u32,
    entries: Vec<Entry>,
    /// Memory for the next batch.
    memory: Vec<u8>,
}

/// The loop's state.
pub(crate) struct SegmentLoop {
    env: Env,
    segments: Arc<Segments>,
    health: Arc<Health>,
    writes: Arc<Silence>,
    jobs: Receiver<Box<Job>>,
    next_number: u32,
    segment_bytes: u64,
    active: Option<Active>,
    deferred: Option<Box<Job>>,
}

/// Why a batch can't be written.
enum Refusal {
    /// There is no room for it. Nothing of what was there before is in doubt.
    Full,
    /// The drive's state is unknown now.
    Failed(&'static str, io::Error),
}

impl Refusal {
    /// From a write or a new name; never from a sync: what a failed sync leaves is unknown, whatever the reason.
    fn of_write(what: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::Full,
            _ => Refusal::Failed(what, error),
        }
    }
}

/// What is done when a batch is synced.
struct Done {
    id: BlobId,
    shard: u8,
    effect: Effect,
    ticket: Ticket,
}

enum Effect {
    Put(Location),
    Kill {
        from: Location,
        target: u32,
    },
    Move {
        from: Location,
        to: Location,
    },
    Carry {
        target: u32,
    },
    /// Nothing was to do.
    Nothing,
}

impl SegmentLoop {
    pub(crate) fn new(
        env: Env,
        segments: Arc<Segments>,
        (health, writes): (Arc<Health>, Arc<Silence>),
        jobs: Receiver<Box<Job>>,
        next_number: u32,
        segment_bytes: u64,
    ) -> Self {
        SegmentLoop {
            env,
            segments,
            health,
            writes,
            jobs,
            next_number,
            segment_bytes,
            active: None,
            deferred: None,
        }
    }

    /// Runs until it is closed or nobody can send any more.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        while let Some(closing) = self.gather(&mut batch).await {
            if !batch.is_empty() {
                self.turn(&mut batch).await;
            }
            if let Some(ticket) = closing {
                ticket.answer(self.close().await);
                return;
            }
        }
    }

    /// Takes what waits. `None`: nobody can send any more. `Some(Some(_))`: closing after this batch.
    async fn gather(&mut self, batch: &mut Vec<Job>) -> Option<Option<Ticket>> {
        let mut next = match self.deferred.take() {
            Some(job) => Some(job),
            None => Some(self.jobs.recv().await?),
        };
        let mut len = 0;
        let mut once = HashSet::new();
        while let Some(job) = next {
            if matches!(job.work, Work::Close) {
                return Some(Some(job.ticket));
            }
            len += record_len(job.body_len());
            let twice =
                matches!(job.work, Work::Kill | Work::Move { .. }) && !once.insert((job.id, job.shard));
            let too_long = len > BATCH_BYTES_MAX.min(self.segment_bytes as usize / 4);
            if !batch.is_empty() && (twice || too_long) {
                self.deferred = Some(job);
                break;
            }
            batch.push(*job);
            next = self.jobs.try_recv().ok();
        }
        Some(None)
    }

    async fn turn(&mut self, batch: &mut Vec<Job>) {
        let writes = Arc::clone(&self.writes);
        let _question = writes.ask_now();
        if self.health.is_poisoned() {
            batch.clear(); // Dropped tickets are failures.
            return;
        }
        if let Err(Refusal::Failed(what, error)) = self.make_room_for(batch).await {
            self.fail(what, &error);
        }
        let Some(active) = self.active.as_mut().filter(|_| !batch.is_empty()) else {
            batch.clear();
            return;
        };
        let records = active.entries.len();
        let (bytes, done) = active.encode(&self.segments, batch);
        let written = if bytes.is_empty() { Ok(()) } else { active.append(bytes).await };
        let outcome = match written {
            Ok(()) => return self.apply(done),
            Err(Refusal::Full) => {
                active.entries.truncate(records);
                // The next batch goes to the same place. Should it be shorter and the segment never be sealed, a start takes what
                // is left behind it for records: whole shards, at worst of a blob that nobody refers to.
                self.health.note_full();
                Err(FaultKind::NotWritable)
            }
            Err(Refusal::Failed(what, error)) => {
                self.fail(what, &error);
                Err(FaultKind::io(&error))
            }
        };
        for done in done {
            done.ticket.answer(outcome.clone());
        }
    }

    fn fail(&mut self, what: &str, error: &io::Error) {
        self.health.poison(format!("{what}: {error}"));
        self.active = None;
    }

    fn apply(&self, done: Vec<Done>) {
        let Some(active) = &self.active else { return };
        let segment = &active.segment;
        let used = active.at - FIRST_BATCH;
        segment.used_bytes.store(used, Ordering::Relaxed);
        for done in done {
            let (id, shard) = (done.id, done.shard);
            match done.effect {
                Effect::Put(location) => self.segments.put(id, shard, location),
                Effect::Kill { from, target } => {
                    self.segments.tombstone(segment, target);
                    self.segments.kill(&id, shard, Some(from));
                }
                Effect::Move { from, to } => self.segments.moved(id, shard, from, to),
                Effect::Carry { target } => self.segments.tombstone(segment, target),
                Effect::Nothing => {}
            }
            done.ticket.answer(Ok(()));
        }
    }

    /// Sees to it that there is a segment with room for the batch, or for what of it gives room back.
    async fn make_room_for(&mut self, batch: &mut Vec<Job>) -> Result<(), Refusal> {
        let needs_room = batch.iter().any(|job| matches!(job.work, Work::Put { .. }));
        match self.make_room(batch, needs_room).await {
            Err(Refusal::Full) => self.health.note_full(),
            other => return other,
        }
        // Without the puts what is left may use the reserve: it is what gives room back.
        batch.retain(|job| !matches!(job.work, Work::Put { .. }));
        match batch.is_empty() {
            true => Ok(()),
            false => self.make_room(batch, false).await,
        }
    }

    /// Sees to it that there is a segment with room for the batch.
    async fn make_room(&mut self, batch: &[Job], for_puts: bool) -> Result<(), Refusal> {
        let len: usize = batch.iter().map(|job| record_len(job.body_len())).sum();
        if let Some(active) = &self.active {
            if active.has_room(len, batch.len()) {
                return Ok(());
            }
            self.seal().await.map_err(|error| Refusal::Failed("a segment could not be sealed", error))?;
        }
        if for_puts && self.health.takes(self.segment_bytes).is_err() {
            return Err(Refusal::Full);
        }
        match self.start(self.segment_bytes).await {
            // What gives room back must not want much of it: a drive that is full to the brim could never be emptied.
            Err(Refusal::Full) if !for_puts => self.start(small_segment_bytes(len, batch.len())).await,
            started => started,
        }
    }

    async fn seal(&mut self) -> io::Result<()> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        seal_segment(&active.file, &active.segment.header, active.at, active.entries).await?;
        active.segment.sealed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the next segment, with room for so many bytes.
    async fn start(&mut self, room_bytes: u64) -> Result<(), Refusal> {
        let number = self.next_number;
        // The last number is none: it could not be told from one that was used already.
        let next_number = number.checked_add(1).ok_or(Refusal::Full)?;
        let header = SegmentHeader { number, salt: self.env.random.number() };
        let path = segment_path(&self.segments.folder, number);
        const WHAT: &str = "a segment could not be made";
        let failed = |error| Refusal::Failed(WHAT, error);
        let unwritten = |error| Refusal::of_write(WHAT, error);
        let disk = &self.env.disk;
        let options =
            OpenOptions { write: true, create_new: true, on_caller: true, ..OpenOptions::default() };
        let file = disk.open(&path, options).await.map_err(unwritten)?;
        if let Err(error) = file.allocate(room_bytes).await {
            tracing::warn!(path = %path.display(), %error, "there is no room for a segment");
            disk.remove(&path).await.map_err(failed)?;
            return Err(Refusal::Full);
        }
        self.next_number = next_number;
        let mut first = vec![0u8; BLOCK_BYTES];
        for (place, byte) in first.iter_mut().zip(header.encode()) {
            *place = byte;
        }
        if let Err(error) = file.write_at(0, Bytes::from(first)).await {
            // Without a header it would be found damaged once it is not the newest any more.
            disk.remove(&path).await.map_err(failed)?;
            return Err(unwritten(error));
        }
        file.sync().await.map_err(failed)?;
        disk.sync_directory(&self.segments.folder).await.map_err(failed)?;
        let reading = disk.open(&path, OpenOptions::default()).await.map_err(failed)?;
        let segment = Arc::new(Segment::new(header, reading));
        self.segments.add(Arc::clone(&segment));
        if let Ok(space) = disk.space(&self.segments.folder).await {
            self.health.note_space(space, self.env.clock.monotonic());
        }
        self.active = Some(Active {
            segment,
            file,
            at: FIRST_BATCH,
            room_end: room_bytes,
            batch: 0,
            entries: Vec::new(),
            memory: Vec::new(),
        });
        Ok(())
    }

    async fn close(&mut self) -> Outcome {
        if self.health.is_poisoned() {
            return Err(FaultKind::NotWritable);
        }
        self.seal().await.map_err(|error| {
            self.health.poison(format!("a segment could not be sealed: {error}"));
            FaultKind::io(&error)
        })
    }
}

/// Room for a batch and one more like it, where there is none for a segment of the usual length.
fn small_segment_bytes(batch_len: usize, records: usize) -> u64 {
    let index = blocks(records * ENTRY_BYTES + SEGMENT_FOOTER_BYTES);
    FIRST_BATCH + 2 * (blocks(batch_len) + index) as u64
}

/// Writes the index and the footer of a segment, gives back the room behind, syncs.
pub(crate) async fn seal_segment(
    file: &Arc<dyn File>,
    header: &SegmentHeader,
    data_end: u64,
    mut entries: Vec<Entry>,
) -> io::Result<()> {
    let seal = encode_seal(header, data_end, &mut entries);
    let end = data_end + seal.len() as u64;
    file.write_at(data_end, Bytes::from(seal)).await?;
    file.set_len(end).await?;
    file.sync().await
}

impl Active {
    /// Whether the batch fits, with its part of the index.
    fn has_room(&self, batch_len: usize, records: usize) -> bool {
        let index = (self.entries.len() + records) * ENTRY_BYTES + SEGMENT_FOOTER_BYTES;
        self.at + (blocks(batch_len) + index) as u64 <= self.room_end
    }

    /// The batch as bytes, and what follows from it.
    fn encode(&mut self, segments: &Segments, batch: &mut Vec<Job>) -> (Vec<u8>, Vec<Done>) {
        let len: usize = batch.iter().map(|job| record_len(job.body_len())).sum();
        let mut bytes = std::mem::take(&mut self.memory);
        bytes.clear();
        bytes.reserve(blocks(len));
        let mut done = Vec::with_capacity(batch.len());
        for job in batch.drain(..) {
            let effect = self.encode_job(segments, &job, &mut bytes);
            done.push(Done { id: job.id, shard: job.shard, effect, ticket: job.ticket });
        }
        bytes.resize(blocks(bytes.len()), 0);
        (bytes, done)
    }

    fn encode_job(&mut self, segments: &Segments, job: &Job, out: &mut Vec<u8>) -> Effect {
        let there = || segments.index.find(&job.id, job.shard);
        match &job.work {
            Work::Put { parts } => {
                let parts: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
                Effect::Put(self.record(job, RecordKind::Shard, &parts, out))
            }
            Work::Kill => match there() {
                Some(from) => {
                    let target = from.segment;
                    self.record(job, RecordKind::Tombstone { target }, &[], out);
                    Effect::Kill { from, target }
                }
                None => Effect::Nothing,
            },
            Work::Move { from, body } if there() == Some(*from) => {
                Effect::Move { from: *from, to: self.record(job, RecordKind::Shard, &[body], out) }
            }
            Work::Carry { target } => {
                let target = *target;
                self.record(job, RecordKind::Tombstone { target }, &[], out);
                Effect::Carry { target }
            }
            Work::Move { .. } | Work::Close => Effect::Nothing,
        }
    }

    fn record(&mut self, job: &Job, kind: RecordKind, parts: &[&[u8]], out: &mut Vec<u8>) -> Location {
        let offset = self.at + out.len() as u64;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let header =
            RecordHeader { kind, id: job.id, shard: job.shard, length: length as u32, batch: self.batch + 1 };
        let start = out.len();
        out.extend_from_slice(&header.encode(&self.segment.header, offset));
        for part in parts {
            out.extend_from_slice(part);
        }
        out.resize(start + record_len(length), 0);
        let location =
            Location { segment: self.segment.number(), offset: offset as u32, length: length as u32 };
        self.entries.push(Entry {
            kind,
            id: job.id,
            shard: job.shard,
            offset: location.offset,
            length: location.length,
        });
        location
    }

    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        let end = self.at + bytes.len() as u64;
        assert!(
            end <= self.room_end && end.is_multiple_of(BLOCK_BYTES as u64),
            "a batch lies in the room reserved for it"
        );
        let bytes = Bytes::from(bytes);
        let written = self.file.write_at(self.at, bytes.clone()).await;
        if bytes.is_unique() && bytes.len() <= KEPT_BYTES_MAX {
            self.memory = bytes.into();
        }
        written.map_err(|error| Refusal::of_write("a segment could not be written", error))?;
        let synced = self.file.sync().await;
        synced.map_err(|error| Refusal::Failed("a segment could not be synced", error))?;
        self.at = end;
        self.batch += 1;
        Ok(())
    }
}
