//! What was found, and how it is told. Pure.
//!
//! Always: whatever is not well has something to do about it.

use serde_json::{Value, json};

use crate::client::{clean, wrapped};

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The server would not start, or does not serve, or can lose data.
    Fault,
    /// It works, and will not always.
    Warning,
    /// Worth knowing, no harm.
    Note,
    /// Looked at and well.
    Well,
}

impl Severity {
    /// Its word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Well => "well",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was looked at: `drives`, `clock`.
    pub(crate) check: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What is.
    pub(crate) what: String,
    /// What to do; empty only where all is well.
    pub(crate) todo: String,
}

impl Finding {
    pub(crate) fn well(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Well, what: what.into(), todo: String::new() }
    }

    pub(crate) fn note(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, severity: Severity::Note, what: what.into(), todo: todo.into() }
    }

    pub(crate) fn warning(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, severity: Severity::Warning, what: what.into(), todo: todo.into() }
    }

    pub(crate) fn fault(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, severity: Severity::Fault, what: what.into(), todo: todo.into() }
    }

    /// From a sentence that says both, as those of a refused start do.
    pub(crate) fn told(check: &'static str, severity: Severity, sentence: &str) -> Self {
        let (what, todo) =
            sentence.split_once(": ").unwrap_or((sentence, "docs/operating/running.md says more of it"));
        Self { check, severity, what: what.to_owned(), todo: todo.trim_end_matches('.').to_owned() }
    }
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// In the order in which it was looked at.
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing has to be done.
    pub(crate) fn is_well(&self) -> bool {
        self.count(Severity::Fault) + self.count(Severity::Warning) == 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// For people: the worst first.
    pub(crate) fn text(&self) -> String {
        let mut sorted: Vec<&Finding> = self.findings.iter().collect();
        sorted.sort_by_key(|finding| finding.severity);
        let mut text: String = sorted.into_iter().map(shown).collect();
        let (faults, warnings) = (self.count(Severity::Fault), self.count(Severity::Warning));
        let verdict = if self.is_well() {
            "All is well".to_owned()
        } else {
            format!("{faults} faults, {warnings} warnings")
        };
        text.push_str(&format!("\n{verdict}.\n"));
        text
    }

    /// For programs. The fields are in docs/operating/doctor.md.
    pub(crate) fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "check": finding.check, "severity": finding.severity.word(), "what": finding.what, "todo": finding.todo,
            })
        };
        json!({
            "well": self.is_well(),
            "faults": self.count(Severity::Fault),
            "warnings": self.count(Severity::Warning),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

/// Columns before the text of a finding.
const INDENT: usize = 18;

fn shown(finding: &Finding) -> String {
    let mut lines = paragraph(&finding.what);
    if !finding.todo.is_empty() {
        lines.extend(paragraph(&format!("What to do: {}", finding.todo)));
    }
    let head = format!("{:<9}{:<9}", finding.severity.word(), finding.check);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let before = if number == 0 { head.as_str() } else { "" };
        text.push_str(&format!("{before:<INDENT$}{line}\n"));
    }
    text
}

fn paragraph(text: &str) -> Vec<String> {
    wrapped(&clean(text), crate::client::WIDTH_MAX - INDENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_with_what_to_do() {
        let report = Report {
            findings: vec![
                Finding::well("clock", "the clock is right"),
                Finding::warning("drives", "x ".repeat(80), "do it"),
                Finding::told("drives", Severity::Fault, "port 9000 is in use: stop that one."),
            ],
        };
        let text = report.text();
        assert!(text.starts_with("fault    drives   port 9000 is in use\n"), "{text}");
        assert!(
            text.contains("\n                  What to do: stop that one\nwarning  drives   x x"),
            "{text}"
        );
        assert!(text.ends_with("well     clock    the clock is right\n\n1 faults, 1 warnings.\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        let json = report.json();
        assert_eq!((json["well"] == false, json["faults"] == 1, json["warnings"] == 1), (true, true, true));
        assert_eq!(json["findings"][2]["todo"], "stop that one");
    }

    #[test]
    fn notes_are_no_reason_to_act() {
        let report =
            Report { findings: vec![Finding::note("proxies", "a", "b"), Finding::well("clock", "c")] };
        assert!(report.is_well() && report.text().ends_with("\nAll is well.\n"));
    }
}
