//! Goes on with deletes and quotas of buckets that were cut short: deletes by a crash, as those of this life end by themselves or are
//! told of; quotas also by drives that did not answer, as writes are refused by what is half there.

use std::time::Duration;

use env::BoxFuture;
use object::{ObjectError, Objects};

use crate::{Progress, Worker};

const QUOTAS_LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

pub(crate) struct BucketChanges {
    objects: Objects,
    has_finished_deletes: bool,
}

impl BucketChanges {
    pub(crate) fn new(objects: Objects) -> Self {
        BucketChanges { objects, has_finished_deletes: false }
    }
}

impl Worker for BucketChanges {
    fn name(&self) -> &str {
        "bucket-changes"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            if !self.has_finished_deletes {
                self.objects.finish_deletes().await?;
                self.has_finished_deletes = true;
            }
            self.objects.finish_quotas().await?;
            Ok(Progress::Idle(QUOTAS_LOOKED_AT_EVERY))
        })
    }
}
