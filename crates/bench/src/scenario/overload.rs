//! Far more connections than the server can serve: every answer is right or `503 SlowDown`, and soon after nothing of it
//! is left.

use super::{Lab, for_a_time, resident};
use crate::body::{BodyKind, Pool};
use crate::error::BenchError;
use crate::process::load;
use crate::target::create_bucket;
use crate::workload::{Get, Objects, Put};
use std::rc::Rc;
use std::time::{Duration, Instant};

const BUCKET: &str = "overload";
const OBJECT_BYTES: usize = 4096;
const SIZE: &str = "4 KiB";
const USUAL_CONNECTIONS: u32 = 16;
/// How long it may take until latencies are as before.
const CALM_AFTER: Duration = Duration::from_secs(10);
/// Latencies count as before up to this much more.
const AS_BEFORE: f64 = 1.5;

pub(super) fn run(lab: &mut Lab<'_>) -> Result<(), BenchError> {
    let mut access = lab.access(BUCKET);
    create_bucket(&mut access)?;
    let mut objects = Objects::new("overload", OBJECT_BYTES, Rc::new(Pool::new(OBJECT_BYTES)));
    let usual = for_a_time(USUAL_CONNECTIONS, lab.window(), Duration::from_secs(1));
    let mut before = [0.0; 2];
    for (row, is_put) in before.iter_mut().zip([true, false]) {
        *row = p99(lab, is_put, &usual, (&mut access, &mut objects))?;
    }
    for &connections in &lab.options.connections.clone() {
        let storm = for_a_time(connections, lab.window(), Duration::ZERO);
        for is_put in [true, false] {
            p99(lab, is_put, &storm, (&mut access, &mut objects))?;
            let memory = resident(lab.server.pid());
            lab.note(format!("after {connections} connections: {memory}, load {}", load()));
            calm(lab, is_put, before[usize::from(!is_put)], (&mut access, &mut objects))?;
        }
    }
    Ok(())
}

/// The 99th percentile of a window, in milliseconds.
fn p99(
    lab: &mut Lab<'_>,
    is_put: bool,
    plan: &crate::client::Plan,
    (access, objects): (&mut crate::workload::Access, &mut Objects),
) -> Result<f64, BenchError> {
    let row = if is_put {
        lab.measure(("PUT", SIZE), plan, &mut Put::new(access, objects, BodyKind::Unsigned, None))?
    } else {
        lab.measure(("GET", SIZE), plan, &mut Get::new(access, objects))?
    };
    Ok(row.outcome.latency.percentile_ms(0.99).unwrap_or(f64::INFINITY))
}

/// Measures seconds with the usual connections until one is as those before.
fn calm(
    lab: &mut Lab<'_>,
    is_put: bool,
    before_ms: f64,
    (access, objects): (&mut crate::workload::Access, &mut Objects),
) -> Result<(), BenchError> {
    let begin = Instant::now();
    let second = for_a_time(USUAL_CONNECTIONS, Duration::from_secs(1), Duration::ZERO);
    let mut now_ms = f64::INFINITY;
    while now_ms > before_ms * AS_BEFORE && begin.elapsed() < CALM_AFTER * 3 {
        now_ms = p99(lab, is_put, &second, (access, objects))?;
    }
    lab.note(format!(
        "p99 of {} was {before_ms:.1} ms before and is {now_ms:.1} ms {:.1} s after it, load {}",
        if is_put { "PUT" } else { "GET" },
        begin.elapsed().as_secs_f64(),
        load()
    ));
    Ok(())
}
