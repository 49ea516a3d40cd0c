//! Opening the metadata of a store: every drive, then every partition on it, then the loops.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cluster::map::{ClusterMap, raft_id};
use cluster::placement;
use env::{Answers, Env};
use futures_util::future::join_all;
use hashbrown::HashMap;
use model::ids::{DriveId, PartitionId};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::MetaOpenError;
use crate::drive_loop::{DriveLoop, Event, Turn};
use crate::engine::{Engine, EngineBatch, EngineError};
use crate::error::DriveOpenError;
use crate::log::{GroupLog, HardState, LogBatch, LogFactory, RaftLog};
use crate::machine::{Applied, Machine};
use crate::overlay::Overlay;
use crate::raft::group::{Group, GroupOptions};
use crate::raft::network::Network;
use crate::raft::storage::FIRST;
use crate::replay::replay;
use crate::seeks::Seeks;
use crate::sides::{PARTITIONS_MAX, Sides};
use crate::view::{Leader, PartitionView};
use crate::watch::Watch;

/// What waits for a loop, at most; more is refused as [`crate::MetaError::Busy`].
const EVENTS_WAITING_MAX: usize = 16 * 1024;

/// How long a drive may leave a single operation unanswered while it is opened or closed. Over all of them it may take its time.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Opens the engine of a drive in a directory.
pub type EngineFactory =
    Arc<dyn Fn(&Env, DriveId, &Path) -> Result<Arc<dyn Engine>, EngineError> + Send + Sync>;

/// A drive whose metadata is to be opened.
#[derive(Clone, Debug)]
pub struct MetaDrive {
    /// The drive.
    pub id: DriveId,
    /// The directory for its metadata.
    pub directory: PathBuf,
    /// Whether it took another drive's place and is being filled: only then may it hold nothing yet.
    pub refilling: bool,
}

impl MetaDrive {
    /// A drive that holds what it always held.
    #[must_use]
    pub fn new(id: DriveId, directory: impl Into<PathBuf>) -> Self {
        MetaDrive { id, directory: directory.into(), refilling: false }
    }
}

/// A drive as it was opened.
pub(crate) struct OpenDrive {
    pub(crate) id: DriveId,
    pub(crate) directory: PathBuf,
    pub(crate) engine: Arc<Sides>,
    pub(crate) log: RaftLog,
    /// By partition number: how far the engine has applied it; `None` where the drive holds no replica.
    pub(crate) applied: Vec<Option<Applied>>,
    /// Partitions whose log is whole, and of which it can't be read how far the rows are.
    pub(crate) unreadable: Vec<(PartitionId, DriveOpenError)>,
    /// When the drive has answered last.
    pub(crate) answers: Answers,
}

impl OpenDrive {
    fn is_unreadable(&self, partition: PartitionId) -> bool {
        self.unreadable.iter().any(|(unreadable, _)| *unreadable == partition)
    }
}

/// All partitions: those of objects and the system partition.
pub(crate) fn partitions(map: &ClusterMap) -> impl Iterator<Item = PartitionId> + use<> {
    (0..=map.partitions).map(PartitionId)
}

/// Raft ids of the drives that should hold a partition; the first should lead.
fn wanted(map: &ClusterMap, partition: PartitionId) -> Vec<u64> {
    placement::replica_drives(map, partition).iter().map(raft_id).collect()
}

/// What all drives are opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) env: Env,
    pub(crate) map: ClusterMap,
    pub(crate) new_store: bool,
    pub(crate) engines: EngineFactory,
    pub(crate) log: LogFactory,
}

/// What came of opening a drive.
pub(crate) type Opened = (MetaDrive, Result<OpenDrive, DriveOpenError>);

