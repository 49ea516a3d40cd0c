//! `mc admin info`: the server, its drives, what is in them.

use object::BucketUsage;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::drives::{self, Disk, POOL};
use crate::error::AdminError;
use crate::host;
use crate::inventory::Inventory;
use crate::server::Shared;

/// madmin's `InfoMessage`.
pub(crate) async fn info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let disks = drives::disks(shared).await;
    let map = shared.objects.meta().map();
    let inventory = Inventory { map, disks: &disks, endpoint: &shared.facts.endpoint };
    let usage = shared.objects.usages().await;
    let mut document = json!({
        "mode": "online",
        "domain": shared.facts.domains,
        "region": shared.facts.region,
        "deploymentID": map.store.to_string(),
        "services": {},
        "backend": inventory.erasure_backend(),
        "servers": [server(shared, &disks).await],
        "pools": { POOL.to_string(): sets(shared, &disks, usage.as_deref().unwrap_or_default()) },
    });
    // Where the records can't be read, the rest is worth telling all the more.
    let (counts, error) = match &usage {
        Ok(usage) => (Counts::of(usage), None),
        Err(error) => (Counts::default(), Some(format!("the records can't be read: {error}"))),
    };
    for (name, field, value) in counts.fields() {
        let mut part = Map::new();
        part.insert(field.to_owned(), value.into());
        part.extend(error.clone().map(|error| ("error".to_owned(), Value::String(error))));
        document[name] = Value::Object(part);
    }
    Answer::json(&document)
}

/// madmin's `StorageInfo`.
pub(crate) async fn storage_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let disks = drives::disks(shared).await;
    let map = shared.objects.meta().map();
    let backend = Inventory { map, disks: &disks, endpoint: &shared.facts.endpoint }.backend_info();
    Answer::json(&json!({ "Disks": disks, "Backend": backend }))
}

#[derive(Default)]
struct Counts {
    buckets: u64,
    objects: u64,
    bytes: u64,
}

impl Counts {
    fn of(usage: &[BucketUsage]) -> Self {
        Self {
            buckets: usage.len() as u64,
            objects: usage.iter().map(|bucket| bucket.objects).sum(),
            bytes: usage.iter().map(|bucket| bucket.bytes).sum(),
        }
    }

    /// Names in the document, their field, and the value. Without versioning an object is its one version.
    fn fields(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            ("buckets", "count", self.buckets),
            ("objects", "count", self.objects),
            ("versions", "count", self.objects),
            ("deletemarkers", "count", 0),
            ("usage", "size", self.bytes),
        ]
    }
}

/// madmin's `ServerProperties`.
async fn server(shared: &Shared, disks: &[Disk]) -> Value {
    let facts = &shared.facts;
    let resident = host::resident_bytes(&shared.env).await.unwrap_or(0);
    let uptime = shared.env.clock.monotonic().saturating_sub(facts.started);
    json!({
        "state": "online",
        "endpoint": facts.endpoint,
        "scheme": facts.scheme,
        "uptime": uptime.as_secs(),
        "version": facts.version,
        "network": { facts.endpoint.clone(): "online" },
        "drives": disks,
        "poolNumber": POOL + 1,
        "poolNumbers": [POOL + 1],
        "mem_stats": { "Alloc": resident, "TotalAlloc": 0, "Mallocs": 0, "Frees": 0, "HeapAlloc": 0 },
        "num_cpu": std::thread::available_parallelism().map_or(0, usize::from),
        "runtime_version": "rust",
        "minio_env_vars": {},
        "edition": "RustFS",
        "is_leader": true,
        "ilm_expiry_in_progress": false,
    })
}

/// madmin's `ErasureSetInfo` of each set. Objects are spread over sets by their blobs: what they hold is counted for the whole
/// store, which is a single set unless it has many drives.
fn sets(shared: &Shared, disks: &[Disk], usage: &[BucketUsage]) -> Value {
    let counts = Counts::of(usage);
    let sets = shared.objects.meta().map().sets.len();
    let one = |set: usize| {
        let of_set = || disks.iter().filter(|disk| disk.set_index == set);
        let (used, total) =
            of_set().map(Disk::room).fold((0, 0), |sum, room| (sum.0 + room.0, sum.1 + room.1));
        let is_all = sets == 1;
        json!({
            "id": set,
            "rawUsage": used,
            "rawCapacity": total,
            "usage": if is_all { counts.bytes } else { 0 },
            "objectsCount": if is_all { counts.objects } else { 0 },
            "versionsCount": if is_all { counts.objects } else { 0 },
            "deleteMarkersCount": 0,
            "healDisks": of_set().filter(|disk| disk.is_healing()).count(),
        })
    };
    Value::Object((0..sets).map(|set| (set.to_string(), one(set))).collect())
}
