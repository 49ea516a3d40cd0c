//! Shard files: header, frames, footer. A blob of several stripes is written by the real writer on three drives; the input
//! says what becomes of its files, with checksums that are put right afterwards or not.
//!
//! Where checksums were not put right, what reads is what was written, and where one drive alone was touched it reads, and
//! is whole after a repair.

use std::path::PathBuf;

use blob::{Blobs, DrivePlace, InventoryCursor};
use bytes::Bytes;
use env::Env;
use env::simulated::Simulation;
use model::blob::{BlobRef, Redundancy};
use model::time::Timestamp;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::input::Input;
use crate::store::{self, DRIVE_BYTES};

const DRIVES: usize = 3;
const REDUNDANCY: Redundancy = Redundancy { data: 2, parity: 1 };
/// A frame of a whole stripe.
const FRAME: usize = 40 + 2048;
const FILE_BYTES_MAX: usize = 1 << 20;

/// See the module.
pub fn run(data: &[u8]) {
    let simulation = Simulation::with_drives(1, DRIVES, DRIVE_BYTES);
    simulation.run(async |env| check(&env, Input::new(data)).await).finished();
}

async fn check(env: &Env, mut input: Input<'_>) {
    let content: Vec<u8> =
        (0..4096 * usize::from(1 + input.u8() % 4) + 100).map(|at| (at % 251) as u8).collect();
    let blobs = store::open(env, DRIVES).await;
    let blob = write(&blobs, &content).await;
    blobs.close().await;
    let mut files = Files::read(env, &blob).await;
    files.change(&mut input);
    let (is_forged, touched) = (files.is_forged, files.touched());
    files.write(env).await;

    let blobs = store::open(env, DRIVES).await;
    let reference = BlobRef { size_bytes: blob.size_bytes.wrapping_add(input.number()), ..blob.clone() };
    // Of a size that it has not: an error, or what is really there.
    store::read(&blobs, &BlobRef { size_bytes: reference.size_bytes % (1 << 20), ..reference }).await;
    inventory(&blobs).await;
    let read = store::read(&blobs, &blob).await;
    if !is_forged {
        assert!(read.as_ref().is_none_or(|read| *read == content), "other bytes than were written");
        assert!(touched > 1 || read.is_some(), "one drive is damaged, and the blob can't be read");
    }
    let repaired = blobs.repair(&blob).await;
    if !is_forged && touched <= 1 {
        assert!(repaired.is_ok_and(|repaired| repaired.remaining.is_empty()), "one drive can't be repaired");
        let census = blobs.check(&blob).await;
        assert!(census.is_ok_and(|census| census.is_whole()), "what was repaired is not whole");
    }
    blobs.close().await;
}

async fn write(blobs: &Blobs, content: &[u8]) -> BlobRef {
    let written = async {
        let mut writer = blobs.writer(REDUNDANCY, None).ok()?;
        writer.write(Bytes::copy_from_slice(content)).await.ok()?;
        writer.finish(b"descriptor").await.ok()
    };
    let Some(written) = written.await else { panic!("drives that are well take no blob") };
    assert!(written.missing_shards.is_empty(), "drives that are well miss a shard");
    written.blob
}

async fn inventory(blobs: &Blobs) {
    for slot in 0..DRIVES as u8 {
        let mut cursor = Some(InventoryCursor::start());
        while let Some(at) = cursor {
            let made = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
            let page = blobs.inventory(DrivePlace { set: 0, slot }, made, at, 100).await;
            let Ok(page) = page else { panic!("a drive that is well can't be listed") };
            cursor = page.next;
        }
    }
}

/// The blob's files, by shard.
struct Files {
    paths: Vec<PathBuf>,
    bytes: Vec<Vec<u8>>,
    before: Vec<Vec<u8>>,
    /// Checksums were put right over changed bytes: what is said to be whole need not be.
    is_forged: bool,
}

impl Files {
    async fn read(env: &Env, blob: &BlobRef) -> Self {
        let [_, _, _, _, _, _, high, low, ..] = *blob.id.bytes();
        let (mut paths, mut bytes) = (Vec::new(), Vec::new());
        for shard in 0..DRIVES {
            let drive = (usize::from(blob.first_slot) + shard) % DRIVES + 1;
            let path = format!("/d{drive}/blob/shards/{high:02x}/{low:02x}/{}.{shard}", blob.id);
            let path = PathBuf::from(path);
            let Ok(file) = env::read_file(&*env.disk, &path, FILE_BYTES_MAX).await else {
                panic!("{} is not there", path.display())
            };
            paths.push(path);
            bytes.push(file.to_vec());
        }
        Files { paths, before: bytes.clone(), bytes, is_forged: false }
    }

