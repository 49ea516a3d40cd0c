//! Reading a blob.
//!
//! What always holds: every byte given out was checked or computed from checked bytes; at most two stripes are in
//! memory, the one being given out and the one being read ahead. A stripe that comes without waiting says that the next
//! one is likely at hand as well: that one is read when it is wanted, so that it is sent from a near cache, and from memory
//! that was just given back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use env::BoxFuture;
use model::blob::BlobRef;

use crate::error::BlobError;
use crate::store::Store;
use crate::stripe::{Mask, Pieces, Source, bit};

/// Pieces of so few bytes in all are put together into one.
const ASSEMBLE_BYTES_MAX: usize = 256 * 1024;

/// A range of a blob being read.
pub struct BlobReader {
    source: Arc<Source>,
    range: Range<u64>,
    /// The stripes not begun yet.
    stripes: Range<u64>,
    ahead: Option<Ahead>,
    ready: VecDeque<Bytes>,
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader")
            .field("blob", &self.source.blob)
            .field("range", &self.range)
            .field("stripes", &self.stripes)
            .finish_non_exhaustive()
    }
}

/// A stripe that was begun.
struct Ahead {
    stripe: u64,
    state: AheadState,
}

type Read = BoxFuture<'static, Result<Pieces, BlobError>>;

enum AheadState {
    Running(Read),
    /// It did not have to be waited for.
    Done(Result<Pieces, BlobError>),
}

impl BlobReader {
    pub(crate) fn new(store: &Arc<Store>, blob: &BlobRef, range: Range<u64>) -> Result<Self, BlobError> {
        if range.start > range.end || range.end > blob.size_bytes {
            return Err(BlobError::BadRange { range, size_bytes: blob.size_bytes });
        }
        let source = Source::new(store, blob)?;
        let stripes = match range.is_empty() {
            true => 0..0,
            false => source.layout.stripes_of(&range),
        };
        Ok(BlobReader { source, range, stripes, ahead: None, ready: VecDeque::new() })
    }

    /// The next bytes of the range, checked; `None` at its end. A small blob comes in one piece, a large one in pieces
    /// of at most a stripe. After an error there is nothing more.
    ///
    /// # Errors
    /// Where fewer whole shards can be read than it takes.
    pub async fn next(&mut self) -> Option<Result<Bytes, BlobError>> {
        if let Some(bytes) = self.ready.pop_front() {
            return Some(Ok(bytes));
        }
        if self.ahead.is_none() {
            self.begin().await;
        }
        let ahead = self.ahead.take()?;
        let is_at_hand = matches!(ahead.state, AheadState::Done(_));
        let read = match ahead.state {
            AheadState::Running(read) => read.await,
            AheadState::Done(read) => read,
        };
        match read {
            Ok(pieces) => self.cut_out(ahead.stripe, &pieces),
            Err(error) => {
                self.stripes = 0..0;
                return Some(Err(error));
            }
        }
        if !is_at_hand {
            self.begin().await;
        }
        self.ready.pop_front().map(Ok)
    }

    /// Shards that were found missing or damaged on drives that are there, so far: queue their repair.
    #[must_use]
    pub fn damaged(&self) -> Vec<u8> {
        let faults = self.source.faults();
        let damaged = faults.iter().filter(|fault| fault.kind.is_damage());
        damaged.map(|fault| fault.shard).collect()
    }

    /// Whether the next stripe was begun before it is wanted.
    #[cfg(test)]
    pub(crate) fn reads_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Begins the next stripe, if there is one. What has to come from a drive is on its way then.
    async fn begin(&mut self) {
        let Some((stripe, mut read)) = self.read_next() else { return };
        let done = poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await;
        let state = match done {
            Poll::Ready(done) => AheadState::Done(done),
            Poll::Pending => AheadState::Running(read),
        };
        self.ahead = Some(Ahead { stripe, state });
    }

    fn read_next(&mut self) -> Option<(u64, Read)> {
        let stripe = self.stripes.next()?;
        let layout = &self.source.layout;
        let part = layout.part_of(stripe, &self.range);
        let shards = layout.shards_of(stripe, &part);
        let wanted = shards.fold(0, |mask: Mask, shard| mask | bit(shard));
        let source = Arc::clone(&self.source);
        Some((stripe, Box::pin(source.fetch(stripe, wanted))))
    }

    /// Cuts the part that the range asks for out of a stripe's pieces.
    fn cut_out(&mut self, stripe: u64, pieces: &Pieces) {
        let layout = &self.source.layout;
        let part = layout.part_of(stripe, &self.range);
        let cut = layout.shards_of(stripe, &part).map(|shard| {
            let piece = pieces.get(usize::from(shard)).cloned().flatten();
            let piece = piece.unwrap_or_default();
            let within = layout.within_piece(stripe, &part, shard);
            assert!(within.end <= piece.len(), "a fetched stripe has the pieces that were wanted");
            piece.slice(within)
        });
        self.ready.extend(cut);
        if self.ready.len() > 1 && part.len() <= ASSEMBLE_BYTES_MAX {
            let mut whole = Vec::with_capacity(part.len());
            for piece in self.ready.drain(..) {
                whole.extend_from_slice(&piece);
            }
            self.ready.push_back(Bytes::from(whole));
        }
    }
}
