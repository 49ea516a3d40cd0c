//! Checksums of objects and parts as values: their names, their base64 form, and how those of parts become those of objects.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use model::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};

use super::digest::Digests;

/// The header or trailer that carries a value, in lower case.
pub fn header_of(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

/// The algorithm of a header or trailer.
pub fn algorithm_of(header: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::ALL.into_iter().find(|algorithm| header_of(*algorithm).eq_ignore_ascii_case(header))
}

/// The type that a multipart upload gets when it names none.
pub fn type_default(algorithm: ChecksumAlgorithm) -> ChecksumType {
    if algorithm == ChecksumAlgorithm::Crc64Nvme { ChecksumType::FullObject } else { ChecksumType::Composite }
}

/// Whether a multipart upload may have this type: only CRCs can be combined, and CRC64NVME always is.
pub fn has_type(algorithm: ChecksumAlgorithm, kind: ChecksumType) -> bool {
    match kind {
        ChecksumType::Composite => algorithm != ChecksumAlgorithm::Crc64Nvme,
        ChecksumType::FullObject => crc_of(algorithm).is_some(),
    }
}

pub(super) fn crc_of(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

/// The value of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChecksumValue {
    algorithm: ChecksumAlgorithm,
    /// As many as the algorithm gives, then zeros.
    bytes: [u8; 32],
}

impl ChecksumValue {
    /// A value of that algorithm; none if the number of bytes is not the algorithm's.
    pub fn new(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Option<Self> {
        let mut value = Self { algorithm, bytes: [0; 32] };
        value
            .bytes
            .get_mut(..algorithm.digest_bytes())
            .filter(|slot| slot.len() == bytes.len())?
            .copy_from_slice(bytes);
        Some(value)
    }

    /// Reads the base64 form.
    pub fn from_base64(algorithm: ChecksumAlgorithm, text: &str) -> Option<Self> {
        Self::new(algorithm, &BASE64_STANDARD.decode(text).ok()?)
    }

    /// Of which algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The bytes, CRCs with the highest first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_bytes()]
    }

    /// The form of headers and XML.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.as_bytes())
    }

    /// As it is stored, of a whole content.
    pub fn to_stored(&self) -> Checksum {
        Checksum::full(self.algorithm, self.as_bytes().to_vec())
    }

    pub(super) fn of_crc(algorithm: ChecksumAlgorithm, crc: u64) -> Self {
        let mut value = Self { algorithm, bytes: [0; 32] };
        let size = algorithm.digest_bytes().min(8);
        value.bytes[..size].copy_from_slice(&crc.to_be_bytes()[8 - size..]);
        value
    }

    fn as_crc(&self) -> u64 {
        self.as_bytes().iter().fold(0, |crc, byte| crc << 8 | u64::from(*byte))
    }
}

/// The checksum of an object as headers show it: `base64`, or `base64-N` where it covers the checksums of N parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectChecksum {
    /// The value.
    pub checksum: ChecksumValue,
    /// The number of parts of a composite one.
    pub parts: Option<u16>,
}

impl ObjectChecksum {
    /// Of the checksums of all parts in their order; none if one is of another algorithm or there are too many.
    pub fn composite(algorithm: ChecksumAlgorithm, parts: &[ChecksumValue]) -> Option<Self> {
        let mut digests = Digests::of(algorithm);
        for part in parts {
            if part.algorithm != algorithm {
                return None;
            }
            digests.update(part.as_bytes());
        }
        let checksum = digests.finish().checksum(algorithm)?;
        Some(Self { checksum, parts: Some(u16::try_from(parts.len()).ok()?) })
    }

    /// Of the whole data, from the CRCs of all parts and their lengths in bytes; none for SHA, or if one is of another algorithm.
    pub fn full_object(algorithm: ChecksumAlgorithm, parts: &[(ChecksumValue, u64)]) -> Option<Self> {
        let crc_algorithm = crc_of(algorithm)?;
        let mut crc = Digests::of(algorithm).finish().checksum(algorithm)?.as_crc();
        for (part, length) in parts {
            if part.algorithm != algorithm {
                return None;
            }
            crc = crc_fast::checksum_combine(crc_algorithm, crc, part.as_crc(), *length);
        }
        Some(Self { checksum: ChecksumValue::of_crc(algorithm, crc), parts: None })
    }

