//! Opening a raft log. Input: segments in pieces, which are put together with the right checksums
//! (`docs/formats/raft-log.md`), then places at which bytes are changed.
//!
//! A log opens, or the error says what is damaged; a drive that reads well is not blamed. What opens is whole: every group
//! has all entries from its first to its last index. It can be written on, and opens again with the same in it.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use env::simulated::Simulation;
use env::{Env, OpenOptions};
use meta::log::{GroupLog, HardState, LogBatch, LogEntry, LogError, LogOptions, RaftLog};
use model::ids::{DriveId, PartitionId};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::input::Input;

const DIRECTORY: &str = "/d1/log";
const BLOCK: usize = 4096;
const BLOCKS: u32 = 16;
const SEGMENTS_MAX: u32 = 3;
const DRIVE: DriveId = DriveId::from_bytes([3; 16]);

/// See the module.
pub fn run(data: &[u8]) {
    let segments = Image::build(&mut Input::new(data));
    let simulation = Simulation::with_drives(1, 1, 64 << 20);
    simulation.run(async |env| check(&env, segments).await).finished();
}

async fn check(env: &Env, segments: Vec<Vec<u8>>) {
    store(env, segments).await;
    let Some(found) = open(env).await.map(|mut log| snapshot(&mut log)) else { return };
    let Some(mut log) = open(env).await else { panic!("a log that has opened does not open again") };
    assert_eq!(snapshot(&mut log), found, "a log opens as it was");
    let written = write_on(&mut log, &found).await;
    drop(log);
    let Some(mut log) = open(env).await else { panic!("a log that was written on does not open") };
    assert_eq!(snapshot(&mut log), written, "a log has what was written to it");
}

/// What is in a log.
type Groups = BTreeMap<PartitionId, (HardState, u64, Vec<LogEntry>)>;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, segments: 8, ..LogOptions::new(DRIVE) }
}

struct Opened {
    log: RaftLog,
    groups: Vec<PartitionId>,
}

async fn open(env: &Env) -> Option<Opened> {
    match RaftLog::open(env, Path::new(DIRECTORY), options()).await {
        Ok((log, recovered)) => Some(Opened { log, groups: recovered.groups }),
        Err(LogError::Corrupt { drive, .. }) => {
            assert_eq!(drive, DRIVE, "the damage is of this drive");
            None
        }
        Err(LogError::Newer { .. }) => None,
        Err(error) => panic!("a log can't be opened for another reason than what is in it: {error}"),
    }
}

fn snapshot(opened: &mut Opened) -> Groups {
    let groups = opened.groups.clone();
    groups.into_iter().map(|id| (id, content(&opened.log.group(id)))).collect()
}

fn content(group: &GroupLog) -> (HardState, u64, Vec<LogEntry>) {
    let (first, last) = (group.first_index(), group.last_index());
    if last < first {
        assert_eq!(last + 1, first, "an empty log ends before it begins");
        return (group.hard_state(), group.base().index, Vec::new());
    }
    let entries = group.entries(first, last + 1, u64::MAX);
    let Ok(entries) = entries else { panic!("entries {first} to {last} are not there: {entries:?}") };
    assert!(
        entries.iter().map(|entry| entry.index).eq(first..=last),
        "entries {first} to {last} have a hole"
    );
    for entry in &entries {
        assert_eq!(group.term(entry.index), Ok(entry.term), "the term is that of the entry");
    }
    (group.hard_state(), group.base().index, entries)
}

/// Appends an entry to each group; gives what the log must hold then.
async fn write_on(opened: &mut Opened, found: &Groups) -> Groups {
    let mut batch = LogBatch::default();
    let mut groups = found.clone();
    groups.entry(PartitionId(77)).or_default();
    for (id, (hard_state, base, entries)) in &mut groups {
        let last = entries.last().map_or(*base, |entry| entry.index);
        // Raft ends long before the indices do.
        let Some(index) = last.checked_add(1).filter(|index| *index < u64::MAX) else { continue };
        hard_state.commit = 1;
        batch.hard_state(*id, *hard_state);
        let entry = LogEntry { index, term: 9, kind: 0, data: Bytes::from_static(b"more") };
        batch.entry(*id, entry.clone());
        entries.push(entry);
    }
    if let Err(error) = opened.log.append(&batch).await {
        panic!("a log that has opened takes no writes: {error}");
    }
    groups
}

