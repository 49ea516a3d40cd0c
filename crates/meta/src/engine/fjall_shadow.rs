//! A copy of fjall's folder that can be opened without the original being touched: opening repairs, deletes and writes.
//!
//! Tables and blob files never change once they are written, so links to them do; everything else is small, or the
//! journal, and is copied. What fjall removes in the copy is a link.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fjall::{FjallEngine, FjallOptions};
use super::{Engine, EngineError};

/// Folders of files that never change.
const IMMUTABLE: &[&str] = &["tables", "blobs"];
/// How much is copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// An engine that is open on a copy; the copy goes when this is dropped.
pub struct ShadowEngine {
    engine: Arc<FjallEngine>,
    folder: Folder,
}

impl std::fmt::Debug for ShadowEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShadowEngine({})", self.folder.0.display())
    }
}

/// Removes a folder in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // It is below the folder for temporary files: what can't be removed goes with that.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl ShadowEngine {
    /// Opens a copy of `directory`, made as `shadow`, which must not be there.
    ///
    /// # Errors
    /// Where it can't be copied, or the engine refuses what it holds.
    pub fn open(directory: &Path, shadow: &Path, options: FjallOptions) -> Result<Self, EngineError> {
        let folder = Folder(shadow.to_owned());
        let copied = copy_folder(directory, shadow, true);
        copied.map_err(|source| EngineError::Failed {
            place: directory.display().to_string(),
            action: "copy it for looking at it",
            source: Box::new(source),
        })?;
        let engine = Arc::new(FjallEngine::open(shadow, options)?);
        Ok(ShadowEngine { engine, folder })
    }

    /// The engine on the copy.
    #[must_use]
    pub fn engine(&self) -> Arc<dyn Engine> {
        let engine: Arc<FjallEngine> = Arc::clone(&self.engine);
        engine
    }
}

impl Drop for ShadowEngine {
    fn drop(&mut self) {
        // The copy goes anyway.
        let _ = self.engine.close();
    }
}

#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
fn copy_folder(from: &Path, to: &Path, is_root: bool) -> io::Result<()> {
    match is_root {
        // Somebody else's folder of that name is not written into.
        true => std::fs::create_dir(to)?,
        false => std::fs::create_dir_all(to)?,
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let is_immutable =
            from.file_name().is_some_and(|name| IMMUTABLE.iter().any(|folder| name == *folder));
        if path.is_dir() {
            copy_folder(&path, &copy, false)?;
        } else if is_immutable {
            symlink(std::path::absolute(&path)?, &copy)?;
        } else {
            copy_file(&path, &copy)?;
        }
    }
    Ok(())
}

/// Copies a file, with holes where it holds zeros: a journal is reserved far beyond what it holds.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut input = File::open(from)?;
    let mut output = OpenOptions::new().write(true).create_new(true).open(to)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut len = 0;
    loop {
        let read = input.read(&mut piece)?;
        if read == 0 {
            return output.set_len(len);
        }
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            output.seek(SeekFrom::Start(len))?;
            output.write_all(bytes)?;
        }
        len += read as u64;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own, which no env::Disk knows")]
mod tests {
    use super::super::EngineBatch;
    use super::*;
    use model::ids::PartitionId;

    fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => found.extend(tree(&path)),
                false => found.push((path.clone(), std::fs::read(&path).unwrap())),
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_shadow_holds_the_rows_and_leaves_the_original_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (original, shadow) = (folder.path().join("engine"), folder.path().join("shadow"));
        let engine = FjallEngine::open(&original, FjallOptions::default()).unwrap();
        let mut batch = EngineBatch::default();
        batch.put(PartitionId(1), b"flushed", &[7; 5_000]);
        engine.write(&mut batch).unwrap();
        engine.compact(PartitionId(1)).unwrap();
        batch.put(PartitionId(1), b"journal", b"value");
        engine.write(&mut batch).unwrap();
        engine.close().unwrap();
        drop(engine);
        let before = tree(&original);
        let opened = ShadowEngine::open(&original, &shadow, FjallOptions::default()).unwrap();
        let get = |key: &[u8]| opened.engine().get(PartitionId(1), key).unwrap().map(|value| value.to_vec());
        assert_eq!(get(b"journal").as_deref(), Some(b"value".as_slice()));
        assert_eq!(get(b"flushed"), Some(vec![7; 5_000]));
        let mut batch = EngineBatch::default();
        batch.put(PartitionId(1), b"flushed", b"other");
        opened.engine().write(&mut batch).unwrap();
        opened.engine().compact(PartitionId(1)).unwrap();
        drop(opened);
        assert!(!shadow.exists());
        assert!(before == tree(&original), "the original was changed");
    }
}
