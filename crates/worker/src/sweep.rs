//! Finds shards that no record refers to: left by a crash between the bytes and the transaction, or by a delete that missed
//! their drive.
//!
//! Invariants:
//! - Every shard made before the time in a drive's file `swept` has been looked at once. What this process writes is no older
//!   than the opening of the store, and it cleans up after itself; so one round at the start, over what was made between the
//!   opening before and this one, finds what a crash left.
//! - A drive that a delete missed is marked in the records; it is looked at whole at the next start, and in this life once it
//!   has missed one and can be written again. Nothing is looked at otherwise: there is no scan by the clock.
//! - A shard that does not tell whose it is, as a crash cut it off or its descriptor rotted, is held against all records: one
//!   that is referred to is queued to be healed, any other removed. Shards whose blob is pending are not looked at.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use blob::{DrivePlace, DriveState, FoundShard, InventoryCursor};
use bytes::Bytes;
use env::{BoxFuture, Env};
use model::ids::{BlobId, PartitionId};
use model::time::Timestamp;
use object::{BlobsCursor, MissedDrive, ObjectError, Objects};
use tracing::{info, warn};

use crate::{Progress, Worker};

/// Name of the file with the time up to which a drive was swept.
const SWEPT_FILE: &str = "swept";
/// Shards looked at by a step.
const SHARDS_PER_STEP: usize = 256;
/// Records looked at by a step, to find those that refer to shards which don't tell whose they are.
const RECORDS_PER_STEP: usize = 256;
/// Shards held against all records by a step.
const NAMELESS_PER_STEP: usize = 64;
/// Blobs with such shards that are remembered at once.
const NAMELESS_MAX: usize = 1 << 16;
/// Clocks may step back between two lives by as much as this without a shard being missed.
const MARGIN: Duration = Duration::from_secs(600);
/// Between two looks whether a delete missed a drive.
const REST: Duration = Duration::from_secs(60);
/// The longest rest before a drive is looked at again that goes on missing deletes.
const REST_MAX: Duration = Duration::from_secs(3600);

pub(crate) struct Sweep {
    env: Env,
    objects: Objects,
    state: State,
    /// What [`Objects::misses`] was when the marks were read.
    misses: u64,
    /// A drive that missed deletes does not answer: it is looked at when it does.
    is_waiting: bool,
    rest: Duration,
}

enum State {
    Start,
    Round(Box<Round>),
    /// With the drives that could not be swept.
    Rest(Vec<Drive>),
}

/// A look at some drives.
#[derive(Default)]
struct Round {
    drives: Vec<Drive>,
    /// Shards that don't tell whose they are.
    nameless: BTreeMap<BlobId, Vec<(DrivePlace, u8)>>,
    /// How far the records have been asked about them.
    asked: Asked,
}

#[derive(Default)]
enum Asked {
    #[default]
    Nothing,
    Upto(PartitionId, BlobsCursor),
    All,
}

struct Drive {
    place: DrivePlace,
    path: PathBuf,
    made: Range<Timestamp>,
    cursor: Option<InventoryCursor>,
    removed: u64,
    /// Whether all that had to go has gone.
    is_clean: bool,
    /// Whether the time goes into its file.
    is_noted: bool,
    missed: Option<MissedDrive>,
}

impl Drive {
    fn new(place: DrivePlace, path: PathBuf, made: Range<Timestamp>) -> Self {
        let cursor = Some(InventoryCursor::start());
        Drive { place, path, made, cursor, removed: 0, is_clean: true, is_noted: false, missed: None }
    }

    fn again(self) -> Self {
        Drive { is_noted: self.is_noted, ..Drive::new(self.place, self.path, self.made) }
    }

    /// All of it is looked at, as a delete missed it.
    fn whole(mut self, missed: MissedDrive) -> Self {
        self.made = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
        self.missed = Some(missed);
        self
    }
}

impl Sweep {
    pub(crate) fn new(env: Env, objects: Objects) -> Self {
        Sweep { env, objects, state: State::Start, misses: 0, is_waiting: false, rest: REST }
    }

    /// The round of the start: all drives.
    async fn first_round(&mut self) -> Result<Round, ObjectError> {
        let mut drives = Vec::new();
        for status in self.objects.blobs().drives().await {
            let Some(path) = status.path else {
                continue;
            };
            let made = self.since_last_swept(&path).await..self.objects.blobs().opened();
            drives.push(Drive { is_noted: true, ..Drive::new(status.place, path, made) });
        }
        self.round(drives).await
    }

