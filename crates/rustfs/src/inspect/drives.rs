//! Drives that are looked at while no server runs on them.
//!
//! What always holds: a drive is locked against servers as long as this is held, and its lock file is not made for it.

use std::io;
use std::path::{Path, PathBuf};

use cluster::format::{self, DriveFormat, DriveFormatError};
use cluster::map::{ClusterMap, Slot};
use env::Env;
use model::ids::DriveId;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

use super::finding::{Findings, Kind};

/// Why drives can't be looked at.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// A server runs on one.
    #[error("{} is in use by a running server: stop it first; a drive is looked at while nobody writes to it", path.display())]
    InUse {
        /// The drive.
        path: PathBuf,
    },
    /// No drive says which store it is of.
    #[error("none of these folders is a drive of RustFS that can be read: {reasons}")]
    NoDrive {
        /// Why each is none.
        reasons: String,
    },
    /// A folder that can't be opened.
    #[error("{} can't be opened: {source}. Check that this user may read it", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Drives of one store, locked against servers.
#[derive(Debug)]
pub struct OfflineStore {
    /// The store, as the newest of the drives knows it.
    pub map: ClusterMap,
    present: Vec<(Slot, DriveId, PathBuf)>,
    _locks: Vec<OwnedFd>,
}

impl OfflineStore {
    /// Locks the drives and reads their formats. What is wrong with a drive as a whole is a finding, and the drive is left
    /// out.
    ///
    /// # Errors
    /// Where a server runs on one of them, or none can be read.
    pub async fn open(env: &Env, paths: &[PathBuf], findings: &mut Findings) -> Result<Self, OfflineError> {
        let mut locks = Vec::new();
        let mut formats: Vec<(PathBuf, DriveFormat)> = Vec::new();
        let mut reasons = Vec::new();
        for path in paths {
            if let Some(native) = env.disk.native_path(path) {
                locks.extend(lock(&native, path)?);
            }
            match format::read(&*env.disk, path).await {
                Ok(Some(format)) => formats.push((path.clone(), format)),
                other => {
                    let (kind, what) = without_format(env, path, other.err()).await;
                    reasons.push(format!("{}: {what}", path.display()));
                    findings.file(kind, path, &path.join("format"), None, what);
                }
            }
        }
        let newest = formats.iter().max_by_key(|(_, format)| format.map.epoch);
        let Some(map) = newest.map(|(_, format)| format.map.clone()) else {
            return Err(OfflineError::NoDrive { reasons: reasons.join("; ") });
        };
        let mut present: Vec<(Slot, DriveId, PathBuf)> = Vec::new();
        for (path, format) in formats {
            let slot = map.slots().find(|(_, drive)| *drive == format.drive).map(|(slot, _)| slot);
            match slot.filter(|_| format.map.store == map.store) {
                Some(slot) if present.iter().all(|(taken, ..)| *taken != slot) => {
                    present.push((slot, format.drive, path));
                }
                found => {
                    let what = foreign(&format, &map, found);
                    findings.file(Kind::DriveForeign, &path, &path.join("format"), None, what);
                }
            }
        }
        Ok(OfflineStore { map, present, _locks: locks })
    }

    /// The drives that can be looked at.
    pub fn present(&self) -> impl Iterator<Item = (Slot, DriveId, &Path)> {
        self.present.iter().map(|(slot, drive, path)| (*slot, *drive, path.as_path()))
    }

    /// Places of the store of which no drive is here.
    pub fn missing(&self) -> impl Iterator<Item = Slot> + '_ {
        let is_here = |slot: &Slot| self.present.iter().any(|(here, ..)| here == slot);
        self.map.slots().map(|(slot, _)| slot).filter(move |slot| !is_here(slot))
    }
}

fn foreign(format: &DriveFormat, map: &ClusterMap, slot: Option<Slot>) -> String {
    if format.map.store != map.store {
        return format!("it belongs to store {}, the others to {}", format.map.store, map.store);
    }
    match slot {
        Some(slot) => {
            format!("another folder holds the drive of set {} slot {} as well", slot.set, slot.slot)
        }
        None => format!("drive {} was replaced and belongs to the store no more", format.drive),
    }
}

async fn without_format(env: &Env, path: &Path, error: Option<DriveFormatError>) -> (Kind, String) {
    if let Some(error) = error {
        let kind = match error {
            DriveFormatError::Newer { .. } => Kind::Newer,
            DriveFormatError::Damaged { .. } => Kind::FormatDamaged,
            DriveFormatError::Io { .. } => Kind::DriveUnreadable,
        };
        return (kind, error.to_string());
    }
    match env.disk.list(path).await {
        Ok(entries) if entries.is_empty() => {
            (Kind::DriveUnreadable, "the folder is empty: is it mounted?".into())
        }
        Ok(_) => (Kind::FormatDamaged, "there is no `format` file though the folder is not empty".into()),
        Err(error) => (Kind::DriveUnreadable, error.to_string()),
    }
}

/// Keeps servers away for as long as it is held. A drive that no server ever took has no lock file, and gets none.
fn lock(drive: &Path, given: &Path) -> Result<Option<OwnedFd>, OfflineError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(drive.join("lock"), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(OfflineError::Open { path: given.join("lock"), source: error.into() }),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Err(OfflineError::InUse { path: given.to_owned() }),
        // Some network file systems have no locks; a server says so as well.
        _ => Ok(Some(file)),
    }
}
