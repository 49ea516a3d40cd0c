//! What a log entry says: check these rows and what counters may come to, then write and add. The one thing that the replicas
//! of a partition agree on.

use model::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use model::time::Timestamp;

/// A row that must still have the version it was read at; 0 for "there is no such row".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// The engine's key.
    pub(crate) key: Vec<u8>,
    /// The version.
    pub(crate) version: u64,
}

/// A row that is written, or removed where there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// The engine's key.
    pub(crate) key: Vec<u8>,
    /// The record, without the row's header: that is made when it is applied.
    pub(crate) record: Option<Vec<u8>>,
}

/// Deltas that are added to counters, with no check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Add {
    /// The engine's key of the counters.
    pub(crate) key: Vec<u8>,
    /// By position.
    pub(crate) deltas: Vec<i64>,
}

/// What counters may come to together: a transaction after which they were more does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The engine's key of the counters.
    pub(crate) key: Vec<u8>,
    /// The positions whose values are summed.
    pub(crate) positions: Vec<u8>,
    /// The most that the sum may be afterwards, this transaction's own deltas included.
    pub(crate) at_most: i64,
}

/// A transaction, as it is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// The transaction read nothing older than this index of the partition's log.
    pub(crate) base: u64,
    /// What must be unchanged.
    pub(crate) checks: Vec<Check>,
    /// What is written.
    pub(crate) writes: Vec<Write>,
    /// What is counted.
    pub(crate) adds: Vec<Add>,
    /// What is counted may come to this.
    pub(crate) limits: Vec<Limit>,
}

/// A command of before there were limits.
pub(crate) struct Unlimited(Command);

impl Record for Unlimited {
    const NAME: &'static str = Command::NAME;
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.0.encode_changes(out);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Command::decode_changes(input).map(Unlimited)
    }
}

impl Record for Command {
    const NAME: &'static str = "log command";
    const VERSION: u8 = 2;
    type Previous = Unlimited;

    fn upgrade(previous: Unlimited) -> Self {
        previous.0
    }

    fn encode_fields(&self, out: &mut Encoder) {
        self.encode_changes(out);
        out.varint(self.limits.len() as u64);
        for limit in &self.limits {
            out.bytes(&limit.key);
            out.bytes(&limit.positions);
            out.signed(limit.at_most);
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let mut command = Command::decode_changes(input)?;
        for _ in 0..input.count()? {
            let (key, positions) = (input.bytes()?.to_vec(), input.bytes()?.to_vec());
            command.limits.push(Limit { key, positions, at_most: input.signed()? });
        }
        Ok(command)
    }
}

impl Command {
    /// Everything but limits.
    fn encode_changes(&self, out: &mut Encoder) {
        out.varint(self.base);
        out.varint(self.checks.len() as u64);
        for check in &self.checks {
            out.bytes(&check.key);
            out.varint(check.version);
        }
        out.varint(self.writes.len() as u64);
        for write in &self.writes {
            out.bytes(&write.key);
            match &write.record {
                None => out.u8(0),
                Some(record) => {
                    out.u8(1);
                    out.bytes(record);
                }
            }
        }
        out.varint(self.adds.len() as u64);
        for add in &self.adds {
            out.bytes(&add.key);
            out.varint(add.deltas.len() as u64);
            for delta in &add.deltas {
                out.signed(*delta);
            }
        }
    }

    fn decode_changes(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let mut command = Command { base: input.varint()?, ..Command::default() };
        for _ in 0..input.count()? {
            command.checks.push(Check { key: input.bytes()?.to_vec(), version: input.varint()? });
        }
        for _ in 0..input.count()? {
            let key = input.bytes()?.to_vec();
            let record = match input.u8()? {
                0 => None,
                1 => Some(input.bytes()?.to_vec()),
                _ => return Err(input.impossible("write")),
            };
            command.writes.push(Write { key, record });
        }
        for _ in 0..input.count()? {
            let key = input.bytes()?.to_vec();
            let count = input.count()?;
            let deltas = (0..count).map(|_| input.signed()).collect::<Result<_, _>>()?;
            command.adds.push(Add { key, deltas });
        }
        Ok(command)
    }
}

/// Data of a log entry: the leader's time (8 bytes, little-endian milliseconds), then the command.
#[must_use]
pub(crate) fn stamp(time: Timestamp, command: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(8 + command.len());
    data.extend_from_slice(&time.millis().to_le_bytes());
    data.extend_from_slice(command);
    data
}

/// Takes apart what [`stamp`] put together.
///
/// # Errors
/// Where the data is no such entry.
pub(crate) fn unstamp(data: &[u8]) -> Result<(Timestamp, Command), RecordError> {
    let (time, command) =
        data.split_first_chunk::<8>().ok_or(RecordError::Cut { record: Command::NAME, at: 0 })?;
    Ok((Timestamp::from_millis(u64::from_le_bytes(*time)), Command::decode(command)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_command_comes_back(
            base: u64,
            checks: Vec<(Vec<u8>, u64)>,
            writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
            adds: Vec<(Vec<u8>, Vec<i64>)>,
            limits: Vec<(Vec<u8>, Vec<u8>, i64)>,
        ) {
            let command = Command {
                base,
                checks: checks.into_iter().map(|(key, version)| Check { key, version }).collect(),
                writes: writes.into_iter().map(|(key, record)| Write { key, record }).collect(),
                adds: adds.into_iter().map(|(key, deltas)| Add { key, deltas }).collect(),
                limits: limits
                    .into_iter()
                    .map(|(key, positions, at_most)| Limit { key, positions, at_most })
                    .collect(),
            };
            let time = Timestamp::from_millis(base);
            let data = stamp(time, &command.encode());
            prop_assert_eq!(unstamp(&data), Ok((time, command.clone())));
            let before = Command { limits: Vec::new(), ..command };
            let data = stamp(time, &Unlimited(before.clone()).encode());
            prop_assert_eq!(unstamp(&data), Ok((time, before)), "as an earlier release logged it");
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = unstamp(&bytes);
        }
    }
}
