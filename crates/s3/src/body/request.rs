//! What the headers say of the body: its length, its framing, and the checksums it has to match.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName};
use model::checksum::{ChecksumAlgorithm, ChecksumType};

use super::checksum::{ChecksumValue, algorithm_of, header_of};
use super::error::BodyError;
use crate::auth::PayloadKind;

const DECODED_LENGTH: &str = "x-amz-decoded-content-length";
const PREFIX: &str = "x-amz-checksum-";
/// Trailers that a request may announce.
const TRAILERS_MAX: usize = 16;

/// The checksums that a client sends or announces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChecksumRequest {
    /// Sent ahead in a header.
    pub header: Option<ChecksumValue>,
    /// Announced for the trailer.
    pub trailer: Option<ChecksumAlgorithm>,
    /// `Content-MD5`.
    pub content_md5: Option<[u8; 16]>,
    /// `x-amz-checksum-type`.
    pub checksum_type: Option<ChecksumType>,
}

impl ChecksumRequest {
    /// Reads `Content-MD5`, `x-amz-checksum-*`, `x-amz-trailer`, `x-amz-sdk-checksum-algorithm` and `x-amz-checksum-type`.
    ///
    /// # Errors
    /// Values that cannot be read, several checksums, algorithms that are not served.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, BodyError> {
        let header = checksum_header(headers)?;
        let trailer = checksum_trailer(headers)?;
        if header.is_some() && trailer.is_some() {
            return Err(BodyError::SeveralChecksums);
        }
        check_sdk_algorithm(headers, header.map(|checksum| checksum.algorithm()).or(trailer))?;
        let checksum_type = checksum_type(headers)?;
        Ok(Self { header, trailer, content_md5: content_md5(headers)?, checksum_type })
    }

    /// The algorithm of the checksum, wherever it is.
    pub fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.header.map(|checksum| checksum.algorithm()).or(self.trailer)
    }
}

/// The length of the data without framing: `x-amz-decoded-content-length` for aws-chunked bodies, else `Content-Length`.
///
/// # Errors
/// No number, or missing where the body is aws-chunked.
pub fn data_length(headers: &HeaderMap, payload: PayloadKind) -> Result<Option<u64>, BodyError> {
    let header = if payload.is_chunked() { DECODED_LENGTH } else { "content-length" };
    let Some(value) = headers.get(header) else {
        return if payload.is_chunked() { Err(BodyError::MissingLength) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = text.parse().ok().filter(|_| is_number);
    length.map(Some).ok_or_else(|| BodyError::InvalidLength { header, value: text.into_owned() })
}

/// The names of the trailers that `x-amz-trailer` announces, in lower case.
///
/// # Errors
/// Too many, or not names.
pub fn announced_trailers(headers: &HeaderMap) -> Result<Vec<String>, BodyError> {
    let mut names = Vec::new();
    for value in headers.get_all("x-amz-trailer") {
        let text =
            value.to_str().map_err(|_| malformed("x-amz-trailer holds characters outside of ASCII"))?;
        names.extend(
            text.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()),
        );
    }
    if names.len() > TRAILERS_MAX {
        return Err(malformed("x-amz-trailer announces too many trailers"));
    }
    Ok(names)
}

fn checksum_header(headers: &HeaderMap) -> Result<Option<ChecksumValue>, BodyError> {
    let mut found = None;
    for name in headers.keys().map(HeaderName::as_str).filter(|name| is_checksum(name)) {
        let algorithm = algorithm_of(name).ok_or_else(|| unsupported(name))?;
        let mut values = headers.get_all(name).iter();
        let text = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let invalid = BodyError::InvalidChecksum { header: header_of(algorithm), place: "header" };
        let checksum = ChecksumValue::from_base64(algorithm, text.trim()).ok_or(invalid)?;
        if values.next().is_some() || found.replace(checksum).is_some() {
            return Err(BodyError::SeveralChecksums);
        }
    }
    Ok(found)
}

fn checksum_trailer(headers: &HeaderMap) -> Result<Option<ChecksumAlgorithm>, BodyError> {
    let mut found = None;
    for name in announced_trailers(headers)?.iter().filter(|name| is_checksum(name)) {
        let algorithm = algorithm_of(name).ok_or_else(|| unsupported(name))?;
        if found.replace(algorithm).is_some() {
            return Err(BodyError::SeveralChecksums);
        }
    }
    Ok(found)
}

/// Whether the name is that of a checksum's value, which three names with the prefix are not.
fn is_checksum(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| !matches!(rest, "type" | "algorithm" | "mode"))
}

fn check_sdk_algorithm(headers: &HeaderMap, found: Option<ChecksumAlgorithm>) -> Result<(), BodyError> {
    let Some(value) = headers.get("x-amz-sdk-checksum-algorithm") else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let named = ChecksumAlgorithm::from_name(text.trim())
        .ok_or_else(|| unsupported(&format!("x-amz-sdk-checksum-algorithm: {}", text.trim())))?;
    match found {
        None => Err(BodyError::NoChecksum),
        Some(found) if found != named => Err(BodyError::AlgorithmMismatch),
        Some(_) => Ok(()),
    }
}