    /// From a little before the time in the drive's file.
    async fn since_last_swept(&self, drive: &std::path::Path) -> Timestamp {
        let swept = env::read_file(&*self.env.disk, &drive.join(SWEPT_FILE), 64).await;
        let text = swept.map(|text| String::from_utf8_lossy(&text).trim().parse::<u64>());
        let swept = text.ok().and_then(Result::ok).unwrap_or(0);
        Timestamp::from_millis(swept.saturating_sub(MARGIN.as_millis() as u64))
    }

    /// These drives, and all of those that deletes missed, where they can be written.
    async fn round(&mut self, mut drives: Vec<Drive>) -> Result<Round, ObjectError> {
        self.misses = self.objects.misses();
        self.is_waiting = false;
        let missed = self.objects.missed_drives().await?;
        for status in self.objects.blobs().drives().await {
            let Some(missed) = missed.iter().find(|missed| missed.place == status.place).cloned() else {
                continue;
            };
            self.is_waiting |= matches!(status.state, DriveState::Silent { .. });
            let can_be_swept = matches!(status.state, DriveState::Ok | DriveState::Full);
            let Some(path) = status.path.filter(|_| can_be_swept) else {
                continue;
            };
            info!(drive = %path.display(), "the drive missed deletes: all of it is looked at");
            let at = drives.iter().position(|drive| drive.place == status.place);
            let drive = match at {
                Some(at) => drives.swap_remove(at),
                None => Drive::new(status.place, path, Timestamp::ZERO..Timestamp::ZERO),
            };
            drives.push(drive.whole(missed));
        }
        Ok(Round { drives, ..Round::default() })
    }

    /// Whether drives are to be looked at again.
    async fn look(&mut self, left: Vec<Drive>) -> Result<Progress, ObjectError> {
        if left.is_empty() && !self.is_waiting && self.objects.misses() == self.misses {
            self.state = State::Rest(left);
            self.rest = REST;
            return Ok(Progress::Idle(REST));
        }
        self.rest = (self.rest * 2).min(REST_MAX);
        let round = self.round(left.into_iter().map(Drive::again).collect()).await?;
        self.state = State::Round(Box::new(round));
        Ok(Progress::Busy)
    }

    /// A step of a round; whether it was the last.
    async fn sweep(&self, round: &mut Round) -> Result<bool, ObjectError> {
        if !matches!(round.asked, Asked::Nothing) {
            self.ask(round).await?;
            return Ok(false);
        }
        let unfinished = round.drives.iter_mut().find(|drive| drive.cursor.is_some());
        if let Some(drive) = unfinished.filter(|_| round.nameless.len() < NAMELESS_MAX) {
            let before = drive.cursor.clone();
            let page = self.page(drive, &mut round.nameless).await;
            if page.is_err() {
                drive.cursor = before;
            }
            return page.map(|()| false);
        }
        if !round.nameless.is_empty() {
            round.asked = Asked::Upto(PartitionId(0), BlobsCursor::default());
            return Ok(false);
        }
        for drive in round.drives.iter().filter(|drive| drive.is_clean) {
            self.finished(drive).await;
        }
        Ok(true)
    }

    /// Looks at a page of a drive's shards.
    async fn page(
        &self,
        drive: &mut Drive,
        nameless: &mut BTreeMap<BlobId, Vec<(DrivePlace, u8)>>,
    ) -> Result<(), ObjectError> {
        let Some(cursor) = drive.cursor.take() else {
            return Ok(());
        };
        let page = self.objects.blobs().inventory(drive.place, drive.made.clone(), cursor, SHARDS_PER_STEP);
        let page = match page.await {
            Ok(page) => page,
            Err(fault) => {
                warn!(drive = %drive.path.display(), %fault, "the drive could not be swept");
                drive.is_clean = false;
                return Ok(());
            }
        };
        for FoundShard { id, shard, described } in page.shards {
            match described {
                None => nameless.entry(id).or_default().push((drive.place, shard)),
                Some(described) => {
                    if !self.objects.refers_to(&described.descriptor, &id).await? {
                        self.remove(drive, id, shard).await;
                    }
                }
            }
        }
        drive.cursor = page.next;
        Ok(())
    }

