//! Simulated drives for those who wait on the spot: every call is a step that takes no time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::change::{Change, drive_of, names};
use super::disk::SimulatedDisk;
use super::disks::Request;
use super::names::FileRef;
use super::trace::DiskAction;
use crate::Entry;
use crate::blocking::{BlockingDisk, BlockingFile};

impl SimulatedDisk {
    fn change_at_once(&self, action: DiskAction, path: &Path, change: Change) -> io::Result<()> {
        self.disks.operate_at_once(self.request(action, path), |_| Ok(Some(change)), |_| Ok(()))
    }

    fn open_at_once(&self, path: &Path, create: bool) -> io::Result<Arc<dyn BlockingFile>> {
        let action = if create { DiskAction::Name } else { DiskAction::Open };
        let change = create.then(|| Change::Create(path.to_owned()));
        let (file, generation) = self.disks.operate_at_once(
            self.request(action, path),
            |_| Ok(change),
            |drive| Ok((drive.names.find_file(&names(path)?)?, drive.generation)),
        )?;
        Ok(Arc::new(SimulatedBlockingFile { disk: self.clone(), path: path.to_owned(), file, generation }))
    }
}

impl BlockingDisk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        self.open_at_once(path, false)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        self.open_at_once(path, true)
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        self.change_at_once(DiskAction::Name, path, Change::CreateDirectories(path.to_owned()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let request = self.request(DiskAction::Read, path);
        self.disks.operate_at_once(request, |_| Ok(None), |drive| drive.names.list(&names(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if drive_of(from)? != drive_of(to)? {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.change_at_once(DiskAction::Name, from, Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change_at_once(DiskAction::Name, path, Change::Remove(path.to_owned()))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.disks.operate_at_once(
            self.request(DiskAction::SyncDirectory, path),
            |drive| {
                let directory = drive.names.find_directory(&names(path)?)?;
                Ok(Some(Change::SyncDirectory(directory, drive.names.sequence())))
            },
            |_| Ok(()),
        )
    }
}

/// An open file, for as long as the process lives and the drive is there.
#[derive(Debug)]
struct SimulatedBlockingFile {
    disk: SimulatedDisk,
    path: PathBuf,
    file: FileRef,
    generation: u64,
}

impl SimulatedBlockingFile {
    fn request(&self, action: DiskAction, offset: u64, len_bytes: u64) -> Request<'_> {
        Request {
            offset,
            len_bytes,
            generation: Some(self.generation),
            ..self.disk.request(action, &self.path)
        }
    }
}

impl BlockingFile for SimulatedBlockingFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> io::Result<Bytes> {
        let request = self.request(DiskAction::Read, offset, len_bytes as u64);
        let read = |_: &mut _| Ok(self.file.lock().data.current().read(offset, len_bytes));
        self.disk.disks.operate_at_once(request, |_| Ok(None), read)
    }

    fn write_at(&self, offset: u64, data: Bytes) -> io::Result<()> {
        let request = self.request(DiskAction::Write, offset, data.len() as u64);
        let change = Change::Write { file: Arc::clone(&self.file), offset, data, through: false };
        self.disk.disks.operate_at_once(request, |_| Ok(Some(change)), |_| Ok(()))
    }

    fn len(&self) -> io::Result<u64> {
        let request = self.request(DiskAction::Read, 0, 0);
        let len = |_: &mut _| Ok(self.file.lock().data.current().len());
        self.disk.disks.operate_at_once(request, |_| Ok(None), len)
    }

    fn sync(&self) -> io::Result<()> {
        let request = self.request(DiskAction::Sync, 0, 0);
        let prepare = |_: &_| {
            let sequence = self.file.lock().data.sequence();
            Ok(Some(Change::Sync(Arc::clone(&self.file), sequence)))
        };
        self.disk.disks.operate_at_once(request, prepare, |_| Ok(()))
    }
}
