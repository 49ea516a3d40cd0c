//! The `format` file: what a drive says of itself and of its store. Text, so that an operator can read it; checked, so that
//! a torn or edited one is noticed. Drawn in `docs/formats/drive.md`.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use env::Disk;
use model::ids::{DriveId, StoreId};

use crate::map::{ClusterMap, Slot};

/// The version this release writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Longest `format` file, in bytes: 10,000 drives.
const FORMAT_BYTES_MAX: usize = 1 << 20;

const TITLE: &str = "rustfs drive, format ";

/// What a drive's `format` file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveFormat {
    /// This drive.
    pub drive: DriveId,
    /// The store as this drive last knew it.
    pub map: ClusterMap,
}

/// Why a `format` file can't be used.
#[derive(Debug, Error)]
pub enum DriveFormatError {
    /// Written by a newer release.
    #[error(
        "{path} has format version {found}, this release knows up to {FORMAT_VERSION}: start the release that wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Not what a release writes.
    #[error(
        "{path} is damaged ({reason}): restore it from a copy, or empty the drive so that it is refilled from the others"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It could not be read or written.
    #[error(
        "{path} can't be accessed: {source}. Check that the drive is mounted and that this user may write to it"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl DriveFormat {
    /// Where this drive belongs.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        self.map.slots().find(|(_, drive)| *drive == self.drive).map(|(slot, _)| slot)
    }

    /// The file's text.
    #[must_use]
    pub fn encode(&self) -> String {
        let map = &self.map;
        let mut text = format!(
            "{TITLE}{FORMAT_VERSION}\nstore {}\ndrive {}\nepoch {}\nparity {}\nparity-reduced {}\npartitions {}\nreplicas {}\n",
            map.store, self.drive, map.epoch, map.parity, map.parity_reduced, map.partitions, map.replicas
        );
        for (slot, drive) in map.slots() {
            text.push_str(&format!("slot {} {} {drive}\n", slot.set, slot.slot));
        }
        let sum = xxh3_64(text.as_bytes());
        text.push_str(&format!("checksum {sum:016x}\n"));
        text
    }

    /// Reads the file's text; the error is a reason, or the version where it is a newer one.
    ///
    /// # Errors
    /// Where the text is not one that [`DriveFormat::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let title = text.lines().next().unwrap_or_default();
        let version: u32 = title
            .strip_prefix(TITLE)
            .and_then(|version| version.parse().ok())
            .ok_or_else(|| DecodeError::Damaged("its first line names no format".into()))?;
        if version > FORMAT_VERSION {
            return Err(DecodeError::Newer(version));
        }
        let (body, sum) = text
            .rsplit_once("checksum ")
            .ok_or_else(|| DecodeError::Damaged("it is cut short: the checksum is missing".into()))?;
        if u64::from_str_radix(sum.trim_end(), 16) != Ok(xxh3_64(body.as_bytes())) {
            return Err(DecodeError::Damaged("its checksum does not match".into()));
        }
        Fields::read(body)
    }
}

/// See [`DriveFormat::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Of a newer version.
    Newer(u32),
    /// Why it is none.
    Damaged(String),
}

struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl Fields<'_> {
    fn read(body: &str) -> Result<DriveFormat, DecodeError> {
        let fields = Fields(body.lines().skip(1).filter_map(|line| line.split_once(' ')).collect());
        let mut sets: Vec<Vec<DriveId>> = Vec::new();
        for (_, value) in fields.0.iter().filter(|(name, _)| *name == "slot") {
            fields
                .slot(value, &mut sets)
                .ok_or_else(|| DecodeError::Damaged(format!("bad slot: {value}")))?;
        }
        Ok(DriveFormat {
            drive: fields.parse("drive", DriveId::from_hex)?,
            map: ClusterMap {
                store: fields.parse("store", StoreId::from_hex)?,
                epoch: fields.parse("epoch", |value| value.parse().ok())?,
                sets,
                parity: fields.parse("parity", |value| value.parse().ok())?,
                parity_reduced: fields.parse("parity-reduced", |value| value.parse().ok())?,
                partitions: fields.parse("partitions", |value| value.parse().ok().filter(|n| *n > 0))?,
                replicas: fields.parse("replicas", |value| value.parse().ok().filter(|n| *n > 0))?,
            },
        })
    }

    fn slot(&self, value: &str, sets: &mut Vec<Vec<DriveId>>) -> Option<()> {
        let mut words = value.split(' ');
        let (set, slot) = (words.next()?.parse::<u16>().ok()?, words.next()?.parse::<u8>().ok()?);
        // The greatest numbers are none of a set or slot: they count what there are.
        if set == u16::MAX || slot == u8::MAX {
            return None;
        }
        let (set, slot) = (usize::from(set), usize::from(slot));
        let drive = DriveId::from_hex(words.next()?)?;
        if set == sets.len() {
            sets.push(Vec::new());
        }
        let drives = sets.get_mut(set)?;
        (drives.len() == slot).then(|| drives.push(drive))
    }

    fn parse<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, DecodeError> {
        let found = self.0.iter().find(|(field, _)| *field == name);
        found
            .and_then(|(_, value)| parse(value))
            .ok_or_else(|| DecodeError::Damaged(format!("bad or missing {name}")))
    }
}

