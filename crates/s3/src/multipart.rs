//! CreateMultipartUpload, CompleteMultipartUpload, AbortMultipartUpload.

use http::{HeaderMap, header};
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use model::ids::UploadId;
use object::{
    BucketInfo, CompletePart, CompleteRequest, ObjectError, PartInfo, Put, UploadInfo, UploadRequest,
};

use crate::attributes::{described, storage_class};
use crate::body::checksum::{has_type, header_of, type_default};
use crate::body::{BodyError, ChecksumValue, ObjectChecksum};
use crate::checksum_headers::{
    algorithm, algorithm_word, kind_of, show_checksum, stated_checksums, type_word,
};
use crate::conditions;
use crate::error::{ErrorCode, S3Error};
use crate::generated::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    Input,
};
use crate::object_get::part_number;
use crate::object_put::{owner_beside, version_text};
use crate::request::{Call, IncomingBody};
use crate::response::{Response, answer};
use crate::unsupported::refuse_write;

/// What a part without a checksum of its upload is given: S3's own choice.
pub(crate) const CHECKSUM_DEFAULT: (ChecksumAlgorithm, ChecksumType) =
    (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject);

pub(crate) async fn create_multipart_upload(call: &Call<'_>) -> Result<Response, S3Error> {
    let mut input: CreateMultipartUploadInput = call.parse()?;
    refuse_write(call.operation, call.input.headers)?;
    let algorithm = input.checksum_algorithm.map(algorithm).transpose()?;
    let checksum = checksum_of_upload(algorithm, input.checksum_type.map(kind_of))?;
    let attributes = described!(input).attributes()?;
    let storage_class = storage_class(input.storage_class)?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let request = UploadRequest {
        attributes,
        storage_class,
        checksum,
        owner: owner_beside(&bucket.owner, call.canonical_id()),
        initiator: call.canonical_id().to_owned(),
    };
    let id = call.shared.objects.create_upload(&bucket, &input.key, request).await?;
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id.to_string()),
        checksum_algorithm: checksum.map(|checksum| algorithm_word(checksum.0)),
        checksum_type: checksum.map(|checksum| type_word(checksum.1)),
        ..CreateMultipartUploadOutput::default()
    };
    Ok(answer(call.operation, &output))
}

/// The checksum that an upload is created with.
fn checksum_of_upload(
    algorithm: Option<ChecksumAlgorithm>,
    kind: Option<ChecksumType>,
) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, S3Error> {
    let Some(algorithm) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => {
                let message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
                Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
            }
        };
    };
    let kind = kind.unwrap_or_else(|| type_default(algorithm));
    if has_type(algorithm, kind) {
        return Ok(Some((algorithm, kind)));
    }
    Err(BodyError::TypeNotOfAlgorithm { kind, algorithm }.into())
}

/// The id of an upload.
///
/// # Errors
/// `NoSuchUpload` for what was never given out.
pub(crate) fn upload_id(text: &str) -> Result<UploadId, S3Error> {
    UploadId::from_hex(text).ok_or_else(|| S3Error::new(ErrorCode::NoSuchUpload).with("UploadId", text))
}

pub(crate) async fn abort_multipart_upload(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: AbortMultipartUploadInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let id = upload_id(&input.upload_id)?;
    if let Some(initiated) = input.if_match_initiated_time {
        let upload = call.shared.objects.upload(&bucket, &input.key, id).await?;
        if upload.initiated.seconds() != initiated.seconds() {
            let header = "x-amz-if-match-initiated-time";
            return Err(S3Error::new(ErrorCode::PreconditionFailed).with("Condition", header));
        }
    }
    call.shared.objects.abort_upload(&bucket, &input.key, id).await?;
    Ok(answer(call.operation, &AbortMultipartUploadOutput::default()))
}

