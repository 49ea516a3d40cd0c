//! Content that differs for every write, so that what is read tells which write it came from.

use bytes::Bytes;
use env::simulated::Generator;
use md5::{Digest, Md5};
use model::etag::ETag;
use object::{ContentDigest, ContentFacts};

/// So many bytes that only this number has, if they are a few at least.
#[must_use]
pub fn content(number: u64, len_bytes: usize) -> Bytes {
    let mut generator = Generator::new(number);
    let words = (0..len_bytes.div_ceil(8)).flat_map(|_| generator.number().to_le_bytes());
    let mut bytes: Vec<u8> = words.collect();
    bytes.truncate(len_bytes);
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
