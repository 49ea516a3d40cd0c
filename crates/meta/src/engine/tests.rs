//! What no engine can be asked to do by itself: failing storage, journals with holes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::ids::PartitionId;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::fjall::{FjallEngine, FjallOptions};
use super::memory::MemoryEngineStore;
use super::redb::{RedbEngine, RedbOptions};
use super::{Engine, EngineBatch, EngineError};

const KEYSPACE: PartitionId = PartitionId(3);

fn put(engine: &dyn Engine, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
    let mut batch = EngineBatch::default();
    batch.put(KEYSPACE, key, value);
    engine.write(&mut batch)
}

/// An engine that has failed takes no write, but still reads.
fn assert_poisoned(engine: &dyn Engine) {
    assert!(matches!(put(engine, b"k", b"v"), Err(EngineError::Poisoned { .. })));
    assert!(matches!(engine.persist(), Err(EngineError::Poisoned { .. })));
    assert!(matches!(engine.drop_keyspace(KEYSPACE), Err(EngineError::Poisoned { .. })));
}

#[test]
fn a_failed_write_in_memory_poisons() {
    let store = MemoryEngineStore::default();
    let engine = store.open();
    store.fail_after(1);
    put(&engine, b"a", b"1").unwrap();
    assert!(matches!(put(&engine, b"b", b"2"), Err(EngineError::Failed { .. })));
    assert_poisoned(&engine);
    assert_eq!(engine.get(KEYSPACE, b"a").unwrap().unwrap(), "1");
    assert_eq!(engine.get(KEYSPACE, b"b").unwrap(), None);
    put(&store.open(), b"b", b"2").unwrap();
}

/// Memory that fails when it is told to.
#[derive(Debug)]
struct Failing {
    memory: InMemoryBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("a failure that was asked for"));
        }
        Ok(())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, io::Error> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.check()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.check()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.check()?;
        self.memory.write(offset, data)
    }
}

#[test]
fn a_failed_persist_of_redb_poisons() {
    let fails = Arc::new(AtomicBool::new(false));
    let backend = Failing { memory: InMemoryBackend::new(), fails: Arc::clone(&fails) };
    let engine = RedbEngine::open_on(backend, "storage".to_owned(), RedbOptions::default()).unwrap();
    put(&engine, b"a", b"1").unwrap();
    engine.persist().unwrap();
    put(&engine, b"b", b"2").unwrap();
    fails.store(true, Ordering::Relaxed);
    assert!(matches!(engine.persist(), Err(EngineError::Failed { action: "persist", .. })));
    fails.store(false, Ordering::Relaxed);
    assert_poisoned(&engine);
}

/// Bytes that do not compress.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_769) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// The only journal, without the zeros at its end.
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own")]
fn journal(directory: &std::path::Path) -> (PathBuf, Vec<u8>) {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let path =
        entries.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jnl")).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    (path, bytes)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "fjall has files of its own")]
fn a_hole_in_the_journal_of_fjall_costs_what_lies_behind_it_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("engine");
    let open = || FjallEngine::open(&directory, FjallOptions::default()).unwrap();
    let engine = open();
    let mut ends = Vec::new();
    for number in 0..12u32 {
        // Some are stored compressed, some not, and some fill more than a page.
        let len = [100, 3000, 9000][number as usize % 3];
        put(&engine, &number.to_be_bytes(), &noise(number, len)).unwrap();
        ends.push(journal(&directory).1.len());
    }
    drop(engine);
    let (path, whole) = journal(&directory);
    let mut refused = 0;
    for hole in (ends[5]..whole.len() - 512).step_by(1900) {
        for len in [64, 512, 4096] {
            let mut bytes = whole.clone();
            let end = (hole + len).min(bytes.len());
            bytes[hole..end].fill(0);
            bytes.resize(bytes.len() + 5000, 0);
            std::fs::write(&path, &bytes).unwrap();
            refused += u32::from(fjall::Database::builder(&directory).open().is_err());
            let engine = open();
            let first_lost = ends.iter().position(|end| *end > hole).unwrap() as u32;
            for number in 0..12u32 {
                let found = engine.get(KEYSPACE, &number.to_be_bytes()).unwrap();
                assert_eq!(found.is_some(), number < first_lost, "{hole} {len} {number} {first_lost}");
            }
            put(&engine, b"next", b"v").unwrap();
            engine.persist().unwrap();
            drop(engine);
            assert_eq!(open().get(KEYSPACE, b"next").unwrap().unwrap(), "v");
        }
    }
    assert!(refused > 0, "fjall opens by itself now: the cut is no longer needed");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the threads of fjall know no env::Clock")]
fn at_rest_rows_go_to_tables_and_their_memory_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let engine = FjallEngine::open(directory.path(), FjallOptions::default()).unwrap();
    for key in 0..64u8 {
        put(&engine, &[key], &[key; 64 << 10]).unwrap();
    }
    let in_memory = || engine.statistics().unwrap().memory_bytes;
    assert!(in_memory() > 4 << 20, "{}", in_memory());
    engine.rest().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while in_memory() > 1 << 20 {
        assert!(std::time::Instant::now() < until, "{} bytes are still in memory", in_memory());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(engine.get(KEYSPACE, &[63]).unwrap().unwrap().len(), 64 << 10);
    assert_eq!(engine.rows_about(KEYSPACE).unwrap(), 64);
}
