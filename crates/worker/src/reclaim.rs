//! Deletes blobs to which nothing refers any more, and finds out to which of those in doubt nothing does.

use std::time::Duration;

use env::BoxFuture;
use object::{ObjectError, Objects};

use crate::{Progress, Worker};

/// Blobs deleted by a step: one group sync per drive for all of them.
const BLOBS_PER_STEP: usize = 256;
/// Rest when nothing is due.
const REST: Duration = Duration::from_secs(2);

pub(crate) struct Reclaim {
    objects: Objects,
}

impl Reclaim {
    pub(crate) fn new(objects: Objects) -> Self {
        Reclaim { objects }
    }
}

impl Worker for Reclaim {
    fn name(&self) -> &str {
        "reclaim"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            self.objects.settle_undecided().await?;
            let mut is_more_due = false;
            for partition in self.objects.meta().partitions() {
                is_more_due |= self.objects.reclaim(partition, BLOBS_PER_STEP).await?.is_more_due;
            }
            Ok(if is_more_due { Progress::Busy } else { Progress::Idle(REST) })
        })
    }
}
