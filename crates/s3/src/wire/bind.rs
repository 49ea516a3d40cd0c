//! Binding of headers and query values to fields, and the exact error where a value is none of its type.
//!
//! An empty value of a number, a word or a time counts as not sent; an empty text is a text.

use std::collections::BTreeMap;

use http::HeaderValue;
use model::time::Timestamp;

use super::header::{decode_words, header_text};
use super::time::parse_time;
use super::value::WireValue;
use crate::error::{ErrorCode, S3Error};

/// Binds one value of a header.
///
/// # Errors
/// The S3 error for a value that the header cannot have.
pub fn from_header<T: WireValue>(
    slot: &mut Option<T>,
    name: &'static str,
    value: &HeaderValue,
) -> Result<(), S3Error> {
    let text = header_text(value);
    match T::from_wire(&text) {
        Some(value) => match slot {
            Some(first) => first.join(value),
            None => *slot = Some(value),
        },
        None if text.is_empty() || is_lenient(name) => {}
        None => return Err(bad_value(name, &text)),
    }
    Ok(())
}

/// Binds the words of a header that holds a list.
///
/// # Errors
/// As [`from_header`].
pub fn list_from_header<T: WireValue>(
    list: &mut Vec<T>,
    name: &'static str,
    value: &HeaderValue,
) -> Result<(), S3Error> {
    let text = header_text(value);
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        list.push(T::from_wire(word).ok_or_else(|| bad_value(name, word))?);
    }
    Ok(())
}

/// Binds a header that holds a time.
///
/// # Errors
/// As [`from_header`].
pub fn header_time(
    slot: &mut Option<Timestamp>,
    name: &'static str,
    value: &HeaderValue,
) -> Result<(), S3Error> {
    let text = header_text(value);
    if !text.is_empty() {
        *slot = Some(parse_time(&text).ok_or_else(|| bad_value(name, &text))?);
    }
    Ok(())
}

/// Binds a header of HTTP itself that holds a time: HTTP says that a wrong one counts as not sent.
pub fn lenient_header_time(slot: &mut Option<Timestamp>, value: &HeaderValue) {
    *slot = parse_time(&header_text(value));
}

/// Takes in one `x-amz-meta-` header. One that is sent again is joined by a comma.
pub fn metadata_from_header(metadata: &mut BTreeMap<String, String>, key: &str, value: &HeaderValue) {
    let text = header_text(value);
    let text = decode_words(&text);
    match metadata.get_mut(key) {
        Some(first) => first.join(text.into_owned()),
        None => {
            metadata.insert(key.to_owned(), text.into_owned());
        }
    }
}

/// Binds one value of the query; of several, the first counts.
///
/// # Errors
/// The S3 error for a value that the parameter cannot have.
pub fn from_query<T: WireValue>(
    slot: &mut Option<T>,
    name: &'static str,
    value: &str,
) -> Result<(), S3Error> {
    if slot.is_some() {
        return Ok(());
    }
    check_query_text(name, value)?;
    *slot = T::from_wire(value);
    if slot.is_none() && !value.is_empty() {
        return Err(bad_value(name, value));
    }
    Ok(())
}

/// Binds a time of the query.
///
/// # Errors
/// As [`from_query`].
pub fn query_time(slot: &mut Option<Timestamp>, name: &'static str, value: &str) -> Result<(), S3Error> {
    if slot.is_none() && !value.is_empty() {
        *slot = Some(parse_time(value).ok_or_else(|| bad_value(name, value))?);
    }
    Ok(())
}

/// The value of a header that must have been sent.
///
/// # Errors
/// `InvalidRequest`.
pub fn require_header<T>(slot: Option<T>, name: &'static str) -> Result<T, S3Error> {
    slot.ok_or_else(|| {
        let message = format!("Missing required header for this request: {name}");
        S3Error::with_message(ErrorCode::InvalidRequest, message)
    })
}

/// The value of a query parameter that must have been sent.
///
/// # Errors
/// `InvalidArgument`.
pub fn require_query<T>(slot: Option<T>, name: &'static str) -> Result<T, S3Error> {
    slot.ok_or_else(|| {
        let message = format!("This operation requires the query parameter {name}.");
        S3Error::argument(message, name, "")
    })
}

/// Headers whose unknown words S3 takes for not sent.
fn is_lenient(name: &str) -> bool {
    matches!(name, "x-amz-checksum-mode" | "x-amz-request-payer")
}

/// Texts of the query that S3 does not take.
fn check_query_text(name: &'static str, value: &str) -> Result<(), S3Error> {
    if name == "versionId" && value.is_empty() {
        return Err(S3Error::argument("Version id cannot be the empty string", name, value));
    }
    // These become headers of the answer.
    let header_safe = |c: char| matches!(c, ' '..='~' | '\u{a0}'..='\u{ff}' | '\t');
    if name.starts_with("response-") && !value.chars().all(header_safe) {
        let message = "Header value cannot be represented using ISO-8859-1.";
        return Err(S3Error::argument(message, name, value));
    }
    Ok(())
}