/// Opens the drives side by side, each on a thread of its own; in the order given. One that hangs is left to its thread.
pub(crate) async fn open_drives(
    with: &Opening,
    drives: Vec<MetaDrive>,
) -> Result<Vec<Opened>, std::io::Error> {
    let mut opening = Vec::with_capacity(drives.len());
    for drive in drives {
        let (env, answers) = Answers::of(&with.env);
        let opened = open_beside(&Opening { env, ..with.clone() }, &drive, &answers)?;
        opening.push(async move {
            let opened = match answers.wait(ANSWER_WAIT, opened).await {
                Some(Ok(opened)) => opened,
                Some(Err(_)) => Err(DriveOpenError::Ended { path: drive.directory.clone() }),
                None => Err(DriveOpenError::Silent { path: drive.directory.clone() }),
            };
            (drive, opened)
        });
    }
    Ok(join_all(opening).await)
}

/// Opens a drive on a thread of its own.
fn open_beside(
    with: &Opening,
    drive: &MetaDrive,
    answers: &Answers,
) -> Result<oneshot::Receiver<Result<OpenDrive, DriveOpenError>>, std::io::Error> {
    let (sender, opened) = oneshot::channel();
    let name = format!("rustfs-open-{:.6}", drive.id.to_string());
    let (with_there, at, answers) = (with.clone(), drive.clone(), answers.clone());
    let work = async move {
        let opened = open_drive(&with_there, &at, answers).await;
        // Nobody listens where the start was given up, or the drive left out.
        drop(sender.send(opened));
    };
    drop(with.env.spawn.thread(&name, Box::pin(work))?);
    Ok(opened)
}

