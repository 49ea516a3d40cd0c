//! Where the bytes of an object are: a reference to an immutable, erasure-coded blob.

use crate::ids::BlobId;
use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};

/// How a blob is cut into shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Redundancy {
    /// Data shards, k; at least 1.
    pub data: u8,
    /// Parity shards, m: so many shards may be lost.
    pub parity: u8,
}

impl Redundancy {
    /// Shards in all.
    #[must_use]
    pub const fn shards(self) -> usize {
        self.data as usize + self.parity as usize
    }

    /// Shards that must be synced before a write is acknowledged: k+1, or k where there is no parity.
    #[must_use]
    pub const fn write_quorum(self) -> usize {
        self.data as usize + if self.parity > 0 { 1 } else { 0 }
    }
}

/// A committed blob: what is needed to find, read and repair it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// Its id; also names its shards on the drives.
    pub id: BlobId,
    /// Its length in bytes, without parity and headers.
    pub size_bytes: u64,
    /// How it is cut.
    pub redundancy: Redundancy,
    /// Data bytes a stripe.
    pub stripe_bytes: u32,
    /// The erasure set it lies in.
    pub set: u16,
    /// The slot of its shard 0 in the set; shard i lies in slot (first + i) modulo the width of the set.
    pub first_slot: u8,
    /// Epoch of the cluster map it was placed by.
    pub map_epoch: u64,
}

impl Record for BlobRef {
    const NAME: &'static str = "blob reference";
    const VERSION: u8 = 1;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Self {
        match previous {}
    }

    fn encode_fields(&self, out: &mut Encoder) {
        out.fixed(self.id.bytes());
        out.varint(self.size_bytes);
        out.u8(self.redundancy.data);
        out.u8(self.redundancy.parity);
        out.varint(u64::from(self.stripe_bytes));
        out.varint(u64::from(self.set));
        out.u8(self.first_slot);
        out.varint(self.map_epoch);
    }

    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let blob = BlobRef {
            id: BlobId::from_bytes(input.fixed()?),
            size_bytes: input.varint()?,
            redundancy: Redundancy { data: input.u8()?, parity: input.u8()? },
            stripe_bytes: input.number("stripe size")?,
            set: input.number("set")?,
            first_slot: input.u8()?,
            map_epoch: input.varint()?,
        };
        if blob.redundancy.data == 0 || blob.redundancy.shards() > crate::limits::SHARDS_MAX {
            return Err(input.impossible("redundancy"));
        }
        if blob.stripe_bytes == 0 {
            return Err(input.impossible("stripe size"));
        }
        Ok(blob)
    }
}
