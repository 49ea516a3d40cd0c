//! The tests' own Python: a virtual environment in .venv, with exactly what tests/requirements.txt lists.
//!
//! A stamp inside it holds the requirements it was made for. It is written last, so that an environment with a
//! fitting stamp is complete; any other is made anew.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::process;

const STAMP: &str = "requirements.stamp";

/// Makes the environment if it isn't there for these requirements; returns its interpreter and what was done.
pub(super) fn environment(root: &Path) -> Result<(PathBuf, String), Failure> {
    let requirements = root.join("tests").join("requirements.txt");
    let wanted =
        std::fs::read_to_string(&requirements).map_err(|error| Failure::io("read", &requirements, &error))?;
    let unpinned = unpinned(&wanted);
    if !unpinned.is_empty() {
        return Err(Failure::failed(format!(
            "tests/requirements.txt: pin a version (name==1.2.3) in: {}",
            unpinned.join("; ")
        )));
    }
    let folder = root.join(".venv");
    let interpreter = folder.join("bin").join("python");
    let stamp = stamp(root, &wanted)?;
    if interpreter.exists() && std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp) {
        return Ok((interpreter, "as before".to_string()));
    }
    remove(&folder)?;
    process::run(process::program("python3", root).args(["-m", "venv", ".venv"]))?;
    let mut pip = process::program(&interpreter, root);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "tests/requirements.txt",
    ]);
    process::run(&mut pip)?;
    let path = folder.join(STAMP);
    std::fs::write(&path, stamp).map_err(|error| Failure::io("write", &path, &error))?;
    Ok((interpreter, "made anew".to_string()))
}

/// What an environment depends on: the interpreter's version, where it stands, and the requirements.
fn stamp(root: &Path, requirements: &str) -> Result<String, Failure> {
    let version = process::output(process::program("python3", root).arg("--version"))?;
    Ok(format!("{}\n{}\n{requirements}", version.trim(), root.display()))
}

/// Removes an environment, and nothing that isn't one.
fn remove(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join("pyvenv.cfg").is_file() {
        return Err(Failure::failed(format!(
            "{} is no virtual environment of Python: move it away",
            folder.display()
        )));
    }
    std::fs::remove_dir_all(folder).map_err(|error| Failure::io("remove", folder, &error))
}

/// The requirements that do not name one exact version.
fn unpinned(requirements: &str) -> Vec<&str> {
    let lines = requirements.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with("--") && !line.contains("==")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_without_an_exact_version_is_refused() {
        assert_eq!(
            unpinned("# tests\nboto3==1.2.3  # why\n\nrequests>=2\npytest\n"),
            ["requests>=2", "pytest"]
        );
    }

    #[test]
    fn a_folder_that_is_no_environment_is_not_removed() {
        let folder = std::env::temp_dir().join(format!("xtask-python-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(remove(&folder).is_err());
        std::fs::write(folder.join("pyvenv.cfg"), "").unwrap();
        remove(&folder).unwrap();
        assert!(!folder.exists());
    }
}
