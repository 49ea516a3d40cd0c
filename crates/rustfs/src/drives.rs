//! The drives at start: look, decide, take, format.
//!
//! Always:
//! - Nothing is written before `cluster::start::plan` has agreed, and what was written is taken back where the second look,
//!   under the locks, finds that it must not.
//! - A drive has a `format` file as long as it has anything else of the store: a folder with data and no `format` is
//!   never taken for an empty one.
//! - A new store's formats have epoch 0 until everything else is set up; a start that did not get so far is begun again.
//! - A replaced drive has its `refill` marker before its `format`, so that none is forgotten half empty.
//!
//! What lies where is drawn in `docs/formats/drive.md`.

mod lock;
mod survey;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use cluster::format::{self, DriveFormat, DriveFormatError};
use cluster::map::{ClusterMap, Slot};
use cluster::placement;
use cluster::start::{self, Choices, EPOCH_UNFINISHED, Found, Given, Plan, StartError};
use env::Env;
use futures_util::future::join_all;
use model::ids::{DriveId, StoreId};
use thiserror::Error;

use lock::Taken;
pub(crate) use lock::holder;

/// What `rustfs doctor` may leave for a moment on a drive whose file system has no nameless files: it counts as nothing.
pub(crate) const DOCTOR_FILE: &str = "doctor.probe";

/// Says that a drive is being refilled; the worker that refills removes it.
pub use worker::REFILL_FILE;

/// Why the server can't start on these drives. Each sentence says what to do.
#[derive(Debug, Error)]
pub enum DrivesError {
    /// They don't make a store.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A `format` file.
    #[error(transparent)]
    Format(#[from] DriveFormatError),
    /// Another server runs on it.
    #[error("{} is in use by another running server{}: stop that one first, or give this one other drives", path.display(), process(*pid))]
    InUse {
        /// The drive.
        path: PathBuf,
        /// The other's process, where it is known.
        pid: Option<u32>,
    },
    /// One folder by two names.
    #[error("{} and {} are the same folder: name every drive once", one.display(), other.display())]
    SameFolder {
        /// A name.
        one: PathBuf,
        /// Another.
        other: PathBuf,
    },
    /// One folder in another.
    #[error("{} is inside {}: give folders that don't contain each other", inner.display(), outer.display())]
    Nested {
        /// The inner one.
        inner: PathBuf,
        /// The outer one.
        outer: PathBuf,
    },
    /// Parity that the drives don't allow.
    #[error(
        "RUSTFS_STORAGE_CLASS_{class} asks for EC:{asked}, but {most} is the most that sets of {width} drives can have: \
         choose less, or give more drives"
    )]
    Parity {
        /// `STANDARD` or `RRS`.
        class: &'static str,
        /// What is asked for.
        asked: u8,
        /// What can be.
        most: u8,
        /// Drives of a set.
        width: usize,
    },
    /// A drive does not answer while it is prepared.
    #[error("{} can't be prepared: {}", path.display(), survey::does_not_answer())]
    Silent {
        /// The drive.
        path: PathBuf,
    },
    /// A drive could not be prepared.
    #[error("{} can't be prepared: {reason}", path.display())]
    Prepare {
        /// The drive.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

/// What a start would make of drives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Foreseen {
    /// Whether it would make a store.
    pub(crate) new_store: bool,
    /// What it would warn of.
    pub(crate) warnings: Vec<String>,
}

/// The drives of a store, taken for this process until dropped.
#[derive(Debug)]
pub struct Drives {
    /// The store.
    pub map: ClusterMap,
    /// By set and slot: the folder of the drive, `None` where it is missing.
    pub places: Vec<Vec<Option<PathBuf>>>,
    /// Whether the store is being made by this start.
    pub new_store: bool,
    /// Places whose drive was replaced and is being refilled.
    pub refilling: Vec<Slot>,
    /// What the operator should know, in sentences.
    pub warnings: Vec<String>,
    _taken: Taken,
}

impl Drives {
    /// Looks at the folders, decides, and prepares them.
    ///
    /// # Errors
    /// Where they can't be used as they are; nothing is left written then.
    pub async fn prepare(env: &Env, paths: &[PathBuf], choices: Choices) -> Result<Self, DrivesError> {
        survey::refuse_nested(paths)?;
        let fresh = Fresh::new(env, paths.len());
        let seen = survey::look(env, paths).await?;
        decide(&seen, choices, &fresh)?;
        let taken = Taken::take(env, &seen).await?;
        match Self::under_lock(env, paths, choices, &fresh, &taken).await {
            Ok(drives) => Ok(Drives { _taken: taken, ..drives }),
            Err(error) => {
                taken.give_back(env).await;
                Err(error)
            }
        }
    }

    /// What a start would make of these folders, which only looks.
    ///
    /// # Errors
    /// Where it would be refused.
    pub(crate) async fn foresee(
        env: &Env,
        paths: &[PathBuf],
        choices: Choices,
    ) -> Result<Foreseen, DrivesError> {
        survey::refuse_nested(paths)?;
        let seen = survey::look(env, paths).await?;
        let plan = decide(&seen, choices, &Fresh::new(env, paths.len()))?;
        let mut warnings = plan.warnings;
        warnings.extend(survey::shared_file_systems(env, &seen).await);
        if !plan.new_store {
            warnings.extend(differing_choices(choices, &plan.map));
        }
        Ok(Foreseen { new_store: plan.new_store, warnings })
    }

