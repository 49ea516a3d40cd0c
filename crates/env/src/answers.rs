//! A disk that tells when it answered last: who waits for many operations tells a drive that is slow from one that hangs.
//!
//! What always holds: calls and answers are those of the disk beneath, in the same order and with the same errors.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::blocking::{BlockingDisk, BlockingFile};
use crate::{BoxFuture, Clock, Disk, Entry, Env, File, OpenOptions, Space, within};

/// When a disk has answered last. Clones are of the same disk.
#[derive(Clone)]
pub struct Answers {
    clock: Arc<dyn Clock>,
    /// On the monotonic clock.
    last_ns: Arc<AtomicU64>,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers(last at {:?})", self.last())
    }
}

impl Answers {
    /// The same outside, whose disk tells of its answers.
    #[must_use]
    pub fn of(env: &Env) -> (Env, Answers) {
        let answers = Answers { clock: Arc::clone(&env.clock), last_ns: Arc::default() };
        let disk = Arc::new(TellingDisk { inner: Arc::clone(&env.disk), answers: answers.clone() });
        (Env { disk, ..env.clone() }, answers)
    }

    /// What something comes to, unless the disk leaves an operation unanswered for so long. It is dropped then: what it has
    /// begun is carried out all the same, if the disk ever answers.
    pub async fn wait<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let begun = self.clock.monotonic();
        loop {
            let until = self.last().max(begun).saturating_add(limit);
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return None;
            }
            if let Some(done) = within(&*self.clock, left, work.as_mut()).await {
                return Some(done);
            }
        }
    }

    fn last(&self) -> Duration {
        Duration::from_nanos(self.last_ns.load(Ordering::Relaxed))
    }

    fn note<T>(&self, answer: T) -> T {
        let now_ns = u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
        self.last_ns.fetch_max(now_ns, Ordering::Relaxed);
        answer
    }

    fn later<'a, T: 'a>(&'a self, answer: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move { self.note(answer.await) })
    }
}

struct TellingDisk {
    inner: Arc<dyn Disk>,
    answers: Answers,
}

impl Disk for TellingDisk {
    fn open<'a>(&'a self, path: &'a Path, options: OpenOptions) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        Box::pin(async move {
            let inner = self.answers.note(self.inner.open(path, options).await)?;
            Ok(Arc::new(TellingFile { inner, answers: self.answers.clone() }) as Arc<dyn File>)
        })
    }

    fn create_directories<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.answers.later(self.inner.create_directories(path))
    }

    fn list<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Vec<Entry>>> {
        self.answers.later(self.inner.list(path))
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.answers.later(self.inner.rename(from, to))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.answers.later(self.inner.remove(path))
    }

    fn remove_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.answers.later(self.inner.remove_directory(path))
    }

    fn sync_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.answers.later(self.inner.sync_directory(path))
    }

    fn space<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Space>> {
        self.answers.later(self.inner.space(path))
    }

    fn native_path(&self, path: &Path) -> Option<PathBuf> {
        self.inner.native_path(path)
    }

    fn blocking(&self) -> Arc<dyn BlockingDisk> {
        Arc::new(TellingBlockingDisk { inner: self.inner.blocking(), answers: self.answers.clone() })
    }
}

struct TellingFile {
    inner: Arc<dyn File>,
    answers: Answers,
}

impl File for TellingFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        self.answers.later(self.inner.read_at(offset, len_bytes))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> BoxFuture<'_, io::Result<()>> {
        self.answers.later(self.inner.write_at(offset, data))
    }

    fn allocate(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        self.answers.later(self.inner.allocate(len_bytes))
    }

    fn set_len(&self, len_bytes: u64) -> BoxFuture<'_, io::Result<()>> {
        self.answers.later(self.inner.set_len(len_bytes))
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        self.answers.later(self.inner.len())
    }

    fn sync(&self) -> BoxFuture<'_, io::Result<()>> {
        self.answers.later(self.inner.sync())
    }
}

struct TellingBlockingDisk {
    inner: Arc<dyn BlockingDisk>,
    answers: Answers,
}

impl TellingBlockingDisk {
    fn file(&self, opened: io::Result<Arc<dyn BlockingFile>>) -> io::Result<Arc<dyn BlockingFile>> {
        let inner = self.answers.note(opened)?;
        Ok(Arc::new(TellingBlockingFile { inner, answers: self.answers.clone() }))
    }
}

impl BlockingDisk for TellingBlockingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        self.file(self.inner.open(path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn BlockingFile>> {
        self.file(self.inner.create(path))
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        self.answers.note(self.inner.create_directories(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.answers.note(self.inner.list(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.answers.note(self.inner.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.answers.note(self.inner.remove(path))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.answers.note(self.inner.sync_directory(path))
    }
}

struct TellingBlockingFile {
    inner: Arc<dyn BlockingFile>,
    answers: Answers,
}

impl BlockingFile for TellingBlockingFile {
    fn read_at(&self, offset: u64, len_bytes: usize) -> io::Result<Bytes> {
        self.answers.note(self.inner.read_at(offset, len_bytes))
    }

    fn write_at(&self, offset: u64, data: Bytes) -> io::Result<()> {
        self.answers.note(self.inner.write_at(offset, data))
    }

    fn len(&self) -> io::Result<u64> {
        self.answers.note(self.inner.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.answers.note(self.inner.sync())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::Simulation;

    const LIMIT: Duration = Duration::from_secs(30);

    async fn reads(env: &Env, count: u32, pause: Duration) {
        for _ in 0..count {
            env.disk.list(Path::new("/d1")).await.unwrap();
            env.clock.sleep(pause).await;
        }
    }

    #[test]
    fn a_disk_that_goes_on_answering_is_waited_for_and_one_that_hangs_is_not() {
        let simulation = Simulation::with_drives(1, 1, 1 << 20);
        let disks = simulation.disks().clone();
        let life = simulation.run(async |env| {
            let (told, answers) = Answers::of(&env);
            let slow = answers.wait(LIMIT, reads(&told, 10, Duration::from_secs(20))).await;
            assert!(slow.is_some(), "200 seconds, with an answer every 20");
            disks.stall_until_resumed("d1");
            let begun = env.clock.monotonic();
            assert!(answers.wait(LIMIT, reads(&told, 1, Duration::ZERO)).await.is_none());
            assert_eq!(env.clock.monotonic() - begun, LIMIT);
            disks.resume("d1");
            assert!(answers.wait(LIMIT, reads(&told, 1, Duration::ZERO)).await.is_some());
        });
        life.finished();
    }
}
