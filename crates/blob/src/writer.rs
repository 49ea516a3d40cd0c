//! Writing a blob.
//!
//! Order of durability: the blob is registered as pending -> shards are written and synced on all drives at once ->
//! [`BlobWriter::finish`] returns when at least the write quorum is durable -> the caller commits the record that refers
//! to the blob -> the caller drops the [`PendingBlob`]. A crash before the commit leaves shards that nobody refers to.
//!
//! What always holds: in memory there are at most the stripe being gathered and the one being written.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::blob::{BlobRef, Redundancy};
use model::ids::BlobId;

use crate::DESCRIPTOR_BYTES_MAX;
use crate::drive::{Drive, PutJob, packed_bytes};
use crate::erasure::Code;
use crate::error::{BlobError, FaultKind, ShardFault};
use crate::gather::{Gather, Outcome};
use crate::large::LargeWriter;
use crate::layout::{Layout, piece_len};
use crate::placement::{Candidate, place};
use crate::registry::PendingBlob;
use crate::shard::{FOOTER_BYTES, Identity, PACKED_HEADER_BYTES, PackedHeader};
use crate::store::Store;

/// Chunks shorter than this are put together, so that many small ones don't cost more than they hold.
const CHUNK_BYTES_MIN: usize = 1024;

/// A blob being written. Dropped unfinished, what it wrote is removed in the background.
pub struct BlobWriter {
    store: Arc<Store>,
    blob: BlobRef,
    pending: PendingBlob,
    code: Arc<Code>,
    drives: Vec<Option<Arc<Drive>>>,
    size_hint_bytes: Option<u64>,
    gathered: Gathered,
    large: Option<LargeWriter>,
}

/// A blob that is durable and not yet referred to.
#[derive(Debug)]
pub struct Written {
    /// What a record needs to refer to it.
    pub blob: BlobRef,
    /// Shards that are not durable: queue their repair in the transaction that refers to the blob.
    pub missing_shards: Vec<u8>,
    /// Protects it from the collector until it is dropped: keep it until the transaction is committed.
    pub pending: PendingBlob,
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("blob", &self.blob).finish_non_exhaustive()
    }
}

impl BlobWriter {
    pub(crate) fn new(
        store: &Arc<Store>,
        redundancy: Redundancy,
        size_hint_bytes: Option<u64>,
    ) -> Result<Self, BlobError> {
        if redundancy.data == 0 {
            return Err(BlobError::NoSuchRedundancy { redundancy });
        }
        let code = store.code(redundancy)?;
        let shard_bytes = shard_bytes_hint(store, redundancy, size_hint_bytes);
        let has_files = has_files(store, redundancy, size_hint_bytes);
        let (blob, drives) = choose(store, redundancy, shard_bytes, has_files)?;
        Ok(BlobWriter {
            pending: store.pending.register(blob.id),
            store: Arc::clone(store),
            blob,
            code,
            drives,
            size_hint_bytes,
            gathered: Gathered::default(),
            large: None,
        })
    }

