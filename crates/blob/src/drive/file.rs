//! Shard files: their names and folders, making, committing and removing them.
//!
//! Order of durability at a commit: the file's bytes and length -> the folders above it, the first time in this process
//! -> the name in its folder. A crash before leaves a file that no record refers to, or none; the collector finds it. A
//! repaired shard is written beside the damaged one and renamed over it, so that a crash never takes what was left.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::{File, OpenOptions};
use model::ids::BlobId;

use super::Drive;
use crate::error::FaultKind;

/// What the name of a file being written by a repair ends with.
const REPAIR_SUFFIX: &str = ".new";

/// The golden ratio, as a fraction of 2^64: its multiples are spread evenly, whatever they begin with.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which folders the files of new blobs go to: one for a run of them, then another. In the long run each folder comes to
/// hold as many files as if each blob chose its own.
#[derive(Debug)]
pub(crate) struct FolderRuns {
    first: u64,
    run_blobs: u64,
    blobs: AtomicU64,
}

impl FolderRuns {
    /// From `random` on.
    pub(crate) fn new(random: u64, run_blobs: u64) -> Self {
        FolderRuns { first: random, run_blobs: run_blobs.max(1), blobs: AtomicU64::new(0) }
    }

    /// The number of the folder of the next blob.
    pub(crate) fn next(&self) -> u16 {
        let run = self.blobs.fetch_add(1, Ordering::Relaxed) / self.run_blobs;
        (self.first.wrapping_add(run.wrapping_mul(GOLDEN)) >> 48) as u16
    }
}

/// Number of the folder of a blob: the first two bytes of its id behind the time.
pub(crate) fn folder_number(id: &BlobId) -> u16 {
    let [_, _, _, _, _, _, high, low, ..] = *id.bytes();
    u16::from_be_bytes([high, low])
}

/// Reads the name of a shard file.
pub(crate) fn parse_name(name: &str) -> Option<(BlobId, u8)> {
    let (id, shard) = name.split_once('.')?;
    let number: u8 = shard.parse().ok()?;
    // One shard has one name: no signs, no leading zeros.
    (number.to_string() == shard).then_some(())?;
    Some((BlobId::from_hex(id)?, number))
}

/// The blob that a file being written by a repair is of.
pub(crate) fn parse_repair_name(name: &str) -> Option<BlobId> {
    let (id, _) = name.strip_suffix(REPAIR_SUFFIX)?.split_once('.')?;
    BlobId::from_hex(id)
}

/// A shard file being written.
pub(crate) struct NewFile {
    pub(crate) file: Arc<dyn File>,
    path: PathBuf,
    renamed_to: Option<PathBuf>,
    id: BlobId,
}

impl Drive {
    /// The folder of that number.
    pub(crate) fn folder(&self, number: u16) -> PathBuf {
        let [high, low] = number.to_be_bytes();
        self.shards.join(format!("{high:02x}")).join(format!("{low:02x}"))
    }

    /// The path of a shard's file.
    pub(crate) fn file_path(&self, id: &BlobId, shard: u8) -> PathBuf {
        self.folder(folder_number(id)).join(format!("{id}.{shard}"))
    }

    /// Makes a shard file, with room for so many bytes where that is known.
    pub(crate) async fn create_file(
        &self,
        id: BlobId,
        shard: u8,
        len_bytes: Option<u64>,
        repair: bool,
    ) -> Result<NewFile, FaultKind> {
        self.health.take(len_bytes.unwrap_or(0))?;
        let last = self.file_path(&id, shard);
        let path = match repair {
            // A name of its own, so that a repair that was given up can't get in the way of the next.
            true => {
                let number = self.env.random.number();
                PathBuf::from(format!("{}.{number:016x}{REPAIR_SUFFIX}", last.display()))
            }
            false => last.clone(),
        };
        let file = self.create_at(&id, &path).await;
        let file = file.map_err(|error| self.write_fault(&error))?;
        if let Some(len) = len_bytes
            && let Err(error) = file.allocate(len).await
        {
            if repair {
                let _ = self.env.disk.remove(&path).await;
            }
            return Err(self.write_fault(&error));
        }
        Ok(NewFile { file, path, renamed_to: repair.then_some(last), id })
    }

