//! A drive's shards read while no server runs on it: everything is checked, nothing is written, not even a folder.
//!
//! What always holds: a shard that is told of as whole was read and checked (to the depth that was asked for); what is
//! not, is told of with its file and the offset. Memory: the index of packed shards, as a server has it; besides, one
//! window of a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use env::{Disk, File, OpenOptions};
use model::ids::BlobId;

use super::file::{folder_number, parse_name, parse_repair_name};
use super::format::{
    Entry, FIRST_BATCH, RECORD_HEADER_BYTES, RecordHeader, RecordKind, SegmentHeader, record_len,
};
use super::index::{Index, Location};
use super::inventory::read_end;
use super::open::segment_number;
use super::recovery::{Contents, read_segment};
use super::segments::segment_path;
use crate::error::{FaultKind, FormatError};
use crate::layout::Layout;
use crate::shard::{
    FILE_HEADER_BYTES, FRAME_HEADER_BYTES, check_packed, decode_file_header, decode_footer, open_frame,
    packed_descriptor,
};
use crate::status::Described;

/// How much of a file is read at a time.
const WINDOW_BYTES: usize = 4 << 20;

/// How much of a shard file is checked. Packed shards are small and always checked from end to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Header, footer and length: whether it is there and whose it is.
    Ends,
    /// Every frame as well.
    Everything,
}

/// A shard that is there, of what was read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineShard {
    /// Its number.
    pub shard: u8,
    /// What it tells of its blob.
    pub described: Described,
    /// The file that holds it.
    pub path: PathBuf,
    /// Where it begins there.
    pub offset_bytes: u64,
    /// Bytes it takes on the drive.
    pub bytes: u64,
}

/// What a fault means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfflineFaultKind {
    /// Bytes are not what was written.
    Damaged,
    /// A crash came while it was written; nothing in it was acknowledged.
    Torn,
    /// Damaged, but of a record that is dead: nobody will read it.
    Dead,
    /// A newer release wrote it.
    Newer,
    /// The operating system reports an error.
    Unreadable,
    /// Not a file of the store.
    Stray,
    /// A repair was cut off: its unfinished file.
    CutRepair,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineFault {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub offset_bytes: u64,
    /// The shard concerned, where one is.
    pub shard: Option<(BlobId, u8)>,
    /// What it means.
    pub kind: OfflineFaultKind,
    /// What is wrong.
    pub reason: String,
}

/// What a walk comes across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfflineItem {
    /// A shard that is whole to the depth asked for.
    Shard(OfflineShard),
    /// A fault.
    Fault(OfflineFault),
    /// So many more bytes were read: for whoever shows progress.
    Read(u64),
}

/// What a walk calls with each item.
pub type OfflineVisit<'a> = dyn FnMut(OfflineItem) + Send + 'a;

/// A drive's blobs.
pub struct OfflineDrive {
    disk: Arc<dyn Disk>,
    segments: PathBuf,
    shards: PathBuf,
    numbers: Vec<u32>,
    live: Index,
    live_count: u64,
}

impl std::fmt::Debug for OfflineDrive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineDrive").field("segments", &self.segments).finish_non_exhaustive()
    }
}

impl OfflineDrive {
    /// Reads the indexes of the segments below `<drive>/blob`; tells of what is wrong with segments as wholes.
    ///
    /// # Errors
    /// Where the folder of segments can't be listed.
    pub async fn open(disk: Arc<dyn Disk>, drive: &Path, visit: &mut OfflineVisit<'_>) -> io::Result<Self> {
        let root = drive.join("blob");
        let mut opened = OfflineDrive {
            disk,
            segments: root.join("segments"),
            shards: root.join("shards"),
            numbers: Vec::new(),
            live: Index::default(),
            live_count: 0,
        };
        for entry in list(&*opened.disk, &opened.segments).await? {
            match segment_number(&entry.name) {
                Some(number) => opened.numbers.push(number),
                None => visit(stray(opened.segments.join(&entry.name))),
            }
        }
        opened.numbers.sort_unstable();
        for number in opened.numbers.clone() {
            if let Some((_, contents)) = opened.contents(number, Some(visit)).await {
                opened.replay(number, &contents);
            }
        }
        Ok(opened)
    }

