//! The ordered engine under the state machine: one per drive, one keyspace per partition.
//!
//! What always holds, whatever the implementation ([`Engine`] has it in full, `conformance` tests it):
//! - Batches are atomic over all keyspaces. After a crash there is a prefix of them: all up to some batch, none after.
//! - That prefix holds at least everything written before the last [`Engine::persist`] that returned.
//! - So the index that a partition has applied is a row that the caller writes in the same batch as the changes; the raft
//!   log is purged only up to what was applied when [`Engine::persist`] was called.
//! - No call syncs but [`Engine::persist`], [`Engine::drop_keyspace`] and [`Engine::close`] (and the first write to a
//!   keyspace, which makes it).
//!
//! All calls are synchronous: an engine is called on a drive's own thread, or where waiting for the drive blocks nobody.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use env::BoxFuture;
use model::ids::PartitionId;

mod batch;
#[cfg(test)]
mod conformance;
mod error;
pub mod memory;
pub mod redb;
#[cfg(test)]
mod tests;
pub mod tree;

pub use batch::{EngineBatch, EngineOperation};
pub use error::EngineError;

/// The longest key in bytes. The shortest has one byte.
pub const KEY_BYTES_MAX: usize = 4096;

/// The longest value in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Which keys a scan visits.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Every key.
pub const ALL_KEYS: KeyRange<'static> = (Bound::Unbounded, Bound::Unbounded);

/// What a scan calls with each key and value, until it breaks.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An embedded ordered engine: keyspaces of byte strings, ordered as bytes.
///
/// # Obligations
/// - A keyspace that was never written, or was dropped, is empty: reading it is no error.
/// - A batch is seen whole or not at all by every [`Engine::scan`] and [`EngineSnapshot`]. [`Engine::get`] sees the newest
///   value, perhaps while the rest of its batch is still being put in place.
/// - A read that starts after [`Engine::write`] returned sees what it wrote.
/// - Calls may be made from several threads at once; writes then happen one after the other.
/// - After an error in [`Engine::write`] or [`Engine::persist`] other than [`EngineError::KeyLength`] and
///   [`EngineError::ValueLength`] (which change nothing) the engine is poisoned: it takes no write until it is opened
///   again, since nobody knows what of the failed one is on the drive.
pub trait Engine: Send + Sync {
    /// The newest value of a key.
    ///
    /// # Errors
    /// Where the drive can't be read or holds damaged data.
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Visits the keys of `range` in ascending order, as they were when the call was made, until `visit` breaks. The
    /// engine may be called from within `visit`.
    ///
    /// # Errors
    /// Where the drive can't be read or holds damaged data; some keys may have been visited.
    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError>;

