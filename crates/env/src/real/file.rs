//! Files of the operating system.
//!
//! A read first asks the page cache without waiting; only what has to come from the drive goes to the blocking pool, so
//! that a cached read costs one system call and no hand-over.

use std::fs::{self, OpenOptions as StdOptions};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::ReadWriteFlags;
use tokio::runtime::Handle;

use super::on_pool;
use super::recycle::ReadBuffers;
use crate::buffer::BLOCK_BYTES;
use crate::{BoxFuture, Entry, File, OpenOptions, Space};

/// An open file of the operating system.
#[derive(Debug)]
pub struct RealFile {
    file: Arc<fs::File>,
    direct: bool,
    on_caller: bool,
    runtime: Handle,
    buffers: Arc<ReadBuffers>,
}

impl RealFile {
    pub(super) fn open(
        path: &Path,
        options: OpenOptions,
        runtime: Handle,
        buffers: Arc<ReadBuffers>,
    ) -> io::Result<Self> {
        let opened = match open_with(path, options, options.direct) {
            // Some file systems (tmpfs, some overlays) know no direct I/O: the page cache serves as well, only dearer.
            Err(error) if options.direct && error.kind() == io::ErrorKind::InvalidInput => {
                open_with(path, OpenOptions { create_new: false, ..options }, false).map(|file| (file, false))
            }
            other => other.map(|file| (file, options.direct)),
        };
        let (file, direct) = opened?;
        Ok(RealFile { file: Arc::new(file), direct, on_caller: options.on_caller, runtime, buffers })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, io::Result<T>> {
        if self.on_caller {
            let file = &self.file;
            return Box::pin(async move { work(file) });
        }
        let file = Arc::clone(&self.file);
        Box::pin(on_pool(&self.runtime, move || work(&file)))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door to files")]
fn open_with(path: &Path, options: OpenOptions, direct: bool) -> io::Result<fs::File> {
    let mut flags = OFlags::CLOEXEC;
    if direct {
        flags |= OFlags::DIRECT;
    }
    if options.write_through {
        flags |= OFlags::DSYNC;
    }
    StdOptions::new()
        .read(true)
        .write(options.write)
        .create_new(options.create_new)
        .custom_flags(flags.bits() as i32)
        .open(path)
}

impl File for RealFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        if self.direct {
            let buffers = Arc::clone(&self.buffers);
            return self.run(move |file| read_direct(file, offset, len_bytes, &buffers));
        }
        let mut buffer = self.buffers.take(len_bytes);
        if !self.on_caller && read_without_waiting(&self.file, offset, buffer.bytes_mut()) {
            return Box::pin(std::future::ready(Ok(buffer.freeze(len_bytes))));
        }
        self.run(move |file| {
            let read = fill(file, offset, buffer.bytes_mut())?;
            Ok(buffer.freeze(read))
        })
    }

    fn write_at(&self, offset: u64, data: Bytes) -> BoxFuture<'_, io::Result<()>> {
        debug_assert!(
            !self.direct
                || (data.len().is_multiple_of(BLOCK_BYTES) && offset.is_multiple_of(BLOCK_BYTES as u64)),
            "direct I/O is done in whole blocks"
        );
        self.run(move |file| file.write_all_at(&data, offset))
    }

    fn allocate(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        self.run(move |file| {
            match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len_bytes) {
                // Where the file system can't reserve, the length alone has to do.
                Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(len_bytes),
                other => other.map_err(io::Error::from),
            }
        })
    }

    fn set_len(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        self.run(move |file| file.set_len(len_bytes))
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(std::future::ready(self.file.metadata().map(|metadata| metadata.len())))
    }

    fn sync(&self) -> BoxFuture<'_, io::Result<()>> {
        self.run(fs::File::sync_data)
    }
}

/// Whether the page cache has filled the buffer. A short answer is the end of the file or of what is cached: only the
/// waiting read tells which.
fn read_without_waiting(file: &fs::File, offset: u64, buffer: &mut [u8]) -> bool {
    let len = buffer.len();
    rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) == Ok(len)
}

/// Reads whole blocks around what is asked and cuts it out.
fn read_direct(
    file: &fs::File,
    offset: u64,
    len_bytes: usize,
    buffers: &Arc<ReadBuffers>,
) -> io::Result<Bytes> {
    let skip = (offset % BLOCK_BYTES as u64) as usize;
    let mut buffer = buffers.take_aligned(skip + len_bytes);
    let read = fill(file, offset - skip as u64, buffer.bytes_mut())?;
    let end = read.min(skip + len_bytes);
    Ok(buffer.freeze(end).slice(skip.min(end)..))
}

pub(super) fn fill(file: &fs::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

pub(super) fn list(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let Ok(name) = entry.file_name().into_string() else {
            continue; // Our names are ASCII: this one isn't ours.
        };
        entries.push(Entry { name, is_directory: metadata.is_dir(), size_bytes: metadata.len() });
    }
    entries.sort();
    Ok(entries)
}

pub(super) fn space(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(Space {
        total_bytes: stat.f_blocks * stat.f_frsize,
        free_bytes: stat.f_bavail * stat.f_frsize,
        file_system: fs::metadata(path)?.dev(),
    })
}
