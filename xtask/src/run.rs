//! `cargo xtask run` and what it shares with the other commands that need the server's binary.

use std::path::{Path, PathBuf};

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::{metadata, process};

pub(crate) const HELP: &str = "\
Builds everything and starts the server.

Usage: cargo xtask run [--debug] [-- <arguments of `rustfs server`>]

Without arguments the objects are kept in ./data of the repository, which is created if it isn't there
(or in the volumes that the environment variable RUSTFS_VOLUMES names). What is given after `--` goes to
`rustfs server` as it is; it has to name the volumes then:

  cargo xtask run
  cargo xtask run -- ./disk{1...4} --address 127.0.0.1:9100
  cargo xtask run -- --help

  --debug   a build for debugging: slower to serve, quicker to build

Ctrl-C stops the server.
";

/// `cargo xtask run`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "run", switches: &[], values: &[], rest: true };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let root = process::root()?;
    let profile = if arguments.has("--debug") { Profile::Debug } else { Profile::Release };
    let binary = build_server(&root, profile)?;
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the current folder can't be read: {error}")))?;
    let mut server = process::program(binary, &here);
    let volumes_in_environment = std::env::var_os("RUSTFS_VOLUMES").is_some();
    server.args(server_arguments(&arguments.rest, volumes_in_environment));
    if arguments.rest.is_empty() && !volumes_in_environment {
        let data = root.join("data");
        std::fs::create_dir_all(&data).map_err(|error| Failure::io("create", &data, &error))?;
        server.current_dir(&root);
    }
    Err(process::become_program(&mut server))
}

/// How the server is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build, with all debug assertions.
    Debug,
    /// As it is measured.
    Release,
}

/// Builds the server and returns where it is.
pub(crate) fn build_server(root: &Path, profile: Profile) -> Result<PathBuf, Failure> {
    let mut build = process::cargo(root, &["build", "--locked", "-p", "rustfs"]);
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    };
    if profile == Profile::Release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    Ok(metadata::target_directory(root)?.join(folder).join("rustfs"))
}

/// The server's arguments; a first word `server` is not said twice.
fn server_arguments(given: &[String], volumes_in_environment: bool) -> Vec<String> {
    let mut arguments = vec!["server".to_string()];
    match given.split_first() {
        Some((first, rest)) if first == "server" => arguments.extend_from_slice(rest),
        Some(_) => arguments.extend_from_slice(given),
        None if volumes_in_environment => {}
        None => arguments.push("./data".to_string()),
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &[&str], volumes_in_environment: bool) -> String {
        let given: Vec<String> = given.iter().map(|word| (*word).to_string()).collect();
        server_arguments(&given, volumes_in_environment).join(" ")
    }

    #[test]
    fn the_default_is_the_data_folder_unless_the_environment_names_volumes() {
        assert_eq!(arguments(&[], false), "server ./data");
        assert_eq!(arguments(&[], true), "server");
    }

    #[test]
    fn what_is_given_goes_to_the_server_command() {
        assert_eq!(arguments(&["a", "--address", ":1"], false), "server a --address :1");
        assert_eq!(arguments(&["server", "a"], false), "server a");
    }
}
