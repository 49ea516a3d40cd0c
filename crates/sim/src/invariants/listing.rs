//! A listing shows what can be read, and nothing else, however it is cut into pages and grouped; uploads and parts too.

use std::collections::{BTreeMap, BTreeSet};

use model::etag::ETag;
use model::ids::UploadId;
use object::{
    BucketInfo, ListEntry, ListFrom, ListRequest, ListUploadsRequest, ObjectError, Objects, UploadInfo,
};

use crate::oracle::{Oracle, Upload};

/// What a listing shows: keys with ETag and size, and common prefixes.
pub type Listed = BTreeMap<String, Option<(ETag, u64)>>;

/// Lists page by page.
///
/// # Errors
/// Where that fails.
pub async fn list(
    objects: &Objects,
    bucket: &BucketInfo,
    prefix: &str,
    delimiter: Option<&str>,
    limit: u32,
) -> Result<Listed, ObjectError> {
    let mut listed = Listed::new();
    let mut from = ListFrom::Start;
    loop {
        let delimiter = delimiter.map(str::to_owned);
        let request = ListRequest { prefix: prefix.into(), delimiter, from, limit };
        let page = objects.list(bucket, request).await?;
        listed.extend(page.entries.into_iter().map(|entry| match entry {
            ListEntry::Object(object) => (object.key, Some((object.etag, object.size_bytes))),
            ListEntry::Prefix(prefix) => (prefix, None),
        }));
        match page.next {
            Some(next) => from = next,
            None => return Ok(listed),
        }
    }
}

/// What a listing must show, given what can be read.
fn expected(readable: &BTreeMap<String, (ETag, u64)>, prefix: &str, delimiter: Option<&str>) -> Listed {
    let entry = |(key, found): (&String, &(ETag, u64))| {
        let rest = key.strip_prefix(prefix)?;
        let group = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        Some(match group {
            Some(end) => (format!("{prefix}{}", &rest[..end]), None),
            None => (key.clone(), Some(*found)),
        })
    };
    readable.iter().filter_map(entry).collect()
}

/// Holds listings of a bucket against what can be read in it.
///
/// # Errors
/// Where they differ.
pub async fn check(
    objects: &Objects,
    bucket: &BucketInfo,
    readable: &BTreeMap<String, (ETag, u64)>,
) -> Result<(), String> {
    for (prefix, delimiter, limit) in [("", None, 1000), ("", Some("/"), 2), ("a", Some("/"), 1)] {
        let found = list(objects, bucket, prefix, delimiter, limit).await;
        let found = found.map_err(|error| format!("{} can't be listed: {error}", bucket.name))?;
        let wanted = expected(readable, prefix, delimiter);
        if found != wanted {
            let name = &bucket.name;
            return Err(format!(
                "of {name}, {prefix:?} with {delimiter:?} lists {found:?}, and {wanted:?} can be read"
            ));
        }
    }
    Ok(())
}

/// All uploads of a bucket.
///
/// # Errors
/// Where they can't be listed.
pub async fn uploads(objects: &Objects, bucket: &BucketInfo) -> Result<Vec<UploadInfo>, ObjectError> {
    let (mut uploads, mut after) = (Vec::new(), None);
    loop {
        let request = ListUploadsRequest { after, limit: 3, ..ListUploadsRequest::default() };
        let page = objects.list_uploads(bucket, request).await?;
        uploads.extend(page.uploads);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(uploads),
        }
    }
}

/// An upload that is listed, with its parts.
pub type ListedUpload = (UploadInfo, BTreeMap<u16, ETag>);

/// All uploads of a bucket with their parts.
///
/// # Errors
/// Where they can't be listed.
pub async fn uploads_with_parts(
    objects: &Objects,
    bucket: &BucketInfo,
) -> Result<Vec<ListedUpload>, ObjectError> {
    let mut listed = Vec::new();
    for upload in uploads(objects, bucket).await? {
        let (mut parts, mut after) = (BTreeMap::new(), Some(0));
        while let Some(from) = after {
            let page = objects.list_parts(bucket, &upload.key, upload.id, from, 2).await?;
            parts.extend(page.parts.iter().map(|part| (part.number, part.etag)));
            after = page.next;
        }
        listed.push((upload, parts));
    }
    Ok(listed)
}

/// Holds the uploads that are listed, and their parts, against what clients know of them; from then on that is what there
/// is.
///
/// # Errors
/// Where they differ.
pub fn check_uploads(oracle: &mut Oracle, listed: Vec<ListedUpload>) -> Result<(), String> {
    let ids: BTreeSet<UploadId> = listed.iter().map(|(upload, _)| upload.id).collect();
    for (id, upload) in &oracle.uploads {
        if upload.is_open.is_some_and(|is_open| is_open != ids.contains(id)) {
            return Err(format!("an upload of {:?} is listed wrongly: {upload:?}", upload.key));
        }
    }
    let strangers = ids.iter().filter(|id| !oracle.uploads.contains_key(id)).count();
    if strangers > oracle.uploads_in_doubt {
        return Err(format!("{strangers} uploads are listed that nobody began"));
    }
    oracle.uploads_in_doubt = 0;
    oracle.uploads.retain(|id, _| ids.contains(id));
    for (upload, parts) in listed {
        let known = oracle.uploads.entry(upload.id).or_insert_with(|| Upload::new(&upload.key));
        check_parts(known, &parts)?;
        known.settle(parts);
    }
    Ok(())
}

fn check_parts(known: &Upload, found: &BTreeMap<u16, ETag>) -> Result<(), String> {
    let key = &known.key;
    for (number, may_be) in &known.parts {
        let part = found.get(number);
        if !part.is_some_and(|etag| may_be.contains(etag)) {
            return Err(format!("part {number} of {key:?} is {part:?}, not one of {may_be:?}"));
        }
    }
    let is_known = |number: &u16, etag: &ETag| {
        let in_doubt = known.parts_in_doubt.get(number);
        known.parts.contains_key(number) || in_doubt.is_some_and(|may_be| may_be.contains(etag))
    };
    match found.iter().find(|(number, etag)| !is_known(number, etag)) {
        Some((number, _)) => Err(format!("part {number} of {key:?} is there, and nobody put it")),
        None => Ok(()),
    }
}
