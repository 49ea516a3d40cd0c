//! The files of fjall checked as files, before anything opens them: fjall itself finds damage only in what it happens to
//! read, and does not say in which file.
//!
//! Of each keyspace: `current` (number of the version u64, XXH3-128 of its file, 0) names `v<number>`, whose sections
//! `tables` and `blob_files` list every file with its XXH3-128 (lsm-tree 3.1.10, `version/mod.rs`; the archive around the
//! sections is sfa 1.0.0). Of each journal: its batches (see [`super::fjall_journal`]).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::fjall_journal;

/// A version file longer than this is none.
const VERSION_BYTES_MAX: u64 = 256 << 20;
/// Bytes of `current`.
const CURRENT_BYTES: usize = 25;
/// Bytes of the archive's trailer: mark, version, kind of checksum, checksum, place and length of the contents.
const TRAILER_BYTES: usize = 4 + 1 + 1 + 16 + 8 + 8;
/// How much of a file is read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFileFault {
    /// The file.
    pub path: PathBuf,
    /// Where in it, where that is known.
    pub offset_bytes: Option<u64>,
    /// Whether a crash explains it, so that nothing acknowledged is lost.
    pub is_torn: bool,
    /// What is wrong.
    pub reason: String,
}

/// Checks every file that the engine in `directory` needs.
///
/// # Errors
/// Where a folder can't be listed.
pub fn check_files(directory: &Path, visit: &mut dyn FnMut(EngineFileFault)) -> io::Result<()> {
    for path in entries(directory)? {
        if path.extension().is_some_and(|extension| extension == "jnl") {
            check_journal(&path)
                .unwrap_or_else(|error| Some(unreadable(&path, &error)))
                .into_iter()
                .for_each(&mut *visit);
        }
    }
    for keyspace in entries(&directory.join("keyspaces"))? {
        if !keyspace.is_dir() {
            continue;
        }
        match check_keyspace(&keyspace) {
            Ok(faults) => faults.into_iter().for_each(&mut *visit),
            Err(fault) => visit(fault),
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn check_keyspace(keyspace: &Path) -> Result<Vec<EngineFileFault>, EngineFileFault> {
    let path = keyspace.join("current");
    // Without `current` it was being made when the crash came: fjall removes it.
    if !path.exists() {
        return Ok(Vec::new());
    }
    let current = read(&path, CURRENT_BYTES as u64 + 1).map_err(|error| unreadable(&path, &error))?;
    let Some((number, checksum)) = parse_current(&current) else {
        return Err(damaged(&path, None, "it names no version of the keyspace"));
    };
    let version_path = keyspace.join(format!("v{number}"));
    let version = match read(&version_path, VERSION_BYTES_MAX) {
        Ok(version) => version,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(damaged(
                &path,
                None,
                &format!("it names {}, which is not there", version_path.display()),
            ));
        }
        Err(error) => return Err(unreadable(&version_path, &error)),
    };
    if xxh3_128(&version) != checksum {
        let reason =
            format!("its checksum is not the one that {} names: one of the two is damaged", path.display());
        return Err(damaged(&version_path, None, &reason));
    }
    let Some(files) = parse_version(&version) else {
        return Err(damaged(&version_path, None, "its list of files can't be read"));
    };
    Ok(files.iter().filter_map(|file| check_listed(keyspace, file)).collect())
}

fn check_listed(keyspace: &Path, file: &Listed) -> Option<EngineFileFault> {
    let path = keyspace.join(file.folder).join(file.id.to_string());
    match checksum_of(&path) {
        Ok(found) if found == file.checksum => None,
        Ok(_) => Some(damaged(&path, None, "its checksum is not the one that it was written with")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(damaged(&path, None, "it is missing")),
        Err(error) => Some(unreadable(&path, &error)),
    }
}

fn parse_current(bytes: &[u8]) -> Option<(u64, u128)> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (checksum, rest) = rest.split_first_chunk::<16>()?;
    (rest == [0]).then_some((u64::from_le_bytes(*number), u128::from_le_bytes(*checksum)))
}

/// A file that a version lists.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    folder: &'static str,
    id: u64,
    checksum: u128,
}

fn parse_version(bytes: &[u8]) -> Option<Vec<Listed>> {
    let mut files = Vec::new();
    let mut tables = Fields(section(bytes, b"tables")?);
    for _ in 0..tables.u8()? {
        for _ in 0..tables.u8()? {
            for _ in 0..tables.u32()? {
                files.push(tables.listed("tables")?);
                tables.u64()?; // The sequence number of all its rows.
            }
        }
    }
    let mut blobs = Fields(section(bytes, b"blob_files")?);
    for _ in 0..blobs.u32()? {
        files.push(blobs.listed("blobs")?);
    }
    Some(files)
}

/// A section of the archive, by the contents that its trailer points to.
fn section<'a>(bytes: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let trailer = bytes.get(bytes.len().checked_sub(TRAILER_BYTES)?..)?;
    let mut trailer = Fields(trailer.strip_prefix(b"SFA!\x01\x00")?);
    trailer.array::<16>()?;
    let contents = bytes.get(usize::try_from(trailer.u64()?).ok()?..)?;
    let mut contents = Fields(contents.strip_prefix(b"TOC!")?);
    for _ in 0..contents.u32()? {
        let (at, len) = (contents.u64()?, contents.u64()?);
        let name_len = u16::from_le_bytes(contents.array()?);
        if contents.bytes(name_len.into())? == wanted {
            let start = usize::try_from(at).ok()?;
            return bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?);
        }
    }
    None
}

