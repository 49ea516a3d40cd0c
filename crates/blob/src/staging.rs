//! Where shard files are put together before they go to the drive in whole blocks.
//!
//! What always holds: a [`Stage`] keeps less than a block between writes, and has no buffer until the next frame; what it
//! gives out is written at increasing offsets without gaps. Memory comes from a bounded pool and is not zeroed when it is
//! used again, so every byte that goes to a drive is written here first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use env::buffer::{AlignedBuffer, BLOCK_BYTES, blocks};
use parking_lot::Mutex;

use crate::shard::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES};

/// What a stage writes at once, in bytes, where frames are smaller.
const WRITE_BYTES: usize = 256 * 1024;

#[derive(Debug, Default)]
struct Free {
    buffers: HashMap<usize, Vec<AlignedBuffer>>,
    bytes: usize,
}

/// Buffers kept for the next write.
#[derive(Debug)]
pub(crate) struct StagingPool {
    free: Mutex<Free>,
    bytes_max: usize,
}

impl StagingPool {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(StagingPool { free: Mutex::default(), bytes_max })
    }

    fn take(self: &Arc<Self>, capacity: usize) -> Staging {
        let mut free = self.free.lock();
        let kept = free.buffers.get_mut(&capacity).and_then(Vec::pop);
        free.bytes -= kept.as_ref().map_or(0, AlignedBuffer::capacity);
        drop(free);
        Staging { buffer: Some(kept.unwrap_or_else(|| AlignedBuffer::new(capacity))), pool: Arc::clone(self) }
    }

    fn give_back(&self, buffer: AlignedBuffer) {
        let mut free = self.free.lock();
        if free.bytes + buffer.capacity() <= self.bytes_max {
            free.bytes += buffer.capacity();
            free.buffers.entry(buffer.capacity()).or_default().push(buffer);
        }
    }
}

/// A buffer that goes back to its pool.
#[derive(Debug)]
struct Staging {
    buffer: Option<AlignedBuffer>,
    pool: Arc<StagingPool>,
}

impl Staging {
    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], AlignedBuffer::bytes)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.as_mut().map_or(&mut [], AlignedBuffer::bytes_mut)
    }
}

impl AsRef<[u8]> for Staging {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.pool.give_back(buffer);
        }
    }
}

/// Bytes to write, and where.
pub(crate) type Piece = (u64, Bytes);

/// One shard file being put together.
#[derive(Debug)]
pub(crate) struct Stage {
    pool: Arc<StagingPool>,
    /// Length of the buffers that it fills.
    capacity: usize,
    buffer: Option<Staging>,
    /// What comes first in the next buffer.
    carried: Vec<u8>,
    /// Bytes in the buffer.
    filled: usize,
    /// Where the buffer's first byte belongs in the file.
    at: u64,
    /// The payload of the frame being filled.
    frame: Range<usize>,
}

impl Stage {
    /// For frames of at most so many bytes of payload; begins with the header of the file.
    pub(crate) fn new(pool: &Arc<StagingPool>, payload_max: usize, header: &[u8; FILE_HEADER_BYTES]) -> Self {
        let frame = FRAME_HEADER_BYTES + payload_max;
        Stage {
            pool: Arc::clone(pool),
            capacity: blocks(BLOCK_BYTES + frame.max(WRITE_BYTES)),
            buffer: None,
            carried: header.to_vec(),
            filled: 0,
            at: 0,
            frame: 0..0,
        }
    }

    /// Whether it has a buffer; it takes one for the next frame otherwise.
    pub(crate) fn has_buffer(&self) -> bool {
        self.buffer.is_some()
    }

