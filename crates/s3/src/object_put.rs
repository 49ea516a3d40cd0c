//! PutObject.

use model::checksum::ChecksumAlgorithm;
use model::limits::PART_SIZE_BYTES_MAX;
use object::PutRequest;

use crate::attributes::{described, storage_class};
use crate::body::BodySpec;
use crate::checksum_headers::{facts, show_checksum};
use crate::conditions;
use crate::error::S3Error;
use crate::generated::{PutObjectInput, PutObjectOutput};
use crate::request::{Call, IncomingBody};
use crate::response::{Response, answer};
use crate::unsupported::refuse_write;

pub(crate) async fn put_object(call: &Call<'_>, body: &mut IncomingBody) -> Result<Response, S3Error> {
    let mut input: PutObjectInput = call.parse()?;
    refuse_write(call.operation, call.input.headers)?;
    let attributes = described!(input).attributes()?;
    let storage_class = storage_class(input.storage_class)?;
    let condition = conditions::of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let mut spec = call.body_spec(PART_SIZE_BYTES_MAX)?;
    let length = required_length(&mut spec, body)?;
    let algorithm = want_digests(&mut spec, None);
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let has_condition = !condition.is_empty();
    let request = PutRequest {
        attributes,
        storage_class,
        condition,
        size_hint_bytes: Some(length),
        owner: owner_beside(&bucket.owner, call.canonical_id()),
    };
    let of_write = |error| conditions::write_error(error, has_condition);
    let mut writer = call.shared.objects.begin_put(&bucket, &input.key, request).await.map_err(of_write)?;
    let found = call.stream(body, spec, &mut writer).await?;
    let put = writer.commit(facts(&found.digests, algorithm)?).await.map_err(of_write)?;
    let mut output = PutObjectOutput {
        etag: Some(format!("\"{}\"", put.etag)),
        version_id: put.version.map(version_text),
        ..PutObjectOutput::default()
    };
    show_checksum!(output, put.checksum.as_ref());
    Ok(answer(call.operation, &output))
}

/// The length of the data. A body that HTTP itself says to be empty needs no header for it, except in HTTP/1.1, where S3
/// insists on one.
pub(crate) fn required_length(spec: &mut BodySpec, body: &IncomingBody) -> Result<u64, S3Error> {
    if spec.length.is_none() && body.is_sent_empty() {
        spec.length = Some(0);
    }
    Ok(spec.required_length()?)
}

/// Asks for the MD5 and for the checksum to store: the one of the upload, else the one that the client sends, else what
/// S3 computes by itself.
pub(crate) fn want_digests(spec: &mut BodySpec, upload: Option<ChecksumAlgorithm>) -> ChecksumAlgorithm {
    let algorithm = upload.or(spec.checksum.algorithm()).unwrap_or(ChecksumAlgorithm::Crc64Nvme);
    spec.wanted.md5 = true;
    spec.wanted.add(algorithm);
    algorithm
}

/// An owner is stored only where it is another one than the bucket's.
pub(crate) fn owner_beside(of_bucket: &str, of_object: &str) -> String {
    if of_bucket == of_object { String::new() } else { of_object.to_owned() }
}

/// A version as S3 writes it.
pub(crate) fn version_text(version: model::ids::VersionId) -> String {
    if version.is_null() { "null".to_owned() } else { version.to_string() }
}

/// A version as requests name it. What looks like the id of another store's version is one that is not here.
///
/// # Errors
/// `InvalidArgument` for what no version is called.
pub(crate) fn version_named(text: Option<&str>) -> Result<Option<model::ids::VersionId>, S3Error> {
    use model::ids::VersionId;
    const ELSEWHERE: VersionId = VersionId::from_bytes([0xff; 16]);
    let is_id = |text: &str| {
        let is_in_ids = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/=".contains(&byte);
        (24..=128).contains(&text.len()) && text.bytes().all(is_in_ids)
    };
    match text {
        None => Ok(None),
        Some("null") => Ok(Some(VersionId::NULL)),
        Some(text) => VersionId::from_hex(text)
            .or(is_id(text).then_some(ELSEWHERE))
            .map(Some)
            .ok_or_else(|| S3Error::argument("Invalid version id specified", "versionId", text)),
    }
}

#[cfg(test)]
mod tests {
    use model::ids::VersionId;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn versions_are_named_as_they_are_shown() {
        for version in [VersionId::NULL, VersionId::from_bytes([7; 16])] {
            assert_eq!(version_named(Some(&version_text(version))), Ok(Some(version)));
        }
        assert_eq!(version_named(None), Ok(None));
        assert!(version_named(Some("3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH")).is_ok());
        assert_eq!(version_named(Some("x")).unwrap_err().code, ErrorCode::InvalidArgument);
    }

    #[test]
    fn an_owner_is_stored_only_beside_the_buckets() {
        assert_eq!(owner_beside("a", "a"), "");
        assert_eq!(owner_beside("a", "b"), "b");
    }
}
