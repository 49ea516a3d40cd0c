//! Filling a replica from another one's rows.
//!
//! The rows are put beside those that the replica has (see `sides`), on a thread beside the drive's loop (see `filling`). Order
//! of durability: the rows; the applied index with the last of them; the engine persists; only then raft is told of the
//! snapshot, and the sides are exchanged; then the log begins anew behind the snapshot; only then do the old rows go. So a
//! crash at any point leaves a side that the log goes on from, and the vote and the log of this replica are never without the
//! rows that they stand for.

use std::ops::ControlFlow;

use model::ids::PartitionId;
use model::record::Record;

use crate::engine::{ALL_KEYS, Engine, EngineBatch, EngineError, EngineSnapshot};
use crate::machine::{APPLIED_KEY, Applied, ApplyError};
use crate::sides::Sides;

/// Bytes of rows written at once.
const BATCH_BYTES: usize = 1 << 20;

/// Why rows could not be put beside those of a replica.
#[derive(Debug)]
pub(crate) enum FillError {
    /// They can't be read where they come from.
    Source(ApplyError),
    /// They can't be written here.
    Target(EngineError),
}

/// Puts the rows of a snapshot on the spare side of a partition, durably; returns what the snapshot had applied. Takes as long
/// as reading and writing them: not for the drive's loop, which exchanges the sides when raft has taken the snapshot.
pub(crate) fn fill(
    sides: &Sides,
    partition: PartitionId,
    rows: &dyn EngineSnapshot,
) -> Result<Applied, FillError> {
    let applied = applied_of(partition, rows).map_err(FillError::Source)?;
    // What an earlier filling left that was cut short.
    sides.drop_spare(partition).map_err(FillError::Target)?;
    let (engine, spare) = (sides.base(), sides.spare(partition));
    let mut batch = EngineBatch::default();
    copy(engine, spare, rows, &mut batch)?;
    applied.store(spare, &mut batch);
    engine.write(&mut batch).and_then(|()| engine.persist()).map_err(FillError::Target)?;
    Ok(applied)
}

/// What the rows of a snapshot had applied.
pub(crate) fn applied_of(partition: PartitionId, rows: &dyn EngineSnapshot) -> Result<Applied, ApplyError> {
    let applied = rows.get(APPLIED_KEY)?.ok_or(ApplyError::Snapshot { partition })?;
    Applied::decode(&applied).map_err(|source| ApplyError::Row { partition, source })
}

fn copy(
    engine: &dyn Engine,
    keyspace: PartitionId,
    rows: &dyn EngineSnapshot,
    batch: &mut EngineBatch,
) -> Result<(), FillError> {
    let mut written = Ok(());
    let scanned = rows.scan(ALL_KEYS, &mut |key, value| {
        if key != APPLIED_KEY {
            batch.put(keyspace, key, value);
        }
        if batch.size_bytes() >= BATCH_BYTES {
            written = engine.write(batch);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written.map_err(FillError::Target)?;
    scanned.map_err(|error| FillError::Source(error.into()))
}