/// Where a drive's `format` file is.
#[must_use]
pub fn path(drive: &Path) -> PathBuf {
    drive.join("format")
}

/// Reads a drive's `format` file; `None` where there is none.
///
/// # Errors
/// Where there is one that can't be used.
pub async fn read(disk: &dyn Disk, drive: &Path) -> Result<Option<DriveFormat>, DriveFormatError> {
    let path = path(drive);
    let text = match env::read_file(disk, &path, FORMAT_BYTES_MAX).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DriveFormatError::Io { path, source }),
    };
    match DriveFormat::decode(&String::from_utf8_lossy(&text)) {
        Ok(format) => Ok(Some(format)),
        Err(DecodeError::Newer(found)) => Err(DriveFormatError::Newer { path, found }),
        Err(DecodeError::Damaged(reason)) => Err(DriveFormatError::Damaged { path, reason }),
    }
}

/// Writes a drive's `format` file, whole or not at all.
///
/// # Errors
/// Where it can't be written.
pub async fn write(disk: &dyn Disk, drive: &Path, format: &DriveFormat) -> Result<(), DriveFormatError> {
    let path = path(drive);
    let written = env::replace_file(disk, &path, Bytes::from(format.encode())).await;
    written.map_err(|source| DriveFormatError::Io { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> DriveFormat {
        let drives: Vec<_> = (1..=4u8).map(|n| DriveId::from_bytes([n; 16])).collect();
        let map = ClusterMap {
            store: StoreId::from_bytes([0xaa; 16]),
            epoch: 3,
            sets: drives.chunks(2).map(<[_]>::to_vec).collect(),
            parity: 1,
            parity_reduced: 1,
            partitions: 16,
            replicas: 3,
        };
        DriveFormat { drive: drives[2], map }
    }

    #[test]
    fn a_format_comes_back_and_knows_its_slot() {
        let format = sample();
        assert_eq!(DriveFormat::decode(&format.encode()), Ok(format.clone()));
        assert_eq!(format.slot(), Some(Slot { set: 1, slot: 0 }));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let text = sample().encode();
        for cut in 0..text.len() - 1 {
            assert!(DriveFormat::decode(&text[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            assert!(DriveFormat::decode(&changed).is_err(), "byte {at}: {changed}");
        }
    }

    #[test]
    fn the_document_shows_a_file_as_it_is() {
        let document = include_str!("../../../docs/formats/drive.md");
        let sample = document.split("```\n").find(|block| block.contains("\nstore 9c1e")).unwrap();
        let format = DriveFormat::decode(sample).unwrap();
        assert_eq!((format.encode().as_str(), format.map.drive_count()), (sample, 2));
    }

    /// Found by fuzzing: with 256 drives in a set, counting their slots went over the end.
    #[test]
    fn a_set_has_as_many_drives_as_slots_can_be_counted() {
        let with = |count: u128| {
            let drives = (1..=count).map(|n| DriveId::from_bytes(n.to_be_bytes())).collect();
            let map = ClusterMap { sets: vec![drives], ..sample().map };
            DriveFormat { drive: DriveId::from_bytes([1; 16]), map }.encode()
        };
        assert_eq!(DriveFormat::decode(&with(255)).map(|format| format.map.slots().count()), Ok(255));
        let one_more =
            with(255).replace("checksum ", "slot 0 255 00000000000000000000000000000001\nchecksum ");
        let body = one_more.split("checksum ").next().unwrap();
        let forged = format!("{body}checksum {:016x}\n", xxh3_64(body.as_bytes()));
        assert_eq!(
            DriveFormat::decode(&forged).unwrap_err(),
            DecodeError::Damaged("bad slot: 0 255 00000000000000000000000000000001".into())
        );
    }

    #[test]
    fn a_newer_version_says_so() {
        let text = sample().encode().replace("format 1", "format 9");
        assert_eq!(DriveFormat::decode(&text), Err(DecodeError::Newer(9)));
    }
}
