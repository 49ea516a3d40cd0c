//! Digests of a body while it streams by: one pass, only those that are wanted.

use bytes::Bytes;
use lanes::{Kinds, Lanes, Stream};
use md5::{Digest, Md5};
use model::checksum::ChecksumAlgorithm;
use ring::digest;
use sha1::Sha1;

use super::checksum::{ChecksumValue, crc_of};

/// Bytes that go through all digests before the next ones do, so that they come from the first-level cache but once.
const BLOCK_BYTES: usize = 16 << 10;

/// Which digests to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// For the ETag and for Content-MD5.
    pub md5: bool,
    checksums: [bool; ChecksumAlgorithm::ALL.len()],
}

impl Wanted {
    /// Adds an algorithm.
    pub fn add(&mut self, algorithm: ChecksumAlgorithm) {
        self.checksums[slot(algorithm)] = true;
    }

    /// Whether the algorithm is wanted.
    pub fn has(&self, algorithm: ChecksumAlgorithm) -> bool {
        self.checksums[slot(algorithm)]
    }
}

/// Digests under way.
pub struct Digests {
    md5: Option<Md5>,
    crcs: Vec<(ChecksumAlgorithm, crc_fast::Digest)>,
    sha1: Option<Sha1>,
    sha256: Option<digest::Context>,
}

impl Digests {
    /// Of no data yet.
    pub fn new(wanted: Wanted) -> Self {
        let crc = |algorithm: ChecksumAlgorithm| Some((algorithm, crc_fast::Digest::new(crc_of(algorithm)?)));
        Self {
            md5: wanted.md5.then(Md5::new),
            crcs: ChecksumAlgorithm::ALL
                .into_iter()
                .filter(|algorithm| wanted.has(*algorithm))
                .filter_map(crc)
                .collect(),
            sha1: wanted.has(ChecksumAlgorithm::Sha1).then(Sha1::new),
            sha256: wanted.has(ChecksumAlgorithm::Sha256).then(|| digest::Context::new(&digest::SHA256)),
        }
    }

    /// With one algorithm.
    pub fn of(algorithm: ChecksumAlgorithm) -> Self {
        let mut wanted = Wanted::default();
        wanted.add(algorithm);
        Self::new(wanted)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        for block in data.chunks(BLOCK_BYTES) {
            self.update_block(block);
        }
    }

    /// The values of all data.
    pub fn finish(self) -> DigestValues {
        let sha1 = self.sha1.and_then(|sha1| ChecksumValue::new(ChecksumAlgorithm::Sha1, &sha1.finalize()));
        let sha256 = self
            .sha256
            .and_then(|sha256| ChecksumValue::new(ChecksumAlgorithm::Sha256, sha256.finish().as_ref()));
        let crcs =
            self.crcs.into_iter().map(|(algorithm, crc)| ChecksumValue::of_crc(algorithm, crc.finalize()));
        DigestValues {
            md5: self.md5.map(|md5| md5.finalize().into()),
            checksums: crcs.chain(sha1).chain(sha256).collect(),
        }
    }

    fn update_block(&mut self, block: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(block);
        }
        for (_, crc) in &mut self.crcs {
            crc.update(block);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(block);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(block);
        }
    }
}

/// Digests under way of a body that comes beside others: MD5, and SHA-256 where that is better, are computed together with
/// theirs.
#[derive(Debug)]
pub struct BodyDigests {
    own: Digests,
    shared: Option<Stream>,
}

impl BodyDigests {
    /// Of no data yet.
    pub fn new(mut wanted: Wanted, lanes: &Lanes) -> Self {
        let sha256 = slot(ChecksumAlgorithm::Sha256);
        let kinds = Kinds { md5: wanted.md5, sha256: wanted.checksums[sha256] && lanes.gains_sha256() };
        wanted.md5 = false;
        wanted.checksums[sha256] &= !kinds.sha256;
        let shared = (kinds != Kinds::default()).then(|| lanes.stream(kinds));
        Self { own: Digests::new(wanted), shared }
    }

    /// Takes the next bytes.
    pub async fn update(&mut self, data: &Bytes) {
        self.own.update(data);
        if let Some(shared) = &mut self.shared {
            shared.update(data.clone()).await;
        }
    }

    /// The values of all data.
    pub async fn finish(self) -> DigestValues {
        let mut values = self.own.finish();
        if let Some(shared) = self.shared {
            let shared = shared.finish().await;
            let sha256 = shared.sha256;
            values.md5 = shared.md5;
            values
                .checksums
                .extend(sha256.and_then(|sha256| ChecksumValue::new(ChecksumAlgorithm::Sha256, &sha256)));
        }
        values
    }
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Digests").finish_non_exhaustive()
    }
}

/// What [`Digests`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestValues {
    /// If wanted.
    pub md5: Option<[u8; 16]>,
    /// Those wanted.
    pub checksums: Vec<ChecksumValue>,
}

impl DigestValues {
    /// The checksum of that algorithm, if it was wanted.
    pub fn checksum(&self, algorithm: ChecksumAlgorithm) -> Option<ChecksumValue> {
        self.checksums.iter().copied().find(|checksum| checksum.algorithm() == algorithm)
    }
}

fn slot(algorithm: ChecksumAlgorithm) -> usize {
    match algorithm {
        ChecksumAlgorithm::Crc32 => 0,
        ChecksumAlgorithm::Crc32c => 1,
        ChecksumAlgorithm::Crc64Nvme => 2,
        ChecksumAlgorithm::Sha1 => 3,
        ChecksumAlgorithm::Sha256 => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn everything() -> Wanted {
        let mut wanted = Wanted { md5: true, ..Wanted::default() };
        ChecksumAlgorithm::ALL.into_iter().for_each(|algorithm| wanted.add(algorithm));
        wanted
    }

    #[test]
    fn only_what_is_wanted_is_computed() {
        let values = Digests::new(Wanted::default()).finish();
        assert_eq!(values, DigestValues { md5: None, checksums: vec![] });
        assert_eq!(Digests::new(everything()).finish().checksums.len(), 5);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40_000), 0..4)) {
            let (mut whole, mut split) = (Digests::new(everything()), Digests::new(everything()));
            whole.update(&pieces.concat());
            pieces.iter().for_each(|piece| split.update(piece));
            prop_assert_eq!(whole.finish(), split.finish());
        }
    }
}
