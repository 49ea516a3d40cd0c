//! Multipart uploads: begun, completed, aborted. Completion writes a handful of rows however many parts there are: the
//! parts' rows stay where they are and the object points to them. One small blob is written beside: see `completion`.

use std::ops::Bound;

use md5::{Digest, Md5};
use meta::table::{Stored, after_prefix};
use meta::{Committed, Txn};
use model::checksum::Checksum;
use model::etag::ETag;
use model::ids::{UploadId, VersionId};
use model::limits::{OBJECT_SIZE_BYTES_MAX, PART_NUMBER_MAX, PART_SIZE_BYTES_MIN};
use model::object::{Content, ObjectDetail, ObjectVersion};
use model::reclaim::ReclaimRecord;
use model::time::Timestamp;
use model::upload::{PartRecord, UploadRecord};

use crate::completion::Completion;
use crate::tables::{Current, Mark, PartKey, Parts, Reclaim, UploadMarks, Uploads, Usage, parts_prefix};
use crate::types::{
    BucketInfo, CompletePart, CompleteRequest, ListPartsPage, PartInfo, Put, UploadInfo, UploadRequest,
};
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content, fence, settle};

/// What names an upload.
pub(crate) type UploadKey = (model::ids::BucketId, String, UploadId);

impl Objects {
    /// Begins an upload.
    ///
    /// # Errors
    /// Where too few drives take it, or have room for its parts.
    pub async fn create_upload(
        &self,
        bucket: &BucketInfo,
        key: &str,
        request: UploadRequest,
    ) -> Result<UploadId, ObjectError> {
        self.check_room(request.storage_class)?;
        let id = UploadId::from_bytes(self.new_id());
        let path = (bucket.id, key.to_owned());
        let row = UploadRecord {
            attributes: request.attributes,
            storage_class: request.storage_class,
            checksum: request.checksum,
            owner: request.owner,
            initiator: request.initiator,
        };
        let upload = (path.0, path.1.clone(), id);
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.begin(&path).await?;
            let open = fence::check(&mut txn, bucket)?;
            txn.put::<Uploads>(&upload, &row);
            txn.put::<UploadMarks>(&upload, &Mark);
            let mut deltas = [0; 3];
            deltas[Usage::UPLOADS] = 1;
            txn.add::<Usage>(&bucket.id, &deltas);
            if open.settle(self, txn).await?.is_some() {
                return Ok(id);
            }
        }
        Err(ObjectError::Contended)
    }

    /// Finds an upload.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`].
    pub async fn upload(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
    ) -> Result<UploadInfo, ObjectError> {
        let path = (bucket.id, key.to_owned());
        let found = self.reader(&path).await?.get::<Uploads>(&(path.0, path.1, upload))?;
        found.map(|found| upload_info(key.to_owned(), upload, found)).ok_or(ObjectError::NoSuchUpload)
    }

    /// Lists parts by number, after one of them.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`].
    pub async fn list_parts(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
        after: u16,
        limit: u32,
    ) -> Result<ListPartsPage, ObjectError> {
        let info = self.upload(bucket, key, upload).await?;
        let reader = self.reader(&(bucket.id, key.to_owned())).await?;
        let prefix = parts_prefix(bucket.id, key, upload);
        let start = [prefix.as_slice(), &after.to_be_bytes()].concat();
        let end = after_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let limit = limit as usize;
        let rows = reader.scan::<Parts>((Bound::Excluded(&start), end), limit + 1)?;
        let is_truncated = rows.len() > limit;
        let parts: Vec<PartInfo> =
            rows.into_iter().take(limit).map(|(key, row)| part_info(&key, row)).collect();
        let next = parts.last().map(|part| part.number).filter(|_| is_truncated);
        Ok(ListPartsPage { upload: info, parts, next })
    }

    /// Aborts an upload; the collector takes its parts.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`].
    pub async fn abort_upload(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
    ) -> Result<(), ObjectError> {
        self.abort(&(bucket.id, key.to_owned(), upload)).await
    }

    pub(crate) async fn abort(&self, id: &UploadKey) -> Result<(), ObjectError> {
        let path = (id.0, id.1.clone());
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.begin(&path).await?;
            if txn.get::<Uploads>(id)?.is_none() {
                return Err(ObjectError::NoSuchUpload);
            }
            txn.get::<UploadMarks>(id)?;
            let bytes = self.parts(&txn, id)?.iter().map(|(_, part)| part.row.size_bytes).sum();
            end_upload(&mut txn, id, bytes);
            reclaim_parts(&mut txn, id);
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    /// Completes an upload: its parts become the object.
    ///
    /// # Errors
    /// Where parts are missing, out of order, too small or not those that were uploaded; where the condition doesn't hold; where
    /// too few drives take what tells of the completion.
    pub async fn complete_upload(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
        request: CompleteRequest<'_>,
    ) -> Result<Put, ObjectError> {
        if request.parts.windows(2).any(|pair| matches!(pair, [one, next] if one.number >= next.number)) {
            return Err(ObjectError::InvalidPartOrder);
        }
        let path = (bucket.id, key.to_owned());
        let id = (path.0, path.1.clone(), upload);
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.begin(&path).await?;
            let open = fence::check(&mut txn, bucket)?;
            let Some(found) = txn.get::<Uploads>(&id)? else {
                return self.completed_upload(bucket, key, upload, &request.parts).await;
            };
            // Every part writes the mark: if one comes in between, this is tried again.
            txn.get::<UploadMarks>(&id)?;
            let uploaded = self.parts(&txn, &id)?;
            let info = upload_info(key.to_owned(), upload, found.clone());
            let chosen = choose(&request.parts, &uploaded)?;
            let infos: Vec<PartInfo> =
                chosen.iter().map(|(key, part)| part_info(key, (*part).clone())).collect();
            let checksum = (request.checksum)(&info, &infos)?;
            let is_all = infos.len() == uploaded.len();
            let (version, detail) = object(&found.row, upload, &infos, is_all, checksum.clone())?;
            if request.expected_size_bytes.is_some_and(|expected| expected != version.size_bytes) {
                let expected_bytes = request.expected_size_bytes.unwrap_or_default();
                return Err(ObjectError::SizeMismatch { found_bytes: version.size_bytes, expected_bytes });
            }
            let current = txn.get::<Current>(&path)?;
            request.condition.check(current.as_ref().and_then(content::facts))?;
            content::replace(&mut txn, &path, current.as_ref(), &version, detail.as_ref());
            if !is_all {
                reclaim_parts(&mut txn, &id);
            }
            end_upload(&mut txn, &id, uploaded.iter().map(|(_, part)| part.row.size_bytes).sum());
            let completion = Completion { bucket, id: &id, upload: &found.row, parts: &infos, checksum };
            if let Some(committed) = completion.commit(self, open, txn).await? {
                return Ok(content::put(version, committed));
            }
        }
        Err(ObjectError::Contended)
    }

    /// The answer to a completion whose upload is gone: that of the first time, where it was completed from the same parts
    /// and is what the key holds still. A client whose answer was lost sends its request again; whatever its condition was,
    /// it held.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`] otherwise.
    pub async fn completed_upload(
        &self,
        bucket: &BucketInfo,
        key: &str,
        upload: UploadId,
        parts: &[CompletePart],
    ) -> Result<Put, ObjectError> {
        let path = (bucket.id, key.to_owned());
        let current = self.reader(&path).await?.get::<Current>(&path)?.ok_or(ObjectError::NoSuchUpload)?;
        let is_of_upload =
            matches!(&current.row.content, Content::Parts { upload: found, .. } if *found == upload);
        let etags: Option<Vec<ETag>> = parts.iter().map(|part| ETag::parse(&part.etag)).collect();
        let asked = etags.map(|etags| etag(etags.into_iter().map(|part| part.md5)));
        if !is_of_upload || asked != Some(current.row.etag) {
            return Err(ObjectError::NoSuchUpload);
        }
        let committed = Committed { version: current.version, time: current.row.modified.or(current.time) };
        Ok(content::put(current.row, committed))
    }

    fn parts(
        &self,
        txn: &Txn<'_>,
        (bucket, key, upload): &UploadKey,
    ) -> Result<Vec<(PartKey, Stored<PartRecord>)>, ObjectError> {
        let prefix = parts_prefix(*bucket, key, *upload);
        let end = after_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::from(PART_NUMBER_MAX);
        Ok(txn.unchecked().scan::<Parts>((Bound::Included(&prefix), end), limit)?)
    }
}

