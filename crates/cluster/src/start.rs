//! What to do with the drives given at start: make a store, open one, or refuse and say why. Pure: nothing is written
//! before the whole plan stands.

use std::path::PathBuf;

use thiserror::Error;

use model::ids::{DriveId, PartitionId, StoreId};

use crate::format::DriveFormat;
use crate::map::{ClusterMap, Slot};
use crate::placement;

/// The epoch in the formats of a store that is being made. The last step of a first start writes them anew with the
/// epoch that counts: a store that has this one on all its drives was never used, and its drives count as empty.
pub const EPOCH_UNFINISHED: u64 = 0;

/// What was found under a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: an empty folder, or one that can be made.
    Blank,
    /// A drive of some store.
    Formatted(DriveFormat),
    /// The path can't be used now; the reason.
    Unusable(String),
    /// There are files, but no `format`.
    Foreign,
}

/// A path and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The path.
    pub path: PathBuf,
    /// What is there.
    pub found: Found,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The store as it will be.
    pub map: ClusterMap,
    /// By set and slot: the path of the drive, `None` where it is missing.
    pub paths: Vec<Vec<Option<PathBuf>>>,
    /// Places whose drive is empty and is to be formatted: all of them where the store is new. An empty drive that can't be
    /// filled now is in none: its place counts as missing.
    pub blank: Vec<Slot>,
    /// Whether the store is new.
    pub new_store: bool,
    /// What the operator should know, in sentences.
    pub warnings: Vec<String>,
}

/// Why the server can't start with these drives. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// No paths.
    #[error(
        "no drives were given: name at least one folder, as in `rustfs server /data` or `rustfs server /data{{1...4}}`"
    )]
    NoDrives,
    /// One path twice.
    #[error("{} is given twice: name every drive once", path.display())]
    Twice {
        /// The path.
        path: PathBuf,
    },
    /// Two paths hold one drive's format.
    #[error(
        "{} and {} both hold drive {drive}: one is a copy. Start with the original, and empty the copy if it is to be a new drive",
        one.display(), other.display()
    )]
    SameDrive {
        /// A path.
        one: PathBuf,
        /// Another.
        other: PathBuf,
        /// The drive's id.
        drive: DriveId,
    },
    /// A drive of another store.
    #[error(
        "{} belongs to store {found}, the others to store {expected}: start it with its own drives, or empty it to use it here",
        path.display()
    )]
    OtherStore {
        /// The path.
        path: PathBuf,
        /// Its store.
        found: StoreId,
        /// The store of the others.
        expected: StoreId,
    },
    /// A drive that was replaced meanwhile.
    #[error(
        "{} is drive {drive}, which was replaced and no longer belongs to store {store}: empty it to use it as a new drive",
        path.display()
    )]
    Replaced {
        /// The path.
        path: PathBuf,
        /// Its id.
        drive: DriveId,
        /// The store.
        store: StoreId,
    },
    /// Files of others are in the folder.
    #[error("{} holds files but is not a drive of RustFS: give an empty folder, so that nothing of yours is touched", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// A new store with a path that can't be used.
    #[error("{} can't be used: {reason}", path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The number of paths does not fit the store.
    #[error(
        "{given} drives are given, but store {store} has {expected}: name all of its drives, also those that are empty or missing now"
    )]
    Count {
        /// How many were given.
        given: usize,
        /// How many the store has.
        expected: usize,
        /// The store.
        store: StoreId,
    },
    /// More drives are empty than can be refilled.
    #[error(
        "{blank} of the {drives} drives of store {store} are empty, but only {parity} can be refilled from the others: check \
         that all drives are mounted. Nothing was changed"
    )]
    TooManyBlank {
        /// How many are empty.
        blank: usize,
        /// How many there are.
        drives: usize,
        /// How many may be.
        parity: u8,
        /// The store.
        store: StoreId,
    },
}

/// What the operator chose, where the defaults are not wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Parity of STANDARD.
    pub parity: Option<u8>,
    /// Parity of REDUCED_REDUNDANCY.
    pub parity_reduced: Option<u8>,
    /// Partitions.
    pub partitions: Option<u16>,
    /// Replicas of the metadata.
    pub replicas: Option<u8>,
}

