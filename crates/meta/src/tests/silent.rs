//! A drive that hangs while the metadata is opened or closed: it is left out, by name, and nobody waits for it without end.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use env::simulated::Mishap;
use env::{BoxFuture, Clock};
use model::time::Timestamp;

use super::*;
use crate::engine::EngineError;
use crate::error::DriveOpenError;

const DRIVES: [&str; 4] = ["d1", "d2", "d3", "d4"];

fn resume(store: &Store) {
    for drive in DRIVES.iter().take(store.engines.len()) {
        store.simulation.disks().resume(drive);
    }
}

fn is_silent(left: &LeftOut) -> bool {
    matches!(&left.reason, DriveOpenError::Silent { path } if *path == left.directory)
}

/// A store in which something is written.
fn written(seed: u64, drives: usize) -> Store {
    let store = Store::new(seed, drives);
    let life = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 1).await.unwrap();
        assert!(meta.close().await.is_empty());
    });
    life.finished();
    store
}

#[test]
fn a_drive_that_hangs_while_the_metadata_is_opened_is_left_out_by_name() {
    for nth in [1, 4, 9, 17, 30] {
        let store = written(9500 + nth, 4);
        let life = store.simulation.run(async |env| {
            store.simulation.disks().mishap_at(nth, Mishap::StallUntilResumed);
            let begun = env.clock.monotonic();
            let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
            let took = env.clock.monotonic() - begun;
            assert!((30..=31).contains(&took.as_secs()), "{took:?}, stalled at {nth}");
            assert!(left_out.len() == 1 && is_silent(&left_out[0]), "{left_out:?}");
            put(&meta, 2).await.unwrap();
            assert_eq!(numbers(&meta).await, [1, 2].into());
            // What is late is too late: it takes no part until the next start.
            resume(&store);
            env.clock.sleep(Duration::from_secs(5)).await;
            put(&meta, 3).await.unwrap();
            assert!(meta.close().await.is_empty());
        });
        life.finished();
        let again = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            assert_eq!(numbers(&meta).await, [1, 2, 3].into());
            meta.close().await;
        });
        again.finished();
    }
}

#[test]
fn a_store_that_lacks_a_majority_because_drives_hang_names_them() {
    let store = written(9600, 3);
    let life = store.simulation.run(async |env| {
        store.simulation.disks().stall_until_resumed("d1");
        store.simulation.disks().stall_until_resumed("d3");
        let refused = store.try_open(&env, &store.all(), false).await.unwrap_err().to_string();
        for drive in ["/d1/meta has not answered for 30 seconds", "/d3/meta has not answered"] {
            assert!(refused.contains(drive), "{refused}");
        }
        resume(&store);
    });
    life.finished();
}

#[test]
fn closing_ends_though_a_drive_hangs_and_names_it() {
    let store = written(9700, 4);
    let life = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        store.simulation.disks().stall_until_resumed("d2");
        put(&meta, 2).await.unwrap();
        let begun = env.clock.monotonic();
        assert_eq!(meta.close().await, [Path::new("/d2/meta")]);
        let took = env.clock.monotonic() - begun;
        assert!(took.as_secs() <= 31, "{took:?}");
        resume(&store);
        env.clock.sleep(Duration::from_secs(5)).await;
    });
    life.finished();
}

/// A clock on which a minute passes in a fifth of a second.
struct Hasty(Arc<dyn Clock>);

const HASTE: u32 = 300;

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic() * HASTE
    }
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(time / HASTE)
    }
}

/// The engine waits for the drive on the spot, as engines do.
#[test]
fn an_engine_that_never_opens_holds_up_nobody() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let there = tempfile::tempdir().unwrap();
    let env = env::real::env(runtime.handle());
    let env = Env { clock: Arc::new(Hasty(Arc::clone(&env.clock))), ..env };
    let store = Store::new(9800, 3);
    let (answer, hang) = mpsc::channel::<()>();
    let hang = Arc::new(Mutex::new(hang));
    let open = |new_store: bool, hangs: bool| {
        let (engines, hang, ids) = (store.engines.clone(), Arc::clone(&hang), store.map.sets[0].clone());
        let engines = move |_: &Env, id: DriveId, directory: &Path| {
            let slot = ids.iter().position(|drive| *drive == id).unwrap();
            if hangs && slot == 1 {
                // Until the test is over.
                let _ = hang.lock().recv();
                let place = directory.display().to_string();
                return Err(EngineError::Closed { place });
            }
            Ok(Arc::new(engines[slot].open()) as Arc<dyn Engine>)
        };
        let directory = |slot: usize| there.path().join(format!("d{slot}/meta"));
        let drives = (0..3).map(|slot| MetaDrive::new(store.map.sets[0][slot], directory(slot)));
        let options = MetaOptions {
            map: store.map.clone(),
            drives: drives.collect(),
            new_store,
            engines: Arc::new(engines),
            log: Arc::new(|drive| crate::log::LogOptions {
                segment_bytes: 1 << 20,
                ..crate::log::LogOptions::new(drive)
            }),
            watch: None,
        };
        Meta::open(&env, options)
    };
    runtime.block_on(async {
        for slot in 0..3 {
            env.disk.create_directories(&there.path().join(format!("d{slot}"))).await.unwrap();
        }
        open(true, false).await.unwrap().0.close().await;
        let (meta, left_out) = open(false, true).await.unwrap();
        assert!(left_out.len() == 1 && is_silent(&left_out[0]), "{left_out:?}");
        put(&meta, 1).await.unwrap();
        meta.close().await;
    });
    drop(answer);
}
