//! Files of rows: leaves one after the other, then a directory of them. Written once, never changed.
//!
//! - A leaf holds sorted rows of one keyspace, with an index of its blocks and a filter of its keys. Leaves of a file are
//!   in order of keyspace and key, and do not overlap.
//! - Everything in a file is sealed with the file's salt and its own offset; `docs/formats/engine.md` draws it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use env::blocking::{BlockingDisk, BlockingFile};
use model::ids::{DriveId, PartitionId};
use model::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::block::{Block, seal, unseal};
use super::damage::{Damage, damaged};

const HEAD_MAGIC: &[u8; 8] = b"RFSTREE\0";
const TAIL_MAGIC: &[u8; 8] = b"RFSLEAF\0";
const VERSION: u32 = 1;
/// Bytes of the head: magic, version, reserved, drive, number, salt, checksum.
pub(super) const HEAD_BYTES: usize = 8 + 4 + 4 + 16 + 8 + 8 + 8;
/// Bytes of the tail: magic, place of the directory (offset, length), reserved, checksum.
pub(super) const TAIL_BYTES: usize = 8 + 8 + 4 + 4 + 8;

/// Files have lower numbers: no engine comes that far.
pub(super) const NUMBER_END: u64 = 1 << 62;

/// Where something sealed lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) len_bytes: u32,
}

impl Place {
    pub(super) fn end(self) -> u64 {
        self.offset + u64::from(self.len_bytes)
    }
}

/// What the directory says of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) keyspace: PartitionId,
    /// Rows, removed ones included.
    pub(super) rows: u64,
    /// Rows that are only there to remove older ones.
    pub(super) removed: u64,
    pub(super) first_key: Vec<u8>,
    pub(super) last_key: Vec<u8>,
    /// Where its blocks begin; they end where the index begins.
    pub(super) start: u64,
    pub(super) index: Place,
    pub(super) filter: Place,
}

impl Leaf {
    /// Bytes in the file.
    pub(super) fn size_bytes(&self) -> u64 {
        self.filter.end() - self.start
    }
}

/// All leaves of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory(pub(super) Vec<Leaf>);

impl Record for Directory {
    const NAME: &'static str = "directory of a file of rows";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.0.len() as u64);
        for leaf in &self.0 {
            out.varint(u64::from(leaf.keyspace.0));
            out.varint(leaf.rows);
            out.varint(leaf.removed);
            out.bytes(&leaf.first_key);
            out.bytes(&leaf.last_key);
            out.varint(leaf.start);
            for place in [leaf.index, leaf.filter] {
                out.varint(place.offset);
                out.varint(u64::from(place.len_bytes));
            }
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        fn place(input: &mut Decoder<'_>) -> Result<Place, RecordError> {
            Ok(Place { offset: input.varint()?, len_bytes: input.number("length of a place")? })
        }
        let count = input.count()?;
        let leaf = |_| {
            let leaf = Leaf {
                keyspace: PartitionId(input.number("keyspace")?),
                rows: input.varint()?,
                removed: input.varint()?,
                first_key: input.bytes()?.to_vec(),
                last_key: input.bytes()?.to_vec(),
                start: input.varint()?,
                index: place(input)?,
                filter: place(input)?,
            };
            // More rows than that do not fit in a leaf; so sums over all leaves stay numbers.
            let in_order = leaf.rows <= u64::from(u32::MAX)
                && leaf.removed <= leaf.rows
                && leaf.start <= leaf.index.offset
                && leaf.index.offset.checked_add(leaf.index.len_bytes.into()) == Some(leaf.filter.offset)
                && leaf.filter.offset.checked_add(leaf.filter.len_bytes.into()).is_some();
            if in_order { Ok(leaf) } else { Err(input.impossible("places of a leaf")) }
        };
        (0..count).map(leaf).collect::<Result<_, _>>().map(Directory)
    }
}

/// The name of the file with a number.
pub(super) fn name_of(number: u64) -> String {
    format!("{number:016x}.rows")
}

/// The number of a file, by its name.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".rows").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok().filter(|number| *number < NUMBER_END)
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) drive: DriveId,
    pub(super) number: u64,
}

