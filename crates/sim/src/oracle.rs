//! What clients asked and were told: the history of every key, the content of every write, uploads and their parts.
//!
//! A history covers one life of the server. [`Oracle::settle`] ends it: what was found after the recovery is what there is,
//! and what was in doubt has happened by then or never will.

use std::collections::BTreeMap;

use bytes::Bytes;
use env::simulated::SimulatedDisks;
use hashbrown::HashMap;
use model::etag::ETag;
use model::ids::UploadId;

/// What a key holds; `None` where it is absent.
pub type Value = Option<ETag>;

/// A moment. Moments are counted: no two events share one.
pub type Moment = u64;

/// What must hold of a key for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Anything.
    Always,
    /// It is absent.
    Absent,
    /// It is there.
    Present,
    /// It holds this.
    Is(ETag),
}

impl Condition {
    /// Whether it holds of a key with this value.
    #[must_use]
    pub fn holds(self, value: Value) -> bool {
        match self {
            Condition::Always => true,
            Condition::Absent => value.is_none(),
            Condition::Present => value.is_some(),
            Condition::Is(wanted) => value == Some(wanted),
        }
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Done,
    /// The client was told that its condition does not hold.
    ConditionFailed,
    /// The client was told that nothing was done.
    NothingDone,
    /// Nobody knows.
    Unknown,
}

/// What an operation did to a key, as far as clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Found this.
    Read(Value),
    /// Was acknowledged: its condition held, and the key then had this value.
    Wrote(Value, Condition),
    /// Was told that the condition does not hold.
    Refused(Condition),
    /// May have happened, or not.
    Unsure(Value, Condition),
}

/// An operation on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// When it was asked for.
    pub invoked: Moment,
    /// When it was answered; the end of time where it was not.
    pub returned: Moment,
    /// What it did.
    pub effect: Effect,
}

/// The life of a key since the last recovery.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What it held then.
    pub initial: Value,
    /// What happened since, in the order in which it was asked for.
    pub operations: Vec<KeyEvent>,
}

/// A write under way.
#[derive(Clone, Debug)]
pub struct Ticket {
    key: String,
    invoked: Moment,
}

/// A part, as clients know it: one of these.
pub type PartValues = Vec<ETag>;

/// What is known of an upload.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Of which key.
    pub key: String,
    /// Whether it is known to be open; `None` in doubt.
    pub is_open: Option<bool>,
    /// Its parts: what each may be. The first is what was acknowledged last, where there is one.
    pub parts: BTreeMap<u16, PartValues>,
    /// Parts of which nothing was acknowledged yet.
    pub parts_in_doubt: BTreeMap<u16, PartValues>,
    /// Whether a client of this life is at it.
    pub is_taken: bool,
}

impl Upload {
    /// One that is open, without parts, and nobody is at it.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Upload {
            key: key.to_owned(),
            is_open: Some(true),
            parts: BTreeMap::new(),
            parts_in_doubt: BTreeMap::new(),
            is_taken: false,
        }
    }

    /// A part is put.
    pub fn begin_part(&mut self, number: u16, etag: ETag) {
        let known = self.parts.get_mut(&number);
        match known {
            Some(values) => values.push(etag),
            None => self.parts_in_doubt.entry(number).or_default().push(etag),
        }
    }

    /// A part was put, or was not.
    pub fn end_part(&mut self, number: u16, etag: ETag, fate: Fate) {
        match fate {
            Fate::Done => {
                self.parts.insert(number, vec![etag]);
                self.parts_in_doubt.remove(&number);
            }
            Fate::Unknown => {}
            Fate::NothingDone | Fate::ConditionFailed => {
                let values = [self.parts.get_mut(&number), self.parts_in_doubt.get_mut(&number)];
                for values in values.into_iter().flatten() {
                    values.retain(|value| *value != etag);
                }
            }
        }
    }

    /// After a recovery it is open and has these parts.
    pub fn settle(&mut self, parts: BTreeMap<u16, ETag>) {
        self.is_open = Some(true);
        self.parts = parts.into_iter().map(|(number, etag)| (number, vec![etag])).collect();
        self.parts_in_doubt.clear();
        self.is_taken = false;
    }
}

/// A breach of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which: the name of its file.
    pub invariant: &'static str,
    /// What was found.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// All that clients know.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// Keys with their histories; a key's name begins with its bucket's.
    pub keys: BTreeMap<String, History>,
    /// Content by ETag.
    pub contents: HashMap<ETag, Bytes>,
    /// Uploads that were begun.
    pub uploads: BTreeMap<UploadId, Upload>,
    /// Uploads that may have been begun, and nobody knows their ids.
    pub uploads_in_doubt: usize,
    /// What was found wrong.
    pub violations: Vec<Violation>,
    /// Operations of clients in all.
    pub operations: u64,
    /// Operations that were refused or in doubt because of a fault.
    pub failures: u64,
    /// What the last of them was told.
    pub failure_last: String,
    /// Whether drives fail: then operations may fail too.
    pub is_faulty: bool,
    now: Moment,
    contents_made: u64,
    disks: Option<SimulatedDisks>,
}