    /// Reads `base64` or `base64-N`.
    pub fn parse(algorithm: ChecksumAlgorithm, text: &str) -> Option<Self> {
        let (value, parts) = match text.split_once('-') {
            Some((value, parts)) if parts.bytes().all(|byte| byte.is_ascii_digit()) => {
                (value, Some(parts.parse().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        Some(Self { checksum: ChecksumValue::from_base64(algorithm, value)?, parts })
    }
}

/// As it is stored.
impl From<ObjectChecksum> for Checksum {
    fn from(value: ObjectChecksum) -> Self {
        let kind = if value.parts.is_some() { ChecksumType::Composite } else { ChecksumType::FullObject };
        Self {
            algorithm: value.checksum.algorithm,
            kind,
            digest: value.checksum.as_bytes().to_vec(),
            parts: value.parts.unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for ObjectChecksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.checksum.to_base64())?;
        self.parts.map_or(Ok(()), |parts| write!(formatter, "-{parts}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(algorithm: ChecksumAlgorithm, data: &[u8]) -> ChecksumValue {
        let mut digests = Digests::of(algorithm);
        digests.update(data);
        digests.finish().checksum(algorithm).unwrap()
    }

    #[test]
    fn known_values_come_out() {
        for (algorithm, value) in [
            (ChecksumAlgorithm::Crc32, "y/Q5Jg=="),
            (ChecksumAlgorithm::Crc32c, "4waSgw=="),
            (ChecksumAlgorithm::Crc64Nvme, "rosUhgp5mIg="),
            (ChecksumAlgorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (ChecksumAlgorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            assert_eq!(of(algorithm, b"123456789").to_base64(), value, "{algorithm:?}");
            assert_eq!(ChecksumValue::from_base64(algorithm, value), Some(of(algorithm, b"123456789")));
        }
    }

    /// The values that AWS gives for three parts of 5 MiB: all A, all B, all C.
    #[test]
    fn parts_of_aws_give_the_objects_of_aws() {
        let parts: Vec<Vec<u8>> = [b'A', b'B', b'C'].map(|byte| vec![byte; 5 << 20]).into();
        let composite = |algorithm| {
            let checksums: Vec<_> = parts.iter().map(|part| of(algorithm, part)).collect();
            ObjectChecksum::composite(algorithm, &checksums).unwrap().to_string()
        };
        assert_eq!(composite(ChecksumAlgorithm::Sha256), "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3");
        assert_eq!(composite(ChecksumAlgorithm::Sha1), "sizjvY4eud3MrcHdZM3cQ/ol39o=-3");
        let crcs: Vec<_> =
            parts.iter().map(|part| (of(ChecksumAlgorithm::Crc32c, part), part.len() as u64)).collect();
        assert_eq!(crcs[0].0.to_base64(), "MDaLrw==");
        assert_eq!(
            ObjectChecksum::full_object(ChecksumAlgorithm::Crc32c, &crcs).unwrap().to_string(),
            "xU+Krw=="
        );
    }

    #[test]
    fn object_checksums_are_read_back() {
        let text = "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3";
        assert_eq!(ObjectChecksum::parse(ChecksumAlgorithm::Sha256, text).unwrap().to_string(), text);
        for text in ["bad", "xU+Krw==-", "xU+Krw==-x", "xU+Krw==--1", "xU+K"] {
            assert_eq!(ObjectChecksum::parse(ChecksumAlgorithm::Crc32c, text), None, "{text}");
        }
    }

    #[test]
    fn types_fit_algorithms_as_in_s3() {
        assert!(
            !has_type(ChecksumAlgorithm::Sha1, ChecksumType::FullObject)
                && !has_type(ChecksumAlgorithm::Sha256, ChecksumType::FullObject)
        );
        assert!(
            !has_type(ChecksumAlgorithm::Crc64Nvme, ChecksumType::Composite)
                && has_type(ChecksumAlgorithm::Crc32, ChecksumType::Composite)
        );
        assert!(
            ChecksumAlgorithm::ALL.into_iter().all(|algorithm| has_type(algorithm, type_default(algorithm)))
        );
    }

    proptest! {
        #[test]
        fn combined_crcs_are_those_of_the_whole(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6)) {
            for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme] {
                let crcs: Vec<_> = parts.iter().map(|part| (of(algorithm, part), part.len() as u64)).collect();
                let whole = of(algorithm, &parts.concat());
                prop_assert_eq!(ObjectChecksum::full_object(algorithm, &crcs).unwrap().checksum, whole);
            }
        }
    }
}
