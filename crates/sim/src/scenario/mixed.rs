//! Several clients at once do whatever clients do.

use super::Stage;
use crate::workload::{self, Load};

const FEW: Load = Load { clients: 3, steps: 5 };
const SOME: Load = Load { clients: 6, steps: 6 };

pub(super) async fn few(stage: &mut Stage<'_>) {
    run(stage, FEW).await;
}

pub(super) async fn act(stage: &mut Stage<'_>) {
    run(stage, SOME).await;
}

async fn run(stage: &mut Stage<'_>, load: Load) {
    let seed = stage.client.generator.number();
    workload::run(stage.client.objects, stage.env, stage.client.oracle, seed, load).await;
}
