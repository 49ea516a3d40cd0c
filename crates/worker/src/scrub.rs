//! Reads every shard of every drive now and then, and heals what is not as it was written.
//!
//! A run of a drive goes through its segments, then its shard files, then the records: these tell which shards should be there
//! and are not. What is found is healed at once; what can't be is queued, as if a reader had found it.
//!
//! Invariants:
//! - The place a run has come to is kept on the drive itself, in the file `scrub`: a start goes on from there, a segment or a
//!   folder earlier at most.
//! - A run reads no faster than its rate. Between two runs nothing is read, and nobody wakes up but to see that none is due.
//! - A shard is counted for the drive it lies on, once in a run, whichever drive's run came upon it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use blob::{DrivePlace, DriveScrub, FaultKind, Repaired, ScrubCursor, ScrubFault, ShardFault};
use env::{BoxFuture, Env};
use futures_util::{StreamExt, stream};
use model::blob::BlobRef;
use model::ids::{BlobId, PartitionId};
use object::{BlobsCursor, ObjectError, Objects};
use parking_lot::Mutex;
use tracing::{debug, info, warn};

use crate::scrub_state::{Position, ScrubState};
use crate::{Progress, Worker};

/// Bytes of a drive read by a step.
const BYTES_PER_STEP: u64 = 4 << 20;
/// Records looked at by a step, and what one counts for.
const RECORDS_PER_STEP: usize = 256;
const RECORD_BYTES: u64 = 4096;
/// Blobs healed at once: they share the drives' syncs.
const HEALS_AT_ONCE: usize = 16;
/// Shards of a run whose blob no other shard could tell: their records are looked for.
const UNTOLD_MAX: usize = 100_000;
/// Between two times that a run notes where it is, and that it tells the log.
const SAVED_EVERY: Duration = Duration::from_secs(10);
const TOLD_EVERY: Duration = Duration::from_secs(600);
/// Faults of a run that are told one by one.
const FAULTS_TOLD_MAX: u64 = 100;
/// Rest between two steps at least, however little was read: requests come first.
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// Rest at most, however far away the next run is: clocks jump.
const REST_MAX: Duration = Duration::from_secs(3600);

/// How drives are scrubbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubOptions {
    /// From the end of a drive's run to the next one; `None`: never.
    pub interval: Option<Duration>,
    /// Bytes read of a drive in a second.
    pub bytes_per_second: u64,
}

impl Default for ScrubOptions {
    fn default() -> Self {
        ScrubOptions { interval: Some(Duration::from_secs(14 * 24 * 3600)), bytes_per_second: 32 << 20 }
    }
}

/// What is known of the scrubs of a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubStatus {
    /// Where the drive is in the store.
    pub drive: DrivePlace,
    /// Its folder.
    pub path: PathBuf,
    /// How far it is, and what it has found.
    pub state: ScrubState,
}

/// Where the state of all runs can be seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ScrubBoard(Arc<Mutex<Vec<ScrubStatus>>>);

impl ScrubBoard {
    /// The drives, by place.
    #[must_use]
    pub fn all(&self) -> Vec<ScrubStatus> {
        self.0.lock().clone()
    }
}

pub(crate) struct Scrub {
    env: Env,
    objects: Objects,
    options: ScrubOptions,
    board: ScrubBoard,
    runs: Option<Vec<Run>>,
}

struct Run {
    place: DrivePlace,
    path: PathBuf,
    state: ScrubState,
    walk: Option<DriveScrub>,
    /// Blobs with a bad shard here that no other shard could tell.
    untold: HashSet<BlobId>,
    /// Segments to be written anew once all that lives in them was looked at.
    bad_segments: Vec<u32>,
    /// Nothing is left to be looked at.
    is_through: bool,
    saved: Duration,
    told: Duration,
}

/// A blob with a bad shard, looked after.
struct Healed {
    blob: BlobRef,
    /// The shard that was found bad.
    shard: u8,
    repaired: Repaired,
}

impl Worker for Scrub {
    fn name(&self) -> &'static str {
        "scrub"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            let Some(interval) = self.options.interval else {
                return Ok(Progress::Done);
            };
            let mut runs = match self.runs.take() {
                Some(runs) => runs,
                None => self.find().await,
            };
            let progress = self.round(&mut runs, interval).await;
            *self.board.0.lock() = runs.iter().map(Run::status).collect();
            self.runs = Some(runs);
            progress
        })
    }
}

