//! Reads and transactions.
//!
//! A transaction reads at the leader, remembers the version of every row it read, and commits what it writes together with
//! the check that those rows are unchanged. So transactions of a partition are serializable, whoever runs them where.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::{Clock, Env};
use model::ids::PartitionId;
use model::record::Record;
use model::time::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::command::{Add, Check, Command, Limit, Write};
use crate::drive_loop::Event;
use crate::engine::Visit;
use crate::error::MetaError;
use crate::log::LogPosition;
use crate::machine::Outcome;
use crate::raft::fate::Fate;
use crate::raft::group::Answer;
use crate::raft::place::Place;
use crate::table::{Counters, Stored, Table, row_key};
use crate::view::{Leader, PartitionView};

/// Largest transaction, in bytes: half of what a segment of the log takes.
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// How long a transaction waits to hear what became of it: longer than a slow drive takes, and not for ever where the
/// leader is cut off from the other replicas.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// A row of a table with its key.
pub type Row<T> = (<T as Table>::Key, Stored<<T as Table>::Row>);

/// A range of a table's encoded keys (without the table's byte).
pub type Keys<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Reads of one partition. What was acknowledged before it was made is seen.
#[derive(Clone, Debug)]
pub struct Reader {
    leader: Arc<Leader>,
    partition: PartitionId,
}

impl Reader {
    pub(crate) fn new(leader: Arc<Leader>, partition: PartitionId) -> Self {
        Reader { leader, partition }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// Where the drive can't be read or holds what is no row.
    pub fn get<T: Table>(&self, key: &T::Key) -> Result<Option<Stored<T::Row>>, MetaError> {
        self.get_encoded::<T>(&row_key::<T>(key))
    }

    fn get_encoded<T: Table>(&self, key: &[u8]) -> Result<Option<Stored<T::Row>>, MetaError> {
        let read = self.leader.engine.get(self.partition, key);
        let value = self.leader.read(self.partition, read)?;
        let row = value.map(|value| Stored::decode(&value)).transpose();
        row.map_err(|source| MetaError::Row { table: T::NAME, source })
    }

    /// Visits a table's rows in the order of their keys, as they were at one moment, until `visit` breaks: the encoded key
    /// without the table's byte, and the row's value with its header.
    ///
    /// # Errors
    /// Where the drive can't be read.
    pub fn visit<T: Table>(&self, keys: Keys<'_>, visit: &mut Visit<'_>) -> Result<(), MetaError> {
        let start = with_table::<T>(keys.0, false);
        let end = with_table::<T>(keys.1, true);
        let range = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let seek = self.leader.seeks.start();
        let mut is_found = false;
        let read = self.leader.engine.scan(self.partition, range, &mut |key, value| {
            if !std::mem::replace(&mut is_found, true) {
                self.leader.seeks.found(seek);
            }
            visit(key.get(1..).unwrap_or_default(), value)
        });
        self.leader.read(self.partition, read)?;
        if !is_found {
            self.leader.seeks.found(seek);
        }
        Ok(())
    }

    /// Up to `limit` rows of a table in the order of their keys.
    ///
    /// # Errors
    /// Where the drive can't be read or holds what is no row.
    pub fn scan<T: Table>(&self, keys: Keys<'_>, limit: usize) -> Result<Vec<Row<T>>, MetaError> {
        let mut rows = Vec::new();
        let mut failed = None;
        if limit == 0 {
            return Ok(rows);
        }
        self.visit::<T>(keys, &mut |key, value| {
            let row = T::decode_key(key).ok_or(model::record::RecordError::Impossible {
                record: T::NAME,
                field: "key",
                at: 0,
            });
            match row.and_then(|key| Ok((key, Stored::decode(value)?))) {
                Ok(row) => rows.push(row),
                Err(source) => failed = Some(MetaError::Row { table: T::NAME, source }),
            }
            if failed.is_some() || rows.len() >= limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failed.map_or(Ok(rows), Err)
    }
}

fn with_table<T: Table>(bound: Bound<&[u8]>, is_end: bool) -> Bound<Vec<u8>> {
    let key = |key: &[u8]| [&[T::ID], key].concat();
    match bound {
        Bound::Included(bytes) => Bound::Included(key(bytes)),
        Bound::Excluded(bytes) => Bound::Excluded(key(bytes)),
        Bound::Unbounded if is_end => Bound::Excluded(vec![T::ID + 1]),
        Bound::Unbounded => Bound::Included(vec![T::ID]),
    }
}

/// What became of a transaction that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version of the rows it wrote.
    pub version: u64,
    /// Its time: what [`model::time::Timestamp::ZERO`] stands for in the rows it wrote.
    pub time: Timestamp,
}

/// A transaction of one partition. Nothing happens before [`Txn::commit`].
#[derive(Debug)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Txn<'a> {
    env: &'a Env,
    view: &'a PartitionView,
    reader: Reader,
    command: Command,
}

impl<'a> Txn<'a> {
    pub(crate) fn new(env: &'a Env, view: &'a PartitionView, reader: Reader) -> Self {
        let command = Command { base: reader.leader.applied(), ..Command::default() };
        Txn { env, view, reader, command }
    }

