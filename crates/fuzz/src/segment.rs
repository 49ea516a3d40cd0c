//! Opening a drive's segments. Input: segments in pieces, which are put together with the right checksums
//! (`docs/formats/segment.md`), then places at which bytes are changed.
//!
//! The drive opens, and is not blamed for what is in its files. What reads is what was written under that id. Where
//! nothing is odd, all that was written and not killed reads. What was found is found again at the next start, beside what
//! is written meanwhile.

use std::collections::BTreeMap;
use std::path::Path;

use blob::Blobs;
use bytes::Bytes;
use env::Env;
use env::simulated::Simulation;
use model::blob::{BlobRef, Redundancy};
use model::ids::BlobId;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::input::Input;
use crate::store::{self, DRIVE_BYTES};

const BLOCK: usize = 4096;
const SEGMENTS_MAX: usize = 4;
const IDS: u8 = 8;
const ALONE: Redundancy = Redundancy { data: 1, parity: 0 };

/// See the module.
pub fn run(data: &[u8]) {
    let image = Image::build(&mut Input::new(data));
    let simulation = Simulation::with_drives(1, 1, DRIVE_BYTES);
    simulation.run(async |env| check(&env, &image).await).finished();
}

async fn check(env: &Env, image: &Image) {
    for segment in &image.segments {
        let path = format!("/d1/blob/segments/{:016x}.seg", segment.number);
        store::put_file(env, Path::new(&path), segment.bytes.clone()).await;
    }
    let blobs = store::open(env, 1).await;
    let found = found(&blobs, image).await;
    if !image.is_odd {
        assert_eq!(found, image.alive, "what was written is not what was found");
    }
    let new = write(&blobs).await;
    // The numbers of segments end, and with them what the drive takes.
    let is_used_up = image.segments.iter().any(|segment| segment.number > u32::MAX - 4);
    assert!(new.is_some() || is_used_up, "a drive that has opened takes no blob");
    blobs.close().await;
    let blobs = store::open(env, 1).await;
    assert_eq!(self::found(&blobs, image).await, found, "another start finds something else");
    if let Some(new) = new {
        assert_eq!(store::read(&blobs, &new).await.as_deref(), Some(&b"new"[..]), "what is new is not found");
    }
    blobs.close().await;
}

async fn write(blobs: &Blobs) -> Option<BlobRef> {
    let mut writer = blobs.writer(ALONE, Some(3)).ok()?;
    writer.write(Bytes::from_static(b"new")).await.ok()?;
    Some(writer.finish(b"").await.ok()?.blob)
}

/// What reads, of all that was ever written.
async fn found(blobs: &Blobs, image: &Image) -> BTreeMap<u8, Vec<u8>> {
    let mut found = BTreeMap::new();
    for (id, payload) in &image.written {
        if let Some(bytes) = store::read(blobs, &reference(*id, payload.len())).await {
            let same = |(other, payload): &&(u8, Vec<u8>)| other == id && *payload == bytes;
            assert!(image.written.iter().any(|written| same(&written)), "blob {id} was never {bytes:?}");
            found.insert(*id, bytes);
        }
    }
    found
}

fn reference(id: u8, size: usize) -> BlobRef {
    BlobRef {
        id: BlobId::from_bytes([id; 16]),
        size_bytes: size as u64,
        redundancy: ALONE,
        stripe_bytes: 4096,
        set: 0,
        first_slot: 0,
        map_epoch: 1,
    }
}

/// Segments in the making.
#[derive(Default)]
struct Image {
    segments: Vec<Segment>,
    /// Every payload that was ever written, in order.
    written: Vec<(u8, Vec<u8>)>,
    /// What must be found where nothing is odd.
    alive: BTreeMap<u8, Vec<u8>>,
    /// Something is not as a writer leaves it.
    is_odd: bool,
}

struct Segment {
    number: u32,
    salt: u64,
    bytes: Vec<u8>,
    batch: u32,
    entries: Vec<Entry>,
    is_sealed: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    id: u8,
    shard: u8,
    offset: u32,
    len: u32,
    target: u32,
}

