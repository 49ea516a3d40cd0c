//! Whether reads and writes would work now, and if not, why.

use blob::{DriveState, DriveStatus};

use crate::Objects;

/// What works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether objects can be read.
    pub reads: bool,
    /// Whether objects can be written.
    pub writes: bool,
    /// What is wrong, in sentences.
    pub reasons: Vec<String>,
}

impl Objects {
    /// Looks at every partition's leader and every drive.
    pub async fn health(&self) -> Health {
        let meta = &self.inner.meta;
        let mut health = Health { reads: true, writes: true, reasons: Vec::new() };
        if meta.is_read_only() {
            health.writes = false;
            health
                .reasons
                .push("too few drives are there to write: the store is open for reading only".into());
        } else {
            let system = meta.map().system_partition();
            let waiting =
                meta.partitions().chain([system]).filter(|partition| !meta.takes_writes(*partition)).count();
            if waiting > 0 {
                health.writes = false;
                health
                    .reasons
                    .push(format!("{waiting} partitions of the metadata have no leader that takes writes"));
            }
        }
        self.look_at_drives(&mut health).await;
        health
    }

    async fn look_at_drives(&self, health: &mut Health) {
        let map = self.inner.meta.map();
        let redundancy = map.redundancy(map.parity);
        let drives = self.inner.blobs.drives().await;
        for set in 0..map.sets.len() {
            let of_set = || drives.iter().filter(|drive| usize::from(drive.place.set) == set);
            let readable = of_set().filter(|drive| drive.state != DriveState::Missing).count();
            let writable = of_set().filter(|drive| drive.state == DriveState::Ok).count();
            if readable < usize::from(redundancy.data) {
                health.reads = false;
            }
            if writable < redundancy.write_quorum() {
                health.writes = false;
                health.reasons.push(format!(
                    "set {set}: {writable} drives take writes where {} are needed",
                    redundancy.write_quorum()
                ));
            }
        }
        for drive in drives.iter().filter(|drive| drive.state != DriveState::Ok) {
            health.reasons.push(describe(drive));
        }
        for (failed, reason) in self.inner.meta.failed_drives() {
            let is_failed = |drive: &&DriveStatus| {
                let set = map.sets.get(usize::from(drive.place.set));
                set.and_then(|set| set.get(usize::from(drive.place.slot))) == Some(&failed)
            };
            let path = drives.iter().find(is_failed).and_then(|drive| drive.path.as_ref());
            let name = path.map_or_else(|| failed.to_string(), |path| path.display().to_string());
            health.reasons.push(format!(
                "drive {name} takes no metadata since a write of it failed ({reason}): check it, then start the server again"
            ));
        }
    }
}

fn describe(drive: &DriveStatus) -> String {
    let name = match &drive.path {
        Some(path) => format!("drive {}", path.display()),
        None => format!("the drive of set {} slot {}", drive.place.set, drive.place.slot),
    };
    match &drive.state {
        DriveState::Ok => format!("{name} is well"),
        DriveState::Missing => format!("{name} is missing"),
        DriveState::Full => format!("{name} is full: it is read, and takes no writes until there is room"),
        DriveState::Silent { waited } => format!(
            "{name} has not answered for {} seconds: look at the device; reads and writes go to the other drives until it does",
            waited.as_secs()
        ),
        DriveState::Poisoned { reason } => {
            format!(
                "{name} takes no writes since one failed ({reason}): check it, then start the server again"
            )
        }
    }
}
