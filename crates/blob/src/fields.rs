//! Fields of fixed-width formats: little-endian, one after the other. Reading is total, writing fills exactly.

use twox_hash::XxHash3_64;

use crate::error::FormatError;

/// Bytes of the checksum that ends a header.
pub(crate) const CHECKSUM_BYTES: usize = 8;

/// Reads the fields of a part.
pub(crate) struct FieldsIn<'a> {
    part: &'static str,
    rest: &'a [u8],
}

impl<'a> FieldsIn<'a> {
    pub(crate) fn new(part: &'static str, bytes: &'a [u8]) -> Self {
        FieldsIn { part, rest: bytes }
    }

    /// Over a header of `len` bytes that ends in its checksum, from its mark and version on.
    pub(crate) fn checked(
        part: &'static str,
        bytes: &'a [u8],
        len: usize,
        magic: [u8; 4],
        version: u8,
    ) -> Result<Self, FormatError> {
        let mut fields = Self::marked(part, bytes, len, magic, version)?;
        let whole = bytes.get(..len).unwrap_or_default();
        let (body, sum) = whole.split_at(len - CHECKSUM_BYTES);
        if sum != XxHash3_64::oneshot(body).to_le_bytes() {
            return Err(FormatError::Checksum { part });
        }
        fields.rest = fields.rest.get(..len - 5).unwrap_or_default();
        Ok(fields)
    }

    /// Over a header of `len` bytes whose checksum the caller checks, from its mark and version on.
    pub(crate) fn marked(
        part: &'static str,
        bytes: &'a [u8],
        len: usize,
        magic: [u8; 4],
        version: u8,
    ) -> Result<Self, FormatError> {
        if bytes.len() < len {
            return Err(FormatError::Cut { part });
        }
        let mut fields = Self::new(part, bytes);
        if fields.fixed::<4>()? != magic {
            return Err(FormatError::NoMagic { part });
        }
        let found = fields.u8()?;
        if found > version {
            return Err(FormatError::Newer { part, found, known: version });
        }
        if found == 0 {
            return Err(fields.impossible("version"));
        }
        Ok(fields)
    }

    pub(crate) fn impossible(&self, field: &'static str) -> FormatError {
        FormatError::Impossible { part: self.part, field }
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(FormatError::Cut { part: self.part })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, FormatError> {
        self.fixed().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.fixed().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.fixed().map(u64::from_le_bytes)
    }
}

/// Writes fields into a header of known length.
pub(crate) struct FieldsOut<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> FieldsOut<N> {
    pub(crate) fn new(magic: [u8; 4], version: u8) -> Self {
        FieldsOut { bytes: [0; N], at: 0 }.fixed(&magic).fixed(&[version])
    }

    #[must_use]
    pub(crate) fn fixed(mut self, field: &[u8]) -> Self {
        let (_, rest) = self.bytes.split_at_mut(self.at);
        let (place, _) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        self.at += field.len();
        self
    }

    #[must_use]
    pub(crate) fn u8(self, value: u8) -> Self {
        self.fixed(&[value])
    }

    #[must_use]
    pub(crate) fn u16(self, value: u16) -> Self {
        self.fixed(&value.to_le_bytes())
    }

    #[must_use]
    pub(crate) fn u32(self, value: u32) -> Self {
        self.fixed(&value.to_le_bytes())
    }

    #[must_use]
    pub(crate) fn u64(self, value: u64) -> Self {
        self.fixed(&value.to_le_bytes())
    }

    /// The fields written so far.
    pub(crate) fn so_far(&self) -> &[u8] {
        self.bytes.split_at(self.at).0
    }

    /// Ends with the checksum of all before; what lies between is zero.
    pub(crate) fn checksummed(mut self) -> [u8; N] {
        assert!(self.at + CHECKSUM_BYTES <= N, "the fields leave room for the checksum");
        self.at = N - CHECKSUM_BYTES;
        let sum = XxHash3_64::oneshot(self.bytes.split_at(self.at).0);
        self.u64(sum).bytes
    }

    /// Ends where the fields fill the header.
    pub(crate) fn full(self) -> [u8; N] {
        assert_eq!(self.at, N, "the fields fill the header");
        self.bytes
    }
}
