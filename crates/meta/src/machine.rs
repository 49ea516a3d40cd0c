//! The state machine of a partition: applies log entries to the engine, the same on every replica.
//!
//! Invariants:
//! - What an entry does depends on the entries before it and on nothing else: no clock, no randomness, no memory that a
//!   restart would lose. [`Recent`] and the counters' cache only save reads.
//! - The applied index is written in the same batch as what was applied.
//! - The time of entries never goes back within a partition.

use hashbrown::HashMap;
use model::ids::PartitionId;
use model::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use model::time::Timestamp;
use thiserror::Error;

use crate::command::{self, Check, Command};
use crate::engine::{Engine, EngineBatch, EngineError};
use crate::recent::Recent;
use crate::table::{Counters, RowHeader, Stored};

/// The key of [`Applied`] in a partition's keyspace: table 0, row 0.
pub(crate) const APPLIED_KEY: &[u8] = &[0, 0];

/// Counters kept in memory per partition from one batch to the next; with more, all are read again.
const COUNTERS_CACHED_MAX: usize = 1024;

/// Why an entry could not be applied: the replica must stop, as it would no longer be equal to the others.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The entry is not a command.
    #[error("entry {index} of partition {partition} can't be read: {source}")]
    Entry {
        /// Which partition.
        partition: PartitionId,
        /// Which entry.
        index: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A change of members can't be read or does not fit the members there are.
    #[error("entry {index} of partition {partition} changes its members in a way that can't be")]
    Members {
        /// Which partition.
        partition: PartitionId,
        /// Which entry.
        index: u64,
    },
    /// A snapshot of another replica has no applied index.
    #[error("a snapshot of partition {partition} has no applied index")]
    Snapshot {
        /// Which partition.
        partition: PartitionId,
    },
    /// A row that a command depends on can't be read.
    #[error("a row of partition {partition} can't be read: {source}")]
    Row {
        /// Which partition.
        partition: PartitionId,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Committed {
        /// Its index: the version of the rows it wrote.
        index: u64,
        /// Its time.
        time: Timestamp,
    },
    /// A row it had read was changed meanwhile; nothing was done.
    Conflict,
    /// Counters would have come to more than they may; nothing was done.
    OverLimit,
}

/// How far a replica is, and who the replicas are: written with every batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Index of the last entry applied.
    pub(crate) index: u64,
    /// Its term.
    pub(crate) term: u64,
    /// The latest time of an entry.
    pub(crate) time: Timestamp,
    /// Raft ids of the voters.
    pub(crate) voters: Vec<u64>,
    /// Raft ids of the voters of the configuration that is being left; empty outside a joint change.
    pub(crate) voters_outgoing: Vec<u64>,
    /// Raft ids of those that follow without a vote.
    pub(crate) learners: Vec<u64>,
    /// Raft ids that become learners when the joint change ends.
    pub(crate) learners_next: Vec<u64>,
    /// Whether the joint change ends by itself.
    pub(crate) auto_leave: bool,
}

impl Record for Applied {
    const NAME: &'static str = "applied index";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.index);
        out.varint(self.term);
        out.varint(self.time.millis());
        for ids in [&self.voters, &self.voters_outgoing, &self.learners, &self.learners_next] {
            out.varint(ids.len() as u64);
            for id in ids {
                out.fixed(&id.to_le_bytes());
            }
        }
        out.u8(u8::from(self.auto_leave));
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        fn ids(input: &mut Decoder<'_>) -> Result<Vec<u64>, RecordError> {
            let count = input.count()?;
            (0..count).map(|_| input.fixed().map(u64::from_le_bytes)).collect()
        }
        Ok(Applied {
            index: input.varint()?,
            term: input.varint()?,
            time: Timestamp::from_millis(input.varint()?),
            voters: ids(input)?,
            voters_outgoing: ids(input)?,
            learners: ids(input)?,
            learners_next: ids(input)?,
            auto_leave: input.u8()? != 0,
        })
    }
}

impl Applied {
    /// Reads it from a partition's keyspace; `None` where the partition was never set up here.
    ///
    /// # Errors
    /// Where the engine or the record can't be read.
    pub(crate) fn load(engine: &dyn Engine, partition: PartitionId) -> Result<Option<Self>, ApplyError> {
        let value = engine.get(partition, APPLIED_KEY)?;
        value
            .map(|value| Applied::decode(&value))
            .transpose()
            .map_err(|source| ApplyError::Row { partition, source })
    }

    /// Adds it to a batch.
    pub(crate) fn store(&self, partition: PartitionId, batch: &mut EngineBatch) {
        batch.put(partition, APPLIED_KEY, &self.encode());
    }
}

/// The state machine of one partition on one drive.
#[derive(Debug)]
pub(crate) struct Machine {
    partition: PartitionId,
    applied: Applied,
    recent: Recent,
    counters: HashMap<Vec<u8>, Counters>,
}

impl Machine {
    /// As far as `applied`.
    pub(crate) fn new(partition: PartitionId, applied: Applied, seed: u64) -> Self {
        let recent = Recent::new(applied.index, seed);
        Machine { partition, applied, recent, counters: HashMap::new() }
    }

    /// How far it is.
    pub(crate) fn applied(&self) -> &Applied {
        &self.applied
    }

