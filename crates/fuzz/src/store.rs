//! A store of blobs on simulated drives, small in everything.

use std::path::Path;

use blob::{BlobOptions, Blobs, DriveState, SetDrives};
use bytes::Bytes;
use env::{Env, OpenOptions};
use model::blob::BlobRef;

/// Bytes of a drive.
pub(crate) const DRIVE_BYTES: u64 = 64 << 20;

pub(crate) fn options() -> BlobOptions {
    BlobOptions {
        stripe_bytes: 4096,
        packed_shard_bytes_max: 1024,
        segment_bytes_max: 1, // The least there is.
        reserve_bytes: Some(0),
        folder_run_blobs: 1,
        ..BlobOptions::default()
    }
}

/// Opens the store on drives `/d1` and so on, each of which can be written: what is damaged on it is no reason not to.
pub(crate) async fn open(env: &Env, drives: usize) -> Blobs {
    let drives = (1..=drives).map(|number| Some(format!("/d{number}").into())).collect();
    let set = SetDrives { set: 0, map_epoch: 1, drives };
    let blobs = match Blobs::open(env.clone(), vec![set], options()).await {
        Ok(blobs) => blobs,
        Err(error) => panic!("damage keeps the store from opening: {error}"),
    };
    for drive in blobs.drives().await {
        assert_eq!(drive.state, DriveState::Ok, "a drive that reads and writes well is not used");
    }
    blobs
}

/// The whole of a blob; none where it can't be read.
pub(crate) async fn read(blobs: &Blobs, blob: &BlobRef) -> Option<Vec<u8>> {
    let mut reader = blobs.read(blob, 0..blob.size_bytes).ok()?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece.ok()?);
    }
    Some(bytes)
}

/// Writes a file over what is there.
pub(crate) async fn put_file(env: &Env, path: &Path, bytes: Vec<u8>) {
    if let Some(folder) = path.parent() {
        assert!(env.disk.create_directories(folder).await.is_ok(), "the simulated drive is well");
    }
    // What is not there need not be removed.
    let _ = env.disk.remove(path).await;
    let options = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
    let Ok(file) = env.disk.open(path, options).await else { panic!("{} can't be made", path.display()) };
    assert!(file.write_at(0, Bytes::from(bytes)).await.is_ok(), "the simulated drive is well");
}
