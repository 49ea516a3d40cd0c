//! Checksums of objects and parts as values: their names, their base64 form, and how those of parts become those of objects.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

use super::digest::Digests;

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 of ISO/HDLC, as in zip.
    Crc32,
    /// CRC-32 of Castagnoli.
    Crc32c,
    /// CRC-64 of NVMe: what S3 computes when it is asked for none.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name in `x-amz-checksum-algorithm` and in XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries a value, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Reads a name in any case: SDKs write both.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm of a header or trailer.
    pub fn from_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header))
    }

    /// Bytes of a value.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The type that a multipart upload gets when it names none.
    pub fn type_default(self) -> ChecksumType {
        if self == Self::Crc64Nvme { ChecksumType::FullObject } else { ChecksumType::Composite }
    }

    /// Whether a multipart upload may have this type: only CRCs can be combined, and CRC64NVME always is.
    pub fn has_type(self, kind: ChecksumType) -> bool {
        match kind {
            ChecksumType::Composite => self != Self::Crc64Nvme,
            ChecksumType::FullObject => self.crc().is_some(),
        }
    }

    pub(super) fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// What the checksum of a multipart object covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// The checksums of the parts, one after the other.
    Composite,
    /// The data.
    FullObject,
}

impl ChecksumType {
    /// The name in `x-amz-checksum-type` and in XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Composite, Self::FullObject].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// The value of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    /// As many as the algorithm gives, then zeros.
    bytes: [u8; 32],
}

impl Checksum {
    /// A value of that algorithm; none if the number of bytes is not the algorithm's.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let mut value = Self { algorithm, bytes: [0; 32] };
        value
            .bytes
            .get_mut(..algorithm.size_bytes())
            .filter(|slot| slot.len() == bytes.len())?
            .copy_from_slice(bytes);
        Some(value)
    }

    /// Reads the base64 form.
    pub fn from_base64(algorithm: Algorithm, text: &str) -> Option<Self> {
        Self::new(algorithm, &BASE64_STANDARD.decode(text).ok()?)
    }

    /// Of which algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, CRCs with the highest first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size_bytes()]
    }

    /// The form of headers and XML.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.as_bytes())
    }

    pub(super) fn of_crc(algorithm: Algorithm, crc: u64) -> Self {
        let mut value = Self { algorithm, bytes: [0; 32] };
        let size = algorithm.size_bytes().min(8);
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
    pub checksum: Checksum,
    /// The number of parts of a composite one.
    pub parts: Option<u32>,
}

impl ObjectChecksum {
    /// Of the checksums of all parts in their order; none if one is of another algorithm or there are too many.
    pub fn composite(algorithm: Algorithm, parts: &[Checksum]) -> Option<Self> {
        let mut digests = Digests::of(algorithm);
        for part in parts {
            if part.algorithm != algorithm {
                return None;
            }
            digests.update(part.as_bytes());
        }
        let checksum = digests.finish().checksum(algorithm)?;
        Some(Self { checksum, parts: Some(u32::try_from(parts.len()).ok()?) })
    }

    /// Of the whole data, from the CRCs of all parts and their lengths in bytes; none for SHA, or if one is of another algorithm.
    pub fn full_object(algorithm: Algorithm, parts: &[(Checksum, u64)]) -> Option<Self> {
        let crc_algorithm = algorithm.crc()?;
        let mut crc = Digests::of(algorithm).finish().checksum(algorithm)?.as_crc();
        for (part, length) in parts {
            if part.algorithm != algorithm {
                return None;
            }
            crc = crc_fast::checksum_combine(crc_algorithm, crc, part.as_crc(), *length);
        }
        Some(Self { checksum: Checksum::of_crc(algorithm, crc), parts: None })
    }

    /// Reads `base64` or `base64-N`.
    pub fn parse(algorithm: Algorithm, text: &str) -> Option<Self> {
        let (value, parts) = match text.split_once('-') {
            Some((value, parts)) if parts.bytes().all(|byte| byte.is_ascii_digit()) => {
                (value, Some(parts.parse().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        Some(Self { checksum: Checksum::from_base64(algorithm, value)?, parts })
    }
}

impl std::fmt::Display for ObjectChecksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.checksum.to_base64())?;
        self.parts.map_or(Ok(()), |parts| write!(formatter, "-{parts}"))
    }
}

/// The ETag of a multipart object, without quotes: the MD5 of the MD5s of its parts, and their number.
pub fn multipart_etag(parts: &[[u8; 16]]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(algorithm: Algorithm, data: &[u8]) -> Checksum {
        let mut digests = Digests::of(algorithm);
        digests.update(data);
        digests.finish().checksum(algorithm).unwrap()
    }

    #[test]
    fn known_values_come_out() {
        for (algorithm, value) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            assert_eq!(of(algorithm, b"123456789").to_base64(), value, "{algorithm:?}");
            assert_eq!(Checksum::from_base64(algorithm, value), Some(of(algorithm, b"123456789")));
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
        assert_eq!(composite(Algorithm::Sha256), "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3");
        assert_eq!(composite(Algorithm::Sha1), "sizjvY4eud3MrcHdZM3cQ/ol39o=-3");
        let crcs: Vec<_> =
            parts.iter().map(|part| (of(Algorithm::Crc32c, part), part.len() as u64)).collect();
        assert_eq!(crcs[0].0.to_base64(), "MDaLrw==");
        assert_eq!(ObjectChecksum::full_object(Algorithm::Crc32c, &crcs).unwrap().to_string(), "xU+Krw==");
    }

    #[test]
    fn object_checksums_are_read_back() {
        let text = "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3";
        assert_eq!(ObjectChecksum::parse(Algorithm::Sha256, text).unwrap().to_string(), text);
        for text in ["bad", "xU+Krw==-", "xU+Krw==-x", "xU+Krw==--1", "xU+K"] {
            assert_eq!(ObjectChecksum::parse(Algorithm::Crc32c, text), None, "{text}");
        }
    }

    #[test]
    fn types_fit_algorithms_as_in_s3() {
        assert!(
            !Algorithm::Sha1.has_type(ChecksumType::FullObject)
                && !Algorithm::Sha256.has_type(ChecksumType::FullObject)
        );
        assert!(
            !Algorithm::Crc64Nvme.has_type(ChecksumType::Composite)
                && Algorithm::Crc32.has_type(ChecksumType::Composite)
        );
        assert!(Algorithm::ALL.into_iter().all(|algorithm| algorithm.has_type(algorithm.type_default())));
    }

    #[test]
    fn the_multipart_etag_is_the_md5_of_md5s() {
        let parts = [[0x11; 16], [0x22; 16]];
        let expected = hex::encode(Md5::digest(parts.concat()));
        assert_eq!(multipart_etag(&parts), format!("{expected}-2"));
    }

    proptest! {
        #[test]
        fn combined_crcs_are_those_of_the_whole(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6)) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let crcs: Vec<_> = parts.iter().map(|part| (of(algorithm, part), part.len() as u64)).collect();
                let whole = of(algorithm, &parts.concat());
                prop_assert_eq!(ObjectChecksum::full_object(algorithm, &crcs).unwrap().checksum, whole);
            }
        }
    }
}
