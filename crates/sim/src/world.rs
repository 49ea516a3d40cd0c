//! The machine and the server on it.
//!
//! The server is opened and closed as the binary does it (`rustfs::drives`, `rustfs::wiring`), but for the HTTP front:
//! drives are surveyed and formatted, metadata, blobs and objects opened, workers started. Sizes are
//! small, so that logs roll, segments are compacted and objects have stripes after kilobytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use blob::BlobOptions;
use cluster::start::Choices;
use env::Env;
use env::simulated::{Crash, Simulation};
use meta::log::LogOptions;
use model::ids::DriveId;
use object::{Objects, ObjectsOptions};
use rustfs::drives::Drives;
use rustfs::wiring::{OpenError, Storage, StorageOptions};
use worker::{ScrubBoard, ScrubOptions};

use crate::engine::{self, EngineWatch};
use crate::invariants::raft_order::RaftOrder;

/// Room of a drive.
const DRIVE_BYTES: u64 = 1 << 30;

/// Partitions of objects: several, so that listings merge.
const PARTITIONS: u16 = 2;

/// Simulated time that a life may take: far more than any needs, so that one that waits for ever is found.
const LIFE_MAX: Duration = Duration::from_secs(1800);

/// Longer than all lives: where scrubs are not what is looked at there are none.
const SCRUB_INTERVAL: Duration = Duration::from_secs(14 * 24 * 3600);

/// Of so many promises of raft one is looked at.
const RAFT_LOOKS: u64 = 16;

/// How much is kept of what happens on the drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// One number.
    Number,
    /// Every operation besides.
    Operations,
}

/// A machine with drives: what outlives a crash.
pub struct World {
    /// Time, randomness, drives, network.
    pub simulation: Simulation,
    /// Holds replicas to raft's rules of order.
    pub raft_order: Arc<RaftOrder>,
    /// How long after a scrub the next one of a drive is due.
    pub scrub_interval: Duration,
    drives: usize,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({} drives, {:?})", self.drives, self.simulation.disks())
    }
}

/// The server while it is open.
#[derive(Debug)]
pub struct Server {
    /// The drives it runs on.
    pub drives: Drives,
    storage: Storage,
}

/// A small log: it rolls after a few dozen entries, and followers are let behind after as many.
fn log_options(drive: DriveId) -> LogOptions {
    LogOptions {
        segment_bytes: 64 << 10,
        tail_bytes: 64 << 10,
        segments: 4,
        entries_kept_max: 20,
        ..LogOptions::new(drive)
    }
}

fn blob_options() -> BlobOptions {
    BlobOptions {
        stripe_bytes: 64 << 10,
        packed_shard_bytes_max: 8 << 10,
        segment_bytes_max: 1, // The least there is.
        reserve_bytes: Some(0),
        folder_run_blobs: 2,
        ..BlobOptions::default()
    }
}

impl World {
    /// With so many empty drives.
    #[must_use]
    pub fn new(seed: u64, drives: usize, trace: Trace) -> Self {
        let mut simulation = Simulation::with_drives(seed, drives, DRIVE_BYTES);
        simulation.set_life_max(LIFE_MAX);
        if trace == Trace::Operations {
            simulation.disks().keep_operations();
        }
        let raft_order = Arc::new(RaftOrder::new(simulation.disks().clone(), RAFT_LOOKS));
        World { simulation, raft_order, scrub_interval: SCRUB_INTERVAL, drives }
    }

    /// How many drives there are.
    #[must_use]
    pub fn drives(&self) -> usize {
        self.drives
    }

    /// Drives that may be lost without any loss to clients.
    #[must_use]
    pub fn parity(&self) -> usize {
        usize::from(cluster::placement::default_parity(self.drives))
    }

    /// Starts the server.
    ///
    /// # Errors
    /// Where it does not start on these drives.
    pub async fn open(&self, env: &Env) -> Result<Server, OpenError> {
        let paths: Vec<PathBuf> = (1..=self.drives).map(|number| format!("/d{number}").into()).collect();
        let choices = Choices { partitions: Some(PARTITIONS), ..Choices::default() };
        let mut drives = Drives::prepare(env, &paths, choices).await?;
        let watch: Arc<dyn EngineWatch> = self.raft_order.clone();
        let options = StorageOptions {
            engines: engine::factory(&watch),
            log: Arc::new(log_options),
            watch: Some(self.raft_order.clone()),
            blobs: blob_options(),
            objects: ObjectsOptions { inline_bytes_max: 1024 },
            scrub: ScrubOptions { interval: Some(self.scrub_interval), ..ScrubOptions::default() },
        };
        let storage = Storage::open(env, &mut drives, options).await?;
        Ok(Server { drives, storage })
    }

    /// Drives that were struck are as they were, but for what is on them.
    pub fn end_mishaps(&self) {
        let disks = self.simulation.disks();
        disks.disarm_mishap();
        for drive in (1..=self.drives).map(|number| format!("d{number}")) {
            disks.return_drive(&drive);
            disks.resume(&drive);
        }
    }

    /// The process ends between two lives, or has ended by a crash: what is not durable is lost, as the crash says.
    pub fn crash(&self, crash: Crash) {
        let disks = self.simulation.disks();
        disks.disarm_crash();
        disks.crash_now(crash);
    }
}

impl Server {
    /// What requests are carried out by.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        self.storage.objects()
    }

    /// How far the scrubs of its drives are.
    #[must_use]
    pub fn scrubs(&self) -> &ScrubBoard {
        self.storage.scrubs()
    }

    /// Stops it.
    pub async fn close(self) {
        self.storage.close().await;
    }
}
