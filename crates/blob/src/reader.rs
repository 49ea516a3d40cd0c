//! Reading a blob.

use bytes::Bytes;

use crate::error::BlobError;

/// A range of a blob being read.
#[derive(Debug)]
pub struct BlobReader {}

impl BlobReader {
    /// The next bytes of the range, checked; `None` at its end. A small blob comes in one piece, a large one in pieces
    /// of at most a stripe. After an error there is nothing more.
    ///
    /// # Errors
    /// Where fewer whole shards can be read than it takes.
    pub async fn next(&mut self) -> Option<Result<Bytes, BlobError>> {
        None
    }

    /// Shards that were found missing or damaged on drives that are there, so far: queue their repair.
    #[must_use]
    pub fn damaged(&self) -> Vec<u8> {
        Vec::new()
    }
}
