//! Where portions wait, and which computations (runs) are under way.
//!
//! What always holds: a portion is in here once at most; who waits for a run to end is woken when it does, even if it
//! panics; nobody waits where no run is under way.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use crate::Portion;

/// The portions that wait.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// In the order they came.
    portions: Vec<Arc<Portion>>,
    /// Runs under way.
    runs: usize,
    /// Runs that have ended, ever.
    ended: u64,
    /// Who waits for one to end.
    wakers: Vec<Waker>,
}

impl Room {
    /// Lets a portion wait. If that makes `enough` of them they leave instead, to be computed.
    pub(crate) fn enter(&self, portion: &Arc<Portion>, enough: usize) -> Option<Vec<Arc<Portion>>> {
        let mut inside = self.0.lock();
        inside.portions.push(Arc::clone(portion));
        (inside.portions.len() >= enough).then(|| inside.portions.drain(..enough).collect())
    }

    /// Lets a portion wait on of which something is left.
    pub(crate) fn wait_on(&self, portion: &Arc<Portion>) {
        self.0.lock().portions.push(Arc::clone(portion));
    }

    /// Those that have waited longest leave, to be computed: so many at most.
    pub(crate) fn leave_together(&self, count_max: usize) -> Vec<Arc<Portion>> {
        let mut inside = self.0.lock();
        let count = inside.portions.len().min(count_max);
        inside.portions.drain(..count).collect()
    }

    /// A portion doesn't wait any more.
    pub(crate) fn leave(&self, portion: &Arc<Portion>) {
        self.0.lock().portions.retain(|other| !Arc::ptr_eq(other, portion));
    }

    /// A run is under way until the answer is dropped.
    pub(crate) fn begin_run(&self) -> Run<'_> {
        self.0.lock().runs += 1;
        Run(self)
    }

    /// If a run is under way and fewer than so many wait: how many have ended so far.
    pub(crate) fn runs_ended_if_few_wait(&self, few: usize) -> Option<u64> {
        let inside = self.0.lock();
        (inside.runs > 0 && inside.portions.len() < few).then_some(inside.ended)
    }

    /// Waits until more runs have ended than so many, or none is under way.
    pub(crate) async fn run_ended(&self, before: u64) {
        poll_fn(|context| {
            let mut inside = self.0.lock();
            if inside.runs == 0 || inside.ended != before {
                return Poll::Ready(());
            }
            if !inside.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                inside.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// The portions that wait.
    #[cfg(test)]
    pub(crate) fn portions(&self) -> Vec<Arc<Portion>> {
        self.0.lock().portions.clone()
    }
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Run<'a>(&'a Room);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.0.lock();
        inside.runs -= 1;
        inside.ended += 1;
        let wakers = std::mem::take(&mut inside.wakers);
        drop(inside);
        wakers.into_iter().for_each(Waker::wake);
    }
}
