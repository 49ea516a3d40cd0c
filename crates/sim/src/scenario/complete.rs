//! Uploads become objects: over nothing, over an object, and after a part was put anew.

use super::{Stage, put};
use crate::oracle::Condition;

pub(super) async fn prepare(stage: &mut Stage<'_>) {
    put::some(stage).await;
    for (key, size) in [("a", 300), ("a/b", 70_000), ("a/c", 5000)] {
        let Some(upload) = stage.client.create_upload(key).await else { return };
        for size in [size + 100, size] {
            let content = stage.client.oracle.borrow_mut().new_content(size);
            stage.client.part(upload, 1, &content).await;
        }
        let unnamed = stage.client.oracle.borrow_mut().new_content(2000);
        stage.client.part(upload, 2, &unnamed).await;
    }
}

pub(super) async fn act(stage: &mut Stage<'_>) {
    let uploads: Vec<_> = stage.client.oracle.borrow().uploads.keys().copied().collect();
    for (at, upload) in uploads.into_iter().enumerate() {
        let content = stage.client.oracle.borrow_mut().new_content(4000);
        stage.client.part(upload, 3, &content).await;
        match at {
            2 => stage.client.abort(upload).await,
            _ => stage.client.complete(upload, Condition::Always).await,
        }
    }
}
