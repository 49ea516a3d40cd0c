//! What can be found, what it means, and what to do about it.
//!
//! Always: a kind has one name, one meaning and one remedy, so that the page of docs/operating can explain each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Examples that are kept of one kind on one drive; more are counted.
const EXAMPLES_MAX: usize = 1000;

/// What can be found. In the order in which it is shown: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Fewer good shards than the data takes.
    ObjectUnreadable,
    /// The drive can't be read at all.
    DriveUnreadable,
    /// The `format` file.
    FormatDamaged,
    /// A drive of another store, or one that was replaced.
    DriveForeign,
    /// The raft log.
    LogDamaged,
    /// A file of the engine, or the engine as a whole.
    MetadataDamaged,
    /// Rows and log of a partition.
    PartitionInconsistent,
    /// A row.
    RowBad,
    /// A segment.
    SegmentDamaged,
    /// A shard that an object needs.
    ShardDamaged,
    /// A shard that should be there.
    ShardMissing,
    /// A shard on the wrong drive.
    ShardMisplaced,
    /// Of a newer release.
    Newer,
    /// The operating system's errors.
    ReadError,
    /// Its repair is queued.
    AwaitsHeal,
    /// The drive is being refilled.
    Refilling,
    /// A replica that is behind.
    Stale,
    /// What a crash cut short.
    Torn,
    /// Shards that nothing refers to.
    Unreferenced,
    /// Damage that nobody will read.
    DeadDamage,
    /// Files that are not the store's.
    Stray,
    /// What could not be checked.
    Unchecked,
}

impl Kind {
    /// Its name in JSON and in the manual.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::ObjectUnreadable => "object-unreadable",
            Kind::DriveUnreadable => "drive-unreadable",
            Kind::FormatDamaged => "format-damaged",
            Kind::DriveForeign => "drive-foreign",
            Kind::LogDamaged => "log-damaged",
            Kind::MetadataDamaged => "metadata-damaged",
            Kind::PartitionInconsistent => "partition-inconsistent",
            Kind::RowBad => "row-bad",
            Kind::SegmentDamaged => "segment-damaged",
            Kind::ShardDamaged => "shard-damaged",
            Kind::ShardMissing => "shard-missing",
            Kind::ShardMisplaced => "shard-misplaced",
            Kind::Newer => "newer",
            Kind::ReadError => "read-error",
            Kind::AwaitsHeal => "awaits-heal",
            Kind::Refilling => "refilling",
            Kind::Stale => "stale",
            Kind::Torn => "torn",
            Kind::Unreferenced => "unreferenced",
            Kind::DeadDamage => "dead-damage",
            Kind::Stray => "stray",
            Kind::Unchecked => "unchecked",
        }
    }

    /// Whether it is worth knowing and no more: nothing need be done.
    #[must_use]
    pub const fn is_note(self) -> bool {
        matches!(
            self,
            Kind::Refilling
                | Kind::Stale
                | Kind::Torn
                | Kind::Unreferenced
                | Kind::DeadDamage
                | Kind::Stray
                | Kind::Unchecked
        )
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Kind::ObjectUnreadable => {
                "fewer good shards are left than the data takes: these objects can't be read now"
            }
            Kind::DriveUnreadable => "the drive can't be looked at; the store does without it",
            Kind::FormatDamaged => {
                "the drive does not say which drive of which store it is: a start leaves it out"
            }
            Kind::DriveForeign => "the drive is not one of this store",
            Kind::LogDamaged => {
                "the log of the metadata is damaged: a start leaves this drive's metadata out"
            }
            Kind::MetadataDamaged => {
                "the tables of this drive's metadata are damaged: records can't be read from it"
            }
            Kind::PartitionInconsistent => {
                "rows and log of this drive don't fit each other: a start leaves its metadata out"
            }
            Kind::RowBad => "a record on this drive is not as a release writes it",
            Kind::SegmentDamaged => {
                "bytes of a segment are not what was written: small shards in it may be lost on this drive"
            }
            Kind::ShardDamaged => {
                "a shard is not what was written: the object is read with the help of other drives"
            }
            Kind::ShardMissing => {
                "a shard that should be on this drive is not: the object is read with the help of others"
            }
            Kind::ShardMisplaced => "a shard lies on a drive where no reader looks for it",
            Kind::Newer => "a newer release has written here",
            Kind::ReadError => {
                "the operating system can't read this: the drive, its cable or its file system fails"
            }
            Kind::AwaitsHeal => "a shard is missing, and its repair is queued",
            Kind::Refilling => {
                "the drive has taken another one's place and does not hold all of its data yet"
            }
            Kind::Stale => {
                "the metadata on this drive is older than on others: it was away, or stopped in the middle"
            }
            Kind::Torn => "a crash cut a write short; nothing in it was acknowledged",
            Kind::Unreferenced => {
                "shards that no record refers to: of puts that a crash cut short, or of what was deleted"
            }
            Kind::DeadDamage => "damage in what nobody will read: unfinished, deleted, or replaced",
            Kind::Stray => "files that the store did not make, or left behind in the middle of a repair",
            Kind::Unchecked => "this could not be checked",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Kind::ObjectUnreadable => {
                "bring back drives that are missing and look again; what stays here must come from a backup. Don't empty any drive before"
            }
            Kind::DriveUnreadable => {
                "check that it is mounted and that this user may read it; where it is dead, give the server an empty folder in its place"
            }
            Kind::FormatDamaged => {
                "restore the file from a copy; or, while all other drives are sound, empty the drive's folder: it is refilled from them"
            }
            Kind::DriveForeign => "start it with the drives of its own store, or empty it to use it here",
            Kind::LogDamaged | Kind::MetadataDamaged | Kind::PartitionInconsistent => {
                "while most other drives are sound: stop the server, empty this drive's folder and start: it is refilled from \
                 them. Where most drives have this, don't empty any: `rustfs salvage`"
            }
            Kind::RowBad => {
                "where only this drive has it: as for metadata-damaged. Where all have it, keep the drives as they are and report it"
            }
            Kind::SegmentDamaged | Kind::ShardDamaged | Kind::ShardMissing => {
                "start the server: reads and the scrub rebuild the shard from the other drives. Where one drive has many, replace it"
            }
            Kind::ShardMisplaced => {
                "check that no drive's content was copied to another; start the server: the shard is rebuilt where it belongs"
            }
            Kind::Newer => "start the release that wrote it, or a newer one",
            Kind::ReadError => {
                "check the drive (dmesg, smartctl) and replace it by an empty one while the others are sound"
            }
            Kind::AwaitsHeal => "start the server and leave it running: it repairs this by itself",
            Kind::Refilling => "leave the server running until it is done",
            Kind::Stale => "nothing: it catches up after the start",
            Kind::Torn | Kind::Unreferenced | Kind::DeadDamage => {
                "nothing: the server clears it, or never reads it"
            }
            Kind::Stray => "nothing; what is yours, move elsewhere",
            Kind::Unchecked => "mend what is named above, or give all drives, and look again",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the folder; none where it is about an object.
    pub path: Option<PathBuf>,
    /// Where in it.
    pub offset_bytes: Option<u64>,
    /// What is wrong, with the names it concerns.
    pub what: String,
}