impl Scrub {
    pub(crate) fn new(env: Env, objects: Objects, options: ScrubOptions, board: ScrubBoard) -> Self {
        Scrub { env, objects, options, board, runs: None }
    }

    /// The drives that are there, each as its last life left it.
    async fn find(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for drive in self.objects.blobs().drives().await {
            let Some(path) = drive.path else {
                continue;
            };
            let kept = ScrubState::load(&self.env, &path).await;
            let is_new = kept.is_none();
            let mut run = Run::new(drive.place, path, kept.unwrap_or_default(), self.env.clock.monotonic());
            if is_new {
                // What was just written needs no looking at.
                run.state.finished_ms = Some(self.env.clock.now().millis());
                run.save(&self.env).await;
            }
            runs.push(run);
        }
        runs
    }

    /// A step of every drive whose run is under way or due; then rests as long as its rate says, or until the next is due.
    async fn round(&self, runs: &mut [Run], interval: Duration) -> Result<Progress, ObjectError> {
        let begun = self.env.clock.monotonic();
        let mut most_read = 0;
        // All first: what one drive's run heals of another one is counted for that one's run.
        for run in runs.iter_mut() {
            if self.due_in(run, interval).is_zero() {
                run.begin_if_due(&self.env, &self.objects).await;
            }
        }
        for number in 0..runs.len() {
            // Not those that have become due meanwhile: they have not begun.
            if runs.get(number).is_some_and(|run| run.state.finished_ms.is_none()) {
                most_read = self.advance(runs, number).await?.max(most_read);
            }
        }
        let due = runs.iter().map(|run| self.due_in(run, interval)).min().unwrap_or(REST_MAX);
        if !due.is_zero() {
            return Ok(Progress::Idle(due.min(REST_MAX)));
        }
        let wanted = Duration::from_secs_f64(most_read as f64 / self.options.bytes_per_second.max(1) as f64);
        let took = self.env.clock.monotonic().saturating_sub(begun);
        Ok(Progress::Idle(wanted.saturating_sub(took).max(PAUSE_MIN)))
    }

    /// How long until a drive's next run is due; zero while one is under way.
    fn due_in(&self, run: &Run, interval: Duration) -> Duration {
        let Some(finished) = run.state.finished_ms else {
            return Duration::ZERO;
        };
        // A clock that was put back must not put off the next run for years.
        let since = self.env.clock.now().millis().checked_sub(finished).unwrap_or(u64::MAX);
        interval.saturating_sub(Duration::from_millis(since))
    }

    /// A step of one drive's run; tells the bytes it counts for.
    async fn advance(&self, runs: &mut [Run], number: usize) -> Result<u64, ObjectError> {
        let Some(run) = runs.get_mut(number) else {
            return Ok(0);
        };
        let (read_bytes, healed) = match run.state.position.clone() {
            Position::Drive(cursor) => self.read(run, cursor).await,
            Position::Records { partition, cursor } => self.records(run, partition, cursor).await?,
        };
        run.state.read_bytes += read_bytes;
        for healed in healed {
            self.count(runs, number, &healed);
        }
        if let Some(run) = runs.get_mut(number) {
            if run.is_through {
                run.finish(&self.env);
            }
            run.keep(&self.env).await;
        }
        Ok(read_bytes)
    }

    /// Reads on in the segments and files, and heals what is found.
    async fn read(&self, run: &mut Run, cursor: ScrubCursor) -> (u64, Vec<Healed>) {
        if run.walk.is_none() {
            run.walk = self.objects.blobs().scrub(run.place, cursor).ok();
        }
        let Some(walk) = &mut run.walk else {
            return (BYTES_PER_STEP, Vec::new());
        };
        let step = match walk.step(BYTES_PER_STEP).await {
            Ok(step) => step,
            Err(fault) => {
                warn!(drive = %run.path.display(), %fault, "a folder can't be listed: the scrub tries again");
                run.walk = None;
                return (BYTES_PER_STEP, Vec::new());
            }
        };
        let cursor = walk.cursor();
        run.state.position = Position::Drive(cursor);
        run.state.shards += step.shards;
        let mut shards = Vec::new();
        for fault in step.faults {
            run.tell(&fault);
            match fault {
                ScrubFault::Shard { id, shard, kind } => shards.push((id, shard, kind)),
                ScrubFault::Segment { number, .. } => run.bad_segments.push(number),
            }
        }
        let healed = self.heal_all(run, shards).await;
        self.rewrite_segments(run, cursor, step.is_last).await;
        if step.is_last {
            run.walk = None;
            run.state.position = Position::first_records();
        }
        (step.read_bytes, healed)
    }

