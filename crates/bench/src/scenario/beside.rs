//! Latencies of requests with and without a scrub and the compaction of segments going on beside them.

use super::{Lab, for_a_time, resident};
use crate::body::{BodyKind, Pool};
use crate::error::BenchError;
use crate::process::load;
use crate::space;
use crate::target::create_bucket;
use crate::workload::{Access, Delete, Get, Objects, Put};
use std::rc::Rc;
use std::time::Duration;

const BUCKET: &str = "beside";
/// Too large for a record, small enough for a segment.
const PACKED_BYTES: usize = 64 << 10;
const CONNECTIONS: u32 = 16;
/// So many of the packed objects go, in an order that leaves every segment with gaps.
const DELETED_OF: u64 = 10;
const DELETED: u64 = 6;
/// A scrub that never ends, as fast as it may.
const SCRUB: [(&str, &str); 2] = [("RUSTFS_SCRUB_INTERVAL", "1s"), ("RUSTFS_SCRUB_RATE", "32MiB")];
const NO_SCRUB: [(&str, &str); 1] = [("RUSTFS_SCRUB_INTERVAL", "off")];

pub(super) fn run(lab: &mut Lab<'_>) -> Result<(), BenchError> {
    let mut access = lab.access(BUCKET);
    create_bucket(&mut access)?;
    let mut packed = Objects::new("packed", PACKED_BYTES, Rc::new(Pool::new(PACKED_BYTES)));
    let mut small = Objects::new("small", 4096, Rc::new(Pool::new(4096)));
    let limit = Some(lab.options.keys);
    lab.prepare("putting objects", &mut Put::new(&mut access, &mut packed, BodyKind::Unsigned, limit))?;
    again(lab, &NO_SCRUB)?;
    let alone = windows(lab, "", &mut access, &mut small)?;
    again(lab, &SCRUB)?;
    thin_out(lab, &mut access, &mut packed)?;
    let full = space::of_drives(&lab.server.folder);
    let beside = windows(lab, ", scrub and compaction beside", &mut access, &mut small)?;
    let left = space::of_drives(&lab.server.folder);
    lab.note(format!("drives before: {full}"));
    lab.note(format!("drives after: {left}; {}", resident(lab.server.pid())));
    for (what, alone, beside) in [("PUT", alone.0, beside.0), ("GET", alone.1, beside.1)] {
        let times = beside / alone;
        lab.note(format!(
            "p99 of {what}: {alone:.2} ms alone, {beside:.2} ms beside, {times:.2} times, load {}",
            load()
        ));
    }
    Ok(())
}

/// Starts the server again with other settings.
fn again(lab: &mut Lab<'_>, settings: &[(&str, &str)]) -> Result<(), BenchError> {
    lab.server.end(false);
    lab.server.start_again(settings)
}

/// Deletes objects so that segments have more dead bytes than living ones.
fn thin_out(lab: &mut Lab<'_>, access: &mut Access, packed: &mut Objects) -> Result<(), BenchError> {
    let all = std::mem::take(&mut packed.present);
    let (gone, kept) = all.into_iter().partition(|number| number % DELETED_OF < DELETED);
    packed.present = gone;
    lab.prepare("deleting objects", &mut Delete::new(access, packed))?;
    packed.present = kept;
    Ok(())
}

/// The 99th percentiles of PUT and GET in milliseconds.
fn windows(
    lab: &mut Lab<'_>,
    state: &str,
    access: &mut Access,
    small: &mut Objects,
) -> Result<(f64, f64), BenchError> {
    let plan = for_a_time(CONNECTIONS, lab.window(), Duration::from_secs(1));
    let mut put = Put::new(access, small, BodyKind::Unsigned, None);
    let put = lab.measure((&format!("PUT{state}"), "4 KiB"), &plan, &mut put)?;
    let put = put.outcome.latency.percentile_ms(0.99).unwrap_or(f64::NAN);
    let get = lab.measure((&format!("GET{state}"), "4 KiB"), &plan, &mut Get::new(access, small))?;
    Ok((put, get.outcome.latency.percentile_ms(0.99).unwrap_or(f64::NAN)))
}