    /// Reads a row; the commit will fail with [`MetaError::Conflict`] if it was changed by then.
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub fn get<T: Table>(&mut self, key: &T::Key) -> Result<Option<Stored<T::Row>>, MetaError> {
        let key = row_key::<T>(key);
        let row = self.reader.get_encoded::<T>(&key)?;
        self.command.checks.push(Check { key, version: row.as_ref().map_or(0, |row| row.version) });
        Ok(row)
    }

    /// Reads without a check: what is read may be changed by the time of the commit.
    #[must_use]
    pub fn unchecked(&self) -> &Reader {
        &self.reader
    }

    /// Adds a check for a row that was read elsewhere: it must still have this version (0: there must be none).
    pub fn expect<T: Table>(&mut self, key: &T::Key, version: u64) {
        // It was read before this transaction began, nobody says when: memory that begins later can't tell.
        self.command.base = 0;
        self.command.checks.push(Check { key: row_key::<T>(key), version });
    }

    /// Writes a row.
    pub fn put<T: Table>(&mut self, key: &T::Key, row: &T::Row) {
        self.command.writes.push(Write { key: row_key::<T>(key), record: Some(row.encode()) });
    }

    /// Removes a row; one that isn't there is no error.
    pub fn delete<T: Table>(&mut self, key: &T::Key) {
        self.command.writes.push(Write { key: row_key::<T>(key), record: None });
    }

    /// Adds to counters, by position, without reading them.
    pub fn add<T: Table<Row = Counters>>(&mut self, key: &T::Key, deltas: &[i64]) {
        self.command.adds.push(Add { key: row_key::<T>(key), deltas: deltas.to_vec() });
    }

    /// What this transaction adds to counters so far, at these positions together.
    #[must_use]
    pub fn added<T: Table<Row = Counters>>(&self, key: &T::Key, positions: &[usize]) -> i64 {
        let key = row_key::<T>(key);
        let adds = self.command.adds.iter().filter(|add| add.key == key);
        let deltas = adds.flat_map(|add| positions.iter().filter_map(|position| add.deltas.get(*position)));
        deltas.fold(0, |sum, delta| sum.saturating_add(*delta))
    }

    /// Counters may come to this at most, at these positions (below 256) together, with what this transaction adds; the commit
    /// fails with [`MetaError::OverLimit`] otherwise. No other transaction comes in between.
    pub fn keep_within<T: Table<Row = Counters>>(&mut self, key: &T::Key, positions: &[usize], at_most: i64) {
        let positions = positions.iter().filter_map(|position| u8::try_from(*position).ok()).collect();
        self.command.limits.push(Limit { key: row_key::<T>(key), positions, at_most });
    }

    /// The partition that it changes.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.reader.partition
    }

