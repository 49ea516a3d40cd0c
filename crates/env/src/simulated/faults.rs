//! What tests do to the drives.
//!
//! Everything here happens at once and takes no simulated time. Paths are those of the process: `/drive/directory/file`.
//! Faults stay armed over lives until they are used up or [`SimulatedDisks::clear_faults`] is called.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;

use super::change::{drive_of, names};
use super::content::Content;
use super::disks::{SimulatedDisks, State};
use super::drive::{Drive, Stall};
use super::names::{FileRef, Names};
use super::timeline::nanoseconds;
use super::trace::DiskAction;

/// Errors that a drive returns for some operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For what it does.
    pub action: DiskAction,
    /// For what lies there or below.
    pub under: PathBuf,
    /// So many operations succeed first.
    pub after: u64,
    /// So many then fail; [`u64::MAX`] for ever.
    pub times: u64,
    /// How.
    pub failure: Failure,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The drive has an error. A failed write may have been carried out in part. A failed sync lets go of what was not
    /// synced: a later sync that succeeds says nothing about it.
    Input,
    /// The drive says that it is full. Nothing is carried out.
    Full,
}

impl Failure {
    pub(super) fn error(self) -> io::Error {
        match self {
            Failure::Input => Errno::IO.into(),
            Failure::Full => ErrorKind::StorageFull.into(),
        }
    }
}

impl Fault {
    /// Whether it strikes this operation, which then counts.
    pub(super) fn strikes(&mut self, action: DiskAction, path: &Path) -> bool {
        if self.times == 0 || self.action != action || !path.starts_with(&self.under) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if self.times < u64::MAX {
            self.times -= 1;
        }
        true
    }
}

/// Drives and faults.
impl SimulatedDisks {
    /// Puts in an empty drive: the directory `/name`.
    pub fn add_drive(&self, name: &str, capacity_bytes: u64) {
        let mut state = self.state();
        let number = state.drives.len() as u64 + 1;
        let drive = Drive::new(number, capacity_bytes);
        let old = state.drives.insert(name.to_owned(), drive);
        assert!(old.is_none(), "there is a drive {name} already");
    }

    /// Pulls the drive: everything on it fails from now on, and handles stay dead for ever. What was not synced is lost
    /// as by a power cut.
    pub fn remove_drive(&self, name: &str) {
        let mut state = self.state();
        let State { drives, fate, .. } = &mut *state;
        found(drives, name).pull(fate);
    }

    /// Puts a pulled drive back with what is on it.
    pub fn return_drive(&self, name: &str) {
        self.with_drive(name, |drive| drive.is_there = true);
    }

    /// Puts an empty drive of the same capacity in the place of another.
    pub fn replace_with_empty(&self, name: &str) {
        self.with_drive(name, |drive| {
            drive.names = Names::new();
            drive.used_bytes = 0;
            drive.is_there = true;
            drive.generation += 1;
        });
    }

    /// Changes how much the drive can hold; less than it holds makes it full.
    pub fn set_capacity(&self, name: &str, capacity_bytes: u64) {
        self.with_drive(name, |drive| drive.capacity_bytes = capacity_bytes);
    }

    /// The drive answers nothing for so long.
    pub fn stall(&self, name: &str, time: Duration) {
        let until_ns = self.timeline().now_ns().saturating_add(nanoseconds(time));
        self.with_drive(name, |drive| drive.stall = Stall::Until(until_ns));
    }

    /// The drive answers nothing until [`SimulatedDisks::resume`].
    pub fn stall_until_resumed(&self, name: &str) {
        self.with_drive(name, |drive| drive.stall = Stall::ForEver);
    }

    /// The drive answers again.
    pub fn resume(&self, name: &str) {
        let stalled = self.with_drive(name, |drive| {
            drive.stall = Stall::Until(0);
            std::mem::take(&mut drive.stalled)
        });
        for waker in stalled {
            waker.wake();
        }
    }

    /// Arms a fault beside those that are armed.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// The next `times` reads at or below a path fail with an I/O error.
    pub fn fail_reads(&self, under: impl Into<PathBuf>, times: u64) {
        self.fail_next(DiskAction::Read, under.into(), 0, times);
    }

    /// The next `times` writes at or below a path fail with an I/O error.
    pub fn fail_writes(&self, under: impl Into<PathBuf>, times: u64) {
        self.fail_next(DiskAction::Write, under.into(), 0, times);
    }

