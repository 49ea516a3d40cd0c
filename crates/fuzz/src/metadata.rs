//! Metadata on one simulated drive.

use std::path::Path;
use std::sync::Arc;

use cluster::map::ClusterMap;
use env::Env;
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::log::LogFactory;
use meta::{MetaDrive, MetaOptions};
use model::ids::{DriveId, StoreId};

pub(crate) const DRIVE: DriveId = DriveId::from_bytes([1; 16]);
pub(crate) const DIRECTORY: &str = "/d1/meta";

/// So many partitions, each with one replica, their rows in `engines`.
pub(crate) fn options(
    partitions: u16,
    engines: MemoryEngineStore,
    log: LogFactory,
    new_store: bool,
) -> MetaOptions {
    let map = ClusterMap {
        store: StoreId::from_bytes([7; 16]),
        epoch: 1,
        sets: vec![vec![DRIVE]],
        parity: 0,
        parity_reduced: 0,
        partitions,
        replicas: 1,
    };
    MetaOptions {
        map,
        drives: vec![MetaDrive::new(DRIVE, DIRECTORY)],
        new_store,
        engines: Arc::new(move |_: &Env, _, _: &Path| Ok(Arc::new(engines.open()) as Arc<dyn Engine>)),
        log,
        watch: None,
    }
}
