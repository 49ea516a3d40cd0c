//! Nothing is sent before what it rests on is durable, and nothing is applied before a majority has it durably.
//!
//! Whenever a replica says that it has logged entries, or votes, its log is read as a power cut right then would leave it; so are
//! those of all voters when a batch of rows goes to an engine. The code under test is asked for nothing but to read a log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cluster::map::raft_id;
use env::simulated::SimulatedDisks;
use futures_util::FutureExt;
use hashbrown::HashMap;
use meta::engine::EngineBatch;
use meta::log::{GroupLog, LogOptions, RaftLog};
use meta::{Promise, Watch};
use model::ids::{DriveId, PartitionId};
use model::record::Decoder;
use parking_lot::Mutex;

use crate::engine::EngineWatch;
use crate::still::{self, Files};

/// The key of the row that says how far a partition is applied: docs/formats/engine.md.
const APPLIED_KEY: &[u8] = &[0, 0];
/// Tells a partition's second keyspace from its first: docs/formats/engine.md.
const SECOND: u16 = 1 << 15;
/// Where every log begins: nobody has to have agreed to that.
const FIRST_INDEX: u64 = 1;

/// Looks at one of so many promises and batches.
pub struct RaftOrder {
    disks: SimulatedDisks,
    every: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: u64,
    /// By raft id.
    drives: BTreeMap<u64, (DriveId, PathBuf)>,
    looked: u64,
    violations: Vec<String>,
}

impl std::fmt::Debug for RaftOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RaftOrder({} looks)", self.state.lock().looked)
    }
}

/// How far a batch applies a partition.
struct Applied {
    index: u64,
    term: u64,
    voters: Vec<u64>,
}

impl RaftOrder {
    /// Over these drives; looks at one of `every` promises.
    #[must_use]
    pub fn new(disks: SimulatedDisks, every: u64) -> Self {
        RaftOrder { disks, every, state: Mutex::default() }
    }

    /// What was found wrong.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().violations.clone()
    }

    /// How often it has looked.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.state.lock().looked
    }

    fn is_due(&self) -> bool {
        let mut state = self.state.lock();
        state.seen += 1;
        let due = state.seen.is_multiple_of(self.every);
        state.looked += u64::from(due);
        due
    }

    /// The log of a replica as a power cut would leave it now; `None` where there is none that can be read.
    fn durable(&self, replica: u64, partition: PartitionId) -> Option<GroupLog> {
        let (drive, directory) = self.state.lock().drives.get(&replica).cloned()?;
        let name = directory.components().nth(1)?.as_os_str().to_str()?.to_owned();
        let is_log = |path: &Path| path.starts_with(&directory);
        let files = self.disks.files(&name).into_iter().filter(|(path, _)| is_log(path));
        let files: Files = files
            .filter_map(|(path, _)| Some((path.clone(), self.disks.content(&path).ok()?.to_vec())))
            .collect();
        let env = still::env(files);
        let options = LogOptions { segment_bytes: 64 << 10, ..LogOptions::new(drive) };
        let opened = RaftLog::open(&env, &directory, options).now_or_never()?;
        opened.ok().map(|(mut log, _)| log.group(partition))
    }

    fn violate(&self, what: String) {
        self.state.lock().violations.push(what);
    }

    fn check_logged(&self, promise: &Promise, group: Option<&GroupLog>, term: u64, index: u64) {
        let holds = |group: &GroupLog| group.last_index() >= index && group.hard_state().term >= term;
        if !group.is_some_and(holds) {
            let found = group.map(|group| (group.hard_state(), group.last_index()));
            self.violate(format!("{promise:?} was sent, and durable is {found:?}"));
        }
    }

    fn check_voted(&self, promise: &Promise, group: Option<&GroupLog>, term: u64, for_replica: u64) {
        let holds = |group: &GroupLog| {
            let state = group.hard_state();
            state.term > term || (state.term == term && state.vote == for_replica)
        };
        if !group.is_some_and(holds) {
            let found = group.map(GroupLog::hard_state);
            self.violate(format!("{promise:?} was sent, and durable is {found:?}"));
        }
    }

    fn check_applied(&self, drive: DriveId, partition: PartitionId, applied: &Applied) {
        let has = |replica: &&u64| {
            let Some(group) = self.durable(**replica, partition) else { return false };
            group.base().index >= applied.index
                || group.term(applied.index).is_ok_and(|term| term == applied.term)
        };
        let count = applied.voters.iter().filter(has).count();
        if count <= applied.voters.len() / 2 {
            self.violate(format!(
                "drive {drive} applies {partition} up to {} of term {}, and of its {} voters {count} have it durably",
                applied.index,
                applied.term,
                applied.voters.len()
            ));
        }
    }
}

impl Watch for RaftOrder {
    fn promised(&self, promise: &Promise) {
        if !self.is_due() {
            return;
        }
        match *promise {
            Promise::Logged { replica, partition, term, index } => {
                self.check_logged(promise, self.durable(replica, partition).as_ref(), term, index);
            }
            Promise::Voted { replica, partition, term, for_replica } => {
                self.check_voted(promise, self.durable(replica, partition).as_ref(), term, for_replica);
            }
        }
    }
}

impl EngineWatch for RaftOrder {
    fn opened(&self, drive: DriveId, directory: &Path) {
        let log = directory.with_file_name("log");
        self.state.lock().drives.insert(raft_id(&drive), (drive, log));
    }

    fn writes(&self, drive: DriveId, batch: &EngineBatch) {
        if !self.is_due() {
            return;
        }
        let mut last: HashMap<PartitionId, Applied> = HashMap::new();
        for operation in batch.operations().filter(|operation| operation.key == APPLIED_KEY) {
            let partition = PartitionId(operation.keyspace.0 & !SECOND);
            if let Some(applied) = operation.value.and_then(decode) {
                last.insert(partition, applied);
            }
        }
        for (partition, applied) in last.into_iter().filter(|(_, applied)| applied.index > FIRST_INDEX) {
            self.check_applied(drive, partition, &applied);
        }
    }
}

/// The first fields of the record: docs/formats/records.md.
fn decode(value: &[u8]) -> Option<Applied> {
    let (_, fields) = value.split_first()?;
    let mut input = Decoder::new("applied index", fields);
    let (index, term, _) = (input.varint().ok()?, input.varint().ok()?, input.varint().ok()?);
    let count = input.count().ok()?;
    let voters = (0..count).map(|_| input.fixed().map(u64::from_le_bytes).ok()).collect::<Option<_>>()?;
    Some(Applied { index, term, voters })
}
