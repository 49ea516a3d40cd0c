//! How often and how fast drives are scrubbed.

use std::time::Duration;

use worker::ScrubOptions;

use super::settings::{Setting, Settings};
use super::units::{SIZES, TIMES, measured};
use super::{ConfigError, ServerArguments};

const INTERVAL: &[&str] = &["RUSTFS_SCRUB_INTERVAL"];
const RATE: &[&str] = &["RUSTFS_SCRUB_RATE"];

pub(super) fn read(
    arguments: &ServerArguments,
    settings: &mut Settings<'_>,
) -> Result<ScrubOptions, ConfigError> {
    let mut scrub = ScrubOptions::default();
    if let Some(given) = settings.get("--scrub-interval", arguments.scrub_interval.as_deref(), INTERVAL) {
        scrub.interval = interval(&given)?;
    }
    if let Some(given) = settings.get("--scrub-rate", arguments.scrub_rate.as_deref(), RATE) {
        scrub.bytes_per_second = rate(&given)?;
    }
    Ok(scrub)
}

fn interval(given: &Setting) -> Result<Option<Duration>, ConfigError> {
    if given.value.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let seconds = measured(&given.value, TIMES).filter(|seconds| *seconds > 0);
    let seconds =
        seconds.ok_or_else(|| refused(given, "an interval is written 14d, 12h, 30m or 10s; off: never"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

fn rate(given: &Setting) -> Result<u64, ConfigError> {
    let bytes = measured(&given.value, SIZES).filter(|bytes| *bytes >= 1 << 10);
    bytes.ok_or_else(|| {
        refused(given, "a rate is written 32MiB, 512KiB or 1GiB: bytes of a drive in a second")
    })
}

fn refused(given: &Setting, wanted: &'static str) -> ConfigError {
    ConfigError::Value { name: given.name.clone(), value: given.value.clone(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(value: &str) -> Setting {
        Setting { name: "X".into(), value: value.into() }
    }

    #[test]
    fn intervals_and_rates_have_a_unit() {
        let seconds = |value| interval(&setting(value)).unwrap().map(|interval| interval.as_secs());
        assert_eq!(seconds("14d"), Some(14 * 24 * 3600));
        assert_eq!((seconds("10s"), seconds("90m"), seconds("off")), (Some(10), Some(5400), None));
        assert_eq!(rate(&setting("32MiB")), Ok(32 << 20));
        for wrong in ["", "14", "d", "-1d", "1.5d", "0s", "99999999999999999999d", "18446744073709551615d"] {
            assert!(interval(&setting(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["", "32", "MiB", "1MB", "0GiB", "18446744073709551615GiB"] {
            assert!(rate(&setting(wrong)).is_err(), "{wrong}");
        }
    }
}
