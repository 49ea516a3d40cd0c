//! Runs a worker step by step.

use std::time::Duration;

use env::{BoxFuture, Env};
use object::ObjectError;
use tokio::sync::watch;
use tracing::{debug, warn};

/// Rest between steps of a worker that has more to do, at least.
const PAUSE_BUSY: Duration = Duration::from_millis(2);
/// That rest at most.
const PAUSE_BUSY_MAX: Duration = Duration::from_secs(1);
/// Rest after a step that failed.
const PAUSE_FAILED: Duration = Duration::from_secs(10);

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do now.
    Busy,
    /// Nothing to do before so long.
    Idle(Duration),
    /// Nothing to do ever again.
    Done,
}

/// Work that happens later.
pub trait Worker: Send {
    /// Its name in logs and metrics.
    fn name(&self) -> &str;
    /// A bounded piece of it.
    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>>;
}

/// Runs a worker until it is done or to stop.
pub(crate) async fn run(env: Env, mut worker: Box<dyn Worker>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let begun = env.clock.monotonic();
        let step = worker.step().await;
        let took = env.clock.monotonic().saturating_sub(begun);
        let pause = match step {
            // As long as the step took: half of the time is left to requests, and more where they make it slow.
            Ok(Progress::Busy) => took.clamp(PAUSE_BUSY, PAUSE_BUSY_MAX),
            Ok(Progress::Idle(time)) => time,
            Ok(Progress::Done) => {
                debug!(worker = worker.name(), "done");
                return;
            }
            Err(error) => {
                warn!(worker = worker.name(), %error, "a step failed: it is tried again");
                PAUSE_FAILED
            }
        };
        crate::rest(&env, pause, &mut stop).await;
    }
}
