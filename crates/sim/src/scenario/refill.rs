//! An empty drive stands in the place of another when the server starts, and is filled from the others.

use std::time::Duration;

use super::{Stage, put};
use crate::world::World;

/// Between two looks whether it is filled.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOKS_MAX: usize = 20;

pub(super) fn replace(world: &World) {
    world.simulation.disks().replace_with_empty("d2");
}

pub(super) async fn act(stage: &mut Stage<'_>) {
    put::some(stage).await;
    for _ in 0..LOOKS_MAX {
        stage.env.clock.sleep(LOOK_EVERY).await;
        let names = stage.env.disk.list(std::path::Path::new("/d2")).await.unwrap_or_default();
        if names.iter().all(|entry| entry.name != rustfs::drives::REFILL_FILE) {
            return;
        }
    }
}
