//! Locks. There are none on objects: conditions are checked in the transactions that they guard.

use serde_json::Value;

use crate::answer::Answer;
use crate::error::AdminError;

/// No lock is held, ever.
pub(crate) fn top_locks() -> Result<Answer, AdminError> {
    Answer::json(&Value::Array(Vec::new()))
}

/// There is none to take away, so it is done.
pub(crate) fn force_unlock() -> Result<Answer, AdminError> {
    Ok(Answer::Done)
}