    /// Takes the next bytes. Waits while the drives are busy, so memory stays bounded (two stripes and the parity of one).
    ///
    /// # Errors
    /// Where fewer drives are left than the write needs. The writer is of no more use then: drop it.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.blob.size_bytes += bytes.len() as u64;
        self.gathered.push(bytes);
        if self.is_large() {
            // The files are made while the rest of the first stripe is gathered.
            self.large();
        }
        let stripe = self.blob.stripe_bytes as usize;
        // A full stripe waits for the byte after it: the last stripe is the business of `finish`.
        while self.gathered.len > stripe {
            let chunks = self.gathered.take(stripe);
            self.write_stripe(&chunks, stripe as u32).await?;
            self.large().hand_over().await?;
        }
        if let Some(large) = &mut self.large {
            large.nudge().await;
        }
        Ok(())
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.blob.size_bytes
    }

    /// Makes the blob durable on at least `redundancy.write_quorum()` drives. `descriptor` is opaque here; each shard
    /// carries it, so that a lost record can be rebuilt.
    ///
    /// # Errors
    /// Where the quorum is not reached, nothing was written, or the descriptor is too long
    /// ([`crate::DESCRIPTOR_BYTES_MAX`]). What was written is removed in the background.
    pub async fn finish(mut self, descriptor: &[u8]) -> Result<Written, BlobError> {
        if self.blob.size_bytes == 0 {
            return Err(BlobError::Empty);
        }
        if descriptor.len() > DESCRIPTOR_BYTES_MAX {
            return Err(BlobError::DescriptorTooLong {
                bytes: descriptor.len(),
                max_bytes: DESCRIPTOR_BYTES_MAX,
            });
        }
        let len = self.gathered.len;
        let chunks = self.gathered.take(len);
        let packed =
            piece_len(len as u32, self.blob.redundancy.data) <= self.store.options.packed_shard_bytes_max;
        let faults = if self.large.is_none() && packed {
            self.write_packed(&chunks, descriptor).await?
        } else {
            self.write_stripe(&chunks, len as u32).await?;
            match self.large.take() {
                Some(large) => large.finish(&self.blob, descriptor).await?,
                None => Vec::new(),
            }
        };
        for fault in &faults {
            tracing::warn!(blob = %self.blob.id, shard = fault.shard, reason = %fault.kind, "a shard was not written");
        }
        Ok(Written {
            blob: self.blob,
            missing_shards: faults.iter().map(|fault| fault.shard).collect(),
            pending: self.pending,
        })
    }

    /// Whether its shards are too long for segments already.
    fn is_large(&self) -> bool {
        let packed_max = u64::from(self.store.options.packed_shard_bytes_max);
        self.blob.size_bytes > packed_max * u64::from(self.blob.redundancy.data)
    }

    /// The shard files.
    fn large(&mut self) -> &mut LargeWriter {
        self.large.get_or_insert_with(|| {
            let known = self.size_hint_bytes.map(|hint| self.blob.size_bytes.max(hint));
            let reserved = known.map(|size| file_bytes(&self.blob, size));
            LargeWriter::create(&self.store, &self.blob, &self.drives, reserved, false)
        })
    }

    async fn write_stripe(&mut self, chunks: &[Bytes], len: u32) -> Result<(), BlobError> {
        let code = Arc::clone(&self.code);
        self.large().stripe(&code, chunks, len).await
    }

    /// Writes the one stripe of a small blob into segments; gives the shards that did not make it.
    async fn write_packed(
        &mut self,
        chunks: &[Bytes],
        descriptor: &[u8],
    ) -> Result<Vec<ShardFault>, BlobError> {
        let pieces = self.encode_small(chunks)?;
        let descriptor = Bytes::copy_from_slice(descriptor);
        let quorum = self.blob.redundancy.write_quorum();
        let mut handed = Handed {
            store: &self.store,
            id: self.blob.id,
            drives: &self.drives,
            gather: Gather::new(quorum),
            is_kept: false,
        };
        let gather = &handed.gather;
        let mut waiting = FuturesUnordered::new();
        for ((shard, drive), payload) in (0u8..).zip(&self.drives).zip(pieces) {
            let ticket = gather.ticket(u32::from(shard));
            let parts = packed_parts(&self.blob, shard, payload, &descriptor);
            let job = PutJob::new(self.blob.id, shard, parts, ticket);
            // Without a drive the ticket is dropped, which is an answer.
            if let Some(drive) = drive
                && let Err(job) = drive.try_put(job)
            {
                waiting.push(drive.put(job));
            }
        }
        let answers = answers(&self.store, gather, &mut waiting).await;
        drop(waiting);
        let (synced, faults) = sort_answers(answers, self.drives.len());
        if synced < quorum {
            return Err(BlobError::WriteQuorum { blob: self.blob.id, synced, needed: quorum, faults });
        }
        handed.is_kept = true;
        Ok(faults)
    }

    /// The pieces of the one stripe of a small blob, by shard.
    fn encode_small(&self, chunks: &[Bytes]) -> Result<Vec<Bytes>, BlobError> {
        let (data, shards) = (usize::from(self.blob.redundancy.data), self.blob.redundancy.shards());
        let piece = piece_len(self.blob.size_bytes as u32, self.blob.redundancy.data) as usize;
        if let ([chunk], 1) = (chunks, data) {
            return Ok(vec![chunk.clone(); shards]);
        }
        let mut all = Vec::with_capacity(piece * shards);
        for chunk in chunks {
            all.extend_from_slice(chunk);
        }
        all.resize(piece * shards, 0);
        let (payload, parity) = all.split_at_mut(piece * data);
        let data: Vec<&[u8]> = payload.chunks(piece).collect();
        let mut parity: Vec<&mut [u8]> = parity.chunks_mut(piece).collect();
        self.code.encode(&data, &mut parity)?;
        let all = Bytes::from(all);
        Ok((0..shards).map(|shard| all.slice(shard * piece..(shard + 1) * piece)).collect())
    }
}