fn checksum_type(headers: &HeaderMap) -> Result<Option<ChecksumType>, BodyError> {
    let Some(value) = headers.get("x-amz-checksum-type") else { return Ok(None) };
    let is_named =
        |kind: &ChecksumType| kind.name().as_bytes().eq_ignore_ascii_case(value.as_bytes().trim_ascii());
    let kind = [ChecksumType::Composite, ChecksumType::FullObject].into_iter().find(is_named);
    kind.map(Some).ok_or(BodyError::InvalidChecksumType)
}

fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, BodyError> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let bytes = BASE64_STANDARD.decode(value.as_bytes().trim_ascii()).ok();
    let digest = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let invalid = || BodyError::InvalidMd5 { value: String::from_utf8_lossy(value.as_bytes()).into_owned() };
    digest.map(Some).ok_or_else(invalid)
}

fn unsupported(header: &str) -> BodyError {
    BodyError::UnsupportedAlgorithm { header: header.to_owned() }
}

fn malformed(detail: &str) -> BodyError {
    BodyError::MalformedTrailer { detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        map
    }

    fn read(pairs: &[(&str, &str)]) -> Result<ChecksumRequest, BodyError> {
        ChecksumRequest::from_headers(&headers(pairs))
    }

    #[test]
    fn headers_and_trailers_are_read() {
        let found =
            read(&[("x-amz-checksum-crc32c", "4waSgw=="), ("x-amz-sdk-checksum-algorithm", "crc32c")])
                .unwrap();
        assert_eq!(found.header.unwrap().to_base64(), "4waSgw==");
        let found = read(&[
            ("x-amz-trailer", "x-amz-checksum-crc64nvme"),
            ("x-amz-sdk-checksum-algorithm", "CRC64NVME"),
        ])
        .unwrap();
        assert_eq!(found.algorithm(), Some(ChecksumAlgorithm::Crc64Nvme));
        let found =
            read(&[("content-md5", "CY9rzUYh03PK3k6DJie09g=="), ("x-amz-checksum-type", "FULL_OBJECT")])
                .unwrap();
        assert_eq!(hex::encode(found.content_md5.unwrap()), "098f6bcd4621d373cade4e832627b4f6");
        assert_eq!(found.checksum_type, Some(ChecksumType::FullObject));
        assert_eq!(
            read(&[("x-amz-checksum-mode", "ENABLED"), ("x-amz-checksum-algorithm", "SHA1")]).unwrap(),
            ChecksumRequest::default()
        );
    }

    #[test]
    fn wrong_headers_have_the_errors_of_s3() {
        let cases = [
            (
                vec![("x-amz-checksum-crc32", "bad")],
                "InvalidRequest",
                "Value for x-amz-checksum-crc32 header is invalid.",
            ),
            (
                vec![("x-amz-checksum-crc32", "rosUhgp5mIg=")],
                "InvalidRequest",
                "Value for x-amz-checksum-crc32 header is invalid.",
            ),
            (
                vec![("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-checksum-crc32c", "4waSgw==")],
                "InvalidRequest",
                "single",
            ),
            (
                vec![("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-trailer", "x-amz-checksum-crc32")],
                "InvalidRequest",
                "single",
            ),
            (vec![("x-amz-checksum-sha512", "AAAA")], "InvalidRequest", "x-amz-checksum-sha512"),
            (vec![("x-amz-sdk-checksum-algorithm", "CRC32")], "InvalidRequest", "no corresponding"),
            (
                vec![("x-amz-sdk-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32", "y/Q5Jg==")],
                "InvalidRequest",
                "invalid",
            ),
            (vec![("x-amz-checksum-type", "HALF")], "InvalidRequest", "x-amz-checksum-type"),
            (vec![("content-md5", "bad")], "InvalidDigest", "Content-MD5"),
            (vec![("content-md5", "")], "InvalidDigest", "Content-MD5"),
        ];
        for (pairs, code, part) in cases {
            let error = read(&pairs).unwrap_err();
            assert_eq!(error.code(), code, "{pairs:?}");
            assert!(error.to_string().contains(part), "{pairs:?}: {error}");
        }
    }

    #[test]
    fn the_length_is_that_of_the_data() {
        let both = headers(&[("content-length", "100"), ("x-amz-decoded-content-length", "10")]);
        assert_eq!(data_length(&both, PayloadKind::Unsigned), Ok(Some(100)));
        assert_eq!(data_length(&both, PayloadKind::StreamingSigned), Ok(Some(10)));
        let none = HeaderMap::new();
        assert_eq!(data_length(&none, PayloadKind::Unsigned), Ok(None));
        assert_eq!(data_length(&none, PayloadKind::StreamingSigned), Err(BodyError::MissingLength));
        for text in ["", "-1", "+1", "1e3", "99999999999999999999999"] {
            let odd = headers(&[("content-length", text)]);
            assert_eq!(data_length(&odd, PayloadKind::Unsigned).unwrap_err().code(), "InvalidArgument");
        }
    }
}
