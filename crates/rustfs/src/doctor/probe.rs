//! How a drive writes: a nameless file is written, synced and gone again.
//!
//! What always holds: what is made has no name (`O_TMPFILE`), so that it is gone whatever becomes of this process. Where a file
//! system has no nameless files, the name is one that a start of the server takes for nothing.

use std::io;
use std::path::Path;
use std::time::Duration;

use env::Clock;
use env::buffer::{AlignedBuffer, BLOCK_BYTES};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::drives::DOCTOR_FILE;

/// Writes, each with its sync.
const SYNCS: usize = 5;

/// How a drive took a few writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeFacts {
    /// The middle one of the times that a write of a block and its sync took.
    pub(crate) sync_time: Duration,
    /// The longest.
    pub(crate) sync_time_max: Duration,
    /// Whether the file system can be written past the page cache.
    pub(crate) has_direct_io: bool,
}

/// Writes and syncs on this drive. Blocks.
///
/// # Errors
/// What the operating system says.
pub(crate) fn probe(clock: &dyn Clock, drive: &Path) -> io::Result<ProbeFacts> {
    let file = nameless(drive)?;
    let block = vec![0u8; BLOCK_BYTES];
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS {
        let before = clock.monotonic();
        rustix::io::pwrite(&file, &block, (number * BLOCK_BYTES) as u64)?;
        rustix::fs::fdatasync(&file)?;
        times.push(clock.monotonic().saturating_sub(before));
    }
    times.sort_unstable();
    let has_direct_io = takes_direct(&file);
    Ok(ProbeFacts { sync_time: times[SYNCS / 2], sync_time_max: times[SYNCS - 1], has_direct_io })
}

/// Whether the open file takes a write past the page cache.
fn takes_direct(file: &OwnedFd) -> bool {
    let Ok(flags) = rustix::fs::fcntl_getfl(file) else { return false };
    let block = AlignedBuffer::new(BLOCK_BYTES);
    rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT).is_ok()
        && rustix::io::pwrite(file, block.bytes(), 0).is_ok()
}

fn nameless(drive: &Path) -> io::Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o600);
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(drive, flags | OFlags::TMPFILE, mode) {
        Ok(file) => return Ok(file),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let path = drive.join(DOCTOR_FILE);
    let file = rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::NOFOLLOW, mode)?;
    // Open without a name, it goes with this process.
    rustix::fs::unlinkat(CWD, &path, AtFlags::empty())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let facts = probe(&env::real::RealClock::new(), folder.path()).unwrap();
        assert!(facts.sync_time <= facts.sync_time_max && facts.sync_time_max > Duration::ZERO);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(probe(&env::real::RealClock::new(), &folder.path().join("none")).is_err());
    }
}
