//! The log: to stderr, a line per event. Nothing is written to files: who runs the server keeps its output.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::log_tap::LogTap;

/// Our crates; others' only say what goes wrong.
const OURS: &[&str] = &[
    "rustfs", "s3", "iam", "object", "admin", "worker", "meta", "blob", "cluster", "env", "audit", "outbound",
];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Begins to log as the variables say, also to who listens over the network. Returns what was odd about the variables.
pub fn init(variable: &dyn Fn(&str) -> Option<String>, tap: Option<LogTap>) -> Option<String> {
    let wanted = variable("RUST_LOG").or_else(|| variable("RUSTFS_LOG_LEVEL")).unwrap_or_default();
    let (filter, odd) = match EnvFilter::try_new(directives(&wanted)) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let odd =
                format!("RUST_LOG or RUSTFS_LOG_LEVEL is no level and no filter ({error}): info is used.");
            (EnvFilter::new(directives("info")), Some(odd))
        }
    };
    let json =
        variable("RUSTFS_LOG_JSON").is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    let log = fmt::layer::<Registry>().with_writer(io::stderr);
    let log = match json {
        true => log.json().flatten_event(true).boxed(),
        false => log.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    // An error means that somebody logs already: in tests.
    let _ = tracing_subscriber::registry().with(log).with(tap).with(filter).try_init();
    odd
}

/// As [`init`], for a command that says itself what it finds: without a word from the environment nothing else is heard.
pub fn init_quietly(variable: &dyn Fn(&str) -> Option<String>) {
    let is_asked = ["RUST_LOG", "RUSTFS_LOG_LEVEL"].iter().any(|name| variable(name).is_some());
    if is_asked {
        init(variable, None);
    }
}

/// A mere level is that of our crates, the others' staying at `warn`; anything else is a filter as it stands.
fn directives(wanted: &str) -> String {
    let level = wanted.trim().to_ascii_lowercase();
    let level = match level.as_str() {
        "" => "info",
        level if LEVELS.contains(&level) => level,
        _ => return wanted.to_owned(),
    };
    let others = if ["off", "error"].contains(&level) { level } else { "warn" };
    OURS.iter().fold(others.to_owned(), |text, name| format!("{text},{name}={level}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_that_of_our_crates() {
        assert!(directives("").starts_with("warn,rustfs=info,s3=info"));
        assert!(directives("DEBUG").starts_with("warn,rustfs=debug"));
        assert!(directives("error").starts_with("error,rustfs=error"));
        assert_eq!(directives("hyper=trace"), "hyper=trace");
    }
}
