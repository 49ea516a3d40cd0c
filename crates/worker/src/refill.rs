//! Fills a drive that took the place of another one. The drive carries a file `refill` from when it was formatted until every
//! blob that has a shard on it has been made whole, and it votes again in the partitions of the metadata.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use blob::DrivePlace;
use env::{BoxFuture, Env};
use model::ids::PartitionId;
use object::{BlobsCursor, ObjectError, Objects};
use tracing::{info, warn};

use crate::{Progress, Worker};

/// Name of the file that says a drive is to be filled.
pub const REFILL_FILE: &str = "refill";

/// Records looked at by a step.
const RECORDS_PER_STEP: usize = 64;
/// Between two looks whether the drive's metadata is filled as well.
const REST_METADATA: Duration = Duration::from_secs(1);
/// Between the first two walks over the blobs, where some could not be made whole; twice as long after each.
const REST_INCOMPLETE: Duration = Duration::from_secs(60);
/// Between two walks at most.
const REST_INCOMPLETE_MAX: Duration = Duration::from_secs(3600);

pub(crate) struct Refill {
    env: Env,
    objects: Objects,
    state: State,
    rest: Duration,
}

enum State {
    Look,
    Walk(Box<Walk>),
    /// Every blob is whole; the metadata may still be on its way.
    Walked(Box<Walk>),
}

struct Walk {
    drives: Vec<(DrivePlace, PathBuf)>,
    partition: PartitionId,
    cursor: BlobsCursor,
    rebuilt: u64,
    incomplete: u64,
}

impl Refill {
    pub(crate) fn new(env: Env, objects: Objects) -> Self {
        Refill { env, objects, state: State::Look, rest: REST_INCOMPLETE }
    }

    /// The drives that are to be filled.
    async fn look(&mut self) -> Progress {
        let mut drives = Vec::new();
        for drive in self.objects.blobs().drives().await {
            let Some(path) = drive.path else {
                continue;
            };
            let marker = path.join(REFILL_FILE);
            if self.env.disk.open(&marker, env::OpenOptions::default()).await.is_ok() {
                info!(drive = %path.display(), "the drive is being filled from the others");
                drives.push((drive.place, marker));
            }
        }
        if drives.is_empty() {
            return Progress::Done;
        }
        let (partition, cursor) = (PartitionId(0), BlobsCursor::default());
        self.state = State::Walk(Box::new(Walk { drives, partition, cursor, rebuilt: 0, incomplete: 0 }));
        Progress::Busy
    }

    async fn walk(&mut self) -> Result<Progress, ObjectError> {
        let State::Walk(walk) = &mut self.state else {
            return Ok(Progress::Done);
        };
        let page = self.objects.blobs_of(walk.partition, walk.cursor.clone(), RECORDS_PER_STEP).await?;
        for blob in &page.blobs {
            if !walk.drives.iter().any(|(place, _)| place.set == blob.set) {
                continue;
            }
            match self.objects.repair(walk.partition, blob).await {
                Ok(repaired) if repaired.remaining.is_empty() => {
                    walk.rebuilt += u64::from(!repaired.rebuilt.is_empty())
                }
                // Deleted meanwhile.
                Err(ObjectError::Replaced) => {}
                // Not to be healed now: the next walk tells.
                Ok(_) | Err(_) => walk.incomplete += 1,
            }
        }
        match page.next {
            Some(next) => walk.cursor = next,
            None => {
                walk.partition = PartitionId(walk.partition.0 + 1);
                walk.cursor = BlobsCursor::default();
            }
        }
        if walk.partition.0 < self.objects.meta().map().partitions {
            return Ok(Progress::Busy);
        }
        let State::Walk(walk) = std::mem::replace(&mut self.state, State::Look) else {
            return Ok(Progress::Done);
        };
        if walk.incomplete > 0 {
            warn!(
                incomplete = walk.incomplete,
                rebuilt = walk.rebuilt,
                "some blobs could not be made whole yet: the drive is looked at again"
            );
            let rest = self.rest;
            self.rest = (rest * 2).min(REST_INCOMPLETE_MAX);
            return Ok(Progress::Idle(rest));
        }
        self.state = State::Walked(walk);
        Ok(Progress::Busy)
    }

    /// The drive is filled when its metadata is too.
    async fn finish(&mut self) -> Progress {
        let State::Walked(walk) = &self.state else {
            return Progress::Done;
        };
        let meta = self.objects.meta();
        let id = |place: &DrivePlace| {
            meta.map()
                .sets
                .get(usize::from(place.set))
                .and_then(|set| set.get(usize::from(place.slot)))
                .copied()
        };
        let has_metadata = |place| id(place).is_none_or(|drive| meta.votes_everywhere(drive));
        if !walk.drives.iter().all(|(place, _)| has_metadata(place)) {
            return Progress::Idle(REST_METADATA);
        }
        for (_, marker) in &walk.drives {
            let drive = marker.parent().unwrap_or(marker).display().to_string();
            match self.env.disk.remove(marker).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    warn!(%drive, %error, "the mark of the refill could not be removed");
                }
                _ => info!(%drive, blobs = walk.rebuilt, "the drive is filled: every blob is whole again"),
            }
        }
        Progress::Done
    }
}

impl Worker for Refill {
    fn name(&self) -> &str {
        "refill"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            match self.state {
                State::Look => Ok(self.look().await),
                State::Walk(_) => self.walk().await,
                State::Walked(_) => Ok(self.finish().await),
            }
        })
    }
}
