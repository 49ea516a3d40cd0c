//! Reading all of a drive to see whether it still holds what was written: segment by segment, then folder by folder, each in
//! the order of places, so that a disk that turns reads on.
//!
//! What always holds: it is the drive that is asked and not the page cache, so that a good copy in memory hides nothing. What
//! is reported was looked for again where it may have moved meanwhile: a shard that was deleted, moved by compaction or
//! written anew since is no fault. Bytes of records that are dead are nobody's, and are not looked at.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use env::{File, OpenOptions};
use model::blob::BlobRef;
use model::ids::BlobId;

use super::Drive;
use super::file::parse_name;
use super::format::{FIRST_BATCH, RECORD_HEADER_BYTES, RecordHeader, RecordKind, SegmentHeader, record_len};
use super::index::Location;
use super::inventory::read_end;
use super::recovery::read_footer;
use super::segments::{Segment, segment_path};
use crate::error::{FaultKind, FormatError};
use crate::layout::Layout;
use crate::registry::Registry;
use crate::scrub::{ScrubAt, ScrubFault, ScrubStep};
use crate::shard::{
    FILE_HEADER_BYTES, FRAME_HEADER_BYTES, check_packed, decode_file_header, decode_footer, open_frame,
};

/// Bytes of records read at once.
const WINDOW_BYTES: u64 = 512 << 10;
/// Dead bytes between two living records that are read rather than skipped.
const GAP_BYTES_MAX: u64 = 64 << 10;
/// What listing a folder counts for, so that many empty ones are paced as well.
const FOLDER_BYTES: u64 = 16 << 10;

const DIRECT: OpenOptions =
    OpenOptions { write: false, create_new: false, direct: true, write_through: false, on_caller: false };

/// A walk over a drive.
pub(crate) struct Walk {
    drive: Arc<Drive>,
    at: ScrubAt,
    segment: Option<SegmentWalk>,
    /// Folders still to be looked at, the last one first.
    folders: Vec<u16>,
    /// The folder at hand, and what of it is still to be looked at, the last one first.
    folder: Option<u16>,
    names: Vec<(BlobId, u8)>,
    file: Option<FileWalk>,
}

impl Walk {
    pub(crate) fn new(drive: Arc<Drive>, at: ScrubAt) -> Self {
        Walk { drive, at, segment: None, folders: Vec::new(), folder: None, names: Vec::new(), file: None }
    }

    pub(crate) fn drive(&self) -> Arc<Drive> {
        Arc::clone(&self.drive)
    }

    /// Where to begin again, should the walk end here.
    pub(crate) fn at(&self) -> ScrubAt {
        self.at
    }

    /// Reads on until so many bytes were read, or a little more.
    pub(crate) async fn step(
        &mut self,
        limit_bytes: u64,
        pending: &Registry,
    ) -> Result<ScrubStep, FaultKind> {
        let mut step = ScrubStep::default();
        let drive = Arc::clone(&self.drive);
        let piece = drive.begin_piece();
        while step.read_bytes < limit_bytes && !step.is_last {
            match self.at {
                ScrubAt::Segments { from } => self.segments(from, &mut step).await,
                ScrubAt::Files { from } => self.files(from, &mut step, pending).await?,
            }
        }
        step.rest = piece.rest(false);
        Ok(step)
    }

    async fn segments(&mut self, from: u32, step: &mut ScrubStep) {
        if let Some(walk) = &mut self.segment {
            if walk.next < walk.live.len() {
                return walk.window(&self.drive, step).await;
            }
            self.segment = None;
            self.at = ScrubAt::Segments { from: from.saturating_add(1) };
            return;
        }
        match self.drive.segments.next_from(from) {
            Some(segment) => {
                self.at = ScrubAt::Segments { from: segment.number() };
                self.segment = Some(SegmentWalk::begin(&self.drive, segment, step).await);
            }
            None => self.at = ScrubAt::Files { from: 0 },
        }
    }

