//! Which operation a request is: a pure function of method, path, query and headers.
//!
//! Facts of each operation (method, scope, query markers) are generated from the service model; which operation wins
//! where several fit is decided here. Always true: a request that names a sub-resource is never taken for an operation
//! on the bucket or object itself, and a part of an upload never for a whole object.

use std::borrow::Cow;

use http::{HeaderMap, Method};

use crate::error::{ErrorCode, S3Error};
use crate::generated::{Operation, is_marker};
use crate::wire::{Query, Scope, percent_decode};

/// The longest key, in bytes of UTF-8.
const KEY_LENGTH_MAX_BYTES: usize = 1024;

/// Operations that no request is routed to: the deprecated twin of another operation on the same URI, or one that AWS
/// serves at an endpoint of its own.
const UNROUTED: &[Operation] = &[
    Operation::GetBucketLifecycle,
    Operation::GetBucketNotification,
    Operation::ListDirectoryBuckets,
    Operation::PutBucketLifecycle,
    Operation::PutBucketNotification,
    Operation::WriteGetObjectResponse,
];

/// What a request is about: nothing (the service), a bucket, or an object in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The bucket, decoded and of a valid name.
    pub bucket: Option<Cow<'a, str>>,
    /// The key, decoded exactly once, of 1 to 1,024 bytes.
    pub key: Option<Cow<'a, str>>,
}

impl<'a> Target<'a> {
    /// From a path of path style: `/bucket/key`. Only the first slash behind the bucket divides; all others belong to
    /// the key.
    ///
    /// # Errors
    /// `InvalidBucketName`, `KeyTooLongError`, or `InvalidURI` for a broken percent escape or text that is not UTF-8.
    pub fn from_path(path: &'a str) -> Result<Self, S3Error> {
        let path = path.strip_prefix('/').ok_or_else(invalid_uri)?;
        if path.is_empty() {
            return Ok(Self::default());
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let bucket = percent_decode(bucket).ok_or_else(invalid_uri)?;
        Self::new(bucket, key)
    }

    /// From a host of virtual-host style, whose bucket the caller has split off, and the path.
    ///
    /// # Errors
    /// As [`from_path`](Self::from_path).
    pub fn from_host(bucket: &'a str, path: &'a str) -> Result<Self, S3Error> {
        let key = path.strip_prefix('/').ok_or_else(invalid_uri)?;
        Self::new(Cow::Borrowed(bucket), key)
    }

    fn new(bucket: Cow<'a, str>, key: &'a str) -> Result<Self, S3Error> {
        check_bucket_name(&bucket)?;
        let key = percent_decode(key).ok_or_else(invalid_uri)?;
        check_key(&key)?;
        Ok(Self { bucket: Some(bucket), key: Some(key).filter(|key| !key.is_empty()) })
    }

    /// What the target is.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match (&self.bucket, &self.key) {
            (None, _) => Scope::Service,
            (Some(_), None) => Scope::Bucket,
            (Some(_), Some(_)) => Scope::Object,
        }
    }
}

/// The object that a copy reads: the header `x-amz-copy-source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded exactly once.
    pub key: String,
    /// The version, where one is named.
    pub version_id: Option<String>,
}

impl CopySource {
    /// Reads the header: `bucket/key` or `/bucket/key`, encoded as in a URI, and maybe `?versionId=` behind it. A
    /// question mark of the key itself is encoded.
    ///
    /// # Errors
    /// `InvalidArgument`; `KeyTooLongError`.
    pub fn parse(header: &str) -> Result<Self, S3Error> {
        let wrong = |message: &'static str| S3Error::argument(message, "x-amz-copy-source", header);
        let (path, query) = header.split_once('?').unwrap_or((header, ""));
        let path = percent_decode(path).ok_or_else(|| wrong("Invalid copy source encoding."))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() || key.is_empty() {
            return Err(wrong("Copy Source must mention the source bucket and key: sourcebucket/sourcekey"));
        }
        check_bucket_name(bucket).map_err(|_| wrong("Invalid copy source bucket name"))?;
        check_key(key)?;
        let version_id = match query.split_once('=') {
            None if query.is_empty() => None,
            Some(("versionId", version)) if !version.is_empty() => Some(version.to_owned()),
            _ => return Err(wrong("Unsupported copy source parameter.")),
        };
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }
}

