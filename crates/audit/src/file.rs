//! The target that is files: lines are appended, synced every second and at the stop; a file that is full is followed by
//! another, and the oldest ones go.
//!
//! Always: a line that was not written is counted, and the next one that is written says so. After an error nothing more is
//! written to that file before its end was read again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::{Disk, Env, File, OpenOptions};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::chain::Chain;
use crate::entry::{BEGIN, END, GAP, Said, of_log};
use crate::folder::{self, Found};
use crate::queue::Outlet;

/// How long lines may wait to be synced.
const SYNC_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a folder is left alone after an error.
const ERROR_PAUSE: Duration = Duration::from_secs(5);
/// Bytes that are written at once, about.
const BATCH_BYTES: usize = 1 << 20;

/// Where files are, and how large and how many they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The folder, which only this log uses.
    pub folder: PathBuf,
    /// Bytes of a file; the line that reaches it is the file's last.
    pub file_bytes: u64,
    /// Files at most; the oldest go.
    pub files_max: usize,
    /// Entries that wait to be written, at most.
    pub queue_entries: usize,
}

/// Writes what comes.
pub(crate) struct FileTarget {
    env: Env,
    options: FileOptions,
    store: String,
    log: Option<Log>,
    /// The chain as it was last known to be on the disk.
    chain: Chain,
}

/// The log while it can be written.
struct Log {
    file: Arc<dyn File>,
    length: u64,
    chain: Chain,
    /// When to sync what was written.
    sync_at: Option<Duration>,
}

impl FileTarget {
    /// Finds the end of the log and begins anew behind it.
    pub(crate) async fn open(env: &Env, options: FileOptions, store: &str) -> io::Result<Self> {
        let mut target =
            Self { env: env.clone(), options, store: store.to_owned(), log: None, chain: Chain::default() };
        target.begin(false).await?;
        Ok(target)
    }

    /// Begins behind the end of the log; in a new file where the last one can't be relied on.
    async fn begin(&mut self, anew: bool) -> io::Result<()> {
        let (disk, folder) = (&*self.env.disk, &self.options.folder);
        disk.create_directories(folder).await?;
        let Found { chain, open, torn_bytes, mut missing_up_to } = folder::find_end(disk, folder).await?;
        if chain.sequence < self.chain.sequence {
            // It was taken away from under this process, perhaps with the note.
            missing_up_to = missing_up_to.max(self.chain.sequence);
        }
        if missing_up_to > 0 {
            error!(
                folder = %folder.display(), last = chain.sequence, noted = missing_up_to,
                "the end of the audit log is missing: entries were cut off, or lost by a power cut. Compare it with a copy"
            );
        }
        let (file, length) = match open {
            Some((path, length)) if length < self.options.file_bytes && !anew => {
                (disk.open(&path, OpenOptions { write: true, ..OpenOptions::default() }).await?, length)
            }
            _ => (create(disk, folder, chain).await?, 0),
        };
        disk.sync_directory(folder).await?;
        let mut log = Log { file, length, chain, sync_at: None };
        let said = Said { dropped: 0, torn_bytes, missing_up_to };
        log.write(&[of_log(&self.store, self.env.clock.now(), BEGIN, said)]).await?;
        log.file.sync().await?;
        self.chain = log.chain;
        self.log = Some(log);
        folder::write_end_note(disk, folder, self.chain).await?;
        folder::remove_oldest(disk, folder, self.options.files_max).await
    }

