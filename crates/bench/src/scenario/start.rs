//! How long a start takes: of a store that is made by it, and of an empty one, after an orderly end and after none.

use super::{Lab, resident};
use crate::error::BenchError;
use crate::process::{Snapshot, load};
use crate::target::create_bucket;
use std::time::Instant;

const KINDS: [&str; 3] = ["a new store", "an empty store", "an empty store after kill -9"];

pub(super) fn run(lab: &mut Lab<'_>) -> Result<(), BenchError> {
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..lab.options.rounds {
        if round > 0 {
            lab.server.end(true);
            lab.server.empty_drives()?;
            lab.server.start_again(&[])?;
        }
        times[0].push(started(lab, KINDS[0])?);
        lab.server.end(false);
        lab.server.start_again(&[])?;
        times[1].push(started(lab, KINDS[1])?);
        lab.server.end(true);
        lab.server.start_again(&[])?;
        times[2].push(started(lab, KINDS[2])?);
    }
    for (mut times, kind) in times.into_iter().zip(KINDS) {
        times.sort_by(f64::total_cmp);
        let (least, middle, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        lab.note(format!("{kind}: ready after {middle:.0} ms ({least:.0} to {most:.0})"));
    }
    lab.rest("an empty store");
    Ok(())
}

/// Milliseconds from the start of the process until it answered that it is ready.
fn started(lab: &mut Lab<'_>, kind: &str) -> Result<f64, BenchError> {
    let ready_ms = lab.server.start_time.as_secs_f64() * 1e3;
    let used = Snapshot::take(Some(lab.server.pid()));
    let asked = Instant::now();
    create_bucket(&mut lab.access("first"))?;
    let first_ms = asked.elapsed().as_secs_f64() * 1e3;
    lab.note(format!(
        "{kind}: ready after {ready_ms:.0} ms and {:.0} ms of CPU, first bucket made in {first_ms:.1} ms more, {}, load {}",
        used.server_cpu_s.unwrap_or_default() * 1e3,
        resident(lab.server.pid()),
        load()
    ));
    Ok(ready_ms)
}