/// Finds the operation.
///
/// Not found here: answers to CORS preflights (OPTIONS) and browser uploads (POST of a form), which are no operations
/// of the service model; the front takes them out before.
///
/// # Errors
/// `MethodNotAllowed` with `Allow`, `InvalidArgument` for sub-resources that do not go together, `PreconditionFailed`
/// for a POST to a bucket that is no form.
pub fn route(
    method: &Method,
    target: &Target<'_>,
    query: &Query<'_>,
    headers: &HeaderMap,
) -> Result<Operation, S3Error> {
    let scope = target.scope();
    match marker(scope, query)? {
        Some(marker) => route_marked(method, scope, marker, query),
        None => route_plain(method, scope, query, headers),
    }
}

/// Whether AWS takes the name for a general-purpose bucket.
///
/// # Errors
/// `InvalidBucketName`.
pub fn check_bucket_name(name: &str) -> Result<(), S3Error> {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_inner = |byte: &u8| is_edge(byte) || matches!(byte, b'.' | b'-');
    let bytes = name.as_bytes();
    let valid = (3..=63).contains(&bytes.len())
        && bytes.iter().all(is_inner)
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !is_dotted_quad(name)
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    if valid { Ok(()) } else { Err(S3Error::new(ErrorCode::InvalidBucketName).with("BucketName", name)) }
}

/// Four numbers: formatted like an address, even if it is none (`300.1.1.1`, `010.0.0.1`).
fn is_dotted_quad(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').count() == 4 && name.split('.').all(is_number)
}

fn check_key(key: &str) -> Result<(), S3Error> {
    if key.len() <= KEY_LENGTH_MAX_BYTES {
        return Ok(());
    }
    Err(S3Error::new(ErrorCode::KeyTooLongError)
        .with("Size", key.len().to_string())
        .with("MaxSizeAllowed", KEY_LENGTH_MAX_BYTES.to_string()))
}

fn invalid_uri() -> S3Error {
    S3Error::new(ErrorCode::InvalidURI)
}

/// The one sub-resource that the query names.
fn marker<'a>(scope: Scope, query: &'a Query<'_>) -> Result<Option<&'a str>, S3Error> {
    if scope == Scope::Service {
        return Ok(None);
    }
    let mut markers = query.iter().map(|(name, _)| name).filter(|name| is_marker(name));
    let Some(first) = markers.next() else {
        return Ok(None);
    };
    match markers.find(|other| *other != first) {
        Some(second) => {
            let message = format!("Conflicting query string parameters: {first}, {second}");
            Err(S3Error::argument(message, "ResourceType", first))
        }
        None => Ok(Some(first)),
    }
}

/// An operation on a sub-resource. Of two, the one that requires more of the query wins if it has all of it:
/// `?analytics&id=1` is one configuration, `?analytics` is their list.
fn route_marked(
    method: &Method,
    scope: Scope,
    marker: &str,
    query: &Query<'_>,
) -> Result<Operation, S3Error> {
    let on_marker = || routed().filter(|operation| has_marker(*operation, scope, marker));
    let completeness = |operation: &Operation| {
        let required = operation.facts().required_query;
        (required.iter().all(|name| query.has(name)), required.len())
    };
    let candidates = on_marker().filter(|operation| operation.facts().method == method);
    let found = candidates.max_by_key(completeness);
    if let Some(operation) = found {
        return Ok(operation);
    }
    if on_marker().next().is_none() {
        let kind = if scope == Scope::Bucket { "bucket" } else { "key" };
        let message = format!("There is no such thing as the ?{marker} sub-resource for a {kind}");
        return Err(S3Error::argument(message, "ResourceType", marker));
    }
    let allowed = allowed_methods(on_marker());
    Err(S3Error::method_not_allowed(method.as_str(), &marker.to_uppercase(), &allowed))
}

fn routed() -> impl Iterator<Item = Operation> {
    Operation::ALL.iter().copied().filter(|operation| !UNROUTED.contains(operation))
}

fn has_marker(operation: Operation, scope: Scope, marker: &str) -> bool {
    let facts = operation.facts();
    facts.scope == scope && facts.markers.first().is_some_and(|(name, _)| *name == marker)
}

