//! The result as text, markdown or JSON. A figure that is not known is a dash; errors are always named in the row
//! that they belong to.

use crate::client::Outcome;
use crate::process::Snapshot;
use serde_json::{Value, json};
use std::fmt::Write;

/// What a row is about. Rows of several servers with the same subject are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) operation: String,
    /// Of an object, or of a page.
    pub(crate) size: String,
    pub(crate) connections: u32,
}

/// What one server did for one subject, over all rounds.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    pub(crate) server: String,
    pub(crate) outcome: Outcome,
    pub(crate) used: Snapshot,
    /// Resident memory of the server at the end and at its highest, in bytes.
    pub(crate) resident: Option<(u64, u64)>,
    /// Operations per second of each round.
    pub(crate) rates: Vec<f64>,
    /// Whether bytes written can be set against bytes stored.
    pub(crate) stores: bool,
}

impl Row {
    /// Takes in another round.
    pub(crate) fn merge(&mut self, other: Self) {
        self.outcome.latency.merge(&other.outcome.latency);
        self.outcome.done.operations += other.outcome.done.operations;
        self.outcome.done.bytes += other.outcome.done.bytes;
        self.outcome.seconds += other.outcome.seconds;
        for (label, count) in other.outcome.errors {
            *self.outcome.errors.entry(label).or_default() += count;
        }
        self.used = self.used.plus(&other.used);
        self.resident = self.resident.zip(other.resident).map(|((_, one), (now, two))| (now, one.max(two)));
        self.rates.extend(other.rates);
    }

    pub(crate) fn rate(&self) -> Option<f64> {
        ratio(self.outcome.done.operations as f64, self.outcome.seconds)
    }

    fn mib_per_second(&self) -> Option<f64> {
        let bytes = self.outcome.done.bytes as f64;
        if bytes > 0.0 { ratio(bytes / f64::from(1 << 20), self.outcome.seconds) } else { None }
    }

    fn cpu_ms(&self, seconds: Option<f64>) -> Option<f64> {
        ratio(seconds? * 1e3, self.outcome.done.operations as f64)
    }

    fn server_ms(&self) -> Option<f64> {
        self.cpu_ms(self.used.server_cpu_s)
    }

    fn written_per_byte(&self) -> Option<f64> {
        let written = self.used.server_written_bytes.filter(|_| self.stores)?;
        ratio(written as f64, self.outcome.done.bytes as f64)
    }

    /// CPU of the machine in percent that neither server nor client used.
    fn other_percent(&self) -> Option<f64> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let others = self.used.machine_cpu_s? - self.used.server_cpu_s? - self.used.client_cpu_s?;
        ratio(100.0 * others.max(0.0), cores * self.outcome.seconds)
    }

    /// Errors by label, and what else makes the row doubtful.
    fn remarks(&self) -> String {
        let mut remarks: Vec<String> =
            self.outcome.errors.iter().map(|(label, count)| format!("{count} x {label}")).collect();
        if self.outcome.done.operations == 0 {
            remarks.push("nothing done".to_owned());
        }
        if self.used.client_cpu_s.is_some_and(|seconds| seconds > 0.85 * self.outcome.seconds) {
            remarks.push("client at its limit".to_owned());
        }
        if remarks.is_empty() { "0".to_owned() } else { remarks.join("; ") }
    }
}

