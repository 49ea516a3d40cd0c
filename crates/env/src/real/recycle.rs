//! Memory that large reads go to, used again.
//!
//! What always holds: a buffer is either with who read, or here; what is kept here is bounded. Memory for a read must have
//! been written once before (this crate has no `unsafe`), and zeros for each read would cost as much as half the read. What
//! reads on and on, as a scrub does, would have the allocator hold a second of freed memory besides.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::buffer::{BLOCK_BYTES, blocks};

/// Shorter reads get memory of their own: the allocator is as good there.
const READ_BYTES_MIN: usize = 64 << 10;

/// Memory kept, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Buffers for the next reads.
#[derive(Debug, Default)]
pub(super) struct ReadBuffers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// Memory for one read; goes back when the last part of what was read is dropped.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
    home: Arc<ReadBuffers>,
}

impl ReadBuffers {
    /// Memory for so many bytes, of any content.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> ReadBuffer {
        let memory = self.memory(len);
        ReadBuffer { memory, start: 0, len, home: Arc::clone(self) }
    }

    /// As [`ReadBuffers::take`], for direct I/O: whole blocks that begin at a block boundary.
    pub(super) fn take_aligned(self: &Arc<Self>, len: usize) -> ReadBuffer {
        let memory = self.memory(blocks(len) + BLOCK_BYTES);
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        ReadBuffer { memory, start, len: blocks(len), home: Arc::clone(self) }
    }

    fn memory(&self, len: usize) -> Vec<u8> {
        let kept = if len < READ_BYTES_MIN { None } else { self.kept.lock().take(len) };
        kept.unwrap_or_else(|| vec![0; len])
    }
}

impl Kept {
    /// The buffer that was used last, if it is long enough and not much too long.
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let fits = |memory: &Vec<u8>| memory.len() >= len && memory.len() / 2 <= len;
        let place = self.buffers.iter().rposition(fits)?;
        let memory = self.buffers.remove(place);
        self.bytes -= memory.len();
        Some(memory)
    }

    /// Keeps a buffer, in place of those unused for longest.
    fn give_back(&mut self, memory: Vec<u8>) {
        self.bytes += memory.len();
        self.buffers.push(memory);
        while self.bytes > KEPT_BYTES_MAX {
            self.bytes -= self.buffers.remove(0).len();
        }
    }
}

impl ReadBuffer {
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }

    /// The first `read` bytes, shared and read-only.
    pub(super) fn freeze(mut self, read: usize) -> Bytes {
        if self.memory.len() >= READ_BYTES_MIN || self.start > 0 {
            return Bytes::from_owner(self).slice(..read);
        }
        self.memory.truncate(read);
        Bytes::from(std::mem::take(&mut self.memory))
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if self.memory.len() >= READ_BYTES_MIN {
            self.home.kept.lock().give_back(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_when_the_last_part_of_a_read_is_dropped() {
        let buffers = Arc::new(ReadBuffers::default());
        let mut buffer = buffers.take(100_000);
        buffer.bytes_mut().fill(7);
        let read = buffer.freeze(90_000);
        let part = read.slice(80_000..);
        drop(read);
        assert_eq!(buffers.kept.lock().bytes, 0);
        assert_eq!((part.len(), part[0]), (10_000, 7));
        drop(part);
        assert_eq!(buffers.kept.lock().bytes, 100_000);
        assert_eq!(buffers.take(70_000).bytes_mut().len(), 70_000);
    }

    #[test]
    fn memory_for_direct_reads_is_used_again_and_aligned() {
        let buffers = Arc::new(ReadBuffers::default());
        for _ in 0..10 {
            let mut buffer = buffers.take_aligned(100_000);
            assert_eq!(buffer.bytes_mut().as_ptr() as usize % BLOCK_BYTES, 0);
            assert_eq!(buffer.bytes_mut().len(), blocks(100_000));
            buffer.bytes_mut()[99_999] = 7;
            let read = buffer.freeze(100_000);
            assert_eq!(read.as_ptr() as usize % BLOCK_BYTES, 0);
            assert_eq!((read.len(), read[99_999]), (100_000, 7));
        }
        assert_eq!(buffers.kept.lock().buffers.len(), 1, "one read at a time needs one buffer");
    }

    #[test]
    fn what_is_kept_is_bounded_and_fits() {
        let buffers = Arc::new(ReadBuffers::default());
        let taken: Vec<ReadBuffer> = (0..40).map(|_| buffers.take(1 << 20)).collect();
        drop(taken);
        assert_eq!(buffers.kept.lock().bytes, KEPT_BYTES_MAX);
        drop(buffers.take(1000));
        assert_eq!(buffers.kept.lock().bytes, KEPT_BYTES_MAX);
        assert!(buffers.kept.lock().take(100 << 10).is_none(), "a short read does not hold a long buffer");
    }
}
