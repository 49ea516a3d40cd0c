//! What happens later: reclaiming bytes that nothing refers to, healing, refilling a new drive, compaction, the sweep after a
//! crash.
//!
//! Invariants:
//! - A worker does a bounded step, then rests as its [`Progress`] says; it never holds up a request.
//! - A worker that fails says so and tries again later; nothing is lost by a step that did not happen.
//! - No request waits for a worker: requests only leave rows.

use std::time::Duration;

use env::{BoxFuture, Env};
use object::Objects;
use tokio::sync::watch;

mod bucket_deletes;
mod compaction;
mod heal;
mod reclaim;
mod refill;
mod runner;
mod scrub;
mod scrub_state;
mod sweep;

pub use refill::REFILL_FILE;
pub use runner::{Progress, Worker};
pub use scrub::{ScrubBoard, ScrubOptions, ScrubStatus};
pub use scrub_state::{Position, ScrubState};

/// The workers of a store.
pub struct Workers {
    stop: watch::Sender<bool>,
    ends: Vec<BoxFuture<'static, ()>>,
    scrubs: ScrubBoard,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workers({})", self.ends.len())
    }
}

/// As [`start_with`], with the usual scrubs.
#[must_use]
pub fn start(env: &Env, objects: &Objects) -> Workers {
    start_with(env, objects, ScrubOptions::default())
}

/// Starts them. A store that is open for reading only has none.
#[must_use]
pub fn start_with(env: &Env, objects: &Objects, scrub: ScrubOptions) -> Workers {
    let stop = watch::Sender::new(false);
    let scrubs = ScrubBoard::default();
    let mut ends = Vec::new();
    if !objects.meta().is_read_only() {
        let workers: Vec<Box<dyn Worker>> = vec![
            Box::new(bucket_deletes::BucketDeletes::new(objects.clone())),
            Box::new(reclaim::Reclaim::new(objects.clone())),
            Box::new(heal::Heal::new(env.clone(), objects.clone())),
            Box::new(compaction::Compaction::new(objects.clone())),
            Box::new(refill::Refill::new(env.clone(), objects.clone())),
            Box::new(sweep::Sweep::new(env.clone(), objects.clone())),
            Box::new(scrub::Scrub::new(env.clone(), objects.clone(), scrub, scrubs.clone())),
        ];
        for worker in workers {
            ends.push(env.spawn.task(Box::pin(runner::run(env.clone(), worker, stop.subscribe()))));
        }
    }
    Workers { stop, ends, scrubs }
}

impl Workers {
    /// How far the scrubs of the drives are, and what they found.
    #[must_use]
    pub fn scrubs(&self) -> &ScrubBoard {
        &self.scrubs
    }

    /// Lets each finish its step and ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for end in self.ends {
            end.await;
        }
    }
}

/// Rests, but ends early when the workers are to stop.
pub(crate) async fn rest(env: &Env, time: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        biased;
        // An error means that nobody is left who could say stop: then it is time to.
        _ = stop.wait_for(|stop| *stop) => {}
        () = env.clock.sleep(time) => {}
    }
}

#[cfg(test)]
mod tests;
