//! The chain of chunk signatures: each covers the SHA-256 of its chunk and the signature before.
//!
//! The chunks of a body are digested side by side, as many at once as have come by then; so a chunk's signature is checked a
//! little after the chunk has ended. What always holds: signatures are checked in order, none is left out, and all are
//! checked before [`Signing::finish`] succeeds. What a body says first is what is wrong with it first: whoever finds
//! another mistake calls [`Signing::settle`] before it is told.

use bytes::Bytes;
use lanes::{Lanes, Message};
use ring::digest;

use super::error::BodyError;
use crate::auth::ChunkSeed;

/// Chunks that wait for one another: as many as the widest vector has lanes.
const CHUNKS_MAX: usize = 16;
/// Bytes of them. They lie in the memory of the stripe that is gathered from them at the same time.
const CHUNKS_BYTES_MAX: usize = 1 << 20;
/// A longer chunk is digested as it comes.
const CHUNK_BYTES_MAX: u64 = 256 << 10;
/// So is a shorter one: it costs little, and what is wrong with a small body is known at once.
const CHUNK_BYTES_MIN: u64 = 8 << 10;

/// Checks the chain.
pub(super) struct Signing {
    seed: ChunkSeed,
    /// Where chunks are digested side by side, if they are.
    lanes: Option<Lanes>,
    waiting: Vec<(Signed, Message)>,
    waiting_bytes: usize,
    signed: Signed,
    /// What has come of the chunk at hand.
    data: Data,
}

/// What a chunk is signed with.
#[derive(Clone, Copy)]
struct Signed {
    /// The chunk's number, from 1.
    number: u64,
    claimed: [u8; 32],
}

enum Data {
    Digested(digest::Context),
    Kept(Message),
}

impl Signing {
    pub(super) fn new(seed: ChunkSeed) -> Self {
        let signed = Signed { number: 0, claimed: [0; 32] };
        let data = Data::Digested(digest::Context::new(&digest::SHA256));
        Self { seed, lanes: None, waiting: Vec::new(), waiting_bytes: 0, signed, data }
    }

    /// Lets chunks wait for one another, where that is better.
    pub(super) fn with_lanes(self, lanes: &Lanes) -> Self {
        let lanes = lanes.gains_sha256_of(CHUNKS_MAX).then(|| lanes.clone());
        Self { lanes, ..self }
    }

    /// A chunk of so many bytes begins.
    pub(super) fn begin(&mut self, number: u64, size: u64, claimed: [u8; 32]) {
        self.signed = Signed { number, claimed };
        let is_kept = self.lanes.is_some() && (CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&size);
        self.data = match is_kept {
            true => Data::Kept(Message::default()),
            false => Data::Digested(digest::Context::new(&digest::SHA256)),
        };
    }

    pub(super) fn update(&mut self, data: &Bytes) {
        match &mut self.data {
            Data::Digested(context) => context.update(data),
            Data::Kept(message) => {
                self.waiting_bytes += data.len();
                message.push(data.clone());
            }
        }
    }

    /// The chunk has all its data.
    pub(super) fn end(&mut self) -> Result<(), BodyError> {
        let none = Data::Digested(digest::Context::new(&digest::SHA256));
        match std::mem::replace(&mut self.data, none) {
            Data::Digested(context) => {
                self.settle()?;
                self.check(self.signed, &sha256_bytes(&context.finish()))
            }
            Data::Kept(message) => {
                self.waiting.push((self.signed, message));
                let is_full = self.waiting.len() >= CHUNKS_MAX || self.waiting_bytes >= CHUNKS_BYTES_MAX;
                if is_full { self.settle() } else { Ok(()) }
            }
        }
    }

    /// Checks the chunks that wait.
    pub(super) fn settle(&mut self) -> Result<(), BodyError> {
        let (signed, messages): (Vec<Signed>, Vec<Message>) = self.waiting.drain(..).unzip();
        self.waiting_bytes = 0;
        for (signed, sha256) in signed.into_iter().zip(self.digests(messages)) {
            self.check(signed, &sha256)?;
        }
        Ok(())
    }

    /// The seed for the trailer, when all chunks are checked.
    pub(super) fn finish(mut self) -> Result<ChunkSeed, BodyError> {
        self.settle()?;
        Ok(self.seed)
    }

    fn digests(&self, messages: Vec<Message>) -> Vec<[u8; 32]> {
        match &self.lanes {
            Some(lanes) if lanes.gains_sha256_of(messages.len()) => lanes.sha256_of(messages),
            _ => messages.iter().map(digest_of).collect(),
        }
    }

    fn check(&mut self, signed: Signed, sha256: &[u8; 32]) -> Result<(), BodyError> {
        self.seed.verify_chunk(sha256, signed.claimed).map_err(|mismatch| BodyError::SignatureMismatch {
            place: format!("chunk {}", signed.number),
            string_to_sign: mismatch.string_to_sign,
        })
    }
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signing").field("seed", &self.seed).finish_non_exhaustive()
    }
}

fn digest_of(message: &Message) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    message.rows().for_each(|row| context.update(row));
    sha256_bytes(&context.finish())
}

/// A digest as bytes.
pub(super) fn sha256_bytes(digest: &digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}
