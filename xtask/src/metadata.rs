//! What `cargo metadata` says of the workspace and of everything it is built from, read once.
//! It is asked for Linux on x86-64, so that what never gets into a build of ours does not count.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// The platform whose dependencies count.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The workspace and all packages it is built from.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// Where builds go; `target` unless the environment or a configuration says otherwise.
    pub(crate) target_directory: PathBuf,
    /// Ours and others'.
    pub(crate) packages: Vec<Package>,
}

/// One package in one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// As in its Cargo.toml.
    pub(crate) name: String,
    /// As in its Cargo.toml.
    pub(crate) version: String,
    /// The SPDX expression, where there is one.
    pub(crate) licence: Option<String>,
    /// Whether it is a crate of this workspace.
    pub(crate) ours: bool,
    /// The names of the packages it names itself, for building, testing and running alike.
    pub(crate) dependencies: Vec<String>,
}

impl Metadata {
    /// Asks cargo. Fails where Cargo.lock does not fit the manifests, as it never writes.
    pub(crate) fn load(root: &Path) -> Result<Self, Failure> {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM];
        Self::parse(&process::output(&mut process::cargo(root, &arguments))?)
    }

    /// Reads cargo's answer.
    fn parse(json: &str) -> Result<Self, Failure> {
        let unreadable = || Failure::failed("the answer of `cargo metadata` is not as expected");
        let document: Value = serde_json::from_str(json).map_err(|_| unreadable())?;
        let target = document["target_directory"].as_str().ok_or_else(unreadable)?;
        let packages = document["packages"].as_array().ok_or_else(unreadable)?;
        let packages: Option<Vec<Package>> = packages.iter().map(Package::parse).collect();
        Ok(Self { target_directory: PathBuf::from(target), packages: packages.ok_or_else(unreadable)? })
    }

    /// The crates of this workspace.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.ours)
    }
}

impl Package {
    fn parse(package: &Value) -> Option<Self> {
        let named = package["dependencies"].as_array()?.iter();
        Some(Self {
            name: package["name"].as_str()?.to_string(),
            version: package["version"].as_str()?.to_string(),
            licence: package["license"].as_str().map(str::to_string),
            ours: package["source"].is_null(),
            dependencies: named
                .filter_map(|dependency| dependency["name"].as_str().map(str::to_string))
                .collect(),
        })
    }
}

/// The folder that cargo builds into, without resolving any dependency.
pub(crate) fn target_directory(root: &Path) -> Result<PathBuf, Failure> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    Ok(Metadata::parse(&process::output(&mut process::cargo(root, &arguments))?)?.target_directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_those_without_a_source() {
        let json = r#"{"target_directory": "/t", "packages": [
            {"name": "s3", "version": "0.1.0", "license": "Apache-2.0", "source": null, "dependencies": [{"name": "hyper"}]},
            {"name": "hyper", "version": "1.2.3", "license": null, "source": "registry", "dependencies": []}]}"#;
        let metadata = Metadata::parse(json).unwrap();
        assert_eq!(metadata.target_directory, PathBuf::from("/t"));
        assert_eq!(metadata.ours().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["s3"]);
        assert_eq!(metadata.packages[0].dependencies, ["hyper"]);
        assert_eq!(metadata.packages[1].licence, None);
    }

    #[test]
    fn an_answer_of_another_shape_is_a_failure() {
        for json in ["", "{}", r#"{"target_directory": "/t", "packages": [{}]}"#] {
            assert!(Metadata::parse(json).is_err(), "{json}");
        }
    }
}
