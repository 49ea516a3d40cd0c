//! Writing turns: where the next one goes, when a new segment begins, and which old one it takes.
//!
//! Invariants:
//! - A segment is overwritten only when the head of the newest one, which is durable, says that it isn't needed. So a
//!   crash in the middle of the first write to it harms nothing.
//! - Reading can begin only at a segment that begins with a turn (`clean`), so the oldest needed one is always such.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use env::buffer::{AlignedBuffer, BLOCK_BYTES};
use env::{Disk, Random};
use model::ids::DriveId;

use super::error::LogError;
use super::format::{FRAME_HEAD_BYTES, FrameHead, FrameKind, SegmentHead, frame_blocks};
use super::segment::{Live, Segment, failed};

/// How many segments there are at least: one in use, one that a crash may still need, one to go on.
pub(super) const SEGMENTS_MIN: usize = 3;

/// The files of a log and the place behind the last turn.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) random: Arc<dyn Random>,
    pub(super) drive: DriveId,
    pub(super) directory: PathBuf,
    /// Blocks of segments that are made.
    pub(super) blocks: u32,
    /// Needed segments, oldest first.
    pub(super) live: VecDeque<Live>,
    /// Segments that the newest head doesn't need.
    pub(super) free: Vec<Segment>,
    /// Blocks of the newest segment that count.
    pub(super) end: u32,
    /// Whether the newest segment may be written to: not after opening, when what lies behind `end` is unknown.
    pub(super) open: bool,
    /// The last turn.
    pub(super) turn: u64,
}

/// What a new segment has to say about the groups.
pub(super) struct Beginning {
    /// The state of all of them, encoded.
    pub(super) checkpoint: Vec<u8>,
    /// The oldest segment that holds an entry that is needed.
    pub(super) oldest_entry: Option<u64>,
}

impl Writer {
    /// The newest segment's sequence; 0 where there is none.
    pub(super) fn newest(&self) -> u64 {
        self.live.back().map_or(0, |newest| newest.head.sequence)
    }

    /// The oldest segment's sequence that is kept.
    pub(super) fn oldest(&self) -> u64 {
        self.live.front().map_or(0, |oldest| oldest.head.sequence)
    }

    /// Whether so much fits in the newest segment, in one frame.
    pub(super) fn fits(&self, payload_bytes: usize) -> bool {
        self.open && frame_blocks(payload_bytes) <= self.room() as usize
    }

    fn room(&self) -> u32 {
        let blocks = self.live.back().map_or(0, |newest| newest.head.blocks);
        blocks.saturating_sub(self.end)
    }

    /// Makes the segments that there must be at least.
    pub(super) async fn prepare(&mut self) -> Result<(), LogError> {
        while self.live.len() + self.free.len() < SEGMENTS_MIN {
            let made = self.create().await?;
            self.free.push(made);
        }
        Ok(())
    }

    async fn create(&self) -> Result<Segment, LogError> {
        let live = self.live.iter().map(|live| live.segment.number);
        let free = self.free.iter().map(|segment| segment.number);
        let number = live.chain(free).max().map_or(1, |highest| highest + 1);
        Segment::create(&*self.disk, &self.directory, number, self.blocks).await
    }

    /// Writes a turn: in one write where it fits in a segment. Answers the sequence of the segment where it begins.
    pub(super) async fn write_turn(
        &mut self,
        payload: &[u8],
        beginning: impl Fn() -> Beginning,
    ) -> Result<u64, LogError> {
        self.turn += 1;
        if self.fits(payload.len()) {
            let mut buffer = AlignedBuffer::new(frame_blocks(payload.len()) * BLOCK_BYTES);
            let frame = self.frame(FrameKind::Last, 0, self.end, payload);
            frame.encode(payload, buffer.bytes_mut());
            self.write(self.end, buffer).await?;
            return Ok(self.newest());
        }
        let first = self.newest() + 1;
        let mut rest = payload;
        let mut part = 0;
        loop {
            rest = self.begin_segment(rest, part, first, &beginning()).await?;
            part += 1;
            if rest.is_empty() {
                return Ok(first);
            }
        }
    }

