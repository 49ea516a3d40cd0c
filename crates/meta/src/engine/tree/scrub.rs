//! Reading all files of an engine that is in use, past the page cache, in steps that whoever asks for them paces.
//!
//! What always holds: only what the engine needs now is read and told of. A file is held while it is read, so it can't go
//! meanwhile; a leaf that was merged away or dropped meanwhile is nobody's, whatever it holds.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use env::{BoxFuture, File, OpenOptions};

use super::core::Core;
use super::damage::{Damage, damaged};
use super::file::{FileFault, HEAD_BYTES, RowFile, TAIL_BYTES};
use super::manifest::{MANIFEST, Manifest};
use crate::engine::{CheckStep, EngineCheck, FoundDamage};

const DIRECT: OpenOptions =
    OpenOptions { write: false, create_new: false, direct: true, write_through: false, on_caller: false };

/// A walk over the files that there were when it began.
pub(super) struct TreeCheck {
    core: Arc<Core>,
    /// Still to be read, the last one first.
    files: Vec<u64>,
    open: Option<OpenFile>,
}

struct OpenFile {
    rows: Arc<RowFile>,
    file: Arc<dyn File>,
    /// The next leaf.
    leaf: usize,
}

impl TreeCheck {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let files = core.state().version.files().into_keys().rev().collect();
        TreeCheck { core, files, open: None }
    }

    async fn advance(&mut self, step: &mut CheckStep) {
        if self.core.check_open().is_err() {
            step.is_last = true;
        } else if let Some(open) = self.open.take() {
            self.open = self.leaf(open, step).await;
        } else if let Some(number) = self.files.pop() {
            self.open = self.begin(number, step).await;
        } else {
            self.manifest(step).await;
            step.is_last = true;
        }
    }

    /// Opens a file and checks what tells of its leaves; they are read as the engine knows them.
    async fn begin(&self, number: u64, step: &mut CheckStep) -> Option<OpenFile> {
        let rows = self.core.state().version.files().remove(&number)?;
        let file = match self.core.env.disk.open(&rows.path, DIRECT).await {
            Ok(file) => file,
            Err(error) => {
                self.note_in(step, number, None, unreadable(&rows.path, 0, &error));
                return None;
            }
        };
        if let Err(damage) = check_frame(&self.core, &rows, &file, step).await {
            self.note_in(step, number, None, damage);
        }
        Some(OpenFile { rows, file, leaf: 0 })
    }

    /// Reads the next leaf that is needed; the file, where there may be more.
    async fn leaf(&self, mut open: OpenFile, step: &mut CheckStep) -> Option<OpenFile> {
        let (at, leaf) = (open.leaf as u32, open.rows.leaves.get(open.leaf)?);
        let number = open.rows.number;
        if !self.core.state().version.needing(number, Some(at)).is_empty() {
            step.read_bytes += leaf.size_bytes();
            let read = open.file.read_at(leaf.start, leaf.size_bytes() as usize).await;
            let checked = match read {
                Ok(bytes) => open.rows.check_leaf(leaf, &bytes),
                Err(error) => Err(unreadable(&open.rows.path, leaf.start, &error).into()),
            };
            if let Err(FileFault::Damage(damage)) = checked {
                self.note_in(step, number, Some(at), damage);
            }
        }
        open.leaf += 1;
        Some(open)
    }

    fn edition(&self) -> u64 {
        self.core.edition.load(Ordering::Relaxed)
    }

    async fn manifest(&self, step: &mut CheckStep) {
        let path = self.core.directory.join(MANIFEST);
        let edition = self.edition();
        let read = read_whole(&*self.core.env.disk, &path).await;
        let checked = match &read {
            Ok(bytes) => Manifest::check(&path, bytes, self.core.drive),
            Err(error) => Err(unreadable(&path, 0, error)),
        };
        step.read_bytes += read.map_or(0, |bytes| bytes.len() as u64);
        if let Err(damage) = checked {
            self.note(step, FoundDamage { damage, file: None, leaf: None, edition });
        }
    }

    fn note_in(&self, step: &mut CheckStep, number: u64, leaf: Option<u32>, damage: Damage) {
        self.note(step, FoundDamage { damage, file: Some(number), leaf, edition: self.edition() });
    }

    fn note(&self, step: &mut CheckStep, found: FoundDamage) {
        if self.is_left(&found) {
            step.found.push(found);
        }
    }
}

impl EngineCheck for TreeCheck {
    fn step(&mut self, limit_bytes: u64) -> BoxFuture<'_, CheckStep> {
        Box::pin(async move {
            let mut step = CheckStep::default();
            while step.read_bytes < limit_bytes && !step.is_last {
                self.advance(&mut step).await;
            }
            step
        })
    }

    fn is_left(&self, found: &FoundDamage) -> bool {
        match found.file {
            Some(number) => !self.core.state().version.needing(number, found.leaf).is_empty(),
            None => self.edition() == found.edition,
        }
    }
}

/// Checks head, tail and directory of a file.
async fn check_frame(
    core: &Core,
    rows: &RowFile,
    file: &Arc<dyn File>,
    step: &mut CheckStep,
) -> Result<(), Damage> {
    let unreadable = |at: u64| move |error: io::Error| unreadable(&rows.path, at, &error);
    step.read_bytes += 2 * env::buffer::BLOCK_BYTES as u64;
    let head = file.read_at(0, HEAD_BYTES).await.map_err(unreadable(0))?;
    rows.check_head(core.drive, &head)?;
    let tail = file.read_at(rows.tail_at(), TAIL_BYTES).await.map_err(unreadable(rows.tail_at()))?;
    let place = rows.directory_place(&tail)?;
    let read = file.read_at(place.offset, place.len_bytes as usize).await;
    step.read_bytes += u64::from(place.len_bytes);
    rows.check_directory(place, &read.map_err(unreadable(place.offset))?)
}

async fn read_whole(disk: &dyn env::Disk, path: &Path) -> io::Result<Bytes> {
    let file = disk.open(path, DIRECT).await?;
    let len = file.len().await?;
    file.read_at(0, len as usize).await
}

fn unreadable(path: &Path, offset_bytes: u64, error: &io::Error) -> Damage {
    damaged(path, offset_bytes, &format!("it can't be read: {error}"))
}
