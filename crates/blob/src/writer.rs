//! Writing a blob.

use bytes::Bytes;
use model::blob::BlobRef;

use crate::error::BlobError;
use crate::registry::PendingBlob;

/// A blob being written. Dropped unfinished, what it wrote is removed in the background.
#[derive(Debug)]
pub struct BlobWriter {}

/// A blob that is durable and not yet referred to.
#[derive(Debug)]
pub struct Written {
    /// What a record needs to refer to it.
    pub blob: BlobRef,
    /// Shards that are not durable: queue their repair in the transaction that refers to the blob.
    pub missing_shards: Vec<u8>,
    /// Protects it from the collector until it is dropped: keep it until the transaction is committed.
    pub pending: PendingBlob,
}

impl BlobWriter {
    /// Takes the next bytes. Waits while the drives are busy, so memory stays bounded (two stripes and their parity).
    ///
    /// # Errors
    /// Where fewer drives are left than the write needs. The writer is of no more use then: drop it.
    pub async fn write(&mut self, _bytes: Bytes) -> Result<(), BlobError> {
        Err(BlobError::Empty)
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        0
    }

    /// Makes the blob durable on at least `redundancy.write_quorum()` drives. `descriptor` is opaque here; each shard
    /// carries it, so that a lost record can be rebuilt.
    ///
    /// # Errors
    /// Where the quorum is not reached, nothing was written, or the descriptor is too long
    /// ([`crate::DESCRIPTOR_BYTES_MAX`]). What was written is removed in the background.
    pub async fn finish(self, _descriptor: &[u8]) -> Result<Written, BlobError> {
        Err(BlobError::Empty)
    }
}
