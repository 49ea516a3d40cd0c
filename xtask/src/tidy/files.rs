//! Rules about files: how long they are, how they open, where they stand, and what no text may hold.

use super::mask::is_word;
use super::{Finding, Source};

/// Lines of a file without its test block.
const LINES_MAX: usize = 1_000;
/// From here on a file is probably about two things.
const LINES_WARNED: usize = 600;
/// Characters of a line. rustfmt breaks code sooner; this is for strings and comments.
const LINE_CHARS_MAX: usize = 140;

const _: () = assert!(LINES_WARNED < LINES_MAX);

/// Crates whose every file says at its head what always holds in it.
const OPENED: &[&str] = &["meta", "blob", "object", "env", "cluster", "worker", "iam", "s3", "lanes"];

/// No file is longer than anyone reads.
pub(super) fn too_long(source: &Source) -> Vec<Finding> {
    let too_long = counts(source) && source.length() > LINES_MAX;
    let message =
        || format!("{} lines without tests, {LINES_MAX} at most: split it by subject", source.length());
    too_long.then(|| Finding::new(&source.path, 0, message())).into_iter().collect()
}

/// A file that is on its way to being too long; said, but no failure.
pub(super) fn rather_long(source: &Source) -> Option<Finding> {
    let long =
        counts(source) && !source.is_test_file() && (LINES_WARNED + 1..=LINES_MAX).contains(&source.length());
    long.then(|| {
        Finding::new(
            &source.path,
            0,
            format!("{} lines without tests; is it about two things?", source.length()),
        )
    })
}

fn counts(source: &Source) -> bool {
    source.is_rust() && !source.is_generated()
}

/// No line wider than a screen.
pub(super) fn long_lines(source: &Source) -> Vec<Finding> {
    if !counts(source) {
        return Vec::new();
    }
    let wide = source.text.lines().enumerate().filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX);
    let message = |line: &str| format!("{} characters, {LINE_CHARS_MAX} at most", line.chars().count());
    wide.map(|(index, line)| Finding::new(&source.path, index + 1, message(line))).collect()
}

/// Every file of the library crates opens with `//!`.
pub(super) fn no_opening(source: &Source) -> Vec<Finding> {
    let asked = counts(source) && OPENED.contains(&source.crate_name());
    let opens = source.text.trim_start().starts_with("//!");
    let missing = asked && !opens;
    let message = "opens without //!: say what always holds here";
    missing.then(|| Finding::new(&source.path, 1, message)).into_iter().collect()
}

/// What a generator writes stands under generated/, so that nobody edits it by hand.
pub(super) fn generated_elsewhere(source: &Source) -> Vec<Finding> {
    let mark = concat!("@", "generated");
    let marked = source.is_rust()
        && source.text.lines().take(10).any(|line| line.starts_with("//") && line.contains(mark));
    let message = "generated code outside of a generated/ folder";
    (marked && !source.is_generated()).then(|| Finding::new(&source.path, 1, message)).into_iter().collect()
}

/// No path that is only true on somebody's machine.
pub(super) fn machine_paths(source: &Source) -> Vec<Finding> {
    let paths = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let message = "a path of somebody's machine";
    containing(source, |line| paths.iter().any(|path| has_absolute(line, path)), message)
}

/// Whether `path` stands in the line as the beginning of an absolute path.
fn has_absolute(line: &str, path: &str) -> bool {
    let continues = |before: &str| before.ends_with(|c: char| is_word(c) || "./-}*".contains(c));
    line.match_indices(path).any(|(start, _)| !continues(line.get(..start).unwrap_or_default()))
}

/// No host of a package registry: where packages come from is the business of whoever builds. Cargo.lock names
/// the default registry, as cargo writes it.
pub(super) fn registry_hosts(source: &Source) -> Vec<Finding> {
    let hosts = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("npmjs", ".org"),
        concat!("npmjs", ".com"),
        concat!("yarnpkg", ".com"),
        concat!("--index", "-url"),
        concat!("--extra-index", "-url"),
        concat!("\"resolved\": \"", "http"),
    ];
    if source.path == "Cargo.lock" {
        return Vec::new();
    }
    let message = "the host of a package registry: leave it to the configuration of whoever builds";
    containing(source, |line| hosts.iter().any(|host| line.contains(host)), message)
}

fn containing(source: &Source, breaks: impl Fn(&str) -> bool, message: &str) -> Vec<Finding> {
    let lines = source.text.lines().enumerate().filter(|(_, line)| breaks(line));
    lines.map(|(index, _)| Finding::new(&source.path, index + 1, message)).collect()
}

