//! Makes blobs whole again that were written or read with a shard missing.

use std::time::Duration;

use env::{BoxFuture, Env};
use model::ids::{BlobId, PartitionId};
use object::{ObjectError, Objects};
use tracing::info;

use crate::{Progress, Worker};

/// Blobs looked at by a step, per partition.
const BLOBS_PER_STEP: usize = 16;
/// Rest when the queue is empty.
const REST: Duration = Duration::from_secs(5);
/// Rest when what is queued can't be healed now, as its drives are away or full, at least.
const REST_WAITING: Duration = Duration::from_secs(60);
/// So many times as long as a round takes the rest after it is: a long queue that waits costs little.
const REST_ROUNDS: u32 = 20;

pub(crate) struct Heal {
    objects: Objects,
    /// Partitions whose queues this round has not come to the end of, with where it goes on.
    round: Vec<(PartitionId, Option<BlobId>)>,
    waiting: usize,
    /// When the round began.
    begun: Duration,
    env: Env,
}

impl Heal {
    pub(crate) fn new(env: Env, objects: Objects) -> Self {
        Heal { objects, round: Vec::new(), waiting: 0, begun: Duration::ZERO, env }
    }
}

impl Heal {
    fn rest_waiting(&self) -> Duration {
        let took = self.env.clock.monotonic().saturating_sub(self.begun);
        REST_WAITING.max(took * REST_ROUNDS)
    }
}

impl Worker for Heal {
    fn name(&self) -> &str {
        "heal"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            if self.round.is_empty() {
                self.round = self.objects.meta().partitions().map(|partition| (partition, None)).collect();
                self.waiting = 0;
                self.begun = self.env.clock.monotonic();
            }
            let mut whole = 0;
            for (partition, after) in std::mem::take(&mut self.round) {
                let healed = self.objects.heal(partition, after, BLOBS_PER_STEP).await?;
                whole += healed.whole;
                self.waiting += healed.waiting;
                self.round.extend(healed.next.map(|next| (partition, Some(next))));
            }
            if whole > 0 {
                info!(whole, waiting = self.waiting, "healed blobs");
            }
            Ok(match (self.round.is_empty(), self.waiting) {
                (false, _) => Progress::Busy,
                (true, 0) => Progress::Idle(REST),
                (true, _) => Progress::Idle(self.rest_waiting()),
            })
        })
    }
}
