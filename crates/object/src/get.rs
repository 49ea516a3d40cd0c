//! Reading an object: its record, then its bytes, checked.

use std::collections::VecDeque;
use std::ops::{Bound, Range};

use blob::{BlobError, BlobReader, FaultKind};
use bytes::Bytes;
use meta::table::{Stored, after_prefix};
use model::blob::BlobRef;
use model::ids::{BlobId, UploadId, VersionId};
use model::limits::PART_NUMBER_MAX;
use model::object::{AttributesAt, Content, ObjectVersion};
use model::part_set::PartSet;
use model::upload::COMPLETION_NUMBER;

use crate::readers::{Reading, is_due};
use crate::tables::{Current, Details, PartKey, Parts, Path, Reclaim, parts_prefix};
use crate::types::{BucketInfo, ObjectInfo, PartRange};
use crate::{ATTEMPTS_MAX, ObjectError, Objects};

/// Parts whose rows are read at once.
const PARTS_PAGE: usize = 256;

/// An object whose record was read.
#[derive(Debug)]
pub struct OpenObject {
    path: Path,
    content: Content,
    inline: Bytes,
    info: ObjectInfo,
}

impl OpenObject {
    /// What HEAD shows.
    #[must_use]
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
}

impl Objects {
    /// Reads an object's record.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`], [`ObjectError::DeleteMarker`].
    pub async fn open(
        &self,
        bucket: &BucketInfo,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<OpenObject, ObjectError> {
        let path = (bucket.id, key.to_owned());
        let reader = self.reader(&path).await?;
        for _ in 0..ATTEMPTS_MAX {
            let current = reader.get::<Current>(&path)?.ok_or(match version {
                None => ObjectError::NoSuchKey,
                Some(_) => ObjectError::NoSuchVersion,
            })?;
            if version.is_some_and(|version| version != current.row.id) {
                return Err(ObjectError::NoSuchVersion);
            }
            if current.row.content == Content::DeleteMarker {
                return Err(ObjectError::DeleteMarker { version: current.row.id, named: version.is_some() });
            }
            let detail = match current.row.has_detail() {
                false => None,
                true => {
                    let detail = reader.get::<Details>(&(path.0, path.1.clone(), current.row.id))?;
                    // Both rows are written together: other versions mean that the object was replaced in between.
                    match detail.filter(|detail| detail.version == current.version) {
                        Some(detail) => Some(detail.row),
                        None => continue,
                    }
                }
            };
            return Ok(opened(path, bucket, current, detail.unwrap_or_default()));
        }
        Err(ObjectError::Contended)
    }

    /// The bytes that `partNumber` names; `None` where the object has no such part. One that was put in one piece is its
    /// own part 1.
    ///
    /// # Errors
    /// Where the parts' rows can't be read.
    pub async fn part_range(
        &self,
        object: &OpenObject,
        number: u16,
    ) -> Result<Option<PartRange>, ObjectError> {
        let Content::Parts { upload, count, named, .. } = &object.content else {
            let whole = PartRange { range: 0..object.info.size_bytes, parts: 1, checksum: None };
            return Ok((number == 1).then_some(whole));
        };
        if number == 0 || number > *count {
            return Ok(None);
        }
        let _held = self.hold_parts(object, *upload).await?;
        let reader = self.reader(&object.path).await?;
        let prefix = parts_prefix(object.path.0, &object.path.1, *upload);
        let end = after_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        // Without others between them, the first `number` rows are enough.
        let limit = if named.is_some() { PART_NUMBER_MAX } else { number };
        let start = [prefix.as_slice(), &COMPLETION_NUMBER.to_be_bytes()].concat();
        let rows = reader.scan::<Parts>((Bound::Excluded(&start), end), usize::from(limit))?;
        // S3 counts the parts of a completed object from 1, whatever numbers they were uploaded under.
        let mut parts = rows.into_iter().filter(|(key, _)| is_named(named.as_ref(), key.number));
        let before = parts.by_ref().take(usize::from(number) - 1).map(|(_, part)| part.row.size_bytes).sum();
        let part = parts.next().ok_or(ObjectError::Replaced)?.1.row;
        let range = before..before + part.size_bytes;
        Ok(Some(PartRange { range, parts: *count, checksum: part.checksum }))
    }

    /// Keeps the rows of the parts, and so their blobs, until the answer is dropped. They are taken away a page at a time:
    /// what is left of them would be read as if nothing were missing before it.
    async fn hold_parts(&self, object: &OpenObject, upload: UploadId) -> Result<Reading, ObjectError> {
        let held = self.inner.readers.register(BlobId::from_bytes(*upload.bytes()));
        let reader = self.reader(&object.path).await?;
        let current = reader.get::<Current>(&object.path)?;
        if current.is_some_and(|current| current.row.content == object.content) {
            return Ok(held);
        }
        // Replaced: the rows are whole as long as they are not due.
        let replaced = reader.get::<Reclaim>(upload.bytes())?;
        let now = self.inner.env.clock.now();
        match replaced.is_some_and(|row| !is_due(row.time, now)) {
            true => Ok(held),
            false => Err(ObjectError::Replaced),
        }
    }

    /// Begins to read bytes; the first ones have been read when it returns.
    ///
    /// # Errors
    /// [`ObjectError::Replaced`] where the object was replaced since it was opened: open it again.
    pub async fn read(&self, object: &OpenObject, range: Range<u64>) -> Result<ObjectReader, ObjectError> {
        let range = range.start.min(object.info.size_bytes)..range.end.min(object.info.size_bytes);
        let mut reader = ObjectReader {
            objects: self.clone(),
            path: object.path.clone(),
            source: self.source(object, range),
            first: None,
            failed: false,
        };
        if let (Source::Pieces(pieces), Content::Parts { upload, .. }) = (&mut reader.source, &object.content)
        {
            pieces.held = Some(self.hold_parts(object, *upload).await?);
        }
        reader.first = reader.pull().await.transpose()?;
        Ok(reader)
    }

    fn source(&self, object: &OpenObject, range: Range<u64>) -> Source {
        if range.is_empty() {
            return Source::Done;
        }
        match &object.content {
            Content::DeleteMarker | Content::Empty => Source::Done,
            Content::Inline => {
                let (start, end) = (range.start as usize, range.end as usize);
                Source::Inline(object.inline.slice(start..end.min(object.inline.len())))
            }
            Content::Blob(blob) => Source::Pieces(Box::new(Pieces::one(blob.clone(), range))),
            Content::Parts { upload, uniform_bytes, named, .. } => {
                let prefix = parts_prefix(object.path.0, &object.path.1, *upload);
                let skipped = range.start.checked_div(*uniform_bytes).unwrap_or(0);
                let first = PartKey {
                    bucket: object.path.0,
                    key: object.path.1.clone(),
                    upload: *upload,
                    number: skipped as u16 + 1,
                };
                Source::Pieces(Box::new(Pieces {
                    waiting: VecDeque::new(),
                    rows: Some(PartRows {
                        prefix,
                        from: first,
                        inclusive: true,
                        position: skipped * uniform_bytes,
                        named: named.clone(),
                    }),
                    range,
                    current: None,
                    held: None,
                }))
            }
        }
    }
}

fn opened(
    path: Path,
    bucket: &BucketInfo,
    current: Stored<ObjectVersion>,
    detail: model::object::ObjectDetail,
) -> OpenObject {
    let modified = current.row.modified.or(current.time);
    let row = current.row;
    let attributes = match row.attributes {
        AttributesAt::Here(attributes) => attributes,
        AttributesAt::Apart => detail.attributes.unwrap_or_default(),
    };
    let info = ObjectInfo {
        version: row.id,
        modified,
        size_bytes: row.size_bytes,
        etag: row.etag,
        storage_class: row.storage_class,
        attributes,
        checksum: row.checksum,
        parts: match row.content {
            Content::Parts { count, .. } => Some(count),
            _ => None,
        },
        owner: if row.owner.is_empty() { bucket.owner.clone() } else { row.owner },
    };
    OpenObject { path, content: row.content, inline: Bytes::from(detail.inline), info }
}

/// Bytes of an object, in order, each checked.
#[derive(Debug)]
pub struct ObjectReader {
    objects: Objects,
    path: Path,
    source: Source,
    first: Option<Bytes>,
    failed: bool,
}

#[derive(Debug)]
enum Source {
    Done,
    Inline(Bytes),
    Pieces(Box<Pieces>),
}

/// Blobs one after the other.
#[derive(Debug)]
struct Pieces {
    /// Blobs to read, each with the range of it.
    waiting: VecDeque<(BlobRef, Range<u64>)>,
    /// Where the rows of further parts are.
    rows: Option<PartRows>,
    /// What is still wanted, in bytes of the object.
    range: Range<u64>,
    current: Option<(BlobReader, BlobRef, Reading)>,
    /// Keeps the rows of the parts.
    held: Option<Reading>,
}

#[derive(Debug)]
struct PartRows {
    prefix: Vec<u8>,
    from: PartKey,
    inclusive: bool,
    /// Bytes of the object before the part at `from`.
    position: u64,
    /// The numbers to read; `None`: all.
    named: Option<PartSet>,
}

fn is_named(named: Option<&PartSet>, number: u16) -> bool {
    named.is_none_or(|named| named.contains(number))
}

impl Pieces {
    fn one(blob: BlobRef, range: Range<u64>) -> Self {
        Pieces {
            waiting: VecDeque::from([(blob, range.clone())]),
            rows: None,
            range,
            current: None,
            held: None,
        }
    }
}

impl ObjectReader {
    /// The next bytes; `None` at the end. After an error there are no more, and the answer must not look whole.
    pub async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        self.pull().await
    }

