//! The load generator behind `cargo xtask bench`: an S3 client of its own that costs the machine little, so that
//! what it measures on a shared machine is the server. Rates, latencies and the server's CPU, memory and drive
//! traffic per operation, of one server or of several in the same rounds.
#![expect(
    clippy::disallowed_methods,
    reason = "a load generator measures the real clock, real sockets and real processes"
)]

mod body;
mod client;
mod driver;
mod error;
mod histogram;
mod listing;
mod options;
mod process;
mod report;
mod request;
mod response;
mod scenario;
mod server;
mod sign;
mod socket;
mod space;
mod suite;
mod target;
mod workload;

use clap::Parser;
use error::BenchError;
use options::{Endpoint, Options};
use report::{Report, Row};
use server::Server;
use std::process::ExitCode;
use target::{Pools, Target};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<String, BenchError> {
    let machine = process::machine();
    if let Some(scenario) = options.scenario {
        let scenario::Findings { rows, notes } = scenario::run(options, scenario)?;
        return Ok(print(options, &Report { rows, notes, ..Report::of(machine, None) }));
    }
    let pools = Pools::new(&options.sizes);
    // Declared before the targets: they clean up while the servers are still there.
    let (mut servers, mut targets) = (Vec::new(), Vec::new());
    match &options.url {
        Some(url) => targets.push(at(options, &options.name, url, options.pid, &pools)?),
        None => {
            targets.push(started(options, &options.name, Server::start_own(options)?, &mut servers, &pools)?)
        }
    }
    if let Some(path) = &options.minio {
        targets.push(started(options, "minio", Server::start_minio(options, path)?, &mut servers, &pools)?);
    }
    for url in &options.against {
        targets.push(at(options, &url.host, url, None, &pools)?);
    }
    for index in 1..targets.len() {
        let name = unused_name(&targets[index].name, &targets[..index]);
        targets[index].name = name;
    }
    let rows = suite::run(options, &mut targets, &mut say)?;
    for target in targets.iter_mut().filter(|target| !target.own && !options.keep) {
        target.clean_up()?;
    }
    let base = targets.get(1).map(|target| target.name.clone());
    Ok(print(options, &Report { rows, ..Report::of(machine, base) }))
}

fn print(options: &Options, report: &Report) -> String {
    if options.json {
        report.json()
    } else if options.markdown {
        report.markdown()
    } else {
        report.text()
    }
}

fn at(
    options: &Options,
    name: &str,
    url: &Endpoint,
    pid: Option<u32>,
    pools: &Pools,
) -> Result<Target, BenchError> {
    let pid = pid.or_else(|| process::listener(&url.host));
    if pid.is_none() {
        eprintln!(
            "{}: no process of this machine is known to listen there, its CPU and memory are not measured",
            url.host
        );
    }
    let credentials = url.credentials.clone().unwrap_or_else(|| options.credentials());
    Target::prepare(options, name, (&url.host, pid, false), pools, &credentials)
}

fn started(
    options: &Options,
    name: &str,
    server: Server,
    servers: &mut Vec<Server>,
    pools: &Pools,
) -> Result<Target, BenchError> {
    let (host, pid) = (server.host.clone(), server.pid());
    servers.push(server);
    Target::prepare(options, name, (&host, Some(pid), true), pools, &options.credentials())
}

/// Rows are told apart by the names of their servers.
fn unused_name(name: &str, others: &[Target]) -> String {
    let is_free = |name: &String| others.iter().all(|other| other.name != *name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

fn say(row: &Row) {
    let subject = &row.subject;
    let errors: u64 = row.outcome.errors.values().sum();
    let rate = row.rate().unwrap_or(0.0);
    eprintln!(
        "{} {} on {} connections, {}: {rate:.0}/s, {errors} errors",
        subject.operation, subject.size, subject.connections, row.server
    );
}

impl Report {
    /// Nothing so far, of what was typed and at the end of it.
    fn of(machine: String, base: Option<String>) -> Self {
        let (command, load_at_end) = (command_line(), process::load());
        Self { rows: Vec::new(), base, command, machine, load_at_end, notes: Vec::new() }
    }
}

/// What was typed, but for the path of the program and for secrets.
fn command_line() -> String {
    let mut words = vec!["cargo xtask bench".to_owned()];
    let mut secret = false;
    for word in std::env::args().skip(1) {
        let shown = match word.split_once('=') {
            _ if secret => "***".to_owned(),
            Some(("--secret-key", _)) => "--secret-key=***".to_owned(),
            _ => without_login(&word),
        };
        secret = word == "--secret-key";
        words.push(shown);
    }
    words.join(" ")
}

fn without_login(word: &str) -> String {
    match (word.find("http://"), word.rfind('@')) {
        (Some(start), Some(at)) if at > start => {
            format!("{}http://{}", &word[..start], &word[at + 1..])
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_no_secrets() {
        assert_eq!(without_login("--against=http://key:secret@h:1"), "--against=http://h:1");
        assert_eq!(without_login("http://h:1"), "http://h:1");
        assert_eq!(without_login("a@b"), "a@b");
    }
}
