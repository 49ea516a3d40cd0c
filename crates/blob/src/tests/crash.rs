//! A crash at any point: what was acknowledged reads back, what was durably deleted stays away, and nothing looks
//! damaged that a crash explains.

use std::path::PathBuf;

use env::simulated::{Crash, Ending, Simulation};
use futures_util::future::join_all;

use super::*;

const DRIVES: usize = 4;

fn options() -> BlobOptions {
    BlobOptions {
        stripe_bytes: 64 << 10,
        packed_shard_bytes_max: 8 << 10,
        segment_bytes_max: 1, // The least there is.
        reserve_bytes: Some(0),
        compact_dead_percent_min: 20,
        ..BlobOptions::default()
    }
}

async fn open(env: Env) -> Blobs {
    open_with(env, options()).await
}

async fn open_with(env: Env, options: BlobOptions) -> Blobs {
    let set = SetDrives {
        set: 0,
        map_epoch: 1,
        drives: (1..=DRIVES).map(|number| Some(PathBuf::from(format!("/d{number}")))).collect(),
    };
    Blobs::open(env, vec![set], options).await.unwrap()
}

/// What a client knows.
#[derive(Debug, Default)]
struct Known {
    alive: Vec<(BlobRef, Bytes)>,
    /// Deleted and acknowledged, of packed blobs.
    gone: Vec<BlobRef>,
    /// Segments compacted.
    compacted: u32,
}

/// Writes several at once, deletes some, compacts: a fixed course of events.
async fn workload(env: Env, known: &mut Known, rounds: u64) {
    let blobs = open(env).await;
    for round in 0..rounds {
        let small = (0..12).map(|number| 9_000 + number * 500);
        let large = [20_000 + round as usize * 1000, 150_000];
        let sizes: Vec<usize> = small.chain([100]).chain(large).collect();
        let writes = sizes.iter().zip(0u64..).map(|(size, number)| {
            let blobs = blobs.clone();
            let bytes = pattern(*size, round * 100 + number);
            async move {
                let written = write(&blobs, redundancy(2, 2), &bytes).await;
                (written.unwrap(), bytes)
            }
        });
        // Acknowledged one by one, as they come.
        known.alive.extend(join_all(writes).await);
        let dead: Vec<BlobRef> = known
            .alive
            .extract_if(.., |(blob, _)| (blob.size_bytes + round).is_multiple_of(3))
            .map(|(blob, _)| blob)
            .collect();
        blobs.delete(&dead).await;
        known.gone.extend(dead.into_iter().filter(|blob| blob.size_bytes < 16_000));
        if round % 3 == 2 {
            known.compacted += blobs.compact().await.segments;
        }
    }
    blobs.close().await;
}

async fn verify(env: Env, known: &Known) {
    let blobs = open(env).await;
    for (blob, bytes) in &known.alive {
        assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
        let census = blobs.check(blob).await.unwrap();
        assert!(census.whole.len() >= blob.redundancy.write_quorum(), "{census:?}");
    }
    for blob in &known.gone {
        let census = blobs.check(blob).await.unwrap();
        assert_eq!(census.whole, [], "a deleted blob is back");
    }
    for status in blobs.drives().await {
        assert_eq!(status.state, crate::DriveState::Ok);
        assert_eq!(status.damages, [], "a crash is taken for damage");
    }
    // It goes on: also over what a torn write left.
    let bytes = pattern(12_000, 5);
    let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
    assert_eq!(read(&blobs, &blob).await.unwrap(), bytes);
    while blobs.compact().await.segments > 0 {}
    for (blob, bytes) in &known.alive {
        assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
    }
}

fn crash_everywhere(crash: Crash, rounds: u64, points: u64) {
    let simulation = Simulation::with_drives(1, DRIVES, 1 << 30);
    let mut known = Known::default();
    simulation.run(|env| workload(env, &mut known, rounds)).finished();
    let operations = simulation.disks().operations();
    let stride = operations.div_ceil(points).max(1);
    for nth in (1..=operations).step_by(stride as usize) {
        let simulation = Simulation::with_drives(nth, DRIVES, 1 << 30);
        simulation.disks().crash_after(nth, crash);
        let mut known = Known::default();
        let _ = simulation.run(|env| workload(env, &mut known, rounds));
        // Another one while the store is being opened.
        simulation.disks().crash_after(nth % 60 + 1, Crash::PowerCut);
        if simulation.run(|env| verify(env, &known)) == Ending::Crashed {
            simulation.run(|env| verify(env, &known)).finished();
        }
        simulation.disks().disarm_crash();
        simulation.run(|env| verify(env, &known)).finished();
    }
}

#[test]
fn after_a_power_cut_anywhere_every_acknowledged_blob_reads_back() {
    crash_everywhere(Crash::PowerCut, 6, 250);
}

