//! Drives as madmin shows them.

use cluster::map::Slot;
use env::OpenOptions;
use object::{DriveState, DriveStatus};
use serde::Serialize;
use worker::REFILL_FILE;

use crate::server::Shared;

/// There is one pool: the store.
pub(crate) const POOL: usize = 0;

/// madmin's `Disk`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Disk {
    endpoint: String,
    path: String,
    #[serde(skip_serializing_if = "is_false")]
    healing: bool,
    #[serde(skip_serializing_if = "is_false")]
    scanning: bool,
    pub(crate) state: &'static str,
    uuid: String,
    major: u32,
    minor: u32,
    #[serde(rename = "totalspace")]
    total_bytes: u64,
    #[serde(rename = "usedspace")]
    used_bytes: u64,
    #[serde(rename = "availspace")]
    free_bytes: u64,
    #[serde(skip_serializing_if = "is_false")]
    local: bool,
    pool_index: usize,
    pub(crate) set_index: usize,
    disk_index: usize,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Disk {
    pub(crate) fn is_online(&self) -> bool {
        self.state == "ok"
    }

    /// Its used and whole bytes.
    pub(crate) fn room(&self) -> (u64, u64) {
        (self.used_bytes, self.total_bytes)
    }

    /// Free bytes.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_scrubbed(&self) -> bool {
        self.scanning
    }

    pub(crate) fn is_healing(&self) -> bool {
        self.healing
    }

    pub(crate) fn uuid(&self) -> &str {
        &self.uuid
    }
}

/// All drives of the store, by set and slot.
pub(crate) async fn disks(shared: &Shared) -> Vec<Disk> {
    let scrubs = shared.scrubs.all();
    let map = shared.objects.meta().map();
    let mut disks = Vec::new();
    for drive in shared.objects.blobs().drives().await {
        let slot = Slot { set: drive.place.set, slot: drive.place.slot };
        let id = map.slots().find(|(known, _)| *known == slot).map(|(_, id)| id);
        let uuid = id.map(|id| id.to_string()).unwrap_or_default();
        let is_scrubbed = scrubs.iter().any(|scrub| {
            scrub.drive == drive.place && scrub.state.started_ms > 0 && scrub.state.finished_ms.is_none()
        });
        let healing = is_refilling(shared, &drive).await;
        disks.push(disk(&drive, uuid, healing, is_scrubbed));
    }
    disks
}

fn disk(drive: &DriveStatus, uuid: String, healing: bool, scanning: bool) -> Disk {
    let path = drive.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    Disk {
        endpoint: path.clone(),
        path,
        healing,
        scanning,
        state: state(&drive.state),
        uuid,
        major: 0,
        minor: 0,
        total_bytes: drive.total_bytes,
        used_bytes: drive.total_bytes.saturating_sub(drive.free_bytes),
        free_bytes: drive.free_bytes,
        local: true,
        pool_index: POOL,
        set_index: usize::from(drive.place.set),
        disk_index: usize::from(drive.place.slot),
    }
}

/// madmin's word. A full drive is read and written again when there is room: its free bytes tell.
fn state(state: &DriveState) -> &'static str {
    match state {
        DriveState::Ok | DriveState::Full => "ok",
        DriveState::Missing => "offline",
        DriveState::Poisoned { .. } | DriveState::Silent { .. } => "faulty",
    }
}

async fn is_refilling(shared: &Shared, drive: &DriveStatus) -> bool {
    // A drive that does not answer would keep the whole answer waiting.
    let Some(path) = drive.path.as_ref().filter(|_| state(&drive.state) == "ok") else { return false };
    shared.env.disk.open(&path.join(REFILL_FILE), OpenOptions::default()).await.is_ok()
}
