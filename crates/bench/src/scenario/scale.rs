//! Many small objects: that they make no files, that pages of a listing cost what they cost with few, that a killed server
//! is back soon, and that what is deleted gives its space back and leaves listings as fast as before.

use super::{Lab, for_a_time, resident, until_done};
use crate::body::{BodyKind, Pool};
use crate::client;
use crate::error::BenchError;
use crate::listing::List;
use crate::process::load;
use crate::space::{self, Space};
use crate::target::create_bucket;
use crate::workload::{Access, Delete, Objects, Put};
use std::rc::Rc;
use std::time::{Duration, Instant};

const OBJECT_BYTES: usize = 1024;
const BUCKET: &str = "scale";
/// So many count as few.
const FEW: u64 = 10_000;
const CONNECTIONS: u32 = 16;
/// Those that put the many.
const FILL_CONNECTIONS: u32 = 64;
/// How long space is waited for after the last delete.
const SPACE_PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EACH: Duration = Duration::from_secs(10);

pub(super) fn run(lab: &mut Lab<'_>) -> Result<(), BenchError> {
    let mut access = lab.access(BUCKET);
    create_bucket(&mut access)?;
    let mut objects = Objects::new("scale", OBJECT_BYTES, Rc::new(Pool::new(OBJECT_BYTES)));
    let empty = space::of_drives(&lab.server.folder);
    lab.note(format!("drives of the empty store: {empty}"));
    put(lab, &mut access, &mut objects, FEW)?;
    list(lab, &mut access, "LIST of few", FEW)?;
    let many = lab.options.objects.max(FEW);
    put(lab, &mut access, &mut objects, many)?;
    let full = space::of_drives(&lab.server.folder);
    lab.note(format!("drives with {many} objects: {full}; {}", resident(lab.server.pid())));
    list(lab, &mut access, "LIST of many", many)?;
    restart(lab, &mut access, many)?;
    lab.rest(&format!("{many} objects, started again"));
    list(lab, &mut access, "LIST of many, started again", many)?;
    delete(lab, &mut access, &mut objects)?;
    list(lab, &mut access, "LIST of none, at once", 0)?;
    wait_for_space(lab, &empty);
    list(lab, &mut access, "LIST of none, later", 0)?;
    put(lab, &mut access, &mut objects, FEW)?;
    list(lab, &mut access, "LIST of few, where many were", FEW)?;
    lab.rest("nearly all deleted");
    Ok(())
}

/// Puts objects until there are so many.
fn put(lab: &mut Lab<'_>, access: &mut Access, objects: &mut Objects, wanted: u64) -> Result<(), BenchError> {
    let limit = objects.next_number() + wanted.saturating_sub(objects.present.len() as u64);
    let mut driver = Put::new(access, objects, BodyKind::Unsigned, Some(limit));
    let connections = if wanted > FEW { FILL_CONNECTIONS } else { CONNECTIONS };
    lab.measure(("PUT", "1 KiB"), &until_done(connections), &mut driver)?;
    let there = objects.present.len() as u64;
    // Some may have been refused and put again; what counts is that they are there.
    if there == wanted {
        return Ok(());
    }
    let errors = format!("{there} of {wanted} objects were put");
    Err(BenchError::Preparation { host: access.host.clone(), what: "putting objects".to_owned(), errors })
}

fn list(lab: &mut Lab<'_>, access: &mut Access, what: &str, expected: u64) -> Result<(), BenchError> {
    let plan = for_a_time(CONNECTIONS, lab.window(), Duration::from_secs_f64(lab.options.warmup));
    let mut driver = List::new(access, Some(expected), CONNECTIONS);
    lab.measure((what, "1,000 keys"), &plan, &mut driver)?;
    Ok(())
}

/// Kills the server and waits until it answers again, and until one walk has found every key.
fn restart(lab: &mut Lab<'_>, access: &mut Access, expected: u64) -> Result<(), BenchError> {
    lab.server.end(true);
    lab.server.start_again(&[])?;
    let ready = lab.server.start_time.as_secs_f64();
    let memory = resident(lab.server.pid());
    let begin = Instant::now();
    let mut walk = List::once(access);
    client::run(&lab.server.host, &until_done(1), &mut walk, &mut |_| {})?;
    let found = walk.found.unwrap_or_default();
    lab.note(format!(
        "killed and started with {expected} objects: ready after {ready:.2} s, {memory}; {found} keys listed in {:.2} s, load {}",
        begin.elapsed().as_secs_f64(),
        load()
    ));
    if found == expected {
        return Ok(());
    }
    let errors = format!("{found} of {expected} keys are listed after the start");
    Err(BenchError::Preparation { host: access.host.clone(), what: "listing".to_owned(), errors })
}

fn delete(lab: &mut Lab<'_>, access: &mut Access, objects: &mut Objects) -> Result<(), BenchError> {
    lab.measure(("DELETE", "1 KiB"), &until_done(CONNECTIONS), &mut Delete::new(access, objects))?;
    let left = space::of_drives(&lab.server.folder);
    lab.note(format!("drives after the last delete: {left}"));
    Ok(())
}

/// Waits until the drives hold little more than when they were empty, or no less any more.
fn wait_for_space(lab: &mut Lab<'_>, empty: &Space) {
    let begin = Instant::now();
    let enough = |space: &Space| space.bytes <= empty.bytes + empty.bytes / 10;
    let mut space = space::of_drives(&lab.server.folder);
    while !enough(&space) && begin.elapsed() < SPACE_PATIENCE {
        std::thread::sleep(LOOK_EACH);
        space = space::of_drives(&lab.server.folder);
        lab.note(format!("drives {:.0} s after the last delete: {space}", begin.elapsed().as_secs_f64()));
    }
}
