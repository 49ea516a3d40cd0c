//! Blobs that were written and of which nobody knows whether a record refers to them: the answer to a commit did not come, a
//! request was given up, or what had been written in vain could not be removed.
//!
//! What always holds: such a blob stays pending, so that no sweep takes it for an orphan while its transaction may still
//! happen. What becomes of it is decided behind a commit of our own: what was proposed before that one has happened by then,
//! or never will. A blob that nothing refers to gets a reclaim row. What a crash makes us forget, the next start's sweep finds.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use blob::{PendingBlob, Written};
use meta::Txn;
use model::blob::BlobRef;
use model::ids::{BlobId, PartitionId};
use model::object::Content;
use model::reclaim::BlobDescriptor;
use parking_lot::Mutex;

use crate::tables::{Current, PartKey, Parts, Path, Reclaim};
use crate::{ATTEMPTS_MAX, ObjectError, Objects, content, settle};

/// Blobs that wait to be decided about, at most. Those beyond stay pending for this life, and wait for the next start.
const WAITING_MAX: usize = 1 << 16;

/// The key of no blob: a commit that removes its row changes nothing.
const NO_BLOB: [u8; 16] = [0; 16];

/// Whose bytes a blob holds: where the record is that refers to it, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    path: Path,
    part: Option<(model::ids::UploadId, u16)>,
}

impl Owner {
    pub(crate) fn of(descriptor: &BlobDescriptor) -> Self {
        Owner { path: (descriptor.bucket, descriptor.key.clone()), part: descriptor.part }
    }

    /// Whether its record refers to the blob. Read by the transaction, which fails where that changes.
    pub(crate) fn refers(&self, txn: &mut Txn<'_>, blob: &BlobId) -> Result<bool, ObjectError> {
        let found = match self.part {
            None => match txn.get::<Current>(&self.path)?.map(|current| current.row.content) {
                Some(Content::Blob(found)) => Some(found),
                _ => None,
            },
            Some((upload, number)) => {
                let (bucket, key) = self.path.clone();
                txn.get::<Parts>(&PartKey { bucket, key, upload, number })?.and_then(|part| part.row.blob)
            }
        };
        Ok(found.is_some_and(|found| found.id == *blob))
    }
}

#[derive(Debug)]
struct Waiting {
    blob: BlobRef,
    owner: Owner,
    pending: PendingBlob,
}

/// The blobs that wait to be decided about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Undecided {
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
}

impl Undecided {
    fn push(&self, waiting: Waiting) {
        let mut all = self.waiting.lock();
        match all.len() < WAITING_MAX {
            true => all.push_back(waiting),
            false => std::mem::forget(waiting.pending),
        }
    }

    fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    fn pop(&self) -> Option<Unreferred> {
        let Waiting { blob, owner, pending } = self.waiting.lock().pop_front()?;
        Some(Unreferred {
            blob,
            missing_shards: Vec::new(),
            owner,
            pending: Some(pending),
            undecided: self.clone(),
        })
    }
}

/// A durable blob on its way into a record. Dropped before it is known to have arrived, or to be gone, it is decided about
/// later.
#[derive(Debug)]
pub(crate) struct Unreferred {
    pub(crate) blob: BlobRef,
    pub(crate) missing_shards: Vec<u8>,
    owner: Owner,
    /// Until it is known.
    pending: Option<PendingBlob>,
    undecided: Undecided,
}

impl Unreferred {
    pub(crate) fn new(objects: &Objects, written: Written, descriptor: &BlobDescriptor) -> Self {
        let Written { blob, missing_shards, pending } = written;
        let (owner, undecided) = (Owner::of(descriptor), objects.inner.undecided.clone());
        Unreferred { blob, missing_shards, owner, pending: Some(pending), undecided }
    }

    /// A record refers to it, or it is gone, or a row says that it is to go.
    pub(crate) fn settled(mut self) {
        self.pending = None;
    }
}

impl Drop for Unreferred {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.undecided.push(Waiting { blob: self.blob.clone(), owner: self.owner.clone(), pending });
        }
    }
}

impl Objects {
    /// Decides about blobs of which it was not known whether a record refers to them; how many are left.
    ///
    /// # Errors
    /// Where a partition can't be asked: its blobs wait.
    pub async fn settle_undecided(&self) -> Result<usize, ObjectError> {
        let mut asked = BTreeSet::new();
        let mut failed = None;
        for _ in 0..self.inner.undecided.len() {
            let Some(blob) = self.inner.undecided.pop() else {
                break;
            };
            match self.decide(&blob, &mut asked).await {
                Ok(()) => blob.settled(),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(self.inner.undecided.len()), Err)
    }

    async fn decide(&self, blob: &Unreferred, asked: &mut BTreeSet<PartitionId>) -> Result<(), ObjectError> {
        let Unreferred { blob, owner, .. } = blob;
        let partition = self.partition(owner.path.0, &owner.path.1);
        if !asked.contains(&partition) {
            self.barrier(partition).await?;
            asked.insert(partition);
        }
        for _ in 0..ATTEMPTS_MAX {
            let mut txn = self.inner.meta.begin(partition).await?;
            let is_going = txn.get::<Reclaim>(blob.id.bytes())?.is_some();
            if is_going || owner.refers(&mut txn, &blob.id)? {
                return Ok(());
            }
            content::reclaim_blob(&mut txn, blob);
            if settle(txn).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    /// A commit that changes nothing. What was proposed to the partition before has happened when it returns, or never will:
    /// a leader logs in the order of proposals, and what an earlier leader did not get committed is overwritten.
    async fn barrier(&self, partition: PartitionId) -> Result<(), ObjectError> {
        let mut txn = self.inner.meta.begin(partition).await?;
        txn.delete::<Reclaim>(&NO_BLOB);
        settle(txn).await?;
        Ok(())
    }
}
