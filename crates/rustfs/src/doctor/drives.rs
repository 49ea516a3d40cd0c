//! Drives, as they were found: what is wrong and what to do. Pure.

use std::path::PathBuf;
use std::time::Duration;

use super::finding::Finding;
use super::mounts::Mount;
use super::probe::ProbeFacts;
use crate::client::units::bytes;

const CHECK: &str = "drives";

/// A write with its sync should not take longer: a small object waits for one at least.
const SYNC_SLOW: Duration = Duration::from_millis(100);

/// Below this a sync is not one: nothing that survives a power cut is so quick.
const SYNC_TOO_QUICK: Duration = Duration::from_micros(2);

/// Drives that differ by more than this part waste room: a set has as much as its smallest drive.
const SIZE_PART: u64 = 10;

/// Free inodes that a busy drive needs.
const INODES_MIN: u64 = 10_000;

/// Free room below which a drive counts as nearly full, as a part of all.
const FREE_PART: u64 = 20;

/// What is known of a drive.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriveFacts {
    pub(crate) path: PathBuf,
    /// The file system below it.
    pub(crate) mount: Option<Mount>,
    /// The number of the device.
    pub(crate) device: Option<u64>,
    /// Its room.
    pub(crate) room: Option<Room>,
    /// Whether a server runs on it, and its process where that is known.
    pub(crate) holder: Option<Option<u32>>,
    /// How it wrote, or why it did not; none where it was not tried.
    pub(crate) probe: Option<Result<ProbeFacts, String>>,
}

/// Room of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) total_bytes: u64,
    pub(crate) free_bytes: u64,
    /// 0 where the file system does not count them.
    pub(crate) inodes_total: u64,
    pub(crate) inodes_free: u64,
}

/// What is wrong with drives. `system_device`: that of the root file system.
pub(crate) fn judge(drives: &[DriveFacts], system_device: Option<u64>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = drives.iter().flat_map(of_drive).collect();
    findings.extend(on_system(drives, system_device));
    findings.extend(of_sizes(drives));
    findings
}

fn of_drive(drive: &DriveFacts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(drive.mount.as_ref().and_then(|mount| of_mount(drive, mount)));
    findings.extend(drive.room.and_then(|room| of_room(drive, room)));
    findings.extend(drive.room.and_then(|room| of_inodes(drive, room)));
    findings.extend(of_probe(drive));
    findings
}

fn of_mount(drive: &DriveFacts, mount: &Mount) -> Option<Finding> {
    let name = drive.path.display();
    let kind = mount.kind.as_str();
    if mount.has("ro") {
        let todo = format!(
            "mount it for writing: `mount -o remount,rw {}`, and look at why it is not",
            mount.point.display()
        );
        return Some(Finding::fault(
            CHECK,
            format!("{name} is on a file system that is mounted read-only"),
            todo,
        ));
    }
    if ["tmpfs", "ramfs"].contains(&kind) {
        let what = format!("{name} is in memory ({kind}): all of it is gone when the machine stops");
        return Some(Finding::fault(
            CHECK,
            what,
            "give a folder on a disk; this one is good for trials only",
        ));
    }
    if kind == "overlay" {
        let what = format!("{name} is inside a container's own layer (overlay): it goes with the container");
        return Some(Finding::warning(CHECK, what, "mount a volume there"));
    }
    if ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs"].contains(&kind) || kind.starts_with("fuse")
    {
        let what = format!(
            "{name} is on {kind}: whether a sync is one, and locks hold, is up to another machine or program"
        );
        return Some(Finding::warning(
            CHECK,
            what,
            "give disks of this machine, or be sure of what that file system promises",
        ));
    }
    let lies = ["nobarrier", "barrier=0"];
    let option = lies.iter().find(|option| mount.has(option))?;
    let what = format!(
        "{name} is mounted with {option}: a sync does not reach the disk, and a power cut loses what was answered for"
    );
    Some(Finding::fault(CHECK, what, format!("mount {} without {option}", mount.point.display())))
}