pub(crate) async fn complete_multipart_upload(
    call: &Call<'_>,
    body: &mut IncomingBody,
) -> Result<Response, S3Error> {
    let limit = call.shared.options.limits.list_body_bytes_max;
    let document = call.document(body, &of_document(call.input.headers), limit).await?;
    let input = CompleteMultipartUploadInput::parse(&call.input, Some(&document))?;
    let listed = listed(&input);
    if listed.is_empty() {
        let message = "You must specify at least one part";
        return Err(S3Error::with_message(ErrorCode::MalformedXML, message));
    }
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let id = upload_id(&input.upload_id)?;
    let put = match call.shared.objects.upload(&bucket, &input.key, id).await {
        Ok(upload) => complete(call, &input, &bucket, &upload).await?,
        // The answer may have been lost: a client that asks again is answered as the first time, as AWS does.
        Err(ObjectError::NoSuchUpload) => {
            let parts = listed.iter().map(|part| complete_part(part, None)).collect::<Result<Vec<_>, _>>()?;
            call.shared.objects.completed_upload(&bucket, &input.key, id, &parts).await?
        }
        Err(error) => return Err(error.into()),
    };
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("{}{}", call.endpoint(), call.path)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        etag: Some(format!("\"{}\"", put.etag)),
        version_id: put.version.map(version_text),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksum!(output, put.checksum.as_ref());
    Ok(answer(call.operation, &output))
}

async fn complete(
    call: &Call<'_>,
    input: &CompleteMultipartUploadInput,
    bucket: &BucketInfo,
    upload: &UploadInfo,
) -> Result<Put, S3Error> {
    let stated = stated_of_object(input, upload)?;
    let parts =
        listed(input).iter().map(|part| complete_part(part, Some(upload))).collect::<Result<Vec<_>, _>>()?;
    let condition = conditions::of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let has_condition = !condition.is_empty();
    let checksum = |upload: &UploadInfo, parts: &[PartInfo]| checksum_of_object(upload, parts, stated);
    let request =
        CompleteRequest { parts, condition, expected_size_bytes: input.mpu_object_size, checksum: &checksum };
    let completed = call.shared.objects.complete_upload(bucket, &input.key, upload.id, request).await;
    completed.map_err(|error| conditions::write_error(error, has_condition))
}

/// The parts that a completion names.
fn listed(input: &CompleteMultipartUploadInput) -> &[CompletedPart] {
    input.multipart_upload.as_ref().map(|upload| upload.parts.as_slice()).unwrap_or_default()
}

/// The headers that tell of the document itself: checksums are those of the object here.
fn of_document(headers: &HeaderMap) -> HeaderMap {
    let mut of_document = HeaderMap::new();
    for name in ["content-md5", "x-amz-decoded-content-length", header::CONTENT_LENGTH.as_str()] {
        if let (Some(value), Ok(name)) = (headers.get(name), http::HeaderName::try_from(name)) {
            of_document.insert(name, value.clone());
        }
    }
    of_document
}

/// The checksum that the client states for the object.
fn stated_of_object(
    input: &CompleteMultipartUploadInput,
    upload: &UploadInfo,
) -> Result<Option<ObjectChecksum>, S3Error> {
    let (_, kind) = upload.checksum.unwrap_or(CHECKSUM_DEFAULT);
    if input.checksum_type.map(kind_of).is_some_and(|stated| stated != kind) {
        let message = format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            kind.name()
        );
        return Err(S3Error::with_message(ErrorCode::InvalidRequest, message));
    }
    let stated = stated_checksums!(input);
    let mut stated = stated.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text?)));
    let Some((algorithm, text)) = stated.next() else { return Ok(None) };
    if stated.next().is_some() {
        return Err(BodyError::SeveralChecksums.into());
    }
    let invalid = || BodyError::InvalidChecksum { header: header_of(algorithm), place: "header" };
    Ok(Some(ObjectChecksum::parse(algorithm, text.trim()).ok_or_else(invalid)?))
}

