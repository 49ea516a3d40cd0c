//! Opening a drive's engine. Input: rows in files, which are put together with the right checksums (`docs/formats/engine.md`),
//! then fields that are forged before the checksums are made, and places at which bytes are changed after.
//!
//! It opens, or the error says what is damaged. As it was put together it reads as an ordered map does, nothing is found wrong
//! with it, and it can be written on; with bytes changed it reads the same or not at all; forged it answers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use env::simulated::Simulation;
use env::{Env, OpenOptions};
use meta::engine::tree::{TreeEngine, TreeOptions, check_files};
use meta::engine::{ALL_KEYS, Engine, EngineBatch, EngineError};
use model::ids::{DriveId, PartitionId};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::input::Input;

const DIRECTORY: &str = "/d1/engine";
const DRIVE: DriveId = DriveId::from_bytes([3; 16]);
const FILES_MAX: usize = 3;
const KEYSPACES: [PartitionId; 2] = [PartitionId(0), PartitionId(1)];
const ROWS_PER_BLOCK: usize = 2;
const ROWS_PER_LEAF: usize = 5;
const OPTIONS: TreeOptions = TreeOptions { cache_bytes: 64 << 10, memtable_bytes: 32 << 10 };

/// See the module.
pub fn run(data: &[u8]) {
    let image = Image::build(&mut Input::new(data));
    if image.bytes.is_empty() {
        // Damage took all files away: a folder with nothing in it is that of a new drive, which is what the engine takes it for.
        return;
    }
    let simulation = Simulation::with_drives(1, 1, 64 << 20);
    simulation.run(async |env| check(&env, image).await).finished();
}

/// Of a keyspace, or of a file: removed rows hide older ones.
type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

async fn check(env: &Env, image: Image) {
    store(env, &image).await;
    let mut damaged = 0;
    let readable = check_files(&*env.disk.blocking(), Path::new(DIRECTORY), DRIVE, &mut |_| damaged += 1);
    let engine = match TreeEngine::open(env, DRIVE, Path::new(DIRECTORY), OPTIONS) {
        Ok(engine) => engine,
        Err(EngineError::Failed { .. }) => return assert_ne!(image.state, State::Whole, "it does not open"),
        Err(error) => panic!("an engine does not open for another reason than what is in it: {error}"),
    };
    let mut walk = engine.check();
    while let Some(check) = &mut walk {
        let step = check.step(4096).await;
        damaged += step.found.len();
        if step.is_last {
            walk = None;
        }
    }
    assert!(
        image.state != State::Whole || damaged == 0 && readable.is_ok(),
        "what is whole is found damaged"
    );
    read(&engine, &image);
    for keyspace in KEYSPACES {
        let merged = engine.compact(keyspace);
        assert!(image.state != State::Whole || merged.is_ok(), "what is whole can't be merged: {merged:?}");
    }
    read(&engine, &image);
    if image.state == State::Whole {
        write_on(env, engine, image).await;
    }
}

/// Reads all rows, at once and one by one.
fn read(engine: &TreeEngine, image: &Image) {
    for keyspace in KEYSPACES {
        let model = image.model(keyspace);
        let mut found = BTreeMap::new();
        let scanned = engine.scan(keyspace, ALL_KEYS, &mut |key, value| {
            found.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        });
        let keys = image.files.iter().flat_map(|file| file.get(&keyspace)).flatten();
        for (key, _) in keys {
            let value = engine.get(keyspace, key);
            let value = value.map(|value| value.map(|value| value.to_vec()));
            assert!(image.may_be(&value, &model.get(key).cloned()), "{key:?} reads otherwise");
        }
        assert!(image.may_be(&scanned.map(|()| found), &model), "{keyspace} is not what the map is");
    }
}

async fn write_on(env: &Env, engine: TreeEngine, mut image: Image) {
    let [keyspace, _] = KEYSPACES;
    let row = (b"more".to_vec(), b"rows".to_vec());
    let mut batch = EngineBatch::default();
    batch.put(keyspace, &row.0, &row.1);
    assert!(engine.write(&mut batch).is_ok() && engine.close().is_ok(), "what has opened takes no writes");
    image.files.push(BTreeMap::from([(keyspace, Rows::from([(row.0, Some(row.1))]))]));
    let Ok(engine) = TreeEngine::open(env, DRIVE, Path::new(DIRECTORY), OPTIONS) else {
        panic!("what was written on does not open")
    };
    read(&engine, &image);
}

