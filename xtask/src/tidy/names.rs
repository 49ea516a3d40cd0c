//! Rules about names: a name says what a thing is for, and one name means one thing.

use std::collections::{BTreeMap, BTreeSet};

use super::mask::is_word;
use super::{Finding, Source};

/// Names that say nothing: what is in there has a home of its own.
const VAGUE: &[&str] = &["common", "utils", "util", "helpers", "helper", "manager", "misc"];

/// No crate, folder, file or module with a name that says nothing.
pub(super) fn vague_names(source: &Source) -> Vec<Finding> {
    let named = source.path.split('/').find_map(|part| vague(part.split('.').next().unwrap_or_default()));
    let path = named.map(|name| Finding::new(&source.path, 0, refusal(name)));
    let inline = source.code.lines().enumerate().filter_map(|(index, line)| {
        let name = vague(after_word(line, "mod")?)?;
        Some(Finding::new(&source.path, index + 1, refusal(name)))
    });
    path.into_iter().chain(inline).collect()
}

fn vague(name: &str) -> Option<&'static str> {
    VAGUE.iter().find(|vague| **vague == name).copied()
}

fn refusal(name: &str) -> String {
    format!("the name `{name}` says nothing: put the code where its subject is")
}

/// No type called just `Error` or `Result`: an error is named after what failed. Associated types are called
/// what their trait calls them.
pub(super) fn bare_error(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.code.lines().enumerate() {
        let defined =
            ["struct", "enum", "trait", "union"].iter().find_map(|keyword| after_word(line, keyword));
        let is_item = !line.starts_with(' ') || line.trim_start().starts_with("pub");
        let alias = after_word(line, "type").filter(|_| is_item);
        if let Some(name @ ("Error" | "Result")) = defined.or(alias) {
            let message =
                format!("a type called just `{name}`: name it after what it is about, such as `PutError`");
            findings.push(Finding::new(&source.path, index + 1, message));
        }
    }
    findings
}

/// No public type name in two crates: a reader who sees it must not have to ask which one it is.
pub(super) fn types_defined_twice(sources: &[Source]) -> Vec<Finding> {
    let mut places: BTreeMap<&str, Vec<(&Source, usize)>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_generated()) {
        for (line, text) in source.product_lines() {
            if let Some(name) = public_type(text) {
                places.entry(name).or_default().push((source, line));
            }
        }
    }
    places.into_iter().flat_map(|(name, places)| twice(name, &places)).collect()
}

fn twice(name: &str, places: &[(&Source, usize)]) -> Vec<Finding> {
    let crates: BTreeSet<&str> = places.iter().map(|(source, _)| source.crate_name()).collect();
    if crates.len() < 2 {
        return Vec::new();
    }
    let list = crates.into_iter().collect::<Vec<_>>().join(", ");
    let finding = |(source, line): &(&Source, usize)| {
        Finding::new(
            &source.path,
            *line,
            format!("the public type `{name}` is defined in several crates: {list}"),
        )
    };
    places.iter().map(finding).collect()
}

/// The name of the type that is made public on this line. `pub(crate)` is not public.
fn public_type(line: &str) -> Option<&str> {
    let item = line.trim_start().strip_prefix("pub ")?;
    let item = item.strip_prefix("unsafe ").unwrap_or(item);
    ["struct", "enum", "trait", "type", "union"]
        .iter()
        .find(|keyword| item.starts_with(**keyword))
        .and_then(|keyword| after_word(item, keyword))
}

/// The name right after the first `keyword` that stands as a word of its own.
fn after_word<'line>(line: &'line str, keyword: &str) -> Option<&'line str> {
    let (start, _) = line.match_indices(keyword).find(|(start, _)| {
        let before = line.get(..*start).and_then(|text| text.chars().next_back());
        let after = line.get(start + keyword.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && after == Some(' ')
    })?;
    let rest = line.get(start + keyword.len()..)?.trim_start();
    let name = rest.split(|c| !is_word(c)).next()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vague_names_of_files_folders_crates_and_modules_are_found() {
        for path in [
            "crates/s3/src/utils.rs",
            "crates/common/src/lib.rs",
            "crates/s3/tests/helpers/mod.rs",
            "tests/util.py",
        ] {
            assert_eq!(vague_names(&Source::new(path, "")).len(), 1, "{path}");
        }
        assert_eq!(
            vague_names(&Source::new("crates/s3/src/lib.rs", "pub(crate) mod helpers;\n// mod misc;\n"))
                .len(),
            1
        );
    }

    #[test]
    fn names_that_only_contain_a_vague_one_pass() {
        assert_eq!(vague_names(&Source::new("crates/s3/src/common_prefix.rs", "mod utilities;\n")), []);
    }

    #[test]
    fn a_bare_error_or_result_is_found_in_any_form() {
        for text in [
            "pub enum Error {",
            "struct Error;",
            "pub type Result<T> = X;",
            "type Error = X;",
            "    pub(crate) type Error = X;",
        ] {
            assert_eq!(bare_error(&Source::new("crates/s3/src/lib.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn associated_types_and_longer_names_pass() {
        for text in [
            "impl T for U {\n    type Error = X;\n}\n",
            "pub enum PutError {",
            "// struct Error",
            "fn f() -> Result<(), E> {}",
        ] {
            assert_eq!(bare_error(&Source::new("crates/s3/src/lib.rs", text)), [], "{text}");
        }
    }

    #[test]
    fn a_public_type_in_two_crates_is_found_in_both() {
        let one = Source::new("crates/meta/src/a.rs", "pub struct Range<T> {\n");
        let two = Source::new("crates/object/src/b.rs", "\npub enum Range {\n");
        let found = types_defined_twice(&[one, two]);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn private_generated_and_test_types_are_free() {
        let one = Source::new("crates/meta/src/a.rs", "pub struct Range;\n");
        for (path, text) in [
            ("crates/s3/src/b.rs", "pub(crate) struct Range;\n"),
            ("crates/s3/src/generated/b.rs", "pub struct Range;\n"),
            ("crates/s3/src/tests.rs", "pub struct Range;\n"),
            ("crates/meta/src/b.rs", "pub struct Range;\n"),
        ] {
            let one = Source::new(&one.path, &one.text);
            assert_eq!(types_defined_twice(&[one, Source::new(path, text)]), [], "{path}");
        }
    }
}
