//! ETags: the MD5 of the content, or for a multipart object the MD5 of the parts' MD5s with `-N`.

use std::fmt;

use crate::record::{Decoder, Encoder, RecordError};

/// An entity tag without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ETag {
    /// MD5 of the content, or of the parts' digests.
    pub md5: [u8; 16],
    /// 0 for a single put; the number of parts of a multipart object.
    pub parts: u16,
}

impl ETag {
    /// The ETag of content put in one piece.
    #[must_use]
    pub const fn single(md5: [u8; 16]) -> Self {
        ETag { md5, parts: 0 }
    }

    /// Parses what [`fmt::Display`] writes, with or without double quotes, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let (digest, parts) = match bare.split_once('-') {
            Some((digest, parts)) => (digest, parts.parse::<u16>().ok().filter(|n| *n > 0)?),
            None => (bare, 0),
        };
        if digest.len() != 32 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let md5 = u128::from_str_radix(digest, 16).ok()?.to_be_bytes();
        Some(ETag { md5, parts })
    }

    /// Writes the two fields.
    pub fn encode_fields(&self, out: &mut Encoder) {
        out.fixed(&self.md5);
        out.varint(u64::from(self.parts));
    }

    /// Reads the two fields.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(ETag { md5: input.fixed()?, parts: input.number("part count")? })
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.md5))?;
        if self.parts > 0 {
            write!(f, "-{}", self.parts)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_print_and_parse() {
        let single = ETag::single([0xd4; 16]);
        let multi = ETag { md5: [1; 16], parts: 12 };
        for tag in [single, multi] {
            assert_eq!(ETag::parse(&tag.to_string()), Some(tag));
            assert_eq!(ETag::parse(&format!("\"{tag}\"")), Some(tag));
        }
        assert_eq!(multi.to_string(), "01010101010101010101010101010101-12");
        for bad in
            ["", "abc", "\"", "+1010101010101010101010101010101", "01010101010101010101010101010101-0", "*"]
        {
            assert_eq!(ETag::parse(bad), None, "{bad}");
        }
    }
}
