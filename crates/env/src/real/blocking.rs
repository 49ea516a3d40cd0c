//! Files of the operating system on the caller's thread.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::file;
use crate::Entry;
use crate::blocking::{BlockingDisk, BlockingFile};

/// The file systems of this machine.
#[derive(Debug)]
pub(super) struct RealBlockingDisk;

#[derive(Debug)]
struct RealBlockingFile(fs::File);

#[expect(clippy::disallowed_methods, reason = "this is the door to files")]
impl BlockingDisk for RealBlockingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        Ok(Arc::new(RealBlockingFile(fs::File::open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealBlockingFile(file)))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        file::list(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }
}

impl BlockingFile for RealBlockingFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> io::Result<Bytes> {
        let mut buffer = vec![0; len_bytes];
        let read = file::fill(&self.0, offset, &mut buffer)?;
        buffer.truncate(read);
        Ok(Bytes::from(buffer))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> io::Result<()> {
        self.0.write_all_at(&data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
