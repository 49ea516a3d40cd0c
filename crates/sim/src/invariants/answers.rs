//! Without faults nothing fails but what another client caused.

use meta::MetaError;
use object::ObjectError;

use crate::oracle::{Condition, Fate, Oracle};

/// What became of a write that failed.
#[must_use]
pub fn fate(error: &ObjectError, condition: Condition) -> Fate {
    match error {
        ObjectError::PreconditionFailed { .. } => Fate::ConditionFailed,
        // A condition on an object that is not there finds no key.
        ObjectError::NoSuchKey if condition != Condition::Always => Fate::ConditionFailed,
        ObjectError::Meta(MetaError::Unknown { .. }) => Fate::Unknown,
        _ => Fate::NothingDone,
    }
}

/// Notes an error of an operation: other clients may cause some, drives at fault any.
pub fn note(oracle: &mut Oracle, operation: &str, error: &ObjectError) {
    let is_of_others = matches!(
        error,
        ObjectError::Contended
            | ObjectError::PreconditionFailed { .. }
            | ObjectError::NoSuchKey
            | ObjectError::NoSuchUpload
            | ObjectError::NoSuchBucket { .. }
            | ObjectError::BucketExists { .. }
            | ObjectError::BucketNotEmpty { .. }
            | ObjectError::BucketBusy { .. }
            | ObjectError::QuotaExceeded { .. }
            | ObjectError::Replaced
    );
    if is_of_others {
        return;
    }
    if oracle.is_faulty {
        oracle.failures += 1;
        oracle.failure_last = format!("{operation}: {error}");
    } else {
        oracle.violate("answers", format!("{operation}: {error}"));
    }
}