    async fn pull(&mut self) -> Option<Result<Bytes, ObjectError>> {
        if self.failed {
            return None;
        }
        let next = match &mut self.source {
            Source::Done => return None,
            Source::Inline(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Done;
                return Some(Ok(bytes));
            }
            Source::Pieces(_) => self.pull_piece().await,
        };
        self.failed = next.is_err();
        next.transpose()
    }

    async fn pull_piece(&mut self) -> Result<Option<Bytes>, ObjectError> {
        loop {
            let Source::Pieces(pieces) = &mut self.source else {
                return Ok(None);
            };
            if let Some((reader, blob, _)) = &mut pieces.current {
                match reader.next().await {
                    Some(Ok(bytes)) => return Ok(Some(bytes)),
                    Some(Err(error)) => return Err(gone_or(error)),
                    None => {
                        let damaged = (!reader.damaged().is_empty()).then(|| blob.clone());
                        pieces.current = None;
                        if let Some(blob) = damaged {
                            queue_heal(&self.objects, &self.path, &blob).await;
                        }
                        continue;
                    }
                }
            }
            if let Some((blob, range)) = pieces.waiting.pop_front() {
                let reading = self.objects.inner.readers.register(blob.id);
                let reader = self.objects.inner.blobs.read(&blob, range)?;
                pieces.current = Some((reader, blob, reading));
                continue;
            }
            if !self.more_parts().await? {
                self.source = Source::Done;
                return Ok(None);
            }
        }
    }

