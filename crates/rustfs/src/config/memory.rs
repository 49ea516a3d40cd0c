//! How much memory metadata may take.

use super::settings::{Setting, Settings};
use super::units::{SIZES, measured};
use super::{ConfigError, ServerArguments};
use crate::memory::{METADATA_BYTES_DEFAULT, METADATA_BYTES_MIN};

const METADATA: &[&str] = &["RUSTFS_METADATA_MEMORY"];

pub(super) fn read(arguments: &ServerArguments, settings: &mut Settings<'_>) -> Result<u64, ConfigError> {
    let given = settings.get("--metadata-memory", arguments.metadata_memory.as_deref(), METADATA);
    given.map_or(Ok(METADATA_BYTES_DEFAULT), |given| bytes(&given))
}

fn bytes(given: &Setting) -> Result<u64, ConfigError> {
    let bytes = measured(&given.value, SIZES).filter(|bytes| *bytes >= METADATA_BYTES_MIN);
    bytes.ok_or_else(|| ConfigError::Value {
        name: given.name.clone(),
        value: given.value.clone(),
        wanted: "memory is written 128MiB or 1GiB, 8MiB at least",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_a_unit_and_is_enough_to_work() {
        let read = |value: &str| bytes(&Setting { name: "X".into(), value: value.into() });
        assert_eq!((read("8MiB"), read("1GiB")), (Ok(8 << 20), Ok(1 << 30)));
        for wrong in ["", "128", "7MiB", "0GiB", "1MB", "-1GiB"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
