//! Crates that are built in more than one version: each costs build time and size, and two versions of a type
//! do not fit together. Those that can't be helped stand in xtask/duplicates.txt with a reason each; an entry
//! that no longer applies is a finding too, so that the list only holds what is true.

use std::collections::{BTreeMap, BTreeSet};

use crate::metadata::Package;

/// Crate name to the versions it is there in, each cut to what semantic versioning calls compatible.
type Versions = BTreeMap<String, BTreeSet<String>>;

/// One sentence for every duplicate that is not listed as it is, and for every entry that is stale.
pub(crate) fn findings(packages: &[Package], list: &str) -> Vec<String> {
    let found = duplicates(packages);
    let (listed, mut findings) = parse(list);
    for (name, versions) in &found {
        let shown = join(versions);
        match listed.get(name) {
            None => findings.push(format!(
                "{name} is there in the versions {shown}: update what needs the old one (`cargo tree -d` shows it), \
                 or list it with a reason in xtask/duplicates.txt"
            )),
            Some(known) if known != versions => {
                findings.push(format!("{name} is listed with {}, but is there in {shown}: correct xtask/duplicates.txt", join(known)));
            }
            Some(_) => {}
        }
    }
    let stale = listed.keys().filter(|name| !found.contains_key(*name));
    findings.extend(
        stale.map(|name| format!("{name} is no longer there twice: remove it from xtask/duplicates.txt")),
    );
    findings
}

fn duplicates(packages: &[Package]) -> Versions {
    let mut versions = Versions::new();
    for package in packages {
        versions.entry(package.name.clone()).or_default().insert(compatible(&package.version));
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// `1.2.3` is compatible with any `1`, `0.2.3` with any `0.2`, `0.0.3` with itself alone.
fn compatible(version: &str) -> String {
    let mut parts = version.split('.');
    match (parts.next(), parts.next()) {
        (Some("0"), Some("0")) => version.to_string(),
        (Some("0"), Some(minor)) => format!("0.{minor}"),
        (Some(major), _) => major.to_string(),
        (None, _) => String::new(),
    }
}

/// Reads lines of the form `name version version: reason`; `#` starts a comment line.
fn parse(list: &str) -> (Versions, Vec<String>) {
    let mut listed = Versions::new();
    let mut findings = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (entry, reason) = line.split_once(':').unwrap_or((line, ""));
        let mut words = entry.split_whitespace().map(str::to_string);
        match words.next() {
            Some(name) if !reason.trim().is_empty() => drop(listed.insert(name, words.collect())),
            _ => findings
                .push(format!("xtask/duplicates.txt: `{line}` needs a name, versions, a colon and a reason")),
        }
    }
    (listed, findings)
}

fn join(versions: &BTreeSet<String>) -> String {
    versions.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(entries: &[(&str, &str)]) -> Vec<Package> {
        let package = |(name, version): &(&str, &str)| Package {
            name: (*name).into(),
            version: (*version).into(),
            ..Package::default()
        };
        entries.iter().map(package).collect()
    }

    #[test]
    fn an_unlisted_duplicate_is_a_finding_and_a_listed_one_is_not() {
        let twice = packages(&[("rand", "0.8.8"), ("rand", "0.10.3"), ("ring", "0.17.1")]);
        assert_eq!(findings(&twice, "").len(), 1);
        assert_eq!(findings(&twice, "# kept\nrand 0.8 0.10: raft has not moved yet\n"), Vec::<String>::new());
    }

    #[test]
    fn a_listed_duplicate_in_other_versions_is_a_finding() {
        let twice = packages(&[("rand", "0.9.1"), ("rand", "0.10.3")]);
        assert_eq!(findings(&twice, "rand 0.8 0.10: raft").len(), 1);
    }

    #[test]
    fn a_stale_entry_and_one_without_a_reason_are_findings() {
        assert_eq!(findings(&packages(&[("rand", "0.10.3")]), "rand 0.8 0.10: raft").len(), 1);
        assert_eq!(findings(&packages(&[]), "rand 0.8 0.10").len(), 1);
    }

    #[test]
    fn compatible_versions_are_one() {
        assert_eq!(["1.2.3", "0.2.3", "0.0.3"].map(compatible), ["1", "0.2", "0.0.3"]);
    }
}
