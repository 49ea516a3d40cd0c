//! Filling a replica from another one's rows.
//!
//! Order of durability: the old rows go first; the applied index is written last, in the last batch; then the engine
//! persists; only then does the log begin anew behind the snapshot. A crash in between leaves a keyspace without an applied
//! index, which is known for what it is when the drive is opened.

use std::ops::ControlFlow;

use model::ids::PartitionId;
use model::record::Record;

use crate::engine::{ALL_KEYS, Engine, EngineBatch, EngineError, EngineSnapshot};
use crate::machine::{APPLIED_KEY, Applied, ApplyError};

/// Bytes of rows written at once.
const BATCH_BYTES: usize = 1 << 20;

/// Replaces a partition's rows by those of a snapshot; returns what the snapshot had applied.
pub(crate) fn install(
    engine: &dyn Engine,
    partition: PartitionId,
    rows: &dyn EngineSnapshot,
) -> Result<Applied, ApplyError> {
    let applied = applied_of(partition, rows)?;
    engine.drop_keyspace(partition)?;
    let mut batch = EngineBatch::default();
    copy(engine, partition, rows, &mut batch)?;
    applied.store(partition, &mut batch);
    engine.write(&mut batch)?;
    engine.persist()?;
    Ok(applied)
}

/// What the rows of a snapshot had applied.
pub(crate) fn applied_of(partition: PartitionId, rows: &dyn EngineSnapshot) -> Result<Applied, ApplyError> {
    let applied = rows.get(APPLIED_KEY)?.ok_or(ApplyError::Snapshot { partition })?;
    Applied::decode(&applied).map_err(|source| ApplyError::Row { partition, source })
}

fn copy(
    engine: &dyn Engine,
    partition: PartitionId,
    rows: &dyn EngineSnapshot,
    batch: &mut EngineBatch,
) -> Result<(), EngineError> {
    let mut written = Ok(());
    rows.scan(ALL_KEYS, &mut |key, value| {
        if key != APPLIED_KEY {
            batch.put(partition, key, value);
        }
        if batch.size_bytes() >= BATCH_BYTES {
            written = engine.write(batch);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written
}
