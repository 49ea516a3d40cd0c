//! UploadPart and UploadPartCopy.

use model::checksum::{ChecksumAlgorithm, ChecksumType};
use model::limits::PART_SIZE_BYTES_MAX;
use object::{ObjectError, UploadInfo};

use crate::checksum_headers::{CopyDigest, facts, show_checksum_value};
use crate::conditions;
use crate::copy::{Source, source_version};
use crate::error::{ErrorCode, S3Error};
use crate::generated::{
    CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use crate::limits::OPEN_ATTEMPTS_MAX;
use crate::multipart::{CHECKSUM_DEFAULT, upload_id};
use crate::object_get::part_number;
use crate::object_put::{required_length, want_digests};
use crate::range;
use crate::request::{Call, IncomingBody};
use crate::response::{Response, answer};
use crate::unsupported::refuse_write;

pub(crate) async fn upload_part(call: &Call<'_>, body: &mut IncomingBody) -> Result<Response, S3Error> {
    let input: UploadPartInput = call.parse()?;
    refuse_write(call.operation, call.input.headers)?;
    let number = part_number(input.part_number)?;
    let mut spec = call.body_spec(PART_SIZE_BYTES_MAX)?;
    let length = required_length(&mut spec, body)?;
    let objects = &call.shared.objects;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let id = upload_id(&input.upload_id)?;
    let upload = objects.upload(&bucket, &input.key, id).await?;
    check_algorithm(&upload, spec.checksum.algorithm())?;
    // Parts of an upload without an algorithm all get the same one, so that the object can have a checksum.
    let algorithm = want_digests(&mut spec, Some(upload.checksum.unwrap_or(CHECKSUM_DEFAULT).0));
    let mut writer = objects.begin_part(&bucket, &input.key, id, number, Some(length)).await?;
    let found = call.stream(body, spec, &mut writer).await?;
    let part = writer.commit(facts(&found.digests, algorithm)?).await?;
    let mut output =
        UploadPartOutput { etag: Some(format!("\"{}\"", part.etag)), ..UploadPartOutput::default() };
    let sent = found.checksum.map(|checksum| checksum.to_stored());
    show_checksum_value!(output, sent.as_ref().or(part.checksum.as_ref()));
    Ok(answer(call.operation, &output))
}

/// A part has the checksum that its upload was created with.
fn check_algorithm(upload: &UploadInfo, sent: Option<ChecksumAlgorithm>) -> Result<(), S3Error> {
    let Some((wanted, kind)) = upload.checksum else { return Ok(()) };
    if sent == Some(wanted) || (sent.is_none() && kind == ChecksumType::FullObject) {
        return Ok(());
    }
    let word = |algorithm: ChecksumAlgorithm| algorithm.name().to_ascii_lowercase();
    let message = format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        word(wanted),
        sent.map_or_else(|| "null".to_owned(), word)
    );
    Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
}

pub(crate) async fn upload_part_copy(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: UploadPartCopyInput = call.parse()?;
    refuse_write(call.operation, call.input.headers)?;
    let number = part_number(input.part_number)?;
    let source = Source::parse(&input.copy_source)?;
    let condition = conditions::of_read(
        input.copy_source_if_match.as_deref(),
        input.copy_source_if_none_match.as_deref(),
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    );
    let objects = &call.shared.objects;
    let from = source.bucket(call, input.expected_source_bucket_owner.as_deref()).await?;
    let to = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let id = upload_id(&input.upload_id)?;
    let upload = objects.upload(&to, &input.key, id).await?;
    let algorithm = upload.checksum.unwrap_or(CHECKSUM_DEFAULT).0;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let object = source.open(call, &from, &condition).await?;
        let size = object.info().size_bytes;
        let range =
            input.copy_source_range.as_deref().map(|header| range::of_copy(header, size)).transpose()?;
        let range = range.unwrap_or(0..size);
        if range.end - range.start > PART_SIZE_BYTES_MAX {
            return Err(ObjectError::TooLarge { limit_bytes: PART_SIZE_BYTES_MAX }.into());
        }
        let digest = CopyDigest::boxed(algorithm);
        let copied = objects.copy_part(&object, range, &to, &input.key, id, number, digest).await;
        let part = match copied {
            Err(ObjectError::Replaced) => continue,
            other => other?,
        };
        let mut result = CopyPartResult {
            etag: Some(format!("\"{}\"", part.etag)),
            last_modified: Some(part.modified),
            ..CopyPartResult::default()
        };
        show_checksum_value!(result, part.checksum.as_ref());
        let output = UploadPartCopyOutput {
            copy_source_version_id: source_version(&object),
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        };
        return Ok(answer(call.operation, &output));
    }
    Err(ObjectError::Replaced.into())
}

#[cfg(test)]
mod tests {
    use model::ids::UploadId;
    use model::time::Timestamp;

    use super::*;

    fn upload(checksum: Option<(ChecksumAlgorithm, ChecksumType)>) -> UploadInfo {
        UploadInfo {
            id: UploadId::from_bytes([1; 16]),
            key: String::new(),
            initiated: Timestamp::ZERO,
            storage_class: model::object::StorageClass::Standard,
            checksum,
            owner: String::new(),
            initiator: String::new(),
        }
    }

    #[test]
    fn a_part_has_the_checksum_of_its_upload() {
        use ChecksumAlgorithm::{Crc32, Sha256};
        let composite = upload(Some((Sha256, ChecksumType::Composite)));
        assert_eq!(check_algorithm(&composite, Some(Sha256)), Ok(()));
        let message = check_algorithm(&composite, Some(Crc32)).unwrap_err().message;
        assert!(
            message.ends_with("expected checksum Type: sha256, actual checksum Type: crc32"),
            "{message}"
        );
        let message = check_algorithm(&composite, None).unwrap_err().message;
        assert!(message.ends_with("actual checksum Type: null"), "{message}");
        assert_eq!(check_algorithm(&upload(Some((Crc32, ChecksumType::FullObject))), None), Ok(()));
        assert_eq!(check_algorithm(&upload(None), Some(Crc32)), Ok(()));
    }
}
