//! When to stop: SIGTERM or SIGINT lets requests end, a second one or the time limit does not. SIGHUP stops nothing: who serves
//! certificates reads them again ([`crate::tls`]).

use std::io;
use std::time::Duration;

use env::Env;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::orders::Orders;

/// How long requests in progress may take after a stop was asked for.
pub const FINISH_TIME_MAX: Duration = Duration::from_secs(30);

/// How far the stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not asked for.
    Running,
    /// Requests in progress are finished, no new ones taken.
    Finishing,
    /// Nothing is waited for.
    AtOnce,
}

/// What is told when to stop. Clones are told the same.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Phase>);

/// Who tells it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Phase>);

/// A stop that was not asked for yet.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Goes on to this phase; never back.
    pub fn go_to(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }
}

impl Stop {
    /// Ends when the stop has come to this phase.
    pub async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            // Who would tell has gone: it never will.
            std::future::pending::<()>().await;
        }
    }
}

/// The signals of this process; from now on none of them ends it by itself.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _hang_up: Signal,
}

impl Signals {
    /// Must be called within the runtime.
    ///
    /// # Errors
    /// Where the operating system does not hand them over.
    pub fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends when the process was asked to stop.
    pub async fn asked(&mut self) {
        self.next().await;
    }

    /// Leads the stop through its phases, from a signal or an order on; ends after the last one.
    pub async fn lead(mut self, env: Env, stopper: Stopper, orders: Orders) {
        tokio::select! {
            biased;
            () = self.next() => {}
            () = orders.given() => {}
        }
        info!("stopping: requests in progress are finished; a second signal stops at once");
        stopper.go_to(Phase::Finishing);
        tokio::select! {
            biased;
            () = self.next() => warn!("stopping at once"),
            () = env.clock.sleep(FINISH_TIME_MAX) => {
                warn!("requests still in progress after {} s are cut off", FINISH_TIME_MAX.as_secs());
            }
        }
        stopper.go_to(Phase::AtOnce);
        // Who is told may look at it at any time: it must not seem that nobody tells.
        std::future::pending::<()>().await;
    }
}
