//! `mc admin logs`: the last lines of the server's log, and those that come.
//!
//! Always true: at most so many lines of at most so many bytes are kept; who logs never waits for who listens.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use model::time::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::AdminError;
use crate::live::{self, Source};
use crate::time::rfc3339;

/// Lines that are kept.
const LINES_MAX: usize = 1000;
/// Bytes of a line; what is longer is cut.
const LINE_BYTES_MAX: usize = 4 << 10;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Somebody should look at it.
    Warning,
    /// What goes on.
    Info,
}

impl LogLevel {
    /// madmin's words for the level and the kind.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Error => ("ERROR", "ERROR"),
            Self::Warning => ("WARNING", "WARNING"),
            Self::Info => ("INFO", "INFO"),
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub time: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the server that says so.
    pub source: String,
    /// What it says, with its facts.
    pub message: String,
}

/// Where lines are told and kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogBoard(Arc<Board>);

#[derive(Debug)]
struct Board {
    kept: Mutex<VecDeque<Arc<LogLine>>>,
    lines: broadcast::Sender<Arc<LogLine>>,
}

impl Default for LogBoard {
    fn default() -> Self {
        let lines = broadcast::Sender::new(LINES_MAX);
        Self(Arc::new(Board { kept: Mutex::default(), lines }))
    }
}

impl LogBoard {
    /// Tells a line to whoever listens, and keeps it.
    pub fn tell(&self, mut line: LogLine) {
        cut(&mut line.message);
        let line = Arc::new(line);
        let mut kept = self.0.kept.lock();
        if kept.len() == LINES_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&line));
        // Under the lock, so that who begins to listen gets each line once. An error means that nobody listens.
        let _ = self.0.lines.send(line);
    }

    /// The last so many lines.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<LogLine> {
        let kept = self.0.kept.lock();
        kept.iter().skip(kept.len().saturating_sub(count)).map(|line| LogLine::clone(line)).collect()
    }

    /// The last so many lines, and those that come from now on.
    fn listen(&self, last: usize) -> (VecDeque<Arc<LogLine>>, broadcast::Receiver<Arc<LogLine>>) {
        let kept = self.0.kept.lock();
        let first = kept.len().saturating_sub(last);
        (kept.range(first..).cloned().collect(), self.0.lines.subscribe())
    }
}

fn cut(text: &mut String) {
    if text.len() > LINE_BYTES_MAX {
        let end = (0..=LINE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

struct Log {
    kept: VecDeque<Arc<LogLine>>,
    lines: broadcast::Receiver<Arc<LogLine>>,
    store: String,
    node: String,
}

impl Source for Log {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send + '_>> {
        Box::pin(async move {
            loop {
                let line = match self.kept.pop_front() {
                    Some(line) => Ok(line),
                    None => self.lines.recv().await,
                };
                match line {
                    Ok(line) => return Some(live::line(&self.document(&line))),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }
}

impl Log {
    /// madmin's `LogInfo`.
    fn document(&self, line: &LogLine) -> Value {
        let (level, kind) = line.level.words();
        json!({
            "deploymentid": self.store,
            "level": level,
            "errKind": kind,
            "time": rfc3339(line.time),
            "node": self.node,
            "message": line.message,
            "error": { "message": line.message, "source": [line.source] },
            "ConsoleMsg": "",
        })
    }
}

/// A stream of madmin's `LogInfo`.
pub(crate) fn log(call: &Call<'_>) -> Result<Answer, AdminError> {
    let facts = &call.shared.facts;
    let node = call.query.get("node").unwrap_or_default();
    if !node.is_empty() && node != facts.endpoint {
        return Err(AdminError::argument(format!("There is no node {node}; there is {}.", facts.endpoint)));
    }
    // All lines that there are, where no number is given.
    let last = match call.query.number("limit", 0)? {
        0 => LINES_MAX,
        number => usize::try_from(number).unwrap_or(LINES_MAX),
    };
    let (kept, lines) = call.shared.logs.listen(last);
    let store = call.shared.objects.meta().map().store.to_string();
    let source = Log { kept, lines, store, node: facts.endpoint.clone() };
    Ok(Answer::Lines(live::lines(call.shared, source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: impl Into<String>) -> LogLine {
        LogLine {
            time: Timestamp::ZERO,
            level: LogLevel::Info,
            source: "test".to_owned(),
            message: message.into(),
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        let board = LogBoard::default();
        for number in 0..LINES_MAX + 5 {
            board.tell(line(number.to_string()));
        }
        let (kept, _) = board.listen(usize::MAX);
        assert_eq!((kept.len(), kept[0].message.as_str()), (LINES_MAX, "5"));
        let (kept, mut lines) = board.listen(2);
        assert_eq!(kept.len(), 2);
        board.tell(line("new"));
        assert_eq!(lines.try_recv().unwrap().message, "new");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let board = LogBoard::default();
        board.tell(line("ü".repeat(LINE_BYTES_MAX)));
        let (kept, _) = board.listen(1);
        assert!(kept[0].message.len() <= LINE_BYTES_MAX + 3 && kept[0].message.ends_with('…'));
    }
}