    async fn heal_all(&self, run: &mut Run, shards: Vec<(BlobId, u8, FaultKind)>) -> Vec<Healed> {
        let place = run.place;
        let heals = shards.into_iter().map(|(id, shard, kind)| async move {
            (id, self.heal(place, id, ShardFault { shard, kind }).await)
        });
        let outcomes: Vec<_> = stream::iter(heals).buffer_unordered(HEALS_AT_ONCE).collect().await;
        let mut healed = Vec::new();
        for (id, outcome) in outcomes {
            match outcome {
                Ok(Some(done)) => healed.push(done),
                Ok(None) => {}
                // The records will tell.
                Err(Untold) if run.untold.len() < UNTOLD_MAX => drop(run.untold.insert(id)),
                Err(Untold) => {}
            }
        }
        healed
    }

    /// Heals the blob of a shard that was found bad; `None` where nobody refers to it.
    async fn heal(&self, place: DrivePlace, id: BlobId, fault: ShardFault) -> Result<Option<Healed>, Untold> {
        let shard = fault.shard;
        let told = self.objects.blobs().describe_by(place, &id, shard).await.ok_or(Untold)?;
        match self.objects.heal_described(&told, &[fault]).await {
            Ok(Some(repaired)) => Ok(Some(Healed { blob: told.blob, shard, repaired })),
            Ok(None) => Ok(None),
            Err(error) => {
                warn!(blob = %id, %error, "a damaged blob could not be healed: it is looked at again");
                Err(Untold)
            }
        }
    }

    /// Writes bad segments anew when all that lives in them was looked at.
    async fn rewrite_segments(&self, run: &mut Run, cursor: ScrubCursor, is_last: bool) {
        let is_passed = |number: u32| is_last || cursor.is_past(number);
        let (passed, waiting): (Vec<u32>, Vec<u32>) =
            std::mem::take(&mut run.bad_segments).into_iter().partition(|number| is_passed(*number));
        run.bad_segments = waiting;
        for number in passed {
            run.state.found += 1;
            match self.objects.blobs().rewrite_segment(run.place, number).await {
                Ok(()) => run.state.healed += 1,
                Err(fault) => {
                    warn!(drive = %run.path.display(), number, %fault, "a damaged segment could not be written anew");
                }
            }
        }
    }

    /// Looks whether what the records refer to is there.
    async fn records(
        &self,
        run: &mut Run,
        partition: PartitionId,
        cursor: BlobsCursor,
    ) -> Result<(u64, Vec<Healed>), ObjectError> {
        let page = self.objects.blobs_of(partition, cursor, RECORDS_PER_STEP).await?;
        let mut healed = Vec::new();
        for blob in &page.blobs {
            let Some(shard) = self.objects.blobs().shard_on(run.place, blob) else {
                continue;
            };
            let there = self.objects.blobs().has_shard(run.place, &blob.id, shard).await;
            let is_untold = run.untold.remove(&blob.id);
            let kind = match there {
                Ok(true) if !is_untold => continue,
                Ok(_) => FaultKind::Missing,
                Err(kind) => kind,
            };
            run.tell(&ScrubFault::Shard { id: blob.id, shard, kind: kind.clone() });
            let fault = ShardFault { shard, kind };
            if let Some(repaired) = self.objects.heal_found(partition, blob, &[fault]).await? {
                healed.push(Healed { blob: blob.clone(), shard, repaired });
            }
        }
        let next = PartitionId(partition.0 + 1);
        match page.next {
            Some(cursor) => run.state.position = Position::Records { partition, cursor },
            None if next.0 < self.objects.meta().map().partitions => {
                run.state.position = Position::Records { partition: next, cursor: BlobsCursor::default() };
            }
            None => run.is_through = true,
        }
        Ok((page.blobs.len() as u64 * RECORD_BYTES, healed))
    }

