//! Segment files: made once, zero-filled, and used again and again.
//!
//! A file's name says nothing about what is in it; its head does. So using it again is one write, and no rename.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use env::buffer::{AlignedBuffer, BLOCK_BYTES};
use env::{Disk, File, OpenOptions};

use super::error::LogError;
use super::format::{BadHead, FrameHead, FrameKind, SegmentHead, VERSION};

/// The shortest segment in blocks.
pub(super) const BLOCKS_MIN: u32 = 16;
/// How much is zeroed at a time.
const ZERO_BYTES: usize = 1 << 20;

/// An open segment file.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The number in its name.
    pub(super) number: u32,
    pub(super) blocks: u32,
    file: Arc<dyn File>,
}

/// A segment that is needed.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) head: SegmentHead,
    /// It begins with a turn, not in the middle of one: reading may begin here.
    pub(super) clean: bool,
    pub(super) segment: Segment,
}

/// What a segment file holds.
pub(super) struct Contents {
    pub(super) segment: Segment,
    pub(super) head: Result<SegmentHead, BadHead>,
}

/// The bytes of a segment that has a head.
pub(super) struct Frames<'a> {
    pub(super) head: &'a SegmentHead,
    pub(super) bytes: &'a [u8],
}

fn options(create_new: bool) -> OpenOptions {
    OpenOptions { write: true, create_new, direct: true, write_through: true, on_caller: true }
}

impl Segment {
    /// Opens what is there. Files that are too short for a segment (a crash came while one was being made) are removed.
    ///
    /// All of it is synced first: a process that was killed may have left writes and names that are seen, but that a power
    /// cut would still take back. What is read here is built upon, so it must be durable.
    pub(super) async fn open_all(disk: &dyn Disk, directory: &Path) -> Result<Vec<Contents>, LogError> {
        let listed = disk.list(directory).await;
        let mut found = Vec::new();
        for entry in listed.map_err(|source| failed(directory, "list the directory", source))? {
            let Some(number) = number_of(&entry.name) else {
                continue;
            };
            let path = directory.join(&entry.name);
            if entry.size_bytes < u64::from(BLOCKS_MIN) * BLOCK_BYTES as u64 {
                let removed = disk.remove(&path).await;
                removed.map_err(|source| failed(&path, "remove an unfinished segment", source))?;
                continue;
            }
            let opened = disk.open(&path, options(false)).await;
            let segment = Segment {
                file: opened.map_err(|source| failed(&path, "open a segment", source))?,
                blocks: u32::try_from(entry.size_bytes / BLOCK_BYTES as u64).unwrap_or(u32::MAX),
                number,
                path,
            };
            let synced = segment.file.sync().await;
            synced.map_err(|source| failed(&segment.path, "sync a segment", source))?;
            let block = segment.read(0, 1).await?;
            let head = SegmentHead::decode(&block);
            found.push(Contents { segment, head });
        }
        let synced = disk.sync_directory(directory).await;
        synced.map_err(|source| failed(directory, "sync the directory", source))?;
        Ok(found)
    }

    /// Opens what is there for reading alone: nothing is made durable, and nothing removed.
    pub(super) async fn open_to_read(disk: &dyn Disk, directory: &Path) -> Result<Vec<Contents>, LogError> {
        let listed = disk.list(directory).await;
        let mut found = Vec::new();
        for entry in listed.map_err(|source| failed(directory, "list the directory", source))? {
            let is_unfinished = entry.size_bytes < u64::from(BLOCKS_MIN) * BLOCK_BYTES as u64;
            let Some(number) = number_of(&entry.name).filter(|_| !is_unfinished) else {
                continue;
            };
            let path = directory.join(&entry.name);
            let opened = disk.open(&path, OpenOptions::default()).await;
            let segment = Segment {
                file: opened.map_err(|source| failed(&path, "open a segment", source))?,
                blocks: u32::try_from(entry.size_bytes / BLOCK_BYTES as u64).unwrap_or(u32::MAX),
                number,
                path,
            };
            let head = SegmentHead::decode(&segment.read(0, 1).await?);
            found.push(Contents { segment, head });
        }
        Ok(found)
    }

