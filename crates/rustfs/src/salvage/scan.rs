//! All shards of all drives, put together to blobs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use blob::{Depth, OfflineDrive, OfflineFaultKind, OfflineItem, OfflineShard};
use env::Env;
use model::blob::BlobRef;
use model::ids::BlobId;
use model::reclaim::BlobDescriptor;
use model::record::Record;
use object::salvage::SalvagedBlob;

use crate::inspect::drives::OfflineStore;
use crate::inspect::progress::ProgressLine;
use crate::inspect::shards::slot_of;

/// Faults that are kept; more are counted.
const FAULTS_MAX: usize = 1000;

/// What was read.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Drives.
    pub drives: usize,
    /// Good shards.
    pub shards: u64,
    /// Shards that are damaged, unfinished, or on the wrong drive.
    pub bad: u64,
    /// Blobs whose shards say of their object what this release can't read.
    pub unknown: u64,
    /// Where the first bad ones are, with what is wrong.
    pub faults: Vec<(PathBuf, u64, String)>,
}

/// A blob of which shards were found.
struct Found {
    blob: BlobRef,
    descriptor: BlobDescriptor,
    shards: u32,
}

/// Reads the shards of all drives.
pub(super) async fn scan(
    env: &Env,
    store: &OfflineStore,
    thorough: bool,
    progress: &mut ProgressLine,
) -> (Vec<SalvagedBlob>, Scanned) {
    let depth = if thorough { Depth::Everything } else { Depth::Ends };
    let mut scanned = Scanned::default();
    let mut blobs: HashMap<BlobId, Found> = HashMap::new();
    for (slot, _, path) in store.present() {
        scanned.drives += 1;
        let mut take = |item: OfflineItem| {
            match item {
                OfflineItem::Shard(shard)
                    if slot_of(&store.map, &shard.described.blob, shard.shard) != slot =>
                {
                    let reason = "the shard belongs on another drive".to_owned();
                    scanned.bad((shard.path, shard.offset_bytes, reason));
                }
                OfflineItem::Shard(shard) => scanned.shard(&shard, &mut blobs),
                OfflineItem::Fault(fault) if counts(fault.kind) => {
                    scanned.bad((fault.path, fault.offset_bytes, fault.reason));
                }
                OfflineItem::Fault(_) | OfflineItem::Read(_) => {}
            }
            progress.say(&format!("{}: {} shards, {} blobs", path.display(), scanned.shards, blobs.len()));
        };
        let walked = async {
            let drive = OfflineDrive::open(Arc::clone(&env.disk), path, &mut take).await?;
            drive.walk_packed(&mut take).await;
            drive.walk_files(depth, &mut take).await
        };
        let walked: std::io::Result<()> = walked.await;
        if let Err(error) = walked {
            scanned.bad((path.join("blob"), 0, error.to_string()));
        }
    }
    let blobs = blobs.into_values().map(|found| SalvagedBlob {
        shards: found.shards.count_ones() as u8,
        blob: found.blob,
        descriptor: found.descriptor,
    });
    (blobs.collect(), scanned)
}

fn counts(kind: OfflineFaultKind) -> bool {
    matches!(kind, OfflineFaultKind::Damaged | OfflineFaultKind::Newer | OfflineFaultKind::Unreadable)
}

impl Scanned {
    fn bad(&mut self, fault: (PathBuf, u64, String)) {
        self.bad += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    fn shard(&mut self, shard: &OfflineShard, blobs: &mut HashMap<BlobId, Found>) {
        let described = &shard.described;
        let bit = 1u32.checked_shl(shard.shard.into()).unwrap_or(0);
        match blobs.get_mut(&described.blob.id) {
            // A shard that speaks of another blob under the same id is none of this one.
            Some(found) if found.blob != described.blob => {
                let reason = "the shard's blob is another than that of the others".to_owned();
                self.bad((shard.path.clone(), shard.offset_bytes, reason));
            }
            Some(found) => {
                self.shards += 1;
                found.shards |= bit;
            }
            None => match BlobDescriptor::decode(&described.descriptor) {
                Ok(descriptor) => {
                    self.shards += 1;
                    let blob = described.blob.clone();
                    blobs.insert(blob.id, Found { blob, descriptor, shards: bit });
                }
                Err(error) => {
                    self.unknown += 1;
                    let reason = format!("what it says of its object can't be read: {error}");
                    self.bad((shard.path.clone(), shard.offset_bytes, reason));
                }
            },
        }
    }
}