    async fn under_lock(
        env: &Env,
        paths: &[PathBuf],
        choices: Choices,
        fresh: &Fresh,
        taken: &Taken,
    ) -> Result<Self, DrivesError> {
        let mut seen = survey::look(env, paths).await?;
        taken.leave_out_unwritable(&mut seen);
        let plan = decide(&seen, choices, fresh)?;
        let mut drives = Drives {
            map: plan.map.clone(),
            places: plan.paths.clone(),
            new_store: plan.new_store,
            refilling: Vec::new(),
            warnings: plan.warnings.clone(),
            _taken: Taken::default(),
        };
        drives.warnings.extend(taken.warnings.iter().cloned());
        drives.warnings.extend(survey::shared_file_systems(env, &seen).await);
        if plan.new_store {
            make(env, &plan).await?;
        } else {
            drives.warnings.extend(differing_choices(choices, &plan.map));
            drives.update(env, &plan, &seen).await?;
        }
        drives.look_for_refills(env).await?;
        Ok(drives)
    }

    /// Brings the formats of a store up to the plan: first on the drives that hold it, then on those that are new to it.
    async fn update(&mut self, env: &Env, plan: &Plan, seen: &[survey::Seen]) -> Result<(), DrivesError> {
        let is_blank = |slot: &Slot| plan.blank.contains(slot);
        let held = present(&plan.map, &plan.paths).filter(|(slot, ..)| !is_blank(slot));
        let written =
            held.map(async |(slot, drive, path)| (slot, bring_up(env, plan, seen, drive, path).await));
        for (slot, written) in join_all(written).await {
            match written {
                Err(error @ DrivesError::Silent { .. }) => self.leave_out(slot, &error),
                // One drive that knows the newest map is enough: a full one need not take it now.
                Err(error) => self.warnings.push(format!("{error}.")),
                Ok(()) => {}
            }
        }
        let blank = present(&plan.map, &plan.paths).filter(|(slot, ..)| is_blank(slot));
        let taken = blank.map(async |(slot, drive, path)| (slot, take_blank(env, plan, drive, path).await));
        for (slot, taken) in join_all(taken).await {
            match taken {
                Err(error @ DrivesError::Silent { .. }) => self.leave_out(slot, &error),
                other => other?,
            }
        }
        Ok(())
    }

    /// Finds out which drives are being refilled. One that can't be asked is left out: taken for one that holds all that it
    /// should, it would be found to have lost it.
    async fn look_for_refills(&mut self, env: &Env) -> Result<(), DrivesError> {
        let looks = self.present().map(async |(slot, _, path)| (slot, is_refilling(env, path).await));
        for (slot, refilling) in join_all(looks).await {
            match refilling {
                Ok(true) => self.refilling.push(slot),
                Ok(false) => {}
                Err(error) if self.new_store => return Err(error),
                Err(error) => self.leave_out(slot, &error),
            }
        }
        Ok(())
    }

    /// Does without a drive that turns out not to be usable.
    fn leave_out(&mut self, slot: Slot, error: &DrivesError) {
        self.warnings.push(format!("{error}. It is left out, and the others do without it."));
        let place =
            self.places.get_mut(usize::from(slot.set)).and_then(|set| set.get_mut(usize::from(slot.slot)));
        if let Some(place) = place {
            *place = None;
        }
    }

    /// The last step of a first start, once metadata and blobs are set up: from now on the store counts.
    ///
    /// # Errors
    /// Where a format can't be written.
    pub async fn finish(&self, env: &Env) -> Result<(), DrivesError> {
        if !self.new_store {
            return Ok(());
        }
        let writing = self.present().map(|(_, drive, path)| write_format(env, path, drive, &self.map));
        try_all(writing).await
    }

    /// The drives that are there: place, id and folder.
    pub fn present(&self) -> impl Iterator<Item = (Slot, DriveId, &Path)> {
        present(&self.map, &self.places)
    }

    /// How many are missing.
    #[must_use]
    pub fn missing_count(&self) -> usize {
        self.map.drive_count() - self.present().count()
    }
}

fn present<'a>(
    map: &'a ClusterMap,
    places: &'a [Vec<Option<PathBuf>>],
) -> impl Iterator<Item = (Slot, DriveId, &'a Path)> {
    map.slots().filter_map(|(slot, drive)| {
        let path = places.get(usize::from(slot.set))?.get(usize::from(slot.slot))?.as_deref()?;
        Some((slot, drive, path))
    })
}

/// Random ids for what a plan may make.
struct Fresh {
    store: StoreId,
    drives: Vec<DriveId>,
}

impl Fresh {
    fn new(env: &Env, drives: usize) -> Self {
        let id = || {
            let mut bytes = [0u8; 16];
            env.random.fill(&mut bytes);
            bytes
        };
        Fresh {
            store: StoreId::from_bytes(id()),
            drives: (0..drives).map(|_| DriveId::from_bytes(id())).collect(),
        }
    }
}

