//! Opening the metadata of a store: every drive, then every partition on it, then the loops.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cluster::map::{ClusterMap, raft_id};
use cluster::placement;
use env::Env;
use hashbrown::HashMap;
use model::ids::{DriveId, PartitionId};
use tokio::sync::mpsc;

use crate::drive_loop::{DriveLoop, Event, Turn};
use crate::engine::{Engine, EngineBatch, EngineError};
use crate::error::DriveOpenError;
use crate::log::{HardState, LogBatch, LogOptions, RaftLog};
use crate::machine::{Applied, ApplyError, Machine};
use crate::overlay::Overlay;
use crate::raft::group::{Group, GroupOptions};
use crate::raft::network::Network;
use crate::raft::storage::{FIRST, to_raft};
use crate::seeks::Seeks;
use crate::view::{Leader, PartitionView};
use crate::watch::Watch;

/// What waits for a loop, at most; more is refused as [`crate::MetaError::Busy`].
const EVENTS_WAITING_MAX: usize = 16 * 1024;

/// Opens the engine of a drive in a directory.
pub type EngineFactory = Arc<dyn Fn(DriveId, &Path) -> Result<Arc<dyn Engine>, EngineError> + Send + Sync>;

/// A drive whose metadata is to be opened.
#[derive(Clone, Debug)]
pub struct MetaDrive {
    /// The drive.
    pub id: DriveId,
    /// The directory for its metadata.
    pub directory: PathBuf,
}

/// A drive as it was opened.
pub(crate) struct OpenDrive {
    pub(crate) id: DriveId,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) log: RaftLog,
    /// By partition number: how far the engine has applied it; `None` where the drive holds no replica.
    pub(crate) applied: Vec<Option<Applied>>,
}

/// All partitions: those of objects and the system partition.
pub(crate) fn partitions(map: &ClusterMap) -> impl Iterator<Item = PartitionId> + use<> {
    (0..=map.partitions).map(PartitionId)
}

/// Raft ids of the drives that should hold a partition; the first should lead.
fn wanted(map: &ClusterMap, partition: PartitionId) -> Vec<u64> {
    placement::replica_drives(map, partition).iter().map(raft_id).collect()
}

/// Opens a drive's log and engine, and sets up its partitions where the store is new.
pub(crate) async fn open_drive(
    env: &Env,
    drive: &MetaDrive,
    map: &ClusterMap,
    new_store: bool,
    (engines, log_options): (&EngineFactory, fn(DriveId) -> LogOptions),
) -> Result<OpenDrive, DriveOpenError> {
    let root = drive.directory.parent().unwrap_or(&drive.directory);
    let made = env::create_directories_durably(&*env.disk, root, &drive.directory.join("log")).await;
    made.map_err(|source| EngineError::Failed {
        place: drive.directory.display().to_string(),
        action: "make its directory",
        source: Box::new(source),
    })?;
    let engine = engines(drive.id, &drive.directory.join("engine"))?;
    let (mut log, _) = RaftLog::open(env, &drive.directory.join("log"), log_options(drive.id)).await?;
    if new_store {
        set_up(drive, map, &*engine, &mut log).await?;
    }
    let mut applied = Vec::new();
    for partition in partitions(map) {
        applied.push(load(drive, map, partition, &*engine, &mut log)?);
    }
    Ok(OpenDrive { id: drive.id, engine, log, applied })
}

/// The beginning of every partition: its members, and a log that begins at [`FIRST`].
async fn set_up(
    drive: &MetaDrive,
    map: &ClusterMap,
    engine: &dyn Engine,
    log: &mut RaftLog,
) -> Result<(), DriveOpenError> {
    let mut rows = EngineBatch::default();
    let mut records = LogBatch::default();
    for partition in partitions(map) {
        let voters = wanted(map, partition);
        if !voters.contains(&raft_id(&drive.id)) {
            continue;
        }
        let applied = Applied { index: FIRST.index, term: FIRST.term, voters, ..Applied::default() };
        applied.store(partition, &mut rows);
        records.restart(partition, FIRST);
        records.hard_state(partition, HardState { term: FIRST.term, vote: 0, commit: FIRST.index });
    }
    engine.write(&mut rows)?;
    engine.persist()?;
    log.append(&records).await?;
    Ok(())
}

