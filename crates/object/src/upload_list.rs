//! Listing uploads in progress: by key, then by when they began.

use std::ops::Bound;

use meta::table::{Stored, Table};
use model::ids::UploadId;
use model::upload::UploadRecord;

use crate::list::common_prefix;
use crate::multipart::upload_info;
use crate::tables::{Uploads, bucket_prefix};
use crate::types::{BucketInfo, ListRequest, ListUploadsPage, ListUploadsRequest};
use crate::{ObjectError, Objects};

impl Objects {
    /// Lists a page of uploads.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn list_uploads(
        &self,
        bucket: &BucketInfo,
        request: ListUploadsRequest,
    ) -> Result<ListUploadsPage, ObjectError> {
        let mut page = ListUploadsPage::default();
        let limit = request.limit as usize;
        if limit == 0 {
            return Ok(page);
        }
        let grouping = ListRequest {
            prefix: request.prefix.clone(),
            delimiter: request.delimiter.clone(),
            ..ListRequest::default()
        };
        let prefix = bucket_prefix(bucket.id);
        let mut rows = self.merged::<Uploads>(&prefix, start(bucket, &request), limit + 1).await?;
        while let Some((encoded, value)) = rows.next()? {
            let Some((_, key, id)) = Uploads::decode_key(&encoded) else {
                continue;
            };
            if !key.starts_with(&request.prefix) {
                if key.as_str() > request.prefix.as_str() {
                    break;
                }
                continue;
            }
            let group = common_prefix(&key, &grouping).map(str::to_owned);
            if let Some(group) = &group {
                let seen = page.prefixes.last() == Some(group);
                let is_done =
                    request.after.as_ref().is_some_and(|(after, _)| after.as_str() >= group.as_str());
                if seen || is_done {
                    continue;
                }
            }
            if page.uploads.len() + page.prefixes.len() == limit {
                page.next = Some(last(&page));
                return Ok(page);
            }
            match group {
                Some(group) => page.prefixes.push(group),
                None => {
                    let row = Stored::<UploadRecord>::decode(&value)
                        .map_err(|source| meta::MetaError::Row { table: Uploads::NAME, source })?;
                    page.uploads.push(upload_info(key, id, row));
                }
            }
        }
        Ok(page)
    }
}

/// Uploads have no longest-key bound to seek by, so the prefix is where the scan begins and the check above where it ends.
fn start(bucket: &BucketInfo, request: &ListUploadsRequest) -> Bound<Vec<u8>> {
    let encode = |key: &str, upload: UploadId| {
        let mut encoded = Vec::new();
        Uploads::encode_key(&(bucket.id, key.to_owned(), upload), &mut encoded);
        encoded
    };
    match &request.after {
        Some((key, upload)) if key.as_str() >= request.prefix.as_str() => {
            let upload = upload.unwrap_or(UploadId::from_bytes([0xff; 16]));
            Bound::Excluded(encode(key, upload))
        }
        _ => {
            let mut encoded = bucket_prefix(bucket.id);
            encoded.extend(request.prefix.bytes().flat_map(|byte| match byte {
                0 => vec![0, 0xff],
                other => vec![other],
            }));
            Bound::Included(encoded)
        }
    }
}

fn last(page: &ListUploadsPage) -> (String, Option<UploadId>) {
    let upload = page.uploads.last().map(|upload| (upload.key.clone(), Some(upload.id)));
    let prefix = page.prefixes.last().map(|prefix| (prefix.clone(), None));
    match (upload, prefix) {
        (Some(upload), Some(prefix)) => {
            if upload.0 > prefix.0 {
                upload
            } else {
                prefix
            }
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => (String::new(), None),
    }
}
