//! What a simulated process may rely on, and what it must not.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::{Clock, Entry, File, OpenOptions, replace_file};

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

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_at_every_crash() {
    let (mut old, mut new) = (0, 0);
    for crash in [Crash::PowerCut, Crash::Kill] {
        for seed in 0..10 * 14 {
            let simulation = Simulation::with_drives(seed, 1, 1 << 30);
            let path = Path::new("/d1/format");
            let write = async |env: Env, data: &'static [u8]| {
                replace_file(&*env.disk, path, Bytes::from_static(data)).await.unwrap();
            };
            simulation.run(|env| write(env, b"old")).finished();
            simulation.disks().crash_after(seed % 14 + 1, crash);
            let _ = simulation.run(async |env| {
                write(env.clone(), b"the new one").await;
                write(env, b"old").await;
            });
            match &simulation.run(|env| async move { read(&env, "/d1/format").await }).finished().unwrap()[..]
            {
                b"old" => old += 1,
                b"the new one" => new += 1,
                other => panic!("seed {seed}: {other:?}"),
            }
        }
    }
    assert!(old > 50 && new > 50, "both happen: {old}, {new}");
}

/// Replaces a file as [`replace_file`] does, except for the step that is left out, and crashes once it is acknowledged.
/// Whether the new file was whole in all of many simulations.
fn survives_without(step: Option<&str>) -> bool {
    (0..100).all(|seed| {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        let run = simulation.run(async |env| {
            let file = create(&env, "/d1/new", &[1; 1500]).await;
            if step != Some("sync") {
                file.sync().await.unwrap();
            }
            env.disk.rename(Path::new("/d1/new"), Path::new("/d1/f")).await.unwrap();
            if step != Some("sync of the directory") {
                env.disk.sync_directory(Path::new("/d1")).await.unwrap();
            }
        });
        run.finished();
        simulation.disks().crash_now(Crash::PowerCut);
        simulation.disks().content("/d1/f").is_ok_and(|content| content[..] == [1; 1500])
    })
}

#[test]
fn a_forgotten_sync_is_found() {
    assert!(survives_without(None));
    assert!(!survives_without(Some("sync")));
    assert!(!survives_without(Some("sync of the directory")));
}

#[test]
fn what_was_not_synced_is_kept_dropped_or_torn() {
    let (mut missing, mut empty, mut whole, mut torn) = (0, 0, 0, 0);
    for seed in 0..200 {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        simulation.run(async |env| drop(create(&env, "/d1/f", &[1; 2048]).await)).finished();
        simulation.disks().crash_now(Crash::PowerCut);
        match simulation.disks().content("/d1/f") {
            Err(_) => missing += 1,
            Ok(content) if content.is_empty() => empty += 1,
            Ok(content) if content[..] == [1; 2048] => whole += 1,
            Ok(content) => {
                assert!(content.chunks(512).all(|sector| sector == [0; 512] || sector == [1; 512]));
                torn += 1;
            }
        }
    }
    assert!(
        [missing, empty, whole, torn].iter().all(|count| *count >= 10),
        "{missing} {empty} {whole} {torn}"
    );
}

#[test]
fn what_was_written_through_survives_although_writes_before_it_do_not() {
    for seed in 0..100 {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        let through = simulation.run(async |env| {
            let file = create(&env, "/d1/f", &[1; 4096]).await;
            env.disk.sync_directory(Path::new("/d1")).await.unwrap();
            let options = OpenOptions { write_through: true, ..OLD };
            let through = env.disk.open(Path::new("/d1/f"), options).await.unwrap();
            through.write_at(1000, Bytes::from_static(&[2; 600])).await.unwrap();
            file.write_at(0, Bytes::from_static(&[3; 100])).await.unwrap();
        });
        through.finished();
        simulation.disks().crash_now(Crash::PowerCut);
        let content = simulation.disks().content("/d1/f").unwrap();
        assert_eq!(content[1000..1600], [2; 600], "seed {seed}");
        assert_eq!(content[512..1000], [1; 488], "the rest of its sector went with it");
    }
}

