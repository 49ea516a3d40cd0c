//! Percent encoding: decoding exactly once, and the encoding of `encoding-type=url` listings.

use std::borrow::Cow;

/// Decodes `%XX`. `None` for a broken escape or bytes that are not UTF-8. A plus sign stays a plus sign.
#[must_use]
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    decode(text, false)
}

/// Decodes a name or value of a query string, where a plus sign is a space.
pub(super) fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let special = |byte: &u8| *byte == b'%' || (plus_is_space && *byte == b'+');
    let Some(first) = bytes.iter().position(special) else {
        return Some(Cow::Borrowed(text));
    };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(bytes.get(..first)?);
    let mut rest = bytes.get(first..)?;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let (high, low) = (hex_digit(*rest.first()?)?, hex_digit(*rest.get(1)?)?);
                out.push(high << 4 | low);
                rest = rest.get(2..)?;
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Encodes a key for a listing with `encoding-type=url`, as S3 does: like a form, but with `/` left as it is. A space
/// becomes `+`; letters, digits and `-` `_` `.` `*` `/` stay.
#[must_use]
pub fn url_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listings_are_encoded_like_a_form_with_slashes_kept() {
        assert_eq!(url_encode("asdf+b"), "asdf%2Bb");
        assert_eq!(url_encode("foo+1/bar"), "foo%2B1/bar");
        assert_eq!(url_encode("quux ab/thud"), "quux+ab/thud");
        assert_eq!(url_encode("a*b-c_d.e~f"), "a*b-c_d.e%7Ef");
        assert_eq!(url_encode("ü\n"), "%C3%BC%0A");
    }

    #[test]
    fn decoding_happens_exactly_once() {
        assert_eq!(percent_decode("a%252Fb").as_deref(), Some("a%2Fb"));
        assert_eq!(percent_decode("a%2fb+c").as_deref(), Some("a/b+c"));
        assert_eq!(form_decode("a+b%2B").as_deref(), Some("a b+"));
    }

    #[test]
    fn broken_escapes_and_broken_utf8_are_refused() {
        for wrong in ["%", "%1", "%zz", "a%", "%ff", "%c3"] {
            assert_eq!(percent_decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_itself(text in any::<String>()) {
            let encoded = url_encode(&text);
            let decoded = form_decode(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn decoding_never_panics(text in "[%a-fA-F0-9+é]{0,40}") {
            let _ = percent_decode(&text);
            let _ = form_decode(&text);
        }
    }
}
