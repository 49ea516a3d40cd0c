//! Why a command did not do what was asked. Every message says what to do next; nothing here panics.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// What a command returns instead of success.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line was wrong; nothing was started. Exit code 2.
    Usage(String),
    /// The command ran and failed. Exit code 1.
    Failed(String),
}

impl Failure {
    /// The command line was wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The command ran and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A file or folder could not be read or written.
    pub(crate) fn io(what: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(format!("cannot {what} {}: {error}", path.display()))
    }

    /// 2 for a wrong command line, 1 for everything else, as `cargo` and most tools do.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => formatter.write_str(message),
        }
    }
}