async fn store(env: &Env, segments: Vec<Vec<u8>>) {
    let options = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
    let made = env.disk.create_directories(Path::new(DIRECTORY)).await;
    assert!(made.is_ok(), "the simulated drive is well");
    for (number, bytes) in segments.into_iter().enumerate() {
        let path = format!("{DIRECTORY}/segment-{:05}.log", number + 1);
        let Ok(file) = env.disk.open(Path::new(&path), options).await else { panic!("no {path}") };
        assert!(file.write_at(0, bytes.into()).await.is_ok(), "the simulated drive is well");
    }
}

/// Segments in the making.
struct Image {
    segments: Vec<Segment>,
    turn: u64,
    part: u32,
    /// As a checkpoint would say it.
    groups: BTreeMap<u16, State>,
}

#[derive(Clone, Default)]
struct State {
    hard_state: [u64; 3],
    base: [u64; 2],
    last_index: u64,
}

struct Segment {
    bytes: Vec<u8>,
    sequence: u64,
    salt: u64,
    position: u32,
}

impl Image {
    fn build(input: &mut Input<'_>) -> Vec<Vec<u8>> {
        let mut image = Image { segments: vec![], turn: 0, part: 0, groups: BTreeMap::new() };
        image.segment(input, 0);
        while !input.is_empty() {
            match input.u8() {
                op @ 0..=223 => image.frame(input, op),
                op @ 224..=231 => image.segment(input, op),
                _ => image.damage(input),
            }
        }
        image.segments.into_iter().map(|segment| segment.bytes).collect()
    }