/// Decides what to do with the given drives. `ids` are fresh random ids: one for a new store, and one for each blank drive.
///
/// # Errors
/// Where the drives don't make one store.
pub fn plan(given: &[Given], choices: Choices, store: StoreId, ids: &[DriveId]) -> Result<Plan, StartError> {
    refuse_obvious(given)?;
    let given = &without_unfinished(given);
    let formats: Vec<(&Given, &DriveFormat)> = given
        .iter()
        .filter_map(|drive| match &drive.found {
            Found::Formatted(format) => Some((drive, format)),
            _ => None,
        })
        .collect();
    match formats.iter().map(|(_, format)| &format.map).max_by_key(|map| map.epoch) {
        None => new_store(given, choices, store, ids),
        Some(map) => open_store(given, &formats, map.clone(), ids),
    }
}

/// With drives of a first start that did not end taken for what they are: empty, unless another drive already has the
/// format that counts and knows them.
fn without_unfinished(given: &[Given]) -> Vec<Given> {
    let finished = given.iter().filter_map(|drive| match &drive.found {
        Found::Formatted(format) if format.map.epoch > EPOCH_UNFINISHED => Some(&format.map),
        _ => None,
    });
    let newest = finished.max_by_key(|map| map.epoch);
    let is_known = |format: &DriveFormat| {
        newest.is_some_and(|map| {
            map.store == format.map.store && map.slots().any(|(_, drive)| drive == format.drive)
        })
    };
    given
        .iter()
        .map(|drive| match &drive.found {
            Found::Formatted(format) if format.map.epoch == EPOCH_UNFINISHED && !is_known(format) => {
                Given { path: drive.path.clone(), found: Found::Blank }
            }
            _ => drive.clone(),
        })
        .collect()
}

fn refuse_obvious(given: &[Given]) -> Result<(), StartError> {
    if given.is_empty() {
        return Err(StartError::NoDrives);
    }
    for (position, drive) in given.iter().enumerate() {
        if given.iter().skip(position + 1).any(|other| other.path == drive.path) {
            return Err(StartError::Twice { path: drive.path.clone() });
        }
        if drive.found == Found::Foreign {
            return Err(StartError::Foreign { path: drive.path.clone() });
        }
    }
    Ok(())
}

fn new_store(given: &[Given], choices: Choices, store: StoreId, ids: &[DriveId]) -> Result<Plan, StartError> {
    for drive in given {
        if let Found::Unusable(reason) = &drive.found {
            return Err(StartError::Unusable { path: drive.path.clone(), reason: reason.clone() });
        }
    }
    assert!(ids.len() >= given.len(), "a fresh id for each drive");
    let width = placement::set_width(given.len());
    let parity = choices.parity.unwrap_or(placement::default_parity(width)).min(width as u8 / 2);
    let drives: Vec<DriveId> = ids.iter().take(given.len()).copied().collect();
    let map = ClusterMap {
        store,
        epoch: 1,
        sets: drives.chunks(width).map(<[_]>::to_vec).collect(),
        parity,
        parity_reduced: choices.parity_reduced.unwrap_or(1).min(parity),
        partitions: choices.partitions.unwrap_or(placement::PARTITIONS_DEFAULT).max(1),
        replicas: choices
            .replicas
            .unwrap_or(placement::default_replicas(given.len(), parity))
            .clamp(1, given.len().min(usize::from(u8::MAX)) as u8),
    };
    let paths =
        given.chunks(width).map(|set| set.iter().map(|drive| Some(drive.path.clone())).collect()).collect();
    let blank = map.slots().map(|(slot, _)| slot).collect();
    Ok(Plan { map, paths, blank, new_store: true, warnings: Vec::new() })
}

fn open_store(
    given: &[Given],
    formats: &[(&Given, &DriveFormat)],
    mut map: ClusterMap,
    ids: &[DriveId],
) -> Result<Plan, StartError> {
    let mut paths: Vec<Vec<Option<PathBuf>>> = map.sets.iter().map(|set| vec![None; set.len()]).collect();
    for (drive, format) in formats {
        let slot = known_slot(drive, format, &map)?;
        let place = paths.get_mut(usize::from(slot.set)).and_then(|set| set.get_mut(usize::from(slot.slot)));
        if let Some(one) = place.as_ref().and_then(|place| place.as_ref()) {
            return Err(StartError::SameDrive {
                one: one.clone(),
                other: drive.path.clone(),
                drive: format.drive,
            });
        }
        if let Some(place) = place {
            *place = Some(drive.path.clone());
        }
    }
    if given.len() != map.drive_count() {
        return Err(StartError::Count { given: given.len(), expected: map.drive_count(), store: map.store });
    }
    let mut warnings: Vec<String> = given.iter().filter_map(missing).collect();
    let empty = empty(given, &map)?;
    if !empty.is_empty() && !has_majority(&map, &paths) {
        warnings.push(left_empty(&empty, &map, &paths));
        return Ok(Plan { map, paths, blank: Vec::new(), new_store: false, warnings });
    }
    let blank = replace_blank(&empty, &mut map, &mut paths, ids);
    for slot in &blank {
        warnings.push(format!(
            "set {} slot {}: the drive is empty and will be refilled from the others. Reads and writes go on meanwhile.",
            slot.set, slot.slot
        ));
    }
    Ok(Plan { map, paths, blank, new_store: false, warnings })
}

