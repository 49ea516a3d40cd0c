//! Drives, and what to do about each.

use serde_json::Value;

use super::units::{bytes, count, minute};
use super::{items, number, text_of};
use crate::client::table::{Table, WIDTH_MAX, wrapped};

/// Below this part of its room a drive is worth a warning: a hundredth is the reserve, where writes end.
const FREE_PART_MIN: u64 = 20;

/// Every drive, then what is to be done.
pub(super) fn text(answer: &Value) -> String {
    let mut table = Table::new(&["drive", "set", "slot", "state", "used", "of", "scrub"]);
    let mut todo = String::new();
    for drive in items(&answer["sets"]).iter().flat_map(|set| items(&set["disks"])) {
        let scrub = items(&answer["scrubs"]).iter().find(|scrub| scrub["path"] == drive["path"]);
        let (free, total) = (number(&drive["availspace"]), number(&drive["totalspace"]));
        let name = name(drive);
        table.row([
            name.clone(),
            text_of(&drive["set_index"]),
            text_of(&drive["disk_index"]),
            state(drive).to_owned(),
            bytes(number(&drive["usedspace"])),
            bytes(total),
            scrub.map(progress).unwrap_or_default(),
        ]);
        if let Some(remedy) = remedy(drive, free, total) {
            let lines = wrapped(&format!("{name}: {remedy}"), WIDTH_MAX - 2);
            todo.extend(lines.iter().map(|line| format!("  {line}\n")));
        }
    }
    match todo.is_empty() {
        true => format!("{}\nNothing is to be done.\n", table.text()),
        false => format!("{}\nWhat to do:\n{todo}", table.text()),
    }
}

/// The folder; a drive that is missing has none.
fn name(drive: &Value) -> String {
    match text_of(&drive["path"]) {
        path if path.is_empty() => "(missing)".to_owned(),
        path => path,
    }
}

fn state(drive: &Value) -> &str {
    match (drive["healing"] == true, drive["state"].as_str()) {
        (true, _) => "refilling",
        (false, Some("offline")) => "missing",
        (false, Some(state)) => state,
        (false, None) => "",
    }
}

fn remedy(drive: &Value, free: u64, total: u64) -> Option<&'static str> {
    match state(drive) {
        "missing" => Some(
            "the server was started without it. Mount it, or an empty drive in its place, and restart the server",
        ),
        "faulty" => Some(
            "a write of it failed, or it does not answer: the log says which. Look at the device and at what the kernel says \
             (dmesg). One that answers again is used again; after a failed write restart the server; replace the drive where \
             it happens again",
        ),
        "refilling" => Some(
            "it is being filled from the others, which goes on by itself. Take no other drive of its set away before it is done",
        ),
        _ if total > 0 && free < total / FREE_PART_MIN => Some(
            "it is nearly full, and takes no new bytes once it is: delete objects, or add room to its file system",
        ),
        _ => None,
    }
}

/// How far the scrub is, or when the last one ended and what it found.
fn progress(scrub: &Value) -> String {
    let found = number(&scrub["found"]);
    let mended = number(&scrub["healed"]);
    let found = if found == 0 {
        String::new()
    } else {
        format!(", found {}, healed {}", count(found), count(mended))
    };
    match (scrub["finished"].as_str(), scrub["started"].as_str()) {
        (Some(finished), _) => format!("ended {}{found}", minute(finished)),
        (None, Some(_)) => {
            format!("{}%{found}", percent(number(&scrub["read_bytes"]), number(&scrub["used_bytes"])))
        }
        (None, None) => "not yet".to_owned(),
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(percent.min(100)).unwrap_or(100)
}
