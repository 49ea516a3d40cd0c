//! What is wrong with a file of an engine, and where.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A place that is not as it was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{} is damaged at byte {offset_bytes}: {reason}", path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub offset_bytes: u64,
    /// What is wrong.
    pub reason: String,
}

pub(super) fn damaged(path: &Path, offset_bytes: u64, reason: &str) -> Damage {
    Damage { path: path.to_owned(), offset_bytes, reason: reason.to_owned() }
}
