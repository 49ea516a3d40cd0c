//! Reading the pieces of one stripe: the wanted shards first, others in place of those that are bad, missing or slow.
//!
//! What always holds: a piece that is given was checked, or was computed from k pieces that were. A slow shard is not a
//! bad one: it is read around and not reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use bytes::Bytes;
use env::{BoxFuture, File};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::blob::BlobRef;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::drive::Drive;
use crate::error::{BlobError, FaultKind, ShardFault};
use crate::layout::Layout;
use crate::shard::{FRAME_HEADER_BYTES, PACKED_HEADER_BYTES, open_frame, open_packed};
use crate::store::Store;

/// A set of shards of one blob, a bit each.
pub(crate) type Mask = u32;

const _: () = assert!(model::limits::SHARDS_MAX <= Mask::BITS as usize);

/// The bit of a shard.
pub(crate) fn bit(shard: u8) -> Mask {
    1 << shard
}

/// The shards in a set, in order.
pub(crate) fn shards_in(mask: Mask) -> impl Iterator<Item = u8> {
    (0..Mask::BITS as u8).filter(move |shard| mask & bit(*shard) != 0)
}

/// Pieces by shard.
pub(crate) type Pieces = Vec<Option<Bytes>>;

/// A blob to read from, with what is known of its shards so far.
pub(crate) struct Source {
    pub(crate) store: Arc<Store>,
    pub(crate) blob: BlobRef,
    pub(crate) layout: Layout,
    drives: Vec<Option<Arc<Drive>>>,
    /// Files opened, by shard.
    files: Vec<OnceCell<Arc<dyn File>>>,
    /// Shards not to ask any more.
    bad: AtomicU32,
    faults: Mutex<Vec<ShardFault>>,
}

impl Source {
    pub(crate) fn new(store: &Arc<Store>, blob: &BlobRef) -> Result<Arc<Self>, BlobError> {
        let drives = store.drives_of(blob)?;
        let source = Source {
            store: Arc::clone(store),
            blob: blob.clone(),
            layout: Layout::of(blob),
            files: drives.iter().map(|_| OnceCell::new()).collect(),
            drives,
            bad: AtomicU32::new(0),
            faults: Mutex::default(),
        };
        for (shard, drive) in (0u8..).zip(&source.drives) {
            if drive.is_none() {
                source.note(shard, FaultKind::NoDrive);
            }
        }
        Ok(Arc::new(source))
    }

    /// Notes that a shard is not to be asked any more.
    pub(crate) fn note(&self, shard: u8, kind: FaultKind) {
        let before = self.bad.fetch_or(bit(shard), Ordering::Relaxed);
        if before & bit(shard) == 0 {
            self.faults.lock().push(ShardFault { shard, kind });
        }
    }

    pub(crate) fn faults(&self) -> Vec<ShardFault> {
        let mut faults = self.faults.lock().clone();
        faults.sort_unstable_by_key(|fault| fault.shard);
        faults
    }

    fn bad(&self) -> Mask {
        self.bad.load(Ordering::Relaxed)
    }

    /// Shards on drives that had better not be read.
    fn slow(&self) -> Mask {
        let drives = (0u8..).zip(&self.drives);
        let slow = drives.filter(|(_, drive)| drive.as_ref().is_some_and(|drive| drive.is_slow()));
        slow.fold(0, |mask, (shard, _)| mask | bit(shard))
    }

    pub(crate) fn drive(&self, shard: u8) -> Option<&Arc<Drive>> {
        self.drives.get(usize::from(shard))?.as_ref()
    }

    /// A shard's file, opened once.
    pub(crate) async fn file(&self, shard: u8) -> Result<&Arc<dyn File>, FaultKind> {
        let (Some(drive), Some(cell)) = (self.drive(shard), self.files.get(usize::from(shard))) else {
            return Err(FaultKind::NoDrive);
        };
        cell.get_or_try_init(|| drive.open_file(&self.blob.id, shard)).await
    }

    /// The piece of a stripe that a shard holds, checked.
    pub(crate) async fn piece(&self, shard: u8, stripe: u64) -> Result<Bytes, FaultKind> {
        let drive = self.drive(shard).ok_or(FaultKind::NoDrive)?;
        let _question = drive.ask_read().await;
        let piece_len = self.layout.piece_len(stripe);
        let clock = &self.store.env.clock;
        let start = clock.monotonic();
        if self.layout.stripes() == 1 {
            let len = PACKED_HEADER_BYTES + piece_len as usize;
            if let Some(bytes) = drive.read_packed(&self.blob.id, shard, len).await? {
                let took = clock.monotonic().saturating_sub(start);
                self.store.packed_latency.record(took);
                return Ok(open_packed(&bytes, &self.blob, shard)?);
            }
        }
        let file = self.file(shard).await?;
        let at = self.layout.frame_offset(stripe);
        let len = FRAME_HEADER_BYTES + piece_len as usize;
        let read = file.read_at(at, len).await;
        let bytes = read.map_err(|error| FaultKind::io(&error))?;
        let took = clock.monotonic().saturating_sub(start);
        self.store.file_latency.record(took);
        Ok(open_frame(&bytes, &self.blob.id, shard, stripe, piece_len)?)
    }

    /// The wanted pieces of a stripe, read or computed.
    pub(crate) async fn fetch(self: Arc<Self>, stripe: u64, wanted: Mask) -> Result<Pieces, BlobError> {
        let mut fetch = Fetch {
            stripe,
            wanted,
            asked: 0,
            slow: self.slow(),
            hedged: false,
            here: 0,
            pieces: vec![None; self.drives.len()],
            reads: FuturesUnordered::new(),
            source: self,
        };
        fetch.run().await?;
        fetch.rebuild()
    }
}

