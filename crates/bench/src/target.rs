//! A server under measurement: its buckets, what it holds, and what it used in a window.

use crate::body::{BodyKind, Pool};
use crate::client::{self, Edge, Plan};
use crate::driver::Driver;
use crate::error::BenchError;
use crate::listing::List;
use crate::options::{Credentials, Operation, Options, Size};
use crate::process::{Snapshot, reset_peak, resident_bytes};
use crate::report::{Row, Subject};
use crate::request::Request;
use crate::socket;
use crate::suite::Cell;
use crate::workload::{Access, Delete, Get, Objects, Put};
use std::rc::Rc;
use std::time::Duration;

const FILL_CONNECTIONS: u32 = 32;
const LIST_OBJECT_BYTES: usize = 1024;

/// A server that is measured.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) pid: Option<u32>,
    /// Its data goes with its folders.
    pub(crate) own: bool,
    access: Access,
    list_access: Access,
    objects: Vec<Objects>,
    list_objects: Objects,
    list_keys: u64,
}

impl Target {
    /// Makes the buckets and fills the one that is listed.
    pub(crate) fn prepare(
        options: &Options,
        name: &str,
        place: (&str, Option<u32>, bool),
        pools: &Pools,
        credentials: &Credentials,
    ) -> Result<Self, BenchError> {
        let (host, pid, own) = place;
        let run = format!("{:x}", std::process::id());
        let mut target = Self {
            name: name.to_owned(),
            pid,
            own,
            access: Access::new(host, &options.bucket, credentials),
            list_access: Access::new(host, &format!("{}-list", options.bucket), credentials),
            objects: options
                .sizes
                .iter()
                .zip(&pools.0)
                .map(|(size, pool)| Objects::new(&run, size.0, Rc::clone(pool)))
                .collect(),
            list_objects: Objects::new("list", LIST_OBJECT_BYTES, Rc::clone(&pools.1)),
            list_keys: 0,
        };
        create_bucket(&mut target.access)?;
        if options.ops.contains(&Operation::List) {
            create_bucket(&mut target.list_access)?;
            target.fill_list(options.list_keys)?;
        }
        Ok(target)
    }

    fn fill_list(&mut self, wanted: u64) -> Result<(), BenchError> {
        self.list_keys = count(&mut self.list_access)?;
        if self.list_keys < wanted {
            fill(&self.name, &mut self.list_access, &mut self.list_objects, wanted)?;
            self.list_keys = count(&mut self.list_access)?;
        }
        if self.list_keys < wanted {
            let errors = format!("{} of {wanted} keys are listed", self.list_keys);
            return Err(BenchError::Preparation {
                host: self.name.clone(),
                what: "filling the list".to_owned(),
                errors,
            });
        }
        Ok(())
    }

    pub(crate) fn measure(&mut self, options: &Options, cell: &Cell) -> Result<Row, BenchError> {
        let host = self.access.host.clone();
        let objects = &mut self.objects[cell.size_index];
        let wanted = cell.keys_wanted(options);
        if (objects.present.len() as u64) < wanted {
            fill(&self.name, &mut self.access, objects, wanted)?;
        }
        let window = Some(Duration::from_secs_f64(options.seconds));
        // A warm-up would delete what the window is to delete.
        let warmup = if cell.operation == Operation::Delete {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(options.warmup)
        };
        let answered = cell.operation == Operation::Delete;
        let plan = Plan { connections: cell.connections, warmup, window, answered };
        let meter = Meter { host: &host, pid: self.pid, name: &self.name };
        let measure = |driver: &mut dyn Driver| {
            meter.run(&plan, cell.subject(true), cell.operation == Operation::Put, driver)
        };
        match cell.operation {
            Operation::Put => measure(&mut Put::new(&mut self.access, objects, cell.body, None)),
            Operation::Get => measure(&mut Get::new(&mut self.access, objects)),
            Operation::Delete => measure(&mut Delete::new(&mut self.access, objects)),
            Operation::List => {
                measure(&mut List::new(&mut self.list_access, Some(self.list_keys), cell.connections))
            }
        }
    }

    /// Deletes what the windows of one size left.
    pub(crate) fn delete_leftovers(&mut self, size_index: usize) -> Result<(), BenchError> {
        empty(&mut self.access, &mut self.objects[size_index])
    }