    /// Has a buffer of at least so many bytes.
    fn reserve(&mut self, len: usize) {
        let len_now = self.bytes().len();
        if len <= len_now && self.has_buffer() {
            return;
        }
        let mut larger = self.pool.take(blocks(len.max(self.capacity)));
        let carried = std::mem::take(&mut self.carried);
        let staged = self.bytes().get(..self.filled).unwrap_or_default();
        let (place, rest) = larger.bytes_mut().split_at_mut(staged.len());
        place.copy_from_slice(staged);
        let (place, _) = rest.split_at_mut(carried.len());
        place.copy_from_slice(&carried);
        self.filled += carried.len();
        self.buffer = Some(larger);
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], Staging::bytes)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.as_mut().map_or(&mut [], Staging::bytes_mut)
    }

    fn append(&mut self, bytes: &[u8]) {
        let filled = self.filled;
        let (_, rest) = self.bytes_mut().split_at_mut(filled);
        let (place, _) = rest.split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Opens a frame; its payload is to be filled by the caller, every byte of it.
    pub(crate) fn open_frame(&mut self, payload_len: usize) {
        self.reserve(0);
        let start = self.filled + FRAME_HEADER_BYTES;
        self.frame = start..start + payload_len;
        assert!(self.frame.end <= self.bytes().len(), "the writer has made room for the frame");
    }

    /// A strip of the open frame's payload.
    pub(crate) fn payload(&self, strip: Range<usize>) -> &[u8] {
        let frame = self.bytes().get(self.frame.clone());
        frame.and_then(|frame| frame.get(strip)).unwrap_or_default()
    }

    /// A strip of the open frame's payload.
    pub(crate) fn payload_mut(&mut self, strip: Range<usize>) -> &mut [u8] {
        let frame = self.frame.clone();
        let frame = self.bytes_mut().get_mut(frame);
        frame.and_then(|frame| frame.get_mut(strip)).unwrap_or_default()
    }

    /// Ends the frame with its header.
    pub(crate) fn close_frame(&mut self, header: &[u8; FRAME_HEADER_BYTES]) {
        self.append(header);
        assert_eq!(self.filled, self.frame.start, "the header stands before its payload");
        self.filled = self.frame.end;
    }

    /// Whether a frame of so many bytes of payload would not fit into the buffer any more.
    pub(crate) fn is_full(&self, next_payload_len: usize) -> bool {
        self.has_buffer() && self.filled + FRAME_HEADER_BYTES + next_payload_len > self.bytes().len()
    }

    /// The whole blocks, if it is full.
    pub(crate) fn take_if_full(&mut self, next_payload_len: usize) -> Option<Piece> {
        let is_full = self.is_full(next_payload_len);
        let full = self.buffer.take_if(|_| is_full)?;
        let whole = self.filled / BLOCK_BYTES * BLOCK_BYTES;
        self.carried = full.bytes().get(whole..self.filled).unwrap_or_default().to_vec();
        self.filled = 0;
        let piece = (self.at, Bytes::from_owner(full).slice(..whole));
        self.at += whole as u64;
        Some(piece)
    }

    /// Forgets what is staged: nobody will write it.
    pub(crate) fn clear(&mut self) {
        self.carried.clear();
        self.filled = 0;
        self.at = 0;
    }

    /// The last piece, ending in the footer at the end of a block; and the length of the file. The file is `reserved`
    /// bytes long already, where that is known, and keeps that length if it is not much longer than it must be. The stage
    /// is of no more use then.
    pub(crate) fn finish(&mut self, footer: &[u8], reserved: Option<u64>) -> (Piece, End) {
        self.reserve(0);
        let frames_end = self.at + self.filled as u64;
        let needed = (frames_end + footer.len() as u64).next_multiple_of(BLOCK_BYTES as u64);
        let kept = reserved.filter(|len| (needed..needed + 2 * BLOCK_BYTES as u64).contains(len));
        let len = kept.unwrap_or(needed);
        let tail = (len - self.at) as usize;
        self.reserve(tail);
        let filled = self.filled;
        let (bytes, _) = self.bytes_mut().split_at_mut(tail);
        let (_, rest) = bytes.split_at_mut(filled);
        let (between, end) = rest.split_at_mut(rest.len() - footer.len());
        between.fill(0);
        end.copy_from_slice(footer);
        let bytes = self.buffer.take().map(Bytes::from_owner).unwrap_or_default();
        let piece = (self.at, bytes.slice(..tail));
        let end = End { len_bytes: len, must_cut: reserved.is_some_and(|reserved| reserved != len) };
        (piece, end)
    }
}

/// How a finished file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its length.
    pub(crate) len_bytes: u64,
    /// Whether the length reserved differs.
    pub(crate) must_cut: bool,
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_has_one_buffer_which_is_used_again_when_it_is_written() {
        let pool = StagingPool::new(4 << 20);
        let kept = || pool.free.lock().bytes;
        let mut stage = Stage::new(&pool, 300_000, &[7; FILE_HEADER_BYTES]);
        for _ in 0..3 {
            assert!(!stage.has_buffer());
            stage.open_frame(300_000);
            assert_eq!((stage.has_buffer(), kept()), (true, 0));
            stage.payload_mut(0..300_000).fill(1);
            stage.close_frame(&[9; FRAME_HEADER_BYTES]);
            let piece = stage.take_if_full(300_000).unwrap();
            assert_eq!((stage.has_buffer(), kept()), (false, 0));
            drop(piece);
            assert_eq!(kept(), 307_200);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_the_file_without_gaps(
            frames in proptest::collection::vec(1usize..400_000, 1..8),
            footer in proptest::collection::vec(1u8..255, 56..9000),
        ) {
            let pool = StagingPool::new(4 << 20);
            let longest = frames.iter().copied().max().unwrap();
            let mut stage = Stage::new(&pool, longest, &[7; FILE_HEADER_BYTES]);
            let mut written = Vec::new();
            let mut expected = vec![7u8; FILE_HEADER_BYTES];
            for (number, len) in frames.iter().enumerate() {
                if let Some((at, bytes)) = stage.take_if_full(*len) {
                    prop_assert_eq!(at, written.len() as u64);
                    prop_assert_eq!(bytes.as_ptr() as usize % BLOCK_BYTES, 0);
                    prop_assert_eq!(bytes.len() % BLOCK_BYTES, 0);
                    written.extend_from_slice(&bytes);
                }
                stage.open_frame(*len);
                stage.payload_mut(0..*len).fill(number as u8);
                stage.close_frame(&[9; FRAME_HEADER_BYTES]);
                expected.extend_from_slice(&[9; FRAME_HEADER_BYTES]);
                expected.resize(expected.len() + len, number as u8);
            }
            let ((at, bytes), end) = stage.finish(&footer, None);
            prop_assert_eq!(at, written.len() as u64);
            prop_assert_eq!(bytes.as_ptr() as usize % BLOCK_BYTES, 0);
            prop_assert_eq!(bytes.len() % BLOCK_BYTES, 0);
            written.extend_from_slice(&bytes);
            prop_assert_eq!(written.len() as u64, end.len_bytes);
            prop_assert!(written.starts_with(&expected));
            prop_assert!(written.ends_with(&footer));
            let between = &written[expected.len()..written.len() - footer.len()];
            prop_assert!(between.iter().all(|byte| *byte == 0));
        }
    }
}