    /// Packed shards that are alive.
    #[must_use]
    pub fn packed_shards(&self) -> u64 {
        self.live_count
    }

    /// Reads and checks every record of every segment.
    pub async fn walk_packed(&self, visit: &mut OfflineVisit<'_>) {
        for number in &self.numbers {
            if let Some((file, contents)) = self.contents(*number, None).await {
                let mut walk = Walk { drive: self, number: *number, file, contents: &contents, visit };
                walk.run().await;
            }
        }
    }

    /// Reads and checks every shard file.
    ///
    /// # Errors
    /// Where a folder can't be listed.
    pub async fn walk_files(&self, depth: Depth, visit: &mut OfflineVisit<'_>) -> io::Result<()> {
        for high in list(&*self.disk, &self.shards).await? {
            let above = self.shards.join(&high.name);
            if !is_folder_name(&high) {
                visit(stray(above));
                continue;
            }
            for low in list(&*self.disk, &above).await? {
                let folder = above.join(&low.name);
                if !is_folder_name(&low) {
                    visit(stray(folder));
                    continue;
                }
                self.walk_folder(&folder, depth, visit).await?;
            }
        }
        Ok(())
    }

    async fn walk_folder(&self, folder: &Path, depth: Depth, visit: &mut OfflineVisit<'_>) -> io::Result<()> {
        for entry in list(&*self.disk, folder).await? {
            let path = folder.join(&entry.name);
            match parse_name(&entry.name).filter(|(id, _)| self.folder_of(id) == *folder) {
                Some((id, shard)) => self.check_file(path, id, shard, entry.size_bytes, depth, visit).await,
                None if parse_repair_name(&entry.name).is_some() => {
                    let reason = "a repair was cut off while it wrote this file".to_owned();
                    let kind = OfflineFaultKind::CutRepair;
                    visit(OfflineItem::Fault(OfflineFault {
                        path,
                        offset_bytes: 0,
                        shard: None,
                        kind,
                        reason,
                    }));
                }
                None => visit(stray(path)),
            }
        }
        Ok(())
    }

    /// Where a shard is, packed or as a file, whether it is whole or not; `None` where it is not here.
    pub async fn find(&self, id: &BlobId, shard: u8) -> Option<(PathBuf, u64)> {
        if let Some(location) = self.live.find(id, shard) {
            return Some((segment_path(&self.segments, location.segment), u64::from(location.offset)));
        }
        let path = self.folder_of(id).join(format!("{id}.{shard}"));
        let is_there = self.disk.open(&path, OpenOptions::default()).await.is_ok();
        is_there.then_some((path, 0))
    }

    fn folder_of(&self, id: &BlobId) -> PathBuf {
        let [high, low] = folder_number(id).to_be_bytes();
        self.shards.join(format!("{high:02x}")).join(format!("{low:02x}"))
    }

    /// A segment's contents, its faults told of where somebody wants them.
    async fn contents(
        &self,
        number: u32,
        visit: Option<&mut OfflineVisit<'_>>,
    ) -> Option<(Arc<dyn File>, Contents)> {
        let path = segment_path(&self.segments, number);
        let newest = self.numbers.last() == Some(&number);
        let (found, faults) = match self.read_contents(&path, number, newest).await {
            Ok((file, contents)) => {
                let faults = segment_faults(&path, &contents, newest);
                (Some((file, contents)), faults)
            }
            Err(fault) => (None, fault.into_iter().collect()),
        };
        if let Some(visit) = visit {
            faults.into_iter().for_each(|fault| visit(OfflineItem::Fault(fault)));
        }
        found
    }

