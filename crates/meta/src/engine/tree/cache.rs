//! Blocks, indexes and filters that were read, in memory up to a bound.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::block::Block;
use super::file::{FileFault, Place, RowFile};

/// Something of a file: its number and the offset.
type Key = (u64, u64);

#[derive(Clone)]
enum Kept {
    Block(Block),
    Filter(Bytes),
}

#[derive(Clone)]
struct KeptBytes;

/// Bytes of an entry besides what it keeps, about.
const ENTRY_OVERHEAD_BYTES: u64 = 96;

impl Weighter<Key, Kept> for KeptBytes {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        let bytes = match kept {
            Kept::Block(block) => block.size_bytes(),
            Kept::Filter(filter) => filter.len(),
        };
        bytes as u64 + ENTRY_OVERHEAD_BYTES
    }
}

/// What was read lately, over all files of an engine.
pub(super) struct BlockCache {
    kept: Cache<Key, Kept, KeptBytes>,
}

impl BlockCache {
    pub(super) fn new(bytes: u64) -> Self {
        let items = (bytes / (4 << 10)).max(16) as usize;
        BlockCache { kept: Cache::with_weighter(items, bytes, KeptBytes) }
    }

    /// A block, or an index.
    pub(super) fn block(&self, file: &RowFile, place: Place) -> Result<Block, FileFault> {
        let key = (file.number, place.offset);
        match self.kept.get(&key) {
            Some(Kept::Block(block)) => Ok(block),
            Some(Kept::Filter(_)) => Err(file.damage(place).into()),
            None => {
                let block = file.block(place)?;
                self.kept.insert(key, Kept::Block(block.clone()));
                Ok(block)
            }
        }
    }

    /// The filter of a leaf.
    pub(super) fn filter(&self, file: &RowFile, place: Place) -> Result<Bytes, FileFault> {
        let key = (file.number, place.offset);
        match self.kept.get(&key) {
            Some(Kept::Filter(filter)) => Ok(filter),
            Some(Kept::Block(_)) => Err(file.damage(place).into()),
            None => {
                let filter = file.read(place)?;
                self.kept.insert(key, Kept::Filter(filter.clone()));
                Ok(filter)
            }
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.kept.weight()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.kept.clear();
    }
}