    /// The `nth` sync of a file on the drive from now on, 1 for the next, fails.
    pub fn fail_sync(&self, drive: &str, nth: u64) {
        let under = Path::new("/").join(drive);
        self.fail_next(DiskAction::Sync, under, nth.saturating_sub(1), 1);
    }

    /// Disarms all faults. Stalls and pulled drives stay.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// The files that no power cut can take away, by path, with their durable length in bytes.
    #[must_use]
    pub fn files(&self, drive: &str) -> Vec<(PathBuf, u64)> {
        let files = self.with_drive(drive, |drive| drive.names.durable_files());
        files
            .into_iter()
            .map(|(path, file)| {
                let len_bytes = file.lock().data.durable().len();
                (PathBuf::from(format!("/{drive}{path}")), len_bytes)
            })
            .collect()
    }

    /// The durable content of a file, whole.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn content(&self, path: impl AsRef<Path>) -> io::Result<Bytes> {
        let file = self.file(path.as_ref())?;
        let file = file.lock();
        let durable = file.data.durable();
        Ok(durable.read(0, durable.len() as usize))
    }

    /// Puts other content in the place of a file's, as a stale or misdirected write does.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn set_content(&self, path: impl AsRef<Path>, content: &Bytes) -> io::Result<()> {
        self.rot(path.as_ref(), |old| {
            old.set_len(0);
            old.write(0, content);
        })
    }

    /// Turns one bit of the byte at `offset` around.
    ///
    /// # Errors
    /// Where there is no such file, or it is not that long.
    pub fn flip_bit(&self, path: impl AsRef<Path>, offset: u64, bit: u32) -> io::Result<()> {
        let path = path.as_ref();
        self.check_end(path, offset + 1)?;
        self.rot(path, |content| {
            let flipped: Vec<u8> =
                content.read(offset, 1).iter().map(|byte| byte ^ (1 << (bit % 8))).collect();
            content.write(offset, &Bytes::from(flipped));
        })
    }

    /// Cuts a file, or grows it by zeros.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn truncate(&self, path: impl AsRef<Path>, len_bytes: u64) -> io::Result<()> {
        self.rot(path.as_ref(), |content| content.set_len(len_bytes))
    }

    /// Writes zeros over a part of a file.
    ///
    /// # Errors
    /// Where there is no such file, or it is not that long.
    pub fn zero(&self, path: impl AsRef<Path>, range: Range<u64>) -> io::Result<()> {
        let path = path.as_ref();
        self.check_end(path, range.end)?;
        let zeros = Bytes::from(vec![0; range.end.saturating_sub(range.start) as usize]);
        self.rot(path, |content| content.write(range.start, &zeros))
    }

    /// Exchanges the content of two files.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub fn swap(&self, left: impl AsRef<Path>, right: impl AsRef<Path>) -> io::Result<()> {
        let (left_content, right_content) = (self.content(left.as_ref())?, self.content(right.as_ref())?);
        self.set_content(left, &right_content)?;
        self.set_content(right, &left_content)
    }

    pub(super) fn fail_next(&self, action: DiskAction, under: PathBuf, after: u64, times: u64) {
        self.fail(Fault { action, under, after, times, failure: Failure::Input });
    }

    fn with_drive<T>(&self, name: &str, work: impl FnOnce(&mut Drive) -> T) -> T {
        work(found(&mut self.state().drives, name))
    }

    fn file(&self, path: &Path) -> io::Result<FileRef> {
        let state = self.state();
        let drive = state.drives.get(drive_of(path)?).ok_or(ErrorKind::NotFound)?;
        drive.names.find_file(&names(path)?)
    }

    fn rot(&self, path: &Path, change: impl Fn(&mut Content)) -> io::Result<()> {
        let file = self.file(path)?;
        file.lock().data.rot(change);
        Ok(())
    }

    fn check_end(&self, path: &Path, end: u64) -> io::Result<()> {
        let len_bytes = self.file(path)?.lock().data.durable().len();
        if end > len_bytes {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("{} has {len_bytes} bytes, not {end}", path.display()),
            ));
        }
        Ok(())
    }
}

fn found<'a>(drives: &'a mut BTreeMap<String, Drive>, name: &str) -> &'a mut Drive {
    match drives.get_mut(name) {
        Some(drive) => drive,
        None => panic!("there is no drive {name}: add it first"),
    }
}
