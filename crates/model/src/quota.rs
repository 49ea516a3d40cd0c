//! What a bucket may hold, and how much of that each partition has been allotted (decision 0007).
//!
//! Always true: in a partition a bucket holds no more than the allotment of its fence there, but for what it held before it
//! had a quota; and an allotment is never more than the quota's record says it is.

use crate::ids::PartitionId;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};

/// What a bucket may hold in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allotment {
    /// Bytes of objects and of parts of uploads.
    pub bytes: u64,
    /// How often it was lowered: who would raise it, and knows another number, knows it no more.
    pub generation: u64,
}

/// What a bucket's quota is, and which parts of it are allotted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaRecord {
    /// The bucket's name; its id is the row's key.
    pub bucket_name: String,
    /// Bytes that the bucket may hold.
    pub limit_bytes: u64,
    /// Whether it is being set or removed, so that a crash can have left it half done.
    pub state: QuotaState,
    /// The most that each partition's allotment may be, ascending by partition.
    pub allotments: Vec<(PartitionId, Allotment)>,
}

/// How far a quota is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum QuotaState {
    /// Not yet in force in every partition.
    #[default]
    Setting = 0,
    /// In force.
    InForce = 1,
    /// Not in force in every partition any more.
    Removing = 2,
}

/// What a partition takes of a bucket; a bucket without such a row is open and has no quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FenceRecord {
    /// Nothing more is taken: the bucket is being deleted, or was.
    pub is_closed: bool,
    /// What it may hold here; none where it has no quota.
    pub allotment: Option<Allotment>,
}

/// A fence of before there were quotas: closed by being there.
#[derive(Debug)]
pub struct ClosedFence;

impl Record for ClosedFence {
    const NAME: &'static str = FenceRecord::NAME;
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, _out: &mut Encoder) {}

    fn decode_fields(_input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(ClosedFence)
    }
}

impl Allotment {
    fn encode(self, out: &mut Encoder) {
        out.varint(self.bytes);
        out.varint(self.generation);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Allotment { bytes: input.varint()?, generation: input.varint()? })
    }
}

impl Record for FenceRecord {
    const NAME: &'static str = "fence";
    const VERSION: u8 = 2;
    type Previous = ClosedFence;

    fn upgrade(_previous: ClosedFence) -> Self {
        FenceRecord { is_closed: true, allotment: None }
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.u8(u8::from(self.is_closed) | u8::from(self.allotment.is_some()) << 1);
        if let Some(allotment) = self.allotment {
            allotment.encode(out);
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let flags = input.u8()?;
        if flags == 0 || flags > 3 {
            return Err(input.impossible("flags"));
        }
        let allotment = (flags & 2 != 0).then(|| Allotment::decode(input)).transpose()?;
        Ok(FenceRecord { is_closed: flags & 1 != 0, allotment })
    }
}

impl Record for QuotaRecord {
    const NAME: &'static str = "quota";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.text(&self.bucket_name);
        out.varint(self.limit_bytes);
        out.u8(self.state as u8);
        out.varint(self.allotments.len() as u64);
        for (partition, allotment) in &self.allotments {
            out.varint(u64::from(partition.0));
            allotment.encode(out);
        }
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let (bucket_name, limit_bytes) = (input.text()?, input.varint()?);
        let state = match input.u8()? {
            0 => QuotaState::Setting,
            1 => QuotaState::InForce,
            2 => QuotaState::Removing,
            _ => return Err(input.impossible("state")),
        };
        let mut allotments: Vec<(PartitionId, Allotment)> = Vec::new();
        for _ in 0..input.count()? {
            let partition = PartitionId(input.number("partition")?);
            if allotments.last().is_some_and(|(last, _)| *last >= partition) {
                return Err(input.impossible("order of partitions"));
            }
            allotments.push((partition, Allotment::decode(input)?));
        }
        Ok(QuotaRecord { bucket_name, limit_bytes, state, allotments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allotment() -> impl Strategy<Value = Allotment> {
        any::<(u64, u64)>().prop_map(|(bytes, generation)| Allotment { bytes, generation })
    }

    proptest! {
        #[test]
        fn a_quota_comes_back(
            bucket_name: String,
            limit_bytes: u64,
            state in 0usize..3,
            allotments in proptest::collection::btree_map(any::<u16>(), allotment(), 0..20),
        ) {
            let state = [QuotaState::Setting, QuotaState::InForce, QuotaState::Removing][state];
            let allotments = allotments.into_iter().map(|(id, allotment)| (PartitionId(id), allotment)).collect();
            let record = QuotaRecord { bucket_name, limit_bytes, state, allotments };
            prop_assert_eq!(QuotaRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn a_fence_comes_back(is_closed: bool, allotment in proptest::option::of(allotment())) {
            let record = FenceRecord { is_closed, allotment };
            prop_assume!(record != FenceRecord::default());
            prop_assert_eq!(FenceRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (FenceRecord::decode(&bytes), QuotaRecord::decode(&bytes));
        }
    }

    #[test]
    fn a_fence_of_an_earlier_release_is_closed() {
        let read = FenceRecord::decode(&ClosedFence.encode());
        assert_eq!(read, Ok(FenceRecord { is_closed: true, allotment: None }));
    }

    #[test]
    fn a_fence_that_says_nothing_is_never_written() {
        assert!(FenceRecord::decode(&[2, 0]).is_err());
        assert!(FenceRecord::decode(&[2, 4]).is_err());
    }
}
