//! What was deleted or replaced, and acknowledged as such, does not come back.

use crate::oracle::{History, Value};

/// Holds what a key was found to hold against what clients were told.
///
/// # Errors
/// Where something is back.
pub fn check(key: &str, history: &History, found: Value) -> Result<(), String> {
    if !is_back(history, found) {
        return Ok(());
    }
    Err(format!("{key:?} holds {found:?} again, after {:#?}", history.operations))
}

/// Whether it is something that the key held once and can't hold any more.
pub(super) fn is_back(history: &History, found: Value) -> bool {
    found.is_some() && history.knew(found) && !history.possible().contains(&found)
}
