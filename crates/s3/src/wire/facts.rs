//! What is known of an operation without looking at a request.

use http::Method;

/// What an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `/`.
    Service,
    /// `/bucket`.
    Bucket,
    /// `/bucket/key`.
    Object,
    /// A path of its own.
    Other,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// There is none.
    None,
    /// XML, bound by the generated code.
    Xml,
    /// A text as it is, for example a bucket policy.
    Text,
    /// The bytes of an object; the handler gets them apart from the input.
    Stream,
}

/// The facts of an operation, from the service model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationFacts {
    /// The name, as in AWS's documentation.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// What the path names.
    pub scope: Scope,
    /// Names (and values, empty for any) of the query that make the operation, for example `uploads`.
    pub markers: &'static [(&'static str, &'static str)],
    /// Names that the query must have besides.
    pub required_query: &'static [&'static str],
    /// Headers that must be there.
    pub required_headers: &'static [&'static str],
    /// The HTTP status of success.
    pub status: u16,
    /// The body of the request.
    pub request_body: BodyKind,
    /// The body of the answer.
    pub response_body: BodyKind,
    /// Whether the request must carry `Content-MD5` or a checksum.
    pub checksum_required: bool,
}
