//! What happens later: reclaiming bytes that nothing refers to, healing, refilling a new drive, compaction, the sweep after a
//! crash.
//!
//! Invariants:
//! - A worker does a bounded step, then rests as its [`Progress`] says; it never holds up a request.
//! - A worker that fails says so and tries again later; nothing is lost by a step that did not happen.
//! - No request waits for a worker: requests only leave rows.
//! - What works on one drive has a worker for each drive: a drive that hangs holds up its own only.
//! - Whoever stops them waits for a while, not for a drive that never answers.

use std::sync::Arc;
use std::time::Duration;

use env::{BoxFuture, Clock, Env};
use futures_util::future::join_all;
use object::Objects;
use tokio::sync::watch;
use tracing::warn;

mod bucket_changes;
mod compaction;
mod heal;
mod reclaim;
mod refill;
mod runner;
mod scrub;
mod scrub_board;
mod scrub_rows;
mod scrub_state;
mod sweep;

pub use refill::REFILL_FILE;
pub use runner::{Progress, Worker};
pub use scrub::ScrubOptions;
pub use scrub_board::{ScrubBoard, ScrubStatus};
pub use scrub_state::{Position, ScrubState};

/// How long the step that a worker is in the midst of is waited for when all are to stop.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// The workers of a store.
pub struct Workers {
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    /// By name.
    ends: Vec<(String, BoxFuture<'static, ()>)>,
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
        let mut workers: Vec<Box<dyn Worker>> = vec![
            Box::new(bucket_changes::BucketChanges::new(objects.clone())),
            Box::new(reclaim::Reclaim::new(objects.clone())),
            Box::new(heal::Heal::new(env.clone(), objects.clone())),
            Box::new(refill::Refill::new(env.clone(), objects.clone())),
            Box::new(sweep::Sweep::new(env.clone(), objects.clone())),
        ];
        workers.extend(of_drives(env, objects, scrub, &scrubs));
        for worker in workers {
            let name = worker.name().to_owned();
            ends.push((name, env.spawn.task(Box::pin(runner::run(env.clone(), worker, stop.subscribe())))));
        }
    }
    Workers { clock: Arc::clone(&env.clock), stop, ends, scrubs }
}

/// The workers that each drive has for itself.
fn of_drives(env: &Env, objects: &Objects, scrub: ScrubOptions, scrubs: &ScrubBoard) -> Vec<Box<dyn Worker>> {
    let mut workers: Vec<Box<dyn Worker>> = Vec::new();
    for (place, path) in objects.blobs().present() {
        workers.push(Box::new(compaction::Compaction::new(objects.clone(), place, &path)));
        let board = scrubs.clone();
        workers.push(Box::new(scrub::Scrub::new(env.clone(), objects.clone(), scrub, board, (place, path))));
    }
    workers
}

impl Workers {
    /// How far the scrubs of the drives are, and what they found.
    #[must_use]
    pub fn scrubs(&self) -> &ScrubBoard {
        &self.scrubs
    }

    /// Lets each finish its step and ends it. One whose drive does not answer is left to it, after a while.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let clock = &self.clock;
        let ended = self.ends.into_iter().map(async |(name, end)| {
            if env::within(&**clock, STOP_WAIT, end).await.is_none() {
                warn!(
                    worker = name,
                    "it is in the midst of a step that does not end: it is left to the next start"
                );
            }
        });
        join_all(ended).await;
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