fn of_room(drive: &DriveFacts, room: Room) -> Option<Finding> {
    let is_low = room.total_bytes > 0 && room.free_bytes < room.total_bytes / FREE_PART;
    is_low.then(|| {
        let (free, total) = (bytes(room.free_bytes), bytes(room.total_bytes));
        let what =
            format!("{} has {free} of {total} left: a full drive takes no new bytes", drive.path.display());
        Finding::warning(CHECK, what, "delete objects, or add room to the file system")
    })
}

fn of_inodes(drive: &DriveFacts, room: Room) -> Option<Finding> {
    let is_low = room.inodes_total > 0 && room.inodes_free < INODES_MIN;
    is_low.then(|| {
        let what = format!(
            "{} has {} inodes left: large objects are a file each",
            drive.path.display(),
            room.inodes_free
        );
        Finding::warning(
            CHECK,
            what,
            "remove files that are not the store's, or make the file system anew with more inodes",
        )
    })
}

fn of_probe(drive: &DriveFacts) -> Option<Finding> {
    let name = drive.path.display();
    let probe = match drive.probe.as_ref()? {
        Ok(probe) => probe,
        Err(reason) => {
            let todo =
                "let the server's user write there, and look at what the kernel says of the device (dmesg)";
            return Some(Finding::fault(
                CHECK,
                format!("{name} can't be written and synced: {reason}"),
                todo,
            ));
        }
    };
    let took = format!("{:.1} ms", probe.sync_time.as_secs_f64() * 1000.0);
    let longest = format!("{:.1} ms", probe.sync_time_max.as_secs_f64() * 1000.0);
    if probe.sync_time > SYNC_SLOW {
        let what = format!(
            "a write with its sync takes {took} on {name} (the longest {longest}): small objects wait for one each"
        );
        let todo =
            "look at what else uses the disk; SSDs with power-loss protection take well under a millisecond";
        return Some(Finding::warning(CHECK, what, todo));
    }
    if probe.sync_time < SYNC_TOO_QUICK {
        let what = format!(
            "a write with its sync takes {took} on {name}: too quick for anything that survives a power cut"
        );
        return Some(Finding::warning(
            CHECK,
            what,
            "make sure that the file system and the disk really sync",
        ));
    }
    if !probe.has_direct_io {
        let what = format!("{name} takes no writes past the page cache (O_DIRECT)");
        let todo = "nothing must be done; ext4 and xfs do, and cost less memory";
        return Some(Finding::note(CHECK, what, todo));
    }
    Some(Finding::well(CHECK, format!("{name}: a write with its sync takes {took}, the longest {longest}")))
}

fn on_system(drives: &[DriveFacts], system_device: Option<u64>) -> Option<Finding> {
    let on_system = drives.iter().filter(|drive| drive.device.is_some() && drive.device == system_device);
    let names: Vec<String> = on_system.take(4).map(|drive| drive.path.display().to_string()).collect();
    (!names.is_empty()).then(|| {
        let what = format!(
            "{} shares the file system with the operating system: either can fill it for the other",
            names.join(", ")
        );
        Finding::note(
            CHECK,
            what,
            "give every drive a disk of its own for anything that is more than a trial",
        )
    })
}

