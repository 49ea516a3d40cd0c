//! New objects: inline, packed, and in files of several stripes.

use super::Stage;
use crate::oracle::Condition;

/// Keys and sizes in bytes.
pub(super) const OBJECTS: [(&str, usize); 4] = [("a", 500), ("a/b", 6000), ("b", 90_000), ("zz", 0)];

pub(super) async fn some(stage: &mut Stage<'_>) {
    let bucket = stage.client.bucket.clone();
    for (key, size) in OBJECTS {
        let content = stage.client.oracle.borrow_mut().new_content(size);
        stage.client.put(&bucket, key, &content, Condition::Always).await;
    }
}
