//! The exchange of the old metadata for the new.
//!
//! What is above a line is durable on every drive before what is below it is begun:
//! 1. the file [`UNFINISHED_FILE`]
//! 2. the new metadata, in [`NEW_FOLDER`]
//! 3. the old metadata moved aside; the new one in its place; `swept`, so that no shard from before is taken for what a
//!    crash left
//! 4. the file removed
//!
//! A crash before 3 leaves the old metadata where it was, and a start refused; one after it, new metadata on some drives.
//! The same command again mends both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use env::Env;

use super::SalvageError;

/// With this file in a drive's folder a server does not start.
pub const UNFINISHED_FILE: &str = "salvage";
/// Where the new metadata is built.
pub(super) const NEW_FOLDER: &str = "meta.salvage";
const FOLDER: &str = "meta";
/// The worker that removes what a crash left looks at shards from a little before the time in this file on.
const SWEPT_FILE: &str = "swept";
/// More than that little.
const SWEPT_AHEAD: Duration = Duration::from_secs(3600);

/// Keeps servers away, and clears what an unfinished salvage built. Answers whether there was one: then some drives may have
/// new metadata already.
pub(super) async fn begin(env: &Env, drives: &[PathBuf]) -> Result<bool, SalvageError> {
    let mut was_begun = false;
    for drive in drives {
        was_begun |= super::has(env, drive, UNFINISHED_FILE).await;
    }
    for drive in drives {
        let text = Bytes::from_static(
            b"A salvage was begun and not finished: run `rustfs salvage --write` again.\n",
        );
        let path = drive.join(UNFINISHED_FILE);
        let marked = env::replace_file(&*env.disk, &path, text).await;
        marked.map_err(|source| failed(&path, "be written", source))?;
    }
    for drive in drives {
        let path = drive.join(NEW_FOLDER);
        match env.disk.remove_directory(&path).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&path, "be removed", source));
            }
            _ => {}
        }
    }
    Ok(was_begun)
}

/// Clears what was begun, as nothing was moved yet. What can't be removed says on its own what to do.
pub(super) async fn abandon(env: &Env, drives: &[PathBuf]) {
    for drive in drives {
        let _ = env.disk.remove_directory(&drive.join(NEW_FOLDER)).await;
        let _ = env.disk.remove(&drive.join(UNFINISHED_FILE)).await;
    }
}

/// Exchanges; answers where the old metadata is now.
pub(super) async fn switch(env: &Env, drives: &[PathBuf]) -> Result<Vec<PathBuf>, SalvageError> {
    let now = env.clock.now();
    let mut moved = Vec::new();
    for drive in drives {
        let (old, new) = (drive.join(FOLDER), drive.join(NEW_FOLDER));
        let aside = drive.join(format!("meta.before-salvage-{}", now.millis()));
        match env.disk.rename(&old, &aside).await {
            Ok(()) => moved.push(aside),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(&old, "be moved aside", source)),
        }
        env.disk.rename(&new, &old).await.map_err(|source| failed(&new, "be put in place", source))?;
        let swept = Bytes::from(format!("{}\n", now.millis() + SWEPT_AHEAD.as_millis() as u64));
        let path = drive.join(SWEPT_FILE);
        // Syncs the folder as well: both moves are durable with it.
        let noted = env::replace_file(&*env.disk, &path, swept).await;
        noted.map_err(|source| failed(&path, "be written", source))?;
    }
    for drive in drives {
        let path = drive.join(UNFINISHED_FILE);
        env.disk.remove(&path).await.map_err(|source| failed(&path, "be removed", source))?;
        let synced = env.disk.sync_directory(drive).await;
        synced.map_err(|source| failed(drive, "be synced", source))?;
    }
    Ok(moved)
}

fn failed(path: &Path, action: &'static str, source: std::io::Error) -> SalvageError {
    SalvageError::File { path: path.to_owned(), action, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Two drives with old metadata, in a folder of their own.
    fn drives() -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let drives: Vec<PathBuf> = (1..3).map(|number| folder.path().join(format!("d{number}"))).collect();
        for drive in &drives {
            make(&drive.join(FOLDER), "old");
        }
        (folder, drives)
    }

    #[expect(clippy::disallowed_methods, reason = "a test looks at the files themselves")]
    fn make(folder: &Path, text: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("text"), text).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "a test looks at the files themselves")]
    fn text(folder: &Path) -> String {
        String::from_utf8(std::fs::read(folder.join("text")).unwrap()).unwrap()
    }

    fn names(drive: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(drive).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    fn kept(drive: &Path) -> Vec<String> {
        let names = names(drive).into_iter().filter(|name| name.starts_with("meta.before-salvage-"));
        names.map(|name| text(&drive.join(name))).collect()
    }

    #[tokio::test]
    async fn the_new_metadata_takes_the_place_of_the_old_which_is_kept() {
        let env = env::real::env(&tokio::runtime::Handle::current());
        let (_folder, drives) = drives();
        assert!(!begin(&env, &drives).await.unwrap());
        drives.iter().for_each(|drive| make(&drive.join(NEW_FOLDER), "new"));
        assert_eq!(switch(&env, &drives).await.unwrap().len(), 2);
        for drive in &drives {
            assert_eq!((text(&drive.join(FOLDER)).as_str(), kept(drive)), ("new", vec!["old".to_owned()]));
            assert!(!names(drive).contains(UNFINISHED_FILE) && !names(drive).contains(NEW_FOLDER));
        }
    }

    #[tokio::test]
    async fn an_exchange_that_failed_between_two_drives_is_made_again_and_nothing_old_is_lost() {
        let env = env::real::env(&tokio::runtime::Handle::current());
        let (_folder, drives) = drives();
        begin(&env, &drives).await.unwrap();
        // The second drive lacks the new metadata: the exchange ends between the two.
        make(&drives[0].join(NEW_FOLDER), "new");
        assert!(switch(&env, &drives).await.is_err());
        assert!(drives.iter().all(|drive| names(drive).contains(UNFINISHED_FILE)), "no server may start now");
        assert!(begin(&env, &drives).await.unwrap(), "it is known that drives may have either metadata");
        drives.iter().for_each(|drive| make(&drive.join(NEW_FOLDER), "newer"));
        switch(&env, &drives).await.unwrap();
        for drive in &drives {
            assert_eq!(text(&drive.join(FOLDER)), "newer");
            assert!(kept(drive).contains(&"old".to_owned()), "{:?}", kept(drive));
        }
    }

    #[tokio::test]
    async fn what_was_given_up_before_the_exchange_leaves_the_drives_as_they_were() {
        let env = env::real::env(&tokio::runtime::Handle::current());
        let (_folder, drives) = drives();
        begin(&env, &drives).await.unwrap();
        drives.iter().for_each(|drive| make(&drive.join(NEW_FOLDER), "new"));
        abandon(&env, &drives).await;
        for drive in &drives {
            assert_eq!(names(drive), BTreeSet::from([FOLDER.to_owned()]));
        }
    }
}