/// Packed shards that were handed to the drives: taken back where the write fails or is given up while it waits.
struct Handed<'a> {
    store: &'a Store,
    id: BlobId,
    drives: &'a [Option<Arc<Drive>>],
    gather: Gather,
    is_kept: bool,
}

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (id, drives) = (self.id, self.drives.to_vec());
        let handed = std::mem::replace(&mut self.gather, Gather::new(0));
        // Killed in the background, when nothing more is on its way.
        let work = async move {
            handed.all().await;
            let gather = Gather::new(0);
            for (shard, drive) in (0u8..).zip(drives) {
                if let Some(drive) = drive {
                    drive.kill(id, shard, gather.ticket(0)).await;
                }
            }
            gather.all().await;
        };
        drop(self.store.env.spawn.task(Box::pin(work)));
    }
}

/// Waits for the answers, while those jobs that found a full queue go on waiting for it.
async fn answers<F: Future<Output = ()>>(
    store: &Store,
    gather: &Gather,
    waiting: &mut FuturesUnordered<F>,
) -> Vec<(u32, Outcome)> {
    let mut answers = pin!(gather.quorum(&*store.env.clock, store.options.patience()));
    poll_fn(|context| {
        while let Poll::Ready(Some(())) = waiting.poll_next_unpin(context) {}
        answers.as_mut().poll(context)
    })
    .await
}

/// The parts of a packed shard.
pub(crate) fn packed_parts(blob: &BlobRef, shard: u8, payload: Bytes, descriptor: &Bytes) -> [Bytes; 3] {
    let header = PackedHeader::new(Identity::of(blob, shard), blob.size_bytes as u32, &payload, descriptor);
    let header = Bytes::copy_from_slice(&header.encode());
    [header, payload, descriptor.clone()]
}

/// How many succeeded, and what is wrong with the others.
pub(crate) fn sort_answers(answers: Vec<(u32, Outcome)>, shards: usize) -> (usize, Vec<ShardFault>) {
    let mut silent: Vec<bool> = vec![true; shards];
    let mut faults = Vec::new();
    let mut succeeded = 0;
    for (shard, outcome) in answers {
        if let Some(place) = silent.get_mut(shard as usize) {
            *place = false;
        }
        match outcome {
            Ok(()) => succeeded += 1,
            Err(kind) => faults.push(ShardFault { shard: shard as u8, kind }),
        }
    }
    let left = (0u8..).zip(silent).filter(|(_, silent)| *silent);
    faults.extend(left.map(|(shard, _)| ShardFault { shard, kind: FaultKind::Silent }));
    faults.sort_unstable_by_key(|fault| fault.shard);
    (succeeded, faults)
}

/// Length to reserve for the shard files of a blob of so many bytes, in whole blocks; a short descriptor fits in.
pub(crate) fn file_bytes(blob: &BlobRef, size_bytes: u64) -> u64 {
    let layout = Layout { size_bytes, stripe_bytes: blob.stripe_bytes, redundancy: blob.redundancy };
    let len = layout.frames_end() + FOOTER_BYTES as u64 + 512;
    len.next_multiple_of(env::buffer::BLOCK_BYTES as u64)
}

/// Whether its shards become files, as far as its size is known.
fn has_files(store: &Store, redundancy: Redundancy, size_hint_bytes: Option<u64>) -> bool {
    let packed_max = u64::from(store.options.packed_shard_bytes_max) * u64::from(redundancy.data);
    size_hint_bytes.is_none_or(|size| size > packed_max.min(u64::from(store.options.stripe_bytes)))
}

/// Room that a shard may take beyond what its segment has reserved already.
fn shard_bytes_hint(store: &Store, redundancy: Redundancy, size_hint_bytes: Option<u64>) -> u64 {
    let Some(size) = size_hint_bytes else {
        return 0;
    };
    let piece = size.div_ceil(u64::from(redundancy.data));
    match piece <= u64::from(store.options.packed_shard_bytes_max) {
        true => packed_bytes(PACKED_HEADER_BYTES + piece as usize) as u64,
        false => piece,
    }
}

