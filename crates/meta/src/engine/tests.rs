//! What no engine can be asked to do by itself: failing storage.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::ids::PartitionId;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

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
