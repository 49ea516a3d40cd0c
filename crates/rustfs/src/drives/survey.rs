//! What is under the paths. Reads only.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DrivesError, Found, Given};
use cluster::format::{self, DriveFormat, DriveFormatError};
use cluster::start::EPOCH_UNFINISHED;
use env::Env;
use futures_util::future::join_all;
use rustix::fs::Access;

/// How long a drive is waited for, each time something is asked of it.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Names that hold data of a store.
const DATA: &[&str] = &["meta", "blob"];

/// Names that may be left on a drive without saying that it holds anything.
const LEFTOVERS: &[&str] = &[
    "format.new",
    "lock",
    "probe",
    super::DOCTOR_FILE,
    "refill",
    "refill.new",
    "scrub",
    "scrub.new",
    "swept",
    "swept.new",
];

/// Made by some file systems at their root.
const OF_FILE_SYSTEM: &[&str] = &["lost+found"];

/// Whether this may be removed from a drive that counts as empty. Not its `format`, which is replaced, and not its lock.
pub(super) fn is_removable(name: &str) -> bool {
    name != "lock" && (DATA.contains(&name) || LEFTOVERS.contains(&name))
}

/// A path and what is there.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) given: Given,
    /// There is nothing yet: it is to be made where the plan agrees.
    pub(super) absent: bool,
}

/// The format that was found at a path.
pub(super) fn format_at<'a>(seen: &'a [Seen], path: &Path) -> Option<&'a DriveFormat> {
    match &seen.iter().find(|seen| seen.given.path == path)?.given.found {
        Found::Formatted(format) => Some(format),
        _ => None,
    }
}

/// Refuses folders in one another: the outer would count the inner as files of others.
pub(super) fn refuse_nested(paths: &[PathBuf]) -> Result<(), DrivesError> {
    for outer in paths {
        if let Some(inner) = paths.iter().find(|inner| *inner != outer && inner.starts_with(outer)) {
            return Err(DrivesError::Nested { inner: inner.clone(), outer: outer.clone() });
        }
    }
    Ok(())
}

/// Looks at every path.
pub(super) async fn look(env: &Env, paths: &[PathBuf]) -> Result<Vec<Seen>, DrivesError> {
    // Beside one another: those that do not answer are waited for together.
    let found = join_all(paths.iter().map(|path| look_in_time(env, path))).await;
    let found: Vec<(&PathBuf, Option<Found>)> = paths
        .iter()
        .zip(found)
        .map(|(path, found)| Ok((path, found?)))
        .collect::<Result<_, DriveFormatError>>()?;
    let answering = found.iter().filter(|(_, found)| !matches!(found, Some(Found::Unusable(_))));
    refuse_same_folder(env, answering.map(|(path, _)| *path))?;
    let is_store = found.iter().any(
        |(_, found)| matches!(found, Some(Found::Formatted(format)) if format.map.epoch > EPOCH_UNFINISHED),
    );
    let mut seen = Vec::new();
    for (path, found) in found {
        let absent = found.is_none();
        let found = match found {
            Some(found) => found,
            None if is_store => Found::Unusable("there is no such folder: is the drive mounted?".into()),
            None => in_time(env, look_above(env, path))
                .await
                .unwrap_or_else(|| Found::Unusable(does_not_answer())),
        };
        seen.push(Seen { given: Given { path: path.clone(), found }, absent });
    }
    Ok(seen)
}

/// As [`look_at`], but a drive that hangs can't be used.
async fn look_in_time(env: &Env, path: &Path) -> Result<Option<Found>, DriveFormatError> {
    let looked = in_time(env, look_at(env, path)).await;
    looked.unwrap_or_else(|| Ok(Some(Found::Unusable(does_not_answer()))))
}

/// What a drive answers, if it does in time.
pub(super) async fn in_time<T>(env: &Env, answer: impl Future<Output = T>) -> Option<T> {
    env::within(&*env.clock, ANSWER_WAIT, answer).await
}

/// Why a drive that hangs is left out.
pub(super) fn does_not_answer() -> String {
    format!(
        "it has not answered for {} seconds: look at the device and at what the kernel says of it, and start the server \
         again when it answers",
        ANSWER_WAIT.as_secs()
    )
}

/// What is at a path; `None` where nothing is. The error is a drive that a newer release wrote: then the whole store
/// is that release's.
async fn look_at(env: &Env, path: &Path) -> Result<Option<Found>, DriveFormatError> {
    let entries = match env.disk.list(path).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Ok(Some(Found::Unusable(reason(env, path, &error)))),
    };
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let found = if names.contains(&"format") {
        match format::read(&*env.disk, path).await {
            Ok(Some(format)) => Found::Formatted(format),
            Ok(None) => Found::Blank,
            Err(error @ DriveFormatError::Newer { .. }) => return Err(error),
            Err(error) => Found::Unusable(error.to_string()),
        }
    } else {
        without_format(&names)
    };
    let writable = matches!(found, Found::Formatted(_) | Found::Blank).then(|| may_write(env, path));
    match writable {
        Some(Err(error)) => Ok(Some(Found::Unusable(reason(env, path, &error)))),
        _ => Ok(Some(found)),
    }
}