/// Fields one after the other, little-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn listed(&mut self, folder: &'static str) -> Option<Listed> {
        let id = self.u64()?;
        let kind = self.u8()?;
        let checksum = u128::from_le_bytes(self.array()?);
        (kind == 0).then_some(Listed { folder, id, checksum })
    }
}

#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
fn read(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
fn checksum_of(path: &Path) -> io::Result<u128> {
    let mut file = File::open(path)?;
    let mut hash = Xxh3::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hash.digest128());
        }
        hash.update(piece.get(..read).unwrap_or_default());
    }
}

/// A journal ends with its last whole batch; behind it there are zeros, or what a crash cut short. A whole batch further
/// on shows that it was not a crash.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
fn check_journal(path: &Path) -> io::Result<Option<EngineFileFault>> {
    let end = fjall_journal::end_of_whole(&mut io::BufReader::new(File::open(path)?))?;
    let rest = fjall_journal::tail(path, end)?;
    if rest.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let later = fjall_journal::find_whole(&rest);
    Ok(Some(match later {
        Some(at) => {
            let reason = format!("a batch is damaged: another one that is whole begins at byte {}", end + at);
            damaged(path, Some(end), &reason)
        }
        None => {
            let reason = "the last batch is cut short".to_owned();
            EngineFileFault { path: path.to_owned(), offset_bytes: Some(end), is_torn: true, reason }
        }
    }))
}

fn damaged(path: &Path, offset_bytes: Option<u64>, reason: &str) -> EngineFileFault {
    EngineFileFault { path: path.to_owned(), offset_bytes, is_torn: false, reason: reason.to_owned() }
}

fn unreadable(path: &Path, error: &io::Error) -> EngineFileFault {
    damaged(path, None, &format!("it can't be read: {error}"))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
mod tests {
    use super::super::fjall::{FjallEngine, FjallOptions};
    use super::super::{Engine, EngineBatch};
    use super::*;
    use model::ids::PartitionId;

    /// An engine with tables, a blob file and a journal, closed; in a folder of its own.
    fn filled() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let engine = FjallEngine::open(folder.path(), FjallOptions::default()).unwrap();
        for round in 0..3u8 {
            let mut batch = EngineBatch::default();
            for key in 0..50u8 {
                batch.put(PartitionId(1), &[1, key], &[round; 3_000]);
                batch.put(PartitionId(2), &[1, key], &[round; 30]);
            }
            engine.write(&mut batch).unwrap();
            if round < 2 {
                engine.compact(PartitionId(1)).unwrap();
                engine.compact(PartitionId(2)).unwrap();
            }
        }
        engine.close().unwrap();
        folder
    }

    fn faults(folder: &Path) -> Vec<EngineFileFault> {
        let mut faults = Vec::new();
        check_files(folder, &mut |fault| faults.push(fault)).unwrap();
        faults
    }

    fn flip(path: &Path, offset: usize) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[offset] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    /// The files that hold rows, with a byte to flip in each.
    fn needed(folder: &Path) -> Vec<(PathBuf, usize)> {
        let mut files = vec![(folder.join("0.jnl"), 200)];
        for keyspace in entries(&folder.join("keyspaces")).unwrap() {
            let current = std::fs::read(keyspace.join("current")).unwrap();
            let (number, _) = parse_current(&current).unwrap();
            let version = std::fs::read(keyspace.join(format!("v{number}"))).unwrap();
            files.push((keyspace.join(format!("v{number}")), 40));
            for file in parse_version(&version).unwrap() {
                files.push((keyspace.join(file.folder).join(file.id.to_string()), 100));
            }
        }
        files
    }

    #[test]
    fn an_intact_engine_has_no_fault() {
        assert_eq!(faults(filled().path()), []);
    }

    #[test]
    fn a_flipped_byte_is_found_in_each_kind_of_file() {
        let folder = filled();
        let files = needed(folder.path());
        for kind in ["jnl", "/v", "/tables/", "/blobs/"] {
            assert!(
                files.iter().any(|(path, _)| path.display().to_string().contains(kind)),
                "{kind}: {files:?}"
            );
        }
        for (path, offset) in files {
            flip(&path, offset);
            let found = faults(folder.path());
            assert!(found.len() == 1 && found[0].path == path && !found[0].is_torn, "{path:?}: {found:?}");
            flip(&path, offset);
        }
    }

    #[test]
    fn a_journal_that_was_cut_by_a_crash_is_torn_and_not_damaged() {
        let folder = filled();
        let path = folder.path().join("0.jnl");
        let mut bytes = std::fs::read(&path).unwrap();
        let end = fjall_journal::end_of_whole(&mut bytes.as_slice()).unwrap() as usize;
        bytes[end - 20..end].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let found = faults(folder.path());
        assert!(found.len() == 1 && found[0].is_torn, "{found:?}");
    }

    #[test]
    fn a_file_that_is_gone_is_named() {
        let folder = filled();
        let (path, _) = needed(folder.path()).pop().unwrap();
        std::fs::remove_file(&path).unwrap();
        let found = faults(folder.path());
        assert!(found.len() == 1 && found[0].path == path && found[0].reason == "it is missing", "{found:?}");
    }
}
