//! Numbers with a unit behind them, as flags and variables are written.

/// Seconds of a unit.
pub(super) const TIMES: &[(&str, u64)] = &[("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600)];
/// Bytes of a unit.
pub(super) const SIZES: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A whole number with one of the units behind it.
pub(super) fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, *factor)))?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| number.parse::<u64>().ok())??.checked_mul(factor)
}
