//! Goes on with bucket deletes that a crash cut short. Once per life: the ones of this life end by themselves.

use env::BoxFuture;
use object::{ObjectError, Objects};

use crate::{Progress, Worker};

pub(crate) struct BucketDeletes {
    objects: Objects,
}

impl BucketDeletes {
    pub(crate) fn new(objects: Objects) -> Self {
        BucketDeletes { objects }
    }
}

impl Worker for BucketDeletes {
    fn name(&self) -> &str {
        "bucket-deletes"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Progress, ObjectError>> {
        Box::pin(async move {
            self.objects.finish_deletes().await?;
            Ok(Progress::Done)
        })
    }
}
