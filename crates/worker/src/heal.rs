//! Makes blobs whole again that were written or read with a shard missing.

use std::time::Duration;

use env::BoxFuture;
use object::{ObjectError, Objects};
use tracing::info;

use crate::{Progress, Worker};

/// Blobs looked at by a step, per partition.
const BLOBS_PER_STEP: usize = 16;
/// Rest when the queue is empty.
const REST: Duration = Duration::from_secs(5);
/// Rest when what is queued can't be healed now, as its drives are away or full.
const REST_WAITING: Duration = Duration::from_secs(60);

pub(crate) struct Heal {
    objects: Objects,
}

impl Heal {
    pub(crate) fn new(objects: Objects) -> Self {
        Heal { objects }
    }
}

impl Worker for Heal {
    fn name(&self) -> &'static str {
        "heal"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            let (mut whole, mut waiting) = (0, 0);
            for partition in self.objects.meta().partitions() {
                let healed = self.objects.heal(partition, BLOBS_PER_STEP).await?;
                whole += healed.whole;
                waiting += healed.waiting;
            }
            if whole > 0 {
                info!(whole, waiting, "healed blobs");
                return Ok(Progress::Busy);
            }
            Ok(Progress::Idle(if waiting > 0 { REST_WAITING } else { REST }))
        })
    }
}