#[test]
fn after_a_kill_anywhere_every_acknowledged_blob_reads_back() {
    crash_everywhere(Crash::Kill, 6, 100);
}

#[test]
fn without_a_crash_all_is_there() {
    let simulation = Simulation::with_drives(9, DRIVES, 1 << 30);
    let mut known = Known::default();
    simulation.run(|env| workload(env, &mut known, 9)).finished();
    assert!(known.compacted >= 4, "the course of events has compactions in it: {}", known.compacted);
    simulation.run(|env| verify(env, &known)).finished();
}

#[test]
fn a_drive_that_fails_a_sync_is_poisoned_and_the_others_go_on() {
    let simulation = Simulation::with_drives(3, DRIVES, 1 << 30);
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let blobs = open(env).await;
            let before = pattern(9_000, 1);
            let kept = write(&blobs, redundancy(2, 2), &before).await.unwrap();
            disks.fail_sync("d2", 1);
            for size in [9_000, 200_000] {
                let bytes = pattern(size, 2);
                let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
                writer.write(bytes.clone()).await.unwrap();
                let written = writer.finish(b"").await.unwrap();
                assert_eq!(written.missing_shards.len(), 1);
                assert_eq!(read(&blobs, &written.blob).await.unwrap(), bytes);
            }
            let statuses = blobs.drives().await;
            assert!(matches!(statuses[1].state, crate::DriveState::Poisoned { .. }));
            assert_eq!(statuses[0].state, crate::DriveState::Ok);
            assert_eq!(read(&blobs, &kept).await.unwrap(), before);
            let wide = redundancy(4, 0);
            assert!(matches!(blobs.writer(wide, None), Err(BlobError::TooFewDrives { writable: 3, .. })));
        })
        .finished();
}

#[test]
fn below_the_quorum_nothing_is_acknowledged() {
    let simulation = Simulation::with_drives(3, DRIVES, 1 << 30);
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let blobs = open(env).await;
            disks.fail_sync("d1", 1);
            disks.fail_sync("d3", 1);
            let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
            writer.write(pattern(5_000, 1)).await.unwrap();
            let error = writer.finish(b"").await.unwrap_err();
            assert!(matches!(error, BlobError::WriteQuorum { synced: 2, needed: 3, .. }), "{error}");
        })
        .finished();
}

#[test]
fn a_stalled_drive_is_read_around_and_left_out() {
    let simulation = Simulation::with_drives(3, DRIVES, 1 << 30);
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let blobs = open(env.clone()).await;
            let mut written = Vec::new();
            for size in [9_000, 200_000] {
                let bytes = pattern(size, 2);
                let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
                written.push((blob, bytes));
            }
            disks.stall_until_resumed("d3");
            for (blob, bytes) in &written {
                let start = env.clock.monotonic();
                assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
                let took = env.clock.monotonic() - start;
                assert!(took < std::time::Duration::from_secs(1), "{took:?}");
                let reader = blobs.read(blob, 0..1).unwrap();
                assert_eq!(reader.damaged(), [], "slow is not damaged");
            }
            for size in [9_000, 200_000] {
                let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
                writer.write(pattern(size, 8)).await.unwrap();
                let written = writer.finish(b"").await.unwrap();
                assert_eq!(written.missing_shards.len(), 1);
            }
            disks.resume("d3");
        })
        .finished();
}

#[test]
fn a_full_drive_is_left_out_and_comes_back() {
    let simulation = Simulation::with_drives(3, 2, 1 << 30);
    simulation.disks().add_drive("d3", 40 << 20);
    simulation.disks().add_drive("d4", 1 << 30);
    let disks = simulation.disks().clone();
    simulation
        .run(async |env| {
            let reserve_bytes = Some(2 << 20);
            let options = BlobOptions { reserve_bytes, ..options() };
            let blobs = open_with(env.clone(), options).await;
            let mut blobs_written = Vec::new();
            let mut missed = 0;
            for number in 0..150 {
                let bytes = pattern(600_000, number);
                let mut writer = blobs.writer(redundancy(2, 2), Some(600_000)).unwrap();
                writer.write(bytes).await.unwrap();
                let written = writer.finish(b"").await.unwrap();
                missed += written.missing_shards.len();
                blobs_written.push(written.blob);
            }
            assert!(missed > 0);
            assert_eq!(blobs.drives().await[2].state, crate::DriveState::Full);
            blobs.delete(&blobs_written).await;
            disks.set_capacity("d3", 1 << 30);
            env.clock.sleep(std::time::Duration::from_secs(2)).await;
            assert_eq!(blobs.drives().await[2].state, crate::DriveState::Ok);
            let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
            writer.write(pattern(600_000, 1)).await.unwrap();
            assert_eq!(writer.finish(b"").await.unwrap().missing_shards, []);
        })
        .finished();
}
