//! Serializable transactions on ordered tables, replicated per partition.
//!
//! Invariants:
//! - When [`Txn::commit`] returns, the change is synced on a majority of the partition's drives, and every later read sees it.
//! - Transactions of one partition are serializable; a check and what it guards are one log entry.
//! - An engine holds a prefix of the log. The log goes only as far as the engine has persisted.
//! - Nothing here knows S3. Nothing outside knows raft or the engine.
//!
//! A drive has one log, one engine and one loop (`drive_loop`) for all partitions on it. See `docs/formats` for what is on
//! the drive and `docs/decisions/0002-consensus-engine-log.md` for why.

use std::path::PathBuf;
use std::sync::Arc;

use cluster::map::ClusterMap;
use env::Env;
use futures_util::future::join_all;
use model::ids::{DriveId, PartitionId};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

mod command;
mod drive_loop;
pub mod engine;
mod error;
mod filling;
pub mod log;
mod machine;
pub mod offline;
mod open;
mod overlay;
mod raft;
mod recent;
mod replay;
mod seeks;
mod sides;
mod snapshot;
pub mod table;
mod txn;
mod view;
mod watch;

pub use error::{DriveOpenError, MetaError};
pub use machine::{ApplyError, Outcome};
pub use open::{EngineFactory, MetaDrive};
pub use txn::{Committed, Keys, Reader, Row, TRANSACTION_BYTES_MAX, Txn};
pub use watch::{Promise, Watch};

use engine::{Engine, EngineCheck, FoundDamage};
use open::{Opening, RunningLoop};
use sides::Sides;
use view::PartitionView;

/// How a store's metadata is opened.
#[derive(Clone)]
pub struct MetaOptions {
    /// The store's drives and what was fixed when it was formatted.
    pub map: ClusterMap,
    /// The drives that are there.
    pub drives: Vec<MetaDrive>,
    /// Whether the store is being made: its partitions are set up.
    pub new_store: bool,
    /// Opens a drive's engine.
    pub engines: EngineFactory,
    /// How a drive's log is kept; [`log::LogOptions::new`] but in tests that want it small.
    pub log: log::LogFactory,
    /// Who sees what replicas promise one another; nobody but in tests.
    pub watch: Option<Arc<dyn Watch>>,
}

/// A drive that was left out, and why.
#[derive(Debug)]
pub struct LeftOut {
    /// The drive.
    pub drive: DriveId,
    /// Its directory.
    pub directory: PathBuf,
    /// What is wrong with it.
    pub reason: DriveOpenError,
}

/// Why a store's metadata can't be opened.
#[derive(Debug, Error)]
pub enum MetaOpenError {
    /// A new store needs all its drives.
    #[error("drive {drive} can't be set up: {reason}")]
    SetUp {
        /// The drive.
        drive: DriveId,
        /// Why.
        reason: DriveOpenError,
    },
    /// No drive holds this partition.
    #[error(
        "partition {partition} is on none of the drives that are there: bring back a missing drive{}",
        reasons.iter().map(|reason| format!("; {reason}")).collect::<String>()
    )]
    Lost {
        /// The partition.
        partition: PartitionId,
        /// What is wrong with the drives that were left out.
        reasons: Vec<String>,
    },
    /// The drives that hold this partition may lack what was acknowledged.
    #[error(
        "of partition {partition} fewer than half of the drives are there: what was stored last may be missing on them. \
         Bring back a missing drive{}",
        reasons.iter().map(|reason| format!("; {reason}")).collect::<String>()
    )]
    TooFew {
        /// The partition.
        partition: PartitionId,
        /// What is wrong with the drives that were left out.
        reasons: Vec<String>,
    },
    /// A drive that all that is read would come from does not let itself be read.
    #[error("drive {drive} can't be read: {reason}")]
    Drive {
        /// The drive.
        drive: DriveId,
        /// Why.
        reason: DriveOpenError,
    },
    /// A replica can't be read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A thread can't be started.
    #[error("a drive's thread can't be started: {0}. Raise the limit of threads (ulimit -u)")]
    Thread(#[from] std::io::Error),
}

