//! How the memory that metadata may take is shared out: blocks of files of rows, rows that are in no file yet, entries of the log.
//!
//! Always: what all drives together keep is the bound that was set, as far as their least shares allow.

use std::path::Path;
use std::sync::Arc;

use env::Env;
use meta::EngineFactory;
use meta::engine::Engine;
use meta::engine::tree::{TreeEngine, TreeOptions};
use meta::log::{LogFactory, LogOptions};
use model::ids::DriveId;

/// Bytes where no number is set.
pub const METADATA_BYTES_DEFAULT: u64 = 64 << 20;
/// Least bytes that can be set, and least share of a drive: below it a drive does little but write files.
pub const METADATA_BYTES_MIN: u64 = 8 << 20;

/// A drive's share, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataShare {
    blocks: u64,
    rows: u64,
    entries: u64,
}

impl MetadataShare {
    /// The share of each of so many drives in `total_bytes`.
    #[must_use]
    pub fn new(total_bytes: u64, drives: usize) -> Self {
        let share = (total_bytes / drives.max(1) as u64).max(METADATA_BYTES_MIN);
        // Rows get most: the more of them are written at a time, the fewer and larger files they become.
        MetadataShare { blocks: share / 4, rows: share / 2, entries: share / 4 }
    }

    /// Engines on files.
    #[must_use]
    pub fn engines(self) -> EngineFactory {
        let options = TreeOptions { cache_bytes: self.blocks, memtable_bytes: self.rows };
        Arc::new(move |env: &Env, drive: DriveId, directory: &Path| {
            let engine: Arc<dyn Engine> = Arc::new(TreeEngine::open(env, drive, directory, options)?);
            Ok(engine)
        })
    }

    /// Logs.
    #[must_use]
    pub fn logs(self) -> LogFactory {
        let tail_bytes = self.entries as usize;
        Arc::new(move |drive| LogOptions { tail_bytes, ..LogOptions::new(drive) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_share_what_is_set_and_have_enough_to_work() {
        let share = |drives| MetadataShare::new(128 << 20, drives);
        let bytes = |share: MetadataShare| share.blocks + share.rows + share.entries;
        assert_eq!((bytes(share(1)), bytes(share(4))), (128 << 20, 32 << 20));
        assert_eq!(bytes(share(64)), METADATA_BYTES_MIN);
        assert_eq!(share(4).logs()(DriveId::from_bytes([1; 16])).tail_bytes, 8 << 20);
    }
}