    async fn remove(&self, drive: &mut Drive, id: BlobId, shard: u8) {
        match self.objects.blobs().delete_shard(drive.place, id, shard).await {
            Ok(()) => drive.removed += 1,
            Err(fault) => {
                warn!(drive = %drive.path.display(), %fault, "an orphaned shard could not be removed");
                drive.is_clean = false;
            }
        }
    }

    /// Asks the records about shards that don't tell whose they are: whatever is referred to is healed. What is left when all
    /// were asked is nobody's: its blob was not pending when it was found, so that no transaction refers to it later.
    async fn ask(&self, round: &mut Round) -> Result<(), ObjectError> {
        let Asked::Upto(partition, cursor) = &round.asked else {
            return self.remove_nameless(round).await;
        };
        let partition = *partition;
        let page = self.objects.blobs_of(partition, cursor.clone(), RECORDS_PER_STEP).await?;
        for blob in &page.blobs {
            if round.nameless.contains_key(&blob.id) {
                warn!(blob = %blob.id, "a shard of a blob is damaged: it is healed");
                self.objects.queue_heal(partition, blob).await?;
                round.nameless.remove(&blob.id);
            }
        }
        let next = PartitionId(partition.0 + 1);
        round.asked = match page.next {
            Some(cursor) => Asked::Upto(partition, cursor),
            None if next.0 < self.objects.meta().map().partitions => {
                Asked::Upto(next, BlobsCursor::default())
            }
            None => Asked::All,
        };
        Ok(())
    }

    async fn remove_nameless(&self, round: &mut Round) -> Result<(), ObjectError> {
        for _ in 0..NAMELESS_PER_STEP {
            let Some((id, shards)) = round.nameless.first_key_value() else {
                round.asked = Asked::Nothing;
                return Ok(());
            };
            // What is on its way out goes when nobody reads it any more.
            let (id, is_going) = (*id, self.objects.is_going(id).await?);
            for (place, shard) in shards.clone().into_iter().filter(|_| !is_going) {
                let found = round.drives.iter_mut().find(|drive| drive.place == place);
                if let Some(drive) = found {
                    self.remove(drive, id, shard).await;
                }
            }
            round.nameless.remove(&id);
        }
        Ok(())
    }

    /// Notes that a drive was swept.
    async fn finished(&self, drive: &Drive) {
        let path = drive.path.display();
        if drive.removed > 0 {
            info!(drive = %path, shards = drive.removed, "removed shards that nothing refers to");
        }
        if drive.is_noted {
            let time = Bytes::from(format!("{}\n", self.objects.blobs().opened().millis()));
            let noted: io::Result<()> =
                env::replace_file(&*self.env.disk, &drive.path.join(SWEPT_FILE), time).await;
            if let Err(error) = noted {
                warn!(drive = %path, %error, "could not note that the drive was swept");
            }
        }
        // What could not be read at the start is not known: the mark stays for a start that can.
        let missed = drive.missed.as_ref().filter(|_| self.objects.blobs().knows_all_of(drive.place));
        if let Some(missed) = missed
            && let Err(error) = self.objects.swept(missed).await
        {
            warn!(drive = %path, %error, "could not note that the drive was swept: it will be looked at again");
        }
    }
}

impl Worker for Sweep {
    fn name(&self) -> &str {
        "sweep"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            match std::mem::replace(&mut self.state, State::Start) {
                State::Start => self.state = State::Round(Box::new(self.first_round().await?)),
                State::Rest(left) => return self.look(left).await,
                State::Round(mut round) => match self.sweep(&mut round).await {
                    Ok(true) => {
                        let unclean = round.drives.into_iter().filter(|drive| !drive.is_clean);
                        let known = unclean.filter(|drive| self.objects.blobs().knows_all_of(drive.place));
                        self.state = State::Rest(known.collect());
                        return Ok(Progress::Idle(self.rest));
                    }
                    swept => {
                        self.state = State::Round(round);
                        swept?;
                    }
                },
            }
            Ok(Progress::Busy)
        })
    }
}

#[cfg(test)]
impl Sweep {
    /// Looks at all shards on all drives, however new.
    pub(crate) async fn of_everything(env: &Env, objects: &Objects) {
        let sweep = Sweep::new(env.clone(), objects.clone());
        let mut round = Round::default();
        for status in objects.blobs().drives().await {
            let ever = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
            round.drives.extend(status.path.map(|path| Drive::new(status.place, path, ever)));
        }
        while !matches!(sweep.sweep(&mut round).await, Ok(true)) {}
    }
}
