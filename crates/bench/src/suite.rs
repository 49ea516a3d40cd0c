//! The order of windows: round by round, subject by subject, the servers taking turns within a subject (and in turn
//! being first), so that what disturbs the machine meets all of them.

use crate::body::BodyKind;
use crate::error::BenchError;
use crate::options::{Operation, Options, Size};
use crate::report::{Row, Subject};
use crate::target::Target;

const LARGE: usize = 1 << 20;

/// Measures everything; `say` is told of each window.
pub(crate) fn run(
    options: &Options,
    targets: &mut [Target],
    say: &mut dyn FnMut(&Row),
) -> Result<Vec<Row>, BenchError> {
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..options.rounds as usize {
        for cell in cells(options) {
            for turn in 0..targets.len() {
                let target = &mut targets[(turn + round) % targets.len()];
                if cell.cleans {
                    target.delete_leftovers(cell.size_index)?;
                    continue;
                }
                let row = target.measure(options, &cell)?;
                say(&row);
                match rows.iter_mut().find(|old| old.subject == row.subject && old.server == row.server) {
                    Some(old) => old.merge(row),
                    None => rows.push(row),
                }
            }
        }
    }
    let order = |server: &str| targets.iter().position(|target| target.name == server);
    let subjects: Vec<Subject> = rows.iter().map(|row| row.subject.clone()).collect();
    rows.sort_by_key(|row| (subjects.iter().position(|subject| *subject == row.subject), order(&row.server)));
    Ok(rows)
}

/// One window to be measured on every server, or the cleaning between windows.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) operation: Operation,
    pub(crate) body: BodyKind,
    pub(crate) size: Size,
    pub(crate) size_index: usize,
    pub(crate) connections: u32,
    pub(crate) cleans: bool,
}

impl Cell {
    pub(crate) fn subject(&self, several_bodies: bool) -> Subject {
        let operation = match self.operation {
            Operation::Put if several_bodies => format!("PUT {}", self.body.name()),
            other => other.name().to_owned(),
        };
        let size =
            if self.operation == Operation::List { "1,000 keys".to_owned() } else { self.size.to_string() };
        Subject { operation, size, connections: self.connections }
    }

    pub(crate) fn keys_wanted(&self, options: &Options) -> u64 {
        match self.operation {
            Operation::Put | Operation::List => 0,
            Operation::Get if self.size.0 > LARGE => options.keys.min(64),
            Operation::Delete if self.size.0 > LARGE => options.keys.min(200),
            Operation::Get | Operation::Delete => options.keys,
        }
    }
}

fn cells(options: &Options) -> Vec<Cell> {
    let mut cells = Vec::new();
    let changes = options.ops.iter().any(|op| matches!(op, Operation::Put | Operation::Delete));
    for &connections in &options.connections {
        for (size_index, &size) in options.sizes.iter().enumerate() {
            let cell = Cell {
                operation: Operation::Get,
                body: options.body[0],
                size,
                size_index,
                connections,
                cleans: false,
            };
            for &operation in options.ops.iter().filter(|&&op| op != Operation::List) {
                let bodies = if operation == Operation::Put { &options.body[..] } else { &options.body[..1] };
                cells.extend(bodies.iter().map(|&body| Cell { operation, body, ..cell }));
            }
            if changes {
                cells.push(Cell { cleans: true, ..cell });
            }
        }
        if options.ops.contains(&Operation::List) && !options.sizes.is_empty() {
            cells.push(Cell {
                operation: Operation::List,
                body: options.body[0],
                size: options.sizes[0],
                size_index: 0,
                connections,
                cleans: false,
            });
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn every_combination_is_one_window_and_lists_come_once() {
        let options = Options::parse_from([
            "bench",
            "--connections",
            "1,16",
            "--body",
            "unsigned,signed",
            "--sizes",
            "4KiB,10MiB",
        ]);
        let names: Vec<String> = cells(&options)
            .iter()
            .filter(|cell| !cell.cleans)
            .map(|cell| cell.subject(true).operation)
            .collect();
        let once = [
            "PUT unsigned",
            "PUT signed",
            "GET",
            "DELETE",
            "PUT unsigned",
            "PUT signed",
            "GET",
            "DELETE",
            "LIST",
        ];
        assert_eq!(names, [once, once].concat());
    }

    #[test]
    fn large_objects_need_fewer_keys() {
        let options = Options::parse_from(["bench"]);
        let wanted: Vec<u64> = cells(&options)
            .iter()
            .filter(|cell| !cell.cleans)
            .map(|cell| cell.keys_wanted(&options))
            .collect();
        assert_eq!(wanted, [0, 5_000, 5_000, 0, 64, 200, 0]);
    }
}
