//! The documents of errors, and the map to S3's codes.

use super::*;

#[test]
fn every_code_of_auth_and_body_is_known() {
    let errors: [S3Error; 4] = [
        AuthError::UnsupportedMechanism.into(),
        AuthError::MissingDate.into(),
        BodyError::ChunksTooSmall { chunk: 1, size: 2 }.into(),
        BodyError::MalformedTrailer { detail: String::new() }.into(),
    ];
    let codes = errors.map(|error| error.code.as_str());
    assert_eq!(codes, ["InvalidRequest", "AccessDenied", "InvalidChunkSizeError", "MalformedTrailerError"]);
}

#[test]
fn what_the_operator_must_do_is_said_and_no_inside_is_shown() {
    let error = S3Error::from(ObjectError::Meta(MetaError::ReadOnly));
    assert_eq!((error.code, error.status().as_u16()), (ErrorCode::ServiceUnavailable, 503));
    assert!(error.message.contains("replace the missing drives"));
    let partition = model::ids::PartitionId(3);
    let error = S3Error::from(ObjectError::Meta(MetaError::Unknown { partition }));
    assert_eq!(error.status().as_u16(), 500);
    assert!(error.message.contains("may or may not have been made"));
    let error = S3Error::from(ObjectError::Meta(MetaError::Busy));
    assert_eq!(error.code, ErrorCode::SlowDown);
    assert_eq!(error.headers[0].0, header::RETRY_AFTER);
}

#[test]
fn an_error_is_the_document_that_clients_know() {
    let error = S3Error::new(ErrorCode::NoSuchKey).with("Key", "a<b");
    let mut body = Vec::new();
    error.write_xml("/bucket/a<b", "4442587FB7D0A2F9", "host", &mut body);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
         <Message>The specified key does not exist.</Message><Key>a&lt;b</Key>\
         <Resource>/bucket/a&lt;b</Resource><RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>"
    );
    assert_eq!(error.status(), StatusCode::NOT_FOUND);
}

#[test]
fn every_code_has_a_status_of_an_error_and_a_message() {
    let mut names = std::collections::BTreeSet::new();
    for code in ErrorCode::ALL {
        let status = code.status();
        assert!(status.as_u16() >= 300, "{code:?}");
        assert_eq!(status.as_u16(), code.status_number(), "{code:?}");
        assert!(!code.default_message().is_empty(), "{code:?}");
        assert!(names.insert(code.as_str()), "{code:?}");
    }
    assert!(names.len() >= 120);
}

#[test]
fn a_method_not_allowed_says_which_are() {
    let error = S3Error::method_not_allowed("POST", "BUCKET", "GET, PUT");
    assert_eq!(error.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(error.headers[0].1, "GET, PUT");
}