/// The uploaded parts that a completion names, in its order, each with the right ETag and checksums and size.
fn choose<'a>(
    named: &[CompletePart],
    uploaded: &'a [(PartKey, Stored<PartRecord>)],
) -> Result<Vec<(&'a PartKey, &'a Stored<PartRecord>)>, ObjectError> {
    let mut chosen = Vec::with_capacity(named.len());
    for part in named {
        let invalid = ObjectError::InvalidPart { number: part.number };
        let found = uploaded.binary_search_by_key(&part.number, |(key, _)| key.number).ok();
        let Some((key, row)) = found.and_then(|at| uploaded.get(at)) else {
            return Err(invalid);
        };
        let same_etag = ETag::parse(&part.etag).is_some_and(|etag| etag == row.row.etag);
        let same_checksums = part.checksums.iter().all(|(algorithm, digest)| {
            let stored = row.row.checksum.as_ref().filter(|stored| stored.algorithm == *algorithm);
            stored.is_none_or(|stored| stored.digest == *digest)
        });
        if !same_etag || !same_checksums {
            return Err(invalid);
        }
        chosen.push((key, row));
    }
    let small = chosen.split_last().map_or(&[][..], |(_, all_but_last)| all_but_last);
    match small.iter().find(|(_, part)| part.row.size_bytes < PART_SIZE_BYTES_MIN) {
        None => Ok(chosen),
        Some((key, part)) => Err(ObjectError::PartTooSmall {
            number: key.number,
            size_bytes: part.row.size_bytes,
            minimum_bytes: PART_SIZE_BYTES_MIN,
            etag: part.row.etag,
        }),
    }
}

