//! Gives back the room of deleted packed shards.

use std::time::Duration;

use env::BoxFuture;
use object::{ObjectError, Objects};

use crate::{Progress, Worker};

/// Rest when no segment is worth rewriting.
const REST: Duration = Duration::from_secs(10);

pub(crate) struct Compaction {
    objects: Objects,
}

impl Compaction {
    pub(crate) fn new(objects: Objects) -> Self {
        Compaction { objects }
    }
}

impl Worker for Compaction {
    fn name(&self) -> &'static str {
        "compaction"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            let compacted = self.objects.blobs().compact().await;
            Ok(if compacted.segments > 0 { Progress::Busy } else { Progress::Idle(REST) })
        })
    }
}
