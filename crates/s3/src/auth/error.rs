//! Why a request's credentials were refused. Every variant carries the facts that S3's error document shows.

use thiserror::Error;

/// A refused signature. `Display` is the message for the client, [`AuthError::code`] the S3 error code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The access key names nobody.
    #[error(
        "The AWS Access Key Id you provided does not exist in our records. Check the access key the client is \
         configured with."
    )]
    UnknownAccessKey {
        /// As the client sent it.
        access_key: String,
    },
    /// The signature belongs to another request or another secret.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and \
         signing method. Behind a proxy, check that it passes Host and path on unchanged."
    )]
    SignatureMismatch(Box<Mismatch>),
    /// The clocks of client and server differ too much.
    #[error(
        "The difference between the request time and the server's time is too large: the request says \
         {request_time}, the server {server_time}. Set the client's clock."
    )]
    TooSkewed {
        /// When the client says it signed, ISO 8601 basic form.
        request_time: String,
        /// The server's clock, ISO 8601 extended form.
        server_time: String,
    },
    /// A presigned URL past its end.
    #[error("Request has expired. Ask for a new presigned URL.")]
    Expired {
        /// X-Amz-Expires, seconds.
        lifetime_seconds: u32,
        /// When it ended, ISO 8601 extended form.
        expires: String,
        /// The server's clock, ISO 8601 extended form.
        server_time: String,
    },
    /// A presigned URL signed in the future.
    #[error(
        "Request is not yet valid: it is signed for {request_time}, the server's clock says {server_time}."
    )]
    NotYetValid {
        /// X-Amz-Date as sent.
        request_time: String,
        /// The server's clock, ISO 8601 extended form.
        server_time: String,
    },
    /// `host` or `x-amz-*` headers which the signature does not cover.
    #[error(
        "There were headers present in the request which were not signed: {headers}. Add them to \
         SignedHeaders or leave them out."
    )]
    UnsignedHeaders {
        /// Their names, separated by comma and space.
        headers: String,
    },
    /// Neither `x-amz-date` nor `Date` can be read.
    #[error("AWS authentication requires a valid Date or x-amz-date header")]
    MissingDate,
    /// The Authorization header has the right scheme and the wrong form.
    #[error("The authorization header is malformed; {detail}")]
    HeaderMalformed {
        /// What is wrong with it.
        detail: String,
    },
    /// The parameters of a presigned URL are incomplete or wrong.
    #[error("{detail}")]
    QueryMalformed {
        /// What is wrong with them.
        detail: String,
    },
    /// An Authorization header of a scheme that S3 does not know.
    #[error("Unsupported Authorization Type")]
    UnsupportedScheme {
        /// The scheme, without what follows it: that may be a secret.
        scheme: String,
    },
    /// Signature version 2, or version 4 with another algorithm.
    #[error("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")]
    UnsupportedMechanism,
    /// Credentials both in the header and in the query.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
         parameter or the Authorization header should be specified"
    )]
    TwoMechanisms,
    /// A header that has to be there is not.
    #[error("Missing required header for this request: {header}")]
    MissingHeader {
        /// Its name.
        header: &'static str,
    },
    /// `x-amz-content-sha256` is none of the known words and no digest either.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
    )]
    InvalidPayloadHash {
        /// As sent.
        value: String,
    },
    /// A way of signing the body that this server does not implement.
    #[error(
        "The payload signing method {value} is not implemented. Please use STREAMING-AWS4-HMAC-SHA256-PAYLOAD."
    )]
    PayloadNotImplemented {
        /// As sent.
        value: String,
    },
    /// Signed chunks in a request that bears no signature to chain them to.
    #[error(
        "A body of signed chunks needs a signed request: sign it, or send STREAMING-UNSIGNED-PAYLOAD-TRAILER."
    )]
    UnsignedStream,
}

/// What the server signed, for the client to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// As sent.
    pub access_key: String,
    /// What the server's signature covers.
    pub string_to_sign: String,
    /// What its last line is the digest of.
    pub canonical_request: String,
    /// As sent.
    pub signature_provided: String,
}

impl AuthError {
    /// The S3 error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAccessKey { .. } => "InvalidAccessKeyId",
            Self::SignatureMismatch(_) => "SignatureDoesNotMatch",
            Self::TooSkewed { .. } => "RequestTimeTooSkewed",
            Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::UnsignedHeaders { .. }
            | Self::MissingDate => "AccessDenied",
            Self::HeaderMalformed { .. } => "AuthorizationHeaderMalformed",
            Self::QueryMalformed { .. } => "AuthorizationQueryParametersError",
            Self::UnsupportedScheme { .. } | Self::TwoMechanisms | Self::InvalidPayloadHash { .. } => {
                "InvalidArgument"
            }
            Self::UnsupportedMechanism | Self::MissingHeader { .. } | Self::UnsignedStream => {
                "InvalidRequest"
            }
            Self::PayloadNotImplemented { .. } => "NotImplemented",
        }
    }

    /// The elements that S3's error document has beside Code and Message, in its order.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::UnknownAccessKey { access_key } => vec![("AWSAccessKeyId", access_key.clone())],
            Self::SignatureMismatch(facts) => vec![
                ("AWSAccessKeyId", facts.access_key.clone()),
                ("StringToSign", facts.string_to_sign.clone()),
                ("SignatureProvided", facts.signature_provided.clone()),
                ("StringToSignBytes", spaced_hex(&facts.string_to_sign)),
                ("CanonicalRequest", facts.canonical_request.clone()),
                ("CanonicalRequestBytes", spaced_hex(&facts.canonical_request)),
            ],
            Self::TooSkewed { request_time, server_time } => vec![
                ("RequestTime", request_time.clone()),
                ("ServerTime", server_time.clone()),
                ("MaxAllowedSkewMilliseconds", super::SKEW_MILLISECONDS_MAX.to_string()),
            ],
            Self::Expired { lifetime_seconds, expires, server_time } => vec![
                ("X-Amz-Expires", lifetime_seconds.to_string()),
                ("Expires", expires.clone()),
                ("ServerTime", server_time.clone()),
            ],
            Self::NotYetValid { request_time, server_time } => {
                vec![("X-Amz-Date", request_time.clone()), ("ServerTime", server_time.clone())]
            }
            Self::UnsignedHeaders { headers } => vec![("HeadersNotSigned", headers.clone())],
            Self::UnsupportedScheme { scheme } => argument("Authorization", scheme),
            Self::InvalidPayloadHash { value } => argument("x-amz-content-sha256", value),
            Self::MissingHeader { header } => vec![("MissingHeaderName", (*header).to_owned())],
            _ => Vec::new(),
        }
    }
}

fn argument(name: &str, value: &str) -> Vec<(&'static str, String)> {
    vec![("ArgumentName", name.to_owned()), ("ArgumentValue", value.to_owned())]
}

fn spaced_hex(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
