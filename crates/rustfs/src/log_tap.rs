//! Tells the admin API the lines of the log, beside what is written to stderr.

use std::fmt::{self, Write};
use std::sync::Arc;

use admin::{LogBoard, LogLevel, LogLine};
use env::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A layer that hands lines on.
pub struct LogTap {
    board: LogBoard,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for LogTap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogTap")
    }
}

impl LogTap {
    /// Hands lines to this board.
    #[must_use]
    pub fn new(board: LogBoard, clock: Arc<dyn Clock>) -> Self {
        Self { board, clock }
    }
}

impl<S: Subscriber> Layer<S> for LogTap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            _ => LogLevel::Info,
        };
        let mut text = Text::default();
        event.record(&mut text);
        self.board.tell(LogLine {
            time: self.clock.now(),
            level,
            source: event.metadata().target().to_owned(),
            message: text.whole(),
        });
    }
}

/// The message of an event, and its facts behind it.
#[derive(Default)]
struct Text {
    message: String,
    facts: String,
}

impl Text {
    fn whole(mut self) -> String {
        self.message.push_str(&self.facts);
        self.message
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.facts, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_its_level_source_message_and_facts() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let env = env::real::env(runtime.handle());
        let board = LogBoard::default();
        let subscriber =
            tracing_subscriber::registry().with(LogTap::new(board.clone(), Arc::clone(&env.clock)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(drive = "/data", waited_seconds = 3, "a drive does not answer");
        });
        let lines = board.last(1);
        let line = &lines[0];
        assert_eq!((line.level, line.source.as_str()), (LogLevel::Warning, module_path!()));
        assert_eq!(line.message, "a drive does not answer drive=\"/data\" waited_seconds=3");
    }
}
