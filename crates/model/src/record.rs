//! The one encoding of everything that is persisted: a version byte, then the fields in their order.
//!
//! Invariants:
//! - A record that was ever written can be read by every later release: a type that changes gets the next
//!   [`Record::VERSION`] and an [`Record::upgrade`] from its predecessor.
//! - Decoding is total: any bytes give a value or a [`RecordError`], never a panic, and never more memory than the input.
//! - Integers are LEB128 (`u64`) or little-endian where the width is fixed; byte strings are length-prefixed.
//!
//! Drawn to the byte in `docs/formats/records.md`.

use thiserror::Error;

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes end within a field.
    #[error("{record} is cut short at byte {at}")]
    Cut {
        /// Which record.
        record: &'static str,
        /// Offset of the field that is incomplete.
        at: usize,
    },
    /// A field holds a value that no release writes.
    #[error("{record} holds an impossible {field} at byte {at}")]
    Impossible {
        /// Which record.
        record: &'static str,
        /// Which field.
        field: &'static str,
        /// Its offset.
        at: usize,
    },
    /// Written by a newer release.
    #[error(
        "{record} has version {found}, but this release reads up to {known}: start a release that knows it"
    )]
    Newer {
        /// Which record.
        record: &'static str,
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// Bytes are left after the last field.
    #[error("{record} is followed by {bytes} stray bytes")]
    Trailing {
        /// Which record.
        record: &'static str,
        /// How many.
        bytes: usize,
    },
}

/// Something persisted, with a version and a way up from the version before.
pub trait Record: Sized {
    /// The name in errors.
    const NAME: &'static str;
    /// The version that [`Record::encode`] writes; starts at 1.
    const VERSION: u8;
    /// The version before; [`NoPrevious`] for the first.
    type Previous: Record;

    /// The same thing, from the version before.
    fn upgrade(previous: Self::Previous) -> Self;
    /// Writes the fields, without the version byte.
    fn encode_fields(&self, out: &mut Encoder);
    /// Reads the fields that [`Record::encode_fields`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not such fields.
    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError>;

    /// Version byte and fields.
    fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.u8(Self::VERSION);
        self.encode_fields(&mut out);
        out.finish()
    }

    /// Reads what this or an earlier release wrote.
    ///
    /// # Errors
    /// Where the bytes are no record of this type, or one of a newer release.
    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let Some((&version, fields)) = bytes.split_first() else {
            return Err(RecordError::Cut { record: Self::NAME, at: 0 });
        };
        if version > Self::VERSION {
            return Err(RecordError::Newer { record: Self::NAME, found: version, known: Self::VERSION });
        }
        if version < Self::VERSION {
            return Self::Previous::decode(bytes).map(Self::upgrade);
        }
        let mut input = Decoder::new(Self::NAME, fields);
        let value = Self::decode_fields(&mut input)?;
        input.finish()?;
        Ok(value)
    }
}

/// What stands before the first version: nothing. It can't be made and is never read.
#[derive(Debug)]
pub enum NoPrevious {}

impl Record for NoPrevious {
    const NAME: &'static str = "record";
    const VERSION: u8 = 0;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        previous
    }

    fn encode_fields(&self, _out: &mut Encoder) {}

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Err(input.impossible("version"))
    }

    fn decode(_bytes: &[u8]) -> Result<Self, RecordError> {
        Err(RecordError::Impossible { record: Self::NAME, field: "version", at: 0 })
    }
}