fn of_sizes(drives: &[DriveFacts]) -> Option<Finding> {
    let sizes = drives.iter().filter_map(|drive| Some((drive.room?.total_bytes, drive)));
    let (least, small) = sizes.clone().min_by_key(|(size, _)| *size)?;
    let (most, large) = sizes.max_by_key(|(size, _)| *size)?;
    (most - least > most / SIZE_PART).then(|| {
        let what = format!(
            "{} has {}, {} has {}: shards are spread evenly, so the room of the larger one stays unused",
            small.path.display(),
            bytes(least),
            large.path.display(),
            bytes(most)
        );
        Finding::warning(CHECK, what, "give drives of the same size")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const GOOD: ProbeFacts = ProbeFacts {
        sync_time: Duration::from_millis(2),
        sync_time_max: Duration::from_millis(3),
        has_direct_io: true,
    };
    const ROOM: Room =
        Room { total_bytes: 1000 << 30, free_bytes: 900 << 30, inodes_total: 1 << 20, inodes_free: 1 << 19 };

    fn drive(path: &str, kind: &str, options: &str) -> DriveFacts {
        let options = options.split(',').map(str::to_owned).collect();
        let mount = Some(Mount { point: "/mnt".into(), kind: kind.into(), options });
        DriveFacts {
            path: path.into(),
            mount,
            device: Some(7),
            room: Some(ROOM),
            holder: None,
            probe: Some(Ok(GOOD)),
        }
    }

    fn worst(drive: DriveFacts) -> (Severity, String) {
        let findings = judge(&[drive], Some(1));
        let worst = findings.into_iter().min_by_key(|finding| finding.severity).unwrap();
        assert!(worst.severity == Severity::Well || !worst.todo.is_empty(), "{worst:?}");
        (worst.severity, worst.what)
    }

    #[test]
    fn a_file_system_that_does_not_keep_what_it_is_given_is_named() {
        for (kind, options, severity) in [
            ("ext4", "rw,noatime", Severity::Well),
            ("xfs", "rw", Severity::Well),
            ("ext4", "ro", Severity::Fault),
            ("tmpfs", "rw", Severity::Fault),
            ("overlay", "rw", Severity::Warning),
            ("nfs4", "rw", Severity::Warning),
            ("fuse.sshfs", "rw", Severity::Warning),
            ("ext4", "rw,barrier=0", Severity::Fault),
            ("xfs", "rw,nobarrier", Severity::Fault),
        ] {
            assert_eq!(worst(drive("/d", kind, options)).0, severity, "{kind} {options}");
        }
    }

    #[test]
    fn room_and_inodes_and_syncs_have_their_limits() {
        let with = |room: Room| DriveFacts { room: Some(room), ..drive("/d", "ext4", "rw") };
        assert_eq!(worst(with(Room { free_bytes: 40 << 30, ..ROOM })).0, Severity::Warning);
        assert_eq!(worst(with(Room { inodes_free: 3, ..ROOM })).0, Severity::Warning);
        assert_eq!(worst(with(Room { inodes_free: 0, inodes_total: 0, ..ROOM })).0, Severity::Well);
        let probed = |probe| DriveFacts { probe: Some(probe), ..drive("/d", "ext4", "rw") };
        let slow = ProbeFacts { sync_time: Duration::from_millis(300), ..GOOD };
        let quick = ProbeFacts { sync_time: Duration::from_nanos(500), ..GOOD };
        assert_eq!(worst(probed(Ok(slow))).0, Severity::Warning);
        assert_eq!(worst(probed(Ok(quick))).0, Severity::Warning);
        assert_eq!(worst(probed(Ok(ProbeFacts { has_direct_io: false, ..GOOD }))).0, Severity::Note);
        let (severity, what) = worst(probed(Err("No space left".into())));
        assert!(severity == Severity::Fault && what.contains("No space left"), "{what}");
    }

    #[test]
    fn drives_are_compared_with_one_another_and_with_the_system() {
        let small =
            DriveFacts { room: Some(Room { total_bytes: 500 << 30, ..ROOM }), ..drive("/d2", "ext4", "rw") };
        let findings = judge(&[drive("/d1", "ext4", "rw"), small], Some(7));
        let of = |severity| findings.iter().find(|finding| finding.severity == severity).unwrap();
        assert!(of(Severity::Warning).what.contains("/d2 has 500.0 GiB"), "{findings:?}");
        assert!(of(Severity::Note).what.starts_with("/d1, /d2 shares"), "{findings:?}");
        assert!(judge(&[], Some(7)).is_empty());
    }
}
