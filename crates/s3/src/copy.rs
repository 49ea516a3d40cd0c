//! Being built.

use crate::error::{ErrorCode, S3Error};
use crate::request::Call;
use crate::response::Response;

pub(crate) async fn copy_object(_: &Call<'_>) -> Result<Response, S3Error> {
    Err(S3Error::new(ErrorCode::NotImplemented))
}
