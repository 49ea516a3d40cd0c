//! Which crate may depend on which. The tables are complete: what is not in them is refused, and a crate that
//! is not in them has to be added here by whoever adds it.

use super::Finding;
use crate::metadata::{Metadata, Package};

/// Of our crates, those that each may use. Lower ones never know upper ones.
const OURS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("env", &["model"]),
    ("cluster", &["model", "env"]),
    ("meta", &["model", "env", "cluster"]),
    ("blob", &["model", "env", "cluster"]),
    ("iam", &["model", "env", "cluster", "meta"]),
    ("object", &["model", "env", "cluster", "meta", "blob"]),
    ("worker", &["model", "env", "cluster", "meta", "blob", "object"]),
    ("lanes", &[]),
    ("outbound", &["env"]),
    ("idp", &["model", "env", "iam", "outbound"]),
    ("audit", &["model", "env", "outbound"]),
    ("s3", &["model", "env", "object", "iam", "lanes"]),
    ("admin", &["model", "env", "object", "iam", "worker", "cluster"]),
    (
        "rustfs",
        &[
            "model", "env", "cluster", "meta", "blob", "iam", "object", "worker", "outbound", "idp", "audit",
            "s3", "admin",
        ],
    ),
    ("sim", &["model", "env", "cluster", "meta", "blob", "iam", "object", "worker", "s3", "admin", "rustfs"]),
    ("fuzz", &["model", "env", "cluster", "meta", "blob", "object", "iam", "idp", "s3", "admin"]),
    ("bench", &[]),
    ("xtask", &[]),
];

/// Of others' crates, those that only some of ours may name, so that what they are for stays in one place.
const OTHERS: &[(&[&str], &[&str])] = &[
    (
        &["hyper", "hyper-util", "http", "http-body", "http-body-util"],
        &["s3", "admin", "outbound", "idp", "audit", "rustfs", "fuzz"],
    ),
    (&["raft", "raft-proto", "protobuf", "redb", "lz4_flex", "quick_cache"], &["meta"]),
    (&["clap", "mimalloc"], &["rustfs", "bench"]),
];

/// Every arrow that is not in the tables, with the manifest it stands in.
pub(super) fn findings(metadata: &Metadata) -> Vec<Finding> {
    let names: Vec<&str> = metadata.ours().map(|package| package.name.as_str()).collect();
    metadata.ours().flat_map(|package| of_package(package, &names)).collect()
}

fn of_package(package: &Package, ours: &[&str]) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some((_, allowed)) = OURS.iter().find(|(known, _)| *known == name) else {
        return vec![finding(
            name,
            "is not in the table of xtask/src/tidy/arrows.rs: add it with what it may use",
        )];
    };
    let inner = package.dependencies.iter().filter(|dependency| ours.contains(&dependency.as_str()));
    let wrong = inner.filter(|dependency| !allowed.contains(&dependency.as_str()));
    let arrows = wrong
        .map(|dependency| finding(name, &format!("may not depend on {dependency}: {}", may_use(allowed))));
    let outer = package.dependencies.iter().filter_map(|dependency| reserved(name, dependency));
    arrows.chain(outer).collect()
}

/// A finding if the dependency is reserved for other crates.
fn reserved(name: &str, dependency: &str) -> Option<Finding> {
    let (_, users) = OTHERS.iter().find(|(crates, _)| crates.contains(&dependency))?;
    let only = users.join(", ");
    (!users.contains(&name)).then(|| finding(name, &format!("may not name {dependency}: only {only} may")))
}

fn may_use(allowed: &[&str]) -> String {
    if allowed.is_empty() {
        "it may use none of ours".to_string()
    } else {
        format!("it may use {}", allowed.join(", "))
    }
}

fn finding(name: &str, message: &str) -> Finding {
    let folder = if name == "xtask" { "xtask".to_string() } else { format!("crates/{name}") };
    Finding::new(&format!("{folder}/Cargo.toml"), 0, format!("{name} {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn metadata(packages: &[(&str, &[&str])]) -> Metadata {
        let package = |(name, dependencies): &(&str, &[&str])| Package {
            name: (*name).to_string(),
            ours: true,
            dependencies: dependencies.iter().map(|dependency| (*dependency).to_string()).collect(),
            ..Package::default()
        };
        Metadata { target_directory: PathBuf::new(), packages: packages.iter().map(package).collect() }
    }

    #[test]
    fn arrows_of_the_table_pass() {
        assert_eq!(
            findings(&metadata(&[("model", &["bytes"]), ("env", &["model"]), ("s3", &["model", "hyper"])])),
            []
        );
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        let found = findings(&metadata(&[("s3", &[]), ("model", &["s3"]), ("xtask", &["model"])]));
        assert_eq!(found.len(), 2);
        assert!(found[0].show().contains("model may not depend on s3"));
    }

    #[test]
    fn naming_a_reserved_crate_is_found() {
        for (name, dependency) in [("object", "hyper"), ("blob", "redb"), ("s3", "clap"), ("worker", "raft")]
        {
            assert_eq!(findings(&metadata(&[(name, &[dependency])])).len(), 1, "{name} {dependency}");
        }
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        assert_eq!(findings(&metadata(&[("novel", &[])])).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (place, (name, allowed)) in OURS.iter().enumerate() {
            for lower in *allowed {
                let lower_place = OURS.iter().position(|(known, _)| known == lower);
                assert!(lower_place.is_some_and(|lower_place| lower_place < place), "{name} -> {lower}");
            }
        }
    }
}
