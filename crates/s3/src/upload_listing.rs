//! ListParts and ListMultipartUploads.

use model::ids::UploadId;
use model::limits::LIST_PAGE_ENTRIES_MAX;
use object::{ListUploadsRequest, PartInfo, UploadInfo};

use crate::attributes::storage_class_word;
use crate::checksum_headers::{algorithm_word, show_checksum_value, type_word};
use crate::error::S3Error;
use crate::generated::{
    CommonPrefix, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, ListedPart, MultipartUpload,
};
use crate::listing::Encoding;
use crate::multipart::upload_id;
use crate::request::Call;
use crate::response::{Response, answer};

pub(crate) async fn list_parts(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: ListPartsInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let id = upload_id(&input.upload_id)?;
    let marker = input.part_number_marker.unwrap_or(0);
    let after = u16::try_from(marker).unwrap_or(u16::MAX);
    let limit = input.max_parts.unwrap_or(LIST_PAGE_ENTRIES_MAX).min(LIST_PAGE_ENTRIES_MAX);
    let page = call.shared.objects.list_parts(&bucket, &input.key, id, after, limit).await?;
    let upload = &page.upload;
    let last = page.parts.last().map_or(marker, |part| u32::from(part.number));
    let output = ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(last),
        max_parts: Some(limit),
        is_truncated: Some(page.next.is_some() && limit > 0),
        parts: page.parts.iter().map(listed_part).collect(),
        initiator: Some(initiator(call, upload)),
        owner: Some(call.owner(owner_id(upload, &bucket.owner))),
        storage_class: storage_class_word(upload.storage_class),
        checksum_algorithm: upload.checksum.map(|checksum| algorithm_word(checksum.0)),
        checksum_type: upload.checksum.map(|checksum| type_word(checksum.1)),
        ..ListPartsOutput::default()
    };
    Ok(answer(call.operation, &output))
}

fn listed_part(part: &PartInfo) -> ListedPart {
    let mut listed = ListedPart {
        part_number: Some(part.number.into()),
        last_modified: Some(part.modified),
        etag: Some(format!("\"{}\"", part.etag)),
        size: Some(part.size_bytes),
        ..ListedPart::default()
    };
    show_checksum_value!(listed, part.checksum.as_ref());
    listed
}

fn owner_id<'a>(upload: &'a UploadInfo, of_bucket: &'a str) -> &'a str {
    if upload.owner.is_empty() { of_bucket } else { &upload.owner }
}

fn initiator(call: &Call<'_>, upload: &UploadInfo) -> Initiator {
    let owner = call.owner(&upload.initiator);
    Initiator { id: owner.id, display_name: owner.display_name }
}

pub(crate) async fn list_multipart_uploads(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: ListMultipartUploadsInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let key_marker = input.key_marker.unwrap_or_default();
    let upload_marker = input.upload_id_marker.unwrap_or_default();
    let limit = input.max_uploads.unwrap_or(LIST_PAGE_ENTRIES_MAX).min(LIST_PAGE_ENTRIES_MAX);
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let prefix = input.prefix.unwrap_or_default();
    let request = ListUploadsRequest {
        prefix: prefix.clone(),
        delimiter: delimiter.clone(),
        after: after(&key_marker, &upload_marker)?,
        limit,
    };
    let page = call.shared.objects.list_uploads(&bucket, request).await?;
    let encoding = Encoding(input.encoding_type);
    let (next_key, next_upload) = match page.next {
        Some((key, upload)) => (Some(key), Some(upload.map(|id| id.to_string()).unwrap_or_default())),
        None => (None, None),
    };
    let prefixes = page.prefixes.into_iter();
    let output = ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        key_marker: Some(encoding.text(key_marker)),
        upload_id_marker: Some(upload_marker),
        is_truncated: Some(next_key.is_some()),
        next_key_marker: next_key.map(|key| encoding.text(key)),
        next_upload_id_marker: next_upload,
        prefix: Some(encoding.text(prefix)),
        delimiter: delimiter.map(|delimiter| encoding.text(delimiter)),
        max_uploads: Some(limit),
        common_prefixes: prefixes
            .map(|prefix| CommonPrefix { prefix: Some(encoding.text(prefix)) })
            .collect(),
        encoding_type: input.encoding_type,
        uploads: page
            .uploads
            .into_iter()
            .map(|upload| listed(call, upload, &bucket.owner, encoding))
            .collect(),
        request_charged: None,
    };
    Ok(answer(call.operation, &output))
}

/// Where a listing of uploads goes on. A marker of an upload counts only beside one of a key.
fn after(key: &str, upload: &str) -> Result<Option<(String, Option<UploadId>)>, S3Error> {
    if key.is_empty() {
        return Ok(None);
    }
    let upload = match upload {
        "" => None,
        text => Some(
            UploadId::from_hex(text)
                .ok_or_else(|| S3Error::argument("Invalid uploadId marker", "upload-id-marker", text))?,
        ),
    };
    Ok(Some((key.to_owned(), upload)))
}

fn listed(call: &Call<'_>, upload: UploadInfo, of_bucket: &str, encoding: Encoding) -> MultipartUpload {
    MultipartUpload {
        upload_id: Some(upload.id.to_string()),
        initiated: Some(upload.initiated),
        storage_class: storage_class_word(upload.storage_class),
        owner: Some(call.owner(owner_id(&upload, of_bucket))),
        initiator: Some(initiator(call, &upload)),
        checksum_algorithm: upload.checksum.map(|checksum| algorithm_word(checksum.0)),
        checksum_type: upload.checksum.map(|checksum| type_word(checksum.1)),
        version_id: None,
        key: Some(encoding.text(upload.key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_marker_of_an_upload_counts_only_beside_a_key() {
        let id = UploadId::from_bytes([9; 16]);
        assert_eq!(after("", &id.to_string()), Ok(None));
        assert_eq!(after("k", ""), Ok(Some(("k".to_owned(), None))));
        assert_eq!(after("k", &id.to_string()), Ok(Some(("k".to_owned(), Some(id)))));
        assert_eq!(after("k", "x").unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
