//! The log goes on in new segments; engines are persisted, and its beginning is purged and used again.

use super::Stage;
use crate::oracle::Condition;

/// So many entries that the log has gone round.
const PUTS: usize = 70;

pub(super) async fn act(stage: &mut Stage<'_>) {
    let bucket = stage.client.bucket.clone();
    for number in 0..PUTS {
        let content = stage.client.oracle.borrow_mut().new_content(900);
        stage.client.put(&bucket, &format!("l{}", number % 12), &content, Condition::Always).await;
    }
}