    /// The error is `None` where the segment was never used.
    async fn read_contents(
        &self,
        path: &Path,
        number: u32,
        newest: bool,
    ) -> Result<(Arc<dyn File>, Contents), Option<OfflineFault>> {
        let unreadable = |error: io::Error| Some(fault_of_io(path, &error));
        let file = self.disk.open(path, OpenOptions::default()).await.map_err(unreadable)?;
        match read_segment(&file, number).await.map_err(unreadable)? {
            Ok(mut contents) => {
                let start = file.read_at(0, FIRST_BATCH as usize).await.map_err(unreadable)?;
                if let (true, Err(error)) = (contents.sealed, SegmentHeader::decode(&start, number)) {
                    let reason = format!("{error}; the footer says the same and is whole");
                    contents.faults.push(super::recovery::Fault { offset: 0, reason, may_be_torn: false });
                }
                Ok((file, contents))
            }
            Err(error) => {
                let start = file.read_at(0, FIRST_BATCH as usize).await.map_err(unreadable)?;
                let is_unused = newest && start.iter().all(|byte| *byte == 0);
                Err((!is_unused).then(|| fault_of_format(path, 0, None, &error)))
            }
        }
    }

    /// Takes a segment's records as a server does at its start: the last word on a shard counts.
    fn replay(&mut self, number: u32, contents: &Contents) {
        for entry in &contents.entries {
            let had = match entry.kind {
                RecordKind::Shard => {
                    self.live_count += 1;
                    self.live.insert(entry.id, entry.shard, location(number, entry))
                }
                RecordKind::Tombstone { .. } => self.live.remove(&entry.id, entry.shard, None),
            };
            self.live_count -= u64::from(had.is_some());
        }
    }

    async fn check_file(
        &self,
        path: PathBuf,
        id: BlobId,
        shard: u8,
        size_bytes: u64,
        depth: Depth,
        visit: &mut OfflineVisit<'_>,
    ) {
        let checked = self.check_ends(&path, &id, shard).await;
        let (file, described) = match checked {
            Ok(found) => found,
            Err(fault) => return visit(OfflineItem::Fault(fault)),
        };
        let mut is_whole = true;
        if depth == Depth::Everything {
            let frames = Frames { path: &path, file: &file, described: &described, id, shard };
            is_whole = frames.check(visit).await;
        }
        if is_whole {
            let found = OfflineShard { shard, described, path, offset_bytes: 0, bytes: size_bytes };
            visit(OfflineItem::Shard(found));
        }
    }

    async fn check_ends(
        &self,
        path: &Path,
        id: &BlobId,
        shard: u8,
    ) -> Result<(Arc<dyn File>, Described), OfflineFault> {
        let of = Some((*id, shard));
        let unreadable = |error: io::Error| OfflineFault { shard: of, ..fault_of_io(path, &error) };
        let file = self.disk.open(path, OpenOptions::default()).await.map_err(unreadable)?;
        let len = file.len().await.map_err(unreadable)?;
        let header = file.read_at(0, FILE_HEADER_BYTES).await.map_err(unreadable)?;
        let identity = decode_file_header(&header).map_err(|error| fault_of_format(path, 0, of, &error))?;
        let end = read_end(&file).await.map_err(|kind| fault_of_kind(path, len, of, &kind))?;
        let footer = decode_footer(&end).map_err(|error| fault_of_format(path, len, of, &error))?;
        let is_named = identity.id == *id && identity.shard == shard;
        let is_one = footer.id == *id && footer.shard == shard;
        let blob = identity.blob(footer.size_bytes);
        let is_long = len >= Layout::of(&blob).frames_end();
        if !is_named || !is_one || !is_long {
            let reason = match (is_named, is_one) {
                (false, _) => "the header is that of another shard than the file's name says",
                (_, false) => "the footer is that of another shard than the file's name says",
                _ => "the file is shorter than what it should hold",
            };
            let offset = if is_named { len } else { 0 };
            return Err(fault(path, offset, of, OfflineFaultKind::Damaged, reason.to_owned()));
        }
        Ok((file, Described { blob, descriptor: footer.descriptor }))
    }
}

/// The frames of a shard file.
struct Frames<'a> {
    path: &'a Path,
    file: &'a Arc<dyn File>,
    described: &'a Described,
    id: BlobId,
    shard: u8,
}