fn load(
    drive: &MetaDrive,
    map: &ClusterMap,
    partition: PartitionId,
    engine: &dyn Engine,
    log: &mut RaftLog,
) -> Result<Option<Applied>, DriveOpenError> {
    let logged = log.group(partition);
    let (first, last) = (logged.base().index, logged.last_index());
    let incomplete = |applied| {
        let path = drive.directory.clone();
        DriveOpenError::Incomplete { path, partition, applied, first, last }
    };
    // A log that knows a term and has never begun: the crash came when the first snapshot was there and the log was not.
    let is_unfilled = last == 0 && logged.hard_state().term > 0;
    match Applied::load(engine, partition)? {
        Some(_) if is_unfilled => Ok(Some(Applied::default())),
        Some(applied) => {
            let is_held = (first..=last).contains(&applied.index);
            if is_held { Ok(Some(applied)) } else { Err(incomplete(applied.index)) }
        }
        // Rows without an applied index are a snapshot that was cut short; a log without rows is a loss.
        None if last > 0 => Err(incomplete(0)),
        None => Ok(wanted(map, partition).contains(&raft_id(&drive.id)).then(Applied::default)),
    }
}

/// Whether a majority of every partition's voters is among these drives.
pub(crate) fn can_write(drives: &[OpenDrive], map: &ClusterMap) -> bool {
    partitions(map).all(|partition| has_share(drives, partition, |there, voters| there > voters / 2))
}

/// A partition of which something acknowledged may be on missing drives alone: it is on a majority of the voters, so only
/// with half of them one is surely among those that are there.
pub(crate) fn unsure(drives: &[OpenDrive], map: &ClusterMap) -> Option<PartitionId> {
    partitions(map).find(|partition| !has_share(drives, *partition, |there, voters| there * 2 >= voters))
}

/// Whether enough of a partition's voters are among these drives; in a joint change of both kinds.
fn has_share(drives: &[OpenDrive], partition: PartitionId, is_enough: impl Fn(usize, usize) -> bool) -> bool {
    let present: Vec<u64> = drives.iter().map(|drive| raft_id(&drive.id)).collect();
    let has = |voters: &[u64]| {
        voters.is_empty() || is_enough(voters.iter().filter(|id| present.contains(id)).count(), voters.len())
    };
    let newest = applied_of(drives, partition).max_by_key(|applied| applied.index);
    newest.is_some_and(|applied| {
        !applied.voters.is_empty() && has(&applied.voters) && has(&applied.voters_outgoing)
    })
}

fn applied_of(drives: &[OpenDrive], partition: PartitionId) -> impl Iterator<Item = &Applied> {
    drives.iter().filter_map(move |drive| drive.applied.get(usize::from(partition.0))?.as_ref())
}

/// A running loop.
pub(crate) struct RunningLoop {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) end: env::BoxFuture<'static, ()>,
}

/// Starts the loops of the drives and lets the wanted leaders stand for election.
pub(crate) fn start(
    env: &Env,
    drives: Vec<OpenDrive>,
    map: &ClusterMap,
    (views, watch): (&[Arc<PartitionView>], Option<Arc<dyn Watch>>),
) -> Result<Vec<RunningLoop>, std::io::Error> {
    let mut queues = HashMap::new();
    let mut senders = HashMap::new();
    for drive in &drives {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        senders.insert(raft_id(&drive.id), sender);
        queues.insert(raft_id(&drive.id), receiver);
    }
    let network = Network::new(env, senders.clone(), watch);
    let candidates = candidates(map, &drives);
    let mut running = Vec::new();
    for drive in drives {
        let id = raft_id(&drive.id);
        let (Some(events), Some(sender)) = (queues.remove(&id), senders.get(&id).cloned()) else {
            continue;
        };
        let name = format!("rustfs-meta-{:.6}", drive.id.to_string());
        let the_loop = drive_loop(env, drive, map, views, network.clone(), events, sender.clone())
            .map_err(std::io::Error::other)?;
        let end = env.spawn.thread(&name, Box::pin(the_loop.run()))?;
        running.push(RunningLoop { events: sender, end });
    }
    for (partition, candidate) in candidates {
        if let Some(candidate) = senders.get(&candidate) {
            // A queue that was just made has room.
            let _ = candidate.try_send(Event::Campaign(partition));
        }
    }
    Ok(running)
}

