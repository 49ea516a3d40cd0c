//! A drive that does not answer: nothing waits for it for longer than it must, and nothing waits without end.

use std::time::Duration;

use env::simulated::{Mishap, Simulation};

use super::*;
use crate::{DriveState, FaultKind};

async fn open(env: &Env, drives: usize) -> Blobs {
    let drives = (1..=drives).map(|number| Some(PathBuf::from(format!("/d{number}")))).collect();
    let options = BlobOptions { reserve_bytes: Some(0), ..BlobOptions::default() };
    Blobs::open(env.clone(), vec![SetDrives { set: 0, map_epoch: 1, drives }], options).await.unwrap()
}

/// How long something takes, with what it comes to.
async fn timed<T>(env: &Env, work: impl Future<Output = T>) -> (u64, T) {
    let begun = env.clock.monotonic();
    let done = work.await;
    ((env.clock.monotonic() - begun).as_secs(), done)
}

#[test]
fn writes_go_around_a_silent_drive_until_it_answers() {
    for size in [5_000, 3_000_000] {
        let simulation = Simulation::with_drives(size as u64, 4, 1 << 30);
        let disks = simulation.disks().clone();
        let life = simulation.run(async |env| {
            let blobs = open(&env, 4).await;
            let coded = redundancy(2, 2);
            let before = write(&blobs, coded, &pattern(size, 1)).await.unwrap();
            disks.stall_until_resumed("d2");
            // For as long as it is only slow it is waited for a while, each time.
            let (seconds, written) = timed(&env, write(&blobs, coded, &pattern(size, 2))).await;
            assert!((5..30).contains(&seconds), "{seconds} s");
            let first = written.unwrap();
            env.clock.sleep(Duration::from_secs(10)).await;
            let (seconds, written) = timed(&env, write(&blobs, coded, &pattern(size, 3))).await;
            assert_eq!(seconds, 0);
            let second = written.unwrap();
            let (seconds, statuses) = timed(&env, blobs.drives()).await;
            assert_eq!(seconds, 0);
            assert!(matches!(statuses[1].state, DriveState::Silent { waited } if waited.as_secs() >= 10));
            for (number, blob) in [(1, &before), (2, &first), (3, &second)] {
                let (seconds, found) = timed(&env, read(&blobs, blob)).await;
                assert_eq!((seconds, found.unwrap()), (0, pattern(size, number)));
            }
            let (seconds, outcome) = timed(&env, blobs.delete(&[before])).await;
            assert_eq!((seconds, outcome.left_on.len()), (0, 1));
            assert_eq!(outcome.left_on[0].1, FaultKind::Silent);

            disks.resume("d2");
            env.clock.sleep(Duration::from_secs(1)).await;
            assert_eq!(blobs.drives().await[1].state, DriveState::Ok);
            let mut writer = blobs.writer(coded, None).unwrap();
            writer.write(pattern(size, 4)).await.unwrap();
            assert_eq!(writer.finish(b"").await.unwrap().missing_shards, []);
        });
        life.finished();
    }
}

#[test]
fn what_needs_the_silent_drive_waits_for_it_and_not_without_end() {
    for size in [5_000, 3_000_000] {
        let simulation = Simulation::with_drives(size as u64, 3, 1 << 30);
        let disks = simulation.disks().clone();
        let life = simulation.run(async |env| {
            let blobs = open(&env, 3).await;
            let coded = redundancy(2, 1);
            let before = write(&blobs, coded, &pattern(size, 1)).await.unwrap();
            disks.stall_until_resumed("d1");
            for _ in 0..3 {
                let (seconds, written) = timed(&env, write(&blobs, coded, &pattern(size, 2))).await;
                assert!(matches!(written, Err(BlobError::WriteQuorum { .. })), "{written:?}");
                assert_eq!(seconds, 30);
            }
            assert_eq!(read(&blobs, &before).await.unwrap(), pattern(size, 1), "two of three are enough");
            disks.stall_until_resumed("d2");
            let (seconds, found) = timed(&env, read(&blobs, &before)).await;
            let Err(BlobError::TooFewShards { faults, .. }) = found else {
                panic!("it is waited for: {found:?}");
            };
            assert!((30..40).contains(&seconds), "{seconds} s");
            assert!(faults.iter().any(|fault| fault.kind == FaultKind::Silent), "{faults:?}");
            let (seconds, ()) = timed(&env, blobs.close()).await;
            assert!(seconds <= 60, "{seconds} s");
            disks.resume("d1");
            disks.resume("d2");
            env.clock.sleep(Duration::from_secs(5)).await;
            assert_eq!(read(&blobs, &before).await.unwrap(), pattern(size, 1));
        });
        life.finished();
    }
}

#[test]
fn a_drive_that_hangs_while_the_store_is_opened_counts_as_missing() {
    let simulation = Simulation::with_drives(7, 4, 1 << 30);
    let disks = simulation.disks().clone();
    let coded = redundancy(2, 2);
    let life = simulation.run(async |env| {
        let blobs = open(&env, 4).await;
        write(&blobs, coded, &pattern(5_000, 1)).await.unwrap()
    });
    let before = life.finished();
    for nth in [1, 5, 15, 25] {
        let life = simulation.run(async |env| {
            disks.mishap_at(nth, Mishap::StallUntilResumed);
            let (seconds, blobs) = timed(&env, open(&env, 4)).await;
            assert!((30..40).contains(&seconds), "{seconds} s, stalled at {nth}");
            let states: Vec<_> = blobs.drives().await.into_iter().map(|drive| drive.state).collect();
            assert_eq!(states.iter().filter(|state| **state == DriveState::Missing).count(), 1, "{states:?}");
            assert_eq!(states.iter().filter(|state| **state == DriveState::Ok).count(), 3, "{states:?}");
            let (seconds, found) = timed(&env, read(&blobs, &before)).await;
            assert_eq!((seconds, found.unwrap()), (0, pattern(5_000, 1)));
            let (seconds, written) = timed(&env, write(&blobs, coded, &pattern(5_000, 2))).await;
            assert_eq!(seconds, 0, "nothing waits for it any more");
            assert_eq!(read(&blobs, &written.unwrap()).await.unwrap(), pattern(5_000, 2));
            for drive in ["d1", "d2", "d3", "d4"] {
                disks.resume(drive);
            }
            blobs.close().await;
        });
        life.finished();
    }
}
