//! Listing objects: keys and common prefixes in the order of their bytes.

use std::ops::Bound;

use meta::table::{Stored, Table, after_prefix};
use model::object::{Content, ObjectVersion};

use crate::tables::{Current, bucket_prefix};
use crate::types::{BucketInfo, ListEntry, ListFrom, ListPage, ListRequest, ListedObject};
use crate::{ObjectError, Objects};

impl Objects {
    /// Lists a page.
    ///
    /// # Errors
    /// Where the records can't be read.
    pub async fn list(&self, bucket: &BucketInfo, request: ListRequest) -> Result<ListPage, ObjectError> {
        let mut page = ListPage::default();
        if request.limit == 0 {
            return Ok(page);
        }
        let prefix = encode(bucket, &request.prefix);
        let Some(start) = start(bucket, &request, &prefix) else {
            return Ok(page);
        };
        let limit = request.limit as usize;
        let wanted = if request.delimiter.is_some() { 0 } else { limit + 1 };
        let mut rows = self.merged::<Current>(&prefix, start, wanted).await?;
        while let Some((encoded, value)) = rows.next()? {
            let (_, key) = Current::decode_key(&encoded).ok_or_else(|| damaged("key"))?;
            let group = common_prefix(&key, &request);
            // Nothing of what the page before ended with comes again.
            let is_done =
                group.is_some_and(|group| matches!(&request.from, ListFrom::After(key) if key == group));
            if page.entries.len() == limit && !is_done {
                page.next = page.entries.last().map(go_on);
                return Ok(page);
            }
            match group {
                Some(group) => {
                    rows.skip(&encode(bucket, group))?;
                    if !is_done {
                        page.entries.push(ListEntry::Prefix(group.to_owned()));
                    }
                }
                None => {
                    let row = Stored::<ObjectVersion>::decode(&value)
                        .map_err(|source| meta::MetaError::Row { table: Current::NAME, source })?;
                    if row.row.content != Content::DeleteMarker {
                        page.entries.push(ListEntry::Object(listed(key, row)));
                    }
                }
            }
        }
        Ok(page)
    }
}

fn damaged(field: &'static str) -> ObjectError {
    let source = model::record::RecordError::Impossible { record: Current::NAME, field, at: 0 };
    ObjectError::Meta(meta::MetaError::Row { table: Current::NAME, source })
}

fn encode(bucket: &BucketInfo, key: &str) -> Vec<u8> {
    let mut encoded = bucket_prefix(bucket.id);
    encoded.extend_from_slice(key.as_bytes());
    encoded
}

/// Where the rows begin; `None` where there are none.
fn start(bucket: &BucketInfo, request: &ListRequest, prefix: &[u8]) -> Option<Bound<Vec<u8>>> {
    let start = match &request.from {
        ListFrom::Start => Bound::Included(prefix.to_vec()),
        ListFrom::After(key) => Bound::Excluded(encode(bucket, key)),
        ListFrom::AfterPrefix(group) => Bound::Included(after_prefix(&encode(bucket, group))?),
    };
    match &start {
        Bound::Included(key) | Bound::Excluded(key) if key.as_slice() < prefix => {
            Some(Bound::Included(prefix.to_vec()))
        }
        _ => Some(start),
    }
}

/// What of the key is grouped: up to the first delimiter behind the prefix.
pub(crate) fn common_prefix<'a>(key: &'a str, request: &ListRequest) -> Option<&'a str> {
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let behind = key.get(request.prefix.len()..)?;
    let at = behind.find(delimiter)?;
    key.get(..request.prefix.len() + at + delimiter.len())
}

fn go_on(last: &ListEntry) -> ListFrom {
    match last {
        ListEntry::Object(object) => ListFrom::After(object.key.clone()),
        ListEntry::Prefix(group) => ListFrom::AfterPrefix(group.clone()),
    }
}

fn listed(key: String, found: Stored<ObjectVersion>) -> ListedObject {
    let row = found.row;
    ListedObject {
        key,
        modified: row.modified.or(found.time),
        etag: row.etag,
        size_bytes: row.size_bytes,
        storage_class: row.storage_class,
        checksum: row.checksum.map(|checksum| (checksum.algorithm, checksum.kind)),
        owner: row.owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_with_the_first_delimiter_behind_the_prefix() {
        let request = |prefix: &str, delimiter: &str| ListRequest {
            prefix: prefix.into(),
            delimiter: Some(delimiter.into()),
            ..ListRequest::default()
        };
        assert_eq!(common_prefix("bazar", &request("ba", "a")), Some("baza"));
        assert_eq!(common_prefix("foo/bar/x", &request("", "/")), Some("foo/"));
        assert_eq!(common_prefix("foo/bar/x", &request("foo/", "/")), Some("foo/bar/"));
        assert_eq!(common_prefix("asdf/", &request("asdf/", "/")), None);
        assert_eq!(common_prefix("a--b", &request("", "--")), Some("a--"));
        assert_eq!(common_prefix("bar", &request("", "")), None);
    }
}
