//! Buckets: the row of the system partition, keyed by name.

use crate::ids::BucketId;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use crate::time::Timestamp;

/// Where a bucket stands in its life. See decision 0001 for the step from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BucketState {
    /// Takes objects.
    Active = 0,
    /// Being deleted: its partitions are being fenced.
    Deleting = 1,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRecord {
    /// Its incarnation, in the key of everything it holds.
    pub id: BucketId,
    /// When it was made; [`Timestamp::ZERO`] for the time of this row.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub state: BucketState,
    /// The location constraint it was made with; empty for none.
    pub region: String,
    /// Canonical id of the account that owns it.
    pub owner: String,
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.id.0);
        out.varint(self.created.millis());
        out.u8(self.state as u8);
        out.text(&self.region);
        out.text(&self.owner);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(BucketRecord {
            id: BucketId(input.varint()?),
            created: Timestamp::from_millis(input.varint()?),
            state: match input.u8()? {
                0 => BucketState::Active,
                1 => BucketState::Deleting,
                _ => return Err(input.impossible("bucket state")),
            },
            region: input.text()?,
            owner: input.text()?,
        })
    }
}
