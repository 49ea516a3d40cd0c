//! How much of a drive's time is taken by what nobody waits for: the scrub and compaction.
//!
//! What always holds: such work is done in pieces that take a moment each. While requests use the drive, it rests between
//! two pieces so long that they have most of the drive's time, whatever a piece takes: where they make it slow, it becomes
//! rarer. A drive that nobody uses is not slept on, and neither is one whose room is what is waited for.

use std::time::Duration;

/// Pieces of background work rest so many times as long as they took while requests use the drive: these have three
/// quarters of its time.
const RESTS_WHILE_USED: u32 = 3;
/// A rest at most: a drive that took a minute for a piece is not left alone for three.
const REST_MAX: Duration = Duration::from_secs(2);

/// Dead bytes may come to this share of the free ones before compaction no longer rests.
const DEAD_SHARE_MAX: u64 = 8;

/// Whether room is what is waited for: there is little, or so much of it is dead that compaction does not keep up.
pub(crate) fn is_pressed(is_short: bool, dead_bytes: u64, free_bytes: u64) -> bool {
    is_short || dead_bytes > free_bytes / DEAD_SHARE_MAX
}

/// How long to leave the drive to requests after a piece of work that took so long.
pub(crate) fn rest(took: Duration, is_used: bool, is_pressed: bool) -> Duration {
    match is_used && !is_pressed {
        true => took.saturating_mul(RESTS_WHILE_USED).min(REST_MAX),
        false => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn requests_have_most_of_a_drive_that_they_use() {
        for took in [1, 10, 300] {
            let rest = rest(ms(took), true, false);
            assert!(ms(took) * 4 <= ms(took) + rest, "a piece of {took} ms takes a quarter at most");
        }
    }

    #[test]
    fn a_drive_that_nobody_uses_is_worked_on_without_rest() {
        assert_eq!(rest(ms(300), false, false), Duration::ZERO);
    }

    #[test]
    fn where_room_is_what_is_waited_for_requests_do_not_slow_compaction() {
        assert_eq!(rest(ms(300), true, true), Duration::ZERO);
    }

    #[test]
    fn compaction_that_does_not_keep_up_no_longer_rests() {
        assert!(!is_pressed(false, 100, 1000));
        assert!(is_pressed(false, 200, 1000));
        assert!(is_pressed(true, 0, 1000));
    }

    #[test]
    fn a_rest_has_an_end_however_slow_the_drive() {
        assert_eq!(rest(Duration::from_secs(60), true, false), REST_MAX);
        assert_eq!(rest(Duration::MAX, true, false), REST_MAX);
    }
}
