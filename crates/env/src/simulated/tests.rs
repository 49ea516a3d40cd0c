//! What a simulated process may rely on, and what it must not.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::{Clock, File, OpenOptions};

const NEW: OpenOptions =
    OpenOptions { write: true, create_new: true, direct: false, write_through: false, on_caller: false };
const OLD: OpenOptions = OpenOptions { create_new: false, ..NEW };

async fn create(env: &Env, path: &str, data: &'static [u8]) -> Arc<dyn File> {
    let file = env.disk.open(Path::new(path), NEW).await.unwrap();
    file.write_at(0, Bytes::from_static(data)).await.unwrap();
    file
}

async fn read(env: &Env, path: &str) -> io::Result<Bytes> {
    crate::read_file(&*env.disk, Path::new(path), 1 << 20).await
}

/// Several tasks on two drives, random numbers and sleeps: what they do depends on everything that is drawn.
async fn workload(env: Env) -> u64 {
    let mut ends = Vec::new();
    for task in 0..4u64 {
        let inner = env.clone();
        ends.push(env.spawn.task(Box::pin(async move {
            let path = format!("/d{}/file-{task}", task % 2 + 1);
            let file = create(&inner, &path, b"some").await;
            for _ in 0..20 {
                let number = inner.random.number();
                let data = Bytes::copy_from_slice(&number.to_le_bytes());
                file.write_at(number % 10_000, data).await.unwrap();
                inner.clock.sleep(Duration::from_nanos(number % 3000)).await;
                file.sync().await.unwrap();
            }
        })));
    }
    for end in ends {
        end.await;
    }
    env.clock.monotonic().as_nanos() as u64
}

#[test]
fn two_runs_of_one_seed_are_equal_and_another_seed_differs() {
    let run = |seed| {
        let simulation = Simulation::with_drives(seed, 2, 1 << 30);
        simulation.disks().crash_after(100, Crash::PowerCut);
        assert_eq!(simulation.run(workload), Ending::Crashed);
        let left: Vec<_> = simulation.disks().files("d1");
        let rest = simulation.run(async |env| {
            env.disk.remove_directory(Path::new("/d1/x")).await.unwrap_err();
            env.random.number()
        });
        (rest, left, simulation.disks().trace(), simulation.clock().monotonic())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).2, run(8).2);
}

#[test]
fn the_workload_is_the_same_up_to_the_crash() {
    let operations = |crash: Option<u64>| {
        let simulation = Simulation::with_drives(3, 2, 1 << 30);
        simulation.disks().keep_operations();
        if let Some(nth) = crash {
            simulation.disks().crash_after(nth, Crash::Kill);
        }
        let _ = simulation.run(workload);
        simulation.disks().kept_operations()
    };
    let all = operations(None);
    assert_eq!(all.len(), 4 * (2 + 40));
    assert_eq!(operations(Some(60)), all[..60]);
}

#[test]
fn what_was_synced_survives_a_power_cut_at_every_operation() {
    let write = |acknowledged: Arc<parking_lot::Mutex<Vec<u8>>>| {
        async move |env: Env| {
            for byte in 0..5u8 {
                let path = format!("/d1/f{byte}");
                let file = env.disk.open(Path::new(&path), NEW).await.unwrap();
                let data = Bytes::from(vec![byte + 1; 3000]);
                file.write_at(100, data).await.unwrap();
                file.sync().await.unwrap();
                env.disk.sync_directory(Path::new("/d1")).await.unwrap();
                acknowledged.lock().push(byte);
            }
        }
    };
    let count = {
        let simulation = Simulation::with_drives(0, 1, 1 << 30);
        simulation.run(write(Arc::default())).finished();
        simulation.disks().operations()
    };
    assert_eq!(count, 20);
    for nth in 1..=count {
        let simulation = Simulation::with_drives(nth, 1, 1 << 30);
        simulation.disks().crash_after(nth, Crash::PowerCut);
        let acknowledged = Arc::default();
        assert_eq!(simulation.run(write(Arc::clone(&acknowledged))), Ending::Crashed);
        let acknowledged = acknowledged.lock().clone();
        let check = simulation.run(async |env| {
            for byte in &acknowledged {
                let content = read(&env, &format!("/d1/f{byte}")).await.unwrap();
                assert_eq!(content[100..], vec![byte + 1; 3000]);
            }
        });
        check.finished();
    }
}
