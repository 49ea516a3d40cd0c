//! What is being done, to stderr where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use env::Clock;

/// How often a line is written anew.
const EVERY: Duration = Duration::from_millis(200);

/// A line that is written again and again.
pub struct ProgressLine {
    clock: Arc<dyn Clock>,
    is_shown: bool,
    last: Option<Duration>,
}

impl std::fmt::Debug for ProgressLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProgressLine({})", self.is_shown)
    }
}

impl ProgressLine {
    /// Shown where somebody looks.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        ProgressLine { clock, is_shown: io::stderr().is_terminal(), last: None }
    }

    /// Says what is done now.
    pub fn say(&mut self, text: &str) {
        let now = self.clock.monotonic();
        if self.is_shown && self.last.is_none_or(|last| now.saturating_sub(last) >= EVERY) {
            self.last = Some(now);
            // Nobody may be looking any more, which is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