/// Every format document is linked from ARCHITECTURE.md, where readers start.
pub(super) fn formats_not_linked(sources: &[Source]) -> Vec<Finding> {
    let Some(map) = sources.iter().find(|source| source.path == "ARCHITECTURE.md") else {
        return Vec::new();
    };
    let formats = sources
        .iter()
        .filter(|source| source.path.starts_with("docs/formats/") && source.path.ends_with(".md"));
    let unlinked = formats.filter(|format| !map.text.contains(&format.path));
    unlinked
        .map(|format| Finding::new(&format.path, 0, "ARCHITECTURE.md does not link this format"))
        .collect()
}

/// Every relative link of a document leads to a file or folder of the tree.
pub(super) fn dead_links(sources: &[Source]) -> Vec<Finding> {
    let documents = sources.iter().filter(|source| source.path.ends_with(".md"));
    documents.flat_map(|document| dead_links_of(document, sources)).collect()
}

fn dead_links_of(document: &Source, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let leads = target.is_empty()
                || target.contains(':')
                || is_there(&resolved(&document.path, target), sources);
            if !leads {
                findings.push(Finding::new(
                    &document.path,
                    index + 1,
                    format!("the link {target} leads nowhere"),
                ));
            }
        }
    }
    findings
}

fn is_there(path: &str, sources: &[Source]) -> bool {
    let below = |source: &Source| {
        source.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    sources.iter().any(below)
}

/// The path that a link of `document` leads to, relative to the root.
fn resolved(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(text: &str) -> Source {
        Source::new("crates/meta/src/lib.rs", text)
    }

    #[test]
    fn length_counts_without_the_test_block() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n".repeat(900));
        assert_eq!(too_long(&meta(&format!("{}{tests}", "x\n".repeat(1_000)))), []);
        assert_eq!(too_long(&meta(&"x\n".repeat(1_001))).len(), 1);
        assert_eq!(too_long(&Source::new("crates/s3/src/generated/a.rs", &"x\n".repeat(1_001))), []);
    }

    #[test]
    fn a_warning_comes_before_the_failure() {
        assert!(rather_long(&meta(&"x\n".repeat(600))).is_none());
        assert!(rather_long(&meta(&"x\n".repeat(601))).is_some());
        assert!(rather_long(&meta(&"x\n".repeat(1_001))).is_none());
    }

    #[test]
    fn a_wide_line_is_found_and_counted_in_characters() {
        assert_eq!(long_lines(&meta(&"é".repeat(140))), []);
        assert_eq!(long_lines(&meta(&format!("\n{}", "x".repeat(141))))[0].line, 2);
        assert_eq!(long_lines(&Source::new("README.md", &"x".repeat(141))), []);
    }

    #[test]
    fn library_files_open_with_what_always_holds() {
        assert_eq!(no_opening(&meta("use x;\n")).len(), 1);
        assert_eq!(no_opening(&meta("//! Always.\nuse x;\n")), []);
        assert_eq!(no_opening(&Source::new("crates/bench/src/main.rs", "use x;\n")), []);
    }

    #[test]
    fn generated_code_stands_in_its_folder() {
        let text = concat!("// @", "generated by codegen\n");
        assert_eq!(generated_elsewhere(&Source::new("crates/s3/src/a.rs", text)).len(), 1);
        assert_eq!(generated_elsewhere(&Source::new("crates/s3/src/generated/a.rs", text)), []);
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found_and_relative_ones_are_not() {
        let (work, home) = (concat!("/wo", "rk/"), concat!("/ho", "me/"));
        assert_eq!(machine_paths(&Source::new("a.md", &format!("see {work}main\n`{home}me`\n"))).len(), 2);
        assert_eq!(machine_paths(&Source::new("a.md", &format!("docs{work}x ..{home}x s3:/{home}"))), []);
    }

    #[test]
    fn hosts_of_registries_are_found_but_in_the_lock_file() {
        let text = concat!("https://static.crates", ".io/x\n");
        assert_eq!(registry_hosts(&Source::new("README.md", text)).len(), 1);
        assert_eq!(registry_hosts(&Source::new("Cargo.lock", text)), []);
    }

    #[test]
    fn a_format_is_linked_once_there_is_an_architecture() {
        let format = || Source::new("docs/formats/drive.md", "");
        assert_eq!(formats_not_linked(&[format()]), []);
        assert_eq!(formats_not_linked(&[format(), Source::new("ARCHITECTURE.md", "none")]).len(), 1);
        assert_eq!(
            formats_not_linked(&[format(), Source::new("ARCHITECTURE.md", "[drive](docs/formats/drive.md)")]),
            []
        );
    }

    #[test]
    fn a_link_leads_to_a_file_or_folder_of_the_tree() {
        let tree = |text| [Source::new("docs/a/b.md", text), Source::new("docs/c.md", "")];
        let good = "[c](../c.md#part) [a](../a) [web](https://example.com/x) [here](#part)";
        assert_eq!(dead_links(&tree(good)), []);
        assert_eq!(dead_links(&tree("\n[x](../x.md) [d](c.md)")).len(), 2);
    }
}
