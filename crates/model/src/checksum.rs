//! The checksums that S3 clients send and ask back (AWS: "Checking object integrity").

use crate::record::{Decoder, Encoder, RecordError};

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32 = 1,
    /// CRC-32C (Castagnoli).
    Crc32c = 2,
    /// CRC-64/NVME.
    Crc64Nvme = 3,
    /// SHA-1.
    Sha1 = 4,
    /// SHA-256.
    Sha256 = 5,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [ChecksumAlgorithm; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Its name in `x-amz-checksum-algorithm` and in XML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// By its name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Width of a digest in bytes.
    #[must_use]
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| *algorithm as u8 == code)
    }
}

/// What the checksum of a multipart object is the checksum of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChecksumType {
    /// Of the whole content.
    FullObject = 0,
    /// Of the concatenated checksums of the parts; shown with `-N`.
    Composite = 1,
}

impl ChecksumType {
    /// Its name in `x-amz-checksum-type` and in XML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        match input.u8()? {
            0 => Ok(ChecksumType::FullObject),
            1 => Ok(ChecksumType::Composite),
            _ => Err(input.impossible("checksum type")),
        }
    }
}

/// A checksum that was asked for, before there is a digest.
pub type AskedChecksum = (ChecksumAlgorithm, ChecksumType);

/// A stored checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// By which algorithm.
    pub algorithm: ChecksumAlgorithm,
    /// Of what.
    pub kind: ChecksumType,
    /// The digest, [`ChecksumAlgorithm::digest_bytes`] long, big-endian for CRCs.
    pub digest: Vec<u8>,
    /// The parts behind a composite checksum; 0 otherwise.
    pub parts: u16,
}

impl Checksum {
    /// Of a whole content.
    #[must_use]
    pub fn full(algorithm: ChecksumAlgorithm, digest: Vec<u8>) -> Self {
        Checksum { algorithm, kind: ChecksumType::FullObject, digest, parts: 0 }
    }

    /// Writes its fields.
    pub fn encode_fields(&self, out: &mut Encoder) {
        out.u8(self.algorithm as u8);
        out.u8(self.kind as u8);
        out.varint(u64::from(self.parts));
        out.bytes(&self.digest);
    }

    /// Reads its fields.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let algorithm = ChecksumAlgorithm::from_code(input.u8()?)
            .ok_or_else(|| input.impossible("checksum algorithm"))?;
        let kind = ChecksumType::decode(input)?;
        let parts = input.number("part count")?;
        let digest = input.bytes()?.to_vec();
        if digest.len() != algorithm.digest_bytes() {
            return Err(input.impossible("checksum digest"));
        }
        Ok(Checksum { algorithm, kind, digest, parts })
    }
}

/// Writes what was asked for, if anything was: 0, or algorithm and type.
pub(crate) fn encode_asked(asked: Option<AskedChecksum>, out: &mut Encoder) {
    match asked {
        None => out.u8(0),
        Some((algorithm, kind)) => {
            out.u8(algorithm as u8);
            out.u8(kind as u8);
        }
    }
}

/// Reads what [`encode_asked`] wrote.
pub(crate) fn decode_asked(input: &mut Decoder<'_>) -> Result<Option<AskedChecksum>, RecordError> {
    let code = input.u8()?;
    if code == 0 {
        return Ok(None);
    }
    let algorithm =
        ChecksumAlgorithm::from_code(code).ok_or_else(|| input.impossible("checksum algorithm"))?;
    Ok(Some((algorithm, ChecksumType::decode(input)?)))
}

/// Writes an optional checksum: 0, or 1 and its fields.
pub fn encode_optional(checksum: Option<&Checksum>, out: &mut Encoder) {
    out.u8(u8::from(checksum.is_some()));
    if let Some(checksum) = checksum {
        checksum.encode_fields(out);
    }
}

/// Reads what [`encode_optional`] wrote.
///
/// # Errors
/// Where the bytes are none.
pub fn decode_optional(input: &mut Decoder<'_>) -> Result<Option<Checksum>, RecordError> {
    match input.u8()? {
        0 => Ok(None),
        1 => Checksum::decode_fields(input).map(Some),
        _ => Err(input.impossible("presence")),
    }
}
