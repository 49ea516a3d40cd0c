//! One drive: its segments with their writer, its shard files, its state.
//!
//! What always holds: a packed shard that is found in the index is durable; a shard file is durable when
//! [`file::commit`] has returned. Reads never wait for the segment writer.

use std::collections::HashSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use env::{BoxFuture, Env, Space};
use futures_util::FutureExt;
use model::ids::BlobId;
use parking_lot::Mutex;
use tokio::sync::mpsc::{self, Sender};

use self::format::record_len;
use self::health::Health;
pub(crate) use self::inventory::{Busy, read_end as file_end};
use self::open::OpenFault;
pub(crate) use self::scrub::Walk;
use self::segment_loop::{Job, SegmentLoop, Work};
use self::segments::Segments;
use self::silence::{Question, Silence};
use crate::error::{BlobOpenError, FaultKind};
use crate::gather::{Gather, Ticket};
use crate::options::BlobOptions;
use crate::patience::within;
use crate::shard::{PackedHeader, packed_descriptor};
use crate::status::{Described, DrivePlace, DriveState, DriveStatus};

mod compaction;
pub(crate) mod file;
pub(crate) mod format;
mod health;
mod index;
mod inventory;
pub(crate) mod offline;
mod open;
mod pace;
mod recovery;
mod rewrite;
mod scrub;
mod segment_loop;
mod segments;
mod silence;

/// A drive that was there when the store was opened.
pub(crate) struct Drive {
    pub(crate) place: DrivePlace,
    /// The drive's folder.
    path: PathBuf,
    env: Env,
    health: Arc<Health>,
    /// What changes it.
    writes: Arc<Silence>,
    reads: Silence,
    /// What requests have asked of it so far.
    requests: AtomicU64,
    /// How long it is waited for.
    answer_wait: Duration,
    segments: Arc<Segments>,
    jobs: Sender<Box<Job>>,
    /// The folder of shard files.
    shards: PathBuf,
    /// Folders of shard files whose names are durable, by their number.
    durable_folders: Mutex<HashSet<u16>>,
    segment_bytes: u64,
    compact_dead_percent_min: u8,
    compacting: tokio::sync::Mutex<()>,
    writer_end: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive").field("place", &self.place).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drive {
    /// Opens a drive, however bad it is: what can't be read makes it poisoned. `None` where it does not answer.
    pub(crate) async fn open(
        env: &Env,
        place: DrivePlace,
        path: &Path,
        options: &BlobOptions,
    ) -> Result<Option<Arc<Drive>>, BlobOpenError> {
        let root = path.join("blob");
        let segments = Arc::new(Segments::new(root.join("segments")));
        let opened = open::open(env, &root, &segments, options).await;
        let now = env.clock.monotonic();
        let (health, next_number, segment_bytes) = match opened {
            Ok(opened) => {
                let reserve = options.reserve(&opened.space);
                let health = Health::new(path.display().to_string(), opened.space, reserve, now);
                if let Some(reason) = opened.poison {
                    health.poison(reason);
                }
                let bytes = options.segment_bytes(&opened.space);
                (health, opened.next_number, bytes)
            }
            Err(OpenFault::Silent) => return Ok(None),
            Err(OpenFault::Io(error)) => {
                let health = Health::new(path.display().to_string(), Space::default(), 0, now);
                health.poison(format!("{} can't be opened: {error}", root.display()));
                (health, 0, options.segment_bytes(&Space::default()))
            }
        };
        let health = Arc::new(health);
        let writes = Arc::new(Silence::of_writes(path, &env.clock, options));
        let reads = Silence::of_reads(path, &env.clock, options);
        let (jobs, waiting) = mpsc::channel(options.drive_queue_max.max(1));
        let writer = SegmentLoop::new(
            env.clone(),
            Arc::clone(&segments),
            (Arc::clone(&health), Arc::clone(&writes)),
            waiting,
            next_number,
            segment_bytes,
        );
        let name = format!("blob-{}-{}", place.set, place.slot);
        let writer_end = env
            .spawn
            .thread(&name, Box::pin(writer.run()))
            .map_err(|source| BlobOpenError::Thread { path: path.to_owned(), source })?;
        Ok(Some(Arc::new(Drive {
            place,
            path: path.to_owned(),
            env: env.clone(),
            health,
            writes,
            reads,
            requests: AtomicU64::new(0),
            answer_wait: options.answer_wait,
            segments,
            jobs,
            shards: root.join("shards"),
            durable_folders: Mutex::default(),
            segment_bytes,
            compact_dead_percent_min: options.compact_dead_percent_min,
            compacting: tokio::sync::Mutex::new(()),
            writer_end: Mutex::new(Some(writer_end)),
        })))
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether so many more bytes may be written.
    pub(crate) fn takes(&self, bytes: u64) -> Result<(), FaultKind> {
        self.health.takes(bytes)
    }

    /// The drive is asked for a change: it has answered when this is dropped.
    pub(crate) async fn ask(&self) -> Question<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.writes.ask().await
    }