    /// Writes until it is to stop and nothing waits.
    pub(crate) async fn run(mut self, mut outlet: Outlet, mut closing: watch::Receiver<bool>) {
        loop {
            let wait = self.log.as_ref().map_or(Some(ERROR_PAUSE), |log| {
                log.sync_at.map(|at| at.saturating_sub(self.env.clock.monotonic()))
            });
            let pause = async {
                match wait {
                    Some(wait) => self.env.clock.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let came = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => break,
                () = pause => None,
                // What can't be written waits where it is bounded.
                came = outlet.next(), if self.log.is_some() => came,
            };
            let mut entries: Vec<String> =
                came.into_iter().map(|waiting| waiting.entry.to_string()).collect();
            if self.log.is_some() {
                take_more(&mut outlet, &mut entries);
            }
            self.store_all(&outlet, entries).await;
        }
        self.finish(&mut outlet).await;
    }

    async fn finish(&mut self, outlet: &mut Outlet) {
        loop {
            let mut entries = Vec::new();
            take_more(outlet, &mut entries);
            if entries.is_empty() {
                break;
            }
            self.store_all(outlet, entries).await;
        }
        let end = of_log(&self.store, self.env.clock.now(), END, Said::default());
        self.store_all(outlet, vec![end]).await;
        if let Err(error) = self.sync().await {
            self.failed(&error);
        }
        let lost = outlet.take_dropped();
        if lost > 0 {
            warn!(lost, "audit entries were not written before the server stopped");
        }
    }

    /// Writes entries, behind a word about those that were lost before them.
    async fn store_all(&mut self, outlet: &Outlet, mut entries: Vec<String>) {
        let count = entries.len() as u64;
        let dropped = outlet.take_dropped();
        if dropped > 0 {
            let said = Said { dropped, ..Said::default() };
            entries.insert(0, of_log(&self.store, self.env.clock.now(), GAP, said));
        }
        match self.write(&entries).await {
            Ok(()) if dropped > 0 => {
                warn!(
                    dropped,
                    "audit entries were lost: the files could not be written fast enough, or not at all"
                );
            }
            Ok(()) => {}
            Err(error) => {
                self.failed(&error);
                outlet.drop_also(dropped + count);
            }
        }
    }

    async fn write(&mut self, entries: &[String]) -> io::Result<()> {
        if self.log.is_none() {
            self.begin(true).await?;
            info!(folder = %self.options.folder.display(), "the audit log is written again");
        }
        let Some(log) = &mut self.log else { return Ok(()) };
        if !entries.is_empty() {
            log.write(entries).await?;
            log.sync_at.get_or_insert(self.env.clock.monotonic() + SYNC_TIME_MAX);
        }
        let is_full = log.length >= self.options.file_bytes;
        if is_full || log.sync_at.is_some_and(|at| at <= self.env.clock.monotonic()) {
            self.sync().await?;
        }
        if is_full { self.follow().await } else { Ok(()) }
    }

    async fn sync(&mut self) -> io::Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        if log.sync_at.take().is_none() {
            return Ok(());
        }
        log.file.sync().await?;
        self.chain = log.chain;
        folder::write_end_note(&*self.env.disk, &self.options.folder, self.chain).await
    }

    /// Begins the next file.
    async fn follow(&mut self) -> io::Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let (disk, folder) = (&*self.env.disk, &self.options.folder);
        let file = create(disk, folder, log.chain).await?;
        *log = Log { file, length: 0, chain: log.chain, sync_at: None };
        disk.sync_directory(folder).await?;
        folder::remove_oldest(disk, folder, self.options.files_max).await
    }

    fn failed(&mut self, error: &io::Error) {
        if self.log.take().is_some() {
            let folder = self.options.folder.display();
            error!(%folder, %error, "the audit log can't be written: entries are lost until it can. See to room and rights there");
        }
    }
}

impl Log {
    async fn write(&mut self, entries: &[String]) -> io::Result<()> {
        let mut text = String::new();
        let mut chain = self.chain;
        for entry in entries {
            let (line, next) = chain.with(entry);
            text.push_str(&line);
            chain = next;
        }
        let length = text.len() as u64;
        self.file.write_at(self.length, Bytes::from(text)).await?;
        self.length += length;
        self.chain = chain;
        Ok(())
    }
}

fn take_more(outlet: &mut Outlet, entries: &mut Vec<String>) {
    let mut bytes: usize = entries.iter().map(String::len).sum();
    while bytes < BATCH_BYTES
        && let Some(waiting) = outlet.try_next()
    {
        bytes += waiting.entry.len();
        entries.push(waiting.entry.to_string());
    }
}

/// A file for the lines behind a chain. Its name is taken where the first line of an earlier one was never finished; one
/// that is empty is used.
async fn create(disk: &dyn Disk, folder: &Path, chain: Chain) -> io::Result<Arc<dyn File>> {
    let options = OpenOptions { write: true, ..OpenOptions::default() };
    let mut number = chain.sequence + 1;
    loop {
        let path = folder.join(folder::name(number));
        match disk.open(&path, OpenOptions { create_new: true, ..options }).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
        let file = disk.open(&path, options).await?;
        if file.len().await? == 0 {
            return Ok(file);
        }
        number += 1;
    }
}
