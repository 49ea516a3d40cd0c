//! Goes on with deletes and quotas of buckets that a crash cut short. Once per life: the ones of this life end by themselves.

use env::BoxFuture;
use object::{ObjectError, Objects};

use crate::{Progress, Worker};

pub(crate) struct BucketChanges {
    objects: Objects,
}

impl BucketChanges {
    pub(crate) fn new(objects: Objects) -> Self {
        BucketChanges { objects }
    }
}

impl Worker for BucketChanges {
    fn name(&self) -> &str {
        "bucket-changes"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            self.objects.finish_deletes().await?;
            self.objects.finish_quotas().await?;
            Ok(Progress::Done)
        })
    }
}
