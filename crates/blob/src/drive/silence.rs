//! Whether a drive answers: what was asked of it, and since when. Changes and reads are watched apart.
//!
//! What always holds: a drive is silent as long as something that was asked of it waits for longer than it may, and no longer.
//! A slow drive is slow, not dead: nothing of what it holds is in doubt, and it is written to again once it has answered. It is
//! asked for a few things at once only, as each holds a thread: one that hangs must leave threads for the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env::Clock;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::options::BlobOptions;

/// What a drive was asked to do and has not done yet.
pub(crate) struct Silence {
    /// The drive's name in the log.
    drive: String,
    clock: Arc<dyn Clock>,
    silent_after: Duration,
    /// Whether the log is told: writes that don't end are an operator's business, a slow read is not.
    is_told: bool,
    /// Room for more questions.
    room: Semaphore,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    next: u64,
    /// When, by a number that grows: the first has waited longest.
    since: BTreeMap<u64, Duration>,
    /// Whether the log has been told that it is silent.
    told: bool,
}

impl std::fmt::Debug for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silence").field("drive", &self.drive).finish_non_exhaustive()
    }
}

impl Silence {
    /// Of writes: the log is told.
    pub(crate) fn of_writes(drive: &Path, clock: &Arc<dyn Clock>, options: &BlobOptions) -> Self {
        Silence {
            drive: drive.display().to_string(),
            clock: Arc::clone(clock),
            silent_after: options.silent_after,
            is_told: true,
            room: Semaphore::new(options.drive_writes_max),
            asked: Mutex::default(),
        }
    }

    /// Of reads.
    pub(crate) fn of_reads(drive: &Path, clock: &Arc<dyn Clock>, options: &BlobOptions) -> Self {
        Silence {
            silent_after: options.slow_after,
            is_told: false,
            room: Semaphore::new(options.drive_reads_max),
            ..Silence::of_writes(drive, clock, options)
        }
    }

    /// The drive is asked for something, when there is room: it has answered when this is dropped.
    pub(crate) async fn ask(&self) -> Question<'_> {
        // It is never closed: there is a permit in the end.
        let room = self.room.acquire().await.ok();
        self.note(room)
    }

    /// As [`Silence::ask`], for what has a thread of its own or is asked for one at a time.
    pub(crate) fn ask_now(&self) -> Question<'_> {
        self.note(None)
    }

    fn note<'a>(&'a self, room: Option<SemaphorePermit<'a>>) -> Question<'a> {
        let now = self.clock.monotonic();
        let mut asked = self.asked.lock();
        let number = asked.next;
        asked.next += 1;
        asked.since.insert(number, now);
        Question { silence: self, number, _room: room }
    }

    /// How long the oldest question has been waiting, where that is longer than it may.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        let mut asked = self.asked.lock();
        let (_, since) = asked.since.first_key_value()?;
        let waited = self.clock.monotonic().saturating_sub(*since);
        if waited < self.silent_after {
            return None;
        }
        if self.is_told && !asked.told {
            asked.told = true;
            tracing::warn!(
                drive = %self.drive, waited_seconds = waited.as_secs(),
                "the drive does not answer: what is written goes to the others until it does. Look at the device \
                 and at what the kernel says of it"
            );
        }
        Some(waited)
    }

    /// Whether one more question would have to wait.
    pub(crate) fn is_crowded(&self) -> bool {
        self.room.available_permits() == 0
    }

    fn answered(&self, number: u64) {
        let mut asked = self.asked.lock();
        asked.since.remove(&number);
        if !asked.told {
            return;
        }
        let now = self.clock.monotonic();
        let oldest =
            asked.since.first_key_value().map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since));
        if oldest < self.silent_after {
            asked.told = false;
            tracing::info!(drive = %self.drive, "the drive answers again: it takes writes, and what it missed is healed");
        }
    }
}

/// Something that a drive was asked for.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    silence: &'a Silence,
    number: u64,
    _room: Option<SemaphorePermit<'a>>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.silence.answered(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use env::simulated::{Ending, Simulation};

    #[test]
    fn a_drive_is_silent_while_something_waits_too_long_and_no_longer() {
        let ending = Simulation::new(1).run(async |env| {
            let clock = env.clock;
            let silence = Silence::of_writes(Path::new("d"), &clock, &BlobOptions::default());
            let first = silence.ask().await;
            clock.sleep(Duration::from_secs(6)).await;
            let second = silence.ask().await;
            assert_eq!(silence.silent_for(), None);
            clock.sleep(Duration::from_secs(4)).await;
            assert_eq!(silence.silent_for(), Some(Duration::from_secs(10)));
            drop(first);
            assert_eq!(silence.silent_for(), None, "the second has waited for less");
            clock.sleep(Duration::from_secs(6)).await;
            assert_eq!(silence.silent_for(), Some(Duration::from_secs(10)));
            drop(second);
            assert_eq!(silence.silent_for(), None);
        });
        assert!(matches!(ending, Ending::Finished(())));
    }
}