    async fn files(&mut self, from: u32, step: &mut ScrubStep, pending: &Registry) -> Result<(), FaultKind> {
        if let Some(file) = &mut self.file {
            if file.advance(&self.drive, step).await {
                self.file = None;
            }
            return Ok(());
        }
        if let Some((id, shard)) = self.names.pop() {
            if !pending.contains(&id) {
                self.file = Some(FileWalk { id, shard, open: None, is_second_look: false });
            }
            return Ok(());
        }
        if let Some(folder) = self.folder.take() {
            self.at = ScrubAt::Files { from: u32::from(folder) + 1 };
            return Ok(());
        }
        step.read_bytes += FOLDER_BYTES;
        if let Some(folder) = self.folders.pop() {
            self.names = self.drive.names_in(folder).await?;
            self.folder = Some(folder);
            return Ok(());
        }
        let (mut folders, _) = self.drive.folders_from(from).await?;
        folders.reverse();
        step.is_last = folders.is_empty();
        self.folders = folders;
        Ok(())
    }
}

impl Drive {
    /// The shards in a folder, the last one first.
    async fn names_in(&self, folder: u16) -> Result<Vec<(BlobId, u8)>, FaultKind> {
        let entries = self.env.disk.list(&self.folder(folder)).await;
        let entries = entries.map_err(|error| FaultKind::io(&error))?;
        let mut names: Vec<_> = entries.iter().filter_map(|entry| parse_name(&entry.name)).collect();
        names.sort_unstable_by(|one, other| other.cmp(one));
        Ok(names)
    }

    /// A packed shard, checked with all that is around it; `None` where there is none.
    pub(crate) async fn read_whole_packed(&self, id: &BlobId, shard: u8) -> Result<Option<Bytes>, FaultKind> {
        while let Some(location) = self.segments.index.find(id, shard) {
            // Without its segment the record has been moved since the look: look again.
            if let Some(segment) = self.segments.get(location.segment) {
                let len = record_len(location.length as usize);
                let read = segment.file.read_at(u64::from(location.offset), len).await;
                let bytes = read.map_err(|error| FaultKind::io(&error))?;
                return Ok(Some(check_record(&bytes, &segment.header, (id, shard), location)?));
            }
            std::hint::spin_loop();
        }
        Ok(None)
    }

    /// Whether the drive has a shard, whatever state it is in.
    pub(crate) async fn has_shard(&self, id: &BlobId, shard: u8) -> Result<bool, FaultKind> {
        if self.is_packed(id, shard) {
            return Ok(true);
        }
        match self.open_file(id, shard).await {
            Ok(_) => Ok(true),
            Err(FaultKind::Missing) => Ok(false),
            Err(kind) => Err(kind),
        }
    }

    /// Gives the body of a living record a place in another segment, and so all that lives in this one; removes it.
    pub(crate) async fn rewrite_segment(&self, number: u32) -> Result<(), FaultKind> {
        let _one_at_a_time = self.compacting.lock().await;
        let Some(segment) = self.segments.get(number) else {
            return Ok(());
        };
        if self.health.is_poisoned() || !segment.sealed.load(Ordering::Relaxed) {
            return Err(FaultKind::NotWritable);
        }
        self.move_out(&segment).await?;
        self.remove_segment(&segment).await.map_err(|error| FaultKind::io(&error))
    }
}

/// The body of a record, checked to be that shard's at that place; `bytes` begin with its header.
fn check_record(
    bytes: &Bytes,
    segment: &SegmentHeader,
    (id, shard): (&BlobId, u8),
    location: Location,
) -> Result<Bytes, FormatError> {
    let header = RecordHeader::decode(bytes, segment, u64::from(location.offset))?;
    let is_ours = header.kind == RecordKind::Shard
        && header.id == *id
        && header.shard == shard
        && header.length == location.length;
    if !is_ours {
        return Err(FormatError::Foreign { part: "record", what: "shard" });
    }
    let end = RECORD_HEADER_BYTES + location.length as usize;
    if bytes.len() < end {
        return Err(FormatError::Cut { part: "record" });
    }
    let body = bytes.slice(RECORD_HEADER_BYTES..end);
    let packed = check_packed(&body)?;
    if packed.identity.id != *id || packed.identity.shard != shard {
        return Err(FormatError::Foreign { part: "packed shard", what: "shard" });
    }
    Ok(body)
}

