//! The files of a log: `audit-<number of the first line>.jsonl`, and the note of its end. Found, continued, begun, removed.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use env::Disk;

use crate::chain::{Chain, Link};
use crate::verify::EndNote;

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";
/// Where the note of the end stands.
pub const END_NOTE: &str = "audit.end";

/// A line is at most so long: what an entry may hold, escaped.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// The note of the end is at most so long.
const NOTE_BYTES_MAX: usize = 4096;

/// How a log ended when it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What the next line hangs on.
    pub(crate) chain: Chain,
    /// The last file and its length, if a line can follow in it.
    pub(crate) open: Option<(PathBuf, u64)>,
    /// Bytes behind the last whole line, in a file that is not continued.
    pub(crate) torn_bytes: u64,
    /// Where the log should have come by its note, if it ends before.
    pub(crate) missing_up_to: u64,
}

/// The name of the file whose first line has this number. Names sort as the numbers do.
pub(crate) fn name(first_sequence: u64) -> String {
    format!("{PREFIX}{first_sequence:020}{SUFFIX}")
}

/// The log's files in a folder, the oldest first.
///
/// # Errors
/// Where the folder can't be read.
pub async fn files(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = disk.list(folder).await?;
    let is_ours = |name: &str| {
        let number = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        number.is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut names: Vec<String> =
        entries.into_iter().filter(|entry| !entry.is_directory).map(|entry| entry.name).collect();
    names.retain(|name| is_ours(name));
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// What the note of a folder says, if there is one that can be read.
///
/// # Errors
/// Where there is one and it can't be read.
pub async fn end_note(disk: &dyn Disk, folder: &Path) -> io::Result<Option<Chain>> {
    match env::read_file(disk, &folder.join(END_NOTE), NOTE_BYTES_MAX).await {
        Ok(text) => Ok(EndNote::read(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes where the log ends.
pub(crate) async fn write_end_note(disk: &dyn Disk, folder: &Path, chain: Chain) -> io::Result<()> {
    let text = serde_json::to_vec(&EndNote::of(chain)).map_err(io::Error::other)?;
    env::replace_file(disk, &folder.join(END_NOTE), Bytes::from(text)).await
}

/// How the log in a folder ends.
pub(crate) async fn find_end(disk: &dyn Disk, folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for path in files(disk, folder).await?.iter().rev() {
        let (end, torn_bytes) = last_line(disk, path).await?;
        found.torn_bytes += torn_bytes;
        if let Some((chain, length)) = end {
            found.chain = chain;
            found.open = (found.torn_bytes == 0).then(|| (path.clone(), length));
            break;
        }
    }
    if let Some(note) = end_note(disk, folder).await?
        && note.sequence > found.chain.sequence
    {
        found.missing_up_to = note.sequence;
    }
    Ok(found)
}

/// The end of a file: the chain up to its last line that is right and the file's length, and what stands behind that line.
async fn last_line(disk: &dyn Disk, path: &Path) -> io::Result<(Option<(Chain, u64)>, u64)> {
    let file = disk.open(path, env::OpenOptions::default()).await?;
    let length = file.len().await?;
    let start = length.saturating_sub(2 * LINE_BYTES_MAX);
    let tail = file.read_at(start, usize::try_from(length - start).unwrap_or(usize::MAX)).await?;
    let mut end = tail.len();
    while let Some(feed) = tail.get(..end).and_then(|text| text.iter().rposition(|byte| *byte == b'\n')) {
        let begin = tail[..feed].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Ok(link) = Link::read(&tail[begin..feed]) {
            let behind = tail.len() - feed - 1;
            return Ok((Some((link.chain(), length)), behind as u64));
        }
        end = feed;
    }
    Ok((None, length))
}

/// Removes the oldest files, so that so many are left.
pub(crate) async fn remove_oldest(disk: &dyn Disk, folder: &Path, left: usize) -> io::Result<()> {
    let files = files(disk, folder).await?;
    let count = files.len().saturating_sub(left);
    for path in files.iter().take(count) {
        disk.remove(path).await?;
    }
    if count > 0 {
        disk.sync_directory(folder).await?;
    }
    Ok(())
}
