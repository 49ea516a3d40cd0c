//! What can go wrong with metadata, by who must act.

use std::path::PathBuf;

use model::ids::{DriveId, PartitionId};
use model::record::RecordError;
use thiserror::Error;

use crate::engine::EngineError;
use crate::log::LogError;
use crate::machine::ApplyError;

/// Why a read or a transaction did not happen.
#[derive(Debug, Error)]
pub enum MetaError {
    /// A row it had read was changed meanwhile: read again and decide again.
    #[error("another transaction changed what this one had read: try again")]
    Conflict,
    /// Counters would come to more than the transaction lets them.
    #[error("the change would pass a limit")]
    OverLimit,
    /// Too few drives of the partition can be written.
    #[error(
        "partition {partition} has no leader: too few of its drives take writes. See which drives are missing or failing"
    )]
    NoLeader {
        /// Which partition.
        partition: PartitionId,
    },
    /// Too few drives are there for writing, but all that was acknowledged can be read.
    #[error(
        "the store is open for reading only, as too few of its drives are there: bring back or replace the missing drives"
    )]
    ReadOnly,
    /// The leader stopped, or was cut off, before it said what became of the transaction, and no other leader could tell: it
    /// may or may not have happened.
    #[error(
        "the drive that leads partition {partition} stopped before it answered, and no other one can tell: the change may or \
         may not have been made"
    )]
    Unknown {
        /// Which partition.
        partition: PartitionId,
    },
    /// More is waiting than the limit: try again later.
    #[error("too many changes are waiting for the drives: try again later")]
    Busy,
    /// The transaction is larger than a log entry may be.
    #[error("a transaction of {bytes} bytes is larger than the {limit} bytes that one may have")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A row can't be read.
    #[error("table {table} holds a row that can't be read: {source}")]
    Row {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The engine can't read.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MetaError {
    /// The same error once more, for several requests that failed together. The cause of [`MetaError::Engine`] is named, not
    /// carried along.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            MetaError::Conflict => MetaError::Conflict,
            MetaError::OverLimit => MetaError::OverLimit,
            MetaError::NoLeader { partition } => MetaError::NoLeader { partition: *partition },
            MetaError::ReadOnly => MetaError::ReadOnly,
            MetaError::Unknown { partition } => MetaError::Unknown { partition: *partition },
            MetaError::Busy => MetaError::Busy,
            MetaError::TooLarge { bytes, limit } => MetaError::TooLarge { bytes: *bytes, limit: *limit },
            MetaError::Row { table, source } => MetaError::Row { table, source: source.clone() },
            MetaError::Engine(error) => MetaError::Engine(EngineError::Poisoned { place: error.to_string() }),
        }
    }
}

/// Why a drive's metadata can't be opened.
#[derive(Debug, Error)]
pub enum DriveOpenError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The log holds a partition that the engine does not.
    #[error(
        "the metadata of partition {partition} on {path} is incomplete (rows up to {applied}, log from {first} to {last}): \
         empty the drive, and it is refilled from the others"
    )]
    Incomplete {
        /// The drive.
        path: PathBuf,
        /// Which partition.
        partition: PartitionId,
        /// What the engine has applied; 0 for nothing.
        applied: u64,
        /// The position before the first entry of the log.
        first: u64,
        /// The last entry of the log.
        last: u64,
    },
    /// A drive that took part has no metadata any more, so it does not know how it voted and what it acknowledged.
    #[error(
        "{path} holds nothing of partition {partition}, though this drive took part in it: its metadata was lost. Check that \
         everything is mounted; where it is really gone, empty the folder of the drive, so that it is taken for a replaced \
         one and filled from the others"
    )]
    Forgotten {
        /// The drive's metadata.
        path: PathBuf,
        /// A partition that it should hold.
        partition: PartitionId,
    },
    /// It does not answer.
    #[error(
        "{path} has not answered for {} seconds: look at the device and at what the kernel says of it, and start the server \
         again when it answers",
        crate::open::ANSWER_WAIT.as_secs()
    )]
    Silent {
        /// The drive's metadata.
        path: PathBuf,
    },
    /// The thread that opened it has ended without an answer.
    #[error(
        "{path} could not be opened: the thread that did so has failed. Start again, and report it where it happens again"
    )]
    Ended {
        /// The drive's metadata.
        path: PathBuf,
    },
}

/// Why a drive's loop ended.
#[derive(Debug, Error)]
pub(crate) enum DriveFailure {
    /// The log can't be written.
    #[error("drive {drive}: {source}")]
    Log {
        /// The drive.
        drive: DriveId,
        /// Why.
        source: LogError,
    },
    /// An entry can't be applied.
    #[error("drive {drive}: {source}")]
    Apply {
        /// The drive.
        drive: DriveId,
        /// Why.
        source: ApplyError,
    },
}