    /// How many files are other than they were.
    fn touched(&self) -> usize {
        self.bytes.iter().zip(&self.before).filter(|(now, before)| now != before).count()
    }

    async fn write(self, env: &Env) {
        for (path, bytes) in self.paths.iter().zip(self.bytes) {
            store::put_file(env, path, bytes).await;
        }
    }

    fn change(&mut self, input: &mut Input<'_>) {
        for _ in 0..16 {
            if input.is_empty() {
                return;
            }
            let (op, shard) = (input.u8(), usize::from(input.u8()) % DRIVES);
            let (place, value) = (usize::from(input.u16()), input.u8());
            let (other, frame) = ((shard + 1 + usize::from(value) % 2) % DRIVES, usize::from(value) % 4);
            match op % 10 {
                0..=2 => self.flip(shard, place, value),
                3 => self.cut(shard, place),
                4 => self.zero(shard, place),
                5 => self.copy_frame(shard, place % 4, frame),
                6 => self.bytes.swap(shard, other),
                7 => self.forge(shard, 0, place % 64, value),
                8 => self.forge_frame(shard, frame, place % FRAME, value),
                _ => self.forge_footer(shard, place, input.number()),
            }
        }
    }

    fn file(&mut self, shard: usize) -> &mut Vec<u8> {
        let Some(file) = self.bytes.get_mut(shard) else { panic!("there are {DRIVES} shards") };
        file
    }

    fn flip(&mut self, shard: usize, place: usize, value: u8) {
        let file = self.file(shard);
        let len = file.len().max(1);
        if let Some(byte) = file.get_mut(place % len) {
            *byte ^= value;
        }
    }

    fn cut(&mut self, shard: usize, place: usize) {
        let file = self.file(shard);
        let len = file.len();
        if place < 1 << 12 {
            file.resize(len + place, 0);
        } else {
            file.truncate(place % (len + 1));
        }
    }

    fn zero(&mut self, shard: usize, place: usize) {
        let file = self.file(shard);
        let start = place % (file.len() + 1) / 512 * 512;
        file.iter_mut().skip(start).take(512).for_each(|byte| *byte = 0);
    }

    fn copy_frame(&mut self, shard: usize, from: usize, to: usize) {
        let file = self.file(shard);
        let (from, to) = (64 + from * FRAME, 64 + to * FRAME);
        if file.len() >= from.max(to) + FRAME {
            file.copy_within(from..from + FRAME, to);
        }
    }

    /// Changes a byte of the header and puts its checksum right.
    fn forge(&mut self, shard: usize, start: usize, place: usize, value: u8) {
        self.is_forged = true;
        self.flip(shard, start + place, value);
        if let Some(header) = self.file(shard).get_mut(start..start + 64) {
            let (fields, sum) = header.split_at_mut(56);
            sum.copy_from_slice(&xxh3_64(fields).to_le_bytes());
        }
    }

    fn forge_frame(&mut self, shard: usize, frame: usize, place: usize, value: u8) {
        self.is_forged = true;
        let start = 64 + frame * FRAME;
        self.flip(shard, start + place, value);
        let Some((header, rest)) =
            self.file(shard).get_mut(start..).and_then(|at| at.split_at_mut_checked(40))
        else {
            return;
        };
        let (fields, sum) = header.split_at_mut(32);
        let len = fields.get(12..16).and_then(|len| len.try_into().ok()).map_or(0, u32::from_le_bytes);
        if let Some(payload) = rest.get(..len as usize) {
            sum.copy_from_slice(&xxh3_64_with_seed(payload, xxh3_64(fields)).to_le_bytes());
        }
    }

    /// Changes a field of the footer and puts its checksum right.
    fn forge_footer(&mut self, shard: usize, place: usize, value: u64) {
        self.is_forged = true;
        let file = self.file(shard);
        let Some(start) = file.len().checked_sub(56 + b"descriptor".len()) else { return };
        let Some(footer) = file.get_mut(start..) else { return };
        let field = [4, 5, 8, 24, 32, 36, 40, 56].get(place % 8).copied().unwrap_or_default();
        for (byte, new) in footer.iter_mut().skip(field).zip(value.to_le_bytes()) {
            *byte = new;
        }
        let (body, end) = footer.split_at_mut(footer.len() - 16);
        if let Some(sum) = end.get_mut(..8) {
            sum.copy_from_slice(&xxh3_64(body).to_le_bytes());
        }
    }
}
