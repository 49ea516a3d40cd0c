//! Ranges of bytes: of a read, and of a copy's source.

use std::ops::Range;

use http::{HeaderValue, StatusCode, header};
use object::ObjectInfo;

use crate::error::{ErrorCode, S3Error};
use crate::wire::parse_time;

/// What a `Range` header asks for, before the size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    From(u64, Option<u64>),
    Last(u64),
}

/// The range that a `Range` header means in an object of that size; none for the whole object: several ranges and what is no
/// range of bytes count as not sent.
///
/// # Errors
/// `InvalidRange` where nothing of it is in the object.
pub(crate) fn of_read(header: &str, size_bytes: u64) -> Result<Option<Range<u64>>, S3Error> {
    let Some(asked) = parse(header) else { return Ok(None) };
    let range = match asked {
        Asked::From(first, last) => {
            first..last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes))
        }
        Asked::Last(count) => size_bytes.saturating_sub(count)..size_bytes,
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(unsatisfiable(header, size_bytes)) }
}

fn parse(header: &str) -> Option<Asked> {
    let (unit, range) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        return number(last).map(Asked::Last);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(Asked::From(first, None));
    }
    let last = number(last)?;
    (first <= last).then_some(Asked::From(first, Some(last)))
}

/// Digits alone. What is larger than any object is just that.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn unsatisfiable(header: &str, size_bytes: u64) -> S3Error {
    let error = S3Error::new(ErrorCode::InvalidRange)
        .with("RangeRequested", header)
        .with("ActualObjectSize", size_bytes.to_string());
    match HeaderValue::try_from(format!("bytes */{size_bytes}")) {
        Ok(value) => error.with_header(header::CONTENT_RANGE, value),
        Err(_) => error,
    }
}

/// Whether the range still counts under `If-Range`: the object is the one whose part the client has.
pub(crate) fn if_range_holds(if_range: &str, info: &ObjectInfo) -> bool {
    let if_range = if_range.trim();
    if if_range.starts_with("W/") {
        return false;
    }
    match parse_time(if_range) {
        Some(time) if !if_range.starts_with('"') => time.seconds() == info.modified.seconds(),
        _ => if_range.trim_matches('"').eq_ignore_ascii_case(&info.etag.to_string()),
    }
}

/// The range of `x-amz-copy-source-range`: both ends, and all of it in the source.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn of_copy(header: &str, size_bytes: u64) -> Result<Range<u64>, S3Error> {
    const NAME: &str = "x-amz-copy-source-range";
    let ends = header.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((number(first)?, number(last)?)));
    let Some((first, last)) = ends.filter(|(first, last)| first <= last) else {
        let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are \
                       the zero-based offsets of the first and last bytes to copy";
        return Err(S3Error::argument(message, NAME, header));
    };
    if last >= size_bytes {
        let message = format!("Range specified is not valid for source object of size: {size_bytes}");
        return Err(S3Error::argument(message, NAME, header));
    }
    Ok(first..last + 1)
}

/// `bytes 0-9/10`.
pub(crate) fn content_range(range: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", range.start, range.end.saturating_sub(1))
}

/// The status of an answer with a range or without.
pub(crate) fn status(range: Option<&Range<u64>>) -> StatusCode {
    if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }
}

#[cfg(test)]
mod tests {
    use model::etag::ETag;
    use model::ids::VersionId;
    use model::time::Timestamp;

    use super::*;

    #[test]
    fn one_range_is_taken_as_far_as_the_object_goes() {
        for (header, size, wanted) in [
            ("bytes=3145728-5242880", 8_388_608, Some(3_145_728..5_242_881)),
            ("bytes=4-", 11, Some(4..11)),
            ("bytes=-7", 11, Some(4..11)),
            ("bytes=-70", 11, Some(0..11)),
            ("bytes=0-99999999999999999999999", 11, Some(0..11)),
            ("Bytes = 0-0", 11, Some(0..1)),
            ("bytes=0-1,3-4", 11, None),
            ("bytes=5-4", 11, None),
            ("bytes=-", 11, None),
            ("bytes=a-b", 11, None),
            ("items=0-1", 11, None),
            ("0-1", 11, None),
        ] {
            assert_eq!(of_read(header, size), Ok(wanted), "{header}");
        }
    }

    #[test]
    fn a_range_behind_the_end_is_not_satisfiable() {
        for (header, size) in [("bytes=40-50", 11), ("bytes=11-", 11), ("bytes=-0", 11), ("bytes=0-", 0)] {
            let error = of_read(header, size).unwrap_err();
            assert_eq!(error.status(), StatusCode::RANGE_NOT_SATISFIABLE, "{header}");
            assert_eq!(error.extra[0], ("RangeRequested", header.to_owned()));
            assert_eq!(error.extra[1], ("ActualObjectSize", size.to_string()));
        }
    }

    #[test]
    fn the_range_of_a_copy_is_exact() {
        assert_eq!(of_copy("bytes=0-0", 5), Ok(0..1));
        for wrong in [
            "0-2",
            "bytes=0",
            "bytes=hello-world",
            "bytes=0-bar",
            "bytes=hello-",
            "bytes=0-2,3-5",
            "bytes=3-2",
        ] {
            assert_eq!(of_copy(wrong, 5).unwrap_err().code, ErrorCode::InvalidArgument, "{wrong}");
        }
        assert!(of_copy("bytes=0-5", 5).unwrap_err().message.contains("size: 5"));
    }

    #[test]
    fn if_range_names_the_object_by_etag_or_time() {
        let info = ObjectInfo {
            version: VersionId::NULL,
            modified: Timestamp::from_millis(784_111_777_500),
            size_bytes: 1,
            etag: ETag::single([0xab; 16]),
            storage_class: model::object::StorageClass::Standard,
            attributes: model::attributes::Attributes::default(),
            checksum: None,
            parts: None,
            owner: String::new(),
        };
        let tag = format!("\"{}\"", "ab".repeat(16));
        assert!(if_range_holds(&tag, &info) && if_range_holds("Sun, 06 Nov 1994 08:49:37 GMT", &info));
        for other in ["\"cd\"", &format!("W/{tag}"), "Sun, 06 Nov 1994 08:49:38 GMT"] {
            assert!(!if_range_holds(other, &info), "{other}");
        }
    }
}
