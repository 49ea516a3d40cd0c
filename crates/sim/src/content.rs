//! Content that differs for every write, so that what is read tells which write it came from.

use std::sync::OnceLock;

use bytes::Bytes;
use env::simulated::Generator;
use md5::{Digest, Md5};
use model::etag::ETag;
use object::{ContentDigest, ContentFacts};

/// All content is cut out of one long random run.
const RUN_BYTES: usize = 16 << 20;

/// How the runs of all seeds begin to be filled.
const RUN_SEED: u64 = 1;

/// So many bytes that only this number has.
#[must_use]
pub fn content(number: u64, len_bytes: usize) -> Bytes {
    // Filled once and never changed: all threads may read it.
    static RUN: OnceLock<Bytes> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let mut generator = Generator::new(RUN_SEED);
        (0..RUN_BYTES / 8).flat_map(|_| generator.number().to_le_bytes()).collect()
    });
    let start = Generator::new(number).below((RUN_BYTES - len_bytes) as u64) as usize;
    let mut bytes = run.slice(start..start + len_bytes).to_vec();
    for (byte, of_number) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = of_number;
    }
    bytes.into()
}

/// What a client knows of its content.
#[must_use]
pub fn facts(bytes: &[u8]) -> ContentFacts {
    ContentFacts { md5: Md5::digest(bytes).into(), checksum: None }
}

/// The ETag of content put in one piece.
#[must_use]
pub fn etag(bytes: &[u8]) -> ETag {
    ETag::single(Md5::digest(bytes).into())
}

/// The ETag of an object completed from parts with these.
#[must_use]
pub fn etag_of_parts(parts: &[ETag]) -> ETag {
    let digests: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
    ETag { md5: Md5::digest(digests).into(), parts: parts.len() as u16 }
}

/// Computes MD5 while content is copied.
#[derive(Default)]
pub struct Digesting(Md5);

impl ContentDigest for Digesting {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> ContentFacts {
        ContentFacts { md5: self.0.finalize().into(), checksum: None }
    }
}
