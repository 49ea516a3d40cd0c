//! When a certificate ends, and how urgent that is. Pure.

use time::{Duration, OffsetDateTime};

/// How soon a certificate ends; the later ones are the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Not within a month.
    None,
    /// Within 30 days.
    Month,
    /// Within 7 days.
    Week,
    /// Within a day.
    Day,
    /// It has ended.
    Over,
}

impl Urgency {
    pub(super) fn of(ends: OffsetDateTime, now: OffsetDateTime) -> Self {
        let left = ends - now;
        [
            (Duration::ZERO, Self::Over),
            (Duration::DAY, Self::Day),
            (Duration::days(7), Self::Week),
            (Duration::days(30), Self::Month),
        ]
        .into_iter()
        .find(|(limit, _)| left <= *limit)
        .map_or(Self::None, |(_, urgency)| urgency)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::tls::testing::Authority;

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_notations() {
        for wanted in [
            datetime!(2031-02-03 04:05:06 UTC),
            datetime!(2049-12-31 23:59:59 UTC),
            datetime!(2050-01-01 0:00 UTC),
        ] {
            let made = Authority::new().leaf_until(&["a.example"], wanted);
            assert_eq!(idp::not_after(&made.der), Some(wanted));
        }
    }

    #[test]
    fn the_nearer_the_end_the_more_urgent() {
        let now = datetime!(2030-06-01 0:00 UTC);
        let urgency = |left: Duration| Urgency::of(now + left, now);
        assert_eq!(urgency(Duration::days(31)), Urgency::None);
        assert_eq!(urgency(Duration::days(30)), Urgency::Month);
        assert_eq!(urgency(Duration::days(7)), Urgency::Week);
        assert_eq!(urgency(Duration::hours(23)), Urgency::Day);
        assert_eq!(urgency(Duration::seconds(-1)), Urgency::Over);
        assert!(Urgency::None < Urgency::Month && Urgency::Day < Urgency::Over);
    }
}