    /// A keyspace as it is now, its applied row included, for reading as long as it takes (it keeps disk space from
    /// being reclaimed meanwhile: drop it).
    ///
    /// # Errors
    /// Where the drive can't be read.
    fn snapshot(&self, keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError>;

    /// Writes a batch, atomically and in the order of its operations, and empties it for the next use. Not synced. On
    /// error the batch is as it was.
    ///
    /// # Errors
    /// Where an operation is out of limits, the engine is poisoned or the drive fails.
    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError>;

    /// Everything written before the call is durable when it returns.
    ///
    /// # Errors
    /// Where the engine is poisoned or the drive fails.
    fn persist(&self) -> Result<(), EngineError>;

    /// Drops a keyspace with all that is in it; durable, together with everything written before, when it returns.
    /// Snapshots taken before can still be read. A keyspace that isn't there is no error.
    ///
    /// # Errors
    /// Where the engine is poisoned or the drive fails.
    fn drop_keyspace(&self, keyspace: PartitionId) -> Result<(), EngineError>;

    /// Makes seeks into a keyspace fast again after many deletes, where the engine needs that. Takes seconds per million
    /// keys: not for a drive's own thread.
    ///
    /// # Errors
    /// Where the drive fails.
    fn compact(&self, keyspace: PartitionId) -> Result<(), EngineError>;

    /// Lets go of memory that is not needed while nothing is written: rows that are in no table yet go to tables.
    ///
    /// # Errors
    /// Where the drive fails.
    fn rest(&self) -> Result<(), EngineError> {
        Ok(())
    }

    /// About how many rows a keyspace has on the drive, removed ones that still take up room included; cheap.
    ///
    /// # Errors
    /// Where the drive can't be read.
    fn rows_about(&self, _keyspace: PartitionId) -> Result<u64, EngineError> {
        Ok(0)
    }

    /// The keyspaces that were made and not dropped, ascending.
    ///
    /// # Errors
    /// Where the drive can't be read.
    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError>;

    /// Begins to read everything that holds its rows, while it is in use; `None` where that can't be told from outside.
    fn check(&self) -> Option<Box<dyn EngineCheck>> {
        None
    }

    /// Writes anew what was found damaged, where the rows themselves can still be read. Gives the keyspaces of which they
    /// can't. Takes as long as reading and writing those keyspaces: not for a drive's own thread.
    ///
    /// # Errors
    /// Where the engine is poisoned or the drive fails to write.
    fn rewrite(&self, _found: &[FoundDamage]) -> Result<Vec<PartitionId>, EngineError> {
        Ok(Vec::new())
    }

    /// What it takes up.
    ///
    /// # Errors
    /// Where the drive can't be read.
    fn statistics(&self) -> Result<EngineStatistics, EngineError>;

    /// Persists and lets go of the files; every later call answers [`EngineError::Closed`]. The files are free once the
    /// last snapshot is dropped as well.
    ///
    /// # Errors
    /// Where what was written can't be made durable; it is closed all the same.
    fn close(&self) -> Result<(), EngineError>;
}

/// One keyspace at one point in time; outlives writes, drops of the keyspace, and the borrow of the engine.
pub trait EngineSnapshot: Send {
    /// The value of a key at that time.
    ///
    /// # Errors
    /// Where the drive can't be read or holds damaged data.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Visits the keys of `range` in ascending order until `visit` breaks. To go on later, scan from behind the last key.
    ///
    /// # Errors
    /// Where the drive can't be read or holds damaged data; some keys may have been visited.
    fn scan(&self, range: KeyRange<'_>, visit: &mut Visit<'_>) -> Result<(), EngineError>;
}

/// A walk over everything that holds an engine's rows, by which it is found whether they still are what was written.
///
/// # Obligations
/// - It is the drive that is asked, past the page cache.
/// - What can't be read is found as what is damaged. What the engine no longer needs by then is nothing that is found.
/// - Memory is bounded by the longest row.
pub trait EngineCheck: Send + Sync {
    /// Reads on until so many bytes were read, or a little more.
    fn step(&mut self, limit_bytes: u64) -> BoxFuture<'_, CheckStep>;

    /// Whether the engine still needs what was found damaged: it goes when its rows are written anew or replaced.
    fn is_left(&self, found: &FoundDamage) -> bool;
}

/// What a step of an [`EngineCheck`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckStep {
    /// Bytes read.
    pub read_bytes: u64,
    /// What is damaged.
    pub found: Vec<FoundDamage>,
    /// Whether all was read.
    pub is_last: bool,
}

/// Something of an engine that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDamage {
    /// Where, for people.
    pub damage: tree::Damage,
    /// The file of rows; `None`: what names the files.
    pub(crate) file: Option<u64>,
    /// The leaf in it; `None`: what tells of the leaves.
    pub(crate) leaf: Option<u32>,
    /// How often what names the files had been written when this was found.
    pub(crate) edition: u64,
}

/// What an engine takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStatistics {
    /// Bytes on the drive.
    pub disk_bytes: u64,
    /// Bytes of memory that it knows of, caches included; 0 where it doesn't know.
    pub memory_bytes: u64,
    /// Keyspaces.
    pub keyspaces: u32,
}

/// Whether no key can lie in the range. Maps and trees of others panic at some of them, so they are never asked.
fn is_empty(range: &KeyRange<'_>) -> bool {
    match range {
        (Bound::Unbounded, Bound::Excluded(end)) => end.is_empty(),
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => {
            start >= end
        }
    }
}