/// A file that is being written.
pub(super) struct FileWriter {
    identity: Identity,
    path: PathBuf,
    file: Arc<dyn BlockingFile>,
    salt: u64,
    /// What is not written yet, and where it begins.
    pending: Vec<u8>,
    written: u64,
}

/// So much is written at a time.
const PIECE_BYTES: usize = 512 << 10;

impl FileWriter {
    pub(super) fn create(
        disk: &dyn BlockingDisk,
        directory: &Path,
        identity: Identity,
        salt: u64,
    ) -> io::Result<Self> {
        let path = directory.join(name_of(identity.number));
        let file = disk.create(&path)?;
        let mut pending = Vec::with_capacity(PIECE_BYTES);
        pending.extend_from_slice(HEAD_MAGIC);
        pending.extend_from_slice(&VERSION.to_le_bytes());
        pending.extend_from_slice(&0u32.to_le_bytes());
        pending.extend_from_slice(identity.drive.bytes());
        pending.extend_from_slice(&identity.number.to_le_bytes());
        pending.extend_from_slice(&salt.to_le_bytes());
        let checksum = xxh3_64(&pending);
        pending.extend_from_slice(&checksum.to_le_bytes());
        Ok(FileWriter { identity, path, file, salt, pending, written: 0 })
    }

    /// Where the next thing will lie.
    pub(super) fn offset(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// What the next thing is sealed with.
    pub(super) fn seed(&self) -> u64 {
        seed(self.salt, self.offset())
    }

    /// Adds what was sealed with [`FileWriter::seed`].
    pub(super) fn add(&mut self, sealed: &[u8]) -> io::Result<Place> {
        let place = Place { offset: self.offset(), len_bytes: sealed.len() as u32 };
        self.pending.extend_from_slice(sealed);
        if self.pending.len() >= PIECE_BYTES {
            self.write_pending()?;
        }
        Ok(place)
    }

    /// Writes the directory and makes the file durable, but for its name.
    pub(super) fn finish(mut self, leaves: Vec<Leaf>) -> io::Result<RowFile> {
        let directory = Directory(leaves);
        let place = self.add(&seal(&directory.encode(), self.seed()))?;
        let start = self.pending.len();
        let tail_seed = self.seed();
        self.pending.extend_from_slice(TAIL_MAGIC);
        self.pending.extend_from_slice(&place.offset.to_le_bytes());
        self.pending.extend_from_slice(&place.len_bytes.to_le_bytes());
        self.pending.extend_from_slice(&0u32.to_le_bytes());
        let checksum = xxh3_64_with_seed(self.pending.get(start..).unwrap_or_default(), tail_seed);
        self.pending.extend_from_slice(&checksum.to_le_bytes());
        self.write_pending()?;
        self.file.sync()?;
        Ok(RowFile {
            number: self.identity.number,
            path: self.path,
            file: self.file,
            salt: self.salt,
            size_bytes: self.written,
            leaves: directory.0,
        })
    }

    /// Where it lies, for whoever gives it up.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let pending = Bytes::from(std::mem::take(&mut self.pending));
        let len = pending.len() as u64;
        self.file.write_at(self.written, pending)?;
        self.written += len;
        Ok(())
    }
}

fn seed(salt: u64, offset: u64) -> u64 {
    salt ^ offset
}

/// A file that is whole.
pub(super) struct RowFile {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    file: Arc<dyn BlockingFile>,
    salt: u64,
    pub(super) size_bytes: u64,
    pub(super) leaves: Vec<Leaf>,
}

impl std::fmt::Debug for RowFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowFile({:x}, {} leaves)", self.number, self.leaves.len())
    }
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Damage(#[from] Damage),
}

