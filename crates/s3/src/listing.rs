//! ListObjects and ListObjectsV2.

use model::limits::LIST_PAGE_ENTRIES_MAX;
use object::{BucketInfo, ListEntry, ListFrom, ListPage, ListRequest};

use crate::attributes::storage_class_word;
use crate::checksum_headers::{algorithm_word, type_word};
use crate::error::S3Error;
use crate::generated::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListedObject, Owner,
};
use crate::request::Call;
use crate::response::{Response, answer};
use crate::token;
use crate::wire::url_encode;

/// How texts of a listing are written.
#[derive(Clone, Copy)]
pub(crate) struct Encoding(pub(crate) Option<EncodingType>);

impl Encoding {
    pub(crate) fn text(self, text: String) -> String {
        match self.0 {
            Some(EncodingType::Url) => url_encode(&text),
            None => text,
        }
    }
}

pub(crate) async fn list_objects(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: ListObjectsInput = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let marker = input.marker.unwrap_or_default();
    let from = if marker.is_empty() { ListFrom::Start } else { ListFrom::After(marker.clone()) };
    let limit = input.max_keys.unwrap_or(LIST_PAGE_ENTRIES_MAX).min(LIST_PAGE_ENTRIES_MAX);
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let prefix = input.prefix.unwrap_or_default();
    let request = ListRequest { prefix: prefix.clone(), delimiter: delimiter.clone(), from, limit };
    let page = call.shared.objects.list(&bucket, request).await?;
    let encoding = Encoding(input.encoding_type);
    let is_truncated = page.next.is_some();
    // Without a delimiter the client goes on after the last key by itself.
    let next_marker = page.entries.last().filter(|_| is_truncated && delimiter.is_some()).map(name_of);
    let entries = Entries::of(page, encoding, |id| Some(call.owner(id)), &bucket);
    let output = ListObjectsOutput {
        is_truncated: Some(is_truncated),
        marker: Some(encoding.text(marker)),
        next_marker: next_marker.map(|marker| encoding.text(marker)),
        contents: entries.contents,
        name: Some(input.bucket),
        prefix: Some(encoding.text(prefix)),
        delimiter: delimiter.map(|delimiter| encoding.text(delimiter)),
        max_keys: Some(limit),
        common_prefixes: entries.prefixes,
        encoding_type: input.encoding_type,
        request_charged: None,
    };
    Ok(answer(call.operation, &output))
}

pub(crate) async fn list_objects_v2(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: ListObjectsV2Input = call.parse()?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let from = from_v2(input.continuation_token.as_deref(), input.start_after.as_deref())?;
    let limit = input.max_keys.unwrap_or(LIST_PAGE_ENTRIES_MAX).min(LIST_PAGE_ENTRIES_MAX);
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let prefix = input.prefix.unwrap_or_default();
    let request = ListRequest { prefix: prefix.clone(), delimiter: delimiter.clone(), from, limit };
    let page = call.shared.objects.list(&bucket, request).await?;
    let encoding = Encoding(input.encoding_type);
    let next = page.next.as_ref().and_then(token::encode);
    let fetches_owner = input.fetch_owner.unwrap_or(false);
    let entries = Entries::of(page, encoding, |id| fetches_owner.then(|| call.owner(id)), &bucket);
    let count = entries.contents.len() + entries.prefixes.len();
    let output = ListObjectsV2Output {
        is_truncated: Some(next.is_some()),
        contents: entries.contents,
        name: Some(input.bucket),
        prefix: Some(encoding.text(prefix)),
        delimiter: delimiter.map(|delimiter| encoding.text(delimiter)),
        max_keys: Some(limit),
        common_prefixes: entries.prefixes,
        encoding_type: input.encoding_type,
        key_count: u32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        next_continuation_token: next,
        start_after: input.start_after.map(|start| encoding.text(start)),
        request_charged: None,
    };
    Ok(answer(call.operation, &output))
}

/// Where a listing goes on: a token wins over a key to start after; an empty one counts as none.
fn from_v2(token: Option<&str>, start_after: Option<&str>) -> Result<ListFrom, S3Error> {
    match (token.filter(|token| !token.is_empty()), start_after.filter(|key| !key.is_empty())) {
        (Some(token), _) => token::decode(token),
        (None, Some(key)) => Ok(ListFrom::After(key.to_owned())),
        (None, None) => Ok(ListFrom::Start),
    }
}

fn name_of(entry: &ListEntry) -> String {
    match entry {
        ListEntry::Object(object) => object.key.clone(),
        ListEntry::Prefix(prefix) => prefix.clone(),
    }
}

/// A page as documents show it: keys and prefixes apart.
struct Entries {
    contents: Vec<ListedObject>,
    prefixes: Vec<CommonPrefix>,
}

impl Entries {
    fn of(
        page: ListPage,
        encoding: Encoding,
        owner: impl Fn(&str) -> Option<Owner>,
        bucket: &BucketInfo,
    ) -> Self {
        let mut entries = Self { contents: Vec::with_capacity(page.entries.len()), prefixes: Vec::new() };
        for entry in page.entries {
            match entry {
                ListEntry::Prefix(prefix) => {
                    entries.prefixes.push(CommonPrefix { prefix: Some(encoding.text(prefix)) });
                }
                ListEntry::Object(object) => {
                    let id = if object.owner.is_empty() { &bucket.owner } else { &object.owner };
                    entries.contents.push(ListedObject {
                        owner: owner(id),
                        key: Some(encoding.text(object.key)),
                        last_modified: Some(object.modified),
                        etag: Some(format!("\"{}\"", object.etag)),
                        checksum_algorithm: object
                            .checksum
                            .iter()
                            .map(|found| algorithm_word(found.0))
                            .collect(),
                        checksum_type: object.checksum.map(|found| type_word(found.1)),
                        size: Some(object.size_bytes),
                        storage_class: storage_class_word(object.storage_class),
                        restore_status: None,
                    });
                }
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_wins_over_a_key_to_start_after() {
        let token = token::encode(&ListFrom::AfterPrefix("a/".to_owned())).unwrap();
        assert_eq!(from_v2(Some(&token), Some("z")), Ok(ListFrom::AfterPrefix("a/".to_owned())));
        assert_eq!(from_v2(Some(""), Some("z")), Ok(ListFrom::After("z".to_owned())));
        assert_eq!(from_v2(Some(""), Some("")), Ok(ListFrom::Start));
        assert!(from_v2(Some("bad"), None).is_err());
    }

    #[test]
    fn texts_are_encoded_only_where_asked() {
        assert_eq!(Encoding(None).text("a b+".to_owned()), "a b+");
        assert_eq!(Encoding(Some(EncodingType::Url)).text("a b+".to_owned()), "a+b%2B");
    }
}