fn without_format(names: &[&str]) -> Found {
    let is_harmless = |name: &&&str| LEFTOVERS.contains(name) || OF_FILE_SYSTEM.contains(name);
    let others: Vec<&&str> = names.iter().filter(|name| !is_harmless(name)).collect();
    if others.is_empty() {
        return Found::Blank;
    }
    if others.iter().all(|name| DATA.contains(name)) {
        return Found::Unusable(
            "it holds data of a store, but its `format` file is gone: restore that file from a copy, or empty the folder \
             so that it is refilled from the others"
                .into(),
        );
    }
    Found::Foreign
}

/// A folder that is not there yet is as good as an empty one where it can be made.
async fn look_above(env: &Env, path: &Path) -> Found {
    let Some(above) = path.parent() else {
        return Found::Unusable("there is no such folder".into());
    };
    match env.disk.list(above).await {
        Ok(_) => match may_write(env, above) {
            Ok(()) => Found::Blank,
            Err(error) => Found::Unusable(reason(env, above, &error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Unusable(format!(
            "there is no such folder, nor {} to make it in: create it first, or check that the drive is mounted",
            above.display()
        )),
        Err(error) => Found::Unusable(reason(env, above, &error)),
    }
}

fn may_write(env: &Env, path: &Path) -> io::Result<()> {
    match env.disk.native_path(path) {
        Some(path) => Ok(rustix::fs::access(&path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?),
        None => Ok(()),
    }
}

/// What the operating system says, and who would have to be let in where that is the matter.
pub(super) fn reason(env: &Env, path: &Path, error: &io::Error) -> String {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let native = env.disk.native_path(path);
    let owner = native.and_then(|path| rustix::fs::stat(&path).ok()).map(|stat| stat.st_uid);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let belongs = owner
                .map_or_else(String::new, |owner| format!("{} belongs to user {owner}; ", path.display()));
            format!(
                "permission denied. {belongs}this server runs as user {user}: \
                 run `chown -R {user}:{group} {}`, or start it as a user that may write there",
                path.display()
            )
        }
        io::ErrorKind::NotADirectory => "it is a file: give a folder".into(),
        io::ErrorKind::ReadOnlyFilesystem => {
            "its file system is mounted read-only: mount it for writing".into()
        }
        _ => error.to_string(),
    }
}

/// One folder under two names, by links or mounts.
fn refuse_same_folder<'a>(env: &Env, paths: impl Iterator<Item = &'a PathBuf>) -> Result<(), DrivesError> {
    let mut known: Vec<(&PathBuf, (u64, u64))> = Vec::new();
    for path in paths {
        let native = env.disk.native_path(path);
        let Some(stat) = native.and_then(|path| rustix::fs::stat(&path).ok()) else {
            continue;
        };
        let identity = (stat.st_dev, stat.st_ino);
        if let Some((one, _)) = known.iter().find(|(one, known)| *known == identity && *one != path) {
            return Err(DrivesError::SameFolder { one: (*one).clone(), other: path.clone() });
        }
        known.push((path, identity));
    }
    Ok(())
}

/// A warning where several drives are on one file system: they fail together.
pub(super) async fn shared_file_systems(env: &Env, seen: &[Seen]) -> Option<String> {
    let mut file_systems: Vec<(u64, Vec<&PathBuf>)> = Vec::new();
    let usable =
        seen.iter().map(|seen| &seen.given).filter(|given| !matches!(given.found, Found::Unusable(_)));
    for path in usable.map(|given| &given.path) {
        let Some(Ok(space)) = in_time(env, env.disk.space(path)).await else {
            continue;
        };
        match file_systems.iter_mut().find(|(known, _)| *known == space.file_system) {
            Some((_, paths)) => paths.push(path),
            None => file_systems.push((space.file_system, vec![path])),
        }
    }
    let (_, shared) = file_systems.into_iter().max_by_key(|(_, paths)| paths.len())?;
    (shared.len() > 1).then(|| {
        let names: Vec<String> = shared.iter().take(4).map(|path| path.display().to_string()).collect();
        let more = if shared.len() > 4 { ", ..." } else { "" };
        format!(
            "{} drives are on one file system ({}{more}): when it fails, all of them fail. Give every drive its own disk.",
            shared.len(),
            names.join(", ")
        )
    })
}
