//! Whether a drive takes writes: it must not be poisoned, and must have more room than the reserve.
//!
//! What always holds: poison lasts until the drive is opened anew, whatever succeeds later: after a failed sync nobody
//! knows what the drive holds. Being full ends when there is room.

use std::time::Duration;

use env::Space;
use parking_lot::Mutex;

use crate::error::FaultKind;
use crate::status::DriveState;

/// How long what is known of the room is good for.
const SPACE_GOOD_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Known {
    poison: Option<String>,
    space: Space,
    space_at: Option<Duration>,
    /// The drive said so itself, whatever the numbers say.
    refused: bool,
    /// Whether the log has been told that it is full.
    told_full: bool,
}

/// The state of a drive.
#[derive(Debug)]
pub(crate) struct Health {
    /// The drive's name in the log.
    drive: String,
    known: Mutex<Known>,
    reserve_bytes: u64,
}

impl Health {
    pub(crate) fn new(drive: String, space: Space, reserve_bytes: u64, now: Duration) -> Self {
        let known = Known { space, space_at: Some(now), ..Known::default() };
        let health = Health { drive, known: Mutex::new(known), reserve_bytes };
        health.tell(&mut health.known.lock());
        health
    }

    /// No more writes.
    pub(crate) fn poison(&self, reason: String) {
        let mut known = self.known.lock();
        if known.poison.is_none() {
            tracing::error!(
                drive = %self.drive, %reason,
                "the drive takes no more writes, as nobody knows what a failed one left on it: check the drive, then \
                 start the server again"
            );
            known.poison = Some(reason);
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.known.lock().poison.is_some()
    }

    /// The drive had no room for a write.
    pub(crate) fn note_full(&self) {
        let mut known = self.known.lock();
        known.refused = true;
        known.space_at = None;
        self.tell(&mut known);
    }

    /// What the file system says of its room.
    pub(crate) fn note_space(&self, space: Space, now: Duration) {
        let mut known = self.known.lock();
        // A drive that has refused is asked again only when some of its room came back.
        let came_back = space.free_bytes > known.space.free_bytes;
        let roomy = space.free_bytes > self.reserve_bytes.saturating_mul(2);
        known.refused &= !(came_back || roomy);
        known.space = space;
        known.space_at = Some(now);
        self.tell(&mut known);
    }

    /// Tells the log when the drive becomes full and when it is no more: once each.
    fn tell(&self, known: &mut Known) {
        let (drive, free_bytes) = (&self.drive, known.space.free_bytes);
        let is_full = known.refused || free_bytes < self.near();
        if is_full && !known.told_full {
            known.told_full = true;
            tracing::warn!(
                %drive, free_bytes, reserve_bytes = self.reserve_bytes,
                "the drive is full: it is read and objects on it can be deleted, but it takes no more bytes until there \
                 is room. Delete objects, or add room"
            );
        } else if known.told_full
            && !is_full
            && free_bytes >= self.near().saturating_add(self.reserve_bytes / 8)
        {
            known.told_full = false;
            tracing::info!(%drive, free_bytes, "the drive has room again: it takes writes");
        }
    }

    /// Below this only small writes go through: an operator had better know before they stop.
    fn near(&self) -> u64 {
        self.reserve_bytes.saturating_add(self.reserve_bytes / 4)
    }

    /// Whether it is time to ask for the room; says yes to one caller a time.
    pub(crate) fn wants_space(&self, now: Duration) -> bool {
        let mut known = self.known.lock();
        let wants = known.space_at.is_none_or(|at| now.saturating_sub(at) >= SPACE_GOOD_FOR);
        if wants {
            known.space_at = Some(now);
        }
        wants
    }

    /// Whether so many more bytes may be written.
    pub(crate) fn takes(&self, bytes: u64) -> Result<(), FaultKind> {
        let known = self.known.lock();
        let roomy = known.space.free_bytes >= self.reserve_bytes.saturating_add(bytes);
        if known.poison.is_none() && !known.refused && roomy { Ok(()) } else { Err(FaultKind::NotWritable) }
    }

    /// As [`Health::takes`], for bytes that are written now: they count as gone before the file system is asked again, or a
    /// second's worth of large files would eat up the reserve.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), FaultKind> {
        self.takes(bytes)?;
        let mut known = self.known.lock();
        known.space.free_bytes = known.space.free_bytes.saturating_sub(bytes);
        Ok(())
    }

    pub(crate) fn space(&self) -> Space {
        self.known.lock().space
    }

    pub(crate) fn state(&self) -> DriveState {
        let known = self.known.lock();
        if let Some(reason) = &known.poison {
            return DriveState::Poisoned { reason: reason.clone() };
        }
        if known.refused || known.space.free_bytes < self.near() {
            return DriveState::Full;
        }
        DriveState::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(free_bytes: u64) -> Space {
        Space { total_bytes: 1000, free_bytes, file_system: 1 }
    }

    #[test]
    fn a_drive_is_full_before_it_is_full_and_comes_back() {
        let health = Health::new("d".into(), space(500), 100, Duration::ZERO);
        assert!(health.takes(400).is_ok());
        assert!(health.takes(401).is_err());
        health.note_space(space(99), Duration::ZERO);
        assert_eq!(health.state(), DriveState::Full);
        health.note_space(space(300), Duration::ZERO);
        assert_eq!(health.state(), DriveState::Ok);
    }

    #[test]
    fn what_is_taken_counts_before_the_file_system_is_asked_again() {
        let health = Health::new("d".into(), space(500), 100, Duration::ZERO);
        assert!(health.take(300).is_ok());
        assert!(health.take(101).is_err());
        assert!(health.take(100).is_ok());
        health.note_space(space(350), Duration::ZERO);
        assert!(health.take(250).is_ok());
    }

    #[test]
    fn poison_stays() {
        let health = Health::new("d".into(), space(500), 100, Duration::ZERO);
        health.poison("sync".into());
        health.note_space(space(900), Duration::ZERO);
        assert!(health.takes(0).is_err());
        assert!(matches!(health.state(), DriveState::Poisoned { .. }));
    }

    #[test]
    fn a_drive_that_refused_is_asked_again_when_room_came_back() {
        let health = Health::new("d".into(), space(150), 100, Duration::ZERO);
        health.note_full();
        health.note_space(space(150), Duration::ZERO);
        assert!(health.takes(0).is_err());
        health.note_space(space(160), Duration::ZERO);
        assert!(health.takes(0).is_ok());
    }
}
