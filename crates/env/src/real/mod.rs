//! The operating system: its clocks, its random numbers, its threads and its files.

mod blocking;
mod file;
mod recycle;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use model::time::Timestamp;
use tokio::runtime::Handle;

use crate::{BoxFuture, Clock, Disk, Entry, Env, File, Network, OpenOptions, Random, Space, Spawn};
pub use file::RealFile;
use recycle::ReadBuffers;

/// The real environment, on the runtime that the caller is in.
#[must_use]
pub fn env(runtime: &Handle) -> Env {
    Env {
        clock: Arc::new(RealClock::new()),
        random: Arc::new(RealRandom),
        disk: Arc::new(RealDisk { runtime: runtime.clone(), buffers: Arc::default() }),
        spawn: Arc::new(RealSpawn { runtime: runtime.clone() }),
        network: Arc::new(InProcess),
    }
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// With now as the start of its monotonic time.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        clippy::disallowed_methods,
        reason = "this is the door to the clock"
    )]
    pub fn new() -> Self {
        RealClock { start: Instant::now() }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door to the clock")]
impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(since.as_millis() as u64)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The kernel's random numbers.
#[derive(Debug)]
pub struct RealRandom;

impl Random for RealRandom {
    #[expect(clippy::disallowed_methods, reason = "this is the door to randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Ids must be unique: without random numbers nothing may go on.
            panic!("the operating system gives no random numbers: {error}");
        }
    }
}

/// Tasks of the runtime, and threads.
#[derive(Debug)]
pub struct RealSpawn {
    runtime: Handle,
}

impl Spawn for RealSpawn {
    fn task(&self, future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let task = self.runtime.spawn(future);
        Box::pin(async move {
            // A panic has been reported by the panic hook; here it is an end like another.
            let _ = task.await;
        })
    }

    fn thread(&self, name: &str, future: BoxFuture<'static, ()>) -> io::Result<BoxFuture<'static, ()>> {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let runtime = self.runtime.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ended = ended;
            runtime.block_on(future);
        })?;
        Ok(Box::pin(async move {
            let _ = end.await;
        }))
    }
}

/// The network of a store that is one process: a message is there when it is sent.
#[derive(Debug)]
pub struct InProcess;

impl Network for InProcess {
    fn carry(&self, _from: u64, _to: u64, deliver: Box<dyn FnOnce() + Send>) {
        deliver();
    }
}

/// The file systems of this machine.
#[derive(Debug)]
pub struct RealDisk {
    runtime: Handle,
    buffers: Arc<ReadBuffers>,
}

impl RealDisk {
    /// Runs blocking work where it blocks nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        on_pool(&self.runtime, work).await
    }
}

pub(crate) fn on_pool<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> + Send + 'static {
    let task = runtime.spawn_blocking(work);
    async move { task.await.map_err(io::Error::other)? }
}

#[expect(clippy::disallowed_methods, reason = "this is the door to files")]
impl Disk for RealDisk {
    fn open<'a>(&'a self, path: &'a Path, options: OpenOptions) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        let (runtime, buffers) = (self.runtime.clone(), Arc::clone(&self.buffers));
        if options.on_caller {
            return Box::pin(async move {
                RealFile::open(path, options, runtime, buffers).map(|file| Arc::new(file) as Arc<dyn File>)
            });
        }
        let path = path.to_owned();
        Box::pin(self.blocking(move || {
            let file: Arc<dyn File> = Arc::new(RealFile::open(&path, options, runtime, buffers)?);
            Ok(file)
        }))
    }

    fn create_directories<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || std::fs::create_dir_all(path)))
    }

    fn list<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Vec<Entry>>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || file::list(&path)))
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let (from, to) = (from.to_owned(), to.to_owned());
        Box::pin(self.blocking(move || std::fs::rename(from, to)))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || std::fs::remove_file(path)))
    }

    fn remove_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || std::fs::remove_dir_all(path)))
    }

    fn sync_directory<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || std::fs::File::open(path)?.sync_all()))
    }

    fn space<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Space>> {
        let path = path.to_owned();
        Box::pin(self.blocking(move || file::space(&path)))
    }

    fn native_path(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }

    fn blocking(&self) -> Arc<dyn crate::blocking::BlockingDisk> {
        Arc::new(blocking::RealBlockingDisk)
    }
}

#[cfg(test)]
mod tests;
