//! A drive read offline: what is whole is told of, and so is each kind of damage, by file and offset.

use std::path::Path;

use super::{Bench, pattern, redundancy, write};
use crate::{Depth, OfflineDrive, OfflineFault, OfflineFaultKind, OfflineItem, OfflineShard};

/// Everything that is found on a drive.
async fn look(bench: &Bench, slot: usize) -> (Vec<OfflineShard>, Vec<OfflineFault>) {
    let (mut shards, mut faults) = (Vec::new(), Vec::new());
    let mut visit = |item| match item {
        OfflineItem::Shard(shard) => shards.push(shard),
        OfflineItem::Fault(fault) => faults.push(fault),
        OfflineItem::Read(_) => {}
    };
    let disk = std::sync::Arc::clone(&bench.env.disk);
    let drive = OfflineDrive::open(disk, &bench.drive(slot), &mut visit).await.unwrap();
    drive.walk_packed(&mut visit).await;
    drive.walk_files(Depth::Everything, &mut visit).await.unwrap();
    (shards, faults)
}

#[expect(clippy::disallowed_methods, reason = "rot comes from elsewhere than env::Disk")]
fn flip(path: &Path, offset: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset as usize] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

/// Two blobs, one packed and one a file of three frames, on four drives, stopped well.
async fn filled() -> Bench {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    write(&blobs, redundancy(2, 2), &pattern(5_000, 1)).await.unwrap();
    write(&blobs, redundancy(2, 2), &pattern(2_500_000, 2)).await.unwrap();
    blobs.close().await;
    bench
}

#[tokio::test]
async fn an_intact_drive_has_its_shards_and_no_fault() {
    let bench = filled().await;
    for slot in 0..4 {
        let (shards, faults) = look(&bench, slot).await;
        assert_eq!(faults, []);
        assert_eq!(shards.len(), 2);
        assert!(shards.iter().all(|found| &found.described.descriptor[..] == b"a descriptor"));
        let sizes: Vec<u64> = shards.iter().map(|found| found.described.blob.size_bytes).collect();
        assert_eq!(sizes, [5_000, 2_500_000]);
    }
}

#[tokio::test]
async fn nothing_is_written_by_looking() {
    let bench = filled().await;
    let before = super::walk(&bench.drive(0));
    std::fs::remove_dir_all(bench.drive(1).join("blob")).unwrap();
    look(&bench, 0).await;
    look(&bench, 1).await;
    assert_eq!(super::walk(&bench.drive(0)), before);
    assert!(!bench.drive(1).join("blob").exists());
}

#[tokio::test]
async fn a_flipped_byte_is_found_wherever_it_counts() {
    let bench = filled().await;
    let segment = bench.segment_files(0).remove(0);
    let file = bench.shard_files(0).remove(0);
    let (segment_end, file_end) =
        (std::fs::metadata(&segment).unwrap().len(), std::fs::metadata(&file).unwrap().len());
    // Of the segment: its header, a record's header, payload and descriptor, the index, the footer. Of the file: its
    // header, the header and the payload of a frame, its last frame, the footer.
    let frame = 64 + 40 + 524_288;
    for (path, offset) in [
        (&segment, 20),
        (&segment, 4096 + 20),
        (&segment, 4096 + 300),
        (&segment, 4096 + 48 + 72 + 2_500 + 3),
        (&segment, segment_end - 64 - 20),
        (&segment, segment_end - 30),
        (&file, 9),
        (&file, frame + 12),
        (&file, frame + 500),
        (&file, 2 * frame + 500),
        (&file, file_end - 20),
    ] {
        flip(path, offset);
        let (_, faults) = look(&bench, 0).await;
        assert!(!faults.is_empty(), "{} at {offset}", path.display());
        assert!(faults.iter().all(|fault| fault.path == *path), "{faults:?}");
        // A crash while the newest segment is sealed leaves a bad index or footer: no more is lost than then.
        let is_seal = *path == segment && offset >= segment_end - 64 - 20;
        let kind = if is_seal { OfflineFaultKind::Torn } else { OfflineFaultKind::Damaged };
        assert!(faults.iter().all(|fault| fault.kind == kind), "{faults:?}");
        flip(path, offset);
    }
    assert_eq!(look(&bench, 0).await.1, []);
}

#[tokio::test]
async fn a_bad_frame_is_named_by_its_offset_and_the_shard() {
    let bench = filled().await;
    let file = bench.shard_files(0).remove(0);
    flip(&file, 64 + 40 + 524_288 + 100);
    let (shards, faults) = look(&bench, 0).await;
    assert_eq!(shards.len(), 1);
    let [fault] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!(fault.offset_bytes, 64 + 40 + 524_288);
    assert!(file.ends_with(format!("{}.{}", fault.shard.unwrap().0, fault.shard.unwrap().1)));
}

#[tokio::test]
async fn what_was_deleted_is_not_told_of() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let blob = write(&blobs, redundancy(2, 2), &pattern(5_000, 1)).await.unwrap();
    blobs.delete(std::slice::from_ref(&blob)).await;
    blobs.close().await;
    assert_eq!(look(&bench, 0).await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn damage_in_a_dead_record_is_told_from_a_loss() {
    let bench = Bench::new(4);
    let blobs = bench.open().await;
    let blob = write(&blobs, redundancy(2, 2), &pattern(5_000, 1)).await.unwrap();
    blobs.delete(std::slice::from_ref(&blob)).await;
    blobs.close().await;
    flip(&bench.segment_files(0).remove(0), 4096 + 300);
    let kinds: Vec<OfflineFaultKind> = look(&bench, 0).await.1.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [OfflineFaultKind::Dead]);
}
