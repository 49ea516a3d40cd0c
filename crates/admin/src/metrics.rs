//! The stream of metrics that `mc admin scanner status`, `mc support top` and the console read: what is measured at that moment.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Clock;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::drives::{self, Disk};
use crate::error::AdminError;
use crate::live::{self, Source};
use crate::server::Shared;
use crate::time::rfc3339;
use crate::{go_duration, host};

/// The shortest time between two samples, and the one where none is named.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// madmin's bits of what may be asked. Others (batch jobs, replication of sites, RPC, Go's runtime) are not there.
const SCANNER: u64 = 1;
const DISK: u64 = 2;
const MEMORY: u64 = 64;
const PROCESSORS: u64 = 128;

/// What a caller wants.
#[derive(Clone, Debug)]
struct Wanted {
    kinds: u64,
    by_host: bool,
    by_disk: bool,
    /// Paths of drives; all where it is empty.
    disks: Vec<String>,
}

impl Wanted {
    fn wants(&self, kind: u64) -> bool {
        self.kinds & kind != 0
    }
}

struct Samples {
    shared: Arc<Shared>,
    wanted: Wanted,
    interval: Duration,
    /// Samples that are still to come; none for no end.
    left: Option<u64>,
    is_first: bool,
}

impl Source for Samples {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send + '_>> {
        Box::pin(async move {
            if self.left == Some(0) {
                return None;
            }
            if !self.is_first {
                let clock: &dyn Clock = &*self.shared.env.clock;
                clock.sleep(self.interval).await;
            }
            let document = sample(&self.shared, &self.wanted, self.left == Some(1)).await;
            self.is_first = false;
            self.left = self.left.map(|left| left - 1);
            Some(live::line(&document))
        })
    }
}

/// A stream of madmin's `RealtimeMetrics`.
pub(crate) fn metrics(call: &Call<'_>) -> Result<Answer, AdminError> {
    let query = &call.query;
    let interval = query.get("interval").filter(|text| !text.is_empty());
    let interval = interval.map_or(Ok(INTERVAL_MIN), go_duration::parse)?.max(INTERVAL_MIN);
    let count = query.number("n", 0)?;
    let disks = query.get("disks").unwrap_or_default();
    let wanted = Wanted {
        kinds: match query.number("types", 0)? {
            0 => u64::MAX,
            kinds => kinds,
        },
        by_host: query.is_true("by-host"),
        by_disk: query.is_true("by-disk"),
        disks: disks.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect(),
    };
    let left = (count > 0).then_some(count);
    let samples = Samples { shared: Arc::clone(call.shared), wanted, interval, left, is_first: true };
    Ok(Answer::Lines(live::lines(call.shared, samples)))
}

async fn sample(shared: &Shared, wanted: &Wanted, is_final: bool) -> Value {
    let disks: Vec<Disk> = drives::disks(shared).await;
    let disks: Vec<&Disk> = disks
        .iter()
        .filter(|disk| wanted.disks.is_empty() || wanted.disks.iter().any(|path| path == disk.path()))
        .collect();
    let collected = rfc3339(shared.env.clock.now());
    let mut all = Map::new();
    if wanted.wants(SCANNER) {
        all.insert("scanner".into(), scanner(&disks, &collected));
    }
    if wanted.wants(DISK) {
        all.insert("disk".into(), of_disks(&disks, &collected));
    }
    if wanted.wants(MEMORY)
        && let Some(memory) = host::memory(&shared.env, &shared.facts.endpoint).await
    {
        all.insert("mem".into(), json!({ "collected": collected, "memInfo": memory }));
    }
    if wanted.wants(PROCESSORS)
        && let Some(mut processors) = host::processors(&shared.env).await
    {
        processors.insert("collected".into(), collected.clone().into());
        all.insert("cpu".into(), Value::Object(processors));
    }
    let mut document = json!({ "hosts": [shared.facts.endpoint], "aggregated": all, "final": is_final });
    if wanted.by_host {
        document["by_host"] = json!({ shared.facts.endpoint.clone(): document["aggregated"] });
    }
    if wanted.by_disk && wanted.wants(DISK) {
        let of_disk = |disk: &&Disk| (disk.path().to_owned(), of_disks(&[*disk], &collected));
        document["by_disk"] = Value::Object(disks.iter().map(of_disk).collect());
    }
    document
}

/// madmin's `ScannerMetrics`: the drives that are being scrubbed.
fn scanner(disks: &[&Disk], collected: &str) -> Value {
    let active: Vec<&str> = disks.iter().filter(|disk| disk.is_scrubbed()).map(|disk| disk.path()).collect();
    json!({ "collected": collected, "ongoing_buckets": 0, "last_minute": {}, "active": active })
}

/// madmin's `DiskMetric`.
fn of_disks(disks: &[&Disk], collected: &str) -> Value {
    let count = |is: fn(&Disk) -> bool| disks.iter().filter(|disk| is(disk)).count();
    json!({
        "collected": collected,
        "n_disks": disks.len(),
        "offline": count(|disk| !disk.is_online()),
        "healing": count(Disk::is_healing),
        "last_minute": {},
        "iostats": {},
    })
}