/// A segment being read: what lives in it, in the order of places.
struct SegmentWalk {
    segment: Arc<Segment>,
    /// `None` where it can't be opened: all that lives in it is lost, then.
    file: Option<Arc<dyn File>>,
    live: Vec<(BlobId, u8, Location)>,
    next: usize,
}

impl SegmentWalk {
    async fn begin(drive: &Drive, segment: Arc<Segment>, step: &mut ScrubStep) -> Self {
        let path = segment_path(&drive.segments.folder, segment.number());
        let file = drive.env.disk.open(&path, DIRECT).await;
        let frame = match &file {
            Ok(file) => check_frame(file, &segment, step).await,
            Err(error) => Err(FaultKind::io(error)),
        };
        if let Err(kind) = frame
            && drive.segments.get(segment.number()).is_some()
        {
            step.faults.push(ScrubFault::Segment { number: segment.number(), kind });
        }
        let live = drive.segments.index.in_segment(segment.number()).await;
        SegmentWalk { segment, file: file.ok(), live, next: 0 }
    }

    /// Reads and checks as many records as lie in a window.
    async fn window(&mut self, drive: &Drive, step: &mut ScrubStep) {
        let rest = self.live.get(self.next..).unwrap_or_default();
        let (count, span) = window_of(rest);
        let records: Vec<_> = rest.iter().take(count).copied().collect();
        self.next += count;
        let start = span.start;
        let bytes = match &self.file {
            Some(file) => file.read_at(start, (span.end - start) as usize).await.ok(),
            None => None,
        };
        step.read_bytes += span.end - start;
        for (id, shard, location) in records {
            step.shards += 1;
            let at = u64::from(location.offset);
            let record = match &bytes {
                Some(bytes) => {
                    let skip = ((at - start) as usize).min(bytes.len());
                    let end = (skip + record_len(location.length as usize)).min(bytes.len());
                    Ok(bytes.slice(skip..end))
                }
                // One bad place in the window must not count against its neighbours.
                None => self.one(location).await,
            };
            let checked = record
                .and_then(|bytes| Ok(check_record(&bytes, &self.segment.header, (&id, shard), location)?));
            if let Err(kind) = checked
                && drive.segments.index.find(&id, shard) == Some(location)
            {
                step.faults.push(ScrubFault::Shard { id, shard, kind });
            }
        }
    }

    async fn one(&self, location: Location) -> Result<Bytes, FaultKind> {
        let file = self.file.as_ref().ok_or(FaultKind::Missing)?;
        let read = file.read_at(u64::from(location.offset), record_len(location.length as usize)).await;
        read.map_err(|error| FaultKind::io(&error))
    }
}

/// How many of the records one read takes, and where they lie.
fn window_of(records: &[(BlobId, u8, Location)]) -> (usize, std::ops::Range<u64>) {
    let end_of =
        |location: &Location| u64::from(location.offset) + record_len(location.length as usize) as u64;
    let Some((_, _, first)) = records.first() else {
        return (0, 0..0);
    };
    let start = u64::from(first.offset);
    let (mut count, mut end) = (1, end_of(first));
    for (_, _, location) in records.iter().skip(1) {
        let gap = u64::from(location.offset).saturating_sub(end);
        if gap > GAP_BYTES_MAX || end_of(location) > start + WINDOW_BYTES {
            break;
        }
        end = end.max(end_of(location));
        count += 1;
    }
    (count, start..end)
}

