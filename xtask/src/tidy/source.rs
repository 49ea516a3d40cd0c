//! The text files of the repository, as the rules look at them.

use std::ops::Range;
use std::path::Path;

use super::mask::{Keep, mask};
use crate::failure::Failure;

/// What holds nothing of ours: what .gitignore names, and git's own; `target` and `data` count at the root alone, as a
/// crate may have a folder of that name.
const SKIPPED: &[&str] = &[".git", ".venv", ".cache", "node_modules", "__pycache__", ".pytest_cache"];
const SKIPPED_AT_ROOT: &[&str] = &["target", "data"];
/// What a run of the fuzzer leaves.
const LEFT_BY_FUZZER: &[&str] =
    &["fuzz/Cargo.lock", "fuzz/target", "fuzz/corpus", "fuzz/artifacts", "fuzz/coverage"];

/// One text file.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the root, with slashes.
    pub(super) path: String,
    /// As it is.
    pub(super) text: String,
    /// Without comments and the content of strings; empty where it isn't Rust.
    pub(super) code: String,
    /// Without the content of strings; empty where it isn't Rust.
    pub(super) commented: String,
    /// The lines (from 0 on) of the blocks that are only compiled for tests.
    test_blocks: Vec<Range<usize>>,
}

impl Source {
    /// Takes a file's text apart.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let rust = path.ends_with(".rs");
        let view = |keep| {
            if rust { mask(text, keep) } else { String::new() }
        };
        let code = view(Keep::Code);
        let test_blocks = test_blocks(&code);
        Self {
            path: path.to_string(),
            text: text.to_string(),
            commented: view(Keep::CodeAndComments),
            code,
            test_blocks,
        }
    }

    /// Whether it is Rust.
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether a generator wrote it.
    pub(super) fn is_generated(&self) -> bool {
        self.path.contains("/generated/")
    }

    /// The name of the crate it belongs to; empty outside crates.
    pub(super) fn crate_name(&self) -> &str {
        match self.path.split_once('/') {
            Some(("crates", rest)) => rest.split('/').next().unwrap_or_default(),
            Some(("xtask", _)) => "xtask",
            _ => "",
        }
    }

    /// Whether the whole file is there for tests only.
    pub(super) fn is_test_file(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines of code that are not tests: number from 1 on, and text without comments and strings.
    pub(super) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let whole = self.is_test_file();
        let counted = self.code.lines().enumerate();
        let product = counted.filter(move |(index, _)| !whole && !self.in_test_block(*index));
        product.map(|(index, line)| (index + 1, line))
    }

    /// How many lines it has without its test blocks.
    pub(super) fn length(&self) -> usize {
        let all = self.text.lines().count();
        (0..all).filter(|index| !self.in_test_block(*index)).count()
    }

    fn in_test_block(&self, index: usize) -> bool {
        self.test_blocks.iter().any(|block| block.contains(&index))
    }
}

/// Modules behind `#[cfg(test)]`, from the attribute to the brace that closes them in the first column, as
/// rustfmt sets it.
fn test_blocks(code: &str) -> Vec<Range<usize>> {
    let lines: Vec<&str> = code.lines().collect();
    let mut blocks = Vec::new();
    for (start, _) in lines.iter().enumerate().filter(|(_, line)| line.trim_end() == "#[cfg(test)]") {
        let following = || lines.iter().enumerate().skip(start + 1);
        let item = following().find(|(_, line)| !line.starts_with("#[") && !line.trim().is_empty());
        let opens = item.is_some_and(|(_, line)| line.contains("mod ") && line.trim_end().ends_with('{'));
        if opens && let Some((end, _)) = following().find(|(_, line)| line.trim_end() == "}") {
            blocks.push(start..end + 1);
        }
    }
    blocks
}

/// Reads every text file of the repository, in the order of the paths.
pub(super) fn read_tree(root: &Path) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    read_folder(root, "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read_folder(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<(), Failure> {
    let unreadable = |error| Failure::io("read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if is_skipped(prefix, &name) {
            continue;
        }
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() {
            let bytes =
                std::fs::read(entry.path()).map_err(|error| Failure::io("read", &entry.path(), &error))?;
            sources.extend(String::from_utf8(bytes).ok().map(|text| Source::new(&path, &text)));
        }
    }
    Ok(())
}

fn is_skipped(prefix: &str, name: &str) -> bool {
    SKIPPED.contains(&name)
        || (prefix.is_empty() && SKIPPED_AT_ROOT.contains(&name))
        || LEFT_BY_FUZZER.contains(&format!("{prefix}{name}").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_TESTS: &str = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {\n    }\n}\n";

    #[test]
    fn the_test_block_does_not_count() {
        let source = Source::new("crates/meta/src/lib.rs", WITH_TESTS);
        assert_eq!(source.length(), 2);
        assert_eq!(source.product_lines().count(), 2);
    }

    #[test]
    fn a_test_file_has_no_product_lines_but_has_a_length() {
        let source = Source::new("crates/meta/src/engine/tests.rs", "fn f() {}\n");
        assert_eq!(source.product_lines().count(), 0);
        assert_eq!(source.length(), 1);
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_no_block() {
        assert_eq!(
            Source::new("crates/meta/src/lib.rs", "#[cfg(test)]\nmod tests;\nfn f() {\n}\n").length(),
            4
        );
    }

    #[test]
    fn the_crate_is_the_folder_below_crates() {
        assert_eq!(Source::new("crates/meta/src/lib.rs", "").crate_name(), "meta");
        assert_eq!(Source::new("xtask/src/main.rs", "").crate_name(), "xtask");
        assert_eq!(Source::new("README.md", "").crate_name(), "");
    }

    #[test]
    fn a_data_folder_is_skipped_at_the_root_alone() {
        assert!(is_skipped("", "data"));
        assert!(!is_skipped("crates/blob/src/", "data"));
        assert!(is_skipped("console/", "node_modules"));
        assert!(is_skipped("fuzz/", "Cargo.lock") && !is_skipped("", "Cargo.lock"));
    }
}
