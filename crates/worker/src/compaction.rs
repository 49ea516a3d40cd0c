//! Gives back the room of deleted packed shards. Each drive has a worker of its own: one that hangs holds up no other.

use std::path::Path;
use std::time::Duration;

use blob::{DrivePlace, FaultKind};
use env::BoxFuture;
use object::{ObjectError, Objects};
use tracing::warn;

use crate::{Progress, Worker};

/// Rest when no segment is worth rewriting.
const REST: Duration = Duration::from_secs(10);

pub(crate) struct Compaction {
    objects: Objects,
    place: DrivePlace,
    name: String,
}

impl Compaction {
    pub(crate) fn new(objects: Objects, place: DrivePlace, path: &Path) -> Self {
        Compaction { objects, place, name: format!("compaction of {}", path.display()) }
    }
}

impl Worker for Compaction {
    fn name(&self) -> &str {
        &self.name
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            match self.objects.blobs().compact_drive(self.place).await {
                Ok(compacted) if compacted.segments > 0 => return Ok(Progress::Busy),
                // The log has been told of the drive's state.
                Ok(_) | Err(FaultKind::Silent | FaultKind::NotWritable) => {}
                Err(fault) => warn!(worker = %self.name, %fault, "a segment could not be compacted"),
            }
            Ok(Progress::Idle(REST))
        })
    }
}