async fn store(env: &Env, image: &Image) {
    let options = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
    let made = env.disk.create_directories(Path::new(DIRECTORY)).await;
    assert!(made.is_ok(), "the simulated drive is well");
    for (name, bytes) in &image.bytes {
        let path = PathBuf::from(DIRECTORY).join(name);
        let Ok(file) = env.disk.open(&path, options).await else { panic!("no {}", path.display()) };
        assert!(file.write_at(0, Bytes::from(bytes.clone())).await.is_ok(), "the simulated drive is well");
    }
}

/// What was done to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Whole,
    /// Bytes were changed: every checksum may be wrong.
    Damaged,
    /// Fields are wrong under right checksums.
    Forged,
}

/// Files in the making.
struct Image {
    state: State,
    /// Rows of each file by keyspace, the oldest file first.
    files: Vec<BTreeMap<PartitionId, Rows>>,
    /// Fields that are to have another value, by their order in the image.
    forged: BTreeMap<u64, u64>,
    fields: u64,
    bytes: BTreeMap<String, Vec<u8>>,
}

/// A leaf as the directory tells of it.
struct Leaf {
    keyspace: PartitionId,
    numbers: [u64; 2],
    keys: [Vec<u8>; 2],
    places: [u64; 5],
}

impl Image {
    fn build(input: &mut Input<'_>) -> Self {
        let mut image = Image {
            state: State::Whole,
            files: vec![BTreeMap::new()],
            forged: BTreeMap::new(),
            fields: 0,
            bytes: BTreeMap::new(),
        };
        let mut damages = Vec::new();
        while !input.is_empty() {
            match input.u8() {
                op @ 0..=199 => image.row(input, op),
                200..=209 if image.files.len() < FILES_MAX => image.files.push(BTreeMap::new()),
                200..=219 => drop(image.forged.insert(input.number(), input.number())),
                _ => damages.push((input.u8(), input.u16(), input.u8())),
            }
        }
        image.lay_out();
        if !image.forged.is_empty() {
            image.state = State::Forged;
        } else if !damages.is_empty() {
            image.state = State::Damaged;
        }
        damages.into_iter().for_each(|damage| image.damage(damage));
        image
    }

    /// A row of the newest file.
    fn row(&mut self, input: &mut Input<'_>, op: u8) {
        let bytes = [0, 1, b'a', 0xfe, 0xff];
        let byte = |choice: u8| bytes.get(usize::from(choice) % bytes.len()).copied().unwrap_or_default();
        let key: Vec<u8> = (0..=op % 4).map(|_| byte(input.u8())).collect();
        let value = match op / 8 % 4 {
            0 => None,
            1 => Some(vec![input.u8(); usize::from(input.u8()) * 16]),
            _ => Some(input.take(usize::from(op % 7)).to_vec()),
        };
        let [one, other] = KEYSPACES;
        let keyspace = if op < 100 { one } else { other };
        if let Some(file) = self.files.last_mut() {
            file.entry(keyspace).or_default().insert(key, value);
        }
    }

