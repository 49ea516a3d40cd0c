//! A log read without being opened: nothing is synced, cut, removed or made, so that a drive can be looked at as it is.

use std::path::Path;

use env::Disk;
use model::ids::{DriveId, PartitionId};

use super::error::LogError;
use super::recovery;
use super::segment::Segment;
use super::tail::GroupLog;

/// What a log holds.
#[derive(Debug)]
pub struct OfflineLog {
    /// The groups of which there is anything, ascending.
    pub groups: Vec<(PartitionId, GroupLog)>,
    /// Whether the last write was cut by a crash: it was never acknowledged.
    pub torn: bool,
    /// Segment files that were read.
    pub segments: usize,
}

impl OfflineLog {
    /// Reads the log of a drive as an opening would.
    ///
    /// # Errors
    /// As [`super::RaftLog::open`].
    pub async fn read(disk: &dyn Disk, directory: &Path, drive: DriveId) -> Result<Self, LogError> {
        let contents = Segment::open_to_read(disk, directory).await?;
        let segments = contents.len();
        let found = recovery::recover(drive, directory, contents).await?;
        let groups = found.groups.into_iter().map(|(id, group)| (id, GroupLog::from(group))).collect();
        Ok(OfflineLog { groups, torn: found.torn, segments })
    }

    /// A partition's part, where there is anything of it.
    #[must_use]
    pub fn group(&self, partition: PartitionId) -> Option<&GroupLog> {
        self.groups.iter().find(|(id, _)| *id == partition).map(|(_, group)| group)
    }
}