impl Image {
    fn build(input: &mut Input<'_>) -> Self {
        let mut image = Image::default();
        image.segment(input, false);
        while !input.is_empty() {
            match input.u8() {
                op @ 0..=119 => image.shard(input, op % IDS),
                op @ 120..=159 => image.tombstone(input, op % IDS),
                160..=189 => image.end_batch(),
                190..=209 => image.next_segment(input),
                210..=215 => image.segment(input, true),
                216..=225 => image.odd_shard(input),
                226..=230 => image.odd_seal(input),
                231..=240 => image.raw(input),
                _ => image.damage(input),
            }
        }
        image.end_batch();
        image
    }

    /// A segment after the newest, which is sealed before, as a writer does it.
    fn next_segment(&mut self, input: &mut Input<'_>) {
        if self.segments.len() < SEGMENTS_MAX {
            self.end_batch();
            if let Some(segment) = self.segments.last_mut().filter(|segment| !segment.is_sealed) {
                segment.seal(None);
            }
            self.segment(input, false);
        }
    }

    fn segment(&mut self, input: &mut Input<'_>, is_odd: bool) {
        if self.segments.len() == SEGMENTS_MAX {
            return;
        }
        self.is_odd |= is_odd;
        let newest = self.segments.last().map_or(0, |segment| segment.number);
        let number = if is_odd { input.number() as u32 } else { newest.saturating_add(1) };
        if self.segments.iter().any(|segment| segment.number == number) {
            return;
        }
        let salt = u64::from(input.u8());
        let said = if is_odd && input.u8() == 0 { number.wrapping_add(1) } else { number };
        let mut header = b"RfSg\x01\0\0\0".to_vec();
        header.extend_from_slice(&said.to_le_bytes());
        header.extend_from_slice(&4096u32.to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        let mut bytes = checksummed(header, 64);
        bytes.resize(BLOCK, 0);
        let (batch, entries, is_sealed) = (1, Vec::new(), false);
        self.segments.push(Segment { number, salt, bytes, batch, entries, is_sealed });
    }

    fn open_segment(&mut self) -> Option<&mut Segment> {
        self.segments.last_mut().filter(|segment| !segment.is_sealed)
    }

    fn shard(&mut self, input: &mut Input<'_>, id: u8) {
        let payload = vec![input.u8(); usize::from(input.u8()) * 4 + 1];
        let Some(segment) = self.open_segment() else { return };
        let body = packed([id; 16], 0, [1, 0], &payload);
        segment.record(1, id, &body, 0);
        self.written.push((id, payload.clone()));
        self.alive.insert(id, payload);
    }

    fn tombstone(&mut self, input: &mut Input<'_>, id: u8) {
        let target = u32::from(input.u8() % SEGMENTS_MAX as u8) + 1;
        let Some(segment) = self.open_segment() else { return };
        segment.record(2, id, &[], target);
        self.alive.remove(&id);
    }

    fn end_batch(&mut self) {
        if let Some(segment) = self.open_segment() {
            segment.end_batch();
        }
    }

    /// A record whose shard is another's, or of another layout.
    fn odd_shard(&mut self, input: &mut Input<'_>) {
        self.is_odd = true;
        let (id, other) = (input.u8() % IDS, input.u8() % IDS);
        let code = [input.u8() % 5, input.u8() % 3];
        let payload = vec![input.u8(); usize::from(input.u8())];
        let Some(segment) = self.open_segment() else { return };
        let body = packed([other; 16], input.u8() % 3, code, &payload);
        segment.record(1, id, &body, 0);
    }

    /// A seal, perhaps with an entry that leads elsewhere.
    fn odd_seal(&mut self, input: &mut Input<'_>) {
        self.is_odd = true;
        let odd = (input.u8(), input.number() as u32, input.number() as u32);
        if let Some(segment) = self.open_segment() {
            segment.end_batch();
            segment.seal(Some(odd));
        }
    }

    fn raw(&mut self, input: &mut Input<'_>) {
        self.is_odd = true;
        let len = usize::from(input.u8());
        let bytes = input.take(len);
        if let Some(segment) = self.open_segment() {
            segment.bytes.extend_from_slice(bytes);
            segment.bytes.resize(segment.bytes.len().next_multiple_of(8), 0);
        }
    }

    /// Changes bytes anywhere, or cuts a segment.
    fn damage(&mut self, input: &mut Input<'_>) {
        self.is_odd = true;
        let (number, place, value) = (usize::from(input.u8()), usize::from(input.u16()), input.u8());
        let count = self.segments.len();
        let Some(segment) = self.segments.get_mut(number % count.max(1)) else { return };
        let place = place % segment.bytes.len().max(1);
        match value {
            0 => segment.bytes.truncate(place),
            1 => segment.bytes.iter_mut().skip(place / 512 * 512).take(512).for_each(|byte| *byte = 0),
            _ => {
                if let Some(byte) = segment.bytes.get_mut(place) {
                    *byte ^= value;
                }
            }
        }
    }
}

impl Segment {
    fn record(&mut self, kind: u8, id: u8, body: &[u8], target: u32) {
        let offset = self.bytes.len() as u32;
        let len = body.len() as u32;
        let mut head = b"RfRc\x01".to_vec();
        head.extend_from_slice(&[kind, 0, 0]);
        head.extend_from_slice(&len.to_le_bytes());
        head.extend_from_slice(&self.batch.to_le_bytes());
        head.extend_from_slice(&[id; 16]);
        head.extend_from_slice(&target.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        let place = u64::from(self.number) << 32 | u64::from(offset);
        let sum = xxh3_64_with_seed(&head, self.salt ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        head.extend_from_slice(&sum.to_le_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.entries.push(Entry { kind, id, shard: 0, offset, len, target });
    }

    fn end_batch(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        self.batch += 1;
    }

    fn seal(&mut self, odd: Option<(u8, u32, u32)>) {
        let data_end = self.bytes.len() as u64;
        if let Some((number, offset, len)) = odd
            && let Some(entry) = self.entries.get_mut(usize::from(number))
        {
            (entry.offset, entry.len) = (offset, len);
        }
        self.entries.sort_by_key(|entry| (entry.id, entry.shard, entry.offset));
        let index: Vec<u8> = self.entries.iter().flat_map(Entry::encode).collect();
        let mut footer = b"RfSf\x01\0\0\0".to_vec();
        footer.extend_from_slice(&self.number.to_le_bytes());
        footer.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        footer.extend_from_slice(&data_end.to_le_bytes());
        footer.extend_from_slice(&self.salt.to_le_bytes());
        footer.extend_from_slice(&xxh3_64(&index).to_le_bytes());
        self.bytes.extend_from_slice(&index);
        self.bytes.extend_from_slice(&checksummed(footer, 64));
        self.is_sealed = true;
    }
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.id; 16];
        out.extend_from_slice(&[self.shard, self.kind, 0, 0]);
        [self.offset, self.len, self.target]
            .iter()
            .for_each(|field| out.extend_from_slice(&field.to_le_bytes()));
        out
    }
}

/// A packed shard (`docs/formats/shard.md`), of a blob of as many bytes as its payload has.
fn packed(id: [u8; 16], shard: u8, [data, parity]: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let mut header = b"RfPk\x01".to_vec();
    header.extend_from_slice(&[shard, data, parity]);
    header.extend_from_slice(&id);
    header.extend_from_slice(&4096u32.to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&1u64.to_le_bytes());
    header.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    header.extend_from_slice(&0u32.to_le_bytes());
    header.extend_from_slice(&xxh3_64(payload).to_le_bytes());
    header.extend_from_slice(&xxh3_64(b"").to_le_bytes());
    let mut out = checksummed(header, 72);
    out.extend_from_slice(payload);
    out
}

/// A header of that length, which ends in its checksum.
fn checksummed(mut header: Vec<u8>, len: usize) -> Vec<u8> {
    header.resize(len - 8, 0);
    header.extend_from_slice(&xxh3_64(&header).to_le_bytes());
    header
}
