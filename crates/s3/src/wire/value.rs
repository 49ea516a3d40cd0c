//! Scalars as S3 writes them in headers, query strings and XML.

use std::io::Write as _;

use http::HeaderValue;

use super::header::text_to_header;
use super::secret::Secret;
use super::xml_writer::escape_into;

/// A scalar of the wire.
pub trait WireValue: Sized {
    /// Reads the text; `None` where the text is no such value.
    fn from_wire(text: &str) -> Option<Self>;

    /// Appends the value as XML text, escaped.
    fn push_xml(&self, out: &mut Vec<u8>);

    /// The value as a header.
    fn to_header(&self) -> HeaderValue;

    /// Takes in a second value of the same header. The last one counts, except for texts, which are joined by commas
    /// as HTTP defines it.
    fn join(&mut self, other: Self) {
        *self = other;
    }
}

impl WireValue for String {
    fn from_wire(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn push_xml(&self, out: &mut Vec<u8>) {
        escape_into(self, out);
    }

    fn to_header(&self) -> HeaderValue {
        text_to_header(self)
    }

    fn join(&mut self, other: Self) {
        self.push(',');
        self.push_str(&other);
    }
}

impl WireValue for Secret {
    fn from_wire(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }

    fn push_xml(&self, out: &mut Vec<u8>) {
        escape_into(self, out);
    }

    fn to_header(&self) -> HeaderValue {
        text_to_header(self)
    }
}

impl WireValue for bool {
    fn from_wire(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    fn push_xml(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }

    fn to_header(&self) -> HeaderValue {
        HeaderValue::from_static(if *self { "true" } else { "false" })
    }
}

/// Decimal numbers. A sign is accepted as AWS does; the upper bound is the one of the signed type of AWS's model.
macro_rules! number {
    ($type:ty, $max:expr) => {
        impl WireValue for $type {
            fn from_wire(text: &str) -> Option<Self> {
                text.parse().ok().filter(|number| *number <= $max)
            }

            fn push_xml(&self, out: &mut Vec<u8>) {
                // A Vec takes every write.
                let _ = write!(out, "{self}");
            }

            fn to_header(&self) -> HeaderValue {
                HeaderValue::from(*self)
            }
        }
    };
}

number!(u32, i32::MAX.unsigned_abs());
number!(u64, i64::MAX.unsigned_abs());
number!(i32, i32::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bounded_by_the_signed_type_of_the_model() {
        assert_eq!(u32::from_wire("2147483647"), Some(2_147_483_647));
        assert_eq!(u32::from_wire("2147483648"), None);
        assert_eq!(u64::from_wire("9223372036854775807"), Some(9_223_372_036_854_775_807));
        assert_eq!(u64::from_wire("9223372036854775808"), None);
        for wrong in ["", "-1", "1.0", "abc", " 1", "1e3", "0x10"] {
            assert_eq!(u32::from_wire(wrong), None, "{wrong}");
        }
        assert_eq!(i32::from_wire("-1"), Some(-1));
    }

    #[test]
    fn booleans_ignore_case_and_nothing_else() {
        assert_eq!(bool::from_wire("TRUE"), Some(true));
        assert_eq!(bool::from_wire("False"), Some(false));
        assert_eq!(bool::from_wire("1"), None);
        assert_eq!(bool::from_wire(""), None);
    }

    #[test]
    fn texts_join_by_comma_and_numbers_replace() {
        let mut text = "a".to_owned();
        text.join("b".to_owned());
        assert_eq!(text, "a,b");
        let mut number = 1_u32;
        number.join(2);
        assert_eq!(number, 2);
    }
}
