//! Being built.

use crate::error::{ErrorCode, S3Error};
use crate::request::Call;
use crate::response::Response;

pub(crate) async fn upload_part(_: &Call<'_>, _: &mut crate::request::IncomingBody) -> Result<Response, S3Error> {
    Err(S3Error::new(ErrorCode::NotImplemented))
}

pub(crate) async fn upload_part_copy(_: &Call<'_>) -> Result<Response, S3Error> {
    Err(S3Error::new(ErrorCode::NotImplemented))
}