    async fn write(&mut self, position: u32, buffer: AlignedBuffer) -> Result<(), LogError> {
        let Some(newest) = self.live.back() else {
            return Ok(());
        };
        let blocks = (buffer.capacity() / BLOCK_BYTES) as u32;
        newest.segment.write(position, buffer.freeze()).await?;
        self.end = position + blocks;
        Ok(())
    }

    fn frame(&self, kind: FrameKind, part: u32, position: u32, payload: &[u8]) -> FrameHead {
        let head = self.live.back().map(|newest| newest.head);
        FrameHead {
            kind,
            sequence: head.map_or(0, |head| head.sequence),
            salt: head.map_or(0, |head| head.salt),
            turn: self.turn,
            part,
            position,
            payload_bytes: payload.len() as u32,
        }
    }

    /// Begins a segment and writes as much of `payload` as fits behind its checkpoint, all in one write. Answers the rest.
    async fn begin_segment<'a>(
        &mut self,
        payload: &'a [u8],
        part: u32,
        first: u64,
        beginning: &Beginning,
    ) -> Result<&'a [u8], LogError> {
        let segment = match self.free.pop() {
            Some(segment) => segment,
            None => self.create().await?,
        };
        let start = 1 + frame_blocks(beginning.checkpoint.len());
        let room_bytes = (segment.blocks as usize).saturating_sub(start).saturating_mul(BLOCK_BYTES);
        let Some(payload_max) = room_bytes.checked_sub(FRAME_HEAD_BYTES) else {
            let source = std::io::Error::other("the state of all groups does not fit");
            return Err(failed(&segment.path, "begin a segment", source));
        };
        let (now, rest) = payload.split_at(payload.len().min(payload_max));
        let kind = match rest {
            [] => FrameKind::Last,
            _ => FrameKind::More,
        };
        let head = self.next_head(&segment, part == 0, first, beginning.oldest_entry);
        self.live.push_back(Live { head, clean: part == 0, segment });
        let mut buffer = AlignedBuffer::new((start + frame_blocks(now.len())) * BLOCK_BYTES);
        head.encode(buffer.bytes_mut());
        let checkpoint = self.frame(FrameKind::Checkpoint, part, 1, &beginning.checkpoint);
        encode_at(&checkpoint, &beginning.checkpoint, &mut buffer);
        encode_at(&self.frame(kind, part, start as u32, now), now, &mut buffer);
        self.write(0, buffer).await?;
        self.open = true;
        self.release(head.oldest);
        Ok(rest)
    }

    fn next_head(
        &self,
        segment: &Segment,
        clean: bool,
        first: u64,
        oldest_entry: Option<u64>,
    ) -> SegmentHead {
        let sequence = self.newest() + 1;
        // What holds an entry is needed, and so is where the turn begins that is being written.
        let needed = oldest_entry.unwrap_or(first).min(first);
        let clean_before = self.live.iter().rev().filter(|live| live.clean);
        let oldest = if clean && needed >= sequence {
            sequence
        } else {
            clean_before
                .map(|live| live.head.sequence)
                .find(|&sequence| sequence <= needed)
                .unwrap_or_else(|| self.oldest())
        };
        SegmentHead {
            blocks: segment.blocks,
            drive: self.drive,
            sequence,
            salt: self.random.number(),
            previous_blocks: if self.live.is_empty() { 0 } else { self.end },
            oldest,
        }
    }

    /// What is older is free, now that a durable head says so.
    fn release(&mut self, oldest: u64) {
        while self.live.front().is_some_and(|live| live.head.sequence < oldest) {
            self.free.extend(self.live.pop_front().map(|live| live.segment));
        }
    }
}

fn encode_at(frame: &FrameHead, payload: &[u8], buffer: &mut AlignedBuffer) {
    let start = frame.position as usize * BLOCK_BYTES;
    if let Some(out) = buffer.bytes_mut().get_mut(start..) {
        frame.encode(payload, out);
    }
}