/// Places a new blob: its reference, still without a length, and its drives by shard, `None` where one takes no writes.
#[expect(clippy::type_complexity, reason = "the pair is taken apart where it is made")]
fn choose(
    store: &Arc<Store>,
    redundancy: Redundancy,
    shard_bytes: u64,
    has_files: bool,
) -> Result<(BlobRef, Vec<Option<Arc<Drive>>>), BlobError> {
    let shards = redundancy.shards();
    let seed = store.env.random.number();
    let find = |may_be_silent| {
        let takes = |drive: &Arc<Drive>| takes(drive, shard_bytes, may_be_silent);
        let placement = place(&candidates(store, &takes), shards, seed);
        placement.and_then(|placement| Some((placement, store.sets.get(placement.set)?, may_be_silent)))
    };
    let answering = find(false).filter(|(placement, ..)| placement.writable >= redundancy.write_quorum());
    // A drive that does not answer is slow, not dead: where there are too few without it, it is waited for.
    let found = answering.or_else(|| find(true));
    let (placement, set, may_be_silent) = found.ok_or(BlobError::NoSuchRedundancy { redundancy })?;
    let mut drives = set.window(placement.first_slot, shards);
    if placement.writable < redundancy.write_quorum() {
        let full =
            drives.iter().flatten().filter(|drive| drive.takes(shard_bytes).is_err() && drive.is_full());
        return Err(BlobError::TooFewDrives {
            writable: placement.writable,
            needed: redundancy.write_quorum(),
            full: full.count(),
        });
    }
    for drive in &mut drives {
        drive.take_if(|drive| takes(drive, shard_bytes, may_be_silent).is_none());
    }
    let blob = BlobRef {
        id: store.new_id(has_files),
        size_bytes: 0,
        redundancy,
        stripe_bytes: store.options.stripe_bytes,
        set: set.number,
        first_slot: placement.first_slot,
        map_epoch: set.map_epoch,
    };
    Ok((blob, drives))
}

/// Free bytes of a drive that takes a shard.
fn takes(drive: &Arc<Drive>, shard_bytes: u64, may_be_silent: bool) -> Option<u64> {
    drive.refresh_space();
    drive.takes(shard_bytes).ok()?;
    (may_be_silent || !drive.is_silent()).then(|| drive.free_bytes())
}

fn candidates(store: &Store, takes: &dyn Fn(&Arc<Drive>) -> Option<u64>) -> Vec<Vec<Candidate>> {
    let candidate = |drive: &Option<Arc<Drive>>| {
        let free_bytes = drive.as_ref().and_then(takes);
        Candidate { writable: free_bytes.is_some(), free_bytes: free_bytes.unwrap_or(0) }
    };
    store.sets.iter().map(|set| set.drives.iter().map(candidate).collect()).collect()
}

/// Bytes received and not yet written.
#[derive(Debug, Default)]
struct Gathered {
    chunks: Vec<Bytes>,
    /// Small chunks put together: they come after `chunks`.
    tail: BytesMut,
    len: usize,
}

impl Gathered {
    fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        if bytes.len() < CHUNK_BYTES_MIN {
            self.tail.extend_from_slice(&bytes);
            return;
        }
        self.flush_tail();
        self.chunks.push(bytes);
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push(self.tail.split().freeze());
        }
    }

    /// The first `len` bytes.
    fn take(&mut self, len: usize) -> Vec<Bytes> {
        assert!(len <= self.len, "no more is taken than was gathered");
        self.flush_tail();
        self.len -= len;
        let mut left = len;
        let mut rest = std::mem::take(&mut self.chunks).into_iter();
        let mut taken = Vec::new();
        for mut chunk in rest.by_ref() {
            if chunk.len() > left {
                taken.push(chunk.split_to(left));
                self.chunks.push(chunk);
                break;
            }
            left -= chunk.len();
            taken.push(chunk);
            if left == 0 {
                break;
            }
        }
        self.chunks.extend(rest);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_gathered_is_taken_in_order(
            chunks in proptest::collection::vec(0usize..5000, 0..20),
            stripe in 1usize..6000,
        ) {
            let mut gathered = Gathered::default();
            let mut expected = Vec::new();
            let mut taken = Vec::new();
            for (number, len) in chunks.into_iter().enumerate() {
                let bytes = vec![number as u8; len];
                expected.extend_from_slice(&bytes);
                gathered.push(Bytes::from(bytes));
                while gathered.len > stripe {
                    let chunks = gathered.take(stripe);
                    prop_assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), stripe);
                    taken.extend(chunks);
                }
            }
            let left = gathered.len;
            taken.extend(gathered.take(left));
            prop_assert_eq!(taken.concat(), expected);
        }
    }
}