    /// Makes a new one, filled with zeros, so that later writes change no metadata of the file system.
    pub(super) async fn create(
        disk: &dyn Disk,
        directory: &Path,
        number: u32,
        blocks: u32,
    ) -> Result<Segment, LogError> {
        let path = directory.join(format!("segment-{number:05}.log"));
        let opened = disk.open(&path, options(true)).await;
        let file = opened.map_err(|source| failed(&path, "make a segment", source))?;
        let len_bytes = u64::from(blocks) * BLOCK_BYTES as u64;
        let allocated = file.allocate(len_bytes).await;
        allocated.map_err(|source| failed(&path, "reserve space for a segment", source))?;
        let zeros = AlignedBuffer::new(ZERO_BYTES).freeze();
        let mut offset = 0;
        while offset < len_bytes {
            let len = (len_bytes - offset).min(ZERO_BYTES as u64);
            let written = file.write_at(offset, zeros.slice(..len as usize)).await;
            written.map_err(|source| failed(&path, "zero a segment", source))?;
            offset += len;
        }
        let synced = file.sync().await;
        synced.map_err(|source| failed(&path, "sync a segment", source))?;
        let synced = disk.sync_directory(directory).await;
        synced.map_err(|source| failed(directory, "sync the directory", source))?;
        Ok(Segment { path, number, blocks, file })
    }

    /// The checkpoint's frame, where the segment begins whole.
    pub(super) async fn beginning(&self, head: &SegmentHead) -> Result<Option<FrameHead>, LogError> {
        for blocks in [BLOCKS_MIN.min(head.blocks), head.blocks] {
            let bytes = self.read(0, blocks).await?;
            let frames = Frames { head, bytes: &bytes };
            if let Some((frame, _)) = frames.checkpoint() {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Reads whole blocks.
    pub(super) async fn read(&self, position: u32, blocks: u32) -> Result<Bytes, LogError> {
        let len = blocks as usize * BLOCK_BYTES;
        let offset = u64::from(position) * BLOCK_BYTES as u64;
        let read = self.file.read_at(offset, len).await;
        read.map_err(|source| failed(&self.path, "read a segment", source))
    }

    /// Writes whole blocks; durable when it returns.
    pub(super) async fn write(&self, position: u32, data: Bytes) -> Result<(), LogError> {
        assert!(
            position as usize + data.len() / BLOCK_BYTES <= self.blocks as usize,
            "a write stays within its segment"
        );
        let offset = u64::from(position) * BLOCK_BYTES as u64;
        let written = self.file.write_at(offset, data).await;
        written.map_err(|source| failed(&self.path, "write a segment", source))
    }
}

impl Contents {
    /// The head, where there is a whole one of a version that this release knows.
    pub(super) fn head(&self) -> Result<Option<SegmentHead>, LogError> {
        match self.head {
            Ok(head) => Ok(Some(head)),
            Err(BadHead::Invalid) => Ok(None),
            Err(BadHead::Newer(found)) => {
                Err(LogError::Newer { path: self.segment.path.clone(), found, known: VERSION })
            }
        }
    }
}

impl<'a> Frames<'a> {
    /// The frame at a block, where there is a whole one of this segment's generation.
    pub(super) fn at(&self, position: u32) -> Option<(FrameHead, &'a [u8])> {
        let (frame, payload) = frame_at(self.bytes, position)?;
        let ours = frame.sequence == self.head.sequence && frame.salt == self.head.salt;
        ours.then_some((frame, payload))
    }

    /// The checkpoint, with which every segment begins.
    pub(super) fn checkpoint(&self) -> Option<(FrameHead, &'a [u8])> {
        self.at(1).filter(|(frame, _)| frame.kind == FrameKind::Checkpoint)
    }

    /// Whether a write to this block was begun, as far as can be told.
    pub(super) fn has_beginning_at(&self, position: u32) -> bool {
        let bytes = self.bytes.get(position as usize * BLOCK_BYTES..);
        bytes
            .and_then(FrameHead::peek)
            .is_some_and(|frame| frame.sequence == self.head.sequence && frame.salt == self.head.salt)
    }

    /// The first whole frame at or behind a block.
    pub(super) fn next_from(&self, position: u32) -> Option<FrameHead> {
        (position..self.head.blocks).find_map(|position| self.at(position).map(|(frame, _)| frame))
    }
}

/// The frame at a block, whatever generation it is of; it lies where it says.
pub(super) fn frame_at(bytes: &[u8], position: u32) -> Option<(FrameHead, &[u8])> {
    let bytes = bytes.get(position as usize * BLOCK_BYTES..)?;
    FrameHead::decode(bytes).filter(|(frame, _)| frame.position == position)
}

fn number_of(name: &str) -> Option<u32> {
    name.strip_prefix("segment-")?.strip_suffix(".log")?.parse().ok()
}

pub(super) fn failed(path: &Path, action: &'static str, source: std::io::Error) -> LogError {
    LogError::Io { path: path.to_owned(), action, source }
}
