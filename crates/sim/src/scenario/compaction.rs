//! Segments that are mostly dead are rewritten while objects in them live on.

use std::time::Duration;

use super::Stage;
use crate::oracle::Condition;

const OBJECTS: usize = 24;
const SIZE_BYTES: usize = 7000;
/// Longer than a blob is kept after its object went, and than the collector rests.
const UNTIL_RECLAIMED: Duration = Duration::from_secs(8);
/// Longer than compaction rests.
const UNTIL_COMPACTED: Duration = Duration::from_secs(11);

fn key(number: usize) -> String {
    format!("c{number:02}")
}

pub(super) async fn prepare(stage: &mut Stage<'_>) {
    let bucket = stage.client.bucket.clone();
    for number in 0..OBJECTS {
        let content = stage.client.oracle.borrow_mut().new_content(SIZE_BYTES);
        stage.client.put(&bucket, &key(number), &content, Condition::Always).await;
    }
}

pub(super) async fn act(stage: &mut Stage<'_>) {
    let dying: Vec<String> = (0..OBJECTS).filter(|number| number % 4 != 0).map(key).collect();
    let dying: Vec<&str> = dying.iter().map(String::as_str).collect();
    stage.client.delete(&dying, Condition::Always).await;
    stage.env.clock.sleep(UNTIL_RECLAIMED).await;
    stage.env.clock.sleep(UNTIL_COMPACTED).await;
}
