//! `rustfs salvage`: new metadata for a store whose metadata is gone, from what the shards say of themselves.
//!
//! What always holds:
//! - Nothing is written without `--write`; nothing of the old metadata is ever deleted: it is moved aside.
//! - The new metadata is complete and durable on every drive before any old one is moved. From the first move to the last
//!   every drive has the file [`UNFINISHED_FILE`], with which a server does not start: half of one state and half of the
//!   other would be two stores that call each other by the same names.
//! - Shards are only read.

mod report;
mod scan;
mod switch;

pub use report::{json, text};

use std::path::PathBuf;

use cluster::start::{Choices, EPOCH_UNFINISHED};
use env::Env;
use meta::{Meta, MetaDrive, MetaOpenError, MetaOptions};
use object::ObjectError;
use object::salvage::{SalvagePlan, plan, write};
use thiserror::Error;

use crate::cli::SalvageArguments;
use crate::drives::{Drives, DrivesError};
use crate::inspect::drives::{OfflineError, OfflineStore};
use crate::inspect::finding::Findings;
use crate::inspect::progress::ProgressLine;
use crate::memory::{METADATA_BYTES_DEFAULT, MetadataShare};

pub use scan::Scanned;
pub use switch::UNFINISHED_FILE;

/// Why a salvage did not happen.
#[derive(Debug, Error)]
pub enum SalvageError {
    /// The drives can't be looked at.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The drives can't be taken.
    #[error(transparent)]
    Drives(#[from] DrivesError),
    /// A drive is missing.
    #[error(
        "new metadata goes on all drives of the store, but {}: bring it back, or give an empty folder in its place",
        missing.join(", ")
    )]
    Missing {
        /// Which.
        missing: Vec<String>,
    },
    /// There is metadata.
    #[error(
        "{} of the drives still have metadata. Try to start the server first, and `rustfs inspect`: salvage brings back less \
         than metadata that can be read holds. To go on all the same, add --replace-metadata: what is there is moved aside",
        drives.len()
    )]
    HasMetadata {
        /// On these.
        drives: Vec<PathBuf>,
    },
    /// A first start that was cut short left them.
    #[error("no server has ever finished its first start on these drives: there is nothing to bring back")]
    NeverUsed,
    /// A server must not start.
    #[error(
        "a salvage of these drives was not finished ({} has the file `{UNFINISHED_FILE}`): run `rustfs salvage --write` with all \
         drives again, then start the server",
        path.display()
    )]
    Unfinished {
        /// The drive.
        path: PathBuf,
    },
    /// The new metadata.
    #[error("the new metadata can't be set up: {0}. Nothing was moved")]
    Meta(#[from] MetaOpenError),
    /// A record.
    #[error("the new metadata can't be written: {0}. Nothing was moved")]
    Write(#[from] ObjectError),
    /// A file.
    #[error("{} failed to {action}: {source}. Mend that and run the same command again", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// What a salvage did, or would do.
#[derive(Debug)]
pub struct Salvage {
    /// What comes back.
    pub plan: SalvagePlan,
    /// What was read.
    pub scanned: Scanned,
    /// What is odd about the drives, in sentences.
    pub warnings: Vec<String>,
    /// Where the old metadata is now; `None` where nothing was written.
    pub moved: Option<Vec<PathBuf>>,
}

/// Does it, or tells what it would do.
///
/// # Errors
/// Where the drives can't be read, or not be written.
pub async fn salvage(
    env: &Env,
    paths: &[PathBuf],
    arguments: &SalvageArguments,
    progress: &mut ProgressLine,
) -> Result<Salvage, SalvageError> {
    let mut findings = Findings::default();
    let store = OfflineStore::open(env, paths, &mut findings).await?;
    // A start takes such drives for empty, and so would this.
    if store.map.epoch == EPOCH_UNFINISHED {
        return Err(SalvageError::NeverUsed);
    }
    if arguments.write && !arguments.replace_metadata {
        refuse_metadata(env, paths).await?;
    }
    let (blobs, scanned) = scan::scan(env, &store, arguments.thorough, progress).await;
    progress.end();
    let mut salvage = Salvage {
        plan: plan(blobs, !arguments.parts_as_uploads),
        scanned,
        warnings: warnings(&store, &findings),
        moved: None,
    };
    if arguments.write {
        // Its locks are a server's, which those for reading are in the way of.
        drop(store);
        salvage.moved = Some(put_in_place(env, paths, &mut salvage).await?);
    }
    Ok(salvage)
}

fn warnings(store: &OfflineStore, findings: &Findings) -> Vec<String> {
    let missing =
        store.missing().map(|slot| format!("set {} slot {}: no drive is given", slot.set, slot.slot));
    let odd = findings.groups().flat_map(|(_, drive, group)| {
        group.examples.iter().map(move |finding| format!("{}: {}", drive.display(), finding.what))
    });
    missing.chain(odd).collect()
}

/// Whether drives have metadata that may be better than what a salvage makes. What an unfinished salvage left is not.
async fn refuse_metadata(env: &Env, paths: &[PathBuf]) -> Result<(), SalvageError> {
    let mut drives = Vec::new();
    for path in paths {
        let is_unfinished = has(env, path, UNFINISHED_FILE).await;
        let engine = env.disk.list(&path.join("meta").join("engine")).await;
        if !is_unfinished && engine.is_ok_and(|entries| !entries.is_empty()) {
            drives.push(path.clone());
        }
    }
    if drives.is_empty() { Ok(()) } else { Err(SalvageError::HasMetadata { drives }) }
}

/// Refuses to start a server on drives of which some have the old metadata and some the new.
///
/// # Errors
/// Where that is so.
pub async fn refuse_unfinished(env: &Env, paths: &[PathBuf]) -> Result<(), SalvageError> {
    for path in paths {
        if has(env, path, UNFINISHED_FILE).await {
            return Err(SalvageError::Unfinished { path: path.clone() });
        }
    }
    Ok(())
}

async fn has(env: &Env, folder: &std::path::Path, name: &str) -> bool {
    env.disk.list(folder).await.is_ok_and(|entries| entries.iter().any(|entry| entry.name == name))
}

/// Builds the new metadata beside the old, and exchanges them.
async fn put_in_place(
    env: &Env,
    paths: &[PathBuf],
    salvage: &mut Salvage,
) -> Result<Vec<PathBuf>, SalvageError> {
    let drives = Drives::prepare(env, paths, Choices::default()).await?;
    salvage.warnings.extend(drives.warnings.iter().cloned());
    if drives.missing_count() > 0 {
        let here: Vec<_> = drives.present().map(|(slot, ..)| slot).collect();
        let missing = drives.map.slots().map(|(slot, _)| slot).filter(|slot| !here.contains(slot));
        let missing = missing.map(|slot| format!("set {} slot {} is missing", slot.set, slot.slot)).collect();
        return Err(SalvageError::Missing { missing });
    }
    let folders: Vec<PathBuf> = drives.present().map(|(_, _, path)| path.to_owned()).collect();
    let was_begun = switch::begin(env, &folders).await?;
    if let Err(error) = build(env, &drives, &salvage.plan).await {
        if !was_begun {
            switch::abandon(env, &folders).await;
        }
        return Err(error);
    }
    let moved = switch::switch(env, &folders).await?;
    Ok(moved)
}

async fn build(env: &Env, drives: &Drives, plan: &SalvagePlan) -> Result<(), SalvageError> {
    let list = drives.present().map(|(_, id, path)| MetaDrive::new(id, path.join(switch::NEW_FOLDER)));
    let share = MetadataShare::new(METADATA_BYTES_DEFAULT, drives.map.drive_count());
    let options = MetaOptions {
        map: drives.map.clone(),
        drives: list.collect(),
        new_store: true,
        engines: share.engines(),
        log: share.logs(),
        watch: None,
    };
    let (meta, _) = Meta::open(env, options).await?;
    let written = write(&meta, plan, iam::ROOT_CANONICAL_ID).await;
    meta.close().await;
    Ok(written?)
}
