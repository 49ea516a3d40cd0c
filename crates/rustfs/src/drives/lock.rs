//! Taking the drives for this process: folders that are to be made, the lock, and proof that they can be written.
//!
//! A lock is between processes of one machine, and goes with the process however it ends: it is the operating system's,
//! not the environment's, and there is none in simulation.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use env::{Env, OpenOptions};
use futures_util::future::join_all;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::survey::{self, Seen};
use super::{DrivesError, Found};

/// How often a lock file that was removed meanwhile is looked for anew.
const LOCK_ATTEMPTS_MAX: usize = 8;

/// Drives that are this process's until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Taken {
    locks: Vec<OwnedFd>,
    made_folders: Vec<PathBuf>,
    made_locks: Vec<PathBuf>,
    unwritable: Vec<(PathBuf, String)>,
    /// What was found odd, in sentences.
    pub(super) warnings: Vec<String>,
}

impl Taken {
    /// Takes every drive that can be used.
    pub(super) async fn take(env: &Env, seen: &[Seen]) -> Result<Self, DrivesError> {
        let mut taken = Taken::default();
        let mut locked = Vec::new();
        for drive in seen {
            if let Found::Unusable(reason) = &drive.given.found {
                // Should it be found well at the next look, it was not taken all the same.
                taken.unwritable.push((drive.given.path.clone(), reason.clone()));
            }
            if !matches!(drive.given.found, Found::Blank | Found::Formatted(_)) {
                continue;
            }
            match taken.lock_one(env, drive).await {
                Ok(true) => locked.push(drive),
                Ok(false) => {}
                Err(error) => {
                    taken.give_back(env).await;
                    return Err(error);
                }
            }
        }
        // Only what is this process's is written, and all drives beside one another: each waits for its own sync.
        let probed = join_all(locked.iter().map(|drive| probe_in_time(env, &drive.given.path))).await;
        for (drive, result) in locked.into_iter().zip(probed) {
            taken.note_probe(env, drive, result);
        }
        Ok(taken)
    }

    /// Locks a drive, made where it is to be; false where it can't be used.
    async fn lock_one(&mut self, env: &Env, drive: &Seen) -> Result<bool, DrivesError> {
        let path = &drive.given.path;
        if drive.absent {
            match make_folder(env, path).await {
                Ok(()) => self.made_folders.push(path.clone()),
                Err(error) => return Ok(self.is_unwritable(env, path, &error)),
            }
        }
        let Some(native) = env.disk.native_path(path) else {
            return Ok(true);
        };
        match self.lock(&native) {
            Ok(()) => Ok(true),
            Err(LockError::Held(pid)) => Err(DrivesError::InUse { path: path.clone(), pid }),
            Err(LockError::Io(error)) => Ok(self.is_unwritable(env, path, &error)),
        }
    }

    fn note_probe(&mut self, env: &Env, drive: &Seen, result: io::Result<()>) {
        let path = &drive.given.path;
        match result {
            Ok(()) => {}
            Err(error) if is_full(&error) && matches!(drive.given.found, Found::Formatted(_)) => {
                self.warnings.push(format!(
                    "{} is full: objects on it are served and can be deleted, but no more is written to it.",
                    path.display()
                ));
            }
            Err(error) => {
                self.is_unwritable(env, path, &error);
            }
        }
    }

    /// Notes why a drive can't be used, and says that it can't.
    fn is_unwritable(&mut self, env: &Env, path: &Path, error: &io::Error) -> bool {
        self.unwritable.push((path.to_owned(), survey::reason(env, path, error)));
        false
    }