    /// Whether nothing would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.command.writes.is_empty() && self.command.adds.is_empty()
    }

    /// Commits: when it returns, the change is durable on a majority of the partition's drives and every read sees it.
    ///
    /// # Errors
    /// [`MetaError::Conflict`] where a row that was read has changed, [`MetaError::OverLimit`] where counters would come to more
    /// than they may: nothing was done. [`MetaError::Unknown`] where the
    /// drive that leads failed meanwhile and no other leads that could tell. Others: nothing was done.
    pub async fn commit(self) -> Result<Committed, MetaError> {
        let command = Bytes::from(self.command.encode());
        if command.len() > TRANSACTION_BYTES_MAX {
            return Err(MetaError::TooLarge { bytes: command.len(), limit: TRANSACTION_BYTES_MAX });
        }
        let mut leader = Arc::clone(&self.reader.leader);
        loop {
            match propose(&*self.env.clock, self.view, &leader, self.reader.partition, command.clone())
                .await?
            {
                Answer::Applied(Outcome::Committed { index, time }) => {
                    return Ok(Committed { version: index, time });
                }
                Answer::Applied(Outcome::Conflict) => return Err(MetaError::Conflict),
                Answer::Applied(Outcome::OverLimit) => return Err(MetaError::OverLimit),
                Answer::Busy => return Err(MetaError::Busy),
                // It was not logged and will not be: the next leader may do it. The checks hold whoever leads.
                Answer::NotLeader => {
                    leader = self.view.leader_after(leader.term, &*self.env.clock).await?;
                }
            }
        }
    }
}

/// Proposes a command and waits until it is known what became of it.
async fn propose(
    clock: &dyn Clock,
    view: &PartitionView,
    leader: &Leader,
    partition: PartitionId,
    command: Bytes,
) -> Result<Answer, MetaError> {
    let events = leader.events.as_ref().ok_or(MetaError::ReadOnly)?;
    let (reply, answer) = oneshot::channel();
    let place = Arc::new(Place::default());
    match events.try_send(Event::Propose { partition, command, reply, place: Arc::clone(&place) }) {
        Ok(()) => tokio::select! {
            biased;
            answer = answered(clock, view, answer, leader.term, &place) => {
                answer.ok_or(MetaError::Unknown { partition })
            }
            () = clock.sleep(ANSWER_WAIT) => Err(match place.take_back() {
                Some(_) => MetaError::Unknown { partition },
                None => MetaError::Busy,
            }),
        },
        Err(TrySendError::Full(_)) => Err(MetaError::Busy),
        // Its drive has failed, and it was not told of this transaction: another one will lead.
        Err(TrySendError::Closed(_)) => Ok(Answer::NotLeader),
    }
}

/// The leader's answer; or, where it has failed or another one leads, what became of the proposal. `None` where nobody can
/// tell.
async fn answered(
    clock: &dyn Clock,
    view: &PartitionView,
    answer: oneshot::Receiver<Answer>,
    term: u64,
    place: &Place,
) -> Option<Answer> {
    tokio::select! {
        biased;
        answer = answer => if let Ok(answer) = answer {
            return Some(answer);
        },
        () = superseded(view, term, place) => {}
    }
    match place.take_back() {
        Some(at) => fate(clock, view, at).await,
        None => Some(Answer::NotLeader),
    }
}

/// Ends when a leader of a later term than that of the proposal's entry can tell what became of it.
async fn superseded(view: &PartitionView, mut term: u64, place: &Place) {
    loop {
        view.deposed(term).await;
        match place.logged() {
            // Who it was given to had been elected again before it took it up.
            Some(at) if at.term > term => term = at.term,
            // Where it still waits to be taken up, its proposer takes it back.
            Some(_) | None => return,
        }
    }
}

/// What became of an entry, asked of leaders of later terms until one can tell.
async fn fate(clock: &dyn Clock, view: &PartitionView, at: LogPosition) -> Option<Answer> {
    let mut asked = at.term;
    loop {
        let leader = view.leader_after(asked, clock).await.ok()?;
        asked = leader.term;
        let (reply, fate) = oneshot::channel();
        let ask = Event::Ask { partition: view.partition(), at, reply };
        if leader.events.as_ref()?.send(ask).await.is_err() {
            continue;
        }
        match fate.await {
            Ok(Fate::Applied(outcome)) => return Some(Answer::Applied(outcome)),
            Ok(Fate::Never) => return Some(Answer::NotLeader),
            Ok(Fate::Forgotten) => return None,
            Ok(Fate::NotLeader) | Err(_) => {}
        }
    }
}
