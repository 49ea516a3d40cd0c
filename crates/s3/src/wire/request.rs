//! What the generated `parse` functions bind from: a request whose URI has been split and decoded already.

use http::HeaderMap;

use super::query::Query;
use crate::error::{ErrorCode, S3Error};

/// The parts of a request apart from its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// The bucket of the path or of the host, decoded.
    pub bucket: Option<&'a str>,
    /// The key, decoded exactly once.
    pub key: Option<&'a str>,
    /// The query string, decoded.
    pub query: &'a Query<'a>,
    /// The headers as they came.
    pub headers: &'a HeaderMap,
}

impl RequestParts<'_> {
    /// The bucket.
    ///
    /// # Errors
    /// `InvalidBucketName` where there is none: routing lets no such request through.
    pub fn require_bucket(&self) -> Result<String, S3Error> {
        self.bucket.map(str::to_owned).ok_or_else(|| S3Error::new(ErrorCode::InvalidBucketName))
    }

    /// The key.
    ///
    /// # Errors
    /// `InvalidURI` where there is none: routing lets no such request through.
    pub fn require_key(&self) -> Result<String, S3Error> {
        self.key.map(str::to_owned).ok_or_else(|| S3Error::new(ErrorCode::InvalidURI))
    }
}
