//! The server starts, takes a little, and stops in good order: engines are persisted and closed.

use super::{Stage, put};

pub(super) async fn act(stage: &mut Stage<'_>) {
    put::some(stage).await;
}
