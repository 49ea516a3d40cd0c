//! Operations that change a drive, as values: one that is under way when the process or the power dies may have been
//! carried out in part.

use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::drive::Drive;
use super::names::{DirectoryRef, FileRef};
use super::random::Generator;

#[derive(Debug)]
pub(super) enum Change {
    Create(PathBuf),
    CreateDirectories(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
    SyncDirectory(DirectoryRef, u64),
    Write { file: FileRef, offset: u64, data: Bytes, through: bool },
    Allocate(FileRef, u64),
    SetLen(FileRef, u64),
    Sync(FileRef, u64),
}

impl Change {
    /// Carries it out.
    pub(super) fn apply(&self, drive: &mut Drive) -> io::Result<()> {
        match self {
            Change::Create(path) => drive.names.create(&names(path)?),
            Change::CreateDirectories(path) => drive.names.create_directories(&names(path)?),
            Change::Rename(from, to) => {
                let freed_bytes = drive.names.rename(&names(from)?, &names(to)?)?;
                drive.give_back(freed_bytes);
                Ok(())
            }
            Change::Remove(path) => {
                let freed_bytes = drive.names.remove(&names(path)?)?;
                drive.give_back(freed_bytes);
                Ok(())
            }
            Change::RemoveDirectory(path) => {
                let freed_bytes = drive.names.remove_directory(&names(path)?)?;
                drive.give_back(freed_bytes);
                Ok(())
            }
            Change::SyncDirectory(directory, sequence) => {
                drive.names.sync(directory, *sequence);
                Ok(())
            }
            Change::Write { file, offset, data, through } => drive.write(file, *offset, data, *through),
            Change::Allocate(file, len_bytes) => drive.allocate(file, *len_bytes),
            Change::SetLen(file, len_bytes) => {
                drive.set_len(file, *len_bytes);
                Ok(())
            }
            Change::Sync(file, sequence) => {
                file.lock().data.sync(*sequence);
                Ok(())
            }
        }
    }

    /// Fails: what a drive that returns an error may have done all the same.
    pub(super) fn fail(&self, drive: &mut Drive, generator: &mut Generator) {
        match self {
            Change::Write { file, offset, data, .. } => drive.write_torn(file, *offset, data, generator),
            Change::Sync(file, _) => file.lock().data.fail_sync(generator),
            _ => {}
        }
    }

    /// Was under way when everything stopped: carried out, or in part, or not at all.
    pub(super) fn interrupt(&self, drive: &mut Drive, generator: &mut Generator) {
        match self {
            Change::Write { file, offset, data, .. } => match generator.below(4) {
                0 => {}
                // Nobody was told that it had been written through, so nothing holds it.
                1 => drop(drive.write(file, *offset, data, false)),
                _ => drive.write_torn(file, *offset, data, generator),
            },
            _ if generator.chance(1, 2) => drop(self.apply(drive)),
            _ => {}
        }
    }
}

/// The first component of a path: the drive.
pub(super) fn drive_of(path: &Path) -> io::Result<&str> {
    components(path).next().unwrap_or_else(|| Err(invalid(path)))
}

/// The components after the drive.
pub(super) fn names(path: &Path) -> io::Result<Vec<&str>> {
    components(path).skip(1).collect()
}

fn components(path: &Path) -> impl Iterator<Item = io::Result<&str>> {
    path.components().filter(|component| *component != Component::RootDir).map(move |component| {
        match component {
            Component::Normal(name) => name.to_str().ok_or_else(|| invalid(path)),
            _ => Err(invalid(path)),
        }
    })
}

fn invalid(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{} is no path of a simulated drive: write /drive/directory/file", path.display()),
    )
}
