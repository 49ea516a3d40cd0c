//! Tables: typed rows under ordered keys, all in the one keyspace of their partition.
//!
//! A row's key on the engine is the table's id (one byte), then the key as [`Table::encode_key`] writes it; its value is the
//! [`RowHeader`], then the record. Keys compare as bytes, so an encoding must keep the order it wants to be listed in.
//! Table id 0 is the partition's own (see `machine`).

use model::record::{Record, RecordError};
use model::time::Timestamp;

/// A table: which byte its keys begin with, and what its keys and rows are.
pub trait Table {
    /// First byte of its keys; unique among the tables of a store, never 0.
    const ID: u8;
    /// Its name in errors and in `rustfs inspect`.
    const NAME: &'static str;
    /// What finds a row.
    type Key;
    /// A row.
    type Row: Record;

    /// Appends the key so that bytes compare as keys should.
    fn encode_key(key: &Self::Key, out: &mut Vec<u8>);
    /// Reads what [`Table::encode_key`] wrote; `None` where the bytes are no such key.
    fn decode_key(bytes: &[u8]) -> Option<Self::Key>;
}

/// The engine's key of a row.
#[must_use]
pub fn row_key<T: Table>(key: &T::Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(T::ID);
    T::encode_key(key, &mut out);
    out
}

/// What every row's value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// Index of the log entry that wrote the row: its version. Never 0, which stands for "no row".
    pub version: u64,
    /// When that entry was committed, by the clock of the leader; never less than in an earlier entry of the partition.
    pub time: Timestamp,
}

impl RowHeader {
    /// Its width.
    pub const BYTES: usize = 16;

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (version, time) = bytes.split_at_mut(8);
        version.copy_from_slice(&self.version.to_le_bytes());
        time.copy_from_slice(&self.time.millis().to_le_bytes());
        bytes
    }

    /// Splits a value into header and record.
    #[must_use]
    pub fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let (version, rest) = value.split_first_chunk::<8>()?;
        let (time, record) = rest.split_first_chunk::<8>()?;
        let header = RowHeader {
            version: u64::from_le_bytes(*version),
            time: Timestamp::from_millis(u64::from_le_bytes(*time)),
        };
        Some((header, record))
    }
}

/// A row as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<R> {
    /// The row.
    pub row: R,
    /// Index of the log entry that wrote it.
    pub version: u64,
    /// When it was committed.
    pub time: Timestamp,
}

impl<R: Record> Stored<R> {
    /// From an engine's value.
    ///
    /// # Errors
    /// Where the value is no such row.
    pub fn decode(value: &[u8]) -> Result<Self, RecordError> {
        let (header, record) = RowHeader::split(value).ok_or(RecordError::Cut { record: R::NAME, at: 0 })?;
        Ok(Stored { row: R::decode(record)?, version: header.version, time: header.time })
    }
}

/// Counters: a row that commands add to without reading it, so that two writers never conflict over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The values, in an order that the table's owner gives.
    pub values: Vec<i64>,
}

impl Counters {
    /// One value; 0 where it was never added to.
    #[must_use]
    pub fn value(&self, position: usize) -> i64 {
        self.values.get(position).copied().unwrap_or(0)
    }

    /// Adds by position.
    pub fn add(&mut self, deltas: &[i64]) {
        if self.values.len() < deltas.len() {
            self.values.resize(deltas.len(), 0);
        }
        for (value, delta) in self.values.iter_mut().zip(deltas) {
            *value = value.saturating_add(*delta);
        }
    }

    /// Whether all are 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.values.iter().all(|value| *value == 0)
    }
}

impl Record for Counters {
    const NAME: &'static str = "counters";
    const VERSION: u8 = 1;
    type Previous = model::record::NoPrevious;

    fn upgrade(previous: model::record::NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut model::record::Encoder) {
        out.varint(self.values.len() as u64);
        for value in &self.values {
            out.signed(*value);
        }
    }

    fn decode_fields(input: &mut model::record::Decoder<'_>) -> Result<Self, RecordError> {
        let count = input.count()?;
        let values = (0..count).map(|_| input.signed()).collect::<Result<_, _>>()?;
        Ok(Counters { values })
    }
}

/// Appends bytes of any content so that a longer key sorts after its prefix and what follows is told apart: 0 becomes
/// 0 255, the end is 0 0. (The encoding of tuples in FoundationDB's record layer.)
pub fn encode_terminated(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Reads what [`encode_terminated`] wrote; the bytes and what follows them.
#[must_use]
pub fn decode_terminated(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut bytes = Vec::new();
    let mut rest = input;
    loop {
        let (&byte, after) = rest.split_first()?;
        if byte != 0 {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (&mark, after) = after.split_first()?;
        match mark {
            0 => return Some((bytes, after)),
            0xff => bytes.push(0),
            _ => return None,
        }
        rest = after;
    }
}

/// The first key after all that begin with `prefix`; `None` where there is none.
#[must_use]
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut after = prefix.get(..=last)?.to_vec();
    if let Some(byte) = after.last_mut() {
        *byte += 1;
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_key_after_a_prefix() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(&[1, 0xff]), Some(vec![2]));
        assert_eq!(after_prefix(&[0xff]), None);
    }

    proptest! {
        #[test]
        fn terminated_bytes_keep_their_order_and_come_back(a: Vec<u8>, b: Vec<u8>, tail: Vec<u8>) {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            encode_terminated(&a, &mut left);
            encode_terminated(&b, &mut right);
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            left.extend_from_slice(&tail);
            prop_assert_eq!(decode_terminated(&left), Some((a, tail.as_slice())));
        }

        #[test]
        fn counters_come_back(values: Vec<i64>) {
            let counters = Counters { values };
            prop_assert_eq!(Counters::decode(&counters.encode()), Ok(counters));
        }
    }
}
