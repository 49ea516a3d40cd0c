//! The store as a whole, on folders of a temporary directory and on simulated drives.

mod crash;
mod damage;
mod delete;
mod offline;
mod round;
mod silent;

use std::path::PathBuf;

use bytes::Bytes;
use env::Env;
use model::blob::{BlobRef, Redundancy};
use tempfile::TempDir;

use crate::{BlobError, BlobOptions, Blobs, SetDrives};

/// Folders that stand for drives.
struct Bench {
    directory: TempDir,
    env: Env,
    options: BlobOptions,
    drives: usize,
}

impl Bench {
    fn new(drives: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for drive in 0..drives {
            std::fs::create_dir(directory.path().join(drive.to_string())).unwrap();
        }
        Bench {
            directory,
            env: env::real::env(&tokio::runtime::Handle::current()),
            options: BlobOptions {
                segment_bytes_max: 2 << 20,
                reserve_bytes: Some(1 << 20),
                ..BlobOptions::default()
            },
            drives,
        }
    }

    fn drive(&self, slot: usize) -> PathBuf {
        self.directory.path().join(slot.to_string())
    }

    async fn open(&self) -> Blobs {
        self.open_without(&[]).await
    }

    async fn open_without(&self, missing: &[usize]) -> Blobs {
        let drives =
            (0..self.drives).map(|slot| (!missing.contains(&slot)).then(|| self.drive(slot))).collect();
        let set = SetDrives { set: 0, map_epoch: 1, drives };
        Blobs::open(self.env.clone(), vec![set], self.options.clone()).await.unwrap()
    }

    /// Files below a drive's folder that hold shards of a blob.
    fn shard_files(&self, slot: usize) -> Vec<PathBuf> {
        walk(&self.drive(slot).join("blob").join("shards"))
    }

    fn segment_files(&self, slot: usize) -> Vec<PathBuf> {
        walk(&self.drive(slot).join("blob").join("segments"))
    }
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    files
}

fn redundancy(data: u8, parity: u8) -> Redundancy {
    Redundancy { data, parity }
}

/// Bytes that differ everywhere and by seed.
fn pattern(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    Bytes::from(bytes.flatten().take(len).collect::<Vec<u8>>())
}

async fn write(blobs: &Blobs, redundancy: Redundancy, data: &Bytes) -> Result<BlobRef, BlobError> {
    let mut writer = blobs.writer(redundancy, Some(data.len() as u64))?;
    for chunk in data.chunks(70_001) {
        writer.write(data.slice_ref(chunk)).await?;
    }
    let written = writer.finish(b"a descriptor").await?;
    Ok(written.blob)
}

async fn read(blobs: &Blobs, blob: &BlobRef) -> Result<Bytes, BlobError> {
    read_range(blobs, blob, 0..blob.size_bytes).await
}

async fn read_range(blobs: &Blobs, blob: &BlobRef, range: std::ops::Range<u64>) -> Result<Bytes, BlobError> {
    let mut reader = blobs.read(blob, range)?;
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(Bytes::from(all))
}
