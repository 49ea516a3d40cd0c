//! A machine on which no time passes: files as they would be after a power cut right now, for code that opens them to say what
//! it finds. What it writes is seen by itself alone.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::blocking::{BlockingDisk, BlockingFile};
use env::{BoxFuture, Clock, Disk, Entry, Env, File, Network, OpenOptions, Random, Space, Spawn};
use model::time::Timestamp;
use parking_lot::Mutex;

/// The files of a still machine, by path.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A machine with these files.
#[must_use]
pub fn env(files: Files) -> Env {
    Env {
        clock: Arc::new(Still),
        random: Arc::new(Still),
        disk: Arc::new(StillDisk { files: Arc::new(Mutex::new(files)) }),
        spawn: Arc::new(Still),
        network: Arc::new(Still),
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Random for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Spawn for Still {
    fn task(&self, _future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn thread(&self, _name: &str, future: BoxFuture<'static, ()>) -> io::Result<BoxFuture<'static, ()>> {
        Ok(self.task(future))
    }
}

impl Network for Still {
    fn carry(&self, _from: u64, _to: u64, _deliver: Box<dyn FnOnce() + Send>) {}
}

#[derive(Clone)]
struct StillDisk {
    files: Arc<Mutex<Files>>,
}

struct StillFile {
    disk: StillDisk,
    path: PathBuf,
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl StillDisk {
    fn open_now(&self, path: &Path, options: OpenOptions) -> io::Result<Arc<dyn File>> {
        let mut files = self.files.lock();
        match (files.contains_key(path), options.create_new) {
            (true, true) => return Err(ErrorKind::AlreadyExists.into()),
            (false, false) => return Err(ErrorKind::NotFound.into()),
            (false, true) => drop(files.insert(path.to_owned(), Vec::new())),
            (true, false) => {}
        }
        Ok(Arc::new(StillFile { disk: self.clone(), path: path.to_owned() }))
    }
}

impl Disk for StillDisk {
    fn open<'a>(&'a self, path: &'a Path, options: OpenOptions) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        ready(self.open_now(path, options))
    }

    fn create_directories<'a>(&'a self, _path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        ready(Ok(()))
    }

    fn list<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Vec<Entry>>> {
        let entry = |(file, content): (&PathBuf, &Vec<u8>)| {
            let name = file.strip_prefix(path).ok()?.to_str()?.to_owned();
            Some(Entry { name, is_directory: false, size_bytes: content.len() as u64 })
        };
        ready(Ok(self.files.lock().iter().filter_map(entry).collect()))
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let content = self.files.lock().remove(from);
        let moved = content.map(|content| drop(self.files.lock().insert(to.to_owned(), content)));
        ready(moved.ok_or(ErrorKind::NotFound.into()))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        ready(self.files.lock().remove(path).map(drop).ok_or(ErrorKind::NotFound.into()))
    }

    fn remove_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.files.lock().retain(|file, _| !file.starts_with(path));
        ready(Ok(()))
    }

    fn sync_directory<'a>(&'a self, _path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        ready(Ok(()))
    }

    fn space<'a>(&'a self, _path: &'a Path) -> BoxFuture<'a, io::Result<Space>> {
        ready(Ok(Space::default()))
    }

    fn native_path(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    fn blocking(&self) -> Arc<dyn BlockingDisk> {
        Arc::new(self.clone())
    }
}

impl BlockingDisk for StillDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        at_once(Disk::open(self, path, OpenOptions::default()))
            .map(|file| Arc::new(StillBlockingFile(file)) as _)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        let new = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
        at_once(Disk::open(self, path, new)).map(|file| Arc::new(StillBlockingFile(file)) as _)
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        at_once(Disk::create_directories(self, path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        at_once(Disk::list(self, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        at_once(Disk::rename(self, from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        at_once(Disk::remove(self, path))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        at_once(Disk::sync_directory(self, path))
    }
}

struct StillBlockingFile(Arc<dyn File>);

impl BlockingFile for StillBlockingFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> io::Result<Bytes> {
        at_once(self.0.read_at(offset, len_bytes))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> io::Result<()> {
        at_once(self.0.write_at(offset, data))
    }

    fn len(&self) -> io::Result<u64> {
        at_once(self.0.len())
    }

    fn sync(&self) -> io::Result<()> {
        at_once(self.0.sync())
    }
}

/// What nothing on a still machine has to wait for.
fn at_once<T>(future: BoxFuture<'_, io::Result<T>>) -> io::Result<T> {
    futures_util::FutureExt::now_or_never(future).unwrap_or(Err(ErrorKind::WouldBlock.into()))
}

impl StillFile {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        self.disk.files.lock().get_mut(&self.path).map(change).ok_or(ErrorKind::NotFound.into())
    }
}

impl File for StillFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        ready(self.change(|content| {
            let start = content.len().min(offset as usize);
            let end = content.len().min(start + len_bytes);
            Bytes::copy_from_slice(&content[start..end])
        }))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> BoxFuture<'_, io::Result<()>> {
        ready(self.change(|content| {
            let (start, end) = (offset as usize, offset as usize + data.len());
            content.resize(content.len().max(end), 0);
            content[start..end].copy_from_slice(&data);
        }))
    }

    fn allocate(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        ready(self.change(|content| content.resize(content.len().max(len_bytes as usize), 0)))
    }

    fn set_len(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        ready(self.change(|content| content.resize(len_bytes as usize, 0)))
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        ready(self.change(|content| content.len() as u64))
    }

    fn sync(&self) -> BoxFuture<'_, io::Result<()>> {
        ready(Ok(()))
    }
}