impl RowFile {
    /// Opens a file and reads its directory.
    pub(super) fn open(
        disk: &dyn BlockingDisk,
        directory: &Path,
        identity: Identity,
    ) -> Result<Self, FileFault> {
        let path = directory.join(name_of(identity.number));
        let file = disk.open(&path)?;
        let size_bytes = file.len()?;
        let head = file.read_at(0, HEAD_BYTES)?;
        let Some((found, salt)) = parse_head(&head) else {
            return Err(damaged(&path, 0, "its head is damaged, or of a newer release").into());
        };
        if found != identity {
            let reason = format!("it is file {:x} of drive {}", found.number, found.drive);
            return Err(damaged(&path, 0, &reason).into());
        }
        let mut opened =
            RowFile { number: identity.number, path, file, salt, size_bytes, leaves: Vec::new() };
        opened.leaves = opened.read_directory()?;
        Ok(opened)
    }

    fn read_directory(&self) -> Result<Vec<Leaf>, FileFault> {
        let place = self.directory_place(&self.file.read_at(self.tail_at(), TAIL_BYTES)?)?;
        let directory = Directory::decode(&self.read(place)?)
            .map_err(|error| damaged(&self.path, place.offset, &error.to_string()))?;
        let ends = |leaf: &Leaf| leaf.filter.end() <= place.offset;
        if !directory.0.iter().all(ends) {
            return Err(damaged(&self.path, place.offset, "a leaf lies behind the directory").into());
        }
        Ok(directory.0)
    }

    /// Reads something sealed.
    pub(super) fn read(&self, place: Place) -> Result<Bytes, FileFault> {
        let sealed = self.sealed_at(place)?;
        Ok(self.unseal(place, &sealed)?)
    }

    /// Bytes as they lie in the file, for [`RowFile::block_in`].
    pub(super) fn read_raw(&self, offset: u64, len_bytes: usize) -> Result<Bytes, FileFault> {
        Ok(self.file.read_at(offset, len_bytes)?)
    }

    /// Reads a block.
    pub(super) fn block(&self, place: Place) -> Result<Block, FileFault> {
        let sealed = self.sealed_at(place)?;
        self.block_in(place, &sealed)
    }

    /// What lies at a place, which must be in the file: no length that is only claimed takes memory.
    fn sealed_at(&self, place: Place) -> Result<Bytes, FileFault> {
        match place.end() <= self.size_bytes {
            true => Ok(self.file.read_at(place.offset, place.len_bytes as usize)?),
            false => Err(self.damage(place).into()),
        }
    }

    /// The block at a place, whose bytes have been read.
    pub(super) fn block_in(&self, place: Place, sealed: &Bytes) -> Result<Block, FileFault> {
        let block = Block::open(sealed, seed(self.salt, place.offset));
        Ok(block.ok_or_else(|| self.damage(place))?)
    }

    /// Whether this is the head of the file.
    pub(super) fn check_head(&self, drive: DriveId, head: &[u8]) -> Result<(), Damage> {
        let is_ours = parse_head(head) == Some((Identity { drive, number: self.number }, self.salt));
        is_ours.then_some(()).ok_or_else(|| damaged(&self.path, 0, "its head is damaged"))
    }

    /// Where the tail lies.
    pub(super) fn tail_at(&self) -> u64 {
        self.size_bytes.saturating_sub(TAIL_BYTES as u64)
    }

    /// Where the directory lies, as the tail says.
    pub(super) fn directory_place(&self, tail: &[u8]) -> Result<Place, Damage> {
        let at = self.tail_at();
        let place = parse_tail(tail, seed(self.salt, at)).filter(|place| place.end() == at);
        place.ok_or_else(|| damaged(&self.path, at, "its end is damaged or missing"))
    }

    /// Whether this is the directory of the file.
    pub(super) fn check_directory(&self, place: Place, sealed: &Bytes) -> Result<(), Damage> {
        let directory = Directory::decode(&self.unseal(place, sealed)?);
        let is_ours = directory.is_ok_and(|directory| directory.0 == self.leaves);
        is_ours.then_some(()).ok_or_else(|| damaged(&self.path, place.offset, "its directory is damaged"))
    }

