//! Being built.

use crate::error::{ErrorCode, S3Error};
use crate::request::Call;
use crate::response::Response;

pub(crate) async fn list_parts(_: &Call<'_>) -> Result<Response, S3Error> {
    Err(S3Error::new(ErrorCode::NotImplemented))
}

pub(crate) async fn list_multipart_uploads(_: &Call<'_>) -> Result<Response, S3Error> {
    Err(S3Error::new(ErrorCode::NotImplemented))
}