fn decide(seen: &[survey::Seen], choices: Choices, fresh: &Fresh) -> Result<Plan, DrivesError> {
    let given: Vec<Given> = seen.iter().map(|seen| seen.given.clone()).collect();
    let plan = start::plan(&given, choices, fresh.store, &fresh.drives)?;
    if plan.new_store {
        check_parity(choices, given.len())?;
    }
    Ok(plan)
}

fn check_parity(choices: Choices, drives: usize) -> Result<(), DrivesError> {
    let width = placement::set_width(drives);
    let most = (width / 2) as u8;
    let standard = choices.parity.unwrap_or(placement::default_parity(width));
    for (class, asked, most) in
        [("STANDARD", choices.parity, most), ("RRS", choices.parity_reduced, most.min(standard))]
    {
        if let Some(asked) = asked.filter(|asked| *asked > most) {
            return Err(DrivesError::Parity { class, asked, most, width });
        }
    }
    Ok(())
}

fn differing_choices(choices: Choices, map: &ClusterMap) -> Vec<String> {
    let classes =
        [("STANDARD", choices.parity, map.parity), ("RRS", choices.parity_reduced, map.parity_reduced)];
    let differs = |(class, asked, made): (&str, Option<u8>, u8)| {
        let asked = asked.filter(|asked| *asked != made)?;
        Some(format!(
            "RUSTFS_STORAGE_CLASS_{class} asks for EC:{asked}, but this store was made with EC:{made}, which stays."
        ))
    };
    classes.into_iter().filter_map(differs).collect()
}

/// The first steps of a first start: what an earlier one left goes, then every drive gets a format that does not count yet.
async fn make(env: &Env, plan: &Plan) -> Result<(), DrivesError> {
    let map = &ClusterMap { epoch: EPOCH_UNFINISHED, ..plan.map.clone() };
    let making = present(&plan.map, &plan.paths).map(async |(_, drive, path)| {
        clear(env, path).await?;
        write_format(env, path, drive, map).await
    });
    try_all(making).await
}

async fn write_format(env: &Env, path: &Path, drive: DriveId, map: &ClusterMap) -> Result<(), DrivesError> {
    let format = DriveFormat { drive, map: map.clone() };
    let written = survey::in_time(env, format::write(&*env.disk, path, &format)).await;
    Ok(written.ok_or_else(|| DrivesError::Silent { path: path.to_owned() })??)
}

/// Does it on all drives beside one another, each of which waits for its own syncs; the first error in their order. None is
/// left half way.
async fn try_all<F: Future<Output = Result<(), DrivesError>>>(
    works: impl Iterator<Item = F>,
) -> Result<(), DrivesError> {
    join_all(works).await.into_iter().collect()
}

/// Writes the plan's format to a drive of the store that has another one.
async fn bring_up(
    env: &Env,
    plan: &Plan,
    seen: &[survey::Seen],
    drive: DriveId,
    path: &Path,
) -> Result<(), DrivesError> {
    let wanted = DriveFormat { drive, map: plan.map.clone() };
    match survey::format_at(seen, path) == Some(&wanted) {
        true => Ok(()),
        false => write_format(env, path, drive, &plan.map).await,
    }
}

/// Makes an empty drive one of the store that is being refilled.
async fn take_blank(env: &Env, plan: &Plan, drive: DriveId, path: &Path) -> Result<(), DrivesError> {
    clear(env, path).await?;
    let text = format!("drive {drive} is empty and is being refilled from the others\n");
    let marker = path.join(REFILL_FILE);
    answered(env, path, env::replace_file(&*env.disk, &marker, Bytes::from(text))).await?;
    write_format(env, path, drive, &plan.map).await
}

/// Removes what an interrupted start left on a drive that counts as empty; its `format` goes last, by being replaced.
async fn clear(env: &Env, path: &Path) -> Result<(), DrivesError> {
    let entries = answered(env, path, env.disk.list(path)).await?;
    for entry in entries.iter().filter(|entry| survey::is_removable(&entry.name)) {
        let name = path.join(&entry.name);
        match entry.is_directory {
            true => answered(env, path, env.disk.remove_directory(&name)).await?,
            false => answered(env, path, env.disk.remove(&name)).await?,
        }
    }
    answered(env, path, env.disk.sync_directory(path)).await
}

async fn is_refilling(env: &Env, path: &Path) -> Result<bool, DrivesError> {
    let entries = answered(env, path, env.disk.list(path)).await?;
    Ok(entries.iter().any(|entry| entry.name == REFILL_FILE))
}

/// What a drive answers to a step of its preparation.
async fn answered<T>(
    env: &Env,
    drive: &Path,
    step: impl Future<Output = std::io::Result<T>>,
) -> Result<T, DrivesError> {
    let path = || drive.to_owned();
    let answer = survey::in_time(env, step).await.ok_or_else(|| DrivesError::Silent { path: path() })?;
    answer.map_err(|error| DrivesError::Prepare { path: path(), reason: error.to_string() })
}