    /// What a keyspace holds.
    fn model(&self, keyspace: PartitionId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = Rows::new();
        for rows in self.files.iter().filter_map(|file| file.get(&keyspace)) {
            all.extend(rows.clone());
        }
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// Whether this may be read where that was written.
    fn may_be<T: PartialEq>(&self, read: &Result<T, EngineError>, written: &T) -> bool {
        match (self.state, read) {
            (State::Forged, _) | (State::Damaged, Err(_)) => true,
            (State::Whole, Err(_)) => false,
            (_, Ok(read)) => read == written,
        }
    }

    /// A field, as it should be or as it is forged.
    fn field(&mut self, value: u64) -> u64 {
        self.fields += 1;
        self.forged.get(&self.fields).copied().unwrap_or(value)
    }

    fn lay_out(&mut self) {
        let mut runs: BTreeMap<PartitionId, Vec<Vec<u64>>> = BTreeMap::new();
        for (number, file) in (1u64..).zip(self.files.clone()) {
            let mut bytes = self.head(number);
            let mut leaves = Vec::new();
            for (keyspace, rows) in &file {
                let rows: Vec<_> = rows.iter().collect();
                let (first, count) = (leaves.len() as u64, rows.len().div_ceil(ROWS_PER_LEAF) as u64);
                leaves.extend(
                    rows.chunks(ROWS_PER_LEAF).map(|rows| self.leaf(&mut bytes, number, *keyspace, rows)),
                );
                runs.entry(*keyspace).or_default().insert(0, vec![number, first, count]);
            }
            self.end(&mut bytes, number, &leaves);
            self.bytes.insert(format!("{number:016x}.rows"), bytes);
        }
        let manifest = self.manifest(&runs);
        self.bytes.insert("manifest".into(), manifest);
    }

    fn head(&mut self, number: u64) -> Vec<u8> {
        let mut bytes = b"RFSTREE\0".to_vec();
        bytes.extend_from_slice(&(self.field(1) as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(DRIVE.bytes());
        bytes.extend_from_slice(&self.field(number).to_le_bytes());
        bytes.extend_from_slice(&salt(number).to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Blocks, index and filter of some rows.
    fn leaf(
        &mut self,
        bytes: &mut Vec<u8>,
        number: u64,
        keyspace: PartitionId,
        rows: &[(&Vec<u8>, &Option<Vec<u8>>)],
    ) -> Leaf {
        let (start, mut index) = (bytes.len() as u64, Vec::new());
        for block in rows.chunks(ROWS_PER_BLOCK) {
            let content: Vec<_> =
                block.iter().map(|(key, value)| ((*key).clone(), (*value).clone())).collect();
            let (offset, len) = self.block(bytes, number, &content);
            let mut place = self.field(offset).to_le_bytes().to_vec();
            place.extend_from_slice(&(self.field(len) as u32).to_le_bytes());
            index.extend(content.last().map(|(key, _)| (key.clone(), Some(place))));
        }
        let (index_at, index_len) = self.block(bytes, number, &index);
        let filter = filter(rows.iter().map(|(key, _)| key.as_slice()));
        let (filter_at, filter_len) = self.seal(bytes, number, &filter);
        let removed = rows.iter().filter(|(_, value)| value.is_none()).count() as u64;
        let key =
            |row: Option<&(&Vec<u8>, &Option<Vec<u8>>)>| row.map_or_else(Vec::new, |(key, _)| (*key).clone());
        Leaf {
            keyspace,
            numbers: [rows.len() as u64, removed],
            keys: [key(rows.first()), key(rows.last())],
            places: [start, index_at, index_len, filter_at, filter_len],
        }
    }

    fn block(&mut self, out: &mut Vec<u8>, number: u64, rows: &[(Vec<u8>, Option<Vec<u8>>)]) -> (u64, u64) {
        let ends = rows.first().zip(rows.last());
        let same = ends.map_or(0, |((first, _), (last, _))| {
            first.iter().zip(last).take_while(|(one, other)| one == other).count()
        });
        let prefix = rows.first().and_then(|(key, _)| key.get(..same)).unwrap_or_default();
        let mut bytes = (self.field(same as u64) as u16).to_le_bytes().to_vec();
        bytes.extend_from_slice(prefix);
        let mut places = Vec::new();
        for (key, value) in rows {
            places.extend_from_slice(&(self.field(bytes.len() as u64) as u32).to_le_bytes());
            let rest = key.get(same..).unwrap_or_default();
            let value_len = value.as_ref().map_or(0, |value| value.len() as u64 + 1);
            bytes.extend_from_slice(&(self.field(rest.len() as u64) as u16).to_le_bytes());
            bytes.extend_from_slice(&(self.field(value_len) as u32).to_le_bytes());
            bytes.extend_from_slice(rest);
            bytes.extend_from_slice(value.as_deref().unwrap_or_default());
        }
        bytes.extend_from_slice(&places);
        bytes.extend_from_slice(&(self.field(rows.len() as u64) as u32).to_le_bytes());
        self.seal(out, number, &bytes)
    }

    /// As it is, or as LZ4 where the length is odd.
    fn seal(&mut self, out: &mut Vec<u8>, number: u64, inside: &[u8]) -> (u64, u64) {
        let (offset, kind) = (out.len() as u64, self.field(inside.len() as u64 % 2));
        let mut sealed = vec![kind as u8];
        sealed.extend_from_slice(&(self.field(inside.len() as u64) as u32).to_le_bytes());
        sealed.extend_from_slice(&if kind == 1 { lz4(inside) } else { inside.to_vec() });
        sealed.extend_from_slice(&xxh3_64_with_seed(&sealed, salt(number) ^ offset).to_le_bytes());
        out.extend_from_slice(&sealed);
        (offset, sealed.len() as u64)
    }

    /// Directory and tail.
    fn end(&mut self, bytes: &mut Vec<u8>, number: u64, leaves: &[Leaf]) {
        let mut record = vec![1];
        varint(&mut record, self.field(leaves.len() as u64));
        for leaf in leaves {
            let numbers = [u64::from(leaf.keyspace.0)].into_iter().chain(leaf.numbers);
            numbers.for_each(|value| varint(&mut record, self.field(value)));
            for key in &leaf.keys {
                varint(&mut record, self.field(key.len() as u64));
                record.extend_from_slice(key);
            }
            leaf.places.into_iter().for_each(|value| varint(&mut record, self.field(value)));
        }
        let (offset, len) = self.seal(bytes, number, &record);
        let at = bytes.len() as u64;
        let mut tail = b"RFSLEAF\0".to_vec();
        tail.extend_from_slice(&self.field(offset).to_le_bytes());
        tail.extend_from_slice(&(self.field(len) as u32).to_le_bytes());
        tail.extend_from_slice(&[0; 4]);
        tail.extend_from_slice(&xxh3_64_with_seed(&tail, salt(number) ^ at).to_le_bytes());
        bytes.extend_from_slice(&tail);
    }

    /// Of each keyspace its runs, the newest first: each a piece of one file.
    fn manifest(&mut self, runs: &BTreeMap<PartitionId, Vec<Vec<u64>>>) -> Vec<u8> {
        let mut record = vec![1];
        varint(&mut record, self.field(self.files.len() as u64 + 1));
        varint(&mut record, self.field(runs.len() as u64));
        for (keyspace, runs) in runs {
            varint(&mut record, self.field(keyspace.0.into()));
            varint(&mut record, self.field(runs.len() as u64));
            for piece in runs {
                varint(&mut record, self.field(1));
                piece.iter().for_each(|value| varint(&mut record, self.field(*value)));
            }
        }
        let mut bytes = b"RFSMANI\0".to_vec();
        bytes.extend_from_slice(&(self.field(1) as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(DRIVE.bytes());
        bytes.extend_from_slice(&(self.field(record.len() as u64) as u32).to_le_bytes());
        bytes.extend_from_slice(&record);
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Changes a byte anywhere, or cuts a file, or takes it away.
    fn damage(&mut self, (which, place, value): (u8, u16, u8)) {
        let which = usize::from(which) % self.bytes.len().max(1);
        let Some(name) = self.bytes.keys().nth(which).cloned() else { return };
        let Some(bytes) = self.bytes.get_mut(&name) else { return };
        let place = usize::from(place) % (bytes.len() + 1);
        match value {
            0 => bytes.truncate(place),
            1 => drop(self.bytes.remove(&name)),
            _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= value),
        }
    }
}

fn salt(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// An LZ4 block of literals alone.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![(bytes.len().min(15) as u8) << 4];
    if let Some(mut left) = bytes.len().checked_sub(15) {
        while left >= 255 {
            out.push(255);
            left -= 255;
        }
        out.push(left as u8);
    }
    out.extend_from_slice(bytes);
    out
}

fn filter<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let hashes: Vec<u64> = keys.map(xxh3_64).collect();
    let mut bits = vec![0u8; (hashes.len() * 10).div_ceil(8)];
    let len = bits.len() as u64 * 8;
    for hash in hashes {
        for probe in 0..7u64 {
            let bit = hash.wrapping_add(probe.wrapping_mul(hash.rotate_left(32) | 1)) % len;
            if let Some(byte) = bits.get_mut((bit / 8) as usize) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    bits
}