/// The object that the parts become.
pub(crate) fn object(
    upload: &UploadRecord,
    id: UploadId,
    parts: &[PartInfo],
    is_all: bool,
    checksum: Option<Checksum>,
) -> Result<(ObjectVersion, Option<ObjectDetail>), ObjectError> {
    let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
    if size_bytes > OBJECT_SIZE_BYTES_MAX {
        return Err(ObjectError::TooLarge { limit_bytes: OBJECT_SIZE_BYTES_MAX });
    }
    let count = parts.len() as u16;
    let named = (!is_all).then(|| parts.iter().map(|part| part.number).collect());
    let (attributes, apart) = content::place_attributes(upload.attributes.clone());
    let version = ObjectVersion {
        id: VersionId::NULL,
        modified: Timestamp::ZERO,
        content: Content::Parts { upload: id, count, uniform_bytes: uniform_bytes(parts), named },
        size_bytes,
        etag: etag(parts.iter().map(|part| part.etag.md5)),
        storage_class: upload.storage_class,
        checksum,
        attributes,
        owner: upload.owner.clone(),
    };
    let detail = apart.map(|attributes| ObjectDetail { attributes: Some(attributes), inline: Vec::new() });
    Ok((version, detail))
}

/// The ETag of an object made of parts: the MD5 of their MD5s, and their number.
pub(crate) fn etag(parts: impl Iterator<Item = [u8; 16]>) -> ETag {
    let (mut digest, mut count) = (Md5::new(), 0);
    for part in parts {
        digest.update(part);
        count += 1;
    }
    ETag { md5: digest.finalize().into(), parts: count }
}

/// The size of every part but the last, where it is one and the parts are numbered from 1 without gaps; else 0.
fn uniform_bytes(parts: &[PartInfo]) -> u64 {
    let Some(((last, others), first)) = parts.split_last().zip(parts.first()) else {
        return 0;
    };
    let size = first.size_bytes;
    let in_order = parts.iter().zip(1u16..).all(|(part, number)| part.number == number);
    let uniform = in_order && others.iter().all(|part| part.size_bytes == size) && last.size_bytes <= size;
    if uniform { size } else { 0 }
}

/// Queues the parts of an upload that ends, but those that an object names. However many there are, they go in later
/// transactions, each of them bounded.
fn reclaim_parts(txn: &mut Txn<'_>, id: &UploadKey) {
    let (bucket, key, upload) = id.clone();
    txn.put::<Reclaim>(upload.bytes(), &ReclaimRecord::Parts { bucket, key, upload });
}

fn end_upload(txn: &mut Txn<'_>, id: &UploadKey, parts_bytes: u64) {
    txn.delete::<Uploads>(id);
    txn.delete::<UploadMarks>(id);
    let mut deltas = [0; 4];
    deltas[Usage::UPLOADS] = -1;
    deltas[Usage::UPLOAD_BYTES] = -(parts_bytes as i64);
    txn.add::<Usage>(&id.0, &deltas);
}

pub(crate) fn upload_info(key: String, id: UploadId, found: Stored<UploadRecord>) -> UploadInfo {
    UploadInfo {
        id,
        key,
        initiated: found.time,
        storage_class: found.row.storage_class,
        checksum: found.row.checksum,
        owner: found.row.owner,
        initiator: found.row.initiator,
    }
}

fn part_info(key: &PartKey, found: Stored<PartRecord>) -> PartInfo {
    PartInfo {
        number: key.number,
        size_bytes: found.row.size_bytes,
        etag: found.row.etag,
        modified: found.time,
        checksum: found.row.checksum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_multipart_etag_is_the_md5_of_md5s() {
        let parts = [[0x11; 16], [0x22; 16]];
        let expected = ETag { md5: Md5::digest(parts.concat()).into(), parts: 2 };
        let found = etag(parts.into_iter());
        assert_eq!(found, expected);
        assert!(found.to_string().ends_with("-2"));
    }
}
