//! Looking a setting up: the flag, then its variables in order, with a warning where two of them disagree.

use std::io;
use std::path::{Path, PathBuf};

use super::ConfigError;

/// What the process finds around itself; given by the caller, so that tests need no process.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all variables: some settings come in groups that end in a name of the operator's.
    pub names: Vec<String>,
    /// The text of a file.
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Where relative paths begin, or why that is not known.
    pub here: Result<PathBuf, String>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Surroundings({:?})", self.here)
    }
}

impl Surroundings<'_> {
    /// A variable that is set and not empty.
    pub(super) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }
}

/// A value and where it comes from.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
}

/// The lookups of one start, and what they found odd.
#[derive(Debug)]
pub struct Settings<'a> {
    around: &'a Surroundings<'a>,
    /// Variables that contradict each other, by name.
    pub warnings: Vec<String>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(around: &'a Surroundings<'a>) -> Self {
        Settings { around, warnings: Vec::new() }
    }

    /// The flag's value, or that of the first variable that is set.
    pub(super) fn get(&mut self, flag: &str, given: Option<&str>, names: &[&str]) -> Option<Setting> {
        if let Some(value) = given {
            return Some(Setting { name: flag.to_owned(), value: value.to_owned() });
        }
        let mut set = names.iter().filter_map(|name| Some((*name, self.around.set(name)?)));
        let (name, value) = set.next()?;
        for (other, contrary) in set {
            if contrary != value {
                self.warnings
                    .push(format!("{name} and {other} are set to different values: {name} is the one used."));
            }
        }
        Some(Setting { name: name.to_owned(), value })
    }

    /// A setting that is true or false.
    pub(super) fn flag(
        &mut self,
        flag: &str,
        given: Option<&str>,
        names: &[&str],
        default: bool,
    ) -> Result<bool, ConfigError> {
        let Some(setting) = self.get(flag, given, names) else {
            return Ok(default);
        };
        boolean(&setting.value).ok_or(ConfigError::Value {
            name: setting.name,
            value: setting.value,
            wanted: "write true or false",
        })
    }
}

/// What people write for true and false.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}
