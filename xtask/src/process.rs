//! Starting other programs: cargo above all. A command line is printed before it runs, so that whoever reads
//! the output can run it again by hand.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Variables that `cargo run` sets for this program. Passed on to another cargo they would differ from what a
/// cargo started by hand sees, and build scripts that watch them (ring's does) would compile everything anew.
const CARGO_RUN_VARIABLES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn root() -> Result<PathBuf, Failure> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let own = own.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let root = own.parent().map(Path::to_path_buf);
    let is_root = root.as_deref().is_some_and(|root| root.join("Cargo.toml").is_file());
    root.filter(|_| is_root).ok_or_else(|| {
        Failure::failed("the workspace was not found; start this as `cargo xtask` inside the repository")
    })
}

/// A program to be started in `folder`, without what `cargo run` added to the environment.
pub(crate) fn program(name: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if CARGO_RUN_VARIABLES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&variable);
        }
    }
    command
}

/// The cargo that started this program, or the one in the PATH.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = program(cargo, root);
    command.args(arguments);
    command
}

/// Runs a program with this program's own input and output, until it ends.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| not_started(&line, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::failed(format!("`{line}` ended with {status}"))) }
}

/// Runs a program and returns what it wrote to its standard output; its standard error is passed through.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = shown(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(&line, &error))?;
    if !output.status.success() {
        return Err(Failure::failed(format!("`{line}` ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::failed(format!("`{line}` wrote what is not UTF-8")))
}

/// Becomes the program: signals, exit code and terminal are the program's own from here on. Returns only
/// where it could not be started.
pub(crate) fn become_program(command: &mut Command) -> Failure {
    let line = shown(command);
    println!("$ {line}");
    not_started(&line, &command.exec())
}

/// Whether a program of that name is in the PATH.
pub(crate) fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure::failed(format!("`{line}` could not be started: {error}"))
}

/// The command line as a person would type it; a program given by its path is shown by its name.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/curl");
        command.args(["-X", "PUT", "a b", ""]);
        assert_eq!(shown(&command), "curl -X PUT 'a b' ''");
    }

    #[test]
    fn what_is_not_there_is_a_failure_that_names_the_command() {
        let failure = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(failure.to_string().contains("no-such-program-here"));
    }

    #[test]
    fn a_program_that_fails_is_a_failure() {
        assert!(run(&mut Command::new("false")).is_err());
        assert_eq!(output(Command::new("echo").arg("x")).unwrap(), "x\n");
    }
}
