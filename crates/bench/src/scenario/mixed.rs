//! Everything at once for a long time: puts of all sizes, overwrites, gets compared byte for byte, deletes, listings,
//! uploads in parts. A line for each interval, so that growth of memory or latency shows; at the end everything is
//! deleted, uploads that were under way are aborted, and the drives are watched until they are as they were.

mod abort;
mod keys;
mod load;
mod upload;

use super::{Lab, for_a_time, resident, until_done};
use crate::client;
use crate::error::BenchError;
use crate::process::{self, Snapshot};
use crate::space::{self, Space};
use crate::target::create_bucket;
use load::{Kind, Load};
use std::fmt::Write;
use std::time::{Duration, Instant};

const BUCKET: &str = "mixed";
/// Given to latencies of the first seconds, in which caches fill and the keys are still few.
const WARMUP: Duration = Duration::from_secs(2);
/// How long space is waited for at the end.
const SPACE_PATIENCE: Duration = Duration::from_secs(180);
const LOOK_EACH: Duration = Duration::from_secs(10);

pub(super) fn run(lab: &mut Lab<'_>) -> Result<(), BenchError> {
    let connections = lab.options.connections[0];
    let mut access = lab.access(BUCKET);
    create_bucket(&mut access)?;
    let empty = space::of_drives(&lab.server.folder);
    let mut load = Load::new(access, connections);
    let (begin, mut wrong) = (Instant::now(), 0);
    lab.note(head());
    while begin.elapsed().as_secs_f64() < lab.options.duration {
        wrong += interval(lab, &mut load, begin)?;
    }
    lab.note(format!("errors in all: {wrong}, answers that were not as they should be: {}", load.wrong));
    let aborted = abort::abort_uploads(&mut load.access)?;
    load.delete_all();
    let outcome = client::run(&lab.server.host, &until_done(connections), &mut load, &mut |_| {})?;
    lab.note(format!(
        "{aborted} uploads aborted, everything deleted in {:.1} s, errors: {:?}",
        outcome.seconds, outcome.errors
    ));
    wait_for_space(lab, &empty);
    lab.rest("after the mixed load");
    Ok(())
}

/// Loads for an interval and prints its line; the number of errors.
fn interval(lab: &mut Lab<'_>, load: &mut Load, begin: Instant) -> Result<u64, BenchError> {
    let pid = lab.server.pid();
    process::reset_peak(pid);
    load.forget_latencies();
    let before = Snapshot::take(Some(pid));
    let window = Duration::from_secs_f64(lab.options.interval);
    let plan = for_a_time(lab.options.connections[0], window, WARMUP.min(window));
    let started = Instant::now();
    let outcome = client::run(&lab.server.host, &plan, load, &mut |_| {})?;
    let seconds = started.elapsed().as_secs_f64();
    let used = Snapshot::take(Some(pid)).since(&before);
    let errors: u64 = outcome.errors.values().sum();
    let mut line = format!("{:>6.0}", begin.elapsed().as_secs_f64());
    for kind in Kind::ALL {
        let latency = load.latency(kind);
        let p99 = latency.percentile_ms(0.99).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(line, " |{:>7.1}/s {p99:>7.1}", latency.count() as f64 / seconds);
    }
    let memory = process::resident_bytes(pid).unwrap_or_default();
    let _ = write!(
        line,
        " |{:>6} {:>6} |{:>6.2} |{:>8} |{:>5} |{errors:>4} {:?}",
        memory.0 >> 20,
        memory.1 >> 20,
        used.server_cpu_s.unwrap_or_default() / seconds,
        load.keys.len(),
        process::load().split(' ').next().unwrap_or_default(),
        outcome.errors,
    );
    lab.note(line);
    Ok(errors)
}

fn head() -> String {
    let mut line = "     s".to_owned();
    for kind in Kind::ALL {
        let _ = write!(line, " |{:>9} p99 ms", kind.name());
    }
    line.push_str(" | RSS MiB, peak | cores |    keys | load | errors");
    line
}

fn wait_for_space(lab: &mut Lab<'_>, empty: &Space) {
    let begin = Instant::now();
    let mut space = space::of_drives(&lab.server.folder);
    while space.bytes > empty.bytes + empty.bytes / 10 && begin.elapsed() < SPACE_PATIENCE {
        std::thread::sleep(LOOK_EACH);
        space = space::of_drives(&lab.server.folder);
    }
    lab.note(format!("drives of the empty store: {empty}"));
    lab.note(format!("drives {:.0} s after the last delete: {space}", begin.elapsed().as_secs_f64()));
    lab.note(resident(lab.server.pid()));
}