/// All rows, and what they are set against.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// The first peer, when there are at least two servers.
    pub(crate) base: Option<String>,
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) load_at_end: String,
    /// What a scenario found besides the rows.
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn text(&self) -> String {
        let table = self.table();
        let widths: Vec<usize> = (0..table[0].len())
            .map(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut out = format!("{}\n{}; load at the end {}\n\n", self.command, self.machine, self.load_at_end);
        for row in &table {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| {
                    if column < LEFT_COLUMNS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                })
                .collect();
            out.push_str(cells.join("  ").trim_end());
            out.push('\n');
        }
        out.push_str(&self.notes());
        out
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out =
            format!("`{}`\n\n{}; load at the end {}\n\n", self.command, self.machine, self.load_at_end);
        for (index, row) in self.table().iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(out, "| {} |", cells.join(" | "));
            if index == 0 {
                let rule: Vec<&str> =
                    (0..row.len()).map(|column| if column < LEFT_COLUMNS { "---" } else { "---:" }).collect();
                let _ = writeln!(out, "| {} |", rule.join(" | "));
            }
        }
        out.push_str(&self.notes());
        out
    }

    fn notes(&self) -> String {
        if self.notes.is_empty() { String::new() } else { format!("\n{}\n", self.notes.join("\n")) }
    }

    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        let all = json!({
            "command": self.command, "machine": self.machine, "load_at_end": self.load_at_end,
            "base": self.base, "rows": rows, "notes": self.notes
        });
        format!("{all:#}\n")
    }

    fn row_json(&self, row: &Row) -> Value {
        let latency = &row.outcome.latency;
        let (rate, cpu) = self.against_base(row);
        json!({
            "operation": row.subject.operation, "size": row.subject.size, "connections": row.subject.connections,
            "server": row.server,
            "operations": row.outcome.done.operations, "requests": latency.count(),
            "bytes": row.outcome.done.bytes, "seconds": row.outcome.seconds,
            "operations_per_s": row.rate(), "operations_per_s_by_round": row.rates, "mib_per_s": row.mib_per_second(),
            "p50_ms": latency.percentile_ms(0.5), "p90_ms": latency.percentile_ms(0.9),
            "p99_ms": latency.percentile_ms(0.99), "max_ms": latency.max_ms(),
            "server_cpu_ms_per_operation": row.server_ms(), "client_cpu_ms_per_operation": row.cpu_ms(row.used.client_cpu_s),
            "server_written_bytes": row.used.server_written_bytes, "written_per_byte_stored": row.written_per_byte(),
            "resident_bytes": row.resident.map(|(now, _)| now), "resident_peak_bytes": row.resident.map(|(_, peak)| peak),
            "other_cpu_percent": row.other_percent(), "errors": row.outcome.errors, "rate_against_base": rate, "cpu_against_base": cpu,
        })
    }

    fn table(&self) -> Vec<Vec<String>> {
        let mut head: Vec<String> = HEAD.iter().map(|&name| name.to_owned()).collect();
        if let Some(base) = &self.base {
            head.extend([format!("rate / {base}"), format!("CPU / {base}")]);
        }
        head.push("errors".to_owned());
        let rows = self.rows.iter().map(|row| self.cells(row));
        std::iter::once(head).chain(rows).collect()
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let latency = &row.outcome.latency;
        let mib = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
        let mut cells = vec![
            row.subject.operation.clone(),
            row.subject.size.clone(),
            row.server.clone(),
            row.subject.connections.to_string(),
        ];
        let figures = [
            row.rate(),
            row.mib_per_second(),
            latency.percentile_ms(0.5),
            latency.percentile_ms(0.9),
            latency.percentile_ms(0.99),
            latency.max_ms(),
        ];
        cells.extend(figures.map(figure));
        cells
            .extend([row.server_ms(), row.cpu_ms(row.used.client_cpu_s), row.written_per_byte()].map(figure));
        cells.extend(
            [
                mib(row.resident.map(|(now, _)| now)),
                mib(row.resident.map(|(_, peak)| peak)),
                row.other_percent(),
            ]
            .map(whole),
        );
        if self.base.is_some() {
            let (rate, cpu) = self.against_base(row);
            let range =
                self.rate_range(row).map_or(String::new(), |(low, high)| format!(" ({low:.1}-{high:.1})"));
            cells.extend([
                rate.map_or("-".to_owned(), |rate| format!("{rate:.2}x{range}")),
                cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.3}x")),
            ]);
        }
        cells.push(row.remarks());
        cells
    }

    fn base_of(&self, row: &Row) -> Option<&Row> {
        let base = self.base.as_ref().filter(|&base| *base != row.server)?;
        self.rows.iter().find(|other| other.server == *base && other.subject == row.subject)
    }

    /// Rate and server CPU of an operation in terms of the base's.
    fn against_base(&self, row: &Row) -> (Option<f64>, Option<f64>) {
        let Some(base) = self.base_of(row) else {
            return (None, None);
        };
        let of = |mine: Option<f64>, theirs: Option<f64>| ratio(mine?, theirs?);
        (of(row.rate(), base.rate()), of(row.server_ms(), base.server_ms()))
    }

    /// The smallest and largest ratio that a single round gave.
    fn rate_range(&self, row: &Row) -> Option<(f64, f64)> {
        let base = self.base_of(row).filter(|_| row.rates.len() > 1)?;
        let ratios: Vec<f64> =
            row.rates.iter().zip(&base.rates).filter_map(|(&mine, &theirs)| ratio(mine, theirs)).collect();
        Some((ratios.iter().copied().reduce(f64::min)?, ratios.iter().copied().reduce(f64::max)?))
    }
}

/// Columns of words; the others hold figures.
const LEFT_COLUMNS: usize = 3;
const HEAD: [&str; 16] = [
    "operation",
    "size",
    "server",
    "conns",
    "ops/s",
    "MiB/s",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "max ms",
    "server ms/op",
    "client ms/op",
    "written/byte",
    "RSS MiB",
    "peak MiB",
    "other %",
];

fn ratio(one: f64, two: f64) -> Option<f64> {
    (two > 0.0).then(|| one / two)
}

/// Three significant digits or more.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) if value >= 0.1 => format!("{value:.3}"),
        Some(value) => format!("{value:.4}"),
    }
}

fn whole(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests;
