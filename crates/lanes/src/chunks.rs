//! Data as it came, in order.
//!
//! What always holds: memory is little more than the data's, however small the chunks are it came in.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// Chunks shorter than this are put together, so that many small ones don't cost more than they hold.
const CHUNK_BYTES_MIN: usize = 1024;

/// Chunks of data.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    chunks: VecDeque<Bytes>,
    /// Small chunks put together: they come after `chunks`.
    tail: BytesMut,
    bytes: usize,
}

impl Chunks {
    /// Bytes in all.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds at the end.
    pub(crate) fn push(&mut self, data: Bytes) {
        self.bytes += data.len();
        if data.len() < CHUNK_BYTES_MIN {
            self.tail.extend_from_slice(&data);
            return;
        }
        self.flush_tail();
        self.chunks.push_back(data);
    }

    /// Adds all of another at the end, which is empty then.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.flush_tail();
        other.flush_tail();
        self.chunks.append(&mut other.chunks);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// All bytes, in rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(|chunk| &chunk[..]).chain([&self.tail[..]])
    }

    /// The bytes at the front that lie in a row; none only where there is no data.
    pub(crate) fn row(&self) -> &[u8] {
        self.chunks.front().map_or(&self.tail, |chunk| chunk)
    }

    /// Drops bytes from the front; they must lie in a row.
    pub(crate) fn pass(&mut self, len: usize) {
        self.bytes -= len;
        let Some(chunk) = self.chunks.front_mut() else {
            self.tail.advance(len);
            return;
        };
        chunk.advance(len);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }
}
