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

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use env::Env;
use env::buffer::BLOCK_BYTES;
use hashbrown::HashMap;
use model::ids::{DriveId, PartitionId};

mod batch;
mod check;
mod error;
mod format;
mod offline;
mod recovery;
mod replay;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use batch::{HardState, LogBatch, LogEntry, LogPosition};
pub use error::{EntriesError, LogError};
pub use offline::OfflineLog;
pub use tail::GroupLog;

use batch::LogRecord;
use format::GroupState;
use segment::{BLOCKS_MIN, Segment, failed};
use writer::{Beginning, Writer};

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The drive it is for: it opens only segments of this one.
    pub drive: DriveId,
    /// Length of the segments that are made: whole blocks, at least 64 KiB. What doesn't fit in one is written in parts.
    pub segment_bytes: u64,
    /// Above this much memory for entries the log wants a purge.
    pub tail_bytes: usize,
    /// Above three quarters of this many needed segments the log wants a purge; above all of them it writes anew what
    /// keeps the oldest ones needed.
    pub segments: u32,
    /// Entries that a leader keeps for followers which are behind, per group.
    pub entries_kept_max: u64,
}

/// How the log of each drive is kept.
pub type LogFactory = Arc<dyn Fn(DriveId) -> LogOptions + Send + Sync>;

impl LogOptions {
    /// 16 MiB segments, 8 MiB of entries in memory, 16 segments.
    #[must_use]
    pub fn new(drive: DriveId) -> Self {
        LogOptions {
            drive,
            segment_bytes: 16 << 20,
            tail_bytes: 8 << 20,
            segments: 16,
            entries_kept_max: 10_000,
        }
    }

    /// With segments of at most a thousandth of a drive of so many bytes: on a small one the log must not take what the objects
    /// need, nor grow into the room that a full drive keeps free for deletes.
    #[must_use]
    pub(crate) fn on_drive_of(self, total_bytes: u64) -> Self {
        const SEGMENT_BYTES_MIN: u64 = 1 << 20;
        let share = (total_bytes / 1024).max(SEGMENT_BYTES_MIN);
        LogOptions { segment_bytes: self.segment_bytes.min(share), ..self }
    }

    fn blocks(&self) -> u32 {
        let blocks = self.segment_bytes / BLOCK_BYTES as u64;
        u32::try_from(blocks).unwrap_or(u32::MAX).max(BLOCKS_MIN)
    }
}

/// What [`RaftLog::open`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Groups of which there is anything; [`RaftLog::group`] has their state. Ascending.
    pub groups: Vec<PartitionId>,
    /// Whether the last write was cut by the crash, as far as can be told: it was never acknowledged, and is gone.
    pub torn: bool,
}

/// What a log takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStatistics {
    /// Bytes of memory for entries.
    pub tail_bytes: usize,
    /// Segments that are needed.
    pub segments: usize,
    /// Bytes of all segments on the drive.
    pub disk_bytes: u64,
}

/// The log of one drive, for its loop.
pub struct RaftLog {
    options: LogOptions,
    groups: HashMap<PartitionId, GroupLog>,
    tail_bytes: usize,
    writer: Writer,
    /// The turn's records, encoded; kept for its memory.
    payload: Vec<u8>,
    poisoned: bool,
    /// The newest segment and the memory when a purge was last asked for.
    asked: Option<(u64, usize)>,
}