impl Frames<'_> {
    /// Checks all of them; tells of the first bad one, with how many there are.
    async fn check(&self, visit: &mut OfflineVisit<'_>) -> bool {
        let layout = Layout::of(&self.described.blob);
        let mut window = Window::new(Arc::clone(self.file));
        let (mut first, mut bad) = (None, 0u64);
        for stripe in 0..layout.stripes() {
            let (offset, piece) = (layout.frame_offset(stripe), layout.piece_len(stripe));
            let len = FRAME_HEADER_BYTES + piece as usize;
            let bytes = match window.at(offset, len, layout.frames_end()).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let of = Some((self.id, self.shard));
                    let fault =
                        OfflineFault { shard: of, offset_bytes: offset, ..fault_of_io(self.path, &error) };
                    visit(OfflineItem::Fault(fault));
                    return false;
                }
            };
            visit(OfflineItem::Read(len as u64));
            if let Err(error) = open_frame(&bytes, &self.id, self.shard, stripe, piece) {
                bad += 1;
                first.get_or_insert((offset, error));
            }
        }
        let Some((offset, error)) = first else {
            return true;
        };
        let mut fault = fault_of_format(self.path, offset, Some((self.id, self.shard)), &error);
        if bad > 1 {
            fault.reason = format!("{}; {} more frames behind it are bad", fault.reason, bad - 1);
        }
        visit(OfflineItem::Fault(fault));
        false
    }
}

/// A walk over the records of a segment.
struct Walk<'a, 'v> {
    drive: &'a OfflineDrive,
    number: u32,
    file: Arc<dyn File>,
    contents: &'a Contents,
    visit: &'a mut OfflineVisit<'v>,
}

impl Walk<'_, '_> {
    async fn run(&mut self) {
        let mut window = Window::new(Arc::clone(&self.file));
        for entry in &self.contents.entries {
            let len = record_len(entry.length as usize);
            let read = window.at(u64::from(entry.offset), len, self.contents.data_end).await;
            (self.visit)(OfflineItem::Read(len as u64));
            match read {
                Ok(bytes) => self.record(entry, &bytes),
                Err(error) => {
                    let path = segment_path(&self.drive.segments, self.number);
                    let fault = fault_of_io(&path, &error);
                    (self.visit)(OfflineItem::Fault(OfflineFault {
                        offset_bytes: entry.offset.into(),
                        ..fault
                    }));
                    return;
                }
            }
        }
    }

    fn record(&mut self, entry: &Entry, bytes: &Bytes) {
        let is_live = self.drive.live.find(&entry.id, entry.shard) == Some(location(self.number, entry));
        let path = segment_path(&self.drive.segments, self.number);
        match self.check(entry, bytes) {
            Ok(Some(described)) if is_live => {
                let (shard, offset_bytes) = (entry.shard, u64::from(entry.offset));
                let bytes = record_len(entry.length as usize) as u64;
                let found = OfflineShard { shard, described, path, offset_bytes, bytes };
                (self.visit)(OfflineItem::Shard(found));
            }
            Ok(_) => {}
            Err(error) => {
                let of = Some((entry.id, entry.shard));
                let mut fault = fault_of_format(&path, u64::from(entry.offset), of, &error);
                if !is_live && entry.kind == RecordKind::Shard {
                    fault.kind = OfflineFaultKind::Dead;
                }
                (self.visit)(OfflineItem::Fault(fault));
            }
        }
    }

    /// What a shard's record tells; nothing for a tombstone.
    fn check(&self, entry: &Entry, bytes: &Bytes) -> Result<Option<Described>, FormatError> {
        let header = RecordHeader::decode(bytes, &self.contents.header, u64::from(entry.offset))?;
        let is_same = header.kind == entry.kind
            && header.id == entry.id
            && header.shard == entry.shard
            && header.length == entry.length;
        if !is_same {
            return Err(FormatError::Foreign { part: "record header", what: "entry of the index" });
        }
        if entry.kind != RecordKind::Shard {
            return Ok(None);
        }
        let end = RECORD_HEADER_BYTES + entry.length as usize;
        if bytes.len() < end {
            return Err(FormatError::Cut { part: "record" });
        }
        let body = bytes.slice(RECORD_HEADER_BYTES..end);
        let packed = check_packed(&body)?;
        if packed.identity.id != entry.id || packed.identity.shard != entry.shard {
            return Err(FormatError::Foreign { part: "packed shard", what: "record" });
        }
        let blob = packed.identity.blob(u64::from(packed.size_bytes));
        Ok(Some(Described { blob, descriptor: packed_descriptor(&packed, &body)? }))
    }
}

