//! Rules about what stands in the code.

use super::mask::is_word;
use super::{Finding, Source};

/// Types that change behind a shared reference. `LazyLock` is not among them: what it holds is computed once,
/// from nothing that varies, and is a constant to everyone.
const CHANGING: &[&str] =
    &["Mutex", "RwLock", "Cell", "RefCell", "UnsafeCell", "OnceCell", "OnceLock", "DashMap", "Sender"];

/// No process-wide state but in the binary: everything else gets what it needs by its constructor, so that a
/// test (or a simulation) can have several of it.
pub(super) fn mutable_statics(source: &Source) -> Vec<Finding> {
    if source.crate_name() == "rustfs" {
        return Vec::new();
    }
    let lines: Vec<&str> = source.code.lines().collect();
    let item = |number: usize| declaration(lines.get(number - 1..).unwrap_or_default());
    let found = source.product_lines().filter(|(number, _)| holds_state(&item(*number)));
    let message = "state of the whole process: only rustfs may have it; pass it by constructor instead";
    found.map(|(number, _)| Finding::new(&source.path, number, message)).collect()
}

/// An item up to its value, on one line: rustfmt breaks long ones after the colon.
fn declaration(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines.iter().take(4) {
        text.push_str(line);
        text.push(' ');
        if line.contains(['=', ';', '{']) {
            break;
        }
    }
    text
}

fn holds_state(declaration: &str) -> bool {
    let first = declaration.trim_start();
    if first.starts_with("thread_local!") || first.starts_with("lazy_static!") {
        return true;
    }
    let Some(item) = words_of_static(declaration) else {
        return false;
    };
    let kind = item.split('=').next().unwrap_or_default();
    let changing = |word: &str| word == "mut" || word.starts_with("Atomic") || CHANGING.contains(&word);
    kind.split(|c| !is_word(c)).any(changing)
}

/// What follows the word `static` where it begins an item.
fn words_of_static(line: &str) -> Option<&str> {
    let item = line.trim_start();
    let item = match item.strip_prefix("pub") {
        Some(rest) => rest
            .trim_start()
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest)
            .trim_start(),
        None => item,
    };
    item.strip_prefix("static ")
}

/// `biased;` first in every `select!`: without it tokio rolls dice, and a simulation can't be run again.
pub(super) fn unbiased_select(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (start, word) in source.code.match_indices("select!") {
        let (before, after) = (
            source.code.get(..start).unwrap_or_default(),
            source.code.get(start + word.len()..).unwrap_or_default(),
        );
        let opened = after.trim_start().strip_prefix(['{', '(', '[']).unwrap_or_default();
        if !before.ends_with(is_word) && !opened.trim_start().starts_with("biased;") {
            let line = before.matches('\n').count() + 1;
            findings.push(Finding::new(
                &source.path,
                line,
                "select! without `biased;`: its order must be the written one",
            ));
        }
    }
    findings
}

/// No `#[allow]`: `#[expect]` fails when it is no longer needed.
pub(super) fn allow_attributes(source: &Source) -> Vec<Finding> {
    let is_allow = |line: &str| {
        let dense: String = line.split_whitespace().collect();
        dense.contains("#[allow(")
            || dense.contains("#![allow(")
            || (dense.contains("cfg_attr(") && dense.contains(",allow("))
    };
    on_lines(&source.path, &source.code, is_allow, "use #[expect(lint, reason = \"...\")] instead of allow")
}

/// No test is switched off without a word on why.
pub(super) fn ignored_without_reason(source: &Source) -> Vec<Finding> {
    let is_bare = |line: &str| line.split_whitespace().collect::<String>().contains("#[ignore]");
    on_lines(&source.path, &source.code, is_bare, "say why: #[ignore = \"...\"]")
}