    /// Counts shards for the drives that they lie on.
    fn count(&self, runs: &mut [Run], finder: usize, healed: &Healed) {
        let Healed { blob, shard, repaired } = healed;
        for rebuilt in &repaired.rebuilt {
            let Ok(place) = self.objects.blobs().place_of(blob, *rebuilt) else {
                continue;
            };
            if let Some(run) = runs.iter_mut().find(|run| run.place == place) {
                run.state.found += 1;
                run.state.healed += 1;
            }
        }
        if let Some(run) = runs.get_mut(finder)
            && !repaired.rebuilt.contains(shard)
        {
            run.state.found += 1;
            // Somebody else was faster, where it is not among those that are left.
            let is_left = repaired.remaining.iter().any(|fault| fault.shard == *shard);
            run.state.healed += u64::from(!is_left);
        }
    }
}

/// Nothing tells whose a bad shard is.
struct Untold;

impl Run {
    fn new(place: DrivePlace, path: PathBuf, state: ScrubState, now: Duration) -> Self {
        Run {
            place,
            path,
            state,
            walk: None,
            untold: HashSet::new(),
            bad_segments: Vec::new(),
            is_through: false,
            saved: now,
            told: now,
        }
    }

    fn status(&self) -> ScrubStatus {
        ScrubStatus { drive: self.place, path: self.path.clone(), state: self.state.clone() }
    }

    async fn begin_if_due(&mut self, env: &Env, objects: &Objects) {
        if self.state.finished_ms.is_none() {
            return;
        }
        let drives = objects.blobs().drives().await;
        let used = drives.iter().find(|drive| drive.place == self.place);
        let used = used.map_or(0, |drive| drive.total_bytes.saturating_sub(drive.free_bytes));
        self.state = ScrubState::begin(env.clock.now(), used);
        info!(drive = %self.path.display(), used_bytes = used, "scrubbing the drive: every shard is read and checked");
        self.save(env).await;
    }

    fn finish(&mut self, env: &Env) {
        self.state.finished_ms = Some(env.clock.now().millis());
        self.untold = HashSet::new();
        self.is_through = false;
        // Now is the time to keep it.
        self.saved = Duration::ZERO;
        let ScrubState { shards, read_bytes, found, healed, .. } = self.state;
        let drive = self.path.display();
        match found == healed {
            true => info!(%drive, shards, read_bytes, found, healed, "the drive was scrubbed"),
            false => warn!(
                %drive, shards, read_bytes, found, healed,
                "the drive was scrubbed, and some of what was found could not be healed yet: it stays queued"
            ),
        }
    }

    /// Tells the log of a fault, the first ones of a run.
    fn tell(&self, fault: &ScrubFault) {
        let drive = self.path.display();
        match fault {
            _ if self.state.found >= FAULTS_TOLD_MAX => debug!(%drive, ?fault, "found damage"),
            ScrubFault::Shard { id, shard, kind } => {
                warn!(%drive, blob = %id, shard, reason = %kind, "found a bad shard");
            }
            ScrubFault::Segment { number, kind } => {
                warn!(%drive, segment = number, reason = %kind, "found a bad segment");
            }
        }
    }

    /// Keeps where the run is, and tells the log, now and then.
    async fn keep(&mut self, env: &Env) {
        let now = env.clock.monotonic();
        let is_over = self.state.finished_ms.is_some();
        if is_over || now.saturating_sub(self.saved) >= SAVED_EVERY {
            self.saved = now;
            self.save(env).await;
        }
        if !is_over && now.saturating_sub(self.told) >= TOLD_EVERY {
            self.told = now;
            let ScrubState { shards, read_bytes, used_bytes, found, healed, .. } = self.state;
            info!(drive = %self.path.display(), shards, read_bytes, used_bytes, found, healed, "scrubbing goes on");
        }
    }

    async fn save(&self, env: &Env) {
        if let Err(error) = self.state.save(env, &self.path).await {
            // The next start begins a little earlier: nothing is lost by it.
            debug!(drive = %self.path.display(), %error, "the scrub's place could not be kept");
        }
    }
}
