//! Header values, in and out.
//!
//! Texts come in as UTF-8, or as ISO-8859-1 where they are not UTF-8. User metadata outside of printable ASCII goes out
//! as RFC 2047 words and is decoded from them, as S3 documents it; other texts go out as UTF-8.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::time::Timestamp;

use super::time::{TimeFormat, print_time};
use super::value::WireValue;

/// The prefix of user metadata.
const METADATA_PREFIX: &str = "x-amz-meta-";

/// The text of a header value.
#[must_use]
pub fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// Sets the header if there is a value.
pub fn set_header<T: WireValue>(headers: &mut HeaderMap, name: HeaderName, value: Option<&T>) {
    if let Some(value) = value {
        headers.insert(name, value.to_header());
    }
}

/// Sets the header to the words joined by commas, if there are any.
pub fn set_header_list<T: WireValue>(headers: &mut HeaderMap, name: HeaderName, list: &[T]) {
    if list.is_empty() {
        return;
    }
    let words: Vec<HeaderValue> = list.iter().map(T::to_header).collect();
    let joined = words.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b','); // words are header-safe
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(name, value);
    }
}

/// Sets the header to a time, if there is one.
pub fn set_header_time(
    headers: &mut HeaderMap,
    name: HeaderName,
    time: Option<Timestamp>,
    format: TimeFormat,
) {
    if let Some(time) = time {
        headers.insert(name, text_to_header(&print_time(time, format)));
    }
}

/// Sets one `x-amz-meta-` header for each entry. An entry whose name no header can have is left out: S3 counts such
/// entries in `x-amz-missing-meta`. The number of entries left out is returned.
pub fn set_metadata(headers: &mut HeaderMap, metadata: &BTreeMap<String, String>) -> u32 {
    let mut missing = 0;
    for (key, value) in metadata {
        let name = format!("{METADATA_PREFIX}{key}");
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => {
                headers.insert(name, metadata_to_header(value));
            }
            Err(_) => missing += 1,
        }
    }
    missing
}

/// A text as a header: as it is where HTTP allows it, else (control characters) as an RFC 2047 word.
pub(super) fn text_to_header(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| encoded_word(text))
}

fn metadata_to_header(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match HeaderValue::from_str(text) {
        Ok(value) if plain => value,
        _ => encoded_word(text),
    }
}

fn encoded_word(text: &str) -> HeaderValue {
    let word = format!("=?UTF-8?B?{}?=", STANDARD.encode(text));
    // Base64 is always header-safe.
    HeaderValue::try_from(word).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Decodes RFC 2047 words in a text; what is no such word stays as it is.
pub(super) fn decode_words(text: &str) -> Cow<'_, str> {
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let (before, from_word) = rest.split_at(at);
        // White space between two words is folding, not text.
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        match decode_word(from_word) {
            Some((decoded, behind)) => {
                out.push_str(&decoded);
                rest = behind;
                after_word = true;
            }
            None => {
                out.push_str("=?");
                rest = from_word.get(2..).unwrap_or_default();
                after_word = false;
            }
        }
    }
    let _ = out.write_str(rest);
    Cow::Owned(out)
}

/// Decodes the word at the start of the text and gives what is behind it.
fn decode_word(text: &str) -> Option<(String, &str)> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, tail) = (parts.next()?, parts.next()?, parts.next()?);
    let (payload, behind) = tail.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(payload).ok()?,
        "Q" | "q" => decode_q(payload)?,
        _ => return None,
    };
    let decoded = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8(bytes).ok()?,
        "iso-8859-1" => bytes.into_iter().map(char::from).collect(),
        _ => return None,
    };
    Some((decoded, behind))
}

fn decode_q(payload: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len());
    let mut bytes = payload.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => out.push(b' '),
            b'=' => {
                let pair = [bytes.next()?, bytes.next()?];
                out.extend(hex::decode(pair).ok()?);
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metadata_outside_ascii_goes_out_as_an_encoded_word() {
        let metadata = BTreeMap::from([
            ("plain".to_owned(), "a b".to_owned()),
            ("umlaut".to_owned(), "Ä".to_owned()),
            ("not a name".to_owned(), "x".to_owned()),
        ]);
        let mut headers = HeaderMap::new();
        assert_eq!(set_metadata(&mut headers, &metadata), 1);
        assert_eq!(headers["x-amz-meta-plain"], "a b");
        assert_eq!(headers["x-amz-meta-umlaut"], "=?UTF-8?B?w4Q=?=");
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn encoded_words_are_decoded_and_other_text_is_kept() {
        assert_eq!(decode_words("=?UTF-8?B?w4Q=?="), "Ä");
        assert_eq!(decode_words("=?utf-8?q?=C3=84_b?= =?UTF-8?Q?c?= d"), "Ä bc d");
        assert_eq!(decode_words("=?iso-8859-1?Q?=C4?="), "Ä");
        for kept in ["plain", "=?", "=?UTF-8?B?", "=?UTF-8?X?a?=", "=?UTF-8?Q?=zz?=", "a=?b?="] {
            assert_eq!(decode_words(kept), kept);
        }
    }

    #[test]
    fn a_header_that_is_not_utf8_is_read_as_latin1() {
        assert_eq!(header_text(&HeaderValue::from_bytes(b"\xc4").unwrap()), "Ä");
        assert_eq!(header_text(&HeaderValue::from_bytes("Ä".as_bytes()).unwrap()), "Ä");
    }

    #[test]
    fn a_line_break_cannot_leave_a_header() {
        assert_eq!(text_to_header("a\r\nb: c"), "=?UTF-8?B?YQ0KYjogYw==?=");
    }

    proptest! {
        #[test]
        fn metadata_goes_round(text in any::<String>().prop_filter("a plain word", |text| !text.contains("=?"))) {
            let value = metadata_to_header(&text);
            let decoded = header_text(&value).into_owned();
            prop_assert_eq!(decode_words(&decoded), text);
        }

        #[test]
        fn no_text_panics(text in "[=?UTF8BQbqé_ a-]{0,40}") {
            let _ = decode_words(&text);
        }
    }
}