/// The metadata of a store.
pub struct Meta {
    env: Env,
    map: ClusterMap,
    views: Vec<Arc<PartitionView>>,
    loops: parking_lot::Mutex<Vec<RunningLoop>>,
    read_only: bool,
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Meta({} partitions)", self.map.partitions)
    }
}

impl Meta {
    /// Opens it. Drives that can't be opened are left out; where too few are left to write, it is opened for reading only.
    ///
    /// # Errors
    /// Where not even that is possible.
    pub async fn open(env: &Env, options: MetaOptions) -> Result<(Meta, Vec<LeftOut>), MetaOpenError> {
        let MetaOptions { map, drives, new_store, engines, log, watch } = options;
        let mut open = Vec::new();
        let mut left_out = Vec::new();
        let with = Opening { env: env.clone(), map: map.clone(), new_store, engines, log };
        for (drive, opened) in open::open_drives(&with, drives).await? {
            match opened {
                Ok(drive) => open.push(drive),
                Err(reason) if new_store => return Err(MetaOpenError::SetUp { drive: drive.id, reason }),
                Err(reason) => {
                    left_out.push(LeftOut { drive: drive.id, directory: drive.directory, reason });
                }
            }
        }
        left_out.extend(open::take_forgotten(&mut open, &map).into_iter().map(|(drive, partition)| {
            LeftOut {
                drive: drive.id,
                reason: DriveOpenError::Forgotten { path: drive.directory.clone(), partition },
                directory: drive.directory,
            }
        }));
        left_out.extend(open::take_unreadable(&mut open, &map).into_iter().map(|(drive, reason)| LeftOut {
            drive: drive.id,
            directory: drive.directory,
            reason,
        }));
        let views: Vec<_> =
            open::partitions(&map).map(|partition| Arc::new(PartitionView::new(partition))).collect();
        let read_only = !open::can_write(&open, &map);
        let mut loops = Vec::new();
        if read_only {
            warn!("too few drives are there to write: the store is opened for reading only");
            let reasons = || left_out.iter().map(|left: &LeftOut| left.reason.to_string()).collect();
            if let Some(partition) = open::unsure(&open, &map) {
                return Err(MetaOpenError::TooFew { partition, reasons: reasons() });
            }
            open::read_survivors(env, open, &map, &views).await?;
            for (partition, view) in open::partitions(&map).zip(&views) {
                view.current().ok_or_else(|| MetaOpenError::Lost { partition, reasons: reasons() })?;
            }
        } else {
            loops = open::start(env, open, &map, (&views, watch))?;
        }
        let loops = parking_lot::Mutex::new(loops);
        Ok((Meta { env: env.clone(), map, views, loops, read_only }, left_out))
    }

    /// The store's drives and what was fixed when it was formatted.
    #[must_use]
    pub fn map(&self) -> &ClusterMap {
        &self.map
    }