/// No marks of unfinished work: what is to be done is an issue, or it is done. Prose may speak of them.
pub(super) fn unfinished(source: &Source) -> Vec<Finding> {
    let checked = [".py", ".toml", ".sh", ".js", ".ts", ".tsx", ".ci/run"];
    let text = if source.is_rust() { &source.commented } else { &source.text };
    if !source.is_rust() && !checked.iter().any(|end| source.path.ends_with(end)) {
        return Vec::new();
    }
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let is_marked = |line: &str| line.split(|c| !is_word(c)).any(|word| marks.contains(&word));
    on_lines(&source.path, text, is_marked, "a mark of unfinished work: do it, or describe it in an issue")
}

fn on_lines(path: &str, text: &str, breaks: impl Fn(&str) -> bool, message: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate().filter(|(_, line)| breaks(line));
    lines.map(|(index, _)| Finding::new(path, index + 1, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(text: &str) -> Source {
        Source::new("crates/meta/src/lib.rs", text)
    }

    #[test]
    fn statics_that_can_change_are_found() {
        for text in [
            "static mut COUNT: u8 = 0;",
            "pub static COUNT: AtomicU64 = AtomicU64::new(0);",
            "pub(crate) static CACHE: LazyLock<Mutex<u8>> = X;",
            "static CONFIG: OnceLock<Config> = OnceLock::new();",
            "thread_local! {",
            "static CACHE:\n    LazyLock<Mutex<u8>> = X;",
        ] {
            assert_eq!(mutable_statics(&meta(text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn constants_lifetimes_tests_and_the_binary_may_have_what_they_have() {
        for text in [
            "static TABLE: [u8; 2] = [Mutex, 2];",
            "static TABLE: u8 = 1;\nfn f(x: Mutex<u8>) {}",
            "static TABLE: LazyLock<[u8; 256]> = LazyLock::new(table);",
            "fn f(x: &'static Mutex<u8>) {}",
            "// static COUNT: AtomicU64",
            "#[cfg(test)]\nmod tests {\n    static COUNT: AtomicU64 = X;\n}\n",
        ] {
            assert_eq!(mutable_statics(&meta(text)), [], "{text}");
        }
        assert_eq!(
            mutable_statics(&Source::new("crates/rustfs/src/main.rs", "static COUNT: AtomicU64 = X;")),
            []
        );
    }

    #[test]
    fn a_select_must_open_with_biased() {
        assert_eq!(unbiased_select(&meta("\ntokio::select! {\n    x = y => {}\n}\n"))[0].line, 2);
        assert_eq!(unbiased_select(&meta("select!(a = b => {})")).len(), 1);
        assert_eq!(
            unbiased_select(&meta("tokio::select! {\n    // why\n    biased;\n    x = y => {}\n}\n")),
            []
        );
        assert_eq!(unbiased_select(&meta("// tokio::select! { x }\nmy_select! { x }")), []);
    }

    #[test]
    fn allow_is_found_in_all_its_places_and_expect_is_not() {
        for text in ["#[allow(dead_code)]", "#![ allow(dead_code)]", "#[cfg_attr(test, allow(dead_code))]"] {
            assert_eq!(allow_attributes(&meta(text)).len(), 1, "{text}");
        }
        assert_eq!(
            allow_attributes(&meta(
                "#[expect(dead_code, reason = \"#[allow(x)]\")]\nfn allow(x: u8) {}\n// #[allow(x)]"
            )),
            []
        );
    }

    #[test]
    fn an_ignored_test_needs_a_reason() {
        assert_eq!(ignored_without_reason(&meta("#[test]\n#[ignore]\nfn f() {}")).len(), 1);
        assert_eq!(ignored_without_reason(&meta("#[ignore = \"takes an hour\"]")), []);
    }

    #[test]
    fn marks_of_unfinished_work_are_found_in_comments_but_not_in_strings_or_prose() {
        let mark = concat!("TO", "DO");
        assert_eq!(unfinished(&meta(&format!("// {mark}: later"))).len(), 1);
        assert_eq!(unfinished(&Source::new("tests/test_guide.py", &format!("# {mark}"))).len(), 1);
        assert_eq!(unfinished(&meta(&format!("f(\"{mark}\"); // {mark}S"))), []);
        assert_eq!(unfinished(&Source::new("STYLE.md", mark)), []);
    }
}
