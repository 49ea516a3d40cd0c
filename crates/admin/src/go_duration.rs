//! Durations as Go writes them: `1h2m3.5s`, `150ms`.

use std::time::Duration;

use crate::error::AdminError;

/// Reads one; negative ones are none that this API has a use for.
pub(crate) fn parse(text: &str) -> Result<Duration, AdminError> {
    let wrong = || AdminError::argument(format!("{text} is no duration such as 1m30s or 250ms."));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(letters);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        seconds += number * seconds_of(unit).ok_or_else(wrong)?;
        rest = next;
    }
    let is_empty = text.is_empty();
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !is_empty).ok_or_else(wrong)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, milliseconds) in
            [("0s", 0), ("0", 0), ("250ms", 250), ("1m30s", 90_000), ("1.5s", 1_500), ("1h0m0s", 3_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "5", "s", "-1s", "1d", "1s2", "1..2s", "99999999999999999999999999h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
