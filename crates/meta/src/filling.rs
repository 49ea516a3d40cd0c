//! Filling a replica beside its drive's loop: the other partitions of the drive go on meanwhile.
//!
//! Invariants:
//! - Raft is told of a snapshot when its rows are here, whole and durable. Until then the replica is what it was, with its log,
//!   its vote and what it acknowledged; and rows that can't be read where they come from are the sender's trouble.
//! - Of a partition there is one filling at a time: the spare side is its own.
//! - Who sent a snapshot is told what became of it, at last when the filling that was under way has ended.

use std::sync::Arc;
use std::time::Duration;

use model::ids::PartitionId;
use raft::prelude::Message;
use tracing::warn;

use crate::drive_loop::{DriveLoop, Event};
use crate::engine::EngineSnapshot;
use crate::error::DriveFailure;
use crate::machine::Applied;
use crate::snapshot::{self, FillError};

/// After rows could not be read where they come from, the sender is left alone for so long: it would send them at once again.
const REST: Duration = Duration::from_secs(5);

/// What became of a filling.
#[derive(Debug)]
pub(crate) struct Filled {
    partition: PartitionId,
    /// The snapshot as raft sent it.
    message: Message,
    outcome: Result<Applied, FillError>,
}

impl Filled {
    /// Of which partition.
    pub(crate) fn partition(&self) -> PartitionId {
        self.partition
    }
}

impl DriveLoop {
    /// A snapshot has come: puts its rows beside those of the replica.
    pub(crate) fn begin_filling(
        &mut self,
        partition: PartitionId,
        message: Message,
        rows: Box<dyn EngineSnapshot>,
    ) {
        let from = message.get_from();
        let Some(group) = self.group(partition) else {
            return;
        };
        let to = group.node.raft.id;
        if !group.begin_filling(from) {
            return;
        }
        let (sides, sender, clock) =
            (Arc::clone(&self.engine), self.sender.clone(), Arc::clone(&self.env.clock));
        let work = async move {
            let outcome = snapshot::fill(&sides, partition, &*rows);
            drop(rows);
            if matches!(outcome, Err(FillError::Source(_))) {
                clock.sleep(REST).await;
            }
            let filled = Event::Filled(Box::new(Filled { partition, message, outcome }));
            // The loop has ended where nobody listens.
            drop(sender.send(filled).await);
        };
        if self.env.spawn.thread("rustfs-fill", Box::pin(work)).is_err() {
            self.group(partition).map(crate::raft::group::Group::end_filling);
            self.network.tell(from, Event::SnapshotLost { partition, to });
        }
    }

    /// The rows are beside those of the replica, or could not be put there.
    pub(crate) fn filled(&mut self, filled: Filled) -> Result<(), DriveFailure> {
        let Filled { partition, message, outcome } = filled;
        let (drive, from, sides) = (self.drive, message.get_from(), Arc::clone(&self.engine));
        let failed =
            |source: crate::engine::EngineError| DriveFailure::Apply { drive, source: source.into() };
        let Some(group) = self.group(partition) else {
            return Ok(());
        };
        let (to, mut lost) = (group.node.raft.id, group.end_filling());
        match outcome {
            Ok(applied) => {
                // Where raft does not want it, it has what it needs from the log, or of a later leader.
                if !group.step_snapshot(message, applied) {
                    sides.drop_spare(partition).map_err(failed)?;
                }
            }
            Err(FillError::Source(error)) => {
                warn!(%drive, %partition, %error, "a replica can't be filled, as the rows can't be read where they come from");
                group.give_up_request();
                self.network.tell(from, Event::Unreadable(partition));
                lost.push(from);
            }
            Err(FillError::Target(error)) => return Err(failed(error)),
        }
        for sender in lost {
            self.network.tell(sender, Event::SnapshotLost { partition, to });
        }
        Ok(())
    }
}