impl fmt::Debug for RaftLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftLog")
            .field("directory", &self.writer.directory)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
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
        let made = env.disk.create_directories(directory).await;
        made.map_err(|source| failed(directory, "make the directory", source))?;
        if let Some(parent) = directory.parent() {
            let synced = env.disk.sync_directory(parent).await;
            synced.map_err(|source| failed(parent, "sync the directory", source))?;
        }
        let contents = Segment::open_all(&*env.disk, directory).await?;
        let found = recovery::recover(options.drive, directory, contents).await?;
        let recovered = Recovered { groups: found.groups.keys().copied().collect(), torn: found.torn };
        let tail_bytes = found.groups.values().map(tail::Group::memory_bytes).sum();
        let mut writer = Writer {
            disk: Arc::clone(&env.disk),
            random: Arc::clone(&env.random),
            drive: options.drive,
            directory: directory.to_owned(),
            blocks: options.blocks(),
            live: found.live.into(),
            free: found.free,
            end: found.end,
            open: false,
            turn: found.turn,
        };
        writer.prepare().await?;
        let groups = found.groups.into_iter();
        let log = RaftLog {
            options,
            groups: groups.map(|(id, group)| (id, GroupLog::from(group))).collect(),
            tail_bytes,
            writer,
            payload: Vec::new(),
            poisoned: false,
            asked: None,
        };
        Ok((log, recovered))
    }

    /// Writes a batch: durable, and to be seen in the groups, when it returns. An empty batch writes nothing.
    ///
    /// A future that is dropped before it has ended leaves the log poisoned.
    ///
    /// # Errors
    /// [`LogError::OutOfOrder`] and [`LogError::EntryTooLarge`] refuse the batch and change nothing. Any other error
    /// poisons the log: it takes no more writes until it is opened again.
    pub async fn append(&mut self, batch: &LogBatch) -> Result<(), LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned { path: self.writer.directory.clone() });
        }
        let purges = check::check(&self.groups, batch)?;
        if purges.is_empty() && batch.records.is_empty() {
            return Ok(());
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        for record in purges.iter().chain(&batch.records) {
            format::encode_record(record, &mut payload);
        }
        // Until all of it is known to have worked.
        self.poisoned = true;
        self.relocate(payload.len()).await?;
        let segment = self.write(&payload).await?;
        self.poisoned = false;
        for record in purges.iter().chain(&batch.records) {
            self.apply(record, segment);
        }
        const KEPT_BYTES: usize = 1 << 20;
        payload.shrink_to(KEPT_BYTES);
        self.payload = payload;
        Ok(())
    }

    /// A group's part, for reading; empty where it is new.
    pub fn group(&mut self, group: PartitionId) -> GroupLog {
        self.groups.entry(group).or_default().clone()
    }

    /// The groups whose entries take up too much memory or keep too many segments: persist the engine, then purge each up
    /// to what it had applied before that (a little less, for slow followers, is fine). Empty where all is well: cheap to
    /// ask each turn. Where purging does not help, because nothing more was applied, it asks again only after a segment
    /// more, or an eighth more memory.
    #[must_use]
    pub fn wants_purge(&mut self) -> Vec<PartitionId> {
        let segments_max = self.options.segments as usize * 3 / 4;
        if self.tail_bytes <= self.options.tail_bytes && self.writer.live.len() <= segments_max {
            self.asked = None;
            return Vec::new();
        }
        let now = (self.writer.newest(), self.tail_bytes);
        if let Some((segment, bytes)) = self.asked
            && segment == now.0
            && now.1 <= bytes + self.options.tail_bytes / 8
        {
            return Vec::new();
        }
        self.asked = Some(now);
        let with_entries = self.groups.iter().filter(|(_, group)| {
            let first = group.read(tail::Group::oldest_segment);
            first.is_some()
        });
        let mut wanted: Vec<_> = with_entries.map(|(id, _)| *id).collect();
        wanted.sort_unstable();
        wanted
    }

    /// As in [`LogOptions`].
    #[must_use]
    pub fn entries_kept_max(&self) -> u64 {
        self.options.entries_kept_max
    }

    /// What it takes up.
    #[must_use]
    pub fn statistics(&self) -> LogStatistics {
        let live = self.writer.live.iter().map(|live| live.segment.blocks);
        let free = self.writer.free.iter().map(|segment| segment.blocks);
        LogStatistics {
            tail_bytes: self.tail_bytes,
            segments: self.writer.live.len(),
            disk_bytes: live.chain(free).map(u64::from).sum::<u64>() * BLOCK_BYTES as u64,
        }
    }

    async fn write(&mut self, payload: &[u8]) -> Result<u64, LogError> {
        let groups = &self.groups;
        self.writer.write_turn(payload, || beginning(groups)).await
    }

    /// Where a new segment is about to be begun and there are too many: writes the entries of the groups that keep the
    /// oldest ones needed once more, so that those are free. Nothing changes by it but the place.
    async fn relocate(&mut self, payload_bytes: usize) -> Result<(), LogError> {
        let limit = self.options.segments as usize;
        if self.writer.fits(payload_bytes) || self.writer.live.len() < limit {
            return Ok(());
        }
        let keep_from = self.writer.oldest() + u64::from(self.options.segments / 4).max(1);
        let mut moved = Vec::new();
        let mut records = Vec::new();
        for (&id, group) in &self.groups {
            group.read(|group| {
                if group.oldest_segment().is_some_and(|oldest| oldest < keep_from) {
                    let restart = LogRecord::Restart { group: id, position: group.base };
                    format::encode_record(&restart, &mut records);
                    for entry in group.iter() {
                        format::encode_entry(id, entry, &mut records);
                    }
                    moved.push(id);
                }
            });
        }
        if moved.is_empty() {
            return Ok(());
        }
        let segment = self.write(&records).await?;
        for id in moved {
            self.group(id).change(|group| group.moved_to(segment));
        }
        Ok(())
    }

    /// Shows in memory what is durable now.
    fn apply(&mut self, record: &LogRecord, segment: u64) {
        let id = record.group();
        let group = self.groups.entry(id).or_default();
        let (before, after) = group.change(|group| {
            let before = group.memory_bytes();
            group.apply(record, segment);
            (before, group.memory_bytes())
        });
        self.tail_bytes = self.tail_bytes + after - before;
    }
}

fn beginning(groups: &HashMap<PartitionId, GroupLog>) -> Beginning {
    let mut states: Vec<(PartitionId, GroupState)> = groups
        .iter()
        .map(|(id, group)| (*id, group.read(tail::Group::state)))
        .filter(|(_, state)| *state != GroupState::default())
        .collect();
    states.sort_unstable_by_key(|(id, _)| *id);
    let mut checkpoint = Vec::new();
    for (id, state) in &states {
        format::encode_group(*id, state, &mut checkpoint);
    }
    let oldest_entry = groups.values().filter_map(|group| group.read(tail::Group::oldest_segment)).min();
    Beginning { checkpoint, oldest_entry }
}