/// Opens a drive's log and engine, and sets up its partitions where the store is new.
async fn open_drive(
    with: &Opening,
    drive: &MetaDrive,
    answers: Answers,
) -> Result<OpenDrive, DriveOpenError> {
    let Opening { env, map, new_store, engines, log: log_options } = with;
    assert!(map.partitions < PARTITIONS_MAX, "every partition has two keyspaces of its own");
    let root = drive.directory.parent().unwrap_or(&drive.directory);
    let made = env::create_directories_durably(&*env.disk, root, &drive.directory.join("log")).await;
    made.map_err(|source| EngineError::Failed {
        place: drive.directory.display().to_string(),
        action: "make its directory",
        source: Box::new(source),
    })?;
    let engine = engines(env, drive.id, &drive.directory.join("engine"))?;
    let engine = Sides::new(engine, usize::from(map.partitions) + 1);
    // Unknown is as if it were large: segments that are there are used whatever their length.
    let total_bytes = env.disk.space(root).await.map_or(u64::MAX, |space| space.total_bytes);
    let log_options = log_options(drive.id).on_drive_of(total_bytes);
    let (mut log, _) = RaftLog::open(env, &drive.directory.join("log"), log_options).await?;
    if *new_store {
        set_up(drive, map, &engine, &mut log).await?;
    }
    let (mut applied, mut unreadable) = (Vec::new(), Vec::new());
    for partition in partitions(map) {
        match load(drive, map, partition, &engine, &log.group(partition)) {
            Err(error @ DriveOpenError::Apply(_)) => {
                applied.push(Some(Applied::default()));
                unreadable.push((partition, error));
            }
            found => applied.push(found?),
        }
    }
    let directory = drive.directory.clone();
    Ok(OpenDrive { id: drive.id, directory, engine: Arc::new(engine), log, applied, unreadable, answers })
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

/// How far a partition is on a drive; `None` where the drive holds no replica of it.
fn load(
    drive: &MetaDrive,
    map: &ClusterMap,
    partition: PartitionId,
    engine: &Sides,
    log: &GroupLog,
) -> Result<Option<Applied>, DriveOpenError> {
    let (first, last) = (log.base().index, log.last_index());
    let incomplete = |applied| {
        let path = drive.directory.clone();
        DriveOpenError::Incomplete { path, partition, applied, first, last }
    };
    // A log that knows a term and has never begun: a new drive that waits for its first snapshot, and remembers its vote.
    let is_unfilled = last == 0 && log.hard_state().term > 0;
    match take_side(engine, partition, log)? {
        Some(applied) if log.term(applied.index) == Ok(applied.term) => Ok(Some(applied)),
        _ if is_unfilled => Ok(Some(Applied::default())),
        Some(applied) => Err(incomplete(applied.index)),
        // A log without rows is a loss.
        None if last > 0 => Err(incomplete(0)),
        None if !wanted(map, partition).contains(&raft_id(&drive.id)) => Ok(None),
        None if drive.refilling => Ok(Some(Applied::default())),
        None => Err(DriveOpenError::Forgotten { path: drive.directory.clone(), partition }),
    }
}

/// Takes the side of a partition that its log goes on from, where there is one, and removes the other: a snapshot that was
/// cut short, or the rows from before one that was not.
pub(crate) fn take_side(
    engine: &Sides,
    partition: PartitionId,
    log: &GroupLog,
) -> Result<Option<Applied>, DriveOpenError> {
    let fits = |applied: &Applied| log.term(applied.index) == Ok(applied.term);
    let used = Applied::load(engine, partition);
    let spare = Applied::load(engine.base(), engine.spare(partition));
    match (used, spare) {
        (Ok(Some(used)), _) if fits(&used) => {
            engine.drop_spare(partition)?;
            Ok(Some(used))
        }
        (_, Ok(Some(spare))) if fits(&spare) => {
            engine.exchange(partition);
            engine.drop_spare(partition)?;
            Ok(Some(spare))
        }
        // What can't be read may be what the log goes on from: nothing is removed.
        (Err(unreadable), _) => Err(unreadable.into()),
        (_, Err(unreadable)) => {
            // It stays until others are whole beside it.
            engine.exchange(partition);
            Err(unreadable.into())
        }
        (Ok(used), Ok(_)) => {
            engine.drop_spare(partition)?;
            Ok(used)
        }
    }
}

/// Takes those drives out that others know as voters of a partition and that know nothing of it: a vote is given only to
/// who holds the log, so they have lost it, whatever they are marked as.
pub(crate) fn take_forgotten(drives: &mut Vec<OpenDrive>, map: &ClusterMap) -> Vec<(OpenDrive, PartitionId)> {
    let mut forgotten = Vec::new();
    for partition in partitions(map) {
        let votes = |id: u64| {
            applied_of(drives, partition)
                .any(|applied| applied.voters.contains(&id) || applied.voters_outgoing.contains(&id))
        };
        let is_empty = |drive: &OpenDrive| {
            let applied = drive.applied.get(usize::from(partition.0)).and_then(Option::as_ref);
            applied.is_some_and(|applied| applied.index == 0) && !drive.is_unreadable(partition)
        };
        let found = drives.iter().position(|drive| is_empty(drive) && votes(raft_id(&drive.id)));
        forgotten.extend(found.map(|position| (drives.remove(position), partition)));
    }
    forgotten
}

/// Takes those drives out that can't read their rows, unless the others are enough to write without them. Then they keep what
/// they promised by their logs, and are filled again (`docs/decisions/0006`).
pub(crate) fn take_unreadable(
    drives: &mut Vec<OpenDrive>,
    map: &ClusterMap,
) -> Vec<(OpenDrive, DriveOpenError)> {
    let is_readable = |drive: &OpenDrive| drive.unreadable.is_empty();
    let (readable, mut unreadable): (Vec<_>, Vec<_>) =
        std::mem::take(drives).into_iter().partition(is_readable);
    *drives = readable;
    if unreadable.is_empty() || can_write(drives, map) {
        for drive in &unreadable {
            for (partition, reason) in &drive.unreadable {
                let drive = drive.directory.display();
                warn!(%drive, %partition, %reason, "rows can't be read: the partition is filled again from another drive");
            }
        }
        drives.append(&mut unreadable);
        return Vec::new();
    }
    let reason = |mut drive: OpenDrive| {
        let (_, reason) = drive.unreadable.pop()?;
        Some((drive, reason))
    };
    unreadable.into_iter().filter_map(reason).collect()
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
    pub(crate) drive: DriveId,
    /// Where the drive's metadata is.
    pub(crate) directory: PathBuf,
    pub(crate) engine: Arc<Sides>,
    pub(crate) answers: Answers,
    /// Why it ended, where the drive failed.
    pub(crate) failed: Arc<OnceLock<String>>,
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
        let (drive_id, name) = (drive.id, format!("rustfs-meta-{:.6}", drive.id.to_string()));
        let (directory, engine, answers) =
            (drive.directory.clone(), Arc::clone(&drive.engine), drive.answers.clone());
        let the_loop = drive_loop(env, drive, map, views, network.clone(), events, sender.clone())
            .map_err(std::io::Error::other)?;
        let failed = Arc::clone(&the_loop.failed);
        let end = env.spawn.thread(&name, Box::pin(the_loop.run()))?;
        running.push(RunningLoop {
            events: sender,
            end,
            drive: drive_id,
            directory,
            engine,
            answers,
            failed,
        });
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
    for (partition, (applied, view)) in
        partitions(map).zip(std::mem::take(&mut drive.applied).into_iter().zip(views))
    {
        let Some(mut applied) = applied else {
            groups.push(None);
            continue;
        };
        let is_unreadable = drive.is_unreadable(partition);
        if is_unreadable {
            // Without members it can't stand for election.
            let base = drive.log.group(partition).base();
            applied = Applied { index: base.index, term: base.term, ..Applied::default() };
        }
        groups.push(Some(Group::new(GroupOptions {
            partition,
            raft_id: raft_id(&drive.id),
            log: drive.log.group(partition),
            applied,
            is_unreadable,
            wanted: wanted(map, partition),
            view: Arc::clone(view),
            seed,
            seeks: Seeks::new(env, partition, &(Arc::clone(&drive.engine) as Arc<dyn Engine>)),
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
        failed: Arc::default(),
    })
}

/// Opens every partition for reading at the replica whose log goes furthest: it holds all that was acknowledged, as long as
/// one replica that took part in each acknowledgement is left (raft's election restriction; see `docs/decisions/0004`).
pub(crate) async fn read_survivors(
    env: &Env,
    mut drives: Vec<OpenDrive>,
    map: &ClusterMap,
    views: &[Arc<PartitionView>],
) -> Result<(), MetaOpenError> {
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
        let engine: Arc<dyn Engine> =
            Arc::new(Overlay::new(Arc::clone(&drive.engine) as Arc<dyn Engine>, partition));
        let machine = replay_beside(env, drive, partition, &engine).await?;
        let applied = Arc::new(AtomicU64::new(machine.applied().index));
        let seeks = Seeks::new(env, partition, &engine);
        view.set(Leader { term: 1, engine, seeks, applied, events: None });
    }
    Ok(())
}

/// Applies all of a replica's log to `engine`, on a thread: the drive may hang.
async fn replay_beside(
    env: &Env,
    drive: &mut OpenDrive,
    partition: PartitionId,
    engine: &Arc<dyn Engine>,
) -> Result<Machine, MetaOpenError> {
    let applied = drive.applied.get(usize::from(partition.0)).cloned().flatten().unwrap_or_default();
    let (log, engine) = (drive.log.group(partition), Arc::clone(engine));
    let (sender, replayed) = oneshot::channel();
    let work = async move { drop(sender.send(replay(&*engine, partition, applied, &log, log.last_index()))) };
    drop(env.spawn.thread("rustfs-replay", Box::pin(work))?);
    let path = || drive.directory.clone();
    let left_out = |reason| MetaOpenError::Drive { drive: drive.id, reason };
    match drive.answers.wait(ANSWER_WAIT, replayed).await {
        Some(Ok(machine)) => Ok(machine?),
        Some(Err(_)) => Err(left_out(DriveOpenError::Ended { path: path() })),
        None => Err(left_out(DriveOpenError::Silent { path: path() })),
    }
}
