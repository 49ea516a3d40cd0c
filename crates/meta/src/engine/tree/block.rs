//! Sorted rows in one piece of some KiB: the unit that is read, checked, compressed and cached.
//!
//! - What all keys of a block begin with stands in it once.
//! - A block that was parsed gives every row without another check of its own: places out of bounds give none.
//! - A sealed block proves that it belongs where it lies: its checksum is seeded with its file's salt and its offset.
//!   `docs/formats/engine.md` draws it.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Rows are cut into blocks of about so many bytes; a longer row has a block of its own.
pub(super) const BLOCK_TARGET_BYTES: usize = 4 << 10;
/// Bytes of a sealed block besides its rows: kind and length in front, checksum behind.
const SEAL_BYTES: usize = 5 + 8;
/// Where the common prefix begins, behind its length.
const PREFIX_AT: usize = 2;
/// Bytes in front of a row's key.
const ROW_HEAD_BYTES: usize = 2 + 4;
/// A block that does not become smaller by this share is stored as it is.
const SAVING_MIN: usize = 8;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// A row: its key, and its value or `None` where the row was removed.
pub(super) type Row<'a> = (&'a [u8], Option<&'a [u8]>);

/// Gathers rows, which come in ascending order.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    places: Vec<u32>,
}

impl BlockBuilder {
    /// Adds a row. Keys have at most [`super::super::KEY_BYTES_MAX`] bytes, values [`super::super::VALUE_BYTES_MAX`].
    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.places.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(&value.map_or(0, |value| value.len() as u32 + 1).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The block, sealed for where it will lie; the builder begins anew.
    pub(super) fn seal(&mut self, seed: u64) -> Vec<u8> {
        let prefix = self.common_prefix().to_vec();
        let mut bytes = Vec::with_capacity(self.bytes.len() + self.places.len() * 4 + 16);
        bytes.extend_from_slice(&(prefix.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&prefix);
        let ends = self.places.iter().skip(1).copied().chain([self.bytes.len() as u32]);
        let mut places = Vec::with_capacity(self.places.len() * 4);
        for (start, end) in self.places.iter().zip(ends) {
            places.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            let row = self.bytes.get(*start as usize..end as usize).unwrap_or_default();
            let (head, rest) = row.split_at_checked(ROW_HEAD_BYTES).unwrap_or_default();
            let (key_len, value_len) = head.split_at_checked(2).unwrap_or_default();
            let key_len = u16::from_le_bytes(key_len.try_into().unwrap_or_default());
            bytes.extend_from_slice(&(key_len - prefix.len() as u16).to_le_bytes());
            bytes.extend_from_slice(value_len);
            bytes.extend_from_slice(rest.get(prefix.len()..).unwrap_or_default());
        }
        bytes.extend_from_slice(&places);
        bytes.extend_from_slice(&(self.places.len() as u32).to_le_bytes());
        self.bytes.clear();
        self.places.clear();
        seal(&bytes, seed)
    }

    /// What the first and the last key begin with, and so all between.
    fn common_prefix(&self) -> &[u8] {
        let (first, last) = (self.key_at(self.places.first()), self.key_at(self.places.last()));
        let same = first.iter().zip(last).take_while(|(left, right)| left == right).count();
        first.get(..same).unwrap_or_default()
    }

    fn key_at(&self, place: Option<&u32>) -> &[u8] {
        let key = |place: usize| {
            let key_len = u16::from_le_bytes(*self.bytes.get(place..)?.first_chunk()?);
            self.bytes.get(place + ROW_HEAD_BYTES..)?.get(..usize::from(key_len))
        };
        place.and_then(|place| key(*place as usize)).unwrap_or_default()
    }
}

/// Puts kind, length and checksum around bytes, compressed where that saves an eighth.
pub(super) fn seal(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut sealed = vec![0; 5 + lz4_flex::block::get_maximum_output_size(bytes.len())];
    let (head, room) = sealed.split_at_mut(5);
    let compressed = lz4_flex::block::compress_into(bytes, room).unwrap_or(usize::MAX);
    let is_smaller = compressed <= bytes.len() - bytes.len() / SAVING_MIN;
    if let Some((kind, len)) = head.split_first_mut() {
        *kind = if is_smaller { LZ4 } else { PLAIN };
        len.copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    }
    if is_smaller {
        sealed.truncate(5 + compressed);
    } else {
        sealed.truncate(5);
        sealed.extend_from_slice(bytes);
    }
    let checksum = xxh3_64_with_seed(&sealed, seed);
    sealed.extend_from_slice(&checksum.to_le_bytes());
    sealed
}

/// What was sealed with this seed; `None` where it is something else or damaged.
pub(super) fn unseal(sealed: &Bytes, seed: u64) -> Option<Bytes> {
    let covered_len = sealed.len().checked_sub(8).filter(|_| sealed.len() >= SEAL_BYTES)?;
    let (covered, checksum) = sealed.split_at_checked(covered_len)?;
    if xxh3_64_with_seed(covered, seed) != u64::from_le_bytes(checksum.try_into().ok()?) {
        return None;
    }
    let (head, stored) = covered.split_first_chunk::<5>()?;
    let [kind, len @ ..] = *head;
    let len = u32::from_le_bytes(len) as usize;
    match kind {
        PLAIN if stored.len() == len => Some(sealed.slice(5..covered_len)),
        // LZ4 makes nothing more than 255 times as small: no length that is only claimed takes memory.
        LZ4 if len / 256 <= stored.len() => {
            let mut bytes = vec![0; len];
            let filled = lz4_flex::block::decompress_into(stored, &mut bytes).ok()?;
            (filled == len).then(|| Bytes::from(bytes))
        }
        _ => None,
    }
}

/// A block as it is read.
#[derive(Clone, Debug)]
pub(super) struct Block {
    bytes: Bytes,
    /// Where the common prefix ends; it begins at [`PREFIX_AT`].
    prefix_end: usize,
    rows: usize,
    /// Where the places of the rows begin.
    places: usize,
}

impl Block {
    /// Unseals a block.
    pub(super) fn open(sealed: &Bytes, seed: u64) -> Option<Block> {
        Block::parse(unseal(sealed, seed)?)
    }

    fn parse(bytes: Bytes) -> Option<Block> {
        let count_at = bytes.len().checked_sub(4)?;
        let rows = u32_at(&bytes, count_at)? as usize;
        let places = count_at.checked_sub(rows.checked_mul(4)?)?;
        let prefix_len = u16::from_le_bytes(*bytes.first_chunk()?);
        let prefix_end = PREFIX_AT + usize::from(prefix_len);
        (prefix_end <= places).then_some(Block { bytes, prefix_end, rows, places })
    }

    /// What all keys begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        self.bytes.get(PREFIX_AT..self.prefix_end).unwrap_or_default()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The row at a place; its key without the prefix.
    pub(super) fn row(&self, at: usize) -> Option<Row<'_>> {
        let (key, value) = self.bounds(at)?;
        let value = match value {
            Some(value) => Some(self.bytes.get(value.0..value.1)?),
            None => None,
        };
        Some((self.bytes.get(key.0..key.1)?, value))
    }

    /// The value of the row at a place, which shares the block's memory.
    pub(super) fn value(&self, at: usize) -> Option<Bytes> {
        let (start, end) = self.bounds(at)?.1?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }

    /// Whether the row at a place has this key.
    pub(super) fn has_key(&self, at: usize, key: &[u8]) -> bool {
        let rest = key.strip_prefix(self.prefix());
        rest.is_some() && self.row(at).map(|(key, _)| key) == rest
    }

    /// The first row whose key is not below `key`, or the number of rows.
    pub(super) fn seek(&self, key: &[u8]) -> usize {
        let Some(key) = key.strip_prefix(self.prefix()) else {
            // A key that begins otherwise lies before all rows or behind them.
            return if key < self.prefix() { 0 } else { self.rows };
        };
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.row(middle) {
                Some((found, _)) if found < key => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Where key and value of a row begin and end.
    #[expect(clippy::type_complexity, reason = "two ranges, the second one perhaps")]
    fn bounds(&self, at: usize) -> Option<((usize, usize), Option<(usize, usize)>)> {
        if at >= self.rows {
            return None;
        }
        let start = u32_at(&self.bytes, self.places + at * 4)? as usize;
        let key_len = u16::from_le_bytes(*self.bytes.get(start..)?.first_chunk()?);
        let value_len = u32_at(&self.bytes, start + 2)?;
        let key = start + ROW_HEAD_BYTES;
        let key_end = key + usize::from(key_len);
        let value = value_len.checked_sub(1).map(|len| (key_end, key_end + len as usize));
        Some(((key, key_end), value))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(block: &Block) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let own = |(key, value): Row<'_>| ([block.prefix(), key].concat(), value.map(<[u8]>::to_vec));
        (0..block.len()).map(|at| own(block.row(at).unwrap())).collect()
    }

    proptest! {
        #[test]
        fn rows_come_back_and_are_found(
            rows_in: std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>,
            wanted: Vec<u8>,
            prefix in proptest::collection::vec(any::<u8>(), 0..4),
            seed: u64,
        ) {
            let with_prefix = |(key, value): (Vec<u8>, Option<Vec<u8>>)| ([prefix.clone(), key].concat(), value);
            let rows_in: std::collections::BTreeMap<_, _> = rows_in.into_iter().map(with_prefix).collect();
            let mut builder = BlockBuilder::default();
            for (key, value) in &rows_in {
                builder.add(key, value.as_deref());
            }
            let sealed = Bytes::from(builder.seal(seed));
            let block = Block::open(&sealed, seed).unwrap();
            prop_assert_eq!(rows(&block), rows_in.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(block.seek(&wanted), rows_in.range(..wanted.clone()).count());
            for (at, (key, value)) in rows_in.iter().enumerate() {
                prop_assert_eq!(block.value(at).map(|value| value.to_vec()), value.clone());
                prop_assert!(block.has_key(at, key) && block.seek(key) == at);
                prop_assert!(!block.has_key(at + 1, key));
            }
        }

        #[test]
        fn any_bytes_are_a_block_or_none(bytes: Vec<u8>, seed: u64) {
            if let Some(block) = Block::parse(Bytes::from(bytes.clone())) {
                for at in 0..block.len().min(100) {
                    block.row(at);
                    block.value(at);
                }
                block.seek(b"key");
            }
            prop_assert!(unseal(&Bytes::from(bytes), seed).is_none());
        }
    }

    #[test]
    fn a_flipped_bit_and_another_place_are_found() {
        for len in [0, 10, 5000] {
            let bytes = vec![7; len];
            let sealed = Bytes::from(seal(&bytes, 1));
            assert_eq!(unseal(&sealed, 1).unwrap(), bytes);
            assert_eq!(unseal(&sealed, 2), None);
            for at in 0..sealed.len() {
                let mut damaged = sealed.to_vec();
                damaged[at] ^= 1;
                assert_eq!(unseal(&Bytes::from(damaged), 1), None);
            }
            assert_eq!(unseal(&sealed.slice(1..), 1), None);
        }
        assert!(seal(&[7; 5000], 1).len() < 200, "what can be compressed is");
    }
}
