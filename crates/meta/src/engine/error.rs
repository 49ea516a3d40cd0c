//! What an engine can't do, and who must act.

use thiserror::Error;

use super::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// Why a call to an engine failed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The drive or the data on it fails.
    #[error(
        "the metadata engine at {place} failed to {action}: check the drive; if its data is damaged, replace it and let \
         the other replicas fill it"
    )]
    Failed {
        /// Directory of the engine, or what stands for it.
        place: String,
        /// What it was doing.
        action: &'static str,
        /// What the engine says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An earlier write failed; what of it is on the drive is unknown.
    #[error(
        "the metadata engine at {place} takes no writes because an earlier one failed: the drive must be opened again"
    )]
    Poisoned {
        /// Directory of the engine, or what stands for it.
        place: String,
    },
    /// It was closed.
    #[error("the metadata engine at {place} is closed")]
    Closed {
        /// Directory of the engine, or what stands for it.
        place: String,
    },
    /// A key that no engine takes. The caller's fault; nothing was written.
    #[error("a key of {len_bytes} bytes can't be written: keys have 1 to {KEY_BYTES_MAX} bytes")]
    KeyLength {
        /// Its length.
        len_bytes: usize,
    },
    /// A value that no engine takes. The caller's fault; nothing was written.
    #[error("a value of {len_bytes} bytes can't be written: values have up to {VALUE_BYTES_MAX} bytes")]
    ValueLength {
        /// Its length.
        len_bytes: usize,
    },
}