/// The error for a value that is none of its type, with the message that S3 gives for that name.
fn bad_value(name: &'static str, value: &str) -> S3Error {
    let invalid_request = |message: &'static str| S3Error::with_message(ErrorCode::InvalidRequest, message);
    let message = match name {
        "x-amz-storage-class" => return S3Error::new(ErrorCode::InvalidStorageClass),
        "x-amz-sdk-checksum-algorithm" => {
            return invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.");
        }
        "x-amz-checksum-algorithm" => {
            return invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                 [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            );
        }
        "x-amz-checksum-type" => {
            return invalid_request("Value for x-amz-checksum-type header is invalid.");
        }
        "x-amz-mp-object-size" => {
            return invalid_request("Value for x-amz-mp-object-size header is invalid.");
        }
        "partNumber" => "Part number must be an integer between 1 and 10000, inclusive".to_owned(),
        "encoding-type" => "Invalid Encoding Method specified in Request".to_owned(),
        "x-amz-metadata-directive" => "Unknown metadata directive.".to_owned(),
        "x-amz-tagging-directive" => "Unknown tagging directive.".to_owned(),
        "x-amz-object-lock-mode" => "Unknown wormMode directive.".to_owned(),
        "x-amz-object-lock-legal-hold" => "Legal Hold must be either of 'ON' or 'OFF'".to_owned(),
        "x-amz-object-lock-retain-until-date" => {
            "The retain until date must be provided in ISO 8601 format".to_owned()
        }
        "x-amz-server-side-encryption" => "The encryption method specified is not supported".to_owned(),
        "x-amz-object-ownership" => format!("Invalid x-amz-object-ownership header: {value}"),
        "max-keys" | "max-parts" | "max-uploads" | "max-buckets" | "part-number-marker" => {
            number_message(name, value)
        }
        _ => format!("The value of {name} is not valid."),
    };
    S3Error::argument(message, name, value)
}

/// S3 tells a number out of range from a text that is no number.
fn number_message(name: &str, value: &str) -> String {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_negative = value.starts_with('-') && !digits.is_empty();
    if is_negative && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("Argument {name} must be an integer between 0 and 2147483647")
    } else {
        format!("Provided {name} not an integer or within integer range")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{EncodingType, StorageClass};

    fn query_error<T: WireValue>(name: &'static str, value: &str) -> S3Error {
        from_query::<T>(&mut None, name, value).unwrap_err()
    }

    #[test]
    fn a_wrong_number_names_the_argument_and_its_value() {
        let error = query_error::<u32>("max-keys", "blah");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "Provided max-keys not an integer or within integer range");
        assert_eq!(
            error.extra,
            [("ArgumentName", "max-keys".to_owned()), ("ArgumentValue", "blah".to_owned())]
        );
        let error = query_error::<u32>("max-keys", "-1");
        assert_eq!(error.message, "Argument max-keys must be an integer between 0 and 2147483647");
    }

    #[test]
    fn an_unknown_word_is_an_error_and_an_empty_one_is_not_sent() {
        assert_eq!(query_error::<EncodingType>("encoding-type", "x").code, ErrorCode::InvalidArgument);
        let mut slot: Option<EncodingType> = None;
        from_query(&mut slot, "encoding-type", "").unwrap();
        assert_eq!(slot, None);
        let mut slot: Option<StorageClass> = None;
        let value = HeaderValue::from_static("x");
        let error = from_header(&mut slot, "x-amz-storage-class", &value).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidStorageClass);
        from_header(&mut slot, "x-amz-checksum-mode", &value).unwrap();
    }

    #[test]
    fn an_empty_text_is_a_text_but_no_version() {
        let mut slot: Option<String> = None;
        from_query(&mut slot, "prefix", "").unwrap();
        assert_eq!(slot.as_deref(), Some(""));
        assert_eq!(query_error::<String>("versionId", "").code, ErrorCode::InvalidArgument);
    }

    #[test]
    fn an_override_of_a_header_must_be_a_header() {
        let error = query_error::<String>("response-content-type", "a\r\nb: c");
        assert_eq!(error.message, "Header value cannot be represented using ISO-8859-1.");
        assert_eq!(query_error::<String>("response-expires", "€").code, ErrorCode::InvalidArgument);
    }

    #[test]
    fn wrong_times_are_errors_except_where_http_ignores_them() {
        let wrong = HeaderValue::from_static("yesterday");
        let mut slot = None;
        assert!(header_time(&mut slot, "x-amz-copy-source-if-modified-since", &wrong).is_err());
        lenient_header_time(&mut slot, &wrong);
        assert_eq!(slot, None);
    }

    #[test]
    fn repeated_metadata_is_joined() {
        let mut metadata = BTreeMap::new();
        metadata_from_header(&mut metadata, "a", &HeaderValue::from_static("1"));
        metadata_from_header(&mut metadata, "a", &HeaderValue::from_static("2"));
        assert_eq!(metadata["a"], "1,2");
    }
}
