//! How far the scrub of a drive is and what it has found, as kept in the file `scrub` on that drive (`docs/formats/drive.md`).
//!
//! What can't be read counts as not there: the drive is scrubbed an interval from now, as a new one is.

use std::fmt;
use std::io;
use std::path::Path;

use blob::ScrubCursor;
use bytes::Bytes;
use env::Env;
use model::ids::PartitionId;
use model::time::Timestamp;
use object::BlobsCursor;

/// Name of the file.
const SCRUB_FILE: &str = "scrub";
const FIRST_LINE: &str = "rustfs scrub 1";
/// [`Position::Rows`] as it is kept.
const ROWS: &str = "rows";
/// The longest key, as hexadecimal digits, with room for the other lines.
const FILE_BYTES_MAX: usize = 16 << 10;

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// In what lies on the drive.
    Drive(ScrubCursor),
    /// In the files that hold the rows of metadata on the drive.
    Rows,
    /// In the records that refer to what should lie on it.
    Records {
        /// Of which partition.
        partition: PartitionId,
        /// Where in it.
        cursor: BlobsCursor,
    },
}

/// The state of a drive's last run, or of the one under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubState {
    /// When it began, in milliseconds since 1970; 0 for a drive that was never scrubbed.
    pub started_ms: u64,
    /// When it ended; `None` while it is under way.
    pub finished_ms: Option<u64>,
    /// Where it is.
    pub position: Position,
    /// Bytes that the drive held when it began: what there is to read, at most.
    pub used_bytes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Shards looked at.
    pub shards: u64,
    /// Shards, segments, and leaves of rows that were missing or damaged.
    pub found: u64,
    /// Those of them that are whole again.
    pub healed: u64,
}

impl Default for ScrubState {
    fn default() -> Self {
        ScrubState {
            started_ms: 0,
            finished_ms: None,
            position: Position::Drive(ScrubCursor::start()),
            used_bytes: 0,
            read_bytes: 0,
            shards: 0,
            found: 0,
            healed: 0,
        }
    }
}

impl Position {
    /// The beginning of the records.
    pub(crate) fn first_records() -> Self {
        Position::Records { partition: PartitionId(0), cursor: BlobsCursor::default() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, kind, key) = match self {
            Position::Drive(cursor) => return cursor.fmt(f),
            Position::Rows => return f.write_str(ROWS),
            Position::Records { partition, cursor: BlobsCursor::Objects(key) } => (partition, "objects", key),
            Position::Records { partition, cursor: BlobsCursor::Parts(key) } => (partition, "parts", key),
        };
        write!(f, "{kind} {} ", partition.0)?;
        key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(cursor) = text.parse() {
            return Some(Position::Drive(cursor));
        }
        if text == ROWS {
            return Some(Position::Rows);
        }
        let mut words = text.split(' ');
        let (kind, partition, hex) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let key = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
        let key = key.collect::<Option<Vec<u8>>>()?;
        let cursor = match kind {
            "objects" => BlobsCursor::Objects(key),
            "parts" => BlobsCursor::Parts(key),
            _ => return None,
        };
        Some(Position::Records { partition: PartitionId(partition), cursor })
    }
}

impl ScrubState {
    /// Of a run that begins now on a drive that holds so many bytes.
    pub(crate) fn begin(now: Timestamp, used_bytes: u64) -> Self {
        ScrubState { started_ms: now.millis(), used_bytes, ..ScrubState::default() }
    }

    /// Reads what is kept on a drive.
    pub(crate) async fn load(env: &Env, drive: &Path) -> Option<Self> {
        let bytes = env::read_file(&*env.disk, &drive.join(SCRUB_FILE), FILE_BYTES_MAX).await.ok()?;
        Self::parse(std::str::from_utf8(&bytes).ok()?)
    }

    /// Keeps it on a drive, durably.
    pub(crate) async fn save(&self, env: &Env, drive: &Path) -> io::Result<()> {
        env::replace_file(&*env.disk, &drive.join(SCRUB_FILE), Bytes::from(self.text())).await
    }

    fn text(&self) -> String {
        let ScrubState { started_ms, finished_ms, position, used_bytes, read_bytes, shards, found, healed } =
            self;
        let finished = finished_ms.map_or_else(|| "no".to_owned(), |finished| finished.to_string());
        format!(
            "{FIRST_LINE}\nstarted {started_ms}\nfinished {finished}\nat {position}\nused {used_bytes}\nread {read_bytes}\n\
             shards {shards}\nfound {found}\nhealed {healed}\n"
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == FIRST_LINE).then_some(())?;
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let started_ms = value("started")?.parse().ok()?;
        let finished_ms = match value("finished")? {
            "no" => None,
            time => Some(time.parse().ok()?),
        };
        let position = Position::parse(value("at")?)?;
        let mut number = |name: &str| value(name)?.parse::<u64>().ok();
        Some(ScrubState {
            started_ms,
            finished_ms,
            position,
            used_bytes: number("used")?,
            read_bytes: number("read")?,
            shards: number("shards")?,
            found: number("found")?,
            healed: number("healed")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(position: Position, finished_ms: Option<u64>) -> ScrubState {
        ScrubState {
            started_ms: 1_700_000_000_000,
            finished_ms,
            position,
            used_bytes: 5,
            read_bytes: 4,
            shards: 3,
            found: 2,
            healed: 1,
        }
    }

    #[test]
    fn what_is_kept_is_read_again_at_every_place() {
        let records = |cursor| Position::Records { partition: PartitionId(3), cursor };
        for position in [
            Position::Drive(ScrubCursor::start()),
            Position::Drive("folder 65535".parse().unwrap()),
            Position::Rows,
            records(BlobsCursor::Objects(Vec::new())),
            records(BlobsCursor::Parts(vec![0, 255, 16])),
        ] {
            for finished in [None, Some(1_700_000_000_001)] {
                let state = state(position.clone(), finished);
                assert_eq!(ScrubState::parse(&state.text()), Some(state));
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_of_another_release_counts_as_not_there() {
        let text = state(Position::first_records(), None).text();
        for end in 0..text.len() - 2 {
            assert_eq!(ScrubState::parse(&text[..end]), None, "{end}");
        }
        assert_eq!(ScrubState::parse(&text.replace("scrub 1", "scrub 2")), None);
        assert_eq!(ScrubState::parse(&text.replace("objects 0 ", "objects 0 0")), None);
    }
}
