//! The only door to time, randomness, files, threads and the network.
//!
//! Everything that decides takes an [`Env`] at construction. [`real`] is the operating system; [`simulated`] is one
//! process on one seed: a clock that jumps, random numbers that repeat, drives that keep only what was synced. The same
//! code runs on both. Futures are boxed: next to a system call the allocation is nothing, and no type parameter spreads.

use std::future::{Future, poll_fn};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use model::time::Timestamp;

mod answers;
pub mod blocking;
pub mod buffer;
#[cfg(test)]
mod conformance;
pub mod real;
pub mod simulated;

pub use answers::Answers;

/// A future that can cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outside, as one value that is handed down.
#[derive(Clone)]
pub struct Env {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where random numbers come from.
    pub random: Arc<dyn Random>,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// What runs beside the caller.
    pub spawn: Arc<dyn Spawn>,
    /// How the parts of a store reach one another.
    pub network: Arc<dyn Network>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env")
    }
}

/// Time.
pub trait Clock: Send + Sync {
    /// The wall clock. It may jump, also backwards: what must not go back compares with what it saw before.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;
    /// Ends after `time`.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// Random numbers, good enough for ids and keys.
pub trait Random: Send + Sync {
    /// Fills the slice.
    fn fill(&self, bytes: &mut [u8]);

    /// Eight random bytes as a number.
    fn number(&self) -> u64 {
        let mut bytes = [0u8; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// Things that run beside the caller.
pub trait Spawn: Send + Sync {
    /// Runs a future among the others. The answer ends when it has ended, by itself or by a panic.
    fn task(&self, future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;
    /// Runs a future on a thread of its own (in simulation: as a task), for loops that block in system calls.
    ///
    /// # Errors
    /// Where no thread can be made.
    fn thread(&self, name: &str, future: BoxFuture<'static, ()>) -> io::Result<BoxFuture<'static, ()>>;
}

/// Messages between the parts of a store that may one day be on several machines.
///
/// # Obligations
/// - A message arrives once or never. It may be late and overtake others; it is never changed.
/// - A message that is lost is dropped, with what it holds.
pub trait Network: Send + Sync {
    /// Carries a message between two places (their numbers are the caller's) and calls `deliver` when it is there. Returns
    /// at once; `deliver` must not wait for anything.
    fn carry(&self, from: u64, to: u64, deliver: Box<dyn FnOnce() + Send>);
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// For writing as well as reading.
    pub write: bool,
    /// It must not exist yet, and is made.
    pub create_new: bool,
    /// Past the page cache: offsets, lengths and memory of writes are multiples of [`buffer::BLOCK_BYTES`]
    /// ([`buffer::AlignedBuffer`] makes such memory). Falls back to the page cache where the file system refuses.
    pub direct: bool,
    /// A write that has returned survives a power cut, as if [`File::sync`] had followed.
    pub write_through: bool,
    /// System calls are made on the calling thread: for threads of [`Spawn::thread`], which have nothing else to do.
    /// Otherwise they run where they block nobody.
    pub on_caller: bool,
}

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name in the directory.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_directory: bool,
    /// Length of a file in bytes.
    pub size_bytes: u64,
}

/// Room of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// The file system, to tell whether two paths share one.
    pub file_system: u64,
}

/// Files and directories by path.
///
/// # Obligations
/// - What [`File::sync`] completed for survives a power cut; what it did not may be there, in part, or not at all.
/// - A name made, renamed or removed survives once [`Disk::sync_directory`] of its directory has completed.
/// - A rename is atomic: the old or the new name holds a whole file.
pub trait Disk: Send + Sync {
    /// Opens a file.
    fn open<'a>(&'a self, path: &'a Path, options: OpenOptions) -> BoxFuture<'a, io::Result<Arc<dyn File>>>;
    /// Makes a directory and those above it.
    fn create_directories<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// What is in a directory, by name.
    fn list<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Vec<Entry>>>;
    /// Renames a file over what has the new name.
    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Removes a file.
    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Removes a directory with all that is in it.
    fn remove_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Makes the names in a directory durable.
    fn sync_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Room of the file system that holds `path`.
    fn space<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Space>>;
    /// The operating system's path, for an engine that opens files itself; `None` in simulation.
    fn native_path(&self, path: &Path) -> Option<PathBuf>;
    /// The same files, for those who wait for them on the spot.
    fn blocking(&self) -> Arc<dyn blocking::BlockingDisk>;
}

/// An open file. All calls may be made at once from several places.
#[expect(clippy::len_without_is_empty, reason = "whether a file is empty says no more than its length")]
pub trait File: Send + Sync {
    /// Reads up to `len_bytes` at `offset`; fewer only where the file ends.
    fn read_at(&self, offset: u64, len_bytes: usize) -> BoxFuture<'_, io::Result<Bytes>>;
    /// Writes all of `data` at `offset`.
    fn write_at(&self, offset: u64, data: Bytes) -> BoxFuture<'_, io::Result<()>>;
    /// Reserves room up to `len_bytes` and makes the file at least that long, zeros where nothing was written.
    fn allocate(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>>;
    /// Cuts or grows the file.
    fn set_len(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>>;
    /// Its length in bytes.
    fn len(&self) -> BoxFuture<'_, io::Result<u64>>;
    /// Makes what was written durable. After an error the file's state is unknown: take no more writes
    /// (see `DESIGN.md`: a drive that fails a sync is poisoned).
    fn sync(&self) -> BoxFuture<'_, io::Result<()>>;
}

/// What something comes to, if it does in time. It is dropped else: an operation that it has begun is carried out all the same.
pub async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut late) = (pin!(work), clock.sleep(limit));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Makes a directory below `root`, and makes its name and those of the directories in between durable. `root` is there.
///
/// # Errors
/// Where one of them can't be made or synced.
pub async fn create_directories_durably(disk: &dyn Disk, root: &Path, path: &Path) -> io::Result<()> {
    disk.create_directories(path).await?;
    for parent in path.ancestors().skip(1).take_while(|parent| parent.starts_with(root)) {
        disk.sync_directory(parent).await?;
    }
    Ok(())
}

/// Reads a whole file of at most `limit_bytes`.
///
/// # Errors
/// Where it can't be read or is longer.
pub async fn read_file(disk: &dyn Disk, path: &Path, limit_bytes: usize) -> io::Result<Bytes> {
    let file = disk.open(path, OpenOptions::default()).await?;
    let len = file.len().await?;
    if len > limit_bytes as u64 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is {len} bytes long, more than the {limit_bytes} it may have", path.display()),
        ));
    }
    file.read_at(0, limit_bytes).await
}

/// Writes a whole file so that after a crash there is the old one or the new one: a temporary name beside it, sync,
/// rename, sync of the directory.
///
/// # Errors
/// Where any step fails; the old file is then still there.
pub async fn replace_file(disk: &dyn Disk, path: &Path, data: Bytes) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file needs a directory"))?;
    let temporary = blocking::temporary_name(path);
    match disk.remove(&temporary).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk
        .open(&temporary, OpenOptions { write: true, create_new: true, ..OpenOptions::default() })
        .await?;
    file.write_at(0, data).await?;
    file.sync().await?;
    disk.rename(&temporary, path).await?;
    disk.sync_directory(directory).await
}