/// A part as the document names it; of an upload that is gone no checksum is known.
fn complete_part(part: &CompletedPart, upload: Option<&UploadInfo>) -> Result<CompletePart, S3Error> {
    let malformed = || S3Error::new(ErrorCode::MalformedXML);
    let number = part_number(part.part_number.ok_or_else(malformed)?)?;
    let etag = part.etag.as_deref().ok_or_else(malformed)?;
    let mut checksums = Vec::new();
    for (algorithm, text) in stated_checksums!(part) {
        let Some(text) = text else { continue };
        let value = ChecksumValue::from_base64(algorithm, text.trim())
            .ok_or_else(|| S3Error::new(ErrorCode::InvalidPart).with("PartNumber", number.to_string()))?;
        // Of another algorithm nothing is stored that it could be compared with.
        if upload.is_some_and(|upload| algorithm == upload.checksum.unwrap_or(CHECKSUM_DEFAULT).0) {
            checksums.push((algorithm, value.as_bytes().to_vec()));
        }
    }
    match upload.and_then(|upload| upload.checksum) {
        Some((algorithm, ChecksumType::Composite)) if checksums.is_empty() => {
            let message = format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each \
                 part. It was missing for part {number} in the request.",
                algorithm.name().to_ascii_lowercase()
            );
            Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
        }
        _ => Ok(CompletePart { number, etag: etag.trim().trim_matches('"').to_owned(), checksums }),
    }
}

/// The checksum of the object from those of its parts.
fn checksum_of_object(
    upload: &UploadInfo,
    parts: &[PartInfo],
    stated: Option<ObjectChecksum>,
) -> Result<Option<Checksum>, ObjectError> {
    let (algorithm, kind) = upload.checksum.unwrap_or(CHECKSUM_DEFAULT);
    let of_part = |part: &PartInfo| {
        let checksum = part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm)?;
        Some((ChecksumValue::new(algorithm, &checksum.digest)?, part.size_bytes))
    };
    let values: Option<Vec<(ChecksumValue, u64)>> = parts.iter().map(of_part).collect();
    let found = values.and_then(|values| match kind {
        ChecksumType::FullObject => ObjectChecksum::full_object(algorithm, &values),
        ChecksumType::Composite => {
            let values: Vec<ChecksumValue> = values.into_iter().map(|(value, _)| value).collect();
            ObjectChecksum::composite(algorithm, &values)
        }
    });
    let matches = |stated: ObjectChecksum| {
        found.is_some_and(|found| {
            found.checksum == stated.checksum && (stated.parts.is_none() || stated.parts == found.parts)
        })
    };
    if stated.is_some_and(|stated| !matches(stated)) {
        return Err(ObjectError::ChecksumMismatch);
    }
    Ok(found.map(Checksum::from))
}

#[cfg(test)]
mod tests {
    use model::etag::ETag;
    use model::time::Timestamp;

    use super::*;

    fn upload(checksum: Option<(ChecksumAlgorithm, ChecksumType)>) -> UploadInfo {
        UploadInfo {
            id: UploadId::from_bytes([1; 16]),
            key: "k".to_owned(),
            initiated: Timestamp::ZERO,
            storage_class: model::object::StorageClass::Standard,
            checksum,
            owner: String::new(),
            initiator: String::new(),
        }
    }

    fn part(number: u16, size_bytes: u64, algorithm: ChecksumAlgorithm, text: &str) -> PartInfo {
        let checksum = ChecksumValue::from_base64(algorithm, text).map(|value| value.to_stored());
        PartInfo { number, size_bytes, etag: ETag::single([0; 16]), modified: Timestamp::ZERO, checksum }
    }

    /// Three parts of 5 MiB, as AWS answers them.
    fn three(algorithm: ChecksumAlgorithm, texts: [&str; 3]) -> Vec<PartInfo> {
        (1..).zip(texts).map(|(number, text)| part(number, 5 << 20, algorithm, text)).collect()
    }

