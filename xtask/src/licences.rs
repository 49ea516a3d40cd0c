//! Whether everything we build from may be used in a program under Apache-2.0 without passing obligations on
//! to whoever links or ships it. An expression is allowed if some choice of its alternatives is on the list.

use crate::metadata::Package;

/// Licences that may stand alone. deny.toml holds the same list; a test compares them. Others are fine as an
/// alternative (`Unlicense OR MIT`). MPL-2.0 is copyleft for its own files alone.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// One sentence for every package that may not be used.
pub(crate) fn findings(packages: &[Package]) -> Vec<String> {
    packages.iter().filter_map(finding).collect()
}

fn finding(package: &Package) -> Option<String> {
    let Package { name, version, licence, .. } = package;
    let Some(expression) = licence else {
        return Some(format!("{name} {version} names no licence: use another crate"));
    };
    match is_allowed(expression) {
        Some(true) => None,
        Some(false) => {
            Some(format!("{name} {version} is under `{expression}`, which is not allowed: use another crate"))
        }
        None => {
            Some(format!("{name} {version}: the licence `{expression}` can't be read as an SPDX expression"))
        }
    }
}

/// Whether an SPDX expression leaves an allowed choice; `None` where it is none. The old `MIT/Apache-2.0` is
/// read as `OR`.
fn is_allowed(expression: &str) -> Option<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = alternatives(&mut rest)?;
    rest.is_empty().then_some(allowed)
}

/// `a OR b`: one of them is enough.
fn alternatives(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = conjunction(words)?;
    while take(words, "OR") {
        allowed |= conjunction(words)?;
    }
    Some(allowed)
}

/// `a AND b`: all must be allowed. `AND` binds closer than `OR`.
fn conjunction(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = term(words)?;
    while take(words, "AND") {
        allowed &= term(words)?;
    }
    Some(allowed)
}

/// One licence or an expression in parentheses. `WITH` only ever adds permissions.
fn term(words: &mut &[&str]) -> Option<bool> {
    if take(words, "(") {
        let allowed = alternatives(words)?;
        return take(words, ")").then_some(allowed);
    }
    let (name, rest) = words.split_first()?;
    if ["OR", "AND", "WITH", ")"].contains(name) {
        return None;
    }
    *words = rest;
    if take(words, "WITH") {
        *words = words.split_first()?.1;
    }
    Some(ALLOWED.contains(name))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_if_some_choice_is() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "Unlicense OR MIT",
            "Apache-2.0 OR GPL-2.0-only",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
            "GPL-3.0-only AND MIT OR ISC",
        ] {
            assert_eq!(is_allowed(good), Some(true), "{good}");
        }
    }

    #[test]
    fn copyleft_and_unknown_licences_are_refused() {
        for bad in [
            "GPL-3.0-only",
            "AGPL-3.0-or-later",
            "LGPL-2.1 OR GPL-2.0-only",
            "MIT AND GPL-2.0-only",
            "Unlicense",
            "SSPL-1.0",
        ] {
            assert_eq!(is_allowed(bad), Some(false), "{bad}");
        }
    }

    #[test]
    fn what_is_no_expression_is_said_to_be_none() {
        for odd in ["", "MIT OR", "MIT ISC", "(MIT", "MIT)", "OR MIT", "MIT WITH"] {
            assert_eq!(is_allowed(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_a_finding() {
        let package = Package { name: "odd".to_string(), ..Package::default() };
        assert_eq!(findings(&[package]).len(), 1);
    }

    #[test]
    fn deny_toml_allows_the_same_licences() {
        let text = include_str!("../../deny.toml");
        let list = text.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
        let listed: Vec<&str> = list
            .split(',')
            .map(|word| word.trim().trim_matches('"'))
            .filter(|word| !word.is_empty())
            .collect();
        assert_eq!(listed, ALLOWED);
    }
}
