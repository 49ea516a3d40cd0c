//! What a reader of the report is told.

use super::*;
use crate::driver::Done;
use crate::histogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

fn row(server: &str, operations: u64, cpu_s: f64) -> Row {
    let mut latency = Histogram::new();
    latency.record(Duration::from_millis(2));
    let outcome = Outcome {
        latency,
        done: Done { operations, bytes: operations * 4096 },
        seconds: 10.0,
        errors: BTreeMap::new(),
    };
    let used = Snapshot {
        server_cpu_s: Some(cpu_s),
        server_written_bytes: Some(operations * 8192),
        server_read_bytes: Some(0),
        client_cpu_s: Some(0.5),
        machine_cpu_s: Some(cpu_s + 1.0),
    };
    let subject = Subject { operation: "PUT".into(), size: "4 KiB".into(), connections: 16 };
    Row {
        subject,
        server: server.into(),
        outcome,
        used,
        resident: Some((1 << 20, 2 << 20)),
        rates: vec![operations as f64 / 10.0],
        stores: true,
    }
}

fn report(rows: Vec<Row>) -> Report {
    Report {
        rows,
        base: Some("minio".into()),
        command: "bench".into(),
        machine: "2 cores".into(),
        load_at_end: "1 1 1".into(),
        notes: Vec::new(),
    }
}

#[test]
fn ratios_are_against_the_base_and_columns_are_aligned() {
    let text = report(vec![row("rustfs", 25_000, 5.0), row("minio", 5_000, 10.0)]).text();
    let lines: Vec<&str> = text.lines().skip(3).collect();
    assert!(lines[1].contains("5.00x") && lines[1].contains("0.100x") && lines[1].contains("2500"), "{text}");
    assert!(!lines[2].contains('x'), "{text}");
    let end = lines[0].find("ops/s").unwrap() + 5;
    assert!(lines[1][..end].ends_with("2500") && lines[2][..end].ends_with(" 500"), "{text}");
}

#[test]
fn errors_and_idleness_are_never_hidden() {
    let mut bad = row("rustfs", 0, 5.0);
    bad.outcome.errors.insert("HTTP 503 SlowDown".into(), 7);
    let text = report(vec![bad]).markdown();
    assert!(text.contains("7 x HTTP 503 SlowDown; nothing done"), "{text}");
    assert!(text.contains("`bench`") && text.contains("| --- |") && text.contains("---: |"), "{text}");
}

#[test]
fn rounds_add_up_and_show_their_spread() {
    let (mut mine, mut base) = (row("rustfs", 10_000, 5.0), row("minio", 5_000, 5.0));
    mine.merge(row("rustfs", 30_000, 5.0));
    base.merge(row("minio", 5_000, 5.0));
    let report = report(vec![mine, base]);
    assert_eq!(report.rows[0].rate(), Some(2_000.0));
    assert!(report.text().contains("4.00x (2.0-6.0)"), "{}", report.text());
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["rows"][0]["rate_against_base"], 4.0);
    assert_eq!(json["rows"][0]["written_per_byte_stored"], 2.0);
}

#[test]
fn figures_keep_three_digits() {
    let shown: Vec<String> = [1234.5, 45.67, 4.567, 0.4567, 0.00456].map(|value| figure(Some(value))).into();
    assert_eq!(shown, ["1234", "45.7", "4.57", "0.457", "0.0046"]);
    assert_eq!(figure(None), "-");
}