    #[test]
    fn checksums_of_parts_become_those_of_aws() {
        let sha1 = three(
            ChecksumAlgorithm::Sha1,
            ["iIaTCGbm+vdVjNqIMF2S0T7ibMk=", "LS/TJ32bAVKEwRu+sE3X7awh/lk=", "6DDwovUaHwrKNXDMzOGbuvj9kxI="],
        );
        let upload_sha1 = upload(Some((ChecksumAlgorithm::Sha1, ChecksumType::Composite)));
        let found = checksum_of_object(&upload_sha1, &sha1, None).unwrap().unwrap();
        assert_eq!(crate::checksum_headers::text(&found), "sizjvY4eud3MrcHdZM3cQ/ol39o=-3");
        let crc = three(ChecksumAlgorithm::Crc32c, ["MDaLrw==", "TH4EZg==", "Z7mBIQ=="]);
        let upload_crc = upload(Some((ChecksumAlgorithm::Crc32c, ChecksumType::FullObject)));
        let stated = ObjectChecksum::parse(ChecksumAlgorithm::Crc32c, "xU+Krw==");
        let found = checksum_of_object(&upload_crc, &crc, stated).unwrap().unwrap();
        assert_eq!(crate::checksum_headers::text(&found), "xU+Krw==");
        let other = ObjectChecksum::parse(ChecksumAlgorithm::Crc32c, "AAAAAA==");
        assert!(matches!(checksum_of_object(&upload_crc, &crc, other), Err(ObjectError::ChecksumMismatch)));
    }

    #[test]
    fn parts_without_the_checksum_of_the_upload_give_an_object_without_one() {
        let parts = three(ChecksumAlgorithm::Crc32c, ["MDaLrw==", "TH4EZg==", "Z7mBIQ=="]);
        assert!(checksum_of_object(&upload(None), &parts, None).unwrap().is_none());
    }

    #[test]
    fn types_go_with_algorithms() {
        let of = checksum_of_upload;
        assert_eq!(of(None, None), Ok(None));
        let composite = (ChecksumAlgorithm::Sha256, ChecksumType::Composite);
        assert_eq!(of(Some(composite.0), None), Ok(Some(composite)));
        assert_eq!(of(Some(ChecksumAlgorithm::Crc64Nvme), None), Ok(Some(CHECKSUM_DEFAULT)));
        for (algorithm, kind) in [
            (None, Some(ChecksumType::Composite)),
            (Some(ChecksumAlgorithm::Sha1), Some(ChecksumType::FullObject)),
            (Some(ChecksumAlgorithm::Crc64Nvme), Some(ChecksumType::Composite)),
        ] {
            assert_eq!(of(algorithm, kind).unwrap_err().code, ErrorCode::InvalidRequest);
        }
    }

    #[test]
    fn a_composite_upload_needs_the_checksum_of_each_part() {
        let composite = upload(Some((ChecksumAlgorithm::Sha1, ChecksumType::Composite)));
        let mut named = CompletedPart {
            etag: Some("\"abc\"".to_owned()),
            part_number: Some(1),
            ..CompletedPart::default()
        };
        assert_eq!(complete_part(&named, Some(&composite)).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(complete_part(&named, Some(&upload(None))).unwrap().etag, "abc");
        named.checksum_sha1 = Some("iIaTCGbm+vdVjNqIMF2S0T7ibMk=".to_owned());
        assert_eq!(complete_part(&named, Some(&composite)).unwrap().checksums.len(), 1);
        named.part_number = Some(0);
        assert_eq!(complete_part(&named, Some(&composite)).unwrap_err().code, ErrorCode::InvalidArgument);
        named.part_number = None;
        assert_eq!(complete_part(&named, Some(&composite)).unwrap_err().code, ErrorCode::MalformedXML);
    }
}
