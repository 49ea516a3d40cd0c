//! What happened, as one number, and in words where a test asks for them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::random::mix;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskAction {
    /// Opens a file that is there.
    Open,
    /// Reads data, a length, a directory or the room.
    Read,
    /// Writes data, reserves room or sets a length.
    Write,
    /// Makes data durable.
    Sync,
    /// Makes, renames or removes a name.
    Name,
    /// Makes names durable.
    SyncDirectory,
}

/// An operation as it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number, from 1 for the first of the simulation.
    pub number: u64,
    /// When it began, since the start of the simulation.
    pub time: Duration,
    /// What it does.
    pub action: DiskAction,
    /// To what.
    pub path: PathBuf,
    /// Where in the file, for data.
    pub offset: u64,
    /// How much, for data.
    pub len_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    hash: u64,
    operations: Option<Vec<Operation>>,
}

impl Trace {
    pub(super) fn keep_operations(&mut self) {
        self.operations.get_or_insert_default();
    }

    pub(super) fn operations(&self) -> &[Operation] {
        self.operations.as_deref().unwrap_or_default()
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn add(&mut self, value: u64) {
        self.hash = mix(self.hash.rotate_left(5) ^ value).wrapping_add(value);
    }

    pub(super) fn begin(
        &mut self,
        number: u64,
        time_ns: u64,
        action: DiskAction,
        path: &Path,
        (offset, len_bytes): (u64, u64),
    ) {
        for byte in path.as_os_str().as_encoded_bytes().chunks(8) {
            let mut word = [0u8; 8];
            word[..byte.len()].copy_from_slice(byte);
            self.add(u64::from_le_bytes(word));
        }
        for value in [number, time_ns, action as u64, offset, len_bytes] {
            self.add(value);
        }
        if let Some(operations) = &mut self.operations {
            operations.push(Operation {
                number,
                time: Duration::from_nanos(time_ns),
                action,
                path: path.to_owned(),
                offset,
                len_bytes,
            });
        }
    }
}