    /// Leaves a server that is not ours as it was found.
    pub(crate) fn clean_up(&mut self) -> Result<(), BenchError> {
        for index in 0..self.objects.len() {
            self.delete_leftovers(index)?;
        }
        empty(&mut self.list_access, &mut self.list_objects)?;
        for access in [&mut self.access, &mut self.list_access] {
            // It was perhaps not made here, and holds something else then: the server refuses.
            let mut request = Request::default();
            access.bucket_request(&mut request, "DELETE", "");
            socket::call(&access.host, &mut request)?;
        }
        Ok(())
    }
}

/// Payloads of the sizes asked for, in their order, and of the list; shared by all servers.
pub(crate) struct Pools(Vec<Rc<Pool>>, Rc<Pool>);

impl Pools {
    pub(crate) fn new(sizes: &[Size]) -> Self {
        Self(
            sizes.iter().map(|size| Rc::new(Pool::new(size.0))).collect(),
            Rc::new(Pool::new(LIST_OBJECT_BYTES)),
        )
    }
}

/// Measures a server while it is loaded.
pub(crate) struct Meter<'a> {
    pub(crate) host: &'a str,
    pub(crate) pid: Option<u32>,
    pub(crate) name: &'a str,
}

impl Meter<'_> {
    /// `stores`: whether what is written can be set against what was asked to be stored.
    pub(crate) fn run(
        &self,
        plan: &Plan,
        subject: Subject,
        stores: bool,
        driver: &mut dyn Driver,
    ) -> Result<Row, BenchError> {
        let (mut start, mut end, mut resident) = (Snapshot::default(), Snapshot::default(), None);
        let outcome = client::run(self.host, plan, driver, &mut |edge| match edge {
            Edge::Start => {
                self.pid.map(reset_peak);
                start = Snapshot::take(self.pid);
            }
            Edge::End => {
                end = Snapshot::take(self.pid);
                resident = self.pid.and_then(resident_bytes);
            }
        })?;
        let rate = outcome.done.operations as f64 / outcome.seconds.max(1e-9);
        Ok(Row {
            subject,
            server: self.name.to_owned(),
            outcome,
            used: end.since(&start),
            resident,
            rates: vec![rate],
            stores,
        })
    }
}

pub(crate) fn create_bucket(access: &mut Access) -> Result<(), BenchError> {
    let mut request = Request::default();
    access.bucket_request(&mut request, "PUT", "");
    let response = socket::call(&access.host, &mut request)?;
    let answer = response.error_label();
    if response.status == 200 || answer.contains("BucketAlreadyOwnedByYou") {
        return Ok(());
    }
    Err(BenchError::Refused {
        host: access.host.clone(),
        what: format!("create the bucket {}", access.bucket),
        answer,
    })
}

/// Puts objects until there are `wanted`.
fn fill(name: &str, access: &mut Access, objects: &mut Objects, wanted: u64) -> Result<(), BenchError> {
    let missing = wanted.saturating_sub(objects.present.len() as u64);
    let limit = objects.next_number() + missing;
    let host = access.host.clone();
    let outcome = client::run(
        &host,
        &until_done(),
        &mut Put::new(access, objects, BodyKind::Unsigned, Some(limit)),
        &mut |_| {},
    )?;
    let rate = outcome.done.operations as f64 / outcome.seconds.max(1e-9);
    eprintln!("{name}: {missing} objects put before the window, {rate:.0}/s");
    if (objects.present.len() as u64) < wanted {
        let errors = format!("{:?}", outcome.errors);
        return Err(BenchError::Preparation { host, what: "putting objects".to_owned(), errors });
    }
    Ok(())
}

fn empty(access: &mut Access, objects: &mut Objects) -> Result<(), BenchError> {
    let host = access.host.clone();
    let outcome = client::run(&host, &until_done(), &mut Delete::new(access, objects), &mut |_| {})?;
    if !outcome.errors.is_empty() {
        eprintln!("{host}: objects may be left behind: {:?}", outcome.errors);
    }
    Ok(())
}

fn count(access: &mut Access) -> Result<u64, BenchError> {
    let host = access.host.clone();
    let mut list = List::once(access);
    let outcome = client::run(&host, &Plan { connections: 1, ..until_done() }, &mut list, &mut |_| {})?;
    let errors = format!("{:?}", outcome.errors);
    list.found.ok_or(BenchError::Preparation { host, what: "listing".to_owned(), errors })
}

fn until_done() -> Plan {
    Plan { connections: FILL_CONNECTIONS, warmup: Duration::ZERO, window: None, answered: true }
}