    /// Whether it leaves changes waiting for longer than it may.
    pub(crate) fn is_silent(&self) -> bool {
        self.writes.silent_for().is_some()
    }

    /// Whether others had better be read instead.
    pub(crate) fn is_slow(&self) -> bool {
        self.reads.is_crowded() || self.reads.silent_for().is_some()
    }

    /// Whether a repair of what is here would not be in vain.
    pub(crate) fn can_repair(&self) -> bool {
        self.takes(0).is_ok() && !self.is_silent()
    }

    /// The drive is asked for bytes.
    pub(crate) async fn ask_read(&self) -> Question<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.reads.ask().await
    }

    /// Begins a piece of work that nobody waits for.
    pub(crate) fn begin_piece(&self) -> WorkPiece<'_> {
        WorkPiece {
            drive: self,
            begun: self.env.clock.monotonic(),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }

    /// What the drive answers, if it does in time.
    pub(crate) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, FaultKind>>,
    ) -> Result<T, FaultKind> {
        within(&*self.env.clock, self.answer_wait, answer).await
    }

    /// Whether it is for want of room that writes are refused.
    pub(crate) fn is_full(&self) -> bool {
        !self.health.is_poisoned()
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.health.space().free_bytes
    }

    /// Asks for the room again, beside the caller, if what is known is old.
    pub(crate) fn refresh_space(self: &Arc<Self>) {
        if self.health.wants_space(self.env.clock.monotonic()) && !self.is_silent() {
            let drive = Arc::clone(self);
            // Its end is of no interest: the next caller looks at the numbers.
            drop(self.env.spawn.task(Box::pin(async move { drive.ask_space().await })));
        }
    }

    async fn ask_space(&self) {
        let _question = self.writes.ask_now();
        if let Ok(space) = self.env.disk.space(&self.path).await {
            self.health.note_space(space, self.env.clock.monotonic());
        }
    }

    /// Hands the segment writer a job. Waits while its queue is full; an answer comes through the ticket in any case.
    pub(crate) async fn submit(&self, id: BlobId, shard: u8, work: Work, ticket: Ticket) {
        let job = Job { id, shard, work, ticket };
        // A writer that has stopped drops the job, and the ticket says so.
        let _ = self.jobs.send(Box::new(job)).await;
    }

    /// As [`Drive::submit`] of a shard to append, without waiting: gives the job back while the queue is full.
    pub(crate) fn try_put(&self, job: PutJob) -> Result<(), PutJob> {
        use mpsc::error::TrySendError;
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.jobs.try_send(job.0) {
            Err(TrySendError::Full(job)) => Err(PutJob(job)),
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Waits for room in the queue, then hands over.
    pub(crate) async fn put(&self, job: PutJob) {
        let _ = self.jobs.send(job.0).await;
    }

    /// Whether a shard is packed here.
    pub(crate) fn is_packed(&self, id: &BlobId, shard: u8) -> bool {
        self.segments.index.find(id, shard).is_some()
    }

    /// Up to `limit_bytes` of a packed shard, unchecked.
    pub(crate) async fn read_packed(
        &self,
        id: &BlobId,
        shard: u8,
        limit_bytes: usize,
    ) -> Result<Option<Bytes>, FaultKind> {
        let read = self.segments.read(id, shard, limit_bytes).await;
        read.map_err(|error| FaultKind::io(&error))
    }

    /// What a shard tells of its blob.
    pub(crate) async fn describe(&self, id: &BlobId, shard: u8) -> Result<Described, FaultKind> {
        match self.is_packed(id, shard) {
            true => self.describe_packed(id, shard).await,
            false => self.describe_file(id, shard).await,
        }
    }

    /// What a packed shard tells of its blob. A shard of another blob that lies in its place tells nothing of it.
    async fn describe_packed(&self, id: &BlobId, shard: u8) -> Result<Described, FaultKind> {
        let bytes = self.read_packed(id, shard, usize::MAX).await?;
        let bytes = bytes.ok_or(FaultKind::Missing)?;
        let header = PackedHeader::decode(&bytes)?;
        header.identity.names(id, shard, "packed shard")?;
        Ok(Described {
            blob: header.identity.blob(u64::from(header.size_bytes)),
            descriptor: packed_descriptor(&header, &bytes)?,
        })
    }

    /// Whether everything that lies here is known: no segment was left out, and what was written is certain.
    pub(crate) fn knows_all(&self) -> bool {
        !self.segments.is_incomplete() && !self.health.is_poisoned()
    }

    /// Makes a packed shard dead, through the segment writer.
    pub(crate) async fn kill(&self, id: BlobId, shard: u8, ticket: Ticket) {
        self.submit(id, shard, Work::Kill, ticket).await;
    }

    /// What is known of it; asks for the room.
    pub(crate) async fn status(&self) -> DriveStatus {
        if !self.is_silent() {
            // A drive that does not answer is known by its last answer.
            let _ = self.within(self.ask_space().map(Ok)).await;
        }
        let usage = self.segments.usage();
        let kept: u64 = usage.iter().map(|usage| usage.kept_bytes).sum();
        let used: u64 = usage.iter().map(|usage| usage.used_bytes).sum();
        let space = self.health.space();
        DriveStatus {
            place: self.place,
            path: Some(self.path.clone()),
            state: self.state(),
            total_bytes: space.total_bytes,
            free_bytes: space.free_bytes,
            segments: usage.len(),
            packed_shards: self.segments.shards(),
            live_bytes: kept,
            dead_bytes: used.saturating_sub(kept),
            damages: self.segments.damages(),
        }
    }

    fn state(&self) -> DriveState {
        match self.health.state() {
            state @ (DriveState::Ok | DriveState::Full) => {
                self.writes.silent_for().map_or(state, |waited| DriveState::Silent { waited })
            }
            state => state,
        }
    }

    /// Seals and syncs; ends when the segment writer has, unless the drive does not answer.
    pub(crate) async fn close(&self) {
        if self.within(self.end_writer().map(Ok)).await.is_err() {
            tracing::warn!(drive = %self.path.display(), "the drive does not answer: the next start seals its last segment");
        }
    }

    async fn end_writer(&self) {
        let gather = Gather::new(1);
        let ticket = gather.ticket(0);
        let nobody = BlobId::from_bytes([0; 16]);
        self.submit(nobody, 0, Work::Close, ticket).await;
        gather.all().await;
        let end = self.writer_end.lock().take();
        if let Some(end) = end {
            end.await;
        }
    }
}

/// A piece of work that nobody waits for, under way.
pub(crate) struct WorkPiece<'a> {
    drive: &'a Drive,
    begun: Duration,
    requests: u64,
}

impl WorkPiece<'_> {
    /// How long to leave the drive to requests now that the piece is done.
    pub(crate) fn rest(&self, is_pressed: bool) -> Duration {
        let took = self.drive.env.clock.monotonic().saturating_sub(self.begun);
        let is_used = self.drive.requests.load(Ordering::Relaxed) != self.requests;
        pace::rest(took, is_used, is_pressed)
    }
}

/// A packed shard on its way to a segment writer.
pub(crate) struct PutJob(Box<Job>);

impl PutJob {
    pub(crate) fn new(id: BlobId, shard: u8, parts: [Bytes; 3], ticket: Ticket) -> Self {
        PutJob(Box::new(Job { id, shard, work: Work::Put { parts }, ticket }))
    }
}

/// Bytes that a packed shard of so many bytes takes in a segment.
pub(crate) const fn packed_bytes(shard_len: usize) -> usize {
    record_len(shard_len)
}

#[cfg(test)]
mod tests;