#[test]
fn a_kill_keeps_what_was_completed_and_a_power_cut_afterwards_may_not() {
    let mut lost = 0;
    for seed in 0..50 {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        simulation.disks().crash_after(3, Crash::Kill);
        let killed = simulation.run(async |env| {
            create(&env, "/d1/f", b"some").await;
            env.clock.sleep(Duration::from_secs(1)).await;
            create(&env, "/d1/g", b"more").await;
        });
        assert_eq!(killed, Ending::Crashed);
        simulation.run(async |env| assert_eq!(read(&env, "/d1/f").await.unwrap(), "some")).finished();
        simulation.disks().crash_now(Crash::PowerCut);
        let left = simulation.run(async |env| read(&env, "/d1/f").await.is_ok_and(|data| data == "some"));
        lost += u32::from(!left.finished());
    }
    assert!(lost > 5);
}

#[test]
fn a_failed_sync_is_told_once_and_loses_what_was_not_synced() {
    let mut lost = 0;
    for seed in 0..50 {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        simulation.disks().fail_sync("d1", 2);
        let synced = simulation.run(async |env| {
            let file = create(&env, "/d1/f", b"first").await;
            file.sync().await.unwrap();
            env.disk.sync_directory(Path::new("/d1")).await.unwrap();
            file.write_at(0, Bytes::from_static(b"later")).await.unwrap();
            file.sync().await.unwrap_err();
            file.sync().await.unwrap();
        });
        synced.finished();
        simulation.disks().crash_now(Crash::PowerCut);
        lost += u32::from(simulation.disks().content("/d1/f").unwrap() == "first");
    }
    assert!((10..=40).contains(&lost), "{lost}");
}

#[test]
fn faults_strike_as_often_as_asked_and_where_asked() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let disks = simulation.disks();
    let run = simulation.run(async |env| {
        let (file, other) = (create(&env, "/d1/f", b"some").await, create(&env, "/d2/f", b"some").await);
        disks.fail_reads("/d1", 2);
        disks.fail(Fault {
            action: DiskAction::Write,
            under: "/d2/f".into(),
            after: 1,
            times: u64::MAX,
            failure: Failure::Full,
        });
        assert_eq!(file.read_at(0, 4).await.unwrap_err().raw_os_error(), Some(5));
        file.len().await.unwrap_err();
        assert_eq!(file.read_at(0, 4).await.unwrap(), "some");
        other.write_at(0, Bytes::from_static(b"more")).await.unwrap();
        for _ in 0..3 {
            let error = other.write_at(0, Bytes::from_static(b"none")).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        disks.clear_faults();
        assert_eq!(other.read_at(0, 4).await.unwrap(), "more");
        other.write_at(0, Bytes::from_static(b"last")).await.unwrap();
    });
    run.finished();
}

#[test]
fn a_full_drive_takes_nothing_until_something_is_removed() {
    let simulation = Simulation::with_drives(1, 1, 5 * 4096);
    let run = simulation.run(async |env| {
        let free = async || env.disk.space(Path::new("/d1")).await.unwrap().free_bytes;
        let file = create(&env, "/d1/f", b"a page").await;
        file.allocate(3 * 4096).await.unwrap();
        assert_eq!(free().await, 2 * 4096);
        file.write_at(2 * 4096, Bytes::from_static(b"in what is reserved")).await.unwrap();
        assert_eq!(free().await, 2 * 4096);
        let other = create(&env, "/d1/g", b"another").await;
        let error = other.write_at(1 << 20, Bytes::from(vec![1; 2 * 4096])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        env.disk.remove(Path::new("/d1/f")).await.unwrap();
        assert_eq!(free().await, 4 * 4096);
        other.set_len(0).await.unwrap();
        assert_eq!(free().await, 5 * 4096);
        other.write_at(1 << 20, Bytes::from(vec![1; 2 * 4096])).await.unwrap();
        assert_eq!(free().await, 3 * 4096);
    });
    run.finished();
}

#[test]
fn a_stalled_drive_answers_late_and_holds_no_other_up() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let disks = simulation.disks();
    let run = simulation.run(async |env| {
        let file = create(&env, "/d1/f", b"some").await;
        disks.stall("d1", Duration::from_secs(5));
        let start = env.clock.monotonic();
        create(&env, "/d2/f", b"some").await;
        assert!(env.clock.monotonic() - start < Duration::from_secs(1));
        file.read_at(0, 1).await.unwrap();
        assert_eq!(env.clock.monotonic() - start, Duration::from_secs(5));

        disks.stall_until_resumed("d1");
        let (inner, resumed) = (env.clone(), disks.clone());
        let _resumes = env.spawn.task(Box::pin(async move {
            inner.clock.sleep(Duration::from_secs(70)).await;
            resumed.resume("d1");
        }));
        file.read_at(0, 1).await.unwrap();
        assert_eq!(env.clock.monotonic() - start, Duration::from_secs(75));
    });
    run.finished();
}