/// Checks what a segment has besides its records: the header, and behind them the index with its footer.
async fn check_frame(file: &Arc<dyn File>, segment: &Segment, step: &mut ScrubStep) -> Result<(), FaultKind> {
    let io = |error: io::Error| FaultKind::io(&error);
    let number = segment.number();
    let start = file.read_at(0, FIRST_BATCH as usize).await.map_err(io)?;
    step.read_bytes += FIRST_BATCH;
    if SegmentHeader::decode(&start, number)? != segment.header {
        return Err(FormatError::Foreign { part: "segment header", what: "segment" }.into());
    }
    if !segment.sealed.load(Ordering::Relaxed) {
        return Ok(());
    }
    let len = file.len().await.map_err(io)?;
    let (footer, index) = read_footer(file, number, len).await.map_err(io)??;
    step.read_bytes += footer.index_len() as u64;
    index?;
    match footer.header == segment.header {
        true => Ok(()),
        false => Err(FormatError::Foreign { part: "segment footer", what: "segment" }.into()),
    }
}

/// A shard file being read.
struct FileWalk {
    id: BlobId,
    shard: u8,
    open: Option<OpenWalk>,
    is_second_look: bool,
}

struct OpenWalk {
    file: Arc<dyn File>,
    blob: BlobRef,
    layout: Layout,
    stripe: u64,
}

impl FileWalk {
    /// Reads a frame, or what tells where the frames are. True when the file needs no more looking at.
    async fn advance(&mut self, drive: &Drive, step: &mut ScrubStep) -> bool {
        let advanced = match &mut self.open {
            None => self.begin(drive, step).await,
            Some(open) => open.frame(self.shard, step).await,
        };
        match advanced {
            Ok(is_done) => {
                step.shards += u64::from(is_done);
                is_done
            }
            // It was deleted meanwhile; if it is missing, its record tells.
            Err(FaultKind::Missing) => true,
            // It may have been written anew while it was read.
            Err(_) if !self.is_second_look => {
                self.open = None;
                self.is_second_look = true;
                false
            }
            Err(kind) => {
                step.shards += 1;
                step.faults.push(ScrubFault::Shard { id: self.id, shard: self.shard, kind });
                true
            }
        }
    }

    async fn begin(&mut self, drive: &Drive, step: &mut ScrubStep) -> Result<bool, FaultKind> {
        let path = drive.file_path(&self.id, self.shard);
        let file = match drive.env.disk.open(&path, DIRECT).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FaultKind::Missing),
            other => other.map_err(|error| FaultKind::io(&error))?,
        };
        let header = file.read_at(0, FILE_HEADER_BYTES).await.map_err(|error| FaultKind::io(&error))?;
        let identity = decode_file_header(&header)?;
        let footer = decode_footer(&read_end(&file).await?)?;
        step.read_bytes += 2 * env::buffer::BLOCK_BYTES as u64;
        if (identity.id, identity.shard) != (self.id, self.shard)
            || (footer.id, footer.shard) != (self.id, self.shard)
        {
            return Err(FormatError::Foreign { part: "shard file", what: "shard" }.into());
        }
        let blob = identity.blob(footer.size_bytes);
        let layout = Layout::of(&blob);
        self.open = Some(OpenWalk { file, blob, layout, stripe: 0 });
        Ok(false)
    }
}

impl OpenWalk {
    async fn frame(&mut self, shard: u8, step: &mut ScrubStep) -> Result<bool, FaultKind> {
        if self.stripe >= self.layout.stripes() {
            return Ok(true);
        }
        let piece_len = self.layout.piece_len(self.stripe);
        let len = FRAME_HEADER_BYTES + piece_len as usize;
        let read = self.file.read_at(self.layout.frame_offset(self.stripe), len).await;
        let bytes = read.map_err(|error| FaultKind::io(&error))?;
        step.read_bytes += len as u64;
        open_frame(&bytes, &self.blob.id, shard, self.stripe, piece_len)?;
        self.stripe += 1;
        Ok(self.stripe == self.layout.stripes())
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests;
