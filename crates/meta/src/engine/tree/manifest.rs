//! The manifest: which leaves make up which runs of which keyspaces. The one file that is replaced; what it does not name
//! does not count.

use std::io;
use std::path::Path;

use bytes::Bytes;
use env::blocking::{BlockingDisk, replace_file};
use model::ids::{DriveId, PartitionId};
use model::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use xxhash_rust::xxh3::xxh3_64;

use super::damage::{Damage, damaged};
use super::file::{FileFault, NUMBER_END};

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest";
const MAGIC: &[u8; 8] = b"RFSMANI\0";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 4 + 16 + 4;
/// A longer manifest is none.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Leaves of one file that follow each other in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Number of the file.
    pub(super) file: u64,
    /// The first leaf.
    pub(super) first: u32,
    /// How many.
    pub(super) count: u32,
}

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Above the numbers of all files that were ever made.
    pub(super) next_file: u64,
    /// The keyspaces, ascending, with their runs, the newest first.
    pub(super) keyspaces: Vec<(PartitionId, Vec<Vec<Piece>>)>,
}

impl Record for Manifest {
    const NAME: &'static str = "manifest of an engine";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.next_file);
        out.varint(self.keyspaces.len() as u64);
        for (keyspace, runs) in &self.keyspaces {
            out.varint(u64::from(keyspace.0));
            out.varint(runs.len() as u64);
            for pieces in runs {
                out.varint(pieces.len() as u64);
                for piece in pieces {
                    out.varint(piece.file);
                    out.varint(u64::from(piece.first));
                    out.varint(u64::from(piece.count));
                }
            }
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        fn piece(input: &mut Decoder<'_>) -> Result<Piece, RecordError> {
            let (file, first, count) = (input.varint()?, input.number("leaf")?, input.number("leaves")?);
            Ok(Piece { file, first, count })
        }
        fn run(input: &mut Decoder<'_>) -> Result<Vec<Piece>, RecordError> {
            (0..input.count()?).map(|_| piece(input)).collect()
        }
        let next_file = input.varint()?;
        let keyspaces = (0..input.count()?).map(|_| {
            let keyspace = PartitionId(input.number("keyspace")?);
            let runs = (0..input.count()?).map(|_| run(input)).collect::<Result<_, _>>()?;
            Ok((keyspace, runs))
        });
        Ok(Manifest { keyspaces: keyspaces.collect::<Result<_, _>>()?, next_file })
    }
}

impl Manifest {
    /// Reads the manifest of an engine; `None` where there is none.
    pub(super) fn read(
        disk: &dyn BlockingDisk,
        directory: &Path,
        drive: DriveId,
    ) -> Result<Option<Manifest>, FileFault> {
        let path = directory.join(MANIFEST);
        let file = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let len = file.len()?;
        if len > MANIFEST_BYTES_MAX {
            return Err(damaged(&path, 0, "it is longer than any manifest").into());
        }
        Manifest::parse(&path, &file.read_at(0, len as usize)?, drive).map(Some).map_err(FileFault::from)
    }

    /// What is wrong with the bytes of a manifest, if anything is.
    pub(super) fn check(path: &Path, bytes: &[u8], drive: DriveId) -> Result<(), Damage> {
        Manifest::parse(path, bytes, drive).map(drop)
    }

    fn parse(path: &Path, bytes: &[u8], drive: DriveId) -> Result<Manifest, Damage> {
        let Some((found, record)) = parse(bytes) else {
            return Err(damaged(path, 0, "its checksum is wrong, or it is of a newer release"));
        };
        if found != drive {
            return Err(damaged(path, 0, &format!("it is that of drive {found}")));
        }
        let manifest = Manifest::decode(record).map_err(|error| damaged(path, 0, &error.to_string()))?;
        match manifest.next_file < NUMBER_END {
            true => Ok(manifest),
            false => Err(damaged(path, 0, "it has a number that no file comes to")),
        }
    }

    /// Replaces the manifest; durable when it returns, together with the names of files in the directory.
    pub(super) fn write(&self, disk: &dyn BlockingDisk, directory: &Path, drive: DriveId) -> io::Result<()> {
        replace_file(disk, &directory.join(MANIFEST), Bytes::from(self.to_bytes(drive)))
    }

    fn to_bytes(&self, drive: DriveId) -> Vec<u8> {
        let record = self.encode();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + record.len() + 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(drive.bytes());
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&record);
        let checksum = xxh3_64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The drive and the record.
fn parse(bytes: &[u8]) -> Option<(DriveId, &[u8])> {
    let (covered, checksum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    if xxh3_64(covered) != u64::from_le_bytes(checksum.try_into().ok()?) {
        return None;
    }
    let rest = covered.strip_prefix(MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?.get(4..)?;
    let (drive, rest) = rest.split_first_chunk::<16>()?;
    let (len, record) = rest.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*len) as usize == record.len()).then(|| (DriveId::from_bytes(*drive), record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_and_a_flipped_bit_is_found() {
        let drive = DriveId::from_bytes([7; 16]);
        let piece = |file| Piece { file, first: 1, count: 300 };
        let manifest = Manifest {
            next_file: 900,
            keyspaces: vec![
                (PartitionId(0), vec![]),
                (PartitionId(40_000), vec![vec![piece(4)], vec![piece(2), piece(3)]]),
            ],
        };
        let bytes = manifest.to_bytes(drive);
        let (found, record) = parse(&bytes).unwrap();
        assert_eq!((found, Manifest::decode(record).unwrap()), (drive, manifest));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(parse(&damaged).is_none(), "{at}");
        }
        assert!(parse(&bytes[..bytes.len() - 1]).is_none());
    }

    #[test]
    fn a_number_behind_those_of_all_files_is_damage() {
        let drive = DriveId::from_bytes([7; 16]);
        let read = |next_file| {
            let bytes = Manifest { next_file, keyspaces: Vec::new() }.to_bytes(drive);
            Manifest::check(Path::new("manifest"), &bytes, drive)
        };
        assert!(read(NUMBER_END - 1).is_ok());
        assert!(read(u64::MAX).is_err());
    }
}
