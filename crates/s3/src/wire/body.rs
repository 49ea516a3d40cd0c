//! Bodies as the generated code reads and writes them.

use http::{HeaderMap, HeaderValue, header};

use super::xml_writer::XmlWriter;
use crate::error::{ErrorCode, S3Error};

/// Starts the XML body of an answer.
pub fn start_xml<'a>(headers: &mut HeaderMap, body: &'a mut Vec<u8>) -> XmlWriter<'a> {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    XmlWriter::new(body)
}

/// A body that is a text.
///
/// # Errors
/// `InvalidRequest` where it is not UTF-8.
pub fn text_body(body: &[u8]) -> Result<String, S3Error> {
    let not_text = "The body of the request must be UTF-8 text.";
    std::str::from_utf8(body)
        .map(str::to_owned)
        .map_err(|_| S3Error::with_message(ErrorCode::InvalidRequest, not_text))
}

/// The error for a body that must be there.
#[must_use]
pub fn missing_body() -> S3Error {
    S3Error::new(ErrorCode::MissingRequestBodyError)
}
