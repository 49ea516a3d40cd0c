//! Reads every shard and all rows of every drive now and then, and heals what is not as it was written.
//!
//! A run of a drive goes through its segments, then its shard files, then the files that hold its rows of metadata, then the
//! records: these tell which shards should be there and are not. What is found is healed at once; what can't be is queued,
//! as if a reader had found it.
//!
//! Invariants:
//! - The place a run has come to is kept on the drive itself, in the file `scrub`: a start goes on from there, a segment or a
//!   folder earlier at most.
//! - A run reads no faster than its rate, and slower while requests use the drive. Between two runs nothing is read, and
//!   nobody wakes up but to see that none is due.
//! - A shard is counted for the drive it lies on, once in a run, whichever drive's run came upon it.
//! - Each drive has a worker of its own: one that hangs holds up no other's run.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use blob::{DrivePlace, DriveScrub, FaultKind, Repaired, ScrubCursor, ScrubFault, ShardFault};
use env::{BoxFuture, Env};
use futures_util::{StreamExt, stream};
use model::blob::BlobRef;
use model::ids::{BlobId, PartitionId};
use object::{BlobsCursor, ObjectError, Objects};
use tracing::{debug, info, warn};

use crate::scrub_board::{ScrubBoard, ScrubStatus};
use crate::scrub_rows::{LOOK_REST, Next, RowsWalk};
use crate::scrub_state::{Position, ScrubState};
use crate::{Progress, Worker};

/// Bytes of a drive read by a step.
const BYTES_PER_STEP: u64 = 1 << 20;
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

pub(crate) struct Scrub {
    env: Env,
    objects: Objects,
    options: ScrubOptions,
    board: ScrubBoard,
    place: DrivePlace,
    path: PathBuf,
    name: String,
    run: Option<Run>,
}

/// Of more bad shards on a drive than this it is not remembered that they were counted, so some may be counted twice.
const COUNTED_MAX: usize = 1 << 18;

struct Run {
    place: DrivePlace,
    path: PathBuf,
    state: ScrubState,
    walk: Option<DriveScrub>,
    rows: Option<RowsWalk>,
    /// Blobs with a bad shard here that no other shard could tell.
    untold: HashSet<BlobId>,
    /// Blobs whose bad shard here was counted, and whether as healed.
    counted: HashMap<BlobId, bool>,
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

/// What a step has read.
struct StepRead {
    bytes: u64,
    /// How long the drive is left to requests, at least.
    rest: Duration,
    healed: Vec<Healed>,
}

impl Worker for Scrub {
    fn name(&self) -> &str {
        &self.name
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            let Some(interval) = self.options.interval else {
                return Ok(Progress::Done);
            };
            let mut run = match self.run.take() {
                Some(run) => run,
                None => self.find().await,
            };
            let progress = self.round(&mut run, interval).await;
            self.board.show(run.status());
            self.run = Some(run);
            progress
        })
    }
}

/// How long a run rests after a step: so long that it reads no faster than its rate, and as the drive needs for requests.
fn rest(read_bytes: u64, bytes_per_second: u64, took: Duration, for_requests: Duration) -> Duration {
    let wanted = Duration::from_secs_f64(read_bytes as f64 / bytes_per_second.max(1) as f64);
    wanted.saturating_sub(took).max(for_requests).max(PAUSE_MIN)
}

impl Scrub {
    pub(crate) fn new(
        env: Env,
        objects: Objects,
        options: ScrubOptions,
        board: ScrubBoard,
        (place, path): (DrivePlace, PathBuf),
    ) -> Self {
        let name = format!("scrub of {}", path.display());
        Scrub { env, objects, options, board, place, path, name, run: None }
    }

    /// The run as the drive's last life left it.
    async fn find(&self) -> Run {
        let kept = ScrubState::load(&self.env, &self.path).await;
        let is_new = kept.is_none();
        let now = self.env.clock.monotonic();
        let mut run = Run::new(self.place, self.path.clone(), kept.unwrap_or_default(), now);
        if is_new {
            // What was just written needs no looking at.
            run.state.finished_ms = Some(self.env.clock.now().millis());
            run.save(&self.env).await;
        }
        run
    }

