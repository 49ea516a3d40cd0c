//! The times of signatures: `20130524T000000Z` on the wire, milliseconds since 1970 inside.

use http::HeaderMap;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// A second, with its text as it goes into the string to sign (`20130524T000000Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmzDate {
    text: [u8; 16],
    /// Milliseconds since 1970, UTC.
    pub unix_milliseconds: i64,
}

impl AmzDate {
    /// Reads the ISO 8601 basic form and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to]
                .iter()
                .try_fold(0u16, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0')))
        };
        let small = |from: usize| number(from, from + 2).and_then(|value| u8::try_from(value).ok());
        let month = Month::try_from(small(4)?).ok()?;
        let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(6)?).ok()?;
        let time = Time::from_hms(small(9)?, small(11)?, small(13)?).ok()?;
        let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
        Some(Self { text: bytes, unix_milliseconds: seconds * 1_000 })
    }

    /// The second that holds this moment; none before the year 0 or after 9999.
    pub fn from_unix_milliseconds(milliseconds: i64) -> Option<Self> {
        let at = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1_000)).ok()?;
        let (date, time) = (at.date(), at.time());
        let text = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        );
        Self::parse(&text)
    }

    /// `x-amz-date` where it is sent, else `Date` in any form of HTTP or in the basic form.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        if let Some(value) = headers.get("x-amz-date") {
            return Self::parse(value.to_str().ok()?.trim());
        }
        let text = headers.get(http::header::DATE)?.to_str().ok()?.trim();
        Self::parse(text).or_else(|| {
            let at = OffsetDateTime::from(httpdate::parse_http_date(text).ok()?);
            Self::from_unix_milliseconds(at.unix_timestamp() * 1_000)
        })
    }

    /// `20130524T000000Z`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `20130524`, the date of the scope.
    pub fn day(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }
}

/// `2013-05-24T00:00:00Z`, as S3's error documents show times.
pub fn extended(unix_milliseconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_milliseconds.div_euclid(1_000))
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_basic_form_is_read_and_written() {
        let date = AmzDate::parse("20130524T000000Z").unwrap();
        assert_eq!(date.unix_milliseconds, 1_369_353_600_000);
        assert_eq!(date.day(), "20130524");
        assert_eq!(AmzDate::from_unix_milliseconds(1_369_353_600_999), Some(date));
        assert_eq!(extended(1_369_353_600_000), "2013-05-24T00:00:00Z");
    }

    #[test]
    fn other_forms_and_impossible_dates_are_refused() {
        for text in [
            "",
            "20130524",
            "20131324T000000Z",
            "20130230T000000Z",
            "20130524T240000Z",
            "2013052aT000000Z",
            "20130524T000000+",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_date_header_stands_in_for_a_missing_x_amz_date() {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("Fri, 24 May 2013 00:00:00 GMT"));
        assert_eq!(AmzDate::of_headers(&headers).unwrap().as_str(), "20130524T000000Z");
        headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
        assert_eq!(AmzDate::of_headers(&headers).unwrap().as_str(), "20150830T123600Z");
        headers.insert("x-amz-date", HeaderValue::from_static("nonsense"));
        assert_eq!(AmzDate::of_headers(&headers), None);
    }
}