    /// A new segment with its checkpoint. With its lowest bits set, something in its head is not as it should be.
    fn segment(&mut self, input: &mut Input<'_>, odd: u8) {
        if self.segments.len() as u32 == SEGMENTS_MAX {
            return;
        }
        let previous = self.segments.last().map_or(0, |segment| segment.position);
        let mut head = [self.segments.len() as u64 + 1, 7, u64::from(previous), 1, u64::from(BLOCKS)];
        if odd & 1 != 0
            && let Some(field) = head.get_mut(usize::from(input.u8()) % 5)
        {
            *field = input.number();
        }
        let [sequence, salt, previous, oldest, blocks] = head;
        let mut bytes = b"RFSRLOG\0".to_vec();
        bytes.extend_from_slice(&(1 + u32::from(odd & 6 == 6)).to_le_bytes());
        bytes.extend_from_slice(&(blocks as u32).to_le_bytes());
        bytes.extend_from_slice(DRIVE.bytes());
        bytes.extend_from_slice(&sequence.to_le_bytes());
        bytes.extend_from_slice(&salt.to_le_bytes());
        bytes.extend_from_slice(&(previous as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&oldest.to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes.resize(BLOCK * BLOCKS as usize, 0);
        self.segments.push(Segment { bytes, sequence, salt, position: 1 });
        if odd & 6 != 2 {
            let payload = self.checkpoint();
            self.put(0, self.turn + 1, 0, &payload, None);
        }
    }

    fn checkpoint(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        for (group, state) in &self.groups {
            payload.extend_from_slice(&group.to_le_bytes());
            let numbers = state.hard_state.iter().chain(&state.base).chain([&state.last_index]);
            numbers.for_each(|number| payload.extend_from_slice(&number.to_le_bytes()));
        }
        payload
    }

    /// A frame of so many records as the operation says, or of any bytes.
    fn frame(&mut self, input: &mut Input<'_>, op: u8) {
        let mut payload = Vec::new();
        for _ in 0..op % 8 {
            self.record(input, &mut payload);
        }
        match op / 8 {
            0..=15 => self.turn(&payload, 2, None),
            16..=19 => {
                let (head, tail) = payload.split_at(usize::from(input.u8()).min(payload.len()));
                self.turn(head, 1, None);
                self.turn(tail, 2, None);
            }
            20..=21 => self.turn(&payload, 1, None),
            22..=23 => self.turn(&payload, 2, Some((input.u8() % 8, input.number()))),
            24 => self.put(0, self.turn, self.part, &payload, None),
            25 => self.turn += u64::from(input.u8()),
            _ => {
                let len = usize::from(input.u16()) % (3 * BLOCK);
                payload.extend_from_slice(input.take(len));
                payload.resize(len, 0);
                self.turn(&payload, 2, None);
            }
        }
    }

    fn record(&mut self, input: &mut Input<'_>, payload: &mut Vec<u8>) {
        let choice = input.u8();
        let group = u16::from(choice >> 4 & 3);
        let state = self.groups.entry(group).or_default();
        let mut put = |kind: u8, numbers: &[u64]| {
            payload.push(kind);
            payload.extend_from_slice(&group.to_le_bytes());
            numbers.iter().for_each(|number| payload.extend_from_slice(&number.to_le_bytes()));
        };
        match choice & 15 {
            0..=7 => {
                let index = if choice & 7 == 7 { input.number() } else { state.last_index.saturating_add(1) };
                state.last_index = index;
                let data = vec![input.u8(); usize::from(input.u8())];
                put(1, &[index, 1]);
                payload.push(choice & 3);
                payload.extend_from_slice(&(data.len() as u32).to_le_bytes());
                payload.extend_from_slice(&data);
            }
            8 | 9 => {
                state.hard_state = [input.number(), input.number(), input.number()];
                put(2, &state.hard_state);
            }
            10 | 11 => {
                state.base = [input.number(), 1];
                put(3, &state.base);
            }
            12 | 13 => {
                state.base = [input.number(), 1];
                state.last_index = state.base[0];
                put(4, &state.base);
            }
            14 => {
                self.groups.remove(&group);
                put(5, &[]);
            }
            _ => put(input.u8(), &[]),
        }
    }

    /// A frame of a turn: the last of it (2), or one of which more follow (1).
    fn turn(&mut self, payload: &[u8], kind: u32, odd: Option<(u8, u64)>) {
        if self.part == 0 {
            self.turn += 1;
        }
        self.put(kind, self.turn, self.part, payload, odd);
        self.part = if kind == 2 { 0 } else { self.part + 1 };
    }

    /// A frame at the end of the newest segment; one of its fields may be another.
    fn put(&mut self, kind: u32, turn: u64, part: u32, payload: &[u8], odd: Option<(u8, u64)>) {
        let Some(segment) = self.segments.last_mut() else { return };
        let mut fields = [
            u64::from(kind),
            segment.sequence,
            segment.salt,
            turn,
            u64::from(part),
            u64::from(segment.position),
            payload.len() as u64,
            0,
        ];
        if let Some((field, value)) = odd
            && let Some(field) = fields.get_mut(usize::from(field))
        {
            *field = value;
        }
        let [kind, sequence, salt, turn, part, position, len, _] = fields;
        let mut frame = b"RLF1".to_vec();
        frame.extend_from_slice(&(kind as u32).to_le_bytes());
        [sequence, salt, turn].iter().for_each(|field| frame.extend_from_slice(&field.to_le_bytes()));
        [part, position, len, 0]
            .iter()
            .for_each(|field| frame.extend_from_slice(&(*field as u32).to_le_bytes()));
        let sum = xxh3_64_with_seed(&frame, xxh3_64(payload));
        frame.extend_from_slice(&sum.to_le_bytes());
        frame.extend_from_slice(payload);
        let blocks = frame.len().div_ceil(BLOCK) as u32;
        if segment.position + blocks > BLOCKS {
            return;
        }
        let at = segment.position as usize * BLOCK;
        if let Some(place) = segment.bytes.get_mut(at..at + frame.len()) {
            place.copy_from_slice(&frame);
        }
        segment.position += blocks;
    }

    /// Changes bytes anywhere, or cuts a segment.
    fn damage(&mut self, input: &mut Input<'_>) {
        let number = usize::from(input.u8());
        let (place, value) = (usize::from(input.u16()) * 4 + number / 64, input.u8());
        let Some(segment) = self.segments.get_mut(number % SEGMENTS_MAX as usize) else { return };
        let len = segment.bytes.len();
        match value {
            0 => segment.bytes.truncate(place % (len + 1)),
            1 => segment.bytes.iter_mut().skip(place % BLOCK * 16).take(512).for_each(|byte| *byte = 0),
            _ => {
                if let Some(byte) = segment.bytes.get_mut(place) {
                    *byte ^= value;
                }
            }
        }
    }
}