/// Writes fields.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// LEB128: seven bits a byte, least significant first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A signed number as zigzag LEB128.
    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes of a width that both sides know.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Length as LEB128, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.fixed(bytes);
    }

    /// As [`Encoder::bytes`], of UTF-8.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// 0, or 1 and the text.
    pub fn optional_text(&mut self, text: Option<&str>) {
        self.u8(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// A record inside a record: length, version byte, fields.
    pub fn record<R: Record>(&mut self, record: &R) {
        self.bytes(&record.encode());
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads fields; every read says where it stood when it fails.
#[derive(Debug)]
pub struct Decoder<'a> {
    record: &'static str,
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Over the fields of a record named `record`.
    #[must_use]
    pub fn new(record: &'static str, bytes: &'a [u8]) -> Self {
        Decoder { record, whole: bytes.len(), rest: bytes }
    }

    fn at(&self) -> usize {
        self.whole - self.rest.len()
    }

    fn cut(&self) -> RecordError {
        RecordError::Cut { record: self.record, at: self.at() }
    }

    /// The error for a field whose value no release writes.
    #[must_use]
    pub fn impossible(&self, field: &'static str) -> RecordError {
        RecordError::Impossible { record: self.record, field, at: self.at() }
    }

    /// One byte.
    ///
    /// # Errors
    /// Where there is none.
    pub fn u8(&mut self) -> Result<u8, RecordError> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(first)
    }

    /// A LEB128 number.
    ///
    /// # Errors
    /// Where it is cut short, does not fit 64 bits, or is longer than it need be: a record has one spelling.
    pub fn varint(&mut self) -> Result<u64, RecordError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if (shift == 63 && byte > 1) || (shift > 0 && byte == 0) {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.impossible("number"))
    }

    /// A number that must fit `T`.
    ///
    /// # Errors
    /// Where it does not.
    pub fn number<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, RecordError> {
        let value = self.varint()?;
        T::try_from(value).map_err(|_| self.impossible(field))
    }

    /// A zigzag LEB128 number.
    ///
    /// # Errors
    /// As [`Decoder::varint`].
    pub fn signed(&mut self) -> Result<i64, RecordError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Bytes of a known width.
    ///
    /// # Errors
    /// Where fewer are left.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(*head)
    }

    /// Length-prefixed bytes.
    ///
    /// # Errors
    /// Where fewer are left than the length says.
    pub fn bytes(&mut self) -> Result<&'a [u8], RecordError> {
        let len: usize = self.number("length")?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(head)
    }

    /// Length-prefixed UTF-8.
    ///
    /// # Errors
    /// Where it is cut or not UTF-8.
    pub fn text(&mut self) -> Result<String, RecordError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.impossible("text"))
    }

    /// As [`Encoder::optional_text`] writes it.
    ///
    /// # Errors
    /// As [`Decoder::text`].
    pub fn optional_text(&mut self) -> Result<Option<String>, RecordError> {
        match self.u8()? {
            0 => Ok(None),
            1 => self.text().map(Some),
            _ => Err(self.impossible("presence")),
        }
    }

    /// A record inside a record.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn record<R: Record>(&mut self) -> Result<R, RecordError> {
        R::decode(self.bytes()?)
    }

    /// How many elements follow, where each takes at least one byte: bounds what a caller may allocate.
    ///
    /// # Errors
    /// Where more are announced than bytes are left.
    pub fn count(&mut self) -> Result<usize, RecordError> {
        let count: usize = self.number("count")?;
        if count > self.rest.len() {
            return Err(self.impossible("count"));
        }
        Ok(count)
    }

    /// Ends the record.
    ///
    /// # Errors
    /// Where bytes are left.
    pub fn finish(self) -> Result<(), RecordError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(RecordError::Trailing { record: self.record, bytes: self.rest.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq)]
    struct First(u64);
    #[derive(Debug, PartialEq)]
    struct Second {
        number: u64,
        name: Option<String>,
    }

    impl Record for First {
        const NAME: &'static str = "sample";
        const VERSION: u8 = 1;
        type Previous = NoPrevious;
        fn upgrade(previous: NoPrevious) -> Self {
            match previous {}
        }
        fn encode_fields(&self, out: &mut Encoder) {
            out.varint(self.0);
        }
        fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
            input.varint().map(First)
        }
    }

    impl Record for Second {
        const NAME: &'static str = "sample";
        const VERSION: u8 = 2;
        type Previous = First;
        fn upgrade(previous: First) -> Self {
            Second { number: previous.0, name: None }
        }
        fn encode_fields(&self, out: &mut Encoder) {
            out.varint(self.number);
            out.optional_text(self.name.as_deref());
        }
        fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
            Ok(Second { number: input.varint()?, name: input.optional_text()? })
        }
    }

    #[test]
    fn an_old_record_is_read_by_the_new_type() {
        assert_eq!(Second::decode(&First(300).encode()), Ok(Second { number: 300, name: None }));
    }

    #[test]
    fn a_newer_record_says_so() {
        let bytes = Second { number: 1, name: None }.encode();
        assert_eq!(First::decode(&bytes), Err(RecordError::Newer { record: "sample", found: 2, known: 1 }));
        assert!(matches!(First::decode(&[0, 0]), Err(RecordError::Impossible { .. })));
    }

    #[test]
    fn stray_bytes_and_cuts_are_errors() {
        let bytes = Second { number: 1, name: Some("ab".into()) }.encode();
        for cut in 0..bytes.len() {
            assert!(Second::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let longer = [bytes, vec![0]].concat();
        assert_eq!(Second::decode(&longer), Err(RecordError::Trailing { record: "sample", bytes: 1 }));
    }

    /// Found by fuzzing: 0 was also read from `80 00`, so that equal records could have different bytes.
    #[test]
    fn a_number_has_one_spelling() {
        for longer in [&[0x80, 0x00][..], &[0x81, 0x80, 0x00]] {
            assert!(Decoder::new("number", longer).varint().is_err(), "{longer:?}");
        }
        assert_eq!(Decoder::new("number", &[0x80, 0x01]).varint(), Ok(128));
        assert_eq!(Decoder::new("number", &[0x00]).varint(), Ok(0));
    }

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, signed: i64) {
            let mut out = Encoder::default();
            out.varint(value);
            out.signed(signed);
            let bytes = out.finish();
            let mut input = Decoder::new("numbers", &bytes);
            prop_assert_eq!(input.varint(), Ok(value));
            prop_assert_eq!(input.signed(), Ok(signed));
            prop_assert_eq!(input.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Second::decode(&bytes);
        }
    }
}
