//! Stored checksums in answers, and the checksums that requests state.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use object::{ContentDigest, ContentFacts};

use crate::body::{DigestValues, Digests, Wanted};
use crate::error::{ErrorCode, S3Error};
use crate::generated::{ChecksumAlgorithm as AlgorithmWord, ChecksumType as TypeWord};

/// The text of a checksum: base64, and behind a composite one its number of parts.
pub(crate) fn text(checksum: &Checksum) -> String {
    let mut text = BASE64_STANDARD.encode(&checksum.digest);
    if checksum.kind == ChecksumType::Composite {
        text.push('-');
        text.push_str(&checksum.parts.to_string());
    }
    text
}

/// The word of an algorithm.
pub(crate) fn algorithm_word(algorithm: ChecksumAlgorithm) -> AlgorithmWord {
    match algorithm {
        ChecksumAlgorithm::Crc32 => AlgorithmWord::Crc32,
        ChecksumAlgorithm::Crc32c => AlgorithmWord::Crc32c,
        ChecksumAlgorithm::Crc64Nvme => AlgorithmWord::Crc64nvme,
        ChecksumAlgorithm::Sha1 => AlgorithmWord::Sha1,
        ChecksumAlgorithm::Sha256 => AlgorithmWord::Sha256,
    }
}

/// The word of a type.
pub(crate) fn type_word(kind: ChecksumType) -> TypeWord {
    match kind {
        ChecksumType::FullObject => TypeWord::FullObject,
        ChecksumType::Composite => TypeWord::Composite,
    }
}

/// The type of a word.
pub(crate) fn kind_of(word: TypeWord) -> ChecksumType {
    match word {
        TypeWord::FullObject => ChecksumType::FullObject,
        TypeWord::Composite => ChecksumType::Composite,
    }
}

/// The algorithm of a word.
///
/// # Errors
/// `InvalidRequest` for those that are not served.
pub(crate) fn algorithm(word: AlgorithmWord) -> Result<ChecksumAlgorithm, S3Error> {
    ChecksumAlgorithm::from_name(word.as_str()).ok_or_else(|| {
        let message = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                       [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
        S3Error::with_message(ErrorCode::InvalidRequest, message)
    })
}

/// Puts the text of a checksum into the field of its algorithm.
macro_rules! show_checksum_value {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let text = Some($crate::checksum_headers::text(checksum));
            match checksum.algorithm {
                model::checksum::ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
                model::checksum::ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
                model::checksum::ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
                model::checksum::ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
                model::checksum::ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
            }
        }
    };
}
pub(crate) use show_checksum_value;

/// The same, and the type.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {{
        let checksum: Option<&model::checksum::Checksum> = $checksum;
        $crate::checksum_headers::show_checksum_value!($output, checksum);
        $output.checksum_type = checksum.map(|checksum| $crate::checksum_headers::type_word(checksum.kind));
    }};
}
pub(crate) use show_checksum;

/// The checksums that a structure states, as they were sent.
macro_rules! stated_checksums {
    ($input:expr) => {
        [
            (model::checksum::ChecksumAlgorithm::Crc32, $input.checksum_crc32.as_deref()),
            (model::checksum::ChecksumAlgorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            (model::checksum::ChecksumAlgorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            (model::checksum::ChecksumAlgorithm::Sha1, $input.checksum_sha1.as_deref()),
            (model::checksum::ChecksumAlgorithm::Sha256, $input.checksum_sha256.as_deref()),
        ]
    };
}
pub(crate) use stated_checksums;

/// What an object or part is stored with: its MD5, and the checksum of that algorithm.
pub(crate) fn facts(digests: &DigestValues, algorithm: ChecksumAlgorithm) -> Result<ContentFacts, S3Error> {
    // Both were wanted: their absence is a defect of this program.
    let md5 = digests.md5.ok_or_else(|| S3Error::new(ErrorCode::InternalError))?;
    Ok(ContentFacts { md5, checksum: digests.checksum(algorithm).map(|value| value.to_stored()) })
}

/// Digests of a copy.
pub(crate) struct CopyDigest {
    digests: Digests,
    algorithm: ChecksumAlgorithm,
}

impl CopyDigest {
    pub(crate) fn boxed(algorithm: ChecksumAlgorithm) -> Box<dyn ContentDigest> {
        let mut wanted = Wanted::default();
        wanted.md5 = true;
        wanted.add(algorithm);
        Box::new(Self { digests: Digests::new(wanted), algorithm })
    }
}

impl ContentDigest for CopyDigest {
    fn update(&mut self, bytes: &[u8]) {
        self.digests.update(bytes);
    }

    fn finish(self: Box<Self>) -> ContentFacts {
        let found = self.digests.finish();
        let checksum = found.checksum(self.algorithm).map(|value| value.to_stored());
        ContentFacts { md5: found.md5.unwrap_or_default(), checksum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::GetObjectOutput;

    #[test]
    fn a_composite_checksum_shows_its_parts() {
        let mut checksum = Checksum::full(ChecksumAlgorithm::Crc32, vec![0, 0, 0, 1]);
        assert_eq!(text(&checksum), "AAAAAQ==");
        checksum.kind = ChecksumType::Composite;
        checksum.parts = 3;
        assert_eq!(text(&checksum), "AAAAAQ==-3");
        let mut output = GetObjectOutput::default();
        show_checksum!(output, Some(&checksum));
        assert_eq!(output.checksum_crc32.as_deref(), Some("AAAAAQ==-3"));
        assert_eq!(output.checksum_type, Some(TypeWord::Composite));
    }

    #[test]
    fn every_algorithm_has_its_word() {
        for found in ChecksumAlgorithm::ALL {
            assert_eq!(algorithm(algorithm_word(found)), Ok(found));
        }
        assert_eq!(algorithm(AlgorithmWord::Xxhash3).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn a_copy_is_digested_like_an_upload() {
        let mut digest = CopyDigest::boxed(ChecksumAlgorithm::Crc64Nvme);
        digest.update(b"12345");
        digest.update(b"6789");
        let facts = digest.finish();
        assert_eq!(hex::encode(facts.md5), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(text(&facts.checksum.unwrap()), "rosUhgp5mIg=");
    }
}