/// An operation on the service, the bucket or the object itself.
fn route_plain(
    method: &Method,
    scope: Scope,
    query: &Query<'_>,
    headers: &HeaderMap,
) -> Result<Operation, S3Error> {
    let operation = match (scope, method.as_str()) {
        (Scope::Service, "GET") => Operation::ListBuckets,
        (Scope::Bucket, "GET") => return list_objects(query),
        (Scope::Bucket, "HEAD") => Operation::HeadBucket,
        (Scope::Bucket, "PUT") => Operation::CreateBucket,
        (Scope::Bucket, "DELETE") => Operation::DeleteBucket,
        (Scope::Bucket, "POST") => return Err(no_form()),
        (Scope::Object, "GET") if query.has("uploadId") => Operation::ListParts,
        (Scope::Object, "GET") => Operation::GetObject,
        (Scope::Object, "HEAD") => Operation::HeadObject,
        (Scope::Object, "PUT") => return put(query, headers),
        (Scope::Object, "DELETE") if query.has("uploadId") => Operation::AbortMultipartUpload,
        (Scope::Object, "DELETE") => Operation::DeleteObject,
        (Scope::Object, "POST") if query.has("uploadId") => Operation::CompleteMultipartUpload,
        _ => return Err(not_allowed_here(method, scope)),
    };
    Ok(operation)
}

fn list_objects(query: &Query<'_>) -> Result<Operation, S3Error> {
    match query.get("list-type") {
        None | Some("1") => Ok(Operation::ListObjects),
        Some("2") => Ok(Operation::ListObjectsV2),
        Some(other) => Err(S3Error::argument("Invalid List Type specified in Request", "list-type", other)),
    }
}

/// An object, a copy, a part, or a part that is a copy. Half of what makes a part is an error: to take it for a whole
/// object would overwrite one.
fn put(query: &Query<'_>, headers: &HeaderMap) -> Result<Operation, S3Error> {
    let is_copy = headers.contains_key("x-amz-copy-source");
    match (query.has("partNumber"), query.has("uploadId"), is_copy) {
        (true, true, false) => Ok(Operation::UploadPart),
        (true, true, true) => Ok(Operation::UploadPartCopy),
        (false, false, false) => Ok(Operation::PutObject),
        (false, false, true) => Ok(Operation::CopyObject),
        (true, false, _) => Err(half_a_part("uploadId")),
        (false, true, _) => Err(half_a_part("partNumber")),
    }
}

fn half_a_part(missing: &str) -> S3Error {
    let message = format!("This operation requires the query parameter {missing}.");
    S3Error::argument(message, missing, "")
}

fn no_form() -> S3Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    S3Error::with_message(ErrorCode::PreconditionFailed, message)
        .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
}

fn not_allowed_here(method: &Method, scope: Scope) -> S3Error {
    let (kind, is_here): (&str, fn(Operation) -> bool) = match scope {
        Scope::Service => ("SERVICE", |operation| operation.facts().scope == Scope::Service),
        Scope::Bucket => ("BUCKET", |operation| {
            operation.facts().scope == Scope::Bucket && operation.facts().markers.is_empty()
        }),
        _ => ("OBJECT", |operation| {
            operation.facts().scope == Scope::Object && operation.facts().markers.is_empty()
        }),
    };
    let allowed = allowed_methods(routed().filter(|operation| is_here(*operation)));
    S3Error::method_not_allowed(method.as_str(), kind, &allowed)
}