/// Tasks that were woken before a crash still run after it, for a moment.
#[test]
fn what_a_crash_interrupts_is_not_answered_to_the_dead() {
    let simulation = Simulation::with_drives(1, 1, 1 << 30);
    let is_answered = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let run = simulation.run(async |env| {
        let file = create(&env, "/d1/f", b"some").await;
        simulation.disks().stall_until_resumed("d1");
        let answered = Arc::clone(&is_answered);
        let _writes = env.spawn.task(Box::pin(async move {
            drop(file.write_at(0, Bytes::from_static(b"more")).await);
            answered.store(true, std::sync::atomic::Ordering::Relaxed);
        }));
        let (clock, disks) = (Arc::clone(&env.clock), simulation.disks().clone());
        let _crashes = env.spawn.task(Box::pin(async move {
            clock.sleep(Duration::from_secs(1)).await;
            disks.resume("d1");
            disks.crash_now(Crash::PowerCut);
        }));
        env.clock.sleep(Duration::from_secs(9)).await;
    });
    assert!(matches!(run, Ending::Crashed));
    assert!(!is_answered.load(std::sync::atomic::Ordering::Relaxed), "it did not happen");
}

#[test]
fn an_operation_that_nobody_waits_for_is_carried_out() {
    let simulation = Simulation::with_drives(1, 1, 1 << 30);
    let run = simulation.run(async |env| {
        let file = create(&env, "/d1/f", b"some").await;
        let mut write = file.write_at(0, Bytes::from_static(b"more"));
        let polled = poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_pending()));
        assert!(polled.await, "no operation completes at once");
        drop(write);
        assert_eq!(file.read_at(0, 4).await.unwrap(), "more");
    });
    run.finished();
}

#[test]
fn handles_of_an_earlier_life_or_of_another_drive_are_dead() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let disks = simulation.disks();
    let (env, file) = simulation
        .run(async |env| {
            let file = create(&env, "/d1/f", b"some").await;
            file.sync().await.unwrap();
            env.disk.sync_directory(Path::new("/d1")).await.unwrap();
            (env, file)
        })
        .finished();
    let run = simulation.run(async |later| {
        file.read_at(0, 1).await.unwrap_err();
        env.disk.list(Path::new("/d1")).await.unwrap_err();

        let file = later.disk.open(Path::new("/d1/f"), OLD).await.unwrap();
        disks.remove_drive("d1");
        file.read_at(0, 1).await.unwrap_err();
        assert_eq!(later.disk.list(Path::new("/d1")).await.unwrap_err().raw_os_error(), Some(5));
        later.disk.list(Path::new("/d2")).await.unwrap();
        disks.return_drive("d1");
        file.read_at(0, 1).await.unwrap_err();
        assert_eq!(read(&later, "/d1/f").await.unwrap(), "some");
        disks.replace_with_empty("d1");
        assert_eq!(later.disk.list(Path::new("/d1")).await.unwrap(), Vec::<Entry>::new());
    });
    run.finished();
}

