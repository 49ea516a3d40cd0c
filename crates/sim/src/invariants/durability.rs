//! What was acknowledged is there after a recovery, unless something came after it.

use crate::oracle::{History, Value};

/// Holds what a key was found to hold against what clients were told.
///
/// # Errors
/// Where an acknowledged write is gone.
pub fn check(key: &str, history: &History, found: Value) -> Result<(), String> {
    let possible = history.possible();
    if possible.contains(&found) || super::no_resurrection::is_back(history, found) {
        return Ok(());
    }
    Err(format!("{key:?} holds {found:?}, not one of {possible:?}, after {:#?}", history.operations))
}
