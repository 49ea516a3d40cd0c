//! Filling a replica from another one's rows.
//!
//! The rows are put beside those that the replica has (see `sides`). Order of durability: the rows; the applied index with
//! the last of them; then the engine persists and the sides are exchanged; then the log begins anew behind the snapshot; only
//! then do the old rows go. So a crash at any point leaves a side that the log goes on from, and the vote and the log of
//! this replica are never without the rows that they stand for.

use std::ops::ControlFlow;

use model::ids::PartitionId;
use model::record::Record;

use crate::engine::{ALL_KEYS, Engine, EngineBatch, EngineError, EngineSnapshot};
use crate::machine::{APPLIED_KEY, Applied, ApplyError};
use crate::sides::Sides;

/// Bytes of rows written at once.
const BATCH_BYTES: usize = 1 << 20;

/// Replaces a partition's rows by those of a snapshot; returns what the snapshot had applied. The old rows become the spare
/// side, to be dropped when the log has begun anew.
pub(crate) fn install(
    sides: &Sides,
    partition: PartitionId,
    rows: &dyn EngineSnapshot,
) -> Result<Applied, ApplyError> {
    let applied = applied_of(partition, rows)?;
    // What an earlier filling left that was cut short.
    sides.drop_spare(partition)?;
    let (engine, spare) = (sides.base(), sides.spare(partition));
    let mut batch = EngineBatch::default();
    copy(engine, spare, rows, &mut batch)?;
    applied.store(spare, &mut batch);
    engine.write(&mut batch)?;
    engine.persist()?;
    sides.exchange(partition);
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
) -> Result<(), EngineError> {
    let mut written = Ok(());
    rows.scan(ALL_KEYS, &mut |key, value| {
        if key != APPLIED_KEY {
            batch.put(keyspace, key, value);
        }
        if batch.size_bytes() >= BATCH_BYTES {
            written = engine.write(batch);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written
}