fn missing(drive: &Given) -> Option<String> {
    match &drive.found {
        Found::Unusable(reason) => Some(format!(
            "{} can't be used ({reason}). The store goes on without it: repair or mount it and start again, \
             or empty it to have it refilled.",
            drive.path.display()
        )),
        _ => None,
    }
}

fn known_slot(drive: &Given, format: &DriveFormat, map: &ClusterMap) -> Result<Slot, StartError> {
    if format.map.store != map.store {
        return Err(StartError::OtherStore {
            path: drive.path.clone(),
            found: format.map.store,
            expected: map.store,
        });
    }
    let slot = map.slots().find(|(_, id)| *id == format.drive).map(|(slot, _)| slot);
    slot.ok_or_else(|| StartError::Replaced {
        path: drive.path.clone(),
        drive: format.drive,
        store: map.store,
    })
}

/// The empty drives, which are no more than the data can do without.
fn empty<'a>(given: &'a [Given], map: &ClusterMap) -> Result<Vec<&'a Given>, StartError> {
    let empty: Vec<&Given> = given.iter().filter(|drive| drive.found == Found::Blank).collect();
    if empty.len() > usize::from(map.parity) {
        let (blank, drives, parity, store) = (empty.len(), map.drive_count(), map.parity, map.store);
        return Err(StartError::TooManyBlank { blank, drives, parity, store });
    }
    Ok(empty)
}

/// Whether the drives that are there can agree to take a new one in: a majority of every partition's replicas.
fn has_majority(map: &ClusterMap, paths: &[Vec<Option<PathBuf>>]) -> bool {
    let present: Vec<DriveId> = map
        .slots()
        .zip(paths.iter().flatten())
        .filter(|(_, path)| path.is_some())
        .map(|((_, drive), _)| drive)
        .collect();
    (0..=map.partitions).all(|partition| {
        let replicas = placement::replica_drives(map, PartitionId(partition));
        let there = replicas.iter().filter(|drive| present.contains(drive)).count();
        there > replicas.len() / 2
    })
}

/// Empty drives that nobody can fill are not put in the place of those that were there: these would be refused for good if
/// they came back, and one of them is what the store needs to write again.
fn left_empty(empty: &[&Given], map: &ClusterMap, paths: &[Vec<Option<PathBuf>>]) -> String {
    let names: Vec<String> = empty.iter().map(|drive| drive.path.display().to_string()).collect();
    let there = paths.iter().flatten().flatten().count();
    format!(
        "{} {} empty and can't be refilled: {there} of {} drives are too few to change the metadata. Reading and listing work, \
         everything that writes is answered 503, and what is empty is left so. If a drive is only not mounted, mount it and \
         start again. If it is lost, bring back another one that was part of the store, then the empty ones are refilled; \
         if none can be brought back, copy the objects to a new store.",
        names.join(" and "),
        if names.len() == 1 { "is" } else { "are" },
        map.drive_count(),
    )
}

/// Gives each empty drive the place of one that is missing: with as many empty as missing the first fits the first.
fn replace_blank(
    blank: &[&Given],
    map: &mut ClusterMap,
    paths: &mut [Vec<Option<PathBuf>>],
    ids: &[DriveId],
) -> Vec<Slot> {
    if blank.is_empty() {
        return Vec::new();
    }
    assert!(ids.len() >= blank.len(), "a fresh id for each blank drive");
    map.epoch += 1;
    let mut slots = Vec::new();
    let mut fresh = blank.iter().zip(ids);
    for (set, (places, drives)) in (0u16..).zip(paths.iter_mut().zip(&mut map.sets)) {
        for (slot, (place, drive)) in (0u8..).zip(places.iter_mut().zip(drives)) {
            if place.is_some() {
                continue;
            }
            let Some((blank, id)) = fresh.next() else {
                return slots;
            };
            *place = Some(blank.path.clone());
            *drive = *id;
            slots.push(Slot { set, slot });
        }
    }
    slots
}

#[cfg(test)]
mod tests;