    /// The time that an entry proposed at `now` gets.
    pub(crate) fn time_for(&self, now: Timestamp) -> Timestamp {
        now.max(self.applied.time)
    }

    /// An entry without a command: raft's own, at the start of a term.
    pub(crate) fn skip(&mut self, index: u64, term: u64) {
        assert!(index > self.applied.index, "entries are applied once and in order");
        self.applied.index = index;
        self.applied.term = term;
    }

    /// An entry that changed who the replicas are.
    pub(crate) fn reconfigure(&mut self, index: u64, term: u64, members: Applied) {
        self.skip(index, term);
        self.applied = Applied { index, term, time: self.applied.time, ..members };
    }

    /// Applies an entry: adds what it writes to `batch` and tells what became of it. The batch must be written before any
    /// answer; entries of one batch see one another through memory.
    pub(crate) fn apply(
        &mut self,
        engine: &dyn Engine,
        index: u64,
        term: u64,
        data: &[u8],
        batch: &mut EngineBatch,
    ) -> Result<Outcome, ApplyError> {
        let partition = self.partition;
        let (time, command) =
            command::unstamp(data).map_err(|source| ApplyError::Entry { partition, index, source })?;
        self.skip(index, term);
        let time = time.max(self.applied.time);
        self.applied.time = time;
        for check in &command.checks {
            if !self.holds(engine, command.base, check)? {
                return Ok(Outcome::Conflict);
            }
        }
        for limit in &command.limits {
            if self.sum_after(engine, &command, limit)? > limit.at_most {
                return Ok(Outcome::OverLimit);
            }
        }
        self.write(engine, RowHeader { version: index, time }, command, batch)?;
        Ok(Outcome::Committed { index, time })
    }

    /// The batch was written: what memory alone knew of it, the engine knows now.
    pub(crate) fn batch_written(&mut self) {
        self.recent.batch_written(self.applied.index);
        if self.counters.len() > COUNTERS_CACHED_MAX {
            self.counters.clear();
        }
    }

    fn holds(&self, engine: &dyn Engine, base: u64, check: &Check) -> Result<bool, ApplyError> {
        if let Some(version) = self.recent.version(&check.key) {
            return Ok(version == check.version);
        }
        if self.recent.covers(base) {
            // From index 0 on there was never such a row.
            return Ok(base > 0 || check.version == 0);
        }
        // Not in memory, so not in this batch either: the engine has the row as it is.
        let value = engine.get(self.partition, &check.key)?;
        let version = value.as_deref().and_then(RowHeader::split).map_or(0, |(header, _)| header.version);
        Ok(version == check.version)
    }

    fn write(
        &mut self,
        engine: &dyn Engine,
        header: RowHeader,
        command: Command,
        batch: &mut EngineBatch,
    ) -> Result<(), ApplyError> {
        for write in command.writes {
            let Some(record) = write.record else {
                self.recent.wrote(&write.key, 0);
                batch.remove(self.partition, &write.key);
                continue;
            };
            self.recent.wrote(&write.key, header.version);
            batch.put_parts(self.partition, &write.key, &[&header.encode(), &record]);
        }
        for add in command.adds {
            self.add(engine, header, &add, batch)?;
        }
        Ok(())
    }

    /// What the counters of a limit come to with what the command adds to them.
    fn sum_after(
        &mut self,
        engine: &dyn Engine,
        command: &Command,
        limit: &command::Limit,
    ) -> Result<i64, ApplyError> {
        let mut counters = self.counters(engine, &limit.key)?.clone();
        command.adds.iter().filter(|add| add.key == limit.key).for_each(|add| counters.add(&add.deltas));
        let values = limit.positions.iter().map(|position| counters.value(usize::from(*position)));
        Ok(values.fold(0, i64::saturating_add))
    }

    /// Counters as they are, what is in the batch included.
    fn counters(&mut self, engine: &dyn Engine, key: &[u8]) -> Result<&mut Counters, ApplyError> {
        if !self.counters.contains_key(key) {
            let counters = self.load_counters(engine, key)?;
            self.counters.insert(key.to_vec(), counters);
        }
        Ok(self.counters.entry_ref(key).or_default())
    }

    fn add(
        &mut self,
        engine: &dyn Engine,
        header: RowHeader,
        add: &command::Add,
        batch: &mut EngineBatch,
    ) -> Result<(), ApplyError> {
        let counters = self.counters(engine, &add.key)?;
        counters.add(&add.deltas);
        let (is_zero, encoded) = (counters.is_zero(), counters.encode());
        if is_zero {
            self.recent.wrote(&add.key, 0);
            batch.remove(self.partition, &add.key);
        } else {
            self.recent.wrote(&add.key, header.version);
            batch.put_parts(self.partition, &add.key, &[&header.encode(), &encoded]);
        }
        Ok(())
    }

    fn load_counters(&self, engine: &dyn Engine, key: &[u8]) -> Result<Counters, ApplyError> {
        let partition = self.partition;
        let stored = engine.get(partition, key)?.map(|value| Stored::<Counters>::decode(&value)).transpose();
        let stored = stored.map_err(|source| ApplyError::Row { partition, source })?;
        Ok(stored.map(|stored| stored.row).unwrap_or_default())
    }
}
