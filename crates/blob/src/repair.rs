//! Checking all shards of a blob, and writing anew those that are missing or damaged.
//!
//! Order of durability: a rebuilt shard is written and synced beside what is left of the old one, and takes its place
//! only then (a rename of the file, or the later record in a segment). A crash in between leaves the old one.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use model::blob::BlobRef;

use crate::drive::file_end;
use crate::drive::{Drive, PutJob};
use crate::error::{BlobError, FaultKind, ShardFault};
use crate::gather::Gather;
use crate::large::LargeWriter;
use crate::shard::{
    FILE_HEADER_BYTES, Identity, check_packed, open_file_header, open_footer, open_packed, packed_descriptor,
};
use crate::status::{Census, Repaired};
use crate::store::Store;
use crate::stripe::{Mask, Source, bit, shards_in};
use crate::writer::{file_bytes, packed_parts, sort_answers};

/// Reads and checks every shard.
pub(crate) async fn check(store: &Arc<Store>, blob: &BlobRef) -> Result<Census, BlobError> {
    Ok(survey(store, blob, &[]).await?.census())
}

/// The descriptor of a blob, from the first shard that tells it.
pub(crate) async fn describe(store: &Arc<Store>, blob: &BlobRef) -> Option<Bytes> {
    let drives = store.drives_of(blob).ok()?;
    for (shard, drive) in (0u8..).zip(drives) {
        let Some(drive) = drive else { continue };
        if let Ok(described) = drive.within(drive.describe(&blob.id, shard)).await {
            return Some(described.descriptor);
        }
    }
    None
}

/// What a look at all shards found.
struct Survey {
    source: Arc<Source>,
    whole: Vec<u8>,
    faults: Vec<ShardFault>,
    descriptor: Option<Bytes>,
    /// Whether the shards are packed: all or none of a blob's are.
    packed: bool,
}

impl Survey {
    fn census(self) -> Census {
        Census { whole: self.whole, faults: self.faults }
    }
}

/// Looks at all shards but those that are known to be bad.
async fn survey(store: &Arc<Store>, blob: &BlobRef, known: &[ShardFault]) -> Result<Survey, BlobError> {
    let mut survey = Survey {
        source: Source::new(store, blob)?,
        whole: Vec::new(),
        faults: Vec::new(),
        descriptor: None,
        packed: false,
    };
    for shard in 0..blob.redundancy.shards() as u8 {
        let checked = match known.iter().find(|fault| fault.shard == shard) {
            Some(fault) => Err(fault.kind.clone()),
            None => check_shard(&survey.source, shard).await,
        };
        match checked {
            Ok((descriptor, packed)) => {
                survey.whole.push(shard);
                survey.descriptor.get_or_insert(descriptor);
                survey.packed |= packed;
            }
            Err(kind) => {
                // The fetches of a repair must not ask it.
                survey.source.note(shard, kind.clone());
                survey.faults.push(ShardFault { shard, kind });
            }
        }
    }
    Ok(survey)
}

/// Checks a shard from end to end; gives its descriptor and whether it is packed.
async fn check_shard(source: &Arc<Source>, shard: u8) -> Result<(Bytes, bool), FaultKind> {
    let blob = &source.blob;
    let drive = source.drive(shard).ok_or(FaultKind::NoDrive)?;
    if let Some(bytes) = drive.within(drive.read_whole_packed(&blob.id, shard)).await? {
        open_packed(&bytes, blob, shard)?;
        let header = check_packed(&bytes)?;
        return Ok((packed_descriptor(&header, &bytes)?, true));
    }
    let file = drive.within(source.file(shard)).await?;
    let header = async { file.read_at(0, FILE_HEADER_BYTES).await.map_err(|error| FaultKind::io(&error)) };
    open_file_header(&drive.within(header).await?, &Identity::of(blob, shard))?;
    for stripe in 0..source.layout.stripes() {
        drive.within(source.piece(shard, stripe)).await?;
    }
    let descriptor = open_footer(&drive.within(file_end(file)).await?, blob, shard)?;
    Ok((descriptor, false))
}

