//! Tasks and threads of the simulated process: all of them are tasks of one thread.
//!
//! A panic in any of them ends the life and reaches the test.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::Handle;

use super::timeline::{Over, Timeline};
use crate::{BoxFuture, Spawn};

/// Runs everything on the runtime of one life.
#[derive(Clone)]
pub struct SimulatedSpawn {
    runtime: Handle,
    timeline: Arc<Timeline>,
}

impl SimulatedSpawn {
    pub(super) fn new(runtime: Handle, timeline: Arc<Timeline>) -> Self {
        SimulatedSpawn { runtime, timeline }
    }
}

impl std::fmt::Debug for SimulatedSpawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedSpawn")
    }
}

impl Spawn for SimulatedSpawn {
    fn task(&self, future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let timeline = Arc::clone(&self.timeline);
        let task = self.runtime.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                timeline.end_life(Over::Panicked(panic));
            }
        });
        Box::pin(async move {
            // Cancelled is what a task is when the life ends: then nobody waits here either.
            let _ = task.await;
        })
    }

    fn thread(&self, _name: &str, future: BoxFuture<'static, ()>) -> io::Result<BoxFuture<'static, ()>> {
        Ok(self.task(future))
    }
}
