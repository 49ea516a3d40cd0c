//! What an inspection found, as text for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::Inspection;
use super::finding::{Finding, Group, Kind};

/// Examples shown of one kind on one drive.
const SHOWN_MAX: usize = 8;

/// For people.
#[must_use]
pub fn text(inspection: &Inspection) -> String {
    let mut text = summary(inspection);
    for wants_notes in [false, true] {
        let mut kinds: BTreeMap<Kind, Vec<(&Path, &Group)>> = BTreeMap::new();
        for (kind, drive, group) in
            inspection.findings.groups().filter(|(kind, ..)| kind.is_note() == wants_notes)
        {
            kinds.entry(kind).or_default().push((drive, group));
        }
        if kinds.is_empty() {
            continue;
        }
        text.push_str(if wants_notes {
            "\nWorth knowing, no harm:\n"
        } else {
            "\nFindings, the worst first:\n"
        });
        for (kind, groups) in kinds {
            describe(kind, &groups, &mut text);
        }
    }
    text
}

fn summary(inspection: &Inspection) -> String {
    let count = inspection.findings.count(None);
    let verdict = if count == 0 { "sound".to_owned() } else { format!("{count} findings") };
    let mut text = format!(
        "store {}: {} drives looked at, {} objects in their records: {verdict}\n",
        inspection.store,
        inspection.drives.len(),
        inspection.objects
    );
    for drive in &inspection.drives {
        let count = inspection.findings.count(Some(&drive.path));
        let verdict = if count == 0 { "sound".to_owned() } else { format!("{count} findings") };
        let (set, slot) = drive.place.unwrap_or_default();
        let _ = writeln!(
            text,
            "  {}  set {set} slot {slot}: {verdict} ({} shards, {} MiB, {} rows in {} partitions)",
            drive.path.display(),
            drive.shards,
            drive.read_bytes >> 20,
            drive.rows,
            drive.replicas
        );
    }
    text
}

fn describe(kind: Kind, groups: &[(&Path, &Group)], text: &mut String) {
    let count: u64 = groups.iter().map(|(_, group)| group.count).sum();
    let _ = writeln!(text, "\n{} ({count}): {}", kind.name(), kind.meaning());
    for (drive, group) in groups {
        for finding in group.examples.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "  {}: {}", place(drive, finding), finding.what);
        }
        let more = group.count.saturating_sub(SHOWN_MAX as u64);
        if more > 0 {
            let _ = writeln!(text, "  ... and {more} more{} (--json names more of them)", on(drive));
        }
    }
    let _ = writeln!(text, "  What to do: {}.", kind.remedy());
}

fn on(drive: &Path) -> String {
    if drive.as_os_str().is_empty() { String::new() } else { format!(" on {}", drive.display()) }
}

fn place(drive: &Path, finding: &Finding) -> String {
    let path = finding.path.as_deref().unwrap_or(drive);
    match (path.as_os_str().is_empty(), finding.offset_bytes) {
        (true, _) => "all drives".to_owned(),
        (false, Some(offset)) => format!("{}, byte {offset}", path.display()),
        (false, None) => path.display().to_string(),
    }
}

/// For programs. Its fields are in docs/operating/recovery.md.
#[must_use]
pub fn json(inspection: &Inspection) -> Value {
    let of = |wants_notes: bool| -> Vec<Value> {
        let groups = inspection.findings.groups().filter(|(kind, ..)| kind.is_note() == wants_notes);
        groups
            .flat_map(|(kind, drive, group)| group.examples.iter().map(move |one| one_json(kind, drive, one)))
            .collect()
    };
    let left_out: u64 =
        inspection.findings.groups().map(|(_, _, group)| group.count - group.examples.len() as u64).sum();
    let drives: Vec<Value> = inspection
        .drives
        .iter()
        .map(|drive| {
            json!({
                "path": drive.path, "set": drive.place.map(|place| place.0), "slot": drive.place.map(|place| place.1),
                "shards": drive.shards, "read_bytes": drive.read_bytes, "partitions": drive.replicas,
                "rows": drive.rows, "findings": inspection.findings.count(Some(&drive.path)),
            })
        })
        .collect();
    json!({
        "store": inspection.store, "sound": inspection.is_sound(), "objects": inspection.objects, "drives": drives,
        "findings": of(false), "notes": of(true), "left_out": left_out,
    })
}

fn one_json(kind: Kind, drive: &Path, finding: &Finding) -> Value {
    json!({
        "kind": kind.name(), "drive": drive, "path": finding.path, "offset": finding.offset_bytes, "what": finding.what,
        "means": kind.meaning(), "todo": kind.remedy(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::finding::Findings;

    #[test]
    fn a_finding_says_where_what_and_what_to_do() {
        let mut findings = Findings::default();
        let file = Path::new("/d1/blob/shards/aa/bb/x.1");
        findings.file(Kind::ShardDamaged, Path::new("/d1"), file, Some(64), "shard 1 of it: bad".into());
        findings.drive(Kind::Stale, Path::new("/d2"), "2 partitions are behind, by up to 3 entries".into());
        let inspection = Inspection { store: "ab".into(), drives: Vec::new(), findings, objects: 7 };
        let text = text(&inspection);
        for wanted in [
            "1 findings",
            "/d1/blob/shards/aa/bb/x.1, byte 64: shard 1 of it: bad",
            "What to do: start the server",
            "Worth knowing",
            "/d2: 2 partitions",
        ] {
            assert!(text.contains(wanted), "{wanted:?} in\n{text}");
        }
        let json = json(&inspection);
        assert_eq!(json["sound"], false);
        assert_eq!(json["findings"][0]["kind"], "shard-damaged");
        assert_eq!(json["findings"][0]["offset"], 64);
        assert_eq!(json["notes"][0]["kind"], "stale");
    }
}
