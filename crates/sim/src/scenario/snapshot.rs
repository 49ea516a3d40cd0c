//! A drive answers nothing until its log has been left behind; then it is filled by snapshots.

use std::time::Duration;

use super::Stage;
use crate::oracle::Condition;

/// Entries that the others log meanwhile: more than they keep for it.
const PUTS: usize = 80;
/// Long enough for leaders to hear of it and to fill it.
const UNTIL_FILLED: Duration = Duration::from_secs(6);

pub(super) async fn leave_behind(stage: &mut Stage<'_>) {
    stage.world.simulation.disks().stall_until_resumed("d2");
    // What it led has another leader then.
    stage.env.clock.sleep(Duration::from_secs(8)).await;
    puts(stage, PUTS).await;
}

pub(super) async fn act(stage: &mut Stage<'_>) {
    stage.world.simulation.disks().resume("d2");
    stage.env.clock.sleep(UNTIL_FILLED).await;
    puts(stage, 4).await;
}

async fn puts(stage: &mut Stage<'_>, count: usize) {
    let bucket = stage.client.bucket.clone();
    for number in 0..count {
        let content = stage.client.oracle.borrow_mut().new_content(700);
        stage.client.put(&bucket, &format!("s{}", number % 10), &content, Condition::Always).await;
    }
}
