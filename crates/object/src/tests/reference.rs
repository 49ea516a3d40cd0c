//! A small S3 in memory: what the service is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use md5::{Digest, Md5};
use model::attributes::Attributes;
use model::ids::UploadId;
use model::limits::PART_SIZE_BYTES_MIN;

use crate::ObjectError;

/// What is answered; an error by its kind.
pub(super) type Answer<T> = Result<T, &'static str>;

/// The kind of an error: what S3 would call it.
pub(super) fn kind(error: &ObjectError) -> &'static str {
    match error {
        ObjectError::NoSuchBucket { .. } => "NoSuchBucket",
        ObjectError::BucketExists { .. } => "BucketExists",
        ObjectError::BucketNotEmpty { .. } => "BucketNotEmpty",
        ObjectError::NoSuchKey => "NoSuchKey",
        // Only uploads are asked for in a bucket that may have gone.
        ObjectError::NoSuchUpload | ObjectError::BucketBusy { .. } => "NoSuchUpload",
        ObjectError::PreconditionFailed { .. } => "PreconditionFailed",
        ObjectError::InvalidPart { .. } => "InvalidPart",
        ObjectError::InvalidPartOrder => "InvalidPartOrder",
        ObjectError::PartTooSmall { .. } => "PartTooSmall",
        ObjectError::SizeMismatch { .. } => "SizeMismatch",
        other => panic!("nothing that happens here explains {other:?}"),
    }
}

#[derive(Debug, Default)]
pub(super) struct Reference {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<(String, UploadId), Upload>,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    pub(super) attributes: Attributes,
    /// Sizes of the parts, where it was completed from some.
    parts: Option<Vec<u64>>,
}

#[derive(Debug)]
struct Upload {
    attributes: Attributes,
    parts: BTreeMap<u16, Bytes>,
}

/// A condition on a write: ETags as text, `*` for any.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) matches: Option<String>,
    pub(super) none_match: Option<String>,
    pub(super) size: Option<u64>,
}

impl Condition {
    fn check(&self, current: Option<&Object>) -> Answer<()> {
        let is = |tag: &String, object: &Object| tag == "*" || *tag == object.etag;
        match current {
            None if self.matches.is_some() || self.size.is_some() => Err("NoSuchKey"),
            None => Ok(()),
            Some(object) => {
                let holds = self.none_match.as_ref().is_none_or(|tag| !is(tag, object))
                    && self.matches.as_ref().is_none_or(|tag| is(tag, object))
                    && self.size.is_none_or(|size| size == object.bytes.len() as u64);
                if holds { Ok(()) } else { Err("PreconditionFailed") }
            }
        }
    }
}

fn md5(bytes: &[u8]) -> String {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    format!("{:032x}", u128::from_be_bytes(digest))
}

impl Object {
    pub(super) fn part_count(&self) -> Option<u16> {
        self.parts.as_ref().map(|parts| parts.len() as u16)
    }

    pub(super) fn part_range(&self, number: u16) -> Option<Range<u64>> {
        let whole = vec![self.bytes.len() as u64];
        let sizes = self.parts.as_ref().unwrap_or(&whole);
        let before = usize::from(number).checked_sub(1)?;
        let start = sizes.iter().take(before).sum();
        sizes.get(before).map(|size| start..start + size)
    }
}

impl Reference {
    pub(super) fn bucket(&self, name: &str) -> Answer<&Bucket> {
        self.buckets.get(name).ok_or("NoSuchBucket")
    }

    fn bucket_mut(&mut self, name: &str) -> Answer<&mut Bucket> {
        self.buckets.get_mut(name).ok_or("NoSuchBucket")
    }

    pub(super) fn bucket_names(&self) -> Vec<String> {
        self.buckets.keys().cloned().collect()
    }

    pub(super) fn create_bucket(&mut self, name: &str) -> Answer<()> {
        if self.buckets.contains_key(name) {
            return Err("BucketExists");
        }
        self.buckets.insert(name.into(), Bucket::default());
        Ok(())
    }

    pub(super) fn delete_bucket(&mut self, name: &str) -> Answer<()> {
        if !self.bucket(name)?.objects.is_empty() {
            return Err("BucketNotEmpty");
        }
        self.buckets.remove(name);
        Ok(())
    }