    /// A step, where the run is under way or due; then rests as long as its rate says, or until the next is due.
    async fn round(&self, run: &mut Run, interval: Duration) -> Result<Progress, ObjectError> {
        // Before a new run begins: what was healed late belongs to the last one.
        run.count_healed_by_others(&self.board);
        if self.due_in(run, interval).is_zero() {
            run.begin_if_due(&self.env, &self.objects).await;
        }
        let mut pause = Duration::ZERO;
        if run.state.finished_ms.is_none() {
            let begun = self.env.clock.monotonic();
            let read = self.advance(run).await?;
            let took = self.env.clock.monotonic().saturating_sub(begun);
            pause = rest(read.bytes, self.options.bytes_per_second, took, read.rest);
        }
        let due = self.due_in(run, interval);
        Ok(Progress::Idle(if due.is_zero() { pause } else { due.min(REST_MAX) }))
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

    async fn advance(&self, run: &mut Run) -> Result<StepRead, ObjectError> {
        let read = match run.state.position.clone() {
            Position::Drive(cursor) => self.read(run, cursor).await,
            Position::Rows => self.rows(run).await?,
            Position::Records { partition, cursor } => self.records(run, partition, cursor).await?,
        };
        run.state.read_bytes += read.bytes;
        for healed in &read.healed {
            self.count(run, healed);
        }
        if run.is_through {
            run.count_healed_by_others(&self.board);
            run.finish(&self.env);
        }
        run.keep(&self.env).await;
        Ok(read)
    }

    /// Reads on in the segments and files, and heals what is found.
    async fn read(&self, run: &mut Run, cursor: ScrubCursor) -> StepRead {
        let nothing = || StepRead { bytes: BYTES_PER_STEP, rest: Duration::ZERO, healed: Vec::new() };
        if run.walk.is_none() {
            run.walk = self.objects.blobs().scrub(run.place, cursor).ok();
        }
        let Some(walk) = &mut run.walk else {
            return nothing();
        };
        let step = match walk.step(BYTES_PER_STEP).await {
            Ok(step) => step,
            Err(fault) => {
                warn!(drive = %run.path.display(), %fault, "a folder can't be listed: the scrub tries again");
                run.walk = None;
                return nothing();
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
            run.state.position = Position::Rows;
        }
        StepRead { bytes: step.read_bytes, rest: step.rest, healed }
    }

    /// Reads on in the files of the drive's metadata, then waits until what is damaged there is healed.
    async fn rows(&self, run: &mut Run) -> Result<StepRead, ObjectError> {
        let (meta, place) = (self.objects.meta(), run.place);
        let set = meta.map().sets.get(usize::from(place.set));
        let drive = set.and_then(|set| set.get(usize::from(place.slot))).copied();
        if run.rows.is_none() {
            run.rows = drive.and_then(|drive| meta.check_rows(drive)).map(RowsWalk::new);
        }
        let mut step = StepRead { bytes: 0, rest: Duration::ZERO, healed: Vec::new() };
        let (Some(drive), Some(walk)) = (drive, &mut run.rows) else {
            run.state.position = Position::first_records();
            return Ok(step);
        };
        run.state.healed += walk.count_healed();
        match walk.next() {
            Next::Read => {
                let (read, rest) = self.objects.blobs().paced(place, walk.check.step(BYTES_PER_STEP)).await;
                (step.bytes, step.rest) = (read.read_bytes, rest);
                for damage in &read.found {
                    warn!(drive = %run.path.display(), damage = %damage.damage, "found damaged metadata");
                }
                run.state.found += read.found.len() as u64;
                walk.note(read.found, read.is_last);
            }
            Next::Heal(damaged) => {
                meta.heal_rows(drive, &damaged).await?;
                step.rest = LOOK_REST;
            }
            Next::Wait => step.rest = LOOK_REST,
            Next::End(left) => {
                run.tell_rows_left(left);
                run.rows = None;
                run.state.position = Position::first_records();
            }
        }
        Ok(step)
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
    ) -> Result<StepRead, ObjectError> {
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
        let bytes = page.blobs.len() as u64 * RECORD_BYTES;
        Ok(StepRead { bytes, rest: Duration::ZERO, healed })
    }

    /// Counts shards for the drives that they lie on.
    fn count(&self, run: &mut Run, healed: &Healed) {
        let Healed { blob, shard, repaired } = healed;
        for rebuilt in &repaired.rebuilt {
            match self.objects.blobs().place_of(blob, *rebuilt) {
                Ok(place) if place == run.place => run.count(blob.id, true),
                Ok(place) => self.board.tell_healed(place, blob.id),
                Err(_) => {}
            }
        }
        if !repaired.rebuilt.contains(shard) {
            // Somebody else was faster, where it is not among those that are left.
            let is_left = repaired.remaining.iter().any(|fault| fault.shard == *shard);
            run.count(blob.id, !is_left);
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
            rows: None,
            untold: HashSet::new(),
            counted: HashMap::new(),
            bad_segments: Vec::new(),
            is_through: false,
            saved: now,
            told: now,
        }
    }

    /// Counts a bad shard of this drive, once: the run of another drive may have healed it while this one was about to.
    fn count(&mut self, blob: BlobId, is_healed: bool) {
        let before = self.counted.get(&blob).copied();
        self.state.found += u64::from(before.is_none());
        self.state.healed += u64::from(is_healed && before != Some(true));
        if self.counted.len() < COUNTED_MAX {
            self.counted.insert(blob, is_healed || before == Some(true));
        }
    }

    fn count_healed_by_others(&mut self, board: &ScrubBoard) {
        for blob in board.take_healed(self.place) {
            self.count(blob, true);
        }
    }

    fn status(&self) -> ScrubStatus {
        ScrubStatus { drive: self.place, path: self.path.clone(), state: self.state.clone() }
    }

    async fn begin_if_due(&mut self, env: &Env, objects: &Objects) {
        if self.state.finished_ms.is_none() {
            return;
        }
        let drive = objects.blobs().drive(self.place).await;
        let used = drive.total_bytes.saturating_sub(drive.free_bytes);
        self.state = ScrubState::begin(env.clock.now(), used);
        self.counted = HashMap::new();
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

    /// Tells the log of damaged metadata that was not healed.
    fn tell_rows_left(&self, left: usize) {
        if left > 0 {
            warn!(
                drive = %self.path.display(), left,
                "damaged metadata of the drive is not healed: another drive that has it whole must be there. Bring back \
                 missing drives, or replace this one; where there is no other, `rustfs inspect` tells what is damaged"
            );
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_run_reads_as_fast_as_its_rate_where_nobody_else_reads() {
        assert_eq!(rest(1 << 20, 32 << 20, ms(0), ms(0)), Duration::from_secs(1) / 32);
        assert_eq!(rest(16 << 20, 16 << 20, ms(400), ms(0)), ms(600));
    }

    #[test]
    fn what_requests_need_counts_where_it_is_longer_and_no_step_follows_at_once() {
        assert_eq!(rest(16 << 20, 16 << 20, ms(400), ms(1200)), ms(1200));
        assert_eq!(rest(16 << 20, 16 << 20, ms(100), ms(300)), ms(900));
        assert_eq!(rest(1, 1 << 30, ms(5), ms(0)), PAUSE_MIN);
    }

    #[test]
    fn a_bad_shard_is_counted_once_whoever_heals_it() {
        let (place, other) = (DrivePlace { set: 0, slot: 1 }, DrivePlace { set: 0, slot: 2 });
        let (mine, theirs) = (BlobId::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
        let mut run = Run::new(place, PathBuf::from("/d1"), ScrubState::default(), Duration::ZERO);
        let board = ScrubBoard::default();
        run.count(mine, false);
        assert_eq!((run.state.found, run.state.healed), (1, 0));
        // The run of another drive was faster with one, and healed another one that this run then finds as well.
        board.tell_healed(place, mine);
        board.tell_healed(place, theirs);
        board.tell_healed(other, theirs);
        run.count_healed_by_others(&board);
        run.count(theirs, true);
        assert_eq!((run.state.found, run.state.healed), (2, 2));
    }
}
