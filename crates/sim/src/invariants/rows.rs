//! After a scrub everything that holds rows reads as it was written, on every drive whose metadata is open.

use std::cell::RefCell;
use std::time::Duration;

use env::Env;
use meta::engine::FoundDamage;
use model::ids::DriveId;

use crate::oracle::Oracle;
use crate::world::Server;

/// Between two looks, and how many: replicas that can't read their rows let one another lead until one of them can.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const LOOKS_MAX: usize = 30;
/// Bytes read by a step.
const STEP_BYTES: u64 = 1 << 20;

/// Waits for the scrubs, and for what they have had healed.
pub async fn whole_again(server: &Server, env: &Env, oracle: &RefCell<Oracle>) {
    let begun = env.clock.now().millis();
    let mut left = Vec::new();
    for _ in 0..LOOKS_MAX {
        env.clock.sleep(LOOK_EVERY).await;
        left = damaged(server).await;
        let scrubs = server.scrubs().all();
        let is_over =
            scrubs.iter().all(|scrub| scrub.state.finished_ms.is_some_and(|finished| finished > begun));
        if left.is_empty() && is_over {
            return;
        }
    }
    let first =
        left.first().map_or_else(|| "a scrub that does not end".to_owned(), |found| found.damage.to_string());
    oracle.borrow_mut().violate("rows", format!("not healed after a scrub: {first}"));
}

/// What is damaged on any drive.
async fn damaged(server: &Server) -> Vec<FoundDamage> {
    let mut found = Vec::new();
    for (_, drive) in server.objects().meta().map().slots() {
        found.extend(damaged_on(server, drive).await);
    }
    found
}

async fn damaged_on(server: &Server, drive: DriveId) -> Vec<FoundDamage> {
    let mut found = Vec::new();
    let mut check = server.objects().meta().check_rows(drive);
    while let Some(walk) = &mut check {
        let step = walk.step(STEP_BYTES).await;
        found.extend(step.found);
        if step.is_last {
            check = None;
        }
    }
    found
}