    /// Reads rows of further parts; false where there are no more or no more are wanted.
    async fn more_parts(&mut self) -> Result<bool, ObjectError> {
        let Source::Pieces(pieces) = &mut self.source else {
            return Ok(false);
        };
        let Some(rows) = pieces.rows.as_mut().filter(|rows| rows.position < pieces.range.end) else {
            return Ok(false);
        };
        let reader = self.objects.reader(&self.path).await?;
        let mut from = Vec::new();
        <Parts as meta::table::Table>::encode_key(&rows.from, &mut from);
        let start =
            if rows.inclusive { Bound::Included(from.as_slice()) } else { Bound::Excluded(from.as_slice()) };
        let end = after_prefix(&rows.prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let found = reader.scan::<Parts>((start, end), PARTS_PAGE)?;
        if found.is_empty() {
            // The record says there are more: they were reclaimed.
            return Err(ObjectError::Replaced);
        }
        for (key, part) in found {
            if is_named(rows.named.as_ref(), key.number) {
                let (begin, size) = (rows.position, part.row.size_bytes);
                let (start, end) = (pieces.range.start.max(begin), pieces.range.end.min(begin + size));
                if let Some(blob) = part.row.blob.filter(|_| start < end) {
                    pieces.waiting.push_back((blob, start - begin..end - begin));
                }
                rows.position += size;
            }
            rows.from = key;
            rows.inclusive = false;
        }
        Ok(true)
    }
}

/// Queues the repair of a blob that could be read only with the help of parity. A failure to do so loses nothing: the
/// next reader will try again.
async fn queue_heal(objects: &Objects, path: &Path, blob: &BlobRef) {
    if let Ok(mut txn) = objects.begin(path).await {
        crate::content::heal(&mut txn, blob);
        let _ = txn.commit().await;
    }
}

/// A blob of which nothing is left was reclaimed, as its object was replaced.
fn gone_or(error: BlobError) -> ObjectError {
    match &error {
        BlobError::TooFewShards { whole: 0, faults, .. }
            if faults.iter().all(|fault| fault.kind == FaultKind::Missing) =>
        {
            ObjectError::Replaced
        }
        _ => error.into(),
    }
}
