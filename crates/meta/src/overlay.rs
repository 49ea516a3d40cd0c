//! An engine with changes in memory over it: how a store is read when too few of its drives are there to write.
//!
//! The survivor's log may end with entries of which nobody can say now whether they were committed. What was acknowledged is
//! among them, so all of them are applied; but only here, in memory: when the other drives come back, the engine still
//! holds what is certain.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use model::ids::PartitionId;

use crate::engine::{Engine, EngineBatch, EngineError, EngineSnapshot, EngineStatistics, KeyRange, Visit};

/// The changes of one partition over an engine.
pub(crate) struct Overlay {
    base: Arc<dyn Engine>,
    partition: PartitionId,
    changes: parking_lot::RwLock<BTreeMap<Vec<u8>, Option<Bytes>>>,
}

impl Overlay {
    pub(crate) fn new(base: Arc<dyn Engine>, partition: PartitionId) -> Self {
        Overlay { base, partition, changes: parking_lot::RwLock::default() }
    }

    fn refuse(&self) -> EngineError {
        EngineError::Poisoned { place: "a store that is open for reading only".into() }
    }
}

impl Engine for Overlay {
    fn get(&self, keyspace: PartitionId, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        if let Some(change) = self.changes.read().get(key).filter(|_| keyspace == self.partition) {
            return Ok(change.clone());
        }
        self.base.get(keyspace, key)
    }

    fn scan(
        &self,
        keyspace: PartitionId,
        range: KeyRange<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        let changes: Vec<(Vec<u8>, Option<Bytes>)> = match keyspace == self.partition && !is_empty(range) {
            true => {
                self.changes.read().range::<[u8], _>(range).map(|(k, v)| (k.clone(), v.clone())).collect()
            }
            false => Vec::new(),
        };
        let mut changes = changes.into_iter().peekable();
        let mut ended = false;
        self.base.scan(keyspace, range, &mut |key, value| {
            while let Some((changed, new)) = changes.next_if(|(changed, _)| changed.as_slice() <= key) {
                let same = changed == key;
                if new.is_some_and(|new| visit(&changed, &new).is_break()) {
                    ended = true;
                    return ControlFlow::Break(());
                }
                if same {
                    return ControlFlow::Continue(());
                }
            }
            let flow = visit(key, value);
            ended = flow.is_break();
            flow
        })?;
        for (key, value) in changes.take_while(|_| !ended) {
            if value.is_some_and(|value| visit(&key, &value).is_break()) {
                break;
            }
        }
        Ok(())
    }

    fn snapshot(&self, _keyspace: PartitionId) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        Err(self.refuse())
    }

    fn write(&self, batch: &mut EngineBatch) -> Result<(), EngineError> {
        let mut changes = self.changes.write();
        for operation in batch.operations().filter(|operation| operation.keyspace == self.partition) {
            changes.insert(operation.key.to_vec(), operation.value.map(Bytes::copy_from_slice));
        }
        batch.clear();
        Ok(())
    }

    fn persist(&self) -> Result<(), EngineError> {
        Err(self.refuse())
    }

    fn drop_keyspace(&self, _keyspace: PartitionId) -> Result<(), EngineError> {
        Err(self.refuse())
    }

    fn compact(&self, _keyspace: PartitionId) -> Result<(), EngineError> {
        Err(self.refuse())
    }

    fn keyspaces(&self) -> Result<Vec<PartitionId>, EngineError> {
        self.base.keyspaces()
    }

    fn statistics(&self) -> Result<EngineStatistics, EngineError> {
        self.base.statistics()
    }

    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

fn is_empty(range: KeyRange<'_>) -> bool {
    match range {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
        _ => false,
    }
}
