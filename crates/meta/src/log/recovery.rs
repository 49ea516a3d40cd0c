//! Opening a log: which segments count, where the log ends, and whether anything acknowledged is damaged.
//!
//! - The newest segment is the one with the highest sequence whose head and checkpoint are whole. One with a higher
//!   sequence that has neither was being begun when the crash came.
//! - The newest segment's head names the oldest one needed; all between must be there. Each but the newest is read up to
//!   the block that the head after it names: every frame up to there was acknowledged, so each must be whole.
//! - In the newest segment the first frame that isn't whole is the end. If a whole frame lies behind it, it was not the
//!   last write that tore, but an earlier one that was damaged. (Damage to the very last write can't be told from a torn
//!   one, by any log that writes once per turn.)

use std::collections::BTreeMap;
use std::path::Path;

use model::ids::{DriveId, PartitionId};

use super::error::LogError;
use super::format::{FrameHead, FrameKind, SegmentHead, decode_groups, decode_records};
use super::replay::Replay;
use super::segment::{Contents, Frames, Live, Segment, frame_at};
use super::tail::Group;

/// A log as it was found.
pub(super) struct Found {
    pub(super) groups: BTreeMap<PartitionId, Group>,
    /// Needed segments, oldest first.
    pub(super) live: Vec<Live>,
    /// Segments that may be overwritten.
    pub(super) free: Vec<Segment>,
    /// Blocks of the newest segment that count.
    pub(super) end: u32,
    /// The last turn that left anything.
    pub(super) turn: u64,
    pub(super) torn: bool,
}

/// Reads the segments of a drive.
pub(super) async fn recover(
    drive: DriveId,
    directory: &Path,
    contents: Vec<Contents>,
) -> Result<Found, LogError> {
    let mut suspects = Vec::new();
    let mut by_sequence = BTreeMap::<u64, Vec<(SegmentHead, Segment)>>::new();
    for found in contents {
        match found.head()? {
            Some(head) => {
                check_head(drive, &head, &found.segment)?;
                let same = by_sequence.entry(head.sequence).or_default();
                same.push((head, found.segment));
            }
            None => suspects.push(found.segment),
        }
    }
    let mut reader = Reader { drive, replay: Replay::default(), staged: None, turn: 0, end: 0, torn: false };
    let mut live = Vec::new();
    let mut free = Vec::new();
    if let Some(newest) = newest(&mut by_sequence, &mut suspects).await? {
        live = needed(drive, directory, newest, &mut by_sequence, &mut free).await?;
        reader.read_all(&live).await?;
    }
    let newest_sequence = live.last().map_or(0, |newest| newest.head.sequence);
    for suspect in suspects {
        check_unused(drive, &suspect, newest_sequence, reader.turn).await?;
        free.push(suspect);
    }
    free.extend(by_sequence.into_values().flatten().map(|(_, segment)| segment));
    reader.torn |= reader.staged.is_some();
    let groups = reader.replay.finish().map_err(|what| corrupt(drive, directory, 0, what))?;
    Ok(Found { groups, live, free, end: reader.end, turn: reader.turn, torn: reader.torn })
}

fn check_head(drive: DriveId, head: &SegmentHead, segment: &Segment) -> Result<(), LogError> {
    if head.drive != drive {
        let what = format!("a segment belongs to drive {}", head.drive);
        return Err(corrupt(drive, &segment.path, 0, what));
    }
    if head.blocks > segment.blocks {
        let what = format!("the file has {} of {} blocks", segment.blocks, head.blocks);
        return Err(corrupt(drive, &segment.path, 0, what));
    }
    Ok(())
}

/// Takes the newest whole segment out of `by_sequence`; those above it become suspects.
async fn newest(
    by_sequence: &mut BTreeMap<u64, Vec<(SegmentHead, Segment)>>,
    suspects: &mut Vec<Segment>,
) -> Result<Option<Live>, LogError> {
    while let Some((_, candidates)) = by_sequence.pop_last() {
        let mut whole = None;
        for (head, segment) in candidates {
            match segment.beginning(&head).await? {
                Some(frame) if whole.is_none() => {
                    let clean = frame.part == 0;
                    whole = Some(Live { head, clean, segment });
                }
                _ => suspects.push(segment),
            }
        }
        if whole.is_some() {
            return Ok(whole);
        }
    }
    Ok(None)
}

/// The needed segments, oldest first.
async fn needed(
    drive: DriveId,
    directory: &Path,
    newest: Live,
    by_sequence: &mut BTreeMap<u64, Vec<(SegmentHead, Segment)>>,
    free: &mut Vec<Segment>,
) -> Result<Vec<Live>, LogError> {
    let mut live = Vec::new();
    for sequence in newest.head.oldest..newest.head.sequence {
        let mut whole = None;
        for (head, segment) in by_sequence.remove(&sequence).unwrap_or_default() {
            match segment.beginning(&head).await? {
                Some(frame) if whole.is_none() => {
                    let clean = frame.part == 0;
                    whole = Some(Live { head, clean, segment });
                }
                _ => free.push(segment),
            }
        }
        let Some(whole) = whole else {
            let what = format!("segment {sequence} is missing or its beginning is damaged");
            return Err(corrupt(drive, directory, 0, what));
        };
        live.push(whole);
    }
    live.push(newest);
    Ok(live)
}

