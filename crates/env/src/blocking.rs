//! Files for those who wait for them on the spot: engines, which are called where waiting blocks nobody else.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::Entry;

/// Files and directories by path. The obligations are those of [`crate::Disk`].
///
/// In simulation every call is a step like any other (it may fail, and be the one at which the process crashes), but takes
/// no time; after a crash every call fails.
#[expect(
    clippy::missing_errors_doc,
    reason = "every call fails where the drive does, or the name is not there"
)]
pub trait BlockingDisk: Send + Sync {
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>>;
    /// Makes a file, which must not be there, for writing as well.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>>;
    /// Makes a directory and those above it.
    fn create_directories(&self, path: &Path) -> io::Result<()>;
    /// What is in a directory, by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Renames a file over what has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// An open file. All calls may be made at once from several threads.
#[expect(clippy::len_without_is_empty, reason = "whether a file is empty says no more than its length")]
#[expect(clippy::missing_errors_doc, reason = "every call fails where the drive does")]
pub trait BlockingFile: Send + Sync {
    /// Reads up to `len_bytes` at `offset`; fewer only where the file ends.
    fn read_at(&self, offset: u64, len_bytes: usize) -> io::Result<Bytes>;
    /// Writes all of `data` at `offset`.
    fn write_at(&self, offset: u64, data: Bytes) -> io::Result<()>;
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Makes what was written durable. After an error the file's state is unknown: take no more writes.
    fn sync(&self) -> io::Result<()>;
}

/// As [`crate::replace_file`].
///
/// # Errors
/// Where any step fails; the old file is then still there, or the new one, whole.
pub fn replace_file(disk: &dyn BlockingDisk, path: &Path, data: Bytes) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file needs a directory"))?;
    let temporary = temporary_name(path);
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    file.write_at(0, data)?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    disk.sync_directory(directory)
}

/// The name that a file has until it is whole.
pub(crate) fn temporary_name(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    PathBuf::from(temporary)
}
