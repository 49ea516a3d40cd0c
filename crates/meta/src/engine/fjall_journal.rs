//! What fjall leaves to its caller: journals with holes after a power cut, and the directory of keyspaces.
//!
//! A journal is a sequence of batches: `1, count u32, number u64`; per item `2, type u8, compression u8, keyspace u64, key
//! length u16, value length u32, stored length u32, key, stored value` (or `4, keyspace u64` for a clear); then `3, XXH3-64
//! of the items u64, magic`. All little-endian (fjall 3.1.13, `journal/entry.rs`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// Longest piece of an item that is read at a time; a length in a damaged item may be anything.
const PIECE_BYTES: usize = 64 << 10;

/// Makes the names in the directory of keyspaces durable.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
pub(super) fn sync_keyspaces(directory: &Path) -> io::Result<()> {
    File::open(directory.join("keyspaces"))?.sync_all()
}

/// Cuts the newest journal behind its last whole batch.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
pub(super) fn cut_newest(directory: &Path) -> io::Result<()> {
    let Some(path) = newest(directory)? else {
        return Ok(());
    };
    let end = end_of_whole(&mut BufReader::new(File::open(&path)?))?;
    tracing::warn!(journal = %path.display(), end, "the engine's journal is cut behind its last whole batch");
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(end)?;
    file.sync_all()
}

fn newest(directory: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_suffix(".jnl")?.parse::<u64>().ok());
        newest = newest.max(number.map(|number| (number, path)));
    }
    Ok(newest.map(|(_, path)| path))
}

/// The offset behind the last whole batch.
pub(super) fn end_of_whole(input: &mut impl Read) -> io::Result<u64> {
    let mut end = 0;
    loop {
        match batch(input) {
            Ok(Some(len)) => end += len,
            Ok(None) => return Ok(end),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(end),
            Err(error) => return Err(error),
        }
    }
}

/// What lies behind an offset.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
pub(super) fn tail(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    Ok(rest)
}

/// Where a whole batch begins behind bytes that are none.
pub(super) fn find_whole(bytes: &[u8]) -> Option<u64> {
    let starts = bytes.iter().enumerate().skip(1).filter(|(_, byte)| **byte == START);
    starts.map(|(at, _)| at).find_map(|at| {
        let mut rest = bytes.get(at..)?;
        // The checksum at its end tells a batch from bytes that happen to look like one.
        matches!(batch(&mut rest), Ok(Some(_))).then_some(at as u64)
    })
}

/// Reads a batch: its length, or `None` where it isn't whole.
fn batch(input: &mut impl Read) -> io::Result<Option<u64>> {
    let start: [u8; 13] = array(input)?;
    let [START, a, b, c, d, ..] = start else {
        return Ok(None);
    };
    let mut len = start.len() as u64;
    let mut checksum = Xxh3::default();
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        match item(input, &mut checksum)? {
            Some(item) => len += item,
            None => return Ok(None),
        }
    }
    let [tag] = array(input)?;
    let found = u64::from_le_bytes(array(input)?);
    let _magic: [u8; 4] = array(input)?;
    Ok((tag == END && found == checksum.digest()).then_some(len + 13))
}

fn item(input: &mut impl Read, checksum: &mut Xxh3) -> io::Result<Option<u64>> {
    let [tag] = array(input)?;
    checksum.update(&[tag]);
    match tag {
        CLEAR => {
            checksum.update(&array::<8>(input)?);
            Ok(Some(9))
        }
        ITEM => {
            let head: [u8; 20] = array(input)?;
            checksum.update(&head);
            let [_, _, .., key_low, key_high, _, _, _, _, a, b, c, d] = head;
            let key_bytes = u64::from(u16::from_le_bytes([key_low, key_high]));
            let rest = key_bytes + u64::from(u32::from_le_bytes([a, b, c, d]));
            pass(input, rest, checksum)?;
            Ok(Some(1 + head.len() as u64 + rest))
        }
        _ => Ok(None),
    }
}

fn pass(input: &mut impl Read, mut len: u64, checksum: &mut Xxh3) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES.min(len as usize)];
    while len > 0 {
        let now = len.min(PIECE_BYTES as u64);
        let Some(piece) = piece.get_mut(..now as usize) else {
            break;
        };
        input.read_exact(piece)?;
        checksum.update(piece);
        len -= now;
    }
    Ok(())
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
