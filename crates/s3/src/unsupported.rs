//! Headers that ask for what is not built. Always true: no such header is silently ignored, as the client relies on it.

use http::{HeaderMap, HeaderName};

use crate::error::{ErrorCode, S3Error};
use crate::generated::Operation;
use crate::wire::header_text;

/// Canned ACLs that change nothing where every object belongs to the owner of its bucket.
const ACLS_WITHOUT_EFFECT: [&str; 2] = ["private", "bucket-owner-full-control"];

/// Names, or beginnings of names, of headers of a write, and what each of them asks for.
const ASKED: [(&str, &str); 6] = [
    ("x-amz-server-side-encryption", "Server-side encryption"),
    ("x-amz-copy-source-server-side-encryption-customer-", "Server-side encryption with keys of the client"),
    ("x-amz-object-lock-", "Object lock"),
    ("x-amz-bucket-object-lock-enabled", "Object lock"),
    ("x-amz-tagging", "Object tagging"),
    ("x-amz-write-offset-bytes", "Appending to objects"),
];

/// Refuses writes that ask for what is not built.
///
/// # Errors
/// `NotImplemented`; for ACLs what AWS says where the owner of the bucket owns all objects.
pub(crate) fn refuse_write(operation: Operation, headers: &HeaderMap) -> Result<(), S3Error> {
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") {
            continue;
        }
        let text = header_text(value);
        let is_acl = name == "x-amz-acl" && !ACLS_WITHOUT_EFFECT.contains(&text.as_ref());
        if is_acl || name.starts_with("x-amz-grant-") {
            return Err(no_acl(operation));
        }
        let is_asked = ASKED.iter().find(|(asked, _)| name.starts_with(asked));
        if let Some((_, what)) = is_asked.filter(|_| has_effect(name, &text)) {
            return Err(not_implemented(name, what));
        }
    }
    Ok(())
}

fn has_effect(name: &str, text: &str) -> bool {
    match name {
        "x-amz-bucket-object-lock-enabled" => text.eq_ignore_ascii_case("true"),
        "x-amz-tagging-directive" => text.eq_ignore_ascii_case("REPLACE"),
        "x-amz-tagging" => !text.is_empty(),
        "x-amz-object-lock-legal-hold" => text.eq_ignore_ascii_case("ON"),
        "x-amz-server-side-encryption-bucket-key-enabled" => text.eq_ignore_ascii_case("true"),
        _ => true,
    }
}

/// A bucket is as AWS makes them: its owner owns all objects, and ACLs are off.
fn no_acl(operation: Operation) -> S3Error {
    match operation {
        Operation::CreateBucket => S3Error::new(ErrorCode::InvalidBucketAclWithObjectOwnership),
        _ => S3Error::new(ErrorCode::AccessControlListNotSupported),
    }
}

fn not_implemented(header: &str, what: &str) -> S3Error {
    let message =
        format!("{what} (header {header}) is not implemented by this server. Leave the header out.");
    S3Error::with_message(ErrorCode::NotImplemented, message).with("Header", header)
}

/// Refuses reads with a key of the client: no object is encrypted by one.
///
/// # Errors
/// `InvalidRequest`.
pub(crate) fn refuse_customer_key(headers: &HeaderMap) -> Result<(), S3Error> {
    const PREFIX: &str = "x-amz-server-side-encryption-customer-";
    if headers.keys().map(HeaderName::as_str).any(|name| name.starts_with(PREFIX)) {
        let message = "The encryption parameters are not applicable to this object.";
        return Err(S3Error::with_message(ErrorCode::InvalidRequest, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn write(name: &'static str, value: &'static str) -> Result<(), S3Error> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        refuse_write(Operation::PutObject, &headers)
    }

    #[test]
    fn acls_are_off_as_in_new_buckets_of_aws() {
        for (name, value) in [("x-amz-acl", "public-read"), ("x-amz-grant-read", "id=1")] {
            let error = write(name, value).unwrap_err();
            assert_eq!(error.code, ErrorCode::AccessControlListNotSupported, "{name}");
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let error = refuse_write(Operation::CreateBucket, &headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidBucketAclWithObjectOwnership, "{name}");
        }
    }

    #[test]
    fn what_is_not_built_is_not_ignored() {
        for (name, value) in [
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-server-side-encryption-customer-key", "abc"),
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-bucket-object-lock-enabled", "true"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-write-offset-bytes", "10"),
        ] {
            let error = write(name, value).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{name}");
            assert!(error.message.contains(name), "{error}");
        }
    }

    #[test]
    fn what_changes_nothing_is_taken() {
        for (name, value) in [
            ("x-amz-acl", "private"),
            ("x-amz-acl", "bucket-owner-full-control"),
            ("x-amz-bucket-object-lock-enabled", "false"),
            ("x-amz-tagging-directive", "COPY"),
            ("x-amz-tagging", ""),
            ("x-amz-foo", "bar"),
            ("x-amz-meta-x-amz-grant-read", "id=1"),
            ("content-type", "text/plain"),
        ] {
            assert_eq!(write(name, value), Ok(()), "{name}");
        }
    }
}