/// A piece of a file, read ahead.
struct Window {
    file: Arc<dyn File>,
    at: u64,
    bytes: Bytes,
}

impl Window {
    fn new(file: Arc<dyn File>) -> Self {
        Window { file, at: 0, bytes: Bytes::new() }
    }

    /// `len` bytes at `offset`, fewer where the file ends; reads ahead up to `end`.
    async fn at(&mut self, offset: u64, len: usize, end: u64) -> io::Result<Bytes> {
        let held = offset.checked_sub(self.at).map(|skip| skip as usize);
        if let Some(skip) = held.filter(|skip| skip + len <= self.bytes.len()) {
            return Ok(self.bytes.slice(skip..skip + len));
        }
        let ahead = end.saturating_sub(offset).min(WINDOW_BYTES as u64) as usize;
        self.at = offset;
        self.bytes = self.file.read_at(offset, len.max(ahead)).await?;
        Ok(self.bytes.slice(..len.min(self.bytes.len())))
    }
}

fn location(segment: u32, entry: &Entry) -> Location {
    Location { segment, offset: entry.offset, length: entry.length }
}

/// What a folder holds; a folder that is not there holds nothing.
async fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<env::Entry>> {
    match disk.list(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

fn is_folder_name(entry: &env::Entry) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    entry.is_directory && entry.name.len() == 2 && entry.name.bytes().all(is_digit)
}

fn segment_faults(path: &Path, contents: &Contents, newest: bool) -> Vec<OfflineFault> {
    let is_open = newest && !contents.sealed;
    let of = |found: &super::recovery::Fault| {
        let is_torn = is_open && found.may_be_torn;
        let kind = if is_torn { OfflineFaultKind::Torn } else { OfflineFaultKind::Damaged };
        fault(path, found.offset, None, kind, found.reason.clone())
    };
    let mut faults: Vec<OfflineFault> = contents.faults.iter().map(of).collect();
    if !contents.sealed && !newest && faults.is_empty() {
        let reason = "it has no index at its end though a later segment was begun".to_owned();
        faults.push(fault(path, contents.data_end, None, OfflineFaultKind::Damaged, reason));
    }
    faults
}

fn fault(
    path: &Path,
    offset_bytes: u64,
    shard: Option<(BlobId, u8)>,
    kind: OfflineFaultKind,
    reason: String,
) -> OfflineFault {
    OfflineFault { path: path.to_owned(), offset_bytes, shard, kind, reason }
}

fn fault_of_format(
    path: &Path,
    offset_bytes: u64,
    shard: Option<(BlobId, u8)>,
    error: &FormatError,
) -> OfflineFault {
    let kind = match error {
        FormatError::Newer { .. } => OfflineFaultKind::Newer,
        _ => OfflineFaultKind::Damaged,
    };
    fault(path, offset_bytes, shard, kind, error.to_string())
}

fn fault_of_kind(
    path: &Path,
    offset_bytes: u64,
    shard: Option<(BlobId, u8)>,
    kind: &FaultKind,
) -> OfflineFault {
    match kind {
        FaultKind::Damaged(error) => fault_of_format(path, offset_bytes, shard, error),
        other => fault(path, offset_bytes, shard, OfflineFaultKind::Unreadable, other.to_string()),
    }
}

fn fault_of_io(path: &Path, error: &io::Error) -> OfflineFault {
    fault(path, 0, None, OfflineFaultKind::Unreadable, error.to_string())
}

fn stray(path: PathBuf) -> OfflineItem {
    let reason = "the store makes no file of this name here".to_owned();
    OfflineItem::Fault(OfflineFault {
        path,
        offset_bytes: 0,
        shard: None,
        kind: OfflineFaultKind::Stray,
        reason,
    })
}
