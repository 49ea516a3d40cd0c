//! Rewriting a segment: the acting half of [`super::compaction`], where the order of durability is told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::ids::BlobId;

use super::compaction::choose;
use super::format::{Entry, RECORD_HEADER_BYTES, RecordKind, record_len};
use super::index::Location;
use super::recovery::read_segment;
use super::segment_loop::Work;
use super::segments::{Segment, segment_path};
use super::{Drive, WorkPiece, pace};
use crate::error::{FaultKind, FormatError};
use crate::gather::Gather;
use crate::shard::check_packed;
use crate::status::{Compacted, SegmentDamage};

/// Bytes of records on their way at most: a request's shard that is synced together with them waits for no more than these.
const IN_FLIGHT_BYTES: usize = 256 << 10;

impl Drive {
    /// Rewrites one segment, if one is worth it.
    pub(crate) async fn compact(&self) -> Result<Compacted, FaultKind> {
        let _one_at_a_time = self.compacting.lock().await;
        if self.health.is_poisoned() {
            return Err(FaultKind::NotWritable);
        }
        if self.is_silent() {
            return Err(FaultKind::Silent);
        }
        let usage = self.segments.usage();
        let chosen = choose(&usage, self.compact_dead_percent_min, self.segment_bytes);
        let Some(segment) = chosen.and_then(|number| self.segments.get(number)) else {
            return Ok(Compacted::default());
        };
        let moved_bytes = self.move_out(&segment).await?;
        let file_len = segment.file.len().await.unwrap_or(moved_bytes);
        self.remove_segment(&segment).await.map_err(|error| FaultKind::io(&error))?;
        Ok(Compacted { segments: 1, moved_bytes, freed_bytes: file_len.saturating_sub(moved_bytes) })
    }

    /// Appends elsewhere what must be kept; durable when it returns.
    pub(super) async fn move_out(&self, segment: &Arc<Segment>) -> Result<u64, FaultKind> {
        let mut flight = Flight::new(self);
        for entry in self.tombstones_of(segment).await? {
            if let RecordKind::Tombstone { target } = entry.kind
                && target != segment.number()
                && self.segments.get(target).is_some()
            {
                let work = Work::Carry { target };
                flight.submit(entry.id, entry.shard, work, 0).await?;
            }
        }
        // What lives is asked of the index and not of the segment: damage there must not lose what can be read.
        for (id, shard, from) in self.segments.index.in_segment(segment.number()).await {
            if let Some(body) = self.whole_body(segment, id, shard, from).await? {
                let work = Work::Move { from, body };
                flight.submit(id, shard, work, from.length).await?;
            }
        }
        flight.land().await
    }

    async fn tombstones_of(&self, segment: &Arc<Segment>) -> Result<Vec<Entry>, FaultKind> {
        let read = read_segment(&segment.file, segment.number()).await;
        match read.map_err(|error| FaultKind::io(&error))? {
            Ok(contents) => Ok(contents.entries),
            Err(error) => {
                self.note_damage(segment, 0, &error);
                // Nobody knows what its tombstones hold down: it stays as it is.
                segment.sealed.store(false, Ordering::Relaxed);
                Err(FaultKind::Damaged(error))
            }
        }
    }

    /// The body of a living record; `None` where it is damaged, and then it lives no more.
    async fn whole_body(
        &self,
        segment: &Arc<Segment>,
        id: BlobId,
        shard: u8,
        from: Location,
    ) -> Result<Option<Bytes>, FaultKind> {
        let at = u64::from(from.offset) + RECORD_HEADER_BYTES as u64;
        let read = segment.file.read_at(at, from.length as usize).await;
        let body = read.map_err(|error| FaultKind::io(&error))?;
        if let Err(error) = check_packed(&body) {
            // A damaged shard is not worth moving: the blob's others rebuild it.
            self.note_damage(segment, u64::from(from.offset), &error);
            self.segments.kill(&id, shard, Some(from));
            return Ok(None);
        }
        Ok(Some(body))
    }

    fn note_damage(&self, segment: &Segment, offset_bytes: u64, error: &FormatError) {
        self.segments.note_damage(SegmentDamage {
            segment: segment.number(),
            offset_bytes,
            reason: error.to_string(),
        });
    }

    pub(super) async fn remove_segment(&self, segment: &Arc<Segment>) -> io::Result<()> {
        let live = segment.live_bytes.load(Ordering::Relaxed);
        assert_eq!(live, 0, "all that lived in a segment has been moved");
        let path = segment_path(&self.segments.folder, segment.number());
        self.env.disk.remove(&path).await?;
        if let Err(error) = self.env.disk.sync_directory(&self.segments.folder).await {
            self.health.poison(format!("a folder could not be synced: {error}"));
            return Err(error);
        }
        self.segments.forget(segment.number());
        Ok(())
    }
}

/// Records on their way to the segment writer, a bounded number of bytes at a time, with a rest after each where requests
/// use the drive.
struct Flight<'a> {
    drive: &'a Drive,
    piece: WorkPiece<'a>,
    is_pressed: bool,
    gather: Gather,
    in_flight: usize,
    moved_bytes: u64,
}

impl<'a> Flight<'a> {
    fn new(drive: &'a Drive) -> Self {
        let usage = drive.segments.usage();
        let dead = usage.iter().map(|usage| usage.used_bytes.saturating_sub(usage.kept_bytes)).sum();
        let is_short = drive.takes(drive.segment_bytes).is_err();
        let is_pressed = pace::is_pressed(is_short, dead, drive.free_bytes());
        let piece = drive.begin_piece();
        Flight { drive, piece, is_pressed, gather: Gather::new(0), in_flight: 0, moved_bytes: 0 }
    }

    async fn submit(&mut self, id: BlobId, shard: u8, work: Work, body_len: u32) -> Result<(), FaultKind> {
        let len = record_len(body_len as usize);
        let ticket = self.gather.ticket(0);
        self.drive.submit(id, shard, work, ticket).await;
        self.in_flight += len;
        self.moved_bytes += len as u64;
        if self.in_flight >= IN_FLIGHT_BYTES {
            self.settle().await?;
            self.rest().await;
        }
        Ok(())
    }

    async fn rest(&mut self) {
        let rest = self.piece.rest(self.is_pressed);
        if !rest.is_zero() {
            self.drive.env.clock.sleep(rest).await;
        }
        self.piece = self.drive.begin_piece();
    }

    async fn settle(&mut self) -> Result<(), FaultKind> {
        self.in_flight = 0;
        let gather = std::mem::replace(&mut self.gather, Gather::new(0));
        let answers = gather.all().await;
        answers.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    async fn land(mut self) -> Result<u64, FaultKind> {
        self.settle().await?;
        Ok(self.moved_bytes)
    }
}
