//! Why a benchmark could not be run. Errors of single requests are no such reason: they are counted and reported.

use std::io;
use std::path::PathBuf;

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("cannot reach {host}: {source}; is the server running, and is it http?")]
    Connect { host: String, source: io::Error },
    #[error("{host} refuses to {what}: {answer}; check the credentials and the bucket")]
    Refused { host: String, what: String, answer: String },
    #[error("{host}: {what} failed too often: {errors}")]
    Preparation { host: String, what: String, errors: String },
    #[error(
        "there is no server binary at {0}; build it with `cargo build --release -p rustfs`, or pass --url"
    )]
    NoServer(PathBuf),
    #[error(
        "there is no MinIO server: install it with `go install github.com/minio/minio@latest`, or pass --minio PATH"
    )]
    NoMinio,
    #[error("{name} ended before it was ready ({status}); its last words:\n{log}")]
    Ended { name: String, status: String, log: String },
    #[error("{name} was not ready in {seconds} s; its last words:\n{log}")]
    NotReady { name: String, seconds: u64, log: String },
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
}

impl BenchError {
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }
}