    /// Checks all of a leaf, whose bytes have been read: blocks, index and filter.
    pub(super) fn check_leaf(&self, leaf: &Leaf, bytes: &Bytes) -> Result<(), FileFault> {
        let sealed_at = |place: Place| {
            let start = place.offset.saturating_sub(leaf.start).min(bytes.len() as u64) as usize;
            let end = place.end().saturating_sub(leaf.start).min(bytes.len() as u64) as usize;
            bytes.slice(start..end.max(start))
        };
        self.unseal(leaf.filter, &sealed_at(leaf.filter))?;
        let index = self.block_in(leaf.index, &sealed_at(leaf.index))?;
        for at in 0..index.len() {
            let place = index.row(at).and_then(|(_, place)| decode_place(place?));
            let place = place.filter(|place| place.offset >= leaf.start && place.end() <= leaf.index.offset);
            let place = place.ok_or_else(|| self.damage(leaf.index))?;
            self.block_in(place, &sealed_at(place))?;
        }
        Ok(())
    }

    /// What is wrong at a place.
    pub(super) fn damage(&self, place: Place) -> Damage {
        damaged(&self.path, place.offset, "rows are damaged")
    }

    fn unseal(&self, place: Place, sealed: &Bytes) -> Result<Bytes, Damage> {
        unseal(sealed, seed(self.salt, place.offset)).ok_or_else(|| self.damage(place))
    }
}

/// The place of a block, as the index of a leaf has it.
pub(super) fn encode_place(place: Place) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (offset, len) = bytes.split_at_mut(8);
    offset.copy_from_slice(&place.offset.to_le_bytes());
    len.copy_from_slice(&place.len_bytes.to_le_bytes());
    bytes
}

/// As [`encode_place`] wrote it.
pub(super) fn decode_place(bytes: &[u8]) -> Option<Place> {
    let (offset, len) = bytes.split_first_chunk::<8>()?;
    let len = len.try_into().ok()?;
    let offset = u64::from_le_bytes(*offset);
    let len_bytes = u32::from_le_bytes(len);
    offset.checked_add(len_bytes.into()).map(|_| Place { offset, len_bytes })
}

fn parse_head(head: &[u8]) -> Option<(Identity, u64)> {
    let (covered, checksum) = head.split_at_checked(HEAD_BYTES - 8)?;
    if xxh3_64(covered) != u64::from_le_bytes(checksum.try_into().ok()?) {
        return None;
    }
    let rest = covered.strip_prefix(HEAD_MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?.get(4..)?;
    let (drive, rest) = rest.split_first_chunk::<16>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let salt = u64::from_le_bytes(rest.try_into().ok()?);
    Some((Identity { drive: DriveId::from_bytes(*drive), number: u64::from_le_bytes(*number) }, salt))
}

fn parse_tail(tail: &[u8], seed: u64) -> Option<Place> {
    let (covered, checksum) = tail.split_at_checked(TAIL_BYTES - 8)?;
    if xxh3_64_with_seed(covered, seed) != u64::from_le_bytes(checksum.try_into().ok()?) {
        return None;
    }
    decode_place(covered.strip_prefix(TAIL_MAGIC)?.get(..12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(rows: u64, removed: u64) -> Directory {
        let place = |offset| Place { offset, len_bytes: 10 };
        let (first_key, last_key) = (vec![1], vec![2]);
        let keyspace = PartitionId(0);
        Directory(vec![Leaf {
            keyspace,
            rows,
            removed,
            first_key,
            last_key,
            start: 56,
            index: place(80),
            filter: place(90),
        }])
    }

    #[test]
    fn a_leaf_has_no_more_rows_than_fit_in_it_and_no_more_removed_ones_than_rows() {
        let reads = |directory: Directory| Directory::decode(&directory.encode());
        assert_eq!(reads(directory(5, 5)).unwrap(), directory(5, 5));
        assert!(reads(directory(u64::MAX, 0)).is_err());
        assert!(reads(directory(5, 6)).is_err());
    }

    #[test]
    fn the_last_number_is_no_file() {
        assert_eq!(number_of(&name_of(900)), Some(900));
        assert_eq!(number_of(&name_of(u64::MAX)), None);
    }

    #[test]
    fn a_place_that_ends_behind_all_numbers_is_none() {
        let place = Place { offset: u64::MAX - 5, len_bytes: 5 };
        assert_eq!(decode_place(&encode_place(place)), Some(place));
        assert_eq!(decode_place(&encode_place(Place { len_bytes: 6, ..place })), None);
    }
}
