//! What `x-amz-content-sha256` says of the body.

use http::HeaderMap;

use super::error::AuthError;

/// The header, in lower case.
pub const HEADER: &str = "x-amz-content-sha256";
/// The value for a body that the signature does not cover.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The value for signed chunks.
pub const STREAMING_SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
/// The value for signed chunks and a signed trailer.
pub const STREAMING_SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
/// The value for unsigned chunks and a trailer.
pub const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// How the body is sent and what vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// As it is, not covered by the signature.
    Unsigned,
    /// As it is, with this digest.
    Sha256([u8; 32]),
    /// In chunks (aws-chunked), each with a signature.
    StreamingSigned,
    /// The same, followed by a signed trailer.
    StreamingSignedTrailer,
    /// In chunks without signatures, followed by a trailer.
    StreamingUnsignedTrailer,
}

impl PayloadKind {
    /// Reads the value of `x-amz-content-sha256`.
    pub fn parse(value: &str) -> Result<Self, AuthError> {
        match value {
            UNSIGNED => return Ok(Self::Unsigned),
            STREAMING_SIGNED => return Ok(Self::StreamingSigned),
            STREAMING_SIGNED_TRAILER => return Ok(Self::StreamingSignedTrailer),
            STREAMING_UNSIGNED_TRAILER => return Ok(Self::StreamingUnsignedTrailer),
            _ => {}
        }
        if value.starts_with("STREAMING-AWS4-ECDSA-") {
            return Err(AuthError::PayloadNotImplemented { value: value.to_owned() });
        }
        let mut digest = [0; 32];
        match hex::decode_to_slice(value, &mut digest) {
            Ok(()) => Ok(Self::Sha256(digest)),
            Err(_) => Err(AuthError::InvalidPayloadHash { value: value.to_owned() }),
        }
    }

    /// What a request without credentials says of its body. Without the header a body marked as aws-chunked is unsigned
    /// chunks with a trailer: botocore sends such when it is told not to sign.
    pub fn of_anonymous(headers: &HeaderMap) -> Result<Self, AuthError> {
        let kind = match header(headers)? {
            Some(value) => Self::parse(value)?,
            None if is_aws_chunked(headers) => Self::StreamingUnsignedTrailer,
            None => Self::Unsigned,
        };
        if kind.has_signed_chunks() { Err(AuthError::UnsignedStream) } else { Ok(kind) }
    }

    /// Whether the chunks are chained to the signature of the request.
    pub fn has_signed_chunks(self) -> bool {
        matches!(self, Self::StreamingSigned | Self::StreamingSignedTrailer)
    }

    /// Whether the body is framed as aws-chunked.
    pub fn is_chunked(self) -> bool {
        self.has_signed_chunks() || self == Self::StreamingUnsignedTrailer
    }
}

/// The text of the header.
pub(super) fn header(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let invalid =
        |_| AuthError::InvalidPayloadHash { value: String::from_utf8_lossy(value.as_bytes()).into_owned() };
    value.to_str().map(|text| Some(text.trim())).map_err(invalid)
}

fn is_aws_chunked(headers: &HeaderMap) -> bool {
    let values =
        headers.get_all(http::header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn every_word_and_a_digest_are_known() {
        assert_eq!(PayloadKind::parse(UNSIGNED), Ok(PayloadKind::Unsigned));
        assert_eq!(PayloadKind::parse(&"0a".repeat(32)), Ok(PayloadKind::Sha256([10; 32])));
        let error = PayloadKind::parse("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD").unwrap_err();
        assert_eq!(error.code(), "NotImplemented");
        for value in ["", "unsigned-payload", "0a0a", &"zz".repeat(32)] {
            assert_eq!(PayloadKind::parse(value).unwrap_err().code(), "InvalidArgument");
        }
    }

    #[test]
    fn an_anonymous_body_may_be_chunked_but_not_signed() {
        let mut headers = HeaderMap::new();
        assert_eq!(PayloadKind::of_anonymous(&headers), Ok(PayloadKind::Unsigned));
        headers.insert("content-encoding", HeaderValue::from_static("gzip, aws-chunked"));
        assert_eq!(PayloadKind::of_anonymous(&headers), Ok(PayloadKind::StreamingUnsignedTrailer));
        headers.insert(HEADER, HeaderValue::from_static(STREAMING_SIGNED));
        assert_eq!(PayloadKind::of_anonymous(&headers), Err(AuthError::UnsignedStream));
    }
}
