//! How healing goes on by itself. Drives are scrubbed one by one, and what is found damaged is healed at once or queued.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::drives::{self, Disk, POOL};
use crate::error::AdminError;
use crate::time::of_millis;

/// madmin's `BgHealState`, of what scrubs and refills are at.
pub(crate) async fn background_heal_status(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let disks = drives::disks(shared).await;
    let scrubs = shared.scrubs.all();
    let scanned: u64 = scrubs.iter().map(|scrub| scrub.state.shards).sum();
    let healed: u64 = scrubs.iter().map(|scrub| scrub.state.healed).sum();
    let map = shared.objects.meta().map();
    let sets: Vec<Value> = (0..map.sets.len()).map(|set| of_set(set, &disks)).collect();
    let healing: Vec<&str> = disks.iter().filter(|disk| disk.is_healing()).map(Disk::uuid).collect();
    Answer::json(&json!({
        "offline_nodes": [],
        "ScannedItemsCount": scanned,
        "HealDisks": healing,
        "sets": sets,
        "mrf": { shared.facts.endpoint.clone(): { "bytes_healed": 0, "items_healed": healed } },
        "sc_parity": { "STANDARD": map.parity, "REDUCED_REDUNDANCY": map.parity_reduced },
        "scrubs": scrubs.iter().map(of_scrub).collect::<Vec<_>>(),
    }))
}

fn of_set(set: usize, disks: &[Disk]) -> Value {
    let of_set: Vec<&Disk> = disks.iter().filter(|disk| disk.set_index == set).collect();
    let healing = of_set.iter().any(|disk| disk.is_healing());
    json!({
        "id": set.to_string(),
        "pool_index": POOL,
        "set_index": set,
        "heal_status": if healing { "healing" } else { "" },
        "heal_priority": "low",
        "total_objects": 0,
        "disks": of_set,
    })
}

/// What madmin has no field for: the last run of a drive's scrub, or the one under way.
fn of_scrub(scrub: &worker::ScrubStatus) -> Value {
    let state = &scrub.state;
    let mut fields = Map::new();
    fields.insert("path".into(), scrub.path.display().to_string().into());
    if state.started_ms > 0 {
        fields.insert("started".into(), of_millis(state.started_ms).into());
    }
    if let Some(finished) = state.finished_ms {
        fields.insert("finished".into(), of_millis(finished).into());
    }
    for (name, value) in [
        ("used_bytes", state.used_bytes),
        ("read_bytes", state.read_bytes),
        ("shards", state.shards),
        ("found", state.found),
        ("healed", state.healed),
    ] {
        fields.insert(name.into(), value.into());
    }
    Value::Object(fields)
}
