//! A drive of its own: segments, files, restarts and damage.

use bytes::Bytes;
use env::simulated::Simulation;
use model::blob::Redundancy;

use super::format::{FIRST_BATCH, SegmentHeader};
use crate::{BlobError, BlobOptions, Blobs, SetDrives};

/// Found by fuzzing: the number after the last one was 0, and what was written there would have counted as the oldest.
#[test]
fn behind_the_last_number_there_is_no_segment() {
    let simulation = Simulation::with_drives(1, 1, 1 << 30);
    let ending = simulation.run(async |env| {
        let folder = std::path::Path::new("/d1/blob/segments");
        env.disk.create_directories(folder).await.unwrap();
        let mut segment = SegmentHeader { number: u32::MAX, salt: 7 }.encode().to_vec();
        segment.resize(FIRST_BATCH as usize + 4096, 1);
        let path = folder.join("00000000ffffffff.seg");
        env::replace_file(&*env.disk, &path, Bytes::from(segment)).await.unwrap();
        let set = SetDrives { set: 0, map_epoch: 1, drives: vec![Some("/d1".into())] };
        let blobs = Blobs::open(env, vec![set], BlobOptions::default()).await.unwrap();
        let mut writer = blobs.writer(Redundancy { data: 1, parity: 0 }, None).unwrap();
        writer.write(Bytes::from_static(b"small")).await.unwrap();
        assert!(matches!(writer.finish(b"").await, Err(BlobError::WriteQuorum { .. })));
        blobs.close().await;
    });
    ending.finished();
}
