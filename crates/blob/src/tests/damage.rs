//! Damage of every kind in what lies on the drives is found, served right from the others, and mended.

use std::fs;
use std::path::Path;

use super::*;
use crate::{FaultKind, InventoryCursor};
use model::time::Timestamp;

/// Ways in which a file goes bad.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip,
    Zero,
    Cut,
    Empty,
    Remove,
}

const HARMS: [Harm; 5] = [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Empty, Harm::Remove];

#[expect(clippy::disallowed_methods, reason = "the test plays the failing drive")]
fn harm(path: &Path, harm: Harm, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at % bytes.len();
    match harm {
        Harm::Flip => bytes[at] ^= 1 << (at % 8),
        Harm::Zero => {
            let from = at / 512 * 512;
            let to = (from + 512).min(bytes.len());
            bytes[from..to].fill(0);
        }
        Harm::Cut => bytes.truncate(at),
        Harm::Empty => bytes.clear(),
        Harm::Remove => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_served_from_the_others_and_mended() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let bytes = pattern(2_500_000, 7);
    let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
    let mut at = 12_345;
    for kind in HARMS {
        for first in 0..4 {
            at += 54_321;
            for slot in [first, (first + 1) % 4] {
                harm(&bench.shard_files(slot)[0], kind, at);
            }
            assert_eq!(read(&blobs, &blob).await.unwrap(), bytes, "{kind:?} at {at}");
            let census = blobs.check(&blob).await.unwrap();
            let faults: Vec<u8> = census.repairable();
            let repaired = blobs.repair(&blob).await.unwrap();
            assert_eq!(repaired.rebuilt, faults);
            assert_eq!(repaired.remaining, []);
            // Zeros over padding change nothing, so there may be less to mend.
            assert!(faults.len() == 2 || matches!(kind, Harm::Zero | Harm::Flip), "{census:?}");
            assert!(blobs.check(&blob).await.unwrap().is_whole());
        }
    }
    let page = blobs.inventory(place(0), ever(), InventoryCursor(files_from_start()), 10).await.unwrap();
    let described = page.shards[0].described.clone().unwrap();
    assert_eq!(&described.descriptor[..], b"a descriptor", "a repair keeps the descriptor");
    assert_eq!(described.blob, blob);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reader_tells_what_was_damaged() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let bytes = pattern(2_500_000, 7);
    let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
    let slot = usize::from(blob.first_slot);
    harm(&bench.shard_files(slot)[0], Harm::Flip, 700_000);
    let mut reader = blobs.read(&blob, 0..blob.size_bytes).unwrap();
    while let Some(bytes) = reader.next().await {
        bytes.unwrap();
    }
    assert_eq!(reader.damaged(), [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapped_files_are_told_from_the_right_ones() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let (one, two) = (pattern(2_500_000, 1), pattern(2_500_000, 2));
    let first = write(&blobs, redundancy(2, 2), &one).await.unwrap();
    let second = write(&blobs, redundancy(2, 2), &two).await.unwrap();
    for slot in 0..2 {
        let files = bench.shard_files(slot);
        let aside = bench.drive(slot).join("aside");
        swap(&files[0], &files[1], &aside);
    }
    assert_eq!(read(&blobs, &first).await.unwrap(), one);
    assert_eq!(read(&blobs, &second).await.unwrap(), two);
    let census = blobs.check(&first).await.unwrap();
    assert_eq!(census.whole.len(), 2);
    assert!(census.faults.iter().all(|fault| matches!(fault.kind, FaultKind::Damaged(_))));
}

#[expect(clippy::disallowed_methods, reason = "the test plays the misdirecting drive")]
fn swap(one: &Path, two: &Path, aside: &Path) {
    fs::rename(one, aside).unwrap();
    fs::rename(two, one).unwrap();
    fs::rename(aside, two).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_parity_lost_is_an_error_and_never_wrong_bytes() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let bytes = pattern(2_500_000, 7);
    let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
    for slot in 0..3 {
        harm(&bench.shard_files(slot)[0], Harm::Flip, 600_000);
    }
    let error = read(&blobs, &blob).await.unwrap_err();
    assert!(matches!(error, BlobError::TooFewShards { whole: 1, needed: 2, .. }), "{error}");
    // The stripes that are whole still read.
    assert_eq!(read_range(&blobs, &blob, 0..1 << 20).await.unwrap(), bytes.slice(..1 << 20));
    assert!(matches!(
        blobs.repair(&blob).await,
        Err(BlobError::TooFewShards { .. } | BlobError::NoDescriptor { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_segments_never_serve_wrong_bytes_nor_keep_the_store_from_opening() {
    for kind in HARMS {
        for seed in 0..6usize {
            let bench = Bench::new(4);
            let blobs = bench.open().await;
            let mut written = Vec::new();
            for number in 0..120u64 {
                let bytes = pattern(3000 + 400 * number as usize, number);
                let blob = write(&blobs, redundancy(2, 2), &bytes).await.unwrap();
                written.push((blob, bytes));
            }
            match seed % 2 {
                0 => blobs.close().await,
                _ => drop(blobs.clone()),
            }
            drop(blobs);
            for slot in 0..2 {
                let files = bench.segment_files(slot);
                for (number, file) in files.iter().enumerate() {
                    let len = fs::metadata(file).unwrap().len() as usize;
                    let at = (seed * 7919 + number * 104_729) % len.min(900_000);
                    harm(file, kind, at);
                }
            }
            let blobs = bench.open().await;
            for (blob, bytes) in &written {
                assert_eq!(&read(&blobs, blob).await.unwrap(), bytes, "{kind:?} {seed}");
                let census = blobs.check(blob).await.unwrap();
                if !census.is_whole() {
                    let repaired = blobs.repair(blob).await.unwrap();
                    assert_eq!(repaired.remaining, [], "{kind:?} {seed}");
                }
            }
            drop(blobs);
            let blobs = bench.open().await;
            for (blob, _) in &written {
                assert!(blobs.check(blob).await.unwrap().is_whole(), "{kind:?} {seed}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_the_middle_loses_one_record_and_is_reported() {
    let bench = Bench::new(1);
    let blobs = bench.open().await;
    let mut written = Vec::new();
    for number in 0..20 {
        let bytes = pattern(30_000, number);
        written.push(write(&blobs, redundancy(1, 0), &bytes).await.unwrap());
    }
    drop(blobs);
    // In a payload of the segment that was being written when the process ended.
    harm(&bench.segment_files(0)[0], Harm::Flip, 90_000);
    let blobs = bench.open().await;
    let mut lost = 0;
    for blob in &written {
        lost += usize::from(read(&blobs, blob).await.is_err());
    }
    assert_eq!(lost, 1);
    assert_eq!(blobs.drives().await[0].damages.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_drive_is_refilled_by_repair() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let mut written = Vec::new();
    for (size, seed) in [(500, 1), (100_000, 2), (2_000_000, 3)] {
        let bytes = pattern(size, seed);
        written.push((write(&blobs, redundancy(2, 2), &bytes).await.unwrap(), bytes));
    }
    blobs.close().await;
    drop(blobs);
    fs::remove_dir_all(bench.drive(2)).unwrap();
    fs::create_dir(bench.drive(2)).unwrap();
    let blobs = bench.open().await;
    for (blob, bytes) in &written {
        assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
        assert_eq!(blobs.repair(blob).await.unwrap().rebuilt.len(), 1);
        assert!(blobs.check(blob).await.unwrap().is_whole());
    }
    let left_out = blobs.repair(&written[0].0).await.unwrap();
    assert_eq!((left_out.rebuilt, left_out.remaining), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_without_a_drive_and_name_what_is_missing() {
    let bench = Bench::new(4);
    let blobs = bench.open_without(&[1]).await;
    let mut written = Vec::new();
    for size in [500, 2_000_000] {
        let bytes = pattern(size, 1);
        let mut writer = blobs.writer(redundancy(2, 2), None).unwrap();
        writer.write(bytes.clone()).await.unwrap();
        let done = writer.finish(b"d").await.unwrap();
        let shard = (1 + 4 - done.blob.first_slot) % 4;
        assert_eq!(done.missing_shards, [shard]);
        written.push((done.blob, bytes));
    }
    let outcome = blobs.delete(&[]).await;
    assert_eq!(outcome.left_on, []);
    drop(blobs);
    let blobs = bench.open().await;
    for (blob, bytes) in &written {
        assert_eq!(&read(&blobs, blob).await.unwrap(), bytes);
        assert_eq!(blobs.repair(blob).await.unwrap().rebuilt.len(), 1);
    }
    drop(blobs);
    let blobs = bench.open_without(&[2, 3]).await;
    let all: Vec<_> = written.iter().map(|(blob, _)| blob.clone()).collect();
    let outcome = blobs.delete(&all).await;
    let mut left_on = outcome.left_on;
    left_on.sort_by_key(|(place, _)| *place);
    assert_eq!(left_on, [(place(2), FaultKind::NoDrive), (place(3), FaultKind::NoDrive)]);
    let few = blobs.writer(redundancy(2, 2), None);
    assert!(matches!(few, Err(BlobError::TooFewDrives { writable: 2, needed: 3, full: 0 })));
}

fn place(slot: u8) -> crate::DrivePlace {
    crate::DrivePlace { set: 0, slot }
}

fn ever() -> std::ops::Range<Timestamp> {
    Timestamp::ZERO..Timestamp::from_millis(u64::MAX)
}

fn files_from_start() -> crate::status::CursorAt {
    crate::status::CursorAt::Files { folder: 0, after: None }
}

/// All shards on a drive, in small pages.
async fn inventory(blobs: &crate::Blobs) -> Vec<crate::FoundShard> {
    let mut found = Vec::new();
    let mut cursor = Some(InventoryCursor::start());
    while let Some(at) = cursor {
        let page = blobs.inventory(place(1), ever(), at, 4).await.unwrap();
        assert!(page.shards.len() <= 4);
        assert!(page.shards.iter().all(|shard| shard.described.is_some()));
        found.extend(page.shards);
        cursor = page.next;
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inventory_names_each_shard_once_and_no_pending_one() {
    let bench = Bench::new(2);
    let blobs = bench.open().await;
    let mut expected = Vec::new();
    for number in 0..30u64 {
        let size = if number % 3 == 0 { 400_000 } else { 2_000 };
        let blob = write(&blobs, redundancy(1, 1), &pattern(size, number)).await.unwrap();
        expected.push(blob.id);
    }
    let mut writer = blobs.writer(redundancy(1, 1), None).unwrap();
    writer.write(pattern(2_000, 1)).await.unwrap();
    let written = writer.finish(b"pending").await.unwrap();
    let mut found: Vec<_> = inventory(&blobs).await.iter().map(|shard| shard.id).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "the pending one is not among them");
    drop(written.pending);
    let shards = inventory(&blobs).await;
    let found = shards.iter().find(|shard| shard.id == written.blob.id).unwrap();
    blobs.delete_shard(place(1), found.id, found.shard).await.unwrap();
    assert_eq!(blobs.check(&written.blob).await.unwrap().whole.len(), 1);
}
