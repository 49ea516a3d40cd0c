//! What a log can't do, and who must act.

use std::io;
use std::path::PathBuf;

use model::ids::{DriveId, PartitionId};
use thiserror::Error;

/// Why a raft log can't be opened or written.
#[derive(Debug, Error)]
pub enum LogError {
    /// The drive fails.
    #[error("the raft log in {path} failed to {action}: check the drive")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What it was doing.
        action: &'static str,
        /// What the drive says.
        #[source]
        source: io::Error,
    },
    /// Acknowledged data is damaged or missing.
    #[error(
        "the raft log of drive {drive} is damaged: {what} ({path}, byte {offset}): the metadata on this drive can't be \
         trusted; replace the drive's metadata and let the other replicas fill it"
    )]
    Corrupt {
        /// Which drive.
        drive: DriveId,
        /// Segment file, or the directory.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A newer release wrote it.
    #[error(
        "the raft log file {path} has format version {found}, but this release reads up to {known}: start a release \
         that knows it"
    )]
    Newer {
        /// Segment file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// An earlier write failed; what of it is on the drive is unknown.
    #[error(
        "the raft log in {path} takes no writes because an earlier one failed: the drive must be opened again"
    )]
    Poisoned {
        /// Directory of the log.
        path: PathBuf,
    },
    /// The batch contradicts the log. The caller's fault; nothing was written.
    #[error("group {group} can't write index {index} to a log that holds {first} to {last}")]
    OutOfOrder {
        /// Which group.
        group: PartitionId,
        /// The index of the entry or the purge.
        index: u64,
        /// First index of its log.
        first: u64,
        /// Last index of its log; one less than `first` where it is empty.
        last: u64,
    },
    /// An entry that no segment takes. The caller's fault; nothing was written.
    #[error("an entry of {len_bytes} bytes is too large: the log takes up to {limit_bytes}")]
    EntryTooLarge {
        /// Length of its data.
        len_bytes: usize,
        /// The longest that is taken.
        limit_bytes: usize,
    },
}

/// Why entries can't be read: the two answers that raft knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntriesError {
    /// They were purged, or a snapshot took their place: a follower who needs them gets a snapshot.
    #[error("the entries are no longer in the log")]
    Purged,
    /// They were never appended.
    #[error("the entries are not in the log yet")]
    Ahead,
}
