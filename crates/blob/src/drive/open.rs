//! Opening a drive: replaying its segments into the index.
//!
//! Segments are replayed in the order of their numbers, records in the order of their places: the last word on a shard
//! counts. Whatever is damaged is noted and stepped over.
//!
//! A drive may take its time over all of its segments, but not over one of them: one that hangs is given up.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use env::{Env, File, OpenOptions, Space};

use super::format::{Entry, FIRST_BATCH, RecordKind};
use super::index::Location;
use super::recovery::{Contents, read_segment};
use super::segment_loop::seal_segment;
use super::segments::{Segment, Segments, segment_path};
use crate::options::BlobOptions;
use crate::status::SegmentDamage;

/// What opening a drive found.
pub(super) struct Opened {
    pub(super) space: Space,
    pub(super) next_number: u32,
    /// Why it must not be written, though it can be read.
    pub(super) poison: Option<String>,
}

/// Why a drive can't be opened.
#[derive(Debug)]
pub(super) enum OpenFault {
    /// It does not answer.
    Silent,
    /// It answers with an error.
    Io(io::Error),
}

/// What opens a drive.
struct Opening<'a> {
    env: &'a Env,
    limit: Duration,
}

impl Opening<'_> {
    /// One step of it, which may not take longer than a drive is waited for.
    async fn step<T>(&self, step: impl Future<Output = T>) -> Result<T, OpenFault> {
        env::within(&*self.env.clock, self.limit, step).await.ok_or(OpenFault::Silent)
    }

    async fn io<T>(&self, step: impl Future<Output = io::Result<T>>) -> Result<T, OpenFault> {
        self.step(step).await?.map_err(OpenFault::Io)
    }
}

pub(super) async fn open(
    env: &Env,
    root: &Path,
    segments: &Segments,
    options: &BlobOptions,
) -> Result<Opened, OpenFault> {
    let opening = Opening { env, limit: options.answer_wait };
    opening.io(make_folders(env, root)).await?;
    let space = opening.io(env.disk.space(root)).await?;
    let entries = opening.io(env.disk.list(&segments.folder)).await?;
    let mut numbers: Vec<u32> = entries.iter().filter_map(|entry| segment_number(&entry.name)).collect();
    numbers.sort_unstable();
    let newest = numbers.last().copied();
    let mut poison = None;
    for number in numbers {
        if let Err(error) = opening.step(replay(env, segments, number, Some(number) == newest)).await? {
            poison.get_or_insert(error);
        }
    }
    Ok(Opened { space, next_number: newest.map_or(1, |newest| newest.saturating_add(1)), poison })
}

/// Makes the drive's folders, with durable names.
async fn make_folders(env: &Env, root: &Path) -> io::Result<()> {
    for folder in ["segments", "shards"] {
        env.disk.create_directories(&root.join(folder)).await?;
    }
    env.disk.sync_directory(root).await?;
    match root.parent() {
        Some(drive) => env.disk.sync_directory(drive).await,
        None => Ok(()),
    }
}

pub(super) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg").filter(|name| name.len() == 16)?;
    u32::try_from(u64::from_str_radix(digits, 16).ok()?).ok()
}

/// Replays a segment. The error is why the drive must not be written.
async fn replay(env: &Env, segments: &Segments, number: u32, newest: bool) -> Result<(), String> {
    let path = segment_path(&segments.folder, number);
    let damage = |offset_bytes, reason| SegmentDamage { segment: number, offset_bytes, reason };
    let read = async {
        let file = env.disk.open(&path, OpenOptions::default()).await?;
        let contents = read_segment(&file, number).await?;
        io::Result::Ok((file, contents))
    };
    match read.await {
        Err(error) => {
            segments.leave_out(damage(0, error.to_string()));
            Ok(())
        }
        Ok((file, Err(error))) => {
            // The header is synced before the first record: without one a newest segment has never been used.
            if newest && is_blank(&file).await {
                return remove(env, segments, &path).await;
            }
            segments.leave_out(damage(0, error.to_string()));
            Ok(())
        }
        Ok((file, Ok(contents))) => {
            let torn_end = newest && !contents.sealed;
            for fault in &contents.faults {
                if !(torn_end && fault.may_be_torn) {
                    segments.note_damage(damage(fault.offset, fault.reason.clone()));
                }
            }
            if torn_end && contents.entries.is_empty() && contents.faults.is_empty() {
                return remove(env, segments, &path).await;
            }
            take_in(segments, &file, &contents);
            if torn_end {
                return seal(env, &path, contents).await;
            }
            Ok(())
        }
    }
}

async fn is_blank(file: &Arc<dyn File>) -> bool {
    match file.read_at(0, FIRST_BATCH as usize).await {
        Ok(bytes) => bytes.iter().all(|byte| *byte == 0),
        Err(_) => false,
    }
}

async fn remove(env: &Env, segments: &Segments, path: &Path) -> Result<(), String> {
    let removed = async {
        env.disk.remove(path).await?;
        env.disk.sync_directory(&segments.folder).await
    };
    removed.await.map_err(|error| format!("{} can't be removed: {error}", path.display()))
}

fn take_in(segments: &Segments, file: &Arc<dyn File>, contents: &Contents) {
    let segment = Arc::new(Segment::new(contents.header, Arc::clone(file)));
    let used = contents.data_end - FIRST_BATCH;
    segment.used_bytes.store(used, Ordering::Relaxed);
    segment.sealed.store(true, Ordering::Relaxed);
    segments.add(Arc::clone(&segment));
    for entry in &contents.entries {
        take_entry(segments, &segment, entry);
    }
}

fn take_entry(segments: &Segments, segment: &Segment, entry: &Entry) {
    match entry.kind {
        RecordKind::Shard => {
            let location = Location { segment: segment.number(), offset: entry.offset, length: entry.length };
            segments.put(entry.id, entry.shard, location);
        }
        RecordKind::Tombstone { target } => {
            segments.tombstone(segment, target);
            segments.kill(&entry.id, entry.shard, None);
        }
    }
}

/// Seals the segment that a crash left open: the next write goes into a new one.
async fn seal(env: &Env, path: &Path, contents: Contents) -> Result<(), String> {
    let sealed = async {
        let options = OpenOptions { write: true, ..OpenOptions::default() };
        let file = env.disk.open(path, options).await?;
        seal_segment(&file, &contents.header, contents.data_end, contents.entries).await
    };
    sealed.await.map_err(|error| format!("{} can't be sealed: {error}", path.display()))
}
