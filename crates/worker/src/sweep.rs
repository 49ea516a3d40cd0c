//! Finds shards that no record refers to, left by a crash between the bytes and the transaction.
//!
//! Invariant: every shard made before the time in a drive's file `swept` has been looked at once. A process only writes blobs
//! that are newer than its own start, and cleans up after those that fail; so one sweep at the start, over what was made
//! between the last start and this one, finds what a crash left. A drive that was away is swept whole when it is back.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use blob::{DrivePlace, InventoryCursor};
use bytes::Bytes;
use env::{BoxFuture, Env};
use model::time::Timestamp;
use object::{ObjectError, Objects};
use tracing::{info, warn};

use crate::{Progress, Worker};

/// Name of the file with the time up to which a drive was swept.
const SWEPT_FILE: &str = "swept";
/// Shards looked at by a step.
const SHARDS_PER_STEP: usize = 256;
/// Clocks may step back between two lives by as much as this without a shard being missed.
const MARGIN: Duration = Duration::from_secs(600);

pub(crate) struct Sweep {
    env: Env,
    objects: Objects,
    started: Timestamp,
    drives: Option<Vec<Drive>>,
}

struct Drive {
    place: DrivePlace,
    path: PathBuf,
    from: Timestamp,
    cursor: Option<InventoryCursor>,
    removed: u64,
}

impl Sweep {
    pub(crate) fn new(env: Env, objects: Objects) -> Self {
        let started = env.clock.now();
        Sweep { env, objects, started, drives: None }
    }

    async fn find_drives(&self) -> Vec<Drive> {
        let mut drives = Vec::new();
        for drive in self.objects.blobs().drives().await {
            let Some(path) = drive.path else {
                continue;
            };
            let swept = env::read_file(&*self.env.disk, &path.join(SWEPT_FILE), 64).await;
            let text = swept.map(|text| String::from_utf8_lossy(&text).trim().parse::<u64>());
            let from = Timestamp::from_millis(text.ok().and_then(Result::ok).unwrap_or(0));
            let cursor = Some(InventoryCursor::start());
            drives.push(Drive { place: drive.place, path, from, cursor, removed: 0 });
        }
        since_last_start(&mut drives);
        drives
    }

    /// Looks at a page of a drive's shards.
    async fn page(&self, drive: &mut Drive) -> Result<(), ObjectError> {
        let Some(cursor) = drive.cursor.take() else {
            return Ok(());
        };
        let made = drive.from..self.started;
        let page = self.objects.blobs().inventory(drive.place, made, cursor, SHARDS_PER_STEP).await;
        let page = match page {
            Ok(page) => page,
            Err(fault) => {
                // Not swept: the next start looks again.
                warn!(drive = %drive.path.display(), %fault, "the drive could not be swept");
                return Ok(());
            }
        };
        for shard in page.shards {
            // What does not say whose it is may be somebody's: it stays.
            let Some(described) = shard.described else {
                continue;
            };
            if self.objects.refers_to(&described.descriptor, &shard.id).await? {
                continue;
            }
            match self.objects.blobs().delete_shard(drive.place, shard.id, shard.shard).await {
                Ok(()) => drive.removed += 1,
                Err(fault) => {
                    warn!(drive = %drive.path.display(), %fault, "an orphaned shard could not be removed")
                }
            }
        }
        drive.cursor = page.next;
        if drive.cursor.is_none() {
            self.note_swept(drive).await;
        }
        Ok(())
    }

    async fn note_swept(&self, drive: &Drive) {
        if drive.removed > 0 {
            info!(drive = %drive.path.display(), shards = drive.removed, "removed shards that a crash had left behind");
        }
        let time = Bytes::from(format!("{}\n", self.started.millis()));
        let noted: io::Result<()> =
            env::replace_file(&*self.env.disk, &drive.path.join(SWEPT_FILE), time).await;
        if let Err(error) = noted {
            warn!(drive = %drive.path.display(), %error, "could not note that the drive was swept");
        }
    }
}

/// Where each drive's sweep begins: a little before it was last swept. A drive that was swept longer ago than another was
/// away in between, and may hold shards of blobs that were deleted meanwhile: all of it is looked at.
fn since_last_start(drives: &mut [Drive]) {
    let newest = drives.iter().map(|drive| drive.from).max().unwrap_or_default();
    for drive in drives {
        let was_away = drive.from < newest;
        let from = if was_away { 0 } else { drive.from.millis().saturating_sub(MARGIN.as_millis() as u64) };
        drive.from = Timestamp::from_millis(from);
    }
}

impl Worker for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            let mut drives = match self.drives.take() {
                Some(drives) => drives,
                None => self.find_drives().await,
            };
            let unfinished = drives.iter_mut().find(|drive| drive.cursor.is_some());
            let result = match unfinished {
                None => return Ok(Progress::Done),
                Some(drive) => {
                    let before = drive.cursor.clone();
                    let result = self.page(drive).await;
                    if result.is_err() {
                        drive.cursor = before;
                    }
                    result
                }
            };
            self.drives = Some(drives);
            result.map(|()| Progress::Busy)
        })
    }
}