type Read = BoxFuture<'static, (u8, Result<Bytes, FaultKind>)>;

struct Fetch {
    source: Arc<Source>,
    stripe: u64,
    wanted: Mask,
    asked: Mask,
    /// Not waited for alone: their drives are slow, or they were asked and have not come.
    slow: Mask,
    hedged: bool,
    here: Mask,
    pieces: Pieces,
    reads: FuturesUnordered<Read>,
}

impl Fetch {
    async fn run(&mut self) -> Result<(), BlobError> {
        let direct = self.wanted & !self.source.bad() & !self.slow;
        for shard in shards_in(direct) {
            self.ask(shard);
        }
        self.top_up();
        let mut timer = None;
        while !self.is_complete() {
            let Some(answer) = self.answer(&mut timer).await else {
                return Err(self.too_few());
            };
            match answer {
                Answer::Piece(shard, piece) => {
                    self.here |= bit(shard);
                    if let Some(place) = self.pieces.get_mut(usize::from(shard)) {
                        *place = Some(piece);
                    }
                }
                Answer::Fault(shard, kind) => {
                    self.source.note(shard, kind);
                    self.top_up();
                }
                Answer::Slow if self.hedged => {
                    for shard in shards_in(self.asked & !self.here & !self.source.bad()) {
                        self.source.note(shard, FaultKind::Silent);
                    }
                    return Err(self.too_few());
                }
                Answer::Slow => {
                    self.hedged = true;
                    self.slow |= self.asked & !self.here & !self.source.bad();
                    self.top_up();
                }
            }
        }
        Ok(())
    }

    fn data(&self) -> usize {
        usize::from(self.source.layout.redundancy.data)
    }

    fn is_complete(&self) -> bool {
        self.wanted & !self.here == 0 || self.here.count_ones() as usize >= self.data()
    }

    fn ask(&mut self, shard: u8) {
        self.asked |= bit(shard);
        let source = Arc::clone(&self.source);
        let stripe = self.stripe;
        self.reads.push(Box::pin(async move { (shard, source.piece(shard, stripe).await) }));
    }

    /// Where a wanted shard does not come by itself, asks as many others as it takes to compute it, data shards first.
    fn top_up(&mut self) {
        let lost = self.source.bad() | self.slow;
        if self.wanted & !self.here & lost == 0 {
            return;
        }
        let coming = self.here | (self.asked & !lost);
        let mut missing = self.data().saturating_sub(coming.count_ones() as usize);
        let (slow, others): (Vec<u8>, Vec<u8>) =
            (0..self.pieces.len() as u8).partition(|shard| self.slow & bit(*shard) != 0);
        for shard in others.into_iter().chain(slow) {
            if missing > 0 && (self.asked | self.source.bad()) & bit(shard) == 0 {
                self.ask(shard);
                missing -= 1;
            }
        }
    }

    /// The next thing that happens; `None` when nothing is under way.
    async fn answer(&mut self, timer: &mut Option<BoxFuture<'static, ()>>) -> Option<Answer> {
        let store = Arc::clone(&self.source.store);
        let is_packed = self.source.layout.stripes() == 1;
        std::future::poll_fn(|context| {
            match self.reads.poll_next_unpin(context) {
                Poll::Ready(Some((shard, Ok(piece)))) => {
                    return Poll::Ready(Some(Answer::Piece(shard, piece)));
                }
                Poll::Ready(Some((shard, Err(kind)))) => {
                    return Poll::Ready(Some(Answer::Fault(shard, kind)));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            let sleep = timer.get_or_insert_with(|| {
                let latency = match is_packed {
                    true => &store.packed_latency,
                    false => &store.file_latency,
                };
                store.env.clock.sleep(if self.hedged {
                    store.options.answer_wait
                } else {
                    latency.hedge_after()
                })
            });
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            *timer = None;
            Poll::Ready(Some(Answer::Slow))
        })
        .await
    }

    fn too_few(&self) -> BlobError {
        BlobError::TooFewShards {
            blob: self.source.blob.id,
            stripe: self.stripe,
            whole: self.here.count_ones() as usize,
            needed: self.data(),
            faults: self.source.faults(),
        }
    }

    /// Computes what was wanted and did not come.
    fn rebuild(mut self) -> Result<Pieces, BlobError> {
        let missing: Vec<u8> = shards_in(self.wanted & !self.here).collect();
        if missing.is_empty() {
            return Ok(self.pieces);
        }
        let piece_len = self.source.layout.piece_len(self.stripe) as usize;
        let mut rebuilt: Vec<Vec<u8>> = missing.iter().map(|_| vec![0u8; piece_len]).collect();
        let here: Vec<Option<&[u8]>> = self.pieces.iter().map(|piece| piece.as_deref()).collect();
        let mut wishes: Vec<(usize, &mut [u8])> = missing
            .iter()
            .zip(&mut rebuilt)
            .map(|(shard, buffer)| (usize::from(*shard), &mut buffer[..]))
            .collect();
        let code = self.source.store.code(self.source.blob.redundancy)?;
        code.reconstruct(&here, &mut wishes)?;
        for (shard, buffer) in missing.into_iter().zip(rebuilt) {
            if let Some(place) = self.pieces.get_mut(usize::from(shard)) {
                *place = Some(Bytes::from(buffer));
            }
        }
        Ok(self.pieces)
    }
}

enum Answer {
    Piece(u8, Bytes),
    Fault(u8, FaultKind),
    /// What was asked takes longer than such reads usually do; then, longer than any may.
    Slow,
}
