//! Courses of events on a server that is started here: what windows of one operation don't show. Each prints what it
//! finds as it goes; windows become rows of the report, everything else notes behind them.

mod beside;
mod mixed;
mod overload;
mod scale;
mod start;

use crate::client::{self, Outcome, Plan};
use crate::driver::Driver;
use crate::error::BenchError;
use crate::options::{Options, Scenario};
use crate::process::{Snapshot, resident_bytes};
use crate::report::{Row, Subject};
use crate::server::Server;
use crate::target::Meter;
use crate::workload::Access;
use std::time::Duration;

/// What came of a scenario.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

/// Runs the scenario that the options ask for.
pub(crate) fn run(options: &Options, scenario: Scenario) -> Result<Findings, BenchError> {
    let mut lab = Lab { options, server: Server::start_own(options)?, findings: Findings::default() };
    match scenario {
        Scenario::Start => start::run(&mut lab)?,
        Scenario::Scale => scale::run(&mut lab)?,
        Scenario::Mixed => mixed::run(&mut lab)?,
        Scenario::Overload => overload::run(&mut lab)?,
        Scenario::Beside => beside::run(&mut lab)?,
    }
    Ok(lab.findings)
}

/// A server, and what was found of it so far.
struct Lab<'a> {
    options: &'a Options,
    server: Server,
    findings: Findings,
}

impl Lab<'_> {
    fn note(&mut self, text: String) {
        eprintln!("{text}");
        self.findings.notes.push(text);
    }

    fn access(&self, bucket: &str) -> Access {
        Access::new(&self.server.host, bucket, &self.options.credentials())
    }

    /// The length of a window, as asked for.
    fn window(&self) -> Duration {
        Duration::from_secs_f64(self.options.seconds)
    }

    /// Loads the server and makes a row of it.
    fn measure(
        &mut self,
        (operation, size): (&str, &str),
        plan: &Plan,
        driver: &mut dyn Driver,
    ) -> Result<&Row, BenchError> {
        let subject =
            Subject { operation: operation.to_owned(), size: size.to_owned(), connections: plan.connections };
        let meter = Meter { host: &self.server.host, pid: Some(self.server.pid()), name: &self.options.name };
        let row = meter.run(plan, subject, operation.starts_with("PUT"), driver)?;
        crate::say(&row);
        self.findings.rows.push(row);
        let last = self.findings.rows.len() - 1;
        Ok(&self.findings.rows[last])
    }

    /// Loads the server until there is nothing left to ask, which must go without an error.
    fn prepare(&self, what: &str, driver: &mut dyn Driver) -> Result<Outcome, BenchError> {
        let outcome = client::run(&self.server.host, &until_done(32), driver, &mut |_| {})?;
        if outcome.errors.is_empty() {
            return Ok(outcome);
        }
        let errors = format!("{:?}", outcome.errors);
        Err(BenchError::Preparation { host: self.server.host.clone(), what: what.to_owned(), errors })
    }

    /// What the server costs while nobody asks for anything.
    fn rest(&mut self, state: &str) {
        let pid = self.server.pid();
        // Work of the past may still go on: a while without being asked is part of being at rest.
        std::thread::sleep(Duration::from_secs_f64(self.options.settle));
        let begin = Snapshot::take(Some(pid));
        std::thread::sleep(Duration::from_secs_f64(self.options.rest));
        let used = Snapshot::take(Some(pid)).since(&begin);
        let percent = used.server_cpu_s.map_or(f64::NAN, |cpu| 100.0 * cpu / self.options.rest);
        self.note(format!(
            "at rest, {state}: {percent:.2} % of a core, {} bytes read and {} written in {:.0} s, {}",
            used.server_read_bytes.unwrap_or_default(),
            used.server_written_bytes.unwrap_or_default(),
            self.options.rest,
            resident(pid)
        ));
    }
}

/// The memory of a process in words.
fn resident(pid: u32) -> String {
    let mib = |bytes: u64| bytes >> 20;
    resident_bytes(pid).map_or("memory unknown".to_owned(), |(now, peak)| {
        format!("{} MiB resident (peak {} MiB)", mib(now), mib(peak))
    })
}

/// A load that ends with its driver.
fn until_done(connections: u32) -> Plan {
    Plan { connections, warmup: Duration::ZERO, window: None, answered: true }
}

/// A load for a time.
fn for_a_time(connections: u32, window: Duration, warmup: Duration) -> Plan {
    Plan { connections, warmup, window: Some(window), answered: false }
}