/// A segment that has no whole head (or no whole checkpoint) was never used, or its first write tore. If more than one
/// turn was written to it, it is neither.
async fn check_unused(
    drive: DriveId,
    segment: &Segment,
    newest_sequence: u64,
    last_turn: u64,
) -> Result<(), LogError> {
    let beginning = segment.read(0, segment.blocks.min(2)).await?;
    let looks_used = SegmentHead::decode(&beginning).is_ok()
        || beginning.get(env::buffer::BLOCK_BYTES..).and_then(FrameHead::peek).is_some();
    if !looks_used {
        return Ok(());
    }
    let bytes = segment.read(0, segment.blocks).await?;
    for position in 1..segment.blocks {
        let Some((frame, _)) = frame_at(&bytes, position) else {
            continue;
        };
        if frame.sequence > newest_sequence && frame.turn > last_turn + 1 {
            let what = format!("the beginning of a segment that holds turn {} is damaged", frame.turn);
            return Err(corrupt(drive, &segment.path, 0, what));
        }
    }
    Ok(())
}

/// Reads frames in order.
struct Reader {
    drive: DriveId,
    replay: Replay,
    staged: Option<Staged>,
    turn: u64,
    end: u32,
    torn: bool,
}

/// A turn of which not all frames were seen yet.
struct Staged {
    turn: u64,
    parts: u32,
    payload: Vec<u8>,
    /// The segment where it begins.
    segment: u64,
}

impl Reader {
    async fn read_all(&mut self, live: &[Live]) -> Result<(), LogError> {
        for (place, Live { head, segment, .. }) in live.iter().enumerate() {
            let bytes = segment.read(0, head.blocks).await?;
            let frames = Frames { head, bytes: &bytes };
            let known_end = live.get(place + 1).map(|next| next.head.previous_blocks);
            self.read_segment(&frames, known_end).map_err(|(position, what)| {
                let offset = u64::from(position) * env::buffer::BLOCK_BYTES as u64;
                corrupt(self.drive, &segment.path, offset, what)
            })?;
        }
        Ok(())
    }

    /// Reads a segment up to `known_end`, or in the newest one as far as it is whole. An error comes with its block.
    fn read_segment(&mut self, frames: &Frames<'_>, known_end: Option<u32>) -> Result<(), (u32, String)> {
        let mut position = 1;
        let end = known_end.unwrap_or(frames.head.blocks);
        while position < end {
            let Some((frame, payload)) = frames.at(position) else {
                if known_end.is_some() {
                    return Err((position, "an acknowledged write is damaged".to_owned()));
                }
                if let Some(later) = frames.next_from(position + 1) {
                    let what = format!("a write is damaged, but turn {} behind it is whole", later.turn);
                    return Err((position, what));
                }
                self.torn = frames.has_beginning_at(position);
                break;
            };
            self.frame(&frame, payload).map_err(|what| (position, what))?;
            position = frame.end();
        }
        if known_end.is_some_and(|end| end != position) {
            return Err((position, "the segment does not end where it did".to_owned()));
        }
        self.end = position;
        Ok(())
    }

    fn frame(&mut self, frame: &FrameHead, payload: &[u8]) -> Result<(), String> {
        if frame.kind == FrameKind::Checkpoint {
            let states = decode_groups(payload).ok_or("a checkpoint can't be decoded")?;
            return self.replay.checkpoint(&states);
        }
        let mut staged = match self.staged.take() {
            Some(staged) if frame.part > 0 => staged,
            // What was staged was never finished: the crash came in between.
            _ => Staged { turn: frame.turn, parts: 0, payload: Vec::new(), segment: frame.sequence },
        };
        if staged.turn != frame.turn || staged.parts != frame.part {
            return Err(format!("part {} of turn {} is out of place", frame.part, frame.turn));
        }
        if frame.part == 0 && frame.turn <= self.turn {
            return Err(format!("turn {} follows turn {}", frame.turn, self.turn));
        }
        self.turn = frame.turn;
        staged.parts += 1;
        if frame.kind == FrameKind::More {
            staged.payload.extend_from_slice(payload);
            self.staged = Some(staged);
            return Ok(());
        }
        if staged.payload.is_empty() {
            return self.turn(payload, staged.segment);
        }
        staged.payload.extend_from_slice(payload);
        self.turn(&staged.payload, staged.segment)
    }

    fn turn(&mut self, payload: &[u8], segment: u64) -> Result<(), String> {
        let records = decode_records(payload).ok_or("a turn can't be decoded")?;
        for record in records {
            self.replay.record(record, segment)?;
        }
        Ok(())
    }
}

fn corrupt(drive: DriveId, path: &Path, offset: u64, what: String) -> LogError {
    LogError::Corrupt { drive, path: path.to_owned(), offset, what }
}
