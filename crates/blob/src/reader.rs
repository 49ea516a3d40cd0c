//! Reading a blob.
//!
//! What always holds: every byte given out was checked or computed from checked bytes; at most two stripes are in
//! memory, the one being given out and the one being read ahead.

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

/// A stripe on its way.
struct Ahead {
    stripe: u64,
    state: AheadState,
}

enum AheadState {
    Running(BoxFuture<'static, Result<Pieces, BlobError>>),
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
        let ahead = self.ahead.take().or_else(|| self.begin())?;
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
        self.read_ahead().await;
        self.ready.pop_front().map(Ok)
    }

    /// Shards that were found missing or damaged on drives that are there, so far: queue their repair.
    #[must_use]
    pub fn damaged(&self) -> Vec<u8> {
        let faults = self.source.faults();
        let damaged = faults.iter().filter(|fault| fault.kind.is_damage());
        damaged.map(|fault| fault.shard).collect()
    }

    fn begin(&mut self) -> Option<Ahead> {
        let stripe = self.stripes.next()?;
        let layout = &self.source.layout;
        let part = layout.part_of(stripe, &self.range);
        let shards = layout.shards_of(stripe, &part);
        let wanted = shards.fold(0, |mask: Mask, shard| mask | bit(shard));
        let source = Arc::clone(&self.source);
        Some(Ahead { stripe, state: AheadState::Running(Box::pin(source.fetch(stripe, wanted))) })
    }

    /// Begins the next stripe, so that it is read while this one is sent.
    async fn read_ahead(&mut self) {
        self.ahead = self.begin();
        let Some(ahead) = &mut self.ahead else { return };
        let state = &mut ahead.state;
        poll_fn(|context| {
            if let AheadState::Running(read) = state
                && let Poll::Ready(done) = read.as_mut().poll(context)
            {
                *state = AheadState::Done(done);
            }
            Poll::Ready(())
        })
        .await;
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