    async fn create_at(&self, id: &BlobId, path: &Path) -> io::Result<Arc<dyn File>> {
        let options = OpenOptions { write: true, create_new: true, direct: true, ..OpenOptions::default() };
        let disk = &self.env.disk;
        match disk.open(path, options).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.folder(folder_number(id));
                disk.create_directories(&folder).await?;
                disk.open(path, options).await
            }
            other => other,
        }
    }

    /// Makes a shard file durable, of so many bytes where it must be cut or grown.
    pub(crate) async fn commit(&self, new: &NewFile, len_bytes: Option<u64>) -> Result<(), FaultKind> {
        if let Some(len) = len_bytes {
            let cut = new.file.set_len(len).await;
            cut.map_err(|error| self.write_fault(&error))?;
        }
        let synced = new.file.sync().await;
        synced.map_err(|error| self.sync_fault("a shard file could not be synced", &error))?;
        if let Some(last) = &new.renamed_to {
            let renamed = self.env.disk.rename(&new.path, last).await;
            renamed.map_err(|error| FaultKind::io(&error))?;
        }
        let named = self.sync_folders(folder_number(&new.id)).await;
        named.map_err(|error| self.sync_fault("a folder could not be synced", &error))
    }

    async fn sync_folders(&self, number: u16) -> io::Result<()> {
        let folder = self.folder(number);
        let known = self.durable_folders.lock().contains(&number);
        if !known {
            self.env.disk.sync_directory(&self.shards).await?;
            if let Some(above) = folder.parent() {
                self.env.disk.sync_directory(above).await?;
            }
            self.durable_folders.lock().insert(number);
        }
        self.env.disk.sync_directory(&folder).await
    }

    fn sync_fault(&self, what: &str, error: &io::Error) -> FaultKind {
        self.health.poison(format!("{what}: {error}"));
        FaultKind::io(error)
    }

    /// What a failed write says of the drive.
    pub(crate) fn write_fault(&self, error: &io::Error) -> FaultKind {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.health.note_full();
            return FaultKind::NotWritable;
        }
        FaultKind::io(error)
    }

    /// Removes what a repair wrote and did not commit.
    pub(crate) async fn discard(&self, new: &NewFile) {
        if let Err(error) = self.env.disk.remove(&new.path).await {
            tracing::debug!(path = %new.path.display(), %error, "an unfinished shard is left to the collector");
        }
    }

    /// Unlinks a shard's file, if there is one: for good when [`Drive::sync_removed`] has returned.
    pub(crate) async fn remove_file(&self, id: &BlobId, shard: u8) -> Result<(), FaultKind> {
        match self.env.disk.remove(&self.file_path(id, shard)).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(FaultKind::io(&error)),
        }
    }

    /// Makes it durable that files are gone from a folder.
    pub(crate) async fn sync_removed(&self, number: u16) -> Result<(), FaultKind> {
        match self.env.disk.sync_directory(&self.folder(number)).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.sync_fault("a folder could not be synced", &error)),
        }
    }

    /// Opens a shard's file for reading.
    pub(crate) async fn open_file(&self, id: &BlobId, shard: u8) -> Result<Arc<dyn File>, FaultKind> {
        let path = self.file_path(id, shard);
        match self.env.disk.open(&path, OpenOptions::default()).await {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FaultKind::Missing),
            Err(error) => Err(FaultKind::io(&error)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_strictly() {
        let id = BlobId::from_bytes([0xab; 16]);
        assert_eq!(parse_name(&format!("{id}.3")), Some((id, 3)));
        for other in ["3", "03", "+3", "3.new", "", "256"] {
            let name = format!("{id}.{other}");
            assert_eq!(parse_name(&name).is_some(), other == "3", "{name}");
        }
        assert_eq!(parse_name("seg"), None);
        let repaired = format!("{id}.3.0123456789abcdef.new");
        assert_eq!((parse_name(&repaired), parse_repair_name(&repaired)), (None, Some(id)));
    }

    #[test]
    fn blobs_in_a_row_share_a_folder_and_many_use_all_folders_alike() {
        const RUN_BLOBS: u64 = 16;
        const RUNS: u64 = 4 << 16;
        let runs = FolderRuns::new(0x1234_5678_9abc_def0, RUN_BLOBS);
        let mut files = vec![0u64; 1 << 16];
        for _ in 0..RUNS {
            let folder = runs.next();
            assert!((1..RUN_BLOBS).all(|_| runs.next() == folder));
            files[usize::from(folder)] += RUN_BLOBS;
        }
        let (least, most) = (files.iter().min().copied(), files.iter().max().copied());
        assert!(least >= Some(2 * RUN_BLOBS) && most <= Some(6 * RUN_BLOBS), "{least:?} {most:?}");
    }

    #[test]
    fn folders_come_from_the_random_part() {
        let time = model::time::Timestamp::from_millis(1_700_000_000_000);
        let id = BlobId::new(time, [0xa1, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(folder_number(&id), 0xa10b);
    }
}
