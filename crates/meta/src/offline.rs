//! The metadata of a drive read while no server runs on it: nothing is written on the drive.
//!
//! The engine is opened to be looked at only. The entries of the log are applied to it in memory: so its rows are
//! those that the drive would have after a start at which it leads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cluster::map::{ClusterMap, raft_id};
use cluster::placement;
use env::Env;
use model::ids::{DriveId, PartitionId};

use crate::engine::tree::{Damage, TreeEngine, TreeOptions, check_files};
use crate::engine::{Engine, EngineError};
use crate::log::{GroupLog, LogError, OfflineLog};
use crate::machine::Applied;
use crate::open::{partitions, take_side};
use crate::replay::replay;
use crate::sides::Sides;

/// What is wrong with the metadata of a drive.
#[derive(Debug)]
pub enum OfflineMetaFault {
    /// The log can't be read.
    Log(LogError),
    /// A file of the engine.
    EngineFile(Damage),
    /// The engine can't be opened, or its files can't be listed.
    Engine {
        /// Its folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A partition whose rows and log don't fit each other.
    Partition {
        /// Which.
        partition: PartitionId,
        /// What is wrong.
        reason: String,
    },
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The partition.
    pub partition: PartitionId,
    /// The last entry whose effects its rows show.
    pub applied: u64,
    /// The last entry of its log, and that entry's term.
    pub last: (u64, u64),
    /// Whether the drive has a vote in it.
    pub votes: bool,
}

/// The metadata of a drive.
#[derive(Default)]
pub struct OfflineMeta {
    /// Its rows, where the engine could be opened.
    engine: Option<Sides>,
    /// The replicas that the drive holds.
    pub replicas: Vec<Replica>,
    /// Whether the last write of the log was cut by a crash: normal after one.
    pub log_torn: bool,
    /// What is wrong.
    pub faults: Vec<OfflineMetaFault>,
}

impl std::fmt::Debug for OfflineMeta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineMeta")
            .field("replicas", &self.replicas)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl OfflineMeta {
    /// Reads what is in `directory` (`<drive>/meta`).
    pub async fn read(
        env: &Env,
        directory: &Path,
        drive: DriveId,
        map: &ClusterMap,
        engine: TreeOptions,
    ) -> Self {
        let mut meta = OfflineMeta::default();
        let log = match OfflineLog::read(&*env.disk, &directory.join("log"), drive).await {
            Ok(log) => Some(log),
            Err(error) => {
                meta.faults.push(OfflineMetaFault::Log(error));
                None
            }
        };
        meta.log_torn = log.as_ref().is_some_and(|log| log.torn);
        meta.open_engine(env, &directory.join("engine"), drive, map, engine);
        meta.look_at_replicas(drive, map, log.as_ref());
        meta
    }

    /// The rows of a partition, where the drive holds it.
    #[must_use]
    pub fn rows(&self, partition: PartitionId) -> Option<&dyn Engine> {
        let is_here = self.replicas.iter().any(|replica| replica.partition == partition);
        let sides = self.engine.as_ref().filter(|_| is_here)?;
        Some(sides)
    }

    fn open_engine(
        &mut self,
        env: &Env,
        directory: &Path,
        drive: DriveId,
        map: &ClusterMap,
        options: TreeOptions,
    ) {
        let mut damaged = Vec::new();
        let checked =
            check_files(&*env.disk.blocking(), directory, drive, &mut |damage| damaged.push(damage));
        self.faults.extend(damaged.into_iter().map(OfflineMetaFault::EngineFile));
        let opened = checked.map_err(|error| error.to_string()).and_then(|()| {
            let opened = TreeEngine::open_to_look(env, drive, directory, options);
            opened.map_err(|error| with_source(&error))
        });
        match opened {
            Ok(engine) => self.engine = Some(Sides::new(Arc::new(engine), usize::from(map.partitions) + 1)),
            Err(reason) => {
                self.faults.push(OfflineMetaFault::Engine { path: directory.to_owned(), reason });
            }
        }
    }

    fn look_at_replicas(&mut self, drive: DriveId, map: &ClusterMap, log: Option<&OfflineLog>) {
        let Some(sides) = &self.engine else {
            return;
        };
        let id = raft_id(&drive);
        for partition in partitions(map) {
            let belongs = placement::replica_drives(map, partition).contains(&drive);
            let group = log.map(|log| log.group(partition));
            match look_at(sides, partition, id, belongs, group) {
                Ok(replica) => self.replicas.extend(replica),
                Err(reason) => self.faults.push(OfflineMetaFault::Partition { partition, reason }),
            }
        }
    }
}

fn with_source(error: &EngineError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Compares rows and log, and applies what is committed. `group`: `None` where the log can't be read, so that the rows are
/// taken as they are; `Some(None)` where it holds nothing of the partition.
fn look_at(
    engine: &Sides,
    partition: PartitionId,
    id: u64,
    belongs: bool,
    group: Option<Option<&GroupLog>>,
) -> Result<Option<Replica>, String> {
    let Some(group) = group else {
        let applied = Applied::load(engine, partition).map_err(|error| error.to_string())?;
        return Ok(applied.map(|applied| replica(partition, id, &applied, (applied.index, applied.term))));
    };
    let group = group.cloned().unwrap_or_default();
    let (first, last) = (group.base().index, group.last_index());
    let applied = take_side(engine, partition, &group).map_err(|error| error.to_string())?;
    let Some(applied) = applied else {
        let is_waiting = last == 0 && group.hard_state().term > 0;
        return match (last > 0, belongs && !is_waiting) {
            (true, _) => Err(format!("the log holds entries {first} to {last}, but there are no rows")),
            (false, true) => {
                Err("neither rows nor entries of the log are there, though they belong on this drive".into())
            }
            (false, false) => Ok(None),
        };
    };
    if group.term(applied.index) != Ok(applied.term) {
        let index = applied.index;
        return Err(format!("the rows go up to entry {index}, but the log holds entries {first} to {last}"));
    }
    // All of the log, in memory: which of it was committed the other drives know as well, and a start finds out. The replica
    // that goes furthest, which is the one that counts, leads then, and what it holds is committed.
    let machine = replay(engine, partition, applied, &group, last).map_err(|error| error.to_string())?;
    let term = group.term(last).unwrap_or(0);
    Ok(Some(replica(partition, id, machine.applied(), (last, term))))
}

fn replica(partition: PartitionId, id: u64, applied: &Applied, last: (u64, u64)) -> Replica {
    let votes = applied.voters.contains(&id);
    Replica { partition, applied: applied.index, last, votes }
}
