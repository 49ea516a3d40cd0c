//! Memory at block boundaries, as direct I/O needs it, without `unsafe`: an allocation one block longer than asked, used
//! from its first boundary on.

use bytes::Bytes;

/// The block of direct I/O: offsets, lengths and addresses are multiples of it. The largest logical block of drives in use.
pub const BLOCK_BYTES: usize = 4096;

/// Rounds up to whole blocks.
#[must_use]
pub const fn blocks(len_bytes: usize) -> usize {
    len_bytes.div_ceil(BLOCK_BYTES) * BLOCK_BYTES
}

/// A buffer whose first byte lies at a block boundary and whose capacity is whole blocks; zeros at first.
#[derive(Debug)]
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    capacity: usize,
}

impl AlignedBuffer {
    /// With room for at least `len_bytes`, rounded up to blocks.
    #[must_use]
    pub fn new(len_bytes: usize) -> Self {
        let capacity = blocks(len_bytes);
        let memory = vec![0u8; capacity + BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        AlignedBuffer { memory, start, capacity }
    }

    /// Bytes it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// All of it.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.capacity).unwrap_or_default()
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.capacity).unwrap_or_default()
    }

    /// The same memory, shared and read-only.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_lies_at_a_block_boundary_before_and_after_freezing() {
        for len in [1, 4096, 4097, 1 << 20] {
            let mut buffer = AlignedBuffer::new(len);
            assert_eq!(buffer.bytes().as_ptr() as usize % BLOCK_BYTES, 0);
            assert_eq!(buffer.capacity(), blocks(len));
            buffer.bytes_mut()[len - 1] = 7;
            let frozen = buffer.freeze();
            assert_eq!(frozen.as_ptr() as usize % BLOCK_BYTES, 0);
            assert_eq!(frozen[len - 1], 7);
        }
    }
}
