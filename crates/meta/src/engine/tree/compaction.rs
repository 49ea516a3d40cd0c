//! Which runs are merged, and when: tiers of runs of similar size, and removed rows that have become many.
//!
//! A run belongs to the tier of its size; tiers grow by [`TIER_GROWTH`]. As many runs of a tier become one of the next, with
//! all newer ones. So a row is written about once for each tier, and there are few runs to look into. A merge that takes in
//! the oldest run lets go of removed rows.

use std::sync::Arc;

use super::run::Run;

/// Runs of up to so many bytes belong to the lowest tier.
const TIER_BYTES: u64 = 256 << 10;
/// How much larger the runs of the next tier are, and how many runs of a tier become one of it.
const TIER_GROWTH: u64 = 4;
/// With fewer removed rows a keyspace is not merged because of them.
const REMOVED_MIN: u64 = 4_096;
/// One removed row to so many rows in all makes a keyspace worth merging: the work is in proportion to what went.
const ROWS_PER_REMOVED: u64 = 4;

/// A run, as far as this is decided by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    pub(super) size_bytes: u64,
    pub(super) rows: u64,
    pub(super) removed: u64,
}

impl Weight {
    pub(super) fn of(run: &Arc<Run>) -> Self {
        Weight { size_bytes: run.size_bytes, rows: run.rows, removed: run.removed }
    }
}

/// How many of the newest runs of a keyspace are to become one; 0: none.
pub(super) fn due(runs: &[Weight]) -> usize {
    if has_many_removed(runs) {
        return runs.len();
    }
    let tiers: Vec<u32> = runs.iter().map(|run| tier(run.size_bytes)).collect();
    let highest = tiers.iter().copied().max().unwrap_or(0);
    // From the highest tier down: a merge that will take the newer runs in anyway is not made twice.
    for wanted in (0..=highest).rev() {
        let newest = tiers.iter().take_while(|tier| **tier <= wanted).count();
        let of_tier = tiers.iter().take(newest).filter(|tier| **tier == wanted).count();
        if of_tier as u64 >= TIER_GROWTH {
            return newest;
        }
    }
    0
}

fn has_many_removed(runs: &[Weight]) -> bool {
    let rows: u64 = runs.iter().map(|run| run.rows).sum();
    let removed: u64 = runs.iter().map(|run| run.removed).sum();
    removed >= REMOVED_MIN && removed * ROWS_PER_REMOVED >= rows
}

fn tier(size_bytes: u64) -> u32 {
    let mut tier = 0;
    let mut bytes = TIER_BYTES;
    while size_bytes > bytes {
        bytes = bytes.saturating_mul(TIER_GROWTH);
        tier += 1;
    }
    tier
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes_kib: &[u64]) -> Vec<Weight> {
        let run = |kib: &u64| Weight { size_bytes: kib << 10, rows: kib * 3, removed: 0 };
        sizes_kib.iter().map(run).collect()
    }

    #[test]
    fn four_runs_of_a_tier_become_one_with_all_that_are_newer() {
        assert_eq!(due(&[]), 0);
        assert_eq!(due(&runs(&[100, 200, 100])), 0);
        assert_eq!(due(&runs(&[100, 200, 100, 256])), 4);
        assert_eq!(due(&runs(&[100, 200, 100, 5000, 256])), 0, "the newest before the older ones");
        assert_eq!(due(&runs(&[100, 1000, 1000, 300, 900, 5000])), 5);
        assert_eq!(due(&runs(&[100, 100, 100, 100, 1000, 1000, 1000, 1000])), 8, "one merge, not two");
    }

    #[test]
    fn many_removed_rows_are_merged_with_everything() {
        let mut weights = runs(&[10, 100_000]);
        weights[1].rows = 20_000;
        weights[0].removed = 4_000;
        assert_eq!(due(&weights), 0);
        weights[0].removed = 6_000;
        assert_eq!(due(&weights), 2);
    }

    /// Flushes of one size, merged as told: rows are written some times, and there are never many runs.
    #[test]
    fn runs_stay_few_and_rows_are_rarely_written() {
        let (mut runs, mut written, mut most) = (Vec::<Weight>::new(), 0, 0);
        let flushes = 4_000u64;
        for _ in 0..flushes {
            runs.insert(0, Weight { size_bytes: 200 << 10, rows: 500, removed: 0 });
            written += 200 << 10;
            let count = due(&runs);
            if count > 0 {
                let merged: Vec<_> = runs.drain(..count).collect();
                let size_bytes = merged.iter().map(|run| run.size_bytes).sum();
                written += size_bytes;
                runs.insert(0, Weight { size_bytes, rows: 1, removed: 0 });
            }
            most = most.max(runs.len());
        }
        let times = written / (flushes * (200 << 10));
        assert!(most <= 20 && times <= 7, "{most} runs, every row written {times} times");
    }
}
