//! When a certificate ends, and how urgent that is. Pure.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

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

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last moment of a certificate (RFC 5280, 4.1: `notAfter`); `None` where its bytes are not understood.
pub(super) fn ends(certificate: &[u8]) -> Option<OffsetDateTime> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (signed, _) = expect(certificate, SEQUENCE)?;
    let rest = expect(signed, VERSION).map_or(signed, |(_, rest)| rest);
    // Number, algorithm, issuer; then from when until when.
    let rest = after(after(after(rest)?)?)?;
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (tag, moment, _) = element(after(validity)?)?;
    moment_of(tag, std::str::from_utf8(moment).ok()?)
}

/// The element at the beginning: its tag, what is in it, what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

fn after(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).map(|(.., rest)| rest)
}

/// `YYMMDDhhmmssZ` with a year from 1950 to 2049, or `YYYYMMDDhhmmssZ`.
fn moment_of(tag: u8, text: &str) -> Option<OffsetDateTime> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i32 = digits.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
        }
        (GENERALIZED_TIME, 14) => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |index: usize| rest.get(2 * index..2 * index + 2)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(1)?).ok()?;
    let time = Time::from_hms(part(2)?, part(3)?, part(4)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
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
            assert_eq!(ends(&made.der), Some(wanted));
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_end() {
        let made = Authority::new().leaf(&["a.example"]);
        for length in 0..made.der.len().min(200) {
            assert_eq!(ends(&made.der[..length]), None, "cut after {length} bytes");
        }
        assert_eq!(ends(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
        for (tag, text) in [
            (UTC_TIME, "990231000000Z"),
            (UTC_TIME, "9901010000Z"),
            (GENERALIZED_TIME, "20300101000000"),
            (4, "300101000000Z"),
        ] {
            assert_eq!(moment_of(tag, text), None, "{text}");
        }
        assert_eq!(moment_of(UTC_TIME, "500101000000Z"), Some(datetime!(1950-01-01 0:00 UTC)));
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
