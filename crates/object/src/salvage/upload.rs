//! The parts of one upload, and what becomes of them: an object, an upload in progress, or a loss that is told of.
//!
//! What always holds: an object is put together from the very parts that it was completed from, or not at all; the digests in
//! its ETag say so.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use model::etag::ETag;
use model::ids::{BlobId, UploadId};
use model::limits::PART_SIZE_BYTES_MIN;
use model::reclaim::UploadFacts;
use model::time::Timestamp;
use model::upload::{COMPLETION_NUMBER, PartRecord};

use super::{LostBlob, SalvagedBlob, SalvagedBucket, lost};
use crate::types::PartInfo;
use crate::{completion, multipart};

/// Parts of an upload, by number.
#[derive(Clone, Debug)]
pub struct SalvagedUpload {
    /// The key.
    pub key: String,
    /// The upload.
    pub upload: UploadId,
    /// Its parts that can be read.
    pub parts: BTreeMap<u16, SalvagedBlob>,
    /// What tells that it was completed.
    pub completion: Option<SalvagedBlob>,
    /// A part of no bytes, of which no shard tells.
    empty: Option<u16>,
    /// Parts that can't be read.
    unreadable: Vec<LostBlob>,
}

impl SalvagedUpload {
    pub(super) fn new(key: String, upload: UploadId) -> Self {
        let (parts, unreadable) = (BTreeMap::new(), Vec::new());
        SalvagedUpload { key, upload, parts, completion: None, empty: None, unreadable }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.parts.values().map(|part| part.blob.size_bytes).sum()
    }

    pub(super) fn blobs(&self) -> u64 {
        self.parts.len() as u64 + u64::from(self.completion.is_some())
    }

    /// Takes a blob of the upload; answers how many gave way.
    pub(super) fn take(&mut self, number: u16, blob: SalvagedBlob) -> u64 {
        if number == COMPLETION_NUMBER {
            // Any shard tells all of it, be there enough of them to rebuild the others or not.
            let there = self.completion.take();
            let gave_way = u64::from(there.is_some());
            self.completion = there.into_iter().chain([blob]).max_by_key(SalvagedBlob::age);
            return gave_way;
        }
        if !blob.is_readable() {
            self.unreadable.push(lost(&blob, false));
            return 0;
        }
        match self.parts.get(&number) {
            Some(there) if there.age() >= blob.age() => 1,
            _ => u64::from(self.parts.insert(number, blob).is_some()),
        }
    }

    /// Whether an earlier release wrote its parts, and so did not tell whether it was completed.
    pub(super) fn is_untold(&self) -> bool {
        self.parts.values().all(|part| part.descriptor.upload == UploadFacts::Untold)
    }

    /// Whether it may have been completed: numbers from 1 on without gaps, all parts but the last as large as they must be.
    pub(super) fn may_be_complete(&self) -> bool {
        let in_order = self.parts.keys().zip(1u16..).all(|(number, expected)| *number == expected);
        let all_but_last = self.parts.values().take(self.parts.len().saturating_sub(1));
        in_order && all_but_last.into_iter().all(|part| part.blob.size_bytes >= PART_SIZE_BYTES_MIN)
    }

    pub(super) fn last_written(&self) -> Option<(Timestamp, BlobId)> {
        match &self.completion {
            Some(completion) => Some(completion.age()),
            None => self.parts.values().map(SalvagedBlob::age).max(),
        }
    }

    /// What tells of the object that it is to become.
    pub(super) fn any(&self) -> Option<&SalvagedBlob> {
        self.completion.as_ref().or_else(|| self.parts.values().next_back())
    }

