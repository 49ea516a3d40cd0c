//! Objects go in one request and alone; after the grace their blobs go.

use std::time::Duration;

use super::Stage;
use crate::oracle::Condition;

/// Longer than a blob is kept after its object went, and than the collector rests.
const UNTIL_RECLAIMED: Duration = Duration::from_secs(10);

pub(super) async fn act(stage: &mut Stage<'_>) {
    stage.client.delete(&["a/b", "b", "nothing"], Condition::Always).await;
    stage.client.delete(&["a"], Condition::Present).await;
    stage.env.clock.sleep(UNTIL_RECLAIMED).await;
}
