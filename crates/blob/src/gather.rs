//! Answers of several drives to one caller: each job carries a [`Ticket`], the caller waits for all tickets, or for
//! enough of them and a while longer.
//!
//! What always holds: a ticket is answered exactly once; one that is dropped unanswered counts as a failure. The caller
//! is woken twice at most, however many drives answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use env::Clock;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::error::FaultKind;
use crate::patience::{Patience, Timer};

/// What became of a job.
pub(crate) type Outcome = Result<(), FaultKind>;

#[derive(Debug, Default)]
struct Answers {
    given: Vec<(u32, Outcome)>,
    succeeded: usize,
    outstanding: usize,
}

#[derive(Debug)]
struct Shared {
    answers: Mutex<Answers>,
    quorum: usize,
    waker: AtomicWaker,
}

/// The caller's side.
#[derive(Debug)]
pub(crate) struct Gather {
    shared: Arc<Shared>,
}

/// The drive's side of one job.
#[derive(Debug)]
pub(crate) struct Ticket {
    shared: Arc<Shared>,
    key: u32,
    answered: bool,
}

impl Gather {
    /// For jobs of which `quorum` must succeed.
    pub(crate) fn new(quorum: usize) -> Self {
        Gather { shared: Arc::new(Shared { answers: Mutex::default(), quorum, waker: AtomicWaker::new() }) }
    }

    /// A ticket for one more job, which the answers name by `key`.
    pub(crate) fn ticket(&self, key: u32) -> Ticket {
        self.shared.answers.lock().outstanding += 1;
        Ticket { shared: Arc::clone(&self.shared), key, answered: false }
    }

    /// Ends when all have answered.
    pub(crate) async fn all(&self) -> Vec<(u32, Outcome)> {
        poll_fn(|context| self.poll_all(context)).await;
        self.take()
    }

    /// Ends when all have answered, or the patience for those that have not is at its end: these are not among the answers.
    pub(crate) async fn quorum(&self, clock: &dyn Clock, patience: Patience) -> Vec<(u32, Outcome)> {
        let mut timer = Timer::new(clock, patience);
        poll_fn(|context| match self.poll_all(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => timer.poll(context, self.has_quorum()),
        })
        .await;
        self.take()
    }

    fn poll_all(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_complete() {
            return Poll::Ready(());
        }
        self.shared.waker.register(context.waker());
        // An answer may have come between the look and the registration.
        if self.is_complete() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn is_complete(&self) -> bool {
        self.shared.answers.lock().outstanding == 0
    }

    fn has_quorum(&self) -> bool {
        self.shared.answers.lock().succeeded >= self.shared.quorum
    }

    fn take(&self) -> Vec<(u32, Outcome)> {
        std::mem::take(&mut self.shared.answers.lock().given)
    }
}

impl Ticket {
    /// Answers.
    pub(crate) fn answer(mut self, outcome: Outcome) {
        self.give(outcome);
    }

    fn give(&mut self, outcome: Outcome) {
        self.answered = true;
        let mut answers = self.shared.answers.lock();
        answers.outstanding -= 1;
        answers.succeeded += usize::from(outcome.is_ok());
        let reached = outcome.is_ok() && answers.succeeded == self.shared.quorum;
        answers.given.push((self.key, outcome));
        let wake = answers.outstanding == 0 || reached;
        drop(answers);
        if wake {
            self.shared.waker.wake();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            self.give(Err(FaultKind::NotWritable));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PATIENCE: Patience =
        Patience { for_stragglers: Duration::from_secs(5), for_quorum: Duration::from_secs(30) };

    #[tokio::test]
    async fn a_dropped_ticket_is_a_failure() {
        let gather = Gather::new(1);
        let (one, two) = (gather.ticket(1), gather.ticket(2));
        one.answer(Ok(()));
        drop(two);
        let answers = gather.all().await;
        assert_eq!(answers, [(1, Ok(())), (2, Err(FaultKind::NotWritable))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_straggler_is_left_out_after_a_while() {
        let clock = env::real::RealClock::new();
        let gather = Gather::new(1);
        let (one, _two) = (gather.ticket(1), gather.ticket(2));
        one.answer(Ok(()));
        let begun = tokio::time::Instant::now();
        let answers = gather.quorum(&clock, PATIENCE).await;
        assert_eq!(answers, [(1, Ok(()))]);
        assert_eq!(begun.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quorum_is_not_waited_for_without_end() {
        let clock = env::real::RealClock::new();
        let gather = Gather::new(2);
        let (one, _two) = (gather.ticket(1), gather.ticket(2));
        one.answer(Ok(()));
        let answers = gather.quorum(&clock, PATIENCE).await;
        assert_eq!(answers, [(1, Ok(()))]);
    }
}
