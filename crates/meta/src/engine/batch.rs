//! Changes that happen together: one buffer for all their bytes, so that a batch in use again allocates nothing.

use model::ids::PartitionId;

use super::{EngineError, KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// Changes in the order they were added, over any number of keyspaces.
#[derive(Debug, Default)]
pub struct EngineBatch {
    bytes: Vec<u8>,
    operations: Vec<Operation>,
    removals: usize,
}

/// Where the bytes of one change are: key, then value.
#[derive(Clone, Copy, Debug)]
struct Operation {
    keyspace: PartitionId,
    start: usize,
    key_bytes: usize,
    /// `None`: the key is removed.
    value_bytes: Option<usize>,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOperation<'a> {
    /// Where.
    pub keyspace: PartitionId,
    /// Which key.
    pub key: &'a [u8],
    /// Its new value; `None` removes it.
    pub value: Option<&'a [u8]>,
}

/// How far a batch was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchMark {
    bytes: usize,
    operations: usize,
    removals: usize,
}

impl EngineBatch {
    /// Sets a key.
    pub fn put(&mut self, keyspace: PartitionId, key: &[u8], value: &[u8]) {
        self.put_parts(keyspace, key, &[value]);
    }

    /// Sets a key to the concatenation of `parts`, for values that get a header in front.
    pub fn put_parts(&mut self, keyspace: PartitionId, key: &[u8], parts: &[&[u8]]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let value_bytes = self.bytes.len() - start - key.len();
        self.operations.push(Operation {
            keyspace,
            start,
            key_bytes: key.len(),
            value_bytes: Some(value_bytes),
        });
    }

    /// Removes a key.
    pub fn remove(&mut self, keyspace: PartitionId, key: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.operations.push(Operation { keyspace, start, key_bytes: key.len(), value_bytes: None });
        self.removals += 1;
    }

    /// The changes, in order. A later one of the same key wins.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = EngineOperation<'_>> {
        self.operations.iter().map(|operation| {
            let bytes = self.bytes.get(operation.start..).unwrap_or_default();
            let (key, rest) = bytes.split_at_checked(operation.key_bytes).unwrap_or_default();
            EngineOperation {
                keyspace: operation.keyspace,
                key,
                value: operation.value_bytes.map(|len| rest.get(..len).unwrap_or_default()),
            }
        })
    }

    /// How many changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// How many changes remove a key.
    #[must_use]
    pub fn removals(&self) -> usize {
        self.removals
    }

    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of keys and values.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the changes; keeps the memory, up to a bound.
    pub fn clear(&mut self) {
        const KEPT_BYTES: usize = 1 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.operations.clear();
        self.removals = 0;
    }

    /// Where it is now, for [`EngineBatch::rewind`].
    pub(crate) fn mark(&self) -> BatchMark {
        BatchMark { bytes: self.bytes.len(), operations: self.operations.len(), removals: self.removals }
    }

    /// Forgets the changes that were added since.
    pub(crate) fn rewind(&mut self, mark: BatchMark) {
        self.bytes.truncate(mark.bytes);
        self.operations.truncate(mark.operations);
        self.removals = mark.removals;
    }

    /// Takes each change to the keyspace that `place` names for its own.
    pub(crate) fn move_to(&mut self, place: impl Fn(PartitionId) -> PartitionId) {
        for operation in &mut self.operations {
            operation.keyspace = place(operation.keyspace);
        }
    }

    /// Refuses what is out of limits, before anything is written.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        for operation in &self.operations {
            if operation.key_bytes == 0 || operation.key_bytes > KEY_BYTES_MAX {
                return Err(EngineError::KeyLength { len_bytes: operation.key_bytes });
            }
            if let Some(len_bytes) = operation.value_bytes.filter(|&len| len > VALUE_BYTES_MAX) {
                return Err(EngineError::ValueLength { len_bytes });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_added_in_order_and_is_empty_after_clearing() {
        let (one, two) = (PartitionId(1), PartitionId(2));
        let mut batch = EngineBatch::default();
        batch.put(one, b"k", b"");
        batch.put_parts(two, b"key", &[b"head", b"", b"payload"]);
        batch.remove(one, b"k");
        let operations: Vec<_> = batch.operations().collect();
        let expected =
            [(one, &b"k"[..], Some(&b""[..])), (two, b"key", Some(b"headpayload")), (one, b"k", None)];
        assert_eq!(
            operations,
            expected.map(|(keyspace, key, value)| EngineOperation { keyspace, key, value })
        );
        assert_eq!((batch.size_bytes(), batch.len(), batch.removals()), (1 + 3 + 11 + 1, 3, 1));
        batch.clear();
        assert_eq!(batch.removals(), 0);
        assert!(batch.is_empty() && batch.operations().next().is_none());
    }

    #[test]
    fn keys_and_values_out_of_limits_are_refused() {
        let mut batch = EngineBatch::default();
        batch.put(PartitionId(0), b"", b"v");
        assert!(matches!(batch.check(), Err(EngineError::KeyLength { len_bytes: 0 })));
        batch.clear();
        batch.remove(PartitionId(0), &[1; KEY_BYTES_MAX]);
        assert!(batch.check().is_ok());
        batch.remove(PartitionId(0), &[1; KEY_BYTES_MAX + 1]);
        assert!(matches!(batch.check(), Err(EngineError::KeyLength { .. })));
    }
}