/// The methods of the operations, each once, in alphabetical order.
fn allowed_methods(operations: impl Iterator<Item = Operation>) -> String {
    let mut methods: Vec<&str> = operations.map(|operation| operation.facts().method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ALLOW;
    use proptest::prelude::*;

    use super::*;

    fn find(method: &str, path: &str, query: &str, headers: &[&'static str]) -> Result<Operation, S3Error> {
        let mut map = HeaderMap::new();
        for name in headers {
            map.insert(*name, HeaderValue::from_static("x"));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        route(&method, &Target::from_path(path)?, &Query::parse(Some(query))?, &map)
    }

    #[test]
    fn every_operation_is_found_by_the_request_that_the_model_describes() {
        for operation in Operation::ALL.iter().copied() {
            let facts = operation.facts();
            let path = match facts.scope {
                Scope::Service => "/",
                Scope::Bucket => "/bucket",
                Scope::Object => "/bucket/key",
                Scope::Other => continue,
            };
            let markers = facts.markers.iter().map(|(name, value)| format!("{name}={value}"));
            let required = facts.required_query.iter().map(|name| format!("{name}=1"));
            let query: Vec<String> = markers.chain(required).collect();
            let found = find(facts.method.as_str(), path, &query.join("&"), facts.required_headers).unwrap();
            let wanted = match operation {
                Operation::GetBucketLifecycle => Operation::GetBucketLifecycleConfiguration,
                Operation::GetBucketNotification => Operation::GetBucketNotificationConfiguration,
                Operation::ListDirectoryBuckets => Operation::ListBuckets,
                Operation::PutBucketLifecycle => Operation::PutBucketLifecycleConfiguration,
                Operation::PutBucketNotification => Operation::PutBucketNotificationConfiguration,
                other => other,
            };
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn precedence_among_operations_of_one_path() {
        for (method, path, query, headers, wanted) in [
            ("GET", "/bucket", "list-type=2&prefix=a", &[][..], Operation::ListObjectsV2),
            ("GET", "/bucket/", "prefix=a&x-id=ListObjects", &[], Operation::ListObjects),
            ("GET", "/bucket", "inventory&id=1", &[], Operation::GetBucketInventoryConfiguration),
            ("GET", "/bucket", "inventory", &[], Operation::ListBucketInventoryConfigurations),
            ("DELETE", "/bucket", "analytics", &[], Operation::DeleteBucketAnalyticsConfiguration),
            ("DELETE", "/bucket", "policy=", &[], Operation::DeleteBucketPolicy),
            ("GET", "/bucket/k", "annotation&annotationName=a", &[], Operation::GetObjectAnnotation),
            ("GET", "/bucket/k", "annotation", &[], Operation::ListObjectAnnotations),
            ("GET", "/bucket/k", "attributes", &[], Operation::GetObjectAttributes),
            ("GET", "/bucket/k", "partNumber=1&versionId=2", &[], Operation::GetObject),
            ("PUT", "/bucket/k", "X-Amz-Signature=1", &[], Operation::PutObject),
            ("PUT", "/bucket/k", "tagging", &["x-amz-copy-source"], Operation::PutObjectTagging),
        ] {
            assert_eq!(find(method, path, query, headers), Ok(wanted), "{method} {path}?{query}");
        }
    }

    #[test]
    fn half_a_part_never_overwrites_an_object() {
        for query in ["partNumber=1", "uploadId=x"] {
            let error = find("PUT", "/bucket/key", query, &[]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
    }

    #[test]
    fn a_sub_resource_is_never_taken_for_its_parent() {
        let error = find("DELETE", "/bucket", "acl", &[]).unwrap_err();
        assert_eq!(error.code, ErrorCode::MethodNotAllowed);
        assert_eq!(error.headers, [(ALLOW, HeaderValue::from_static("GET, PUT"))]);
        let error = find("DELETE", "/bucket/key", "lifecycle", &[]).unwrap_err();
        assert_eq!(error.message, "There is no such thing as the ?lifecycle sub-resource for a key");
        let error = find("GET", "/bucket", "acl&policy", &[]).unwrap_err();
        assert_eq!(error.message, "Conflicting query string parameters: acl, policy");
    }

    #[test]
    fn other_methods_are_not_allowed_and_the_answer_says_which_are() {
        for (method, path, allowed) in [
            ("POST", "/", "GET"),
            ("PATCH", "/bucket", "DELETE, GET, HEAD, PUT"),
            ("OPTIONS", "/bucket/key", "DELETE, GET, HEAD, POST, PUT"),
            ("POST", "/bucket/key", "DELETE, GET, HEAD, POST, PUT"),
        ] {
            let error = find(method, path, "", &[]).unwrap_err();
            assert_eq!(error.code, ErrorCode::MethodNotAllowed, "{method} {path}");
            assert_eq!(error.headers[0].1, allowed, "{method} {path}");
        }
        assert_eq!(find("POST", "/bucket", "", &[]).unwrap_err().code, ErrorCode::PreconditionFailed);
        let error = find("GET", "/bucket", "list-type=3", &[]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }

    #[test]
    fn a_path_splits_at_the_first_slash_and_decodes_once() {
        for (path, bucket, key) in [
            ("/", None, None),
            ("/bucket", Some("bucket"), None),
            ("/bucket/", Some("bucket"), None),
            ("/bucket//", Some("bucket"), Some("/")),
            ("/bucket//a//b/", Some("bucket"), Some("/a//b/")),
            ("/bucket/a%2Fb%252F+%20", Some("bucket"), Some("a/b%2F+ ")),
            ("/bucket/../x", Some("bucket"), Some("../x")),
            ("/buck%65t/%C3%BC", Some("bucket"), Some("ü")),
        ] {
            let target = Target::from_path(path).unwrap();
            assert_eq!((target.bucket.as_deref(), target.key.as_deref()), (bucket, key), "{path}");
        }
        let target = Target::from_host("bucket", "/a/b").unwrap();
        assert_eq!((target.bucket.as_deref(), target.key.as_deref()), (Some("bucket"), Some("a/b")));
    }

    #[test]
    fn a_copy_source_is_a_path_with_a_version() {
        let source = |bucket: &str, key: &str, version: Option<&str>| {
            let version_id = version.map(str::to_owned);
            Ok(CopySource { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
        };
        assert_eq!(CopySource::parse("bucket/a%2Fb+c%3Fd"), source("bucket", "a/b+c?d", None));
        assert_eq!(CopySource::parse("/bucket//a?versionId=null"), source("bucket", "/a", Some("null")));
        assert_eq!(CopySource::parse("%2Fbucket%2Fkey"), source("bucket", "key", None));
        for wrong in [
            "",
            "/",
            "bucket",
            "bucket/",
            "/bucket/",
            "B/key",
            "bucket/%zz",
            "bucket/k?versionId=",
            "bucket/k?a=b",
        ] {
            assert_eq!(CopySource::parse(wrong).unwrap_err().code, ErrorCode::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn keys_are_bounded_and_utf8() {
        let longest = format!("/bucket/{}", "ü".repeat(512));
        assert!(Target::from_path(&longest).is_ok());
        let error = Target::from_path(&format!("{longest}a").clone()).unwrap_err();
        assert_eq!(error.code, ErrorCode::KeyTooLongError);
        for path in ["/bucket/%ff", "/bucket/%zz", "no-slash", "*"] {
            assert_eq!(Target::from_path(path).unwrap_err().code, ErrorCode::InvalidURI, "{path}");
        }
        assert_eq!(Target::from_path("//key").unwrap_err().code, ErrorCode::InvalidBucketName);
    }

    #[test]
    fn bucket_names_follow_the_rules_of_aws() {
        let longest = "a".repeat(63);
        for name in
            ["abc", "1ab", "a.b-c", "0.0.0.0a", "1.2.3", "1.2.3.4.5", "a--b", "a.-b", longest.as_str()]
        {
            assert_eq!(check_bucket_name(name), Ok(()), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "",
            "a",
            "ab",
            "_ab",
            "ab_c",
            "Abc",
            "foo-",
            "-foo",
            ".foo",
            "foo.",
            "a..b",
            "192.168.5.123",
            "999.1.1.1",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-x",
            "abc-s3alias",
            "abc--ol-s3",
            "abc--x-s3",
            "a b",
            "ü-ü",
            "a/b",
            too_long.as_str(),
        ] {
            let error = check_bucket_name(name).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidBucketName, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_request_panics(method in "[A-Z]{1,8}", path in "/?[a-z%0-9/.é]{0,30}", query in "[a-zA-Z=&%0-9-]{0,40}") {
            let _ = find(&method, &path, &query, &[]);
        }

        #[test]
        fn every_key_comes_back_from_its_encoded_path(key in "\\PC{1,60}") {
            let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let path = format!("/bucket/{encoded}");
            let target = Target::from_path(&path).unwrap();
            prop_assert_eq!(target.key.as_deref(), Some(key.as_str()));
        }
    }
}
