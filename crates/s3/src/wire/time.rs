//! The three time formats of S3, read and printed without a calendar library. Times before 1970 read as 1970.

use model::time::Timestamp;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2009-10-12T17:50:30.000Z`: times of S3 in XML. Whole seconds, as S3 keeps no finer ones, so that a listing and
    /// a `Last-Modified` header agree.
    Xml,
    /// `2009-10-12T17:50:30.123Z`: times that a client has set, to the millisecond.
    Iso8601,
    /// `Mon, 12 Oct 2009 17:50:30 GMT`: headers.
    Rfc822,
    /// `1255369830`: seconds since 1970.
    Unix,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Prints the time.
#[must_use]
pub fn print_time(time: Timestamp, format: TimeFormat) -> String {
    let mut out = Vec::with_capacity(32);
    push_time(time, format, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the time as text. Without the formatting of the standard library, which took most of the time of a listing.
pub(super) fn push_time(time: Timestamp, format: TimeFormat, out: &mut Vec<u8>) {
    let (days, second_of_day) = (time.seconds() / 86_400, time.seconds() % 86_400);
    match format {
        TimeFormat::Xml | TimeFormat::Iso8601 => {
            let (year, month, day) = civil_from_days(days);
            push_digits::<4>(year, out);
            out.push(b'-');
            push_digits::<2>(month, out);
            out.push(b'-');
            push_digits::<2>(day, out);
            out.push(b'T');
            push_clock(second_of_day, out);
            out.push(b'.');
            let is_whole = format == TimeFormat::Xml;
            push_digits::<3>(if is_whole { 0 } else { time.millis() % 1000 }, out);
            out.push(b'Z');
        }
        TimeFormat::Rfc822 => {
            let (year, month, day) = civil_from_days(days);
            out.extend_from_slice(name_at(&DAYS, (days + 3) % 7).as_bytes());
            out.extend_from_slice(b", ");
            push_digits::<2>(day, out);
            out.push(b' ');
            out.extend_from_slice(name_at(&MONTHS, month - 1).as_bytes());
            out.push(b' ');
            push_digits::<4>(year, out);
            out.push(b' ');
            push_clock(second_of_day, out);
            out.extend_from_slice(b" GMT");
        }
        TimeFormat::Unix => out.extend_from_slice(time.seconds().to_string().as_bytes()),
    }
}

fn push_clock(second_of_day: u64, out: &mut Vec<u8>) {
    push_digits::<2>(second_of_day / 3600, out);
    out.push(b':');
    push_digits::<2>(second_of_day / 60 % 60, out);
    out.push(b':');
    push_digits::<2>(second_of_day % 60, out);
}

/// The last `WIDTH` decimal digits.
fn push_digits<const WIDTH: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        // A remainder of 10 fits.
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

fn name_at(names: &[&'static str], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

/// Reads a time in any of the formats: clients mix them, and they cannot be confused. `None` if it is in none.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.as_bytes().get(4) {
        Some(b'-') => parse_iso8601(text),
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let seconds: u64 = text.parse().ok()?;
            (seconds <= SECONDS_MAX.unsigned_abs()).then(|| Timestamp::from_millis(seconds * 1000))
        }
        _ => parse_http_date(text),
    }
}

/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// `2009-10-12T17:50:30Z` with an optional fraction, and `Z` or an offset such as `+01:00`; also a date alone.
fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let (clock, offset_seconds) = split_offset(clock)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let millis = fraction_millis(fraction)?;
    let seconds = seconds_of(year, month, day, hour, minute, second)? - offset_seconds;
    from_seconds(seconds, millis)
}

/// Splits the zone off and gives its distance from UTC in seconds.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(rest) = clock.strip_suffix('Z') {
        return Some((rest, 0));
    }
    let at = clock.rfind(['+', '-'])?;
    let (rest, zone) = clock.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?;
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (number(hours, 2)?, number(minutes, 2)?),
        None => (number(zone.get(..2)?, 2)?, number(zone.get(2..)?, 2)?),
    };
    (hours < 24 && minutes < 60).then_some((rest, sign * (hours * 3600 + minutes * 60)))
}

fn fraction_millis(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let mut digits = fraction.to_owned();
    digits.extend(std::iter::repeat_n('0', 3));
    number(fraction, fraction.len())?;
    digits.get(..3)?.parse().ok()
}

/// An HTTP date: the format of RFC 1123, with `GMT`, `UTC` or `+0000`; also the two obsolete ones of RFC 9110.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    parse_rfc1123(text).or_else(|| {
        let time = httpdate::parse_http_date(text).ok()?;
        let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        from_seconds(i64::try_from(since.as_secs()).ok()?, 0)
    })
}

fn parse_rfc1123(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once(',')?;
    if !DAYS.contains(&weekday.get(..3)?) {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (clock, zone) = (words.next()?, words.next()?);
    if words.next().is_some() || !matches!(zone, "GMT" | "UTC" | "+0000" | "-0000") {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let day = number(day, day.len().clamp(1, 2))?;
    let month = i64::try_from(month).ok()? + 1;
    from_seconds(seconds_of(number(year, 4)?, month, day, hour, minute, second)?, 0)
}

/// Exactly three numbers of the given widths.
fn fields(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let numbers = [
        number(parts.next()?, widths[0])?,
        number(parts.next()?, widths[1])?,
        number(parts.next()?, widths[2])?,
    ];
    parts.next().is_none().then_some(numbers)
}

fn number(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn seconds_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    // A leap second is the first second of the next minute.
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    in_range.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn from_seconds(seconds: i64, millis: u64) -> Option<Timestamp> {
    if seconds > SECONDS_MAX {
        return None;
    }
    match u64::try_from(seconds) {
        Ok(seconds) => Some(Timestamp::from_millis(seconds * 1000 + millis)),
        Err(_) => Some(Timestamp::ZERO),
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. Years run from March in the sum, so that the leap day is
/// the last day of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`] for days from 1970 on.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BIRTHDAY: Timestamp = Timestamp::from_millis(1_255_369_830_123);

    #[test]
    fn each_format_prints_as_s3_does() {
        assert_eq!(print_time(BIRTHDAY, TimeFormat::Xml), "2009-10-12T17:50:30.000Z");
        assert_eq!(print_time(BIRTHDAY, TimeFormat::Iso8601), "2009-10-12T17:50:30.123Z");
        assert_eq!(print_time(BIRTHDAY, TimeFormat::Rfc822), "Mon, 12 Oct 2009 17:50:30 GMT");
        assert_eq!(print_time(BIRTHDAY, TimeFormat::Unix), "1255369830");
    }

    #[test]
    fn each_format_reads_with_its_variants() {
        let second = Some(Timestamp::from_millis(1_255_369_830_000));
        for text in [
            "2009-10-12T17:50:30Z",
            "2009-10-12T17:50:30.000Z",
            "2009-10-12T19:50:30+02:00",
            "2009-10-12T19:50:30+0200",
            "Mon, 12 Oct 2009 17:50:30 GMT",
            "Mon, 12 Oct 2009 17:50:30 +0000",
            "Monday, 12-Oct-09 17:50:30 GMT",
            "Mon Oct 12 17:50:30 2009",
            "1255369830",
        ] {
            assert_eq!(parse_time(text), second, "{text}");
        }
        assert_eq!(parse_time("2009-10-12T17:50:30.1234567Z"), Some(BIRTHDAY));
        assert_eq!(parse_time("1960-01-01T00:00:00Z"), Some(Timestamp::ZERO));
        assert_eq!(parse_time("2009-10-12"), Some(Timestamp::from_millis(1_255_305_600_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "bogus",
            "2009-02-29T00:00:00Z",
            "2009-13-01T00:00:00Z",
            "2009-10-12T25:00:00Z",
            "2009-10-12T17:50:30",
            "2009-10-12T17:50:30.Z",
            "Mon, 32 Oct 2009 17:50:30 GMT",
            "Mon, 12 Oct 2009 17:50:30 PST",
            "99999999999999999999",
            "2009-10-1éT17:50:30Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_printed_reads_back(millis in 0_u64..253_402_300_799_999) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(parse_time(&print_time(time, TimeFormat::Iso8601)), Some(time));
            let whole = Some(Timestamp::from_millis(millis / 1000 * 1000));
            for format in [TimeFormat::Xml, TimeFormat::Rfc822, TimeFormat::Unix] {
                prop_assert_eq!(parse_time(&print_time(time, format)), whole);
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9A-Za-z:,.+ é-]{0,40}") {
            let _ = parse_time(&text);
        }
    }
}
