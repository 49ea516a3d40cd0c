//! What the process is told through the admin API: to stop, or to stop and begin again.
//!
//! Always: an order is carried out as a signal is: requests in progress are finished and the store is closed. A restart runs
//! the program that lies at this one's place by then, with the same words and environment, in the same process: a supervisor
//! sees no end.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admin::Control;
use tokio::sync::Notify;

/// Behind the path of a program whose file was replaced while it ran.
const REPLACED: &[u8] = b" (deleted)";

/// Orders to the process. Clones are told the same.
#[derive(Clone, Debug, Default)]
pub struct Orders(Arc<State>);

#[derive(Debug, Default)]
struct State {
    given: Notify,
    is_restart: AtomicBool,
}

impl Orders {
    /// Ends when an order was given.
    pub async fn given(&self) {
        self.0.given.notified().await;
    }

    /// Whether the process is to begin again after it has stopped.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        self.0.is_restart.load(Ordering::Relaxed)
    }
}

impl Control for Orders {
    fn stop(&self) {
        self.0.is_restart.store(false, Ordering::Relaxed);
        self.0.given.notify_one();
    }

    fn restart(&self) {
        self.0.is_restart.store(true, Ordering::Relaxed);
        self.0.given.notify_one();
    }
}

/// Becomes the program anew. Returns only where that can't be done, and why.
pub fn begin_again() -> io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program_at(program),
        Err(error) => return error,
    };
    Command::new(program).args(std::env::args_os().skip(1)).exec()
}

fn program_at(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(REPLACED) {
        Some(path) => PathBuf::from(OsString::from_vec(path.to_vec())),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_order_counts() {
        let orders = Orders::default();
        orders.restart();
        assert!(orders.clone().is_restart());
        orders.stop();
        assert!(!orders.is_restart());
    }

    #[test]
    fn a_program_that_was_replaced_is_found_at_its_place() {
        assert_eq!(program_at("/usr/bin/rustfs (deleted)".into()), PathBuf::from("/usr/bin/rustfs"));
        assert_eq!(program_at("/usr/bin/rustfs".into()), PathBuf::from("/usr/bin/rustfs"));
    }
}
