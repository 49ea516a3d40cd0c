//! What a scrub finds, as the records see it: whether anybody refers to the blob of a bad shard, and its repair.

use blob::{Described, Repaired, ShardFault};
use model::blob::BlobRef;
use model::ids::PartitionId;
use model::reclaim::BlobDescriptor;
use model::record::Record;

use crate::tables::Reclaim;
use crate::{ObjectError, Objects, content, settle};

impl Objects {
    /// Heals a blob of which a shard was found bad, by what another shard tells of it. `None` where nobody refers to it: what a
    /// crash or a delete left behind is the collector's.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn heal_described(
        &self,
        described: &Described,
        known: &[ShardFault],
    ) -> Result<Option<Repaired>, ObjectError> {
        if !self.refers_to(&described.descriptor, &described.blob.id).await? {
            return Ok(None);
        }
        match BlobDescriptor::decode(&described.descriptor) {
            Ok(names) => {
                self.heal_found(self.partition(names.bucket, &names.key), &described.blob, known).await
            }
            // Nobody knows whose it is; it stays, and it stays damaged.
            Err(_) => Ok(Some(Repaired { rebuilt: Vec::new(), remaining: known.to_vec() })),
        }
    }

    /// Heals a blob of a partition of which some shards are known to be bad or missing; what can't be made whole now is queued.
    /// `None` where it is on its way out.
    ///
    /// # Errors
    /// Where the records can't be read or written.
    pub async fn heal_found(
        &self,
        partition: PartitionId,
        blob: &BlobRef,
        known: &[ShardFault],
    ) -> Result<Option<Repaired>, ObjectError> {
        let _held = self.inner.readers.register(blob.id);
        let reader = self.inner.meta.reader(partition).await?;
        if reader.get::<Reclaim>(blob.id.bytes())?.is_some() {
            return Ok(None);
        }
        let repaired = match self.inner.blobs.repair_known(blob, known).await {
            Ok(repaired) => repaired,
            Err(error) => {
                tracing::error!(blob = %blob.id, %error, "a damaged blob can't be healed now");
                Repaired { rebuilt: Vec::new(), remaining: known.to_vec() }
            }
        };
        if !repaired.remaining.is_empty() {
            let mut txn = self.inner.meta.begin(partition).await?;
            content::heal(&mut txn, blob);
            settle(txn).await?;
        }
        Ok(Some(repaired))
    }
}
