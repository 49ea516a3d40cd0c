//! Times as Go reads them.

use model::time::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2026-01-02T03:04:05.678Z`. A time that no calendar has is that of 1970.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    of_millis(time.millis())
}

/// The same of milliseconds since 1970.
pub(crate) fn of_millis(millis: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// Reads one; what lies before 1970 is that.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let millis = time.unix_timestamp_nanos() / 1_000_000;
    Some(Timestamp::from_millis(u64::try_from(millis.max(0)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_rfc_3339() {
        assert_eq!(of_millis(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(of_millis(0), "1970-01-01T00:00:00Z");
        assert_eq!(of_millis(u64::MAX), "1970-01-01T00:00:00Z");
        assert_eq!(
            parse_rfc3339("2023-11-14T23:13:20.123+01:00").map(rfc3339).as_deref(),
            Some("2023-11-14T22:13:20.123Z")
        );
        assert_eq!(parse_rfc3339("0001-01-01T00:00:00Z"), Some(Timestamp::ZERO));
        assert_eq!(parse_rfc3339("tomorrow"), None);
    }
}