#[test]
fn rot_changes_what_is_on_the_drive() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let disks = simulation.disks();
    let run = simulation.run(async |env| {
        replace_file(&*env.disk, Path::new("/d1/f"), Bytes::from_static(b"left")).await.unwrap();
        replace_file(&*env.disk, Path::new("/d2/f"), Bytes::from_static(b"right")).await.unwrap();
        assert_eq!(disks.files("d2"), [("/d2/f".into(), 5)]);
        disks.flip_bit("/d1/f", 0, 0).unwrap();
        assert_eq!(read(&env, "/d1/f").await.unwrap(), "meft");
        disks.swap("/d1/f", "/d2/f").unwrap();
        assert_eq!(read(&env, "/d1/f").await.unwrap(), "right");
        disks.truncate("/d1/f", 3).unwrap();
        disks.zero("/d2/f", 1..3).unwrap();
        assert_eq!(read(&env, "/d2/f").await.unwrap(), "m\0\0t");
    });
    run.finished();
    disks.crash_now(Crash::PowerCut);
    assert_eq!(disks.content("/d1/f").unwrap(), "rig");
    assert!(disks.zero("/d1/f", 1..4).is_err() && disks.flip_bit("/d1/f", 3, 0).is_err());
}

#[test]
fn a_life_that_waits_for_what_never_comes_is_stuck() {
    let mut simulation = Simulation::with_drives(1, 1, 1 << 30);
    assert_eq!(simulation.run(async |_| std::future::pending::<()>().await), Ending::Stuck);
    simulation.set_life_max(Duration::from_secs(10));
    let ticks = simulation.run(async |env| {
        loop {
            env.clock.sleep(Duration::from_secs(1)).await;
        }
    });
    assert!(matches!(ticks, Ending::Stuck));
    assert_eq!(simulation.clock().monotonic(), Duration::from_secs(10));
}

#[test]
fn the_wall_clock_jumps_and_the_monotonic_one_does_not() {
    let simulation = Simulation::new(1);
    let run = simulation.run(async |env| {
        let (wall, monotonic) = (env.clock.now(), env.clock.monotonic());
        simulation.clock().jump_ms(-5000);
        env.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(env.clock.now().millis() + 3000, wall.millis());
        assert_eq!(env.clock.monotonic(), monotonic + Duration::from_secs(2));
    });
    run.finished();
}

#[test]
fn a_timer_that_is_dropped_holds_no_time() {
    let simulation = Simulation::new(1);
    let run = simulation.run(async |env| {
        let mut long = env.clock.sleep(Duration::from_secs(100));
        poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_pending())).await;
        drop(long);
        env.clock.sleep(Duration::from_nanos(1)).await;
        tokio::task::yield_now().await;
    });
    run.finished();
    assert_eq!(simulation.clock().monotonic(), Duration::from_nanos(1));
}

#[test]
#[should_panic(expected = "a task has found something")]
fn a_panic_of_a_task_reaches_the_test() {
    let simulation = Simulation::new(1);
    let _ = simulation.run(async |env| {
        env.spawn.thread("t", Box::pin(async { panic!("a task has found something") })).unwrap().await;
    });
}

#[test]
fn a_mishap_comes_at_its_operation_and_once() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let disks = simulation.disks();
    let run = simulation.run(async |env| {
        let file = create(&env, "/d1/f", b"some").await;
        disks.mishap_at(2, Mishap::Fail(Failure::Full));
        file.read_at(0, 4).await.unwrap();
        let failed = file.write_at(0, Bytes::from_static(b"more")).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        file.write_at(0, Bytes::from_static(b"more")).await.unwrap();
        assert!(!disks.disarm_mishap());
        disks.mishap_at(1, Mishap::Pull);
        file.sync().await.unwrap_err();
        assert_eq!(env.disk.list(Path::new("/d1")).await.unwrap_err().raw_os_error(), Some(5));
        env.disk.list(Path::new("/d2")).await.unwrap();
    });
    run.finished();
}

#[test]
fn operations_on_the_spot_count_fail_and_crash_as_all_others_do() {
    let simulation = Simulation::with_drives(1, 1, 1 << 30);
    let disks = simulation.disks();
    let run = simulation.run(async |env| {
        let disk = env.disk.blocking();
        let operate = || disk.sync_directory(Path::new("/d1"));
        operate().unwrap();
        disks.fail_next(DiskAction::SyncDirectory, "/d1".into(), 0, 1);
        assert_eq!(operate().unwrap_err().raw_os_error(), Some(5));
        assert_eq!(disks.operations(), 2);
        disks.crash_after(2, Crash::PowerCut);
        operate().unwrap();
        operate().unwrap_err();
        operate().unwrap_err();
    });
    assert_eq!(run, Ending::Crashed);
    assert_eq!(disks.operations(), 4);
}
