//! Routing and binding: path, query and headers. Input: a request as lines.
//!
//! What names a sub-resource or a part is never routed to an operation on the whole object or bucket: that would
//! overwrite or delete one. Names are decoded exactly once. What is parsed prints and parses again.

use http::{HeaderMap, Method};
use model::checksum::ChecksumAlgorithm;
use model::etag::ETag;
use s3::body::{ChecksumRequest, ChecksumValue, ObjectChecksum};
use s3::error::S3Error;
use s3::generated::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, CopyObjectInput, CreateBucketInput,
    CreateMultipartUploadInput, DeleteBucketInput, DeleteObjectInput, DeleteObjectsInput,
    GetBucketLocationInput, GetObjectInput, HeadBucketInput, HeadObjectInput, Input as Bind,
    ListBucketsInput, ListMultipartUploadsInput, ListObjectsInput, ListObjectsV2Input, ListPartsInput,
    Operation, PutObjectInput, UploadPartCopyInput, UploadPartInput,
};
use s3::route::{CopySource, Target, check_bucket_name, route};
use s3::wire::{
    Query, RequestParts, Scope, TimeFormat, header_text, parse_time, percent_decode, print_time, url_encode,
};

use crate::input::Input;
use crate::request::Lines;

/// See the module.
pub fn run(data: &[u8]) {
    let lines = Lines::read(Input::new(data));
    names(&lines.path);
    values(&lines.headers);
    let Ok(query) = Query::parse(Some(&lines.query)) else { return };
    let target = match lines.host.as_str() {
        "" => Target::from_path(&lines.path),
        bucket => Target::from_host(bucket, &lines.path),
    };
    let Ok(target) = target.inspect_err(tell) else { return };
    whole(&target);
    let Ok(method) = Method::from_bytes(lines.method.as_bytes()) else { return };
    match route(&method, &target, &query, &lines.headers) {
        Err(error) => tell(&error),
        Ok(operation) => {
            assert_eq!((operation.facts().scope, &operation.facts().method), (target.scope(), &method));
            harmless(operation, &query);
            let parts = RequestParts {
                bucket: target.bucket.as_deref(),
                key: target.key.as_deref(),
                query: &query,
                headers: &lines.headers,
            };
            bind_each(&parts, lines.body);
        }
    }
}

/// The names that a target holds are such as it takes, and lead back to it.
fn whole(target: &Target<'_>) {
    let Some(bucket) = &target.bucket else { return };
    assert!(check_bucket_name(bucket).is_ok(), "{bucket} is no bucket");
    let key = target.key.as_deref().unwrap_or_default();
    let mut encoded = format!("/{bucket}/");
    for byte in key.bytes() {
        encoded.push_str(&format!("%{byte:02x}"));
    }
    assert_eq!(Target::from_path(&encoded).as_ref(), Ok(target), "{encoded}");
}

/// An operation on the whole of an object or bucket has nothing in its query that names a part of it.
fn harmless(operation: Operation, query: &Query<'_>) {
    let is_whole = matches!(
        operation,
        Operation::PutObject
            | Operation::CopyObject
            | Operation::DeleteObject
            | Operation::CreateBucket
            | Operation::DeleteBucket
    );
    if !is_whole {
        return;
    }
    for (name, _) in query.iter() {
        let scope = operation.facts().scope;
        let is_marker = |other: &&Operation| {
            let facts = other.facts();
            facts.scope == scope && facts.markers.first().is_some_and(|(marker, _)| *marker == name)
        };
        let other = Operation::ALL.iter().find(is_marker);
        assert!(other.is_none(), "{operation:?} would take ?{name} for nothing: {query:?}");
        assert!(
            scope != Scope::Object || !matches!(name, "uploadId" | "partNumber"),
            "{operation:?} would take ?{name} for nothing"
        );
    }
}

/// Binding never panics, and its errors can be told.
fn bind_each(parts: &RequestParts<'_>, body: &[u8]) {
    bind::<AbortMultipartUploadInput>(parts, body);
    bind::<CompleteMultipartUploadInput>(parts, body);
    bind::<CopyObjectInput>(parts, body);
    bind::<CreateBucketInput>(parts, body);
    bind::<CreateMultipartUploadInput>(parts, body);
    bind::<DeleteBucketInput>(parts, body);
    bind::<DeleteObjectInput>(parts, body);
    bind::<DeleteObjectsInput>(parts, body);
    bind::<GetBucketLocationInput>(parts, body);
    bind::<GetObjectInput>(parts, body);
    bind::<HeadBucketInput>(parts, body);
    bind::<HeadObjectInput>(parts, body);
    bind::<ListBucketsInput>(parts, body);
    bind::<ListMultipartUploadsInput>(parts, body);
    bind::<ListObjectsInput>(parts, body);
    bind::<ListObjectsV2Input>(parts, body);
    bind::<ListPartsInput>(parts, body);
    bind::<PutObjectInput>(parts, body);
    bind::<UploadPartInput>(parts, body);
    bind::<UploadPartCopyInput>(parts, body);
}

fn bind<I: Bind>(parts: &RequestParts<'_>, body: &[u8]) {
    if let Err(error) = I::parse(parts, Some(body)) {
        tell(&error);
    }
}

fn tell(error: &S3Error) {
    let mut xml = Vec::new();
    error.write_xml("/resource", "request", "host", &mut xml);
    assert!(std::str::from_utf8(&xml).is_ok_and(|text| text.ends_with("</Error>")), "{error:?}");
}

/// Decoding once is not decoding twice, and what is encoded decodes to itself.
fn names(path: &str) {
    let Some(decoded) = percent_decode(path) else { return };
    let encoded = url_encode(&decoded).replace('+', "%20");
    assert_eq!(percent_decode(&encoded).as_deref(), Some(&*decoded), "{encoded}");
}

/// Values of headers that are more than text.
fn values(headers: &HeaderMap) {
    if let Ok(ChecksumRequest { header: Some(checksum), .. }) = ChecksumRequest::from_headers(headers) {
        let text = checksum.to_base64();
        assert_eq!(ChecksumValue::from_base64(checksum.algorithm(), &text), Some(checksum));
    }
    for value in headers.values() {
        let text = header_text(value);
        times(&text);
        if let Some(etag) = ETag::parse(&text) {
            assert_eq!(ETag::parse(&etag.to_string()), Some(etag), "{text}");
        }
        for algorithm in ChecksumAlgorithm::ALL {
            ObjectChecksum::parse(algorithm, &text);
        }
        if let Ok(source) = CopySource::parse(&text).inspect_err(tell) {
            assert!(check_bucket_name(&source.bucket).is_ok(), "{source:?}");
            assert!((1..=1024).contains(&source.key.len()), "{source:?}");
        }
    }
}

fn times(text: &str) {
    let Some(time) = parse_time(text) else { return };
    for (format, millis) in [
        (TimeFormat::Iso8601, time.millis()),
        (TimeFormat::Rfc822, time.seconds() * 1000),
        (TimeFormat::Xml, time.seconds() * 1000),
        (TimeFormat::Unix, time.seconds() * 1000),
    ] {
        let printed = print_time(time, format);
        assert_eq!(parse_time(&printed).map(model::time::Timestamp::millis), Some(millis), "{printed}");
    }
}
