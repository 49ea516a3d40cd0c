//! Times of the date operators.
//!
//! Always true: a time is one of the forms of <https://www.w3.org/TR/NOTE-datetime>, which are a profile of ISO 8601, or
//! seconds since 1970. Four digits alone are a year. A form without time of day means its first moment in UTC.

use time::{Date, Month, Time, UtcOffset};

/// A moment, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i128);

const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// Digits of seconds since 1970 that are still a time anybody means.
const EPOCH_DIGITS_MAX: usize = 15;

impl Moment {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_epoch = digits.len() <= EPOCH_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
        match text.len() {
            4 if digits == text => from_iso(text),
            _ if is_epoch => text.parse().ok().map(|seconds: i128| Self(seconds * NANOS_PER_SECOND)),
            _ => from_iso(text),
        }
    }
}

fn from_iso(text: &str) -> Option<Moment> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |text| number(text, 2))?;
    let day = parts.next().map_or(Some(1), |text| number(text, 2))?;
    let is_whole_date = date.len() == "2012-10-17".len();
    if parts.next().is_some() || (time.is_some() && !is_whole_date) {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let (time, offset) = time.map_or(Some((Time::MIDNIGHT, UtcOffset::UTC)), time_of_day)?;
    Some(Moment(date.with_time(time).assume_offset(offset).unix_timestamp_nanos()))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, and a zone: `Z`, `+hh:mm` or `-hh:mm`.
fn time_of_day(text: &str) -> Option<(Time, UtcOffset)> {
    let zone = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at_checked(zone)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (seconds, nanos) = parts.next().map_or(Some((0, 0)), seconds)?;
    if parts.next().is_some() {
        return None;
    }
    let byte = |number: u32| u8::try_from(number).ok();
    let time = Time::from_hms_nano(byte(hour)?, byte(minute)?, byte(seconds)?, nanos).ok()?;
    Some((time, offset(zone)?))
}

fn seconds(text: &str) -> Option<(u32, u32)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some((number(text, 2)?, 0));
    };
    let is_fraction = (1..=9).contains(&fraction.len());
    let nanos = is_fraction.then(|| number(&format!("{fraction:0<9}"), 9)).flatten()?;
    Some((number(whole, 2)?, nanos))
}

fn offset(zone: &str) -> Option<UtcOffset> {
    if zone == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    let signed = |number: u32| i8::try_from(number).ok().map(|number| sign * number);
    (minutes < 60).then(|| UtcOffset::from_hms(signed(hours)?, signed(minutes)?, 0).ok()).flatten()
}

/// A number of just so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2012-10-17T12:00:00Z.
    const NOON: i128 = 1_350_475_200;

    fn seconds_of(text: &str) -> i128 {
        let Moment(nanos) = Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
        nanos / NANOS_PER_SECOND
    }

    #[test]
    fn all_forms_are_read() {
        for text in [
            "2012-10-17T12:00Z",
            "2012-10-17T12:00:00Z",
            "2012-10-17T12:00:00.000Z",
            "2012-10-17T14:00:00+02:00",
            "2012-10-17T06:30-05:30",
            "1350475200",
        ] {
            assert_eq!(seconds_of(text), NOON, "{text}");
        }
        assert_eq!(seconds_of("2012-10-17"), NOON - 12 * 3600);
        assert_eq!(seconds_of("2012-10"), seconds_of("2012-10-01T00:00Z"));
        assert_eq!(seconds_of("2012"), seconds_of("2012-01-01"));
        assert_eq!((seconds_of("0"), seconds_of("-1"), seconds_of("02012")), (0, -1, 2012));
        assert!(Moment::parse("2012-10-17T12:00:00.1Z") < Moment::parse("2012-10-17T12:00:00.11Z"));
        assert_eq!(seconds_of("2024-02-29"), 1_709_164_800);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            "-",
            "yesterday",
            "2012-13-01",
            "2012-02-30",
            "2023-02-29",
            "2012-1-1",
            "2012-10-17T12:00:00",
            "2012-10-17T24:00Z",
            "2012-10-17T12Z",
            "2012-10T12:00Z",
            "2012-10-17 12:00Z",
            "2012-10-17T12:00:00.Z",
            "2012-10-17T12:00+0200",
            "2012-10-17T12:00+02:60",
            "2012-10-17T12:00:00:00Z",
            "20121017T120000Z",
            "1350475200.5",
            "9999999999999999",
            "2012*",
        ] {
            assert_eq!(Moment::parse(wrong), None, "{wrong}");
        }
    }
}