    /// Whether it is open for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The partitions of objects.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.map.partitions).map(PartitionId)
    }

    /// Whether a partition has a leader that takes writes.
    #[must_use]
    pub fn takes_writes(&self, partition: PartitionId) -> bool {
        let leader = self.views.get(usize::from(partition.0)).and_then(|view| view.current());
        leader.is_some_and(|leader| leader.events.as_ref().is_some_and(|events| !events.is_closed()))
    }

    /// The drives whose metadata takes no more writes since one failed, each with what failed.
    #[must_use]
    pub fn failed_drives(&self) -> Vec<(DriveId, String)> {
        let loops = self.loops.lock();
        loops.iter().filter_map(|running| Some((running.drive, running.failed.get()?.clone()))).collect()
    }

    /// Whether a drive has a vote in every partition that belongs on it: then it holds all that was acknowledged of them, or
    /// gets it with the next entry. False while a new drive is being filled, and where a leader can't be asked.
    #[must_use]
    pub fn votes_everywhere(&self, drive: DriveId) -> bool {
        let id = cluster::map::raft_id(&drive);
        open::partitions(&self.map).zip(&self.views).all(|(partition, view)| {
            let belongs = cluster::placement::replica_drives(&self.map, partition).contains(&drive);
            let votes = || {
                let applied = machine::Applied::load(&*view.current()?.engine, partition).ok()??;
                Some(applied.voters.contains(&id) && applied.voters_outgoing.is_empty())
            };
            !belongs || votes() == Some(true)
        })
    }

    /// Reads a partition; waits for its leader where an election is under way.
    ///
    /// # Errors
    /// Where it has none.
    pub async fn reader(&self, partition: PartitionId) -> Result<Reader, MetaError> {
        let leader = self.view(partition)?.leader(&*self.env.clock).await?;
        Ok(Reader::new(leader, partition))
    }

    /// Begins a transaction of a partition.
    ///
    /// # Errors
    /// Where it has no leader.
    pub async fn begin(&self, partition: PartitionId) -> Result<Txn<'_>, MetaError> {
        let view = self.view(partition)?;
        let leader = view.leader(&*self.env.clock).await?;
        Ok(Txn::new(&self.env, view, Reader::new(leader, partition)))
    }

    /// Begins to read everything that holds the rows of a drive; `None` where the drive is not there, or its engine can't tell.
    #[must_use]
    pub fn check_rows(&self, drive: DriveId) -> Option<Box<dyn EngineCheck>> {
        let (engine, _) = self.running(drive)?;
        engine.check()
    }

    /// Has healed what [`Meta::check_rows`] found on a drive: what can still be read is written anew; a replica whose rows
    /// can't be is filled again from another one, beside whoever asks for it.
    ///
    /// # Errors
    /// Where the drive takes no writes.
    pub async fn heal_rows(&self, drive: DriveId, found: &[FoundDamage]) -> Result<(), MetaError> {
        let Some((engine, events)) = self.running(drive) else {
            return Ok(());
        };
        let (sender, rewritten) = oneshot::channel();
        let found = found.to_vec();
        let work = async move { drop(sender.send(engine.rewrite(&found))) };
        // Without a thread for it, it is asked for again.
        if self.env.spawn.thread("rustfs-heal", Box::pin(work)).is_err() {
            return Ok(());
        }
        for partition in rewritten.await.unwrap_or_else(|_| Ok(Vec::new()))? {
            // A loop that has ended fills nothing again.
            let _ = events.send(drive_loop::Event::Unreadable(partition)).await;
        }
        Ok(())
    }

    fn running(&self, drive: DriveId) -> Option<(Arc<Sides>, mpsc::Sender<drive_loop::Event>)> {
        let loops = self.loops.lock();
        let running = loops.iter().find(|running| running.drive == drive)?;
        Some((Arc::clone(&running.engine), running.events.clone()))
    }

    /// Finishes what is under way and closes the drives. Gives the directories of those that do not answer: they are left to
    /// the next start, which recovers them as after a kill.
    pub async fn close(&self) -> Vec<PathBuf> {
        let loops = std::mem::take(&mut *self.loops.lock());
        let closing = loops.into_iter().map(async |running| {
            let RunningLoop { events, end, directory, answers, .. } = running;
            let closed = answers.wait(open::ANSWER_WAIT, async move {
                // A loop that has ended needs no telling.
                let _ = events.send(drive_loop::Event::Stop).await;
                end.await;
            });
            closed.await.is_none().then_some(directory)
        });
        join_all(closing).await.into_iter().flatten().collect()
    }

    fn view(&self, partition: PartitionId) -> Result<&PartitionView, MetaError> {
        let view = self.views.get(usize::from(partition.0));
        view.map(Arc::as_ref).ok_or(MetaError::NoLeader { partition })
    }
}

#[cfg(test)]
mod tests;
