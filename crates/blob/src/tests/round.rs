//! What is written comes back: all sizes, redundancies and ranges, also after a restart and without drives.

use env::simulated::Simulation;
use futures_util::FutureExt;

use super::*;

const STRIPE: usize = 1 << 20;

fn sizes(data: u8) -> Vec<usize> {
    let k = usize::from(data);
    let packed = k * (128 << 10);
    vec![
        1,
        k,
        k + 1,
        4095,
        4096,
        4096 * k - 1,
        4096 * k + 1,
        packed - 1,
        packed,
        packed + 1,
        STRIPE - 1,
        STRIPE,
        STRIPE + 1,
        3 * STRIPE,
        (10 << 20) + 7,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_comes_back_before_and_after_a_restart() {
    for (data, parity) in [(1, 0), (1, 1), (2, 1), (2, 2), (4, 2)] {
        let bench = Bench::new(usize::from(data + parity));
        let blobs = bench.open().await;
        let mut written = Vec::new();
        for size in sizes(data) {
            let bytes = pattern(size, size as u64);
            let blob = write(&blobs, redundancy(data, parity), &bytes).await.unwrap();
            assert_eq!(blob.size_bytes, size as u64);
            assert_eq!(read(&blobs, &blob).await.unwrap(), bytes, "{data}+{parity} {size}");
            written.push((blob, bytes));
        }
        drop(blobs);
        let blobs = bench.open().await;
        for (blob, bytes) in &written {
            assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
            assert!(blobs.check(blob).await.unwrap().is_whole());
        }
        for status in blobs.drives().await {
            assert_eq!(status.damages, []);
        }
    }
}

/// The bytes, and after each piece whether the next stripe was begun.
async fn read_noting(blobs: &Blobs, blob: &BlobRef) -> (Vec<u8>, Vec<bool>) {
    let mut reader = blobs.read(blob, 0..blob.size_bytes).unwrap();
    let (mut all, mut ahead) = (Vec::new(), Vec::new());
    while let Some(piece) = reader.next().await {
        all.extend_from_slice(&piece.unwrap());
        ahead.push(reader.reads_ahead());
    }
    (all, ahead)
}

#[test]
fn what_a_drive_takes_time_for_is_read_ahead() {
    Simulation::with_drives(1, 2, 1 << 30)
        .run(async |env| {
            let drives = vec![Some("/d1".into()), Some("/d2".into())];
            let options = BlobOptions { reserve_bytes: Some(0), ..BlobOptions::default() };
            let set = SetDrives { set: 0, map_epoch: 1, drives };
            let blobs = Blobs::open(env, vec![set], options).await.unwrap();
            let bytes = pattern(4 * STRIPE, 1);
            let blob = write(&blobs, redundancy(2, 0), &bytes).await.unwrap();
            // A stripe is two pieces; behind the last one there is nothing.
            let ahead = [[true; 2], [true; 2], [true; 2], [false; 2]].concat();
            assert_eq!(read_noting(&blobs, &blob).await, (bytes.to_vec(), ahead));
        })
        .finished();
}

#[tokio::test]
async fn what_is_at_hand_is_not_read_ahead() {
    let bench = Bench::new(2);
    let blobs = bench.open().await;
    let bytes = pattern(4 * STRIPE, 1);
    let blob = write(&blobs, redundancy(2, 0), &bytes).await.unwrap();
    // Afterwards it is in memory.
    assert_eq!(read(&blobs, &blob).await.unwrap(), bytes);
    let path = bench.shard_files(0).remove(0);
    let file = bench.env.disk.open(&path, env::OpenOptions::default()).await.unwrap();
    let (all, ahead) = read_noting(&blobs, &blob).await;
    assert_eq!(all, bytes);
    // Not every file system tells what is in memory.
    if file.read_at(0, 100_000).now_or_never().is_some() {
        assert_eq!(ahead[2..], [false; 6]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_m_drives_can_be_missing() {
    for (data, parity) in [(1, 1), (2, 1), (2, 2), (4, 2)] {
        let shards = usize::from(data + parity);
        let bench = Bench::new(shards);
        let blobs = bench.open().await;
        let mut written = Vec::new();
        for size in [5, 100_000, STRIPE + 77, 3 * STRIPE] {
            let bytes = pattern(size, 3);
            let blob = write(&blobs, redundancy(data, parity), &bytes).await.unwrap();
            written.push((blob, bytes));
        }
        blobs.close().await;
        for lost in 0..1u32 << shards {
            let missing: Vec<usize> = (0..shards).filter(|slot| lost >> slot & 1 == 1).collect();
            let blobs = bench.open_without(&missing).await;
            for (blob, bytes) in &written {
                let read = read(&blobs, blob).await;
                if missing.len() <= usize::from(parity) {
                    assert_eq!(&read.unwrap(), bytes, "without {missing:?}");
                } else if bytes.len() == 5 {
                    // So short a blob leaves data shards empty: it may do without even more.
                    assert!(read.is_err() || read.is_ok_and(|read| read == bytes));
                } else {
                    let error = read.unwrap_err();
                    assert!(matches!(error, BlobError::TooFewShards { .. }), "{error}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_are_cut_exactly() {
    let bench = Bench::new(6);
    let blobs = bench.open().await;
    for size in [1000, 300_000, 2 * STRIPE + 12_345] {
        let bytes = pattern(size, 9);
        let blob = write(&blobs, redundancy(4, 2), &bytes).await.unwrap();
        let mut state = 7usize;
        for _ in 0..100 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (a, b) = ((state >> 20) % (size + 1), (state >> 5) % (size + 1));
            let range = a.min(b)..a.max(b);
            let read = read_range(&blobs, &blob, range.start as u64..range.end as u64).await;
            assert_eq!(read.unwrap(), bytes.slice(range));
        }
        let beyond = blobs.read(&blob, 0..size as u64 + 1);
        assert!(matches!(beyond, Err(BlobError::BadRange { .. })));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_may_be_wrong() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    for (size, hint) in [
        (3_000_000, None),
        (3_000_000, Some(10)),
        (3_000_000, Some(30_000_000)),
        (10, Some(30_000_000)),
        (3_000_000, Some(2_999_999)),
    ] {
        let bytes = pattern(size, 4);
        let mut writer = blobs.writer(redundancy(2, 2), hint).unwrap();
        for chunk in bytes.chunks(777) {
            writer.write(bytes.slice_ref(chunk)).await.unwrap();
        }
        let written = writer.finish(&[5; 9000]).await.unwrap();
        assert_eq!(written.missing_shards, []);
        assert_eq!(read(&blobs, &written.blob).await.unwrap(), bytes);
        assert!(blobs.check(&written.blob).await.unwrap().is_whole());
    }
    for slot in 0..4 {
        for file in bench.shard_files(slot) {
            let len = std::fs::metadata(file).unwrap().len();
            assert!((1_500_000..1_520_000).contains(&len), "{len}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_blob_is_refused() {
    let bench = Bench::new(2);
    let blobs = bench.open().await;
    let empty = blobs.writer(redundancy(1, 1), None).unwrap();
    assert!(matches!(empty.finish(b"").await, Err(BlobError::Empty)));
    let mut long = blobs.writer(redundancy(1, 1), None).unwrap();
    long.write(Bytes::from_static(b"x")).await.unwrap();
    let long = long.finish(&vec![0; crate::DESCRIPTOR_BYTES_MAX + 1]).await;
    assert!(matches!(long, Err(BlobError::DescriptorTooLong { .. })));
    let wide = blobs.writer(redundancy(2, 1), None);
    assert!(matches!(wide, Err(BlobError::NoSuchRedundancy { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_syncs() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let tasks: Vec<_> = (0..64u64)
        .map(|seed| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                let bytes = pattern(2000 + seed as usize * 100, seed);
                let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
                (blob, bytes)
            })
        })
        .collect();
    for task in tasks {
        let (blob, bytes) = task.await.unwrap();
        assert_eq!(read(&blobs, &blob).await.unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_blobs_stay_deleted_and_compaction_gives_their_room_back() {
    let bench = Bench::new(2);
    let blobs = bench.open().await;
    let mut kept = Vec::new();
    let mut dead = Vec::new();
    for number in 0..300u64 {
        let bytes = pattern(40_000, number);
        let blob = write(&blobs, redundancy(1, 1), &bytes).await.unwrap();
        match number % 5 {
            0 => kept.push((blob, bytes)),
            _ => dead.push(blob),
        }
    }
    let outcome = blobs.delete(&dead).await;
    assert_eq!(outcome.left_on, []);
    assert_eq!(blobs.delete(&dead).await.left_on, [], "again is no error");
    let before = blobs.drives().await;
    let mut freed = 0;
    loop {
        let step = blobs.compact().await;
        if step.segments == 0 {
            break;
        }
        freed += step.freed_bytes;
    }
    assert!(freed > 2 * 200 * 40_000, "{freed}");
    let after = blobs.drives().await;
    assert!(after[0].segments < before[0].segments / 2);
    // Once with what a crash leaves, once closed.
    for closed in [false, true] {
        if closed {
            blobs.close().await;
        }
        let blobs = bench.open().await;
        for (blob, bytes) in &kept {
            assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
        }
        for blob in &dead {
            let census = blobs.check(blob).await.unwrap();
            assert_eq!(census.whole, [], "a deleted blob is back");
        }
        assert_eq!(blobs.drives().await[0].packed_shards, kept.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tombstone_outlives_the_segment_it_stands_in() {
    let bench = Bench::new(1);
    let blobs = bench.open().await;
    let write_many = async |blobs: &Blobs, count: u64| {
        let mut written = Vec::new();
        for number in 0..count {
            written.push(write(blobs, redundancy(1, 0), &pattern(20_000, number)).await.unwrap());
        }
        written
    };
    // The first segment and a bit of the second; then tombstones for the first among what will all be dead.
    let first = write_many(&blobs, 90).await;
    let (dead, alive) = first.split_at(10);
    blobs.delete(dead).await;
    let second = write_many(&blobs, 90).await;
    blobs.delete(&second).await;
    let third = write_many(&blobs, 90).await;
    assert!(blobs.compact().await.segments > 0);
    while blobs.compact().await.segments > 0 {}
    assert!(bench.segment_files(0).iter().any(|path| path.ends_with("0000000000000001.seg")));
    assert!(!bench.segment_files(0).iter().any(|path| path.ends_with("0000000000000002.seg")));
    drop(blobs);
    let blobs = bench.open().await;
    for blob in dead.iter().chain(&second) {
        assert_eq!(blobs.check(blob).await.unwrap().whole, [], "a deleted blob is back");
    }
    for blob in alive.iter().chain(&third) {
        assert!(blobs.check(blob).await.unwrap().is_whole());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_blobs_are_files_and_deleting_unlinks_them() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let bytes = pattern(3_000_000, 1);
    let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
    assert!((0..4).all(|slot| bench.shard_files(slot).len() == 1));
    blobs.delete(std::slice::from_ref(&blob)).await;
    assert!((0..4).all(|slot| bench.shard_files(slot).is_empty()));
    assert!(matches!(read(&blobs, &blob).await, Err(BlobError::TooFewShards { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_writer_leaves_nothing() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
    writer.write(pattern(5_000_000, 1)).await.unwrap();
    assert!(!bench.shard_files(0).is_empty());
    drop(writer);
    for _ in 0..500 {
        if (0..4).all(|slot| bench.shard_files(slot).is_empty()) {
            return;
        }
        bench.env.clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("files are left");
}
