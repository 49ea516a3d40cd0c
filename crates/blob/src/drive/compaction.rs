//! Giving back the room of dead records: which segment to rewrite, and the rewriting.
//!
//! Order of durability: living records and needed tombstones are appended and synced by the segment writer -> the
//! segment's name is removed -> the directory is synced -> only then is the segment forgotten, which makes tombstones
//! that name it superfluous. A crash in between leaves the record twice; the later one counts, and a tombstone behind
//! both kills both.

use super::segments::Usage;

/// Small segments are left alone until there are so many of them.
const SMALL_SEGMENTS: usize = 4;

/// The segment to rewrite next: the one with the largest share of dead bytes, if that share is large enough; else one of
/// the small ones that restarts leave, when there are many.
pub(crate) fn choose(usage: &[Usage], dead_percent_min: u8, segment_bytes: u64) -> Option<u32> {
    let sealed = || usage.iter().filter(|usage| usage.sealed);
    let dead = |usage: &Usage| usage.used_bytes.saturating_sub(usage.kept_bytes);
    let share = |usage: &Usage| match usage.used_bytes {
        0 => 100,
        used => dead(usage) * 100 / used,
    };
    let deadest = sealed().max_by_key(|usage| (share(usage), dead(usage)));
    if let Some(usage) = deadest.filter(|usage| share(usage) >= u64::from(dead_percent_min)) {
        return Some(usage.segment);
    }
    let small = || sealed().filter(|usage| usage.used_bytes < segment_bytes / 8);
    if small().count() < SMALL_SEGMENTS {
        return None;
    }
    small().min_by_key(|usage| usage.used_bytes).map(|usage| usage.segment)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests {
    use super::*;

    fn usage(segment: u32, used_bytes: u64, kept_bytes: u64) -> Usage {
        Usage { segment, sealed: true, used_bytes, kept_bytes }
    }

    #[test]
    fn the_deadest_is_chosen_if_dead_enough() {
        let segments = [usage(1, 1000, 600), usage(2, 1000, 400), usage(3, 1000, 900)];
        assert_eq!(choose(&segments, 50, 1000), Some(2));
        assert_eq!(choose(&segments, 61, 1000), None);
    }

    #[test]
    fn the_segment_being_written_is_left_alone() {
        let active = Usage { sealed: false, ..usage(1, 1000, 0) };
        assert_eq!(choose(&[active], 50, 1000), None);
    }

    #[test]
    fn tombstones_that_are_needed_are_not_rewritten_for_ever() {
        assert_eq!(choose(&[usage(1, 480, 480)], 50, 1000), None);
    }

    #[test]
    fn many_small_segments_become_one() {
        let small: Vec<_> = (1..=4).map(|n| usage(n, 10 * u64::from(n), 10)).collect();
        assert_eq!(choose(&small[..3], 99, 1000), None);
        assert_eq!(choose(&small, 99, 1000), Some(1));
    }
}