/// All of one kind on one drive.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Finding>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    groups: BTreeMap<(Kind, PathBuf), Group>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, kind: Kind, drive: &Path, finding: Finding) {
        let group = self.groups.entry((kind, drive.to_owned())).or_default();
        group.count += 1;
        if group.examples.len() < EXAMPLES_MAX {
            group.examples.push(finding);
        }
    }

    /// Adds one about a file.
    pub fn file(&mut self, kind: Kind, drive: &Path, path: &Path, offset_bytes: Option<u64>, what: String) {
        self.add(kind, drive, Finding { path: Some(path.to_owned()), offset_bytes, what });
    }

    /// Adds one about a drive as a whole, or about no file.
    pub fn drive(&mut self, kind: Kind, drive: &Path, what: String) {
        self.add(kind, drive, Finding { path: None, offset_bytes: None, what });
    }

    /// By kind and drive.
    pub fn groups(&self) -> impl Iterator<Item = (Kind, &Path, &Group)> {
        self.groups.iter().map(|((kind, drive), group)| (*kind, drive.as_path(), group))
    }

    /// How many that are no notes, on a drive or on all.
    #[must_use]
    pub fn count(&self, drive: Option<&Path>) -> u64 {
        let of =
            self.groups().filter(|(kind, of, _)| !kind.is_note() && drive.is_none_or(|drive| drive == *of));
        of.map(|(_, _, group)| group.count).sum()
    }

    /// Whether there are none but notes.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.count(None) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_no_findings_and_more_are_counted_than_kept() {
        let mut findings = Findings::default();
        findings.drive(Kind::Stale, Path::new("/d1"), "behind".into());
        assert!(findings.is_sound());
        for _ in 0..EXAMPLES_MAX + 5 {
            findings.drive(Kind::ShardMissing, Path::new("/d2"), "gone".into());
        }
        let (_, _, group) = findings.groups().find(|(kind, ..)| *kind == Kind::ShardMissing).unwrap();
        assert_eq!((group.count, group.examples.len()), (EXAMPLES_MAX as u64 + 5, EXAMPLES_MAX));
        assert_eq!((findings.count(Some(Path::new("/d1"))), findings.count(None)), (0, group.count));
    }
}
