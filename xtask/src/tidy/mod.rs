//! `cargo xtask tidy`: the rules of STYLE.md that neither the compiler nor clippy holds.
//!
//! Each rule is a pure function from sources (or metadata) to findings, with a test that plants a violation.
//! Nothing here writes.

mod arrows;
mod code;
mod files;
mod mask;
mod names;
mod source;

use std::path::Path;

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process;
use crate::steps::Steps;
use source::Source;

pub(crate) const HELP: &str = "\
Checks the rules of STYLE.md that neither the compiler nor clippy holds. Never writes. Part of `verify`.

Usage: cargo xtask tidy

files    at most 1,000 lines without the test block (a warning from 600 on); at most 140 characters a line;
         the library crates' files open with //!; generated code stands under generated/ alone
names    no module, file or crate called common, utils, helpers, manager, misc; no public type name in two
         crates; no type called just Error or Result
code     no static with interior mutability but in rustfs; `biased;` in every select!; no #[allow];
         no #[ignore] without a reason; no marks of unfinished work
texts    no path of a developer's machine, no host of a package registry; ARCHITECTURE.md links every format;
         a relative link of a document leads somewhere
arrows   which crate may depend on which, and which may name hyper, raft, clap and the like
";

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Relative to the root, with slashes.
    path: String,
    /// From 1 on; 0 where it is about the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_string(), line, message: message.into() }
    }

    fn show(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.path, self.message),
            line => format!("{}:{line}: {}", self.path, self.message),
        }
    }
}

type FileRule = fn(&Source) -> Vec<Finding>;
type TreeRule = fn(&[Source]) -> Vec<Finding>;

/// Rules that look at one file at a time.
const FILE_RULES: &[FileRule] = &[
    files::too_long,
    files::long_lines,
    files::no_opening,
    files::generated_elsewhere,
    files::machine_paths,
    files::registry_hosts,
    names::vague_names,
    names::bare_error,
    code::mutable_statics,
    code::unbiased_select,
    code::allow_attributes,
    code::ignored_without_reason,
    code::unfinished,
];

/// Rules that look at all files together.
const TREE_RULES: &[TreeRule] = &[names::types_defined_twice, files::formats_not_linked, files::dead_links];

/// `cargo xtask tidy`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "tidy", switches: &[], values: &[], rest: false };
    Arguments::parse(&accepts, arguments)?;
    let root = process::root()?;
    let mut steps = Steps::new("tidy");
    steps.step("files", "STYLE.md gives the reasons", || check_files(&root));
    steps.step("arrows", "the tables are in xtask/src/tidy/arrows.rs", || check_arrows(&root));
    steps.finish()
}

/// All rules about files. Returns a few words on what was looked at.
pub(crate) fn check_files(root: &Path) -> Result<String, Failure> {
    let sources = source::read_tree(root)?;
    for warning in sources.iter().filter_map(files::rather_long) {
        println!("warning: {}", warning.show());
    }
    report(&findings(&sources))?;
    Ok(format!("{} files", sources.len()))
}

/// The rules about which crate may use which.
pub(crate) fn check_arrows(root: &Path) -> Result<String, Failure> {
    let metadata = Metadata::load(root)?;
    report(&arrows::findings(&metadata))?;
    Ok(format!("{} crates", metadata.ours().count()))
}

fn findings(sources: &[Source]) -> Vec<Finding> {
    let in_files = sources.iter().flat_map(|source| FILE_RULES.iter().flat_map(move |rule| rule(source)));
    in_files.chain(TREE_RULES.iter().flat_map(|rule| rule(sources))).collect()
}

fn report(findings: &[Finding]) -> Result<(), Failure> {
    for finding in findings {
        println!("{}", finding.show());
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::failed("1 finding")),
        count => Err(Failure::failed(format!("{count} findings"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_one_violation_has_one_finding() {
        let good = Source::new("crates/meta/src/lib.rs", "//! Always true.\n");
        let bad = Source::new("crates/meta/src/txn.rs", "//! Always true.\n#[allow(dead_code)]\nfn f() {}\n");
        assert_eq!(findings(&[good]), []);
        let found = findings(&[bad]);
        assert_eq!(found.len(), 1);
        assert!(found[0].show().starts_with("crates/meta/src/txn.rs:2: "));
    }

    #[test]
    fn this_crate_keeps_its_own_rules() {
        let root = process::root().unwrap();
        let own: Vec<Source> = source::read_tree(&root)
            .unwrap()
            .into_iter()
            .filter(|source| source.path.starts_with("xtask/src/tidy/"))
            .collect();
        assert!(own.len() >= 7);
        assert_eq!(findings(&own), []);
    }
}
