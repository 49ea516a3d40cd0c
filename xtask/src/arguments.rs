//! A small parser for the flags of a command. What it does not know is a usage failure: a misspelt flag never
//! changes silently what a command does.

use crate::failure::Failure;

/// What a command accepts.
pub(crate) struct Accepts {
    /// The command's name, for messages.
    pub(crate) command: &'static str,
    /// Flags that stand alone, with their dashes.
    pub(crate) switches: &'static [&'static str],
    /// Flags that take a value (`--only name` or `--only=name`), with their dashes.
    pub(crate) values: &'static [&'static str],
    /// Whether arguments after `--` are passed on.
    pub(crate) rest: bool,
}

/// What was given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    switches: Vec<String>,
    values: Vec<(String, String)>,
    /// What came after `--`.
    pub(crate) rest: Vec<String>,
}

impl Arguments {
    /// Reads `arguments` as `accepts` allows.
    pub(crate) fn parse(accepts: &Accepts, arguments: &[String]) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        let mut remaining = arguments.iter();
        while let Some(argument) = remaining.next() {
            if argument == "--" && accepts.rest {
                parsed.rest = remaining.cloned().collect();
                break;
            }
            let (flag, attached) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_string())),
                None => (argument.as_str(), None),
            };
            if accepts.values.contains(&flag) {
                let value = attached.or_else(|| remaining.next().cloned());
                let value = value.ok_or_else(|| accepts.complain(&format!("`{flag}` needs a value")))?;
                parsed.values.push((flag.to_string(), value));
            } else if accepts.switches.contains(&flag) && attached.is_none() {
                parsed.switches.push(flag.to_string());
            } else {
                return Err(accepts.complain(&format!("`{argument}` is not known")));
            }
        }
        Ok(parsed)
    }

    /// Whether a flag without a value was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.switches.iter().any(|given| given == flag)
    }

    /// The value of a flag; the last one where it was given twice.
    pub(crate) fn value(&self, flag: &str) -> Option<&str> {
        self.values.iter().rev().find(|(given, _)| given == flag).map(|(_, value)| value.as_str())
    }
}

impl Accepts {
    /// A usage failure that points to the help.
    pub(crate) fn complain(&self, what: &str) -> Failure {
        Failure::usage(format!("{what}; see `cargo xtask help {}`", self.command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTS: Accepts =
        Accepts { command: "try", switches: &["--check"], values: &["--only"], rest: true };

    fn parse(words: &[&str]) -> Result<Arguments, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_string()).collect();
        Arguments::parse(&ACCEPTS, &words)
    }

    #[test]
    fn values_stand_apart_or_attached_and_the_last_one_counts() {
        assert_eq!(parse(&["--only", "a", "--only=b"]).unwrap().value("--only"), Some("b"));
    }

    #[test]
    fn what_follows_two_dashes_is_passed_on_untouched() {
        let parsed = parse(&["--check", "--", "--only", "--", "x"]).unwrap();
        assert!(parsed.has("--check"));
        assert_eq!(parsed.rest, ["--only", "--", "x"]);
        assert_eq!(parsed.value("--only"), None);
    }

    #[test]
    fn unknown_flags_stray_words_and_missing_values_are_usage_failures() {
        for wrong in [&["--chek"][..], &["word"], &["--only"], &["--check=yes"]] {
            assert!(matches!(parse(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }
}
