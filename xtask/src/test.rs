//! `cargo xtask test`: sets up what the tests need and runs all of them.
//!
//! Nothing is skipped: what can't be run is a failed step with its reason.

mod debian;
mod python;

use std::path::{Path, PathBuf};

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::steps::Steps;
use crate::{process, run, sim};

pub(crate) const HELP: &str = "\
Sets up what the tests need and runs them all.

Usage: cargo xtask test [--only <name>] [-- <arguments of pytest>]

Steps, in this order (all of them run, whatever fails; those that need a failed one fail with it):
  rust      cargo test for all crates
  sim       the simulation with what docs/reliability.md says of CI
  binary    builds the server for release
  packages  looks for the Debian packages the tests need, and installs those that are missing (as root)
  python    a virtual environment in .venv with what tests/requirements.txt lists
  e2e       the tests in tests/, against the real server

  --only rust     the tests of all crates
  --only sim      the simulation, and its own tests
  --only e2e      the tests in tests/ (with the steps they need)
  --only <crate>  the tests of one crate, such as `meta`
  --only <file>   one file of tests/: `guide` for tests/test_guide.py

  cargo xtask test --only guide -- -k presigned -x
";

/// What `--only` chose.
#[derive(Debug, PartialEq, Eq)]
enum Chosen {
    Everything,
    /// `cargo test` for one crate, or for all.
    Rust(Option<String>),
    /// pytest on a file, or on the whole folder.
    EndToEnd(PathBuf),
}

/// `cargo xtask test`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "test", switches: &[], values: &["--only"], rest: true };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let root = process::root()?;
    let chosen = choose(&root, arguments.value("--only")).map_err(|message| accepts.complain(&message))?;
    let mut steps = Steps::new("test");
    if let Chosen::Everything | Chosen::Rust(_) = &chosen {
        steps.step("rust", "mend the failing tests above", || rust(&root, &chosen));
    }
    if chosen == Chosen::Everything || chosen == Chosen::Rust(Some("sim".to_string())) {
        let advice = "run what is printed above with `cargo xtask sim` and --trace";
        steps.step("sim", advice, || sim::in_ci(&root));
    }
    match &chosen {
        Chosen::Everything => end_to_end(&mut steps, &root, Path::new("tests"), &arguments.rest),
        Chosen::EndToEnd(path) => end_to_end(&mut steps, &root, path, &arguments.rest),
        Chosen::Rust(_) => {}
    }
    steps.finish()
}

fn choose(root: &Path, only: Option<&str>) -> Result<Chosen, String> {
    let Some(name) = only else {
        return Ok(Chosen::Everything);
    };
    let file = test_file(root, name);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match name {
        "rust" => Ok(Chosen::Rust(None)),
        "e2e" => Ok(Chosen::EndToEnd(PathBuf::from("tests"))),
        _ if plain && file.is_some() => Ok(Chosen::EndToEnd(file.unwrap_or_default())),
        _ if plain && (name == "xtask" || root.join("crates").join(name).is_dir()) => {
            Ok(Chosen::Rust(Some(name.to_string())))
        }
        _ => Err(format!(
            "`--only {name}`: there is no step, crate or file tests/*/test_{name}.py of that name"
        )),
    }
}

/// The end-to-end tests of that name, in `tests` or one of its folders, relative to the root.
fn test_file(root: &Path, name: &str) -> Option<PathBuf> {
    let tests = Path::new("tests");
    let folders = std::fs::read_dir(root.join(tests)).into_iter().flatten().flatten();
    let folders = folders.map(|entry| tests.join(entry.file_name()));
    let mut files =
        std::iter::once(tests.to_owned()).chain(folders).map(|folder| folder.join(format!("test_{name}.py")));
    files.find(|file| root.join(file).is_file())
}

fn rust(root: &Path, chosen: &Chosen) -> Result<String, Failure> {
    let mut cargo = process::cargo(root, &["test", "--locked", "--no-fail-fast"]);
    match chosen {
        Chosen::Rust(Some(name)) => cargo.args(["-p", name]),
        _ => cargo.arg("--workspace"),
    };
    process::run(&mut cargo).map(|()| String::new())
}

/// The steps that end in pytest. The last one runs only where the ones before it passed, and fails otherwise.
fn end_to_end(steps: &mut Steps, root: &Path, path: &Path, pytest_arguments: &[String]) {
    let mut binary = None;
    steps.step("binary", "mend the build", || {
        binary = Some(run::build_server(root, run::Profile::Release)?);
        Ok(String::new())
    });
    let packages = steps.step("packages", "install them by hand", || debian::install_missing(root));
    let mut interpreter = None;
    steps.step("python", "see above; removing .venv starts afresh", || {
        let (path, words) = python::environment(root)?;
        interpreter = Some(path);
        Ok(words)
    });
    steps.step("e2e", "mend what is listed above", || match (&binary, &interpreter) {
        (Some(binary), Some(interpreter)) if packages => {
            let mut pytest = process::program(interpreter, root);
            pytest.args(["-m", "pytest"]).arg(path).args(pytest_arguments).env("RUSTFS_BINARY", binary);
            process::run(&mut pytest).map(|()| String::new())
        }
        _ => Err(Failure::failed("not run, as a step it needs failed")),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_a_step_or_a_crate_and_anything_else_is_refused() {
        let root = process::root().unwrap();
        assert_eq!(choose(&root, None), Ok(Chosen::Everything));
        assert_eq!(choose(&root, Some("rust")), Ok(Chosen::Rust(None)));
        assert_eq!(choose(&root, Some("meta")), Ok(Chosen::Rust(Some("meta".to_string()))));
        assert_eq!(choose(&root, Some("e2e")), Ok(Chosen::EndToEnd(PathBuf::from("tests"))));
        for wrong in ["no_such", "../crates/meta", ""] {
            assert!(choose(&root, Some(wrong)).is_err(), "{wrong}");
        }
    }
}