/// For every partition the first of its drives that is there and has a vote: it stands for election, so that nobody waits
/// for a time-out.
fn candidates(map: &ClusterMap, drives: &[OpenDrive]) -> Vec<(PartitionId, u64)> {
    let votes = |partition: PartitionId, id: u64| {
        let drive = drives.iter().find(|drive| raft_id(&drive.id) == id);
        let applied = drive.and_then(|drive| drive.applied.get(usize::from(partition.0))?.as_ref());
        applied.is_some_and(|applied| applied.voters.contains(&id))
    };
    let first = |partition| wanted(map, partition).into_iter().find(|id| votes(partition, *id));
    partitions(map).filter_map(|partition| first(partition).map(|id| (partition, id))).collect()
}

fn drive_loop(
    env: &Env,
    mut drive: OpenDrive,
    map: &ClusterMap,
    views: &[Arc<PartitionView>],
    network: Network,
    events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
) -> raft::Result<DriveLoop> {
    let seed = env.random.number();
    let mut groups = Vec::new();
    for (partition, (applied, view)) in partitions(map).zip(drive.applied.into_iter().zip(views)) {
        let Some(applied) = applied else {
            groups.push(None);
            continue;
        };
        groups.push(Some(Group::new(GroupOptions {
            partition,
            raft_id: raft_id(&drive.id),
            log: drive.log.group(partition),
            applied,
            wanted: wanted(map, partition),
            view: Arc::clone(view),
            seed,
            seeks: Seeks::new(env, partition, &drive.engine),
        })?));
    }
    Ok(DriveLoop {
        env: env.clone(),
        drive: drive.id,
        log: drive.log,
        engine: drive.engine,
        groups,
        network,
        events,
        sender,
        seed,
        turn: Turn::default(),
    })
}

/// Opens every partition for reading at the replica whose log goes furthest: it holds all that was acknowledged, as long as
/// one replica that took part in each acknowledgement is left (raft's election restriction; see `docs/decisions/0004`).
pub(crate) fn read_survivors(
    env: &Env,
    mut drives: Vec<OpenDrive>,
    map: &ClusterMap,
    views: &[Arc<PartitionView>],
) -> Result<(), ApplyError> {
    for (partition, view) in partitions(map).zip(views) {
        let furthest = drives.iter_mut().filter_map(|drive| {
            drive.applied.get(usize::from(partition.0))?.as_ref()?;
            let log = drive.log.group(partition);
            let last = (log.term(log.last_index()).unwrap_or(0), log.last_index());
            Some((last, drive))
        });
        let furthest = furthest.max_by_key(|(last, _)| *last).map(|(_, drive)| drive);
        let Some(drive) = furthest else {
            continue;
        };
        let applied = drive.applied.get(usize::from(partition.0)).cloned().flatten().unwrap_or_default();
        let engine: Arc<dyn Engine> = Arc::new(Overlay::new(Arc::clone(&drive.engine), partition));
        let index = replay(&*engine, partition, applied, drive)?;
        let applied = Arc::new(AtomicU64::new(index));
        let seeks = Seeks::new(env, partition, &engine);
        view.set(Leader { term: 1, engine, seeks, applied, events: None });
    }
    Ok(())
}

fn replay(
    engine: &dyn Engine,
    partition: PartitionId,
    applied: Applied,
    drive: &mut OpenDrive,
) -> Result<u64, ApplyError> {
    let log = drive.log.group(partition);
    let mut machine = Machine::new(partition, applied, 0);
    let mut batch = EngineBatch::default();
    let (first, end) = (machine.applied().index + 1, log.last_index() + 1);
    // The range was checked when the drive was opened: it is all there.
    for entry in log.entries(first, end, u64::MAX).unwrap_or_default() {
        let entry = to_raft(entry);
        let is_command = entry.get_entry_type() == raft::prelude::EntryType::EntryNormal;
        if is_command && !entry.get_data().is_empty() {
            machine.apply(engine, entry.get_index(), entry.get_term(), entry.get_data(), &mut batch)?;
            engine.write(&mut batch)?;
            machine.batch_written();
        } else {
            machine.skip(entry.get_index(), entry.get_term());
        }
    }
    Ok(machine.applied().index)
}
