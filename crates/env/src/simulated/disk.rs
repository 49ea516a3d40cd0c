//! The drives and files as one life of the process sees them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;

use super::change::{Change, drive_of, names};
use super::disks::{Request, SimulatedDisks};
use super::names::FileRef;
use super::trace::DiskAction;
use crate::blocking::BlockingDisk;
use crate::buffer::BLOCK_BYTES;
use crate::{BoxFuture, Disk, Entry, File, OpenOptions, Space};

/// The drives for one life.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    pub(super) disks: SimulatedDisks,
    pub(super) life: u64,
}

impl SimulatedDisk {
    pub(super) fn new(disks: SimulatedDisks, life: u64) -> Self {
        SimulatedDisk { disks, life }
    }

    pub(super) fn request<'a>(&self, action: DiskAction, path: &'a Path) -> Request<'a> {
        Request { action, path, offset: 0, len_bytes: 0, life: self.life, generation: None }
    }

    fn change<'a>(
        &'a self,
        action: DiskAction,
        path: &'a Path,
        change: Change,
    ) -> BoxFuture<'a, io::Result<()>> {
        let request = self.request(action, path);
        Box::pin(self.disks.operate(request, |_| Ok(Some(change)), |_| Ok(())))
    }
}

impl Disk for SimulatedDisk {
    fn open<'a>(&'a self, path: &'a Path, options: OpenOptions) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        Box::pin(async move {
            let action = if options.create_new { DiskAction::Name } else { DiskAction::Open };
            let change = options.create_new.then(|| Change::Create(path.to_owned()));
            let find = |drive: &mut super::drive::Drive| {
                let file = drive.names.find_file(&names(path)?)?;
                Ok((file, drive.generation))
            };
            let request = self.request(action, path);
            let (file, generation) = self.disks.operate(request, |_| Ok(change), find).await?;
            Ok(Arc::new(SimulatedFile {
                disk: self.clone(),
                path: path.to_owned(),
                file,
                generation,
                options,
            }) as Arc<dyn File>)
        })
    }

    fn create_directories<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let change = Change::CreateDirectories(path.to_owned());
        self.change(DiskAction::Name, path, change)
    }

    fn list<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Vec<Entry>>> {
        let request = self.request(DiskAction::Read, path);
        Box::pin(self.disks.operate(request, |_| Ok(None), move |drive| drive.names.list(&names(path)?)))
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            if drive_of(from)? != drive_of(to)? {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
            let change = Change::Rename(from.to_owned(), to.to_owned());
            self.change(DiskAction::Name, from, change).await
        })
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.change(DiskAction::Name, path, Change::Remove(path.to_owned()))
    }

    fn remove_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let change = Change::RemoveDirectory(path.to_owned());
        self.change(DiskAction::Name, path, change)
    }

    fn sync_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let request = self.request(DiskAction::SyncDirectory, path);
        Box::pin(self.disks.operate(
            request,
            move |drive| {
                let directory = drive.names.find_directory(&names(path)?)?;
                let sequence = drive.names.sequence();
                Ok(Some(Change::SyncDirectory(directory, sequence)))
            },
            |_| Ok(()),
        ))
    }

    fn space<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Space>> {
        let request = self.request(DiskAction::Read, path);
        Box::pin(self.disks.operate(
            request,
            |_| Ok(None),
            move |drive| {
                drive.names.find(&names(path)?)?;
                Ok(Space {
                    total_bytes: drive.capacity_bytes,
                    free_bytes: drive.free_bytes(),
                    file_system: drive.number,
                })
            },
        ))
    }

    fn native_path(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    fn blocking(&self) -> Arc<dyn BlockingDisk> {
        Arc::new(self.clone())
    }
}

/// An open file, for as long as the process lives and the drive is there.
#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    path: PathBuf,
    file: FileRef,
    generation: u64,
    options: OpenOptions,
}

impl SimulatedFile {
    fn request(&self, action: DiskAction, offset: u64, len_bytes: u64) -> Request<'_> {
        Request {
            action,
            path: &self.path,
            offset,
            len_bytes,
            life: self.disk.life,
            generation: Some(self.generation),
        }
    }

    fn write(&self, request_bytes: (u64, u64), change: Change) -> BoxFuture<'_, io::Result<()>> {
        let request = self.request(DiskAction::Write, request_bytes.0, request_bytes.1);
        let checked = if self.options.write { Ok(Some(change)) } else { Err(Errno::BADF.into()) };
        Box::pin(self.disk.disks.operate(request, |_| checked, |_| Ok(())))
    }
}

impl File for SimulatedFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        // What is not there costs no time.
        let there_bytes = self.file.lock().data.current().len().saturating_sub(offset);
        let request = self.request(DiskAction::Read, offset, there_bytes.min(len_bytes as u64));
        Box::pin(self.disk.disks.operate(
            request,
            |_| Ok(None),
            move |_| Ok(self.file.lock().data.current().read(offset, len_bytes)),
        ))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> BoxFuture<'_, io::Result<()>> {
        let in_blocks = |value: usize| value.is_multiple_of(BLOCK_BYTES);
        assert!(
            !self.options.direct
                || (in_blocks(data.len()) && in_blocks(offset as usize) && in_blocks(data.as_ptr() as usize)),
            "direct I/O is done in whole blocks"
        );
        let extent = (offset, data.len() as u64);
        let change =
            Change::Write { file: Arc::clone(&self.file), offset, data, through: self.options.write_through };
        self.write(extent, change)
    }

    fn allocate(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        // Reserving room is quick however much it is: no length that would cost time.
        self.write((len_bytes, 0), Change::Allocate(Arc::clone(&self.file), len_bytes))
    }

    fn set_len(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        self.write((len_bytes, 0), Change::SetLen(Arc::clone(&self.file), len_bytes))
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        let request = self.request(DiskAction::Read, 0, 0);
        Box::pin(self.disk.disks.operate(
            request,
            |_| Ok(None),
            |_| Ok(self.file.lock().data.current().len()),
        ))
    }

    fn sync(&self) -> BoxFuture<'_, io::Result<()>> {
        let request = self.request(DiskAction::Sync, 0, 0);
        Box::pin(self.disk.disks.operate(
            request,
            |_| {
                let sequence = self.file.lock().data.sequence();
                Ok(Some(Change::Sync(Arc::clone(&self.file), sequence)))
            },
            |_| Ok(()),
        ))
    }
}
