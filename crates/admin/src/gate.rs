//! Holds S3 requests back while the service is frozen.
//!
//! Always true: a request that has passed is not held any more; one that waits goes on when the gate opens, or is gone with
//! its connection. So many wait at most as there are connections and streams on them. A gate that is open costs a load.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The gate before S3.
#[derive(Debug)]
pub struct Gate {
    is_closed: AtomicBool,
    changes: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { is_closed: AtomicBool::new(false), changes: watch::Sender::new(false) }
    }
}

impl Gate {
    /// Ends when requests may go on.
    pub async fn pass(&self) {
        if !self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let mut changes = self.changes.subscribe();
        // An error would mean that the gate is gone, and this is the gate.
        let _ = changes.wait_for(|is_closed| !is_closed).await;
    }

    /// Holds back requests that come from now on.
    pub fn close(&self) {
        self.set(true);
    }

    /// Lets go those that wait, and those that come.
    pub fn open(&self) {
        self.set(false);
    }

    /// Whether requests are held back.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn set(&self, is_closed: bool) {
        self.changes.send_modify(|state| {
            *state = is_closed;
            self.is_closed.store(is_closed, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_closed_gate_holds_until_it_opens() {
        let gate = Gate::default();
        assert!(gate.pass().now_or_never().is_some());
        gate.close();
        let mut waiting = Box::pin(gate.pass());
        assert!((&mut waiting).now_or_never().is_none());
        gate.open();
        assert!((&mut waiting).now_or_never().is_some());
        assert!(!gate.is_closed());
    }
}