    /// Its rows, with the blobs that they refer to. What tells of the completion is left out where it can't be made whole.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u16, PartRecord, Option<&SalvagedBlob>)> {
        let completion = self.completion.iter().filter(|found| found.is_readable()).map(|found| {
            (COMPLETION_NUMBER, completion::record(found.descriptor.md5, found.blob.clone()), Some(found))
        });
        let parts = self.parts.iter().map(|(number, part)| (*number, part_record(part), Some(part)));
        completion.chain(parts).chain(self.empty.map(|number| (number, empty_record(), None)))
    }

    pub(super) fn infos(&self) -> Vec<PartInfo> {
        let empty = self.empty.map(|number| (number, empty_record()));
        let found = self.parts.iter().map(|(number, part)| (*number, part_record(part)));
        let mut infos: Vec<PartInfo> =
            found.chain(empty).map(|(number, record)| part_info(number, record)).collect();
        infos.sort_by_key(|info| info.number);
        infos
    }

    /// Puts together what was completed: the parts that it was completed from are left, and how many were not of them is
    /// answered.
    ///
    /// # Errors
    /// With what is missing.
    pub(super) fn assemble(&mut self) -> Result<u64, Vec<LostBlob>> {
        let Some(completion) = self.completion.clone() else {
            return Ok(0);
        };
        let UploadFacts::Completion { parts: named, size_bytes } = &completion.descriptor.upload else {
            return Err(vec![self.missing(COMPLETION_NUMBER, &completion)]);
        };
        let mut missing: Vec<u16> =
            named.numbers().filter(|number| !self.parts.contains_key(number)).collect();
        let mut whole = SalvagedUpload { unreadable: Vec::new(), ..self.clone() };
        whole.parts.retain(|number, _| named.contains(*number));
        // The last part may be empty; only with it do the digests come to the object's.
        if let [last] = missing[..]
            && named.numbers().last() == Some(last)
            && whole.size_bytes() == *size_bytes
        {
            whole.empty = Some(last);
            missing.clear();
        }
        let etag = multipart::etag(whole.infos().iter().map(|info| info.etag.md5));
        if !missing.is_empty() {
            return Err(missing.into_iter().map(|number| self.missing(number, &completion)).collect());
        }
        if etag.md5 != completion.descriptor.md5 || whole.size_bytes() != *size_bytes {
            return Err(vec![self.missing(COMPLETION_NUMBER, &completion)]);
        }
        let unnamed = self.parts.len() - whole.parts.len();
        *self = whole;
        Ok(unnamed as u64)
    }

    /// A part that is not there as it was when the upload was completed.
    fn missing(&self, number: u16, completion: &SalvagedBlob) -> LostBlob {
        let is_it = |lost: &&LostBlob| lost.part == Some((self.upload, number));
        let found = self.unreadable.iter().find(is_it).cloned();
        found.unwrap_or_else(|| LostBlob {
            key: self.key.clone(),
            part: Some((self.upload, number)),
            size_bytes: 0,
            shards: 0,
            needed: completion.blob.redundancy.data,
            is_replaced_by_older: false,
        })
    }

    /// What was completed and can't be put together: told of, and its parts kept as an upload, unless there is something newer.
    pub(super) fn broken(
        mut self,
        missing: Vec<LostBlob>,
        newest: Option<(Timestamp, BlobId)>,
        bucket: &mut SalvagedBucket,
    ) {
        if newest >= self.last_written() {
            bucket.superseded += self.blobs();
            return;
        }
        let is_replaced_by_older = newest.is_some();
        bucket.lost.extend(missing.into_iter().map(|lost| LostBlob { is_replaced_by_older, ..lost }));
        self.completion = None;
        self.unreadable.clear();
        self.in_progress(bucket);
    }

    pub(super) fn in_progress(mut self, bucket: &mut SalvagedBucket) {
        bucket.lost.append(&mut self.unreadable);
        if !self.parts.is_empty() {
            bucket.uploads.push(self);
        }
    }
}

fn part_record(part: &SalvagedBlob) -> PartRecord {
    PartRecord {
        size_bytes: part.blob.size_bytes,
        etag: ETag::single(part.descriptor.md5),
        checksum: part.descriptor.checksum.clone(),
        blob: Some(part.blob.clone()),
    }
}

/// The record of a part of no bytes.
fn empty_record() -> PartRecord {
    let md5 = Md5::digest([]).into();
    PartRecord { size_bytes: 0, etag: ETag::single(md5), checksum: None, blob: None }
}

fn part_info(number: u16, part: PartRecord) -> PartInfo {
    let PartRecord { size_bytes, etag, checksum, .. } = part;
    PartInfo { number, size_bytes, etag, modified: Timestamp::ZERO, checksum }
}