    fn lock(&mut self, drive: &Path) -> Result<(), LockError> {
        let path = drive.join("lock");
        for _ in 0..LOCK_ATTEMPTS_MAX {
            let existed = path.exists();
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600))?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(LockError::Held(read_pid(&file))),
                // Some network file systems have no locks.
                Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS) => {
                    self.warnings.push(format!(
                        "{} can't be locked: take care that no second server is started on it.",
                        drive.display()
                    ));
                }
                Err(error) => return Err(error.into()),
            }
            if !is_file_at(&file, &path) {
                continue;
            }
            write_pid(&file);
            self.locks.push(file);
            if !existed {
                self.made_locks.push(path);
            }
            return Ok(());
        }
        Err(io::Error::other("its lock file is removed again and again by others").into())
    }

    /// Drives that turned out not to be writable are no drives now.
    pub(super) fn leave_out_unwritable(&self, seen: &mut [Seen]) {
        for (path, reason) in &self.unwritable {
            for drive in seen.iter_mut().filter(|drive| drive.given.path == *path) {
                drive.given.found = Found::Unusable(reason.clone());
            }
        }
    }

    /// Removes what taking them has made, for a start that is refused.
    pub(super) async fn give_back(self, env: &Env) {
        for lock in &self.made_locks {
            // What can't be removed does no harm: a lock file alone counts as nothing.
            let _ = in_time(env, env.disk.remove(lock)).await;
        }
        for folder in &self.made_folders {
            let empty = in_time(env, env.disk.list(folder)).await.is_ok_and(|entries| entries.is_empty());
            if empty {
                let _ = in_time(env, env.disk.remove_directory(folder)).await;
            }
        }
    }
}

/// The process of a server that holds a drive, where its number is known; none where no server does. Blocks, and takes no lock
/// for longer than it looks.
pub(crate) fn holder(drive: &Path) -> Option<Option<u32>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(drive.join("lock"), flags, Mode::empty()).ok()?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Some(read_pid(&file)),
        _ => None,
    }
}

async fn make_folder(env: &Env, path: &Path) -> io::Result<()> {
    in_time(env, env.disk.create_directories(path)).await?;
    match path.parent() {
        Some(above) => in_time(env, env.disk.sync_directory(above)).await,
        None => Ok(()),
    }
}

/// As [`survey::in_time`], for what fails.
async fn in_time<T>(env: &Env, answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let answer = survey::in_time(env, answer).await;
    answer.unwrap_or_else(|| Err(io::Error::other(survey::does_not_answer())))
}

enum LockError {
    Held(Option<u32>),
    Io(io::Error),
}

impl From<Errno> for LockError {
    fn from(errno: Errno) -> Self {
        LockError::Io(errno.into())
    }
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        LockError::Io(error)
    }
}

/// Whether the file is still what its name leads to: who gives a drive back removes the name.
fn is_file_at(file: &OwnedFd, path: &Path) -> bool {
    match (rustix::fs::fstat(file), rustix::fs::stat(path)) {
        (Ok(open), Ok(named)) => (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino),
        _ => false,
    }
}

fn read_pid(file: &OwnedFd) -> Option<u32> {
    let mut text = [0u8; 20];
    let read = rustix::io::pread(file, &mut text, 0).ok()?;
    std::str::from_utf8(text.get(..read)?).ok()?.trim().parse().ok()
}

/// For the message of a second server only: a full drive may refuse it.
fn write_pid(file: &OwnedFd) {
    let text = format!("{:<19}\n", std::process::id());
    let _ = rustix::io::pwrite(file, text.as_bytes(), 0);
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes a file, syncs it and removes it.
async fn probe_in_time(env: &Env, drive: &Path) -> io::Result<()> {
    in_time(env, probe(env, drive)).await
}

async fn probe(env: &Env, drive: &Path) -> io::Result<()> {
    let path = drive.join("probe");
    match env.disk.remove(&path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let options = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
    let file = env.disk.open(&path, options).await?;
    let written = match file.write_at(0, Bytes::from_static(&[0u8; 4096])).await {
        Ok(()) => file.sync().await,
        Err(error) => Err(error),
    };
    env.disk.remove(&path).await?;
    written
}