/// Writes anew what can be.
pub(crate) async fn repair(
    store: &Arc<Store>,
    blob: &BlobRef,
    known: &[ShardFault],
) -> Result<Repaired, BlobError> {
    // One repair of a blob at a time: two would write the same files. A second one has nothing to do.
    let Some(_repairing) = store.repairing.try_register(blob.id) else {
        let census = check(store, blob).await?;
        return Ok(Repaired { rebuilt: Vec::new(), remaining: census.faults });
    };
    let survey = survey(store, blob, known).await?;
    let lost: Vec<(u8, Arc<Drive>)> = survey
        .faults
        .iter()
        .filter(|fault| fault.kind.is_damage())
        .filter_map(|fault| {
            let drive = survey.source.drive(fault.shard)?;
            drive.can_repair().then_some(())?;
            Some((fault.shard, Arc::clone(drive)))
        })
        .collect();
    if lost.is_empty() {
        return Ok(Repaired { rebuilt: Vec::new(), remaining: survey.faults });
    }
    let descriptor = survey.descriptor.clone();
    let descriptor = descriptor.ok_or(BlobError::NoDescriptor { blob: blob.id })?;
    let failed = match survey.packed {
        true => repair_packed(&survey, &lost, &descriptor).await?,
        false => repair_files(store, &survey, &lost, &descriptor).await?,
    };
    Ok(report(&survey, &lost, &failed))
}

fn report(survey: &Survey, lost: &[(u8, Arc<Drive>)], failed: &[ShardFault]) -> Repaired {
    let tried = lost.iter().fold(0, |mask: Mask, (shard, _)| mask | bit(*shard));
    let still = failed.iter().fold(0, |mask: Mask, fault| mask | bit(fault.shard));
    let untried = survey.faults.iter().filter(|fault| tried & bit(fault.shard) == 0).cloned();
    let mut remaining: Vec<ShardFault> = failed.iter().cloned().chain(untried).collect();
    remaining.sort_unstable_by_key(|fault| fault.shard);
    Repaired { rebuilt: shards_in(tried & !still).collect(), remaining }
}

fn wanted(lost: &[(u8, Arc<Drive>)]) -> Mask {
    lost.iter().fold(0, |mask, (shard, _)| mask | bit(*shard))
}

async fn repair_packed(
    survey: &Survey,
    lost: &[(u8, Arc<Drive>)],
    descriptor: &Bytes,
) -> Result<Vec<ShardFault>, BlobError> {
    let source = &survey.source;
    let pieces = Arc::clone(source).fetch(0, wanted(lost)).await?;
    // All have answered, or it has waited as long as for a quorum.
    let gather = Gather::new(lost.len() + 1);
    for (shard, drive) in lost {
        let piece = pieces.get(usize::from(*shard)).cloned().flatten();
        let parts = packed_parts(&source.blob, *shard, piece.unwrap_or_default(), descriptor);
        let ticket = gather.ticket(u32::from(*shard));
        let job = PutJob::new(source.blob.id, *shard, parts, ticket);
        // A queue that has no room in time drops the job, and the ticket says so.
        let _ = drive.within(drive.put(job).map(Ok)).await;
    }
    let store = &source.store;
    let answers = gather.quorum(&*store.env.clock, store.options.patience()).await;
    let lost = lost.iter().fold(0, |mask, (shard, _)| mask | bit(*shard));
    let faults = sort_answers(answers, source.blob.redundancy.shards()).1;
    Ok(faults.into_iter().filter(|fault| lost & bit(fault.shard) != 0).collect())
}

async fn repair_files(
    store: &Arc<Store>,
    survey: &Survey,
    lost: &[(u8, Arc<Drive>)],
    descriptor: &[u8],
) -> Result<Vec<ShardFault>, BlobError> {
    let source = &survey.source;
    let blob = &source.blob;
    let shards = lost.iter().map(|(shard, drive)| (*shard, Some(Arc::clone(drive)))).collect();
    let reserved = file_bytes(blob, blob.size_bytes);
    let mut writer = LargeWriter::repair(store, blob, shards, reserved);
    for stripe in 0..source.layout.stripes() {
        if stripe > 0 {
            writer.hand_over().await?;
        }
        let pieces = Arc::clone(source).fetch(stripe, wanted(lost)).await?;
        let written = writer.pieces(&pieces, source.layout.stripe_len(stripe));
        written.await?;
    }
    writer.finish(blob, descriptor).await
}