    pub(super) fn usage(&self, bucket: &str) -> (u64, u64) {
        let objects = &self.bucket(bucket).unwrap().objects;
        (objects.len() as u64, objects.values().map(|object| object.bytes.len() as u64).sum())
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Answer<&Object> {
        self.bucket(bucket)?.objects.get(key).ok_or("NoSuchKey")
    }

    fn replace(&mut self, bucket: &str, key: &str, object: Object, condition: &Condition) -> Answer<String> {
        let bucket = self.bucket_mut(bucket)?;
        condition.check(bucket.objects.get(key))?;
        let etag = object.etag.clone();
        bucket.objects.insert(key.into(), object);
        Ok(etag)
    }

    pub(super) fn put(
        &mut self,
        bucket: &str,
        key: &str,
        bytes: &Bytes,
        attributes: Attributes,
        condition: &Condition,
    ) -> Answer<String> {
        let object = Object { bytes: bytes.clone(), etag: md5(bytes), attributes, parts: None };
        self.replace(bucket, key, object, condition)
    }

    pub(super) fn copy(
        &mut self,
        from: (&str, &str),
        to: (&str, &str),
        attributes: Option<Attributes>,
        in_place: bool,
        condition: &Condition,
    ) -> Answer<String> {
        let mut object = self.object(from.0, from.1)?.clone();
        object.attributes = attributes.unwrap_or(object.attributes);
        if !in_place {
            (object.etag, object.parts) = (md5(&object.bytes), None);
        }
        self.replace(to.0, to.1, object, condition)
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str, condition: &Condition) -> Answer<()> {
        let bucket = self.bucket_mut(bucket)?;
        condition.check(bucket.objects.get(key))?;
        bucket.objects.remove(key);
        Ok(())
    }

    /// Keys with ETag and size, and common prefixes.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
    ) -> Vec<(String, Option<(String, u64)>)> {
        let mut found = BTreeMap::new();
        for (key, object) in &self.bucket(bucket).unwrap().objects {
            if !key.starts_with(prefix) || after.is_some_and(|after| key.as_str() <= after) {
                continue;
            }
            match group(key, prefix, delimiter) {
                // A prefix is not behind itself.
                Some(group) if after == Some(group) => {}
                Some(group) => drop(found.insert(group.to_owned(), None)),
                None => {
                    drop(found.insert(key.clone(), Some((object.etag.clone(), object.bytes.len() as u64))))
                }
            }
        }
        found.into_iter().collect()
    }

    /// Uploads and common prefixes.
    pub(super) fn list_uploads(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
    ) -> (Vec<(String, UploadId)>, Vec<String>) {
        let (mut uploads, mut prefixes) = (Vec::new(), BTreeSet::new());
        for (key, id) in
            self.bucket(bucket).unwrap().uploads.keys().filter(|(key, _)| key.starts_with(prefix))
        {
            match group(key, prefix, delimiter) {
                Some(group) => drop(prefixes.insert(group.to_owned())),
                None => uploads.push((key.clone(), *id)),
            }
        }
        (uploads, prefixes.into_iter().collect())
    }

    pub(super) fn create_upload(&mut self, bucket: &str, key: &str, id: UploadId, attributes: Attributes) {
        let upload = Upload { attributes, parts: BTreeMap::new() };
        self.bucket_mut(bucket).unwrap().uploads.insert((key.into(), id), upload);
    }

    fn upload(&mut self, bucket: &str, key: &str, id: UploadId) -> Answer<&mut Upload> {
        let bucket = self.buckets.get_mut(bucket).ok_or("NoSuchUpload")?;
        bucket.uploads.get_mut(&(key.into(), id)).ok_or("NoSuchUpload")
    }

    pub(super) fn part(
        &mut self,
        bucket: &str,
        key: &str,
        id: UploadId,
        number: u16,
        bytes: &Bytes,
    ) -> Answer<String> {
        self.upload(bucket, key, id)?.parts.insert(number, bytes.clone());
        Ok(md5(bytes))
    }

    /// Numbers and ETags.
    pub(super) fn parts(&mut self, bucket: &str, key: &str, id: UploadId) -> Answer<Vec<(u16, String)>> {
        let parts = &self.upload(bucket, key, id)?.parts;
        Ok(parts.iter().map(|(number, bytes)| (*number, md5(bytes))).collect())
    }

    pub(super) fn abort(&mut self, bucket: &str, key: &str, id: UploadId) -> Answer<()> {
        self.upload(bucket, key, id)?;
        self.bucket_mut(bucket)?.uploads.remove(&(key.into(), id));
        Ok(())
    }

    pub(super) fn complete(
        &mut self,
        bucket: &str,
        (key, id): (&str, UploadId),
        named: &[(u16, String)],
        size: Option<u64>,
        condition: &Condition,
    ) -> Answer<String> {
        if named.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err("InvalidPartOrder");
        }
        let upload = self.upload(bucket, key, id)?;
        let mut parts = Vec::new();
        for (number, etag) in named {
            let part = upload.parts.get(number).filter(|part| md5(part) == *etag).ok_or("InvalidPart")?;
            parts.push(part.clone());
        }
        let too_small = |part: &Bytes| (part.len() as u64) < PART_SIZE_BYTES_MIN;
        if parts[..parts.len() - 1].iter().any(too_small) {
            return Err("PartTooSmall");
        }
        let attributes = upload.attributes.clone();
        let digests = parts.iter().flat_map(|part| <[u8; 16]>::from(Md5::digest(part)));
        let etag = format!("{}-{}", md5(&digests.collect::<Vec<u8>>()), parts.len());
        let sizes = parts.iter().map(|part| part.len() as u64).collect();
        let bytes = Bytes::from(parts.concat());
        if size.is_some_and(|size| size != bytes.len() as u64) {
            return Err("SizeMismatch");
        }
        let object = Object { bytes, etag, attributes, parts: Some(sizes) };
        let done = self.replace(bucket, key, object, condition)?;
        self.bucket_mut(bucket)?.uploads.remove(&(key.into(), id));
        Ok(done)
    }
}

fn group<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter?;
    let at = key[prefix.len()..].find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}
