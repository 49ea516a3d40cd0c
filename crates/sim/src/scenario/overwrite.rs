//! Objects in the place of others, each of another size class than what was there; some under a condition.

use super::Stage;
use super::put::OBJECTS;
use crate::oracle::Condition;

pub(super) async fn act(stage: &mut Stage<'_>) {
    let bucket = stage.client.bucket.clone();
    for (at, (key, _)) in OBJECTS.into_iter().enumerate() {
        let size = OBJECTS[(at + 1) % OBJECTS.len()].1 + 9;
        let condition = if at % 2 == 0 { Condition::Present } else { Condition::Always };
        let content = stage.client.oracle.borrow_mut().new_content(size);
        stage.client.put(&bucket, key, &content, condition).await;
    }
}
