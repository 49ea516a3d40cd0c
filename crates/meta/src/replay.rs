//! What a log holds is applied to a drive's rows outside the drive's loop: where a store is only read, or looked at offline.

use model::ids::PartitionId;
use raft::prelude::EntryType;

use crate::engine::{Engine, EngineBatch};
use crate::log::GroupLog;
use crate::machine::{Applied, ApplyError, Machine};
use crate::raft::storage::to_raft;

/// Applies the entries behind `applied` up to `last`, of a log that was compared with it: it holds them all.
///
/// # Errors
/// Where an entry or a row it needs can't be read.
pub(crate) fn replay(
    engine: &dyn Engine,
    partition: PartitionId,
    applied: Applied,
    log: &GroupLog,
    last: u64,
) -> Result<Machine, ApplyError> {
    let mut machine = Machine::new(partition, applied, 0);
    let mut batch = EngineBatch::default();
    let first = machine.applied().index + 1;
    for entry in log.entries(first, (last + 1).max(first), u64::MAX).unwrap_or_default() {
        let entry = to_raft(entry);
        let is_command = entry.get_entry_type() == EntryType::EntryNormal;
        if is_command && !entry.get_data().is_empty() {
            machine.apply(engine, entry.get_index(), entry.get_term(), entry.get_data(), &mut batch)?;
            engine.write(&mut batch)?;
            machine.batch_written();
        } else {
            machine.skip(entry.get_index(), entry.get_term());
        }
    }
    Ok(machine)
}
