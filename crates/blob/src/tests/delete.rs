//! What is deleted stays away and gives its room back, also on a drive without room; what is given up leaves nothing.

use std::time::Duration;

use env::simulated::{Crash, Simulation};
use futures_util::future::{Either, select};
use model::time::Timestamp;

use super::*;
use crate::{DrivePlace, InventoryCursor};

fn options() -> BlobOptions {
    BlobOptions { segment_bytes_max: 1, reserve_bytes: Some(0), ..BlobOptions::default() }
}

async fn open(env: &Env, drives: usize) -> Blobs {
    let drives = (1..=drives).map(|number| Some(PathBuf::from(format!("/d{number}")))).collect();
    Blobs::open(env.clone(), vec![SetDrives { set: 0, map_epoch: 1, drives }], options()).await.unwrap()
}

async fn used_bytes(blobs: &Blobs) -> u64 {
    let status = &blobs.drives().await[0];
    status.total_bytes - status.free_bytes
}

async fn shards(blobs: &Blobs, slot: u8) -> usize {
    let mut count = 0;
    let mut cursor = Some(InventoryCursor::start());
    while let Some(at) = cursor {
        let ever = Timestamp::ZERO..Timestamp::from_millis(u64::MAX);
        let page = blobs.inventory(DrivePlace { set: 0, slot }, ever, at, 100).await.unwrap();
        count += page.shards.len();
        cursor = page.next;
    }
    count
}

#[test]
fn what_was_deleted_does_not_come_back_with_a_power_cut() {
    for seed in 0..20 {
        let simulation = Simulation::with_drives(seed, 1, 1 << 30);
        let life = simulation.run(async |env| {
            let blobs = open(&env, 1).await;
            for size in [5_000, 400_000] {
                let blob = write(&blobs, redundancy(1, 0), &pattern(size, 1)).await.unwrap();
                assert_eq!(blobs.delete(&[blob]).await.left_on, []);
            }
        });
        life.finished();
        simulation.disks().crash_now(Crash::PowerCut);
        let life = simulation.run(async |env| {
            assert_eq!(shards(&open(&env, 1).await, 0).await, 0, "seed {seed}");
        });
        life.finished();
    }
}

#[test]
fn a_small_write_that_is_given_up_leaves_nothing() {
    let simulation = Simulation::with_drives(1, 2, 1 << 30);
    let life = simulation.run(async |env| {
        let blobs = open(&env, 2).await;
        for micros in (0..6_000).step_by(150) {
            let given_up = env.clock.sleep(Duration::from_micros(micros));
            let bytes = pattern(5_000, micros);
            let writing = Box::pin(write(&blobs, redundancy(1, 1), &bytes));
            if let Either::Left((Ok(written), _)) = select(writing, given_up).await {
                blobs.delete(&[written]).await;
            }
        }
        env.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!((shards(&blobs, 0).await, shards(&blobs, 1).await), (0, 0));
    });
    life.finished();
}

#[test]
fn a_drive_that_is_full_to_the_brim_can_be_emptied() {
    let simulation = Simulation::with_drives(1, 1, 64 << 20);
    let mut written = Vec::new();
    let life = simulation.run(async |env| {
        let blobs = open(&env, 1).await;
        for number in 0..300 {
            written.push(write(&blobs, redundancy(1, 0), &pattern(60_000, number)).await.unwrap());
        }
        blobs.close().await;
        used_bytes(&blobs).await
    });
    let used = life.finished();
    let disks = simulation.disks();
    // After a start no segment is open that has room left: the tombstones need a new one.
    disks.set_capacity("d1", used + (256 << 10));
    let life = simulation.run(async |env| {
        let blobs = open(&env, 1).await;
        assert!(write(&blobs, redundancy(1, 0), &pattern(60_000, 1)).await.is_err(), "it is full");
        assert_eq!(blobs.delete(&written[20..]).await.left_on, []);
        while blobs.compact().await.segments > 0 {}
        let left = used_bytes(&blobs).await;
        assert!(left < used / 2, "{left} of {used} bytes are left");
        write(&blobs, redundancy(1, 0), &pattern(60_000, 1)).await.unwrap();
        for blob in &written[..20] {
            assert!(blobs.check(blob).await.unwrap().is_whole());
        }
    });
    life.finished();
}

#[test]
fn ids_do_not_go_back_with_the_clock() {
    let simulation = Simulation::with_drives(1, 1, 1 << 30);
    let clock = simulation.clock().clone();
    let life = simulation.run(async |env| {
        let blobs = open(&env, 1).await;
        clock.jump_ms(-3_600_000);
        let blob = write(&blobs, redundancy(1, 0), &pattern(5_000, 1)).await.unwrap();
        assert!(blob.id.created() >= blobs.opened(), "it is not taken for an earlier process's");
        clock.jump_ms(7_200_000);
        let later = write(&blobs, redundancy(1, 0), &pattern(5_000, 1)).await.unwrap();
        clock.jump_ms(-3_600_000);
        let last = write(&blobs, redundancy(1, 0), &pattern(5_000, 1)).await.unwrap();
        assert!(later.id.created() <= last.id.created());
    });
    life.finished();
}
