//! How long drives are waited for: what needs a drive that never answers ends in an error, and does not wait for ever.

use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use env::{BoxFuture, Clock};

use crate::error::FaultKind;

/// How long a write waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For the slower drives, when a quorum has answered.
    pub(crate) for_stragglers: Duration,
    /// For a quorum.
    pub(crate) for_quorum: Duration,
}

/// Runs out when its patience has.
pub(crate) struct Timer<'a> {
    clock: &'a dyn Clock,
    patience: Patience,
    has_quorum: bool,
    sleep: Option<BoxFuture<'static, ()>>,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(clock: &'a dyn Clock, patience: Patience) -> Self {
        Timer { clock, patience, has_quorum: false, sleep: None }
    }

    /// Whether time is up for those that have not answered.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, has_quorum: bool) -> Poll<()> {
        if has_quorum && !self.has_quorum {
            self.has_quorum = true;
            self.sleep = None;
        }
        let limit = if has_quorum { self.patience.for_stragglers } else { self.patience.for_quorum };
        self.sleep.get_or_insert_with(|| self.clock.sleep(limit)).as_mut().poll(context)
    }
}

/// What a drive answers, or that it is silent.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    answer: impl Future<Output = Result<T, FaultKind>>,
) -> Result<T, FaultKind> {
    env::within(clock, limit, answer).await.unwrap_or(Err(FaultKind::Silent))
}