impl Oracle {
    /// Of what happens on these drives.
    #[must_use]
    pub fn new(disks: &SimulatedDisks) -> Self {
        Oracle { disks: Some(disks.clone()), ..Oracle::default() }
    }

    /// Whether the process is dead: nobody hears what it answers now.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.disks.as_ref().is_some_and(SimulatedDisks::has_crashed)
    }

    /// A moment, later than all before.
    pub fn tick(&mut self) -> Moment {
        self.now += 1;
        self.now
    }

    /// Content that nobody else writes.
    pub fn new_content(&mut self, len_bytes: usize) -> Bytes {
        self.contents_made += 1;
        crate::content::content(self.contents_made, len_bytes)
    }

    /// What an ETag stands for from now on.
    pub fn note(&mut self, etag: ETag, bytes: &Bytes) {
        self.contents.insert(etag, bytes.clone());
    }

    /// A write is asked for.
    pub fn begin(&mut self, key: &str, value: Value, condition: Condition) -> Ticket {
        let invoked = self.tick();
        self.operations += 1;
        let operation = KeyEvent { invoked, returned: Moment::MAX, effect: Effect::Unsure(value, condition) };
        self.keys.entry(key.to_owned()).or_default().operations.push(operation);
        Ticket { key: key.to_owned(), invoked }
    }

    /// A write is answered.
    pub fn end(&mut self, ticket: &Ticket, fate: Fate) {
        if self.is_dead() {
            return;
        }
        let returned = self.tick();
        let Some(history) = self.keys.get_mut(&ticket.key) else { return };
        let at = history.operations.iter().position(|operation| operation.invoked == ticket.invoked);
        let Some(at) = at else { return };
        let operation = &mut history.operations[at];
        let Effect::Unsure(value, condition) = operation.effect else { return };
        match fate {
            Fate::Done => {
                (operation.effect, operation.returned) = (Effect::Wrote(value, condition), returned)
            }
            Fate::ConditionFailed => {
                (operation.effect, operation.returned) = (Effect::Refused(condition), returned);
            }
            Fate::NothingDone => drop(history.operations.remove(at)),
            Fate::Unknown => {}
        }
    }

    /// A read that was asked for at `invoked` is answered.
    pub fn read(&mut self, key: &str, invoked: Moment, value: Value) {
        if self.is_dead() {
            return;
        }
        let returned = self.tick();
        self.operations += 1;
        let operation = KeyEvent { invoked, returned, effect: Effect::Read(value) };
        let operations = &mut self.keys.entry(key.to_owned()).or_default().operations;
        let at = operations.partition_point(|other| other.invoked < invoked);
        operations.insert(at, operation);
    }

    /// After a recovery, and after the key's history was checked: this is what there is.
    pub fn settle(&mut self, key: &str, value: Value) {
        if self.is_dead() {
            return;
        }
        self.keys.insert(key.to_owned(), History { initial: value, operations: Vec::new() });
    }

    /// Something is wrong.
    pub fn violate(&mut self, invariant: &'static str, what: impl Into<String>) {
        if !self.is_dead() {
            self.violations.push(Violation { invariant, what: what.into() });
        }
    }
}

impl History {
    /// What the key may hold now, given what is known: the values of writes that no other certainly followed.
    #[must_use]
    pub fn possible(&self) -> Vec<Value> {
        let writes = || {
            self.operations.iter().filter_map(|operation| match operation.effect {
                Effect::Wrote(value, _) | Effect::Unsure(value, _) => Some((operation, value)),
                Effect::Read(_) | Effect::Refused(_) => None,
            })
        };
        let is_done = |operation: &KeyEvent| matches!(operation.effect, Effect::Wrote(..));
        let is_last =
            |returned: Moment| !writes().any(|(other, _)| is_done(other) && other.invoked > returned);
        let mut values: Vec<Value> =
            writes().filter(|(write, _)| is_last(write.returned)).map(|(_, value)| value).collect();
        if !writes().any(|(write, _)| is_done(write)) {
            values.push(self.initial);
        }
        values
    }

    /// Whether the key ever held this, or might have.
    #[must_use]
    pub fn knew(&self, value: Value) -> bool {
        self.initial == value
            || self.operations.iter().any(|operation| match operation.effect {
                Effect::Wrote(written, _) | Effect::Unsure(written, _) => written == value,
                Effect::Read(_) | Effect::Refused(_) => false,
            })
    }
}
