//! What was written lately: answers "is this row still at that version" without asking the engine.
//!
//! Invariant: every row written at an index above [`Recent::complete_from`] is known here with its version. So a
//! transaction that read nothing older than that is checked by memory alone: a row not found here is unchanged. The answer
//! is the same as the engine's, on every replica, whatever each still remembers.

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Rows of one generation, and those of the batch that filled it; two are kept. See [`Recent`].
const GENERATION_ROWS_MAX: usize = 1024;

/// The versions of rows written lately in one partition.
#[derive(Debug)]
pub(crate) struct Recent {
    seed: u64,
    newer: HashMap<u128, u64>,
    older: HashMap<u128, u64>,
    /// Index below and at which rows may be unknown.
    complete_from: u64,
    /// The same for `newer` alone.
    newer_from: u64,
}

impl Recent {
    /// Knows nothing of what was written up to `applied`. The seed is a secret, so that no client can choose keys that
    /// collide.
    pub(crate) fn new(applied: u64, seed: u64) -> Self {
        Recent {
            seed,
            newer: HashMap::new(),
            older: HashMap::new(),
            complete_from: applied,
            newer_from: applied,
        }
    }

    /// A row was written; it now has `version` (0: removed).
    pub(crate) fn wrote(&mut self, key: &[u8], version: u64) {
        self.newer.insert(self.digest(key), version);
    }

    /// All that was written up to `index` is in the engine: only now may some of it be forgotten here.
    pub(crate) fn batch_written(&mut self, index: u64) {
        if self.newer.len() >= GENERATION_ROWS_MAX {
            self.older = std::mem::take(&mut self.newer);
            self.complete_from = self.newer_from;
            self.newer_from = index;
        }
    }

    /// The version of a row, if it was written lately.
    pub(crate) fn version(&self, key: &[u8]) -> Option<u64> {
        let digest = self.digest(key);
        self.newer.get(&digest).or_else(|| self.older.get(&digest)).copied()
    }

    /// Whether a row that is not found here is unchanged since `base`.
    pub(crate) fn covers(&self, base: u64) -> bool {
        base >= self.complete_from
    }

    fn digest(&self, key: &[u8]) -> u128 {
        xxh3_128_with_seed(key, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_by_generation_and_says_from_where_it_knows_all() {
        let mut recent = Recent::new(10, 1);
        assert!(recent.covers(10) && !recent.covers(9));
        for index in 11..(11 + 3 * GENERATION_ROWS_MAX as u64) {
            recent.wrote(&index.to_le_bytes(), index);
            recent.batch_written(index);
            for known in 11..=index {
                if recent.covers(known - 1) {
                    assert_eq!(recent.version(&known.to_le_bytes()), Some(known), "{known} at {index}");
                }
            }
        }
        assert!(!recent.covers(11));
        assert_eq!(recent.version(b"never"), None);
    }

    #[test]
    fn a_row_written_again_has_its_newest_version() {
        let mut recent = Recent::new(0, 1);
        recent.wrote(b"a", 1);
        for index in 2..2000u64 {
            recent.wrote(&index.to_le_bytes(), index);
            recent.batch_written(index);
        }
        recent.wrote(b"a", 0);
        assert_eq!(recent.version(b"a"), Some(0));
    }
}
