//! The command line: what can be said on it, and the old short forms. What is said is only taken down here;
//! [`crate::config`] puts it together with the environment and decides whether it makes sense.

mod admin;
mod arguments;
mod help;
mod offline;

pub use admin::{
    AdminArguments, AdminCommand, AttachArguments, ConnectionArguments, CreateKeyArguments, DoctorArguments,
    GroupCommand, KeyCommand, NewSecretArguments, PolicyCommand, ServiceAction, UserCommand, WhyArguments,
};
pub use arguments::{CommandLine, ServerArguments, ServerCommand};
pub use offline::{AuditCommand, AuditVerifyArguments, InspectArguments, SalvageArguments};

use std::ffi::OsString;

/// Commands of other releases that this one does not have.
const LATER_COMMANDS: &[&str] = &["info", "tls", "diagnose"];

/// Switches that take a value or none.
const SWITCHES: &[&str] =
    &["--console-enable", "--kms-enable", "--kms-allow-insecure-dev-defaults", "--buffer-profile-disable"];

/// What such a value may be; [`crate::config`] says which is which.
const BOOLEANS: &[&str] = &["true", "false", "1", "0", "on", "off", "yes", "no"];

/// What is asked for.
#[derive(Debug)]
pub enum Asked {
    /// To serve.
    Serve(Box<ServerArguments>),
    /// To look at drives.
    Inspect(InspectArguments),
    /// Whether an audit log is whole.
    AuditVerify(AuditVerifyArguments),
    /// To rebuild lost metadata.
    Salvage(SalvageArguments),
    /// To ask a running server.
    Admin(Box<AdminArguments>),
    /// To look for troubles.
    Doctor(Box<DoctorArguments>),
    /// To print a text and end: help, the version, or what is wrong with the words.
    Say {
        /// The text.
        text: String,
        /// Whether it is about a mistake.
        mistake: bool,
    },
}

/// Reads the words after the program's name.
#[must_use]
pub fn read(words: Vec<OsString>) -> Asked {
    let words = match with_command(with_joined_switches(words)) {
        Ok(words) => words,
        Err(text) => return Asked::Say { text, mistake: true },
    };
    match CommandLine::read(words) {
        Ok(CommandLine { command: ServerCommand::Server(arguments) }) => Asked::Serve(arguments),
        Ok(CommandLine { command: ServerCommand::Inspect(arguments) }) => Asked::Inspect(arguments),
        Ok(CommandLine { command: ServerCommand::Audit(AuditCommand::Verify(arguments)) }) => {
            Asked::AuditVerify(arguments)
        }
        Ok(CommandLine { command: ServerCommand::Salvage(arguments) }) => Asked::Salvage(arguments),
        Ok(CommandLine { command: ServerCommand::Admin(arguments) }) => Asked::Admin(arguments),
        Ok(CommandLine { command: ServerCommand::Doctor(arguments) }) => Asked::Doctor(arguments),
        Err(error) => Asked::Say { text: error.render().to_string(), mistake: error.use_stderr() },
    }
}

/// `server` is what is meant where no command is named: `rustfs /data`, `rustfs --address :9000 /data`, `rustfs`. A bare
/// word there is no folder, or a command misspelt would make one.
fn with_command(words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let first = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if LATER_COMMANDS.contains(&first.as_str()) {
        return Err(format!(
            "error: `rustfs {first}` is not available yet. A folder of that name is given as ./{first}\n"
        ));
    }
    if ["server", "inspect", "salvage", "admin", "doctor", "audit", "help", "--help", "-h", "--version", "-V"]
        .contains(&first.as_str())
    {
        return Ok(words);
    }
    if !first.is_empty() && !first.starts_with(['-', '.', '/', '~']) && !first.contains('/') {
        return Err(format!(
            "error: `{first}` is no command of rustfs (see `rustfs --help`). A folder of that name is given as ./{first}\n"
        ));
    }
    Ok(std::iter::once(OsString::from("server")).chain(words).collect())
}

/// Switches may stand alone or with a value: `--console-enable /data` as well as `--console-enable false /data`. The value
/// is joined to the switch, so that no folder is taken for one.
fn with_joined_switches(words: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        let value = BOOLEANS.iter().any(|boolean| word.eq_ignore_ascii_case(boolean));
        match joined.last_mut().filter(|last| value && SWITCHES.iter().any(|switch| *last == switch)) {
            Some(last) => {
                last.push("=");
                last.push(word);
            }
            None => joined.push(word),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Asked {
        read(line.split_whitespace().map(OsString::from).collect())
    }

    fn volumes(line: &str) -> Vec<String> {
        match asked(line) {
            Asked::Serve(arguments) => arguments.volumes,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_commands_for_drives_take_folders_and_switches() {
        let Asked::Inspect(inspect) = asked("inspect --json /d{1...4}") else { panic!("no inspect") };
        assert_eq!((inspect.volumes, inspect.json), (vec!["/d{1...4}".to_owned()], true));
        let Asked::Salvage(salvage) = asked("salvage --write --replace-metadata /d1 /d2") else {
            panic!("no salvage")
        };
        assert_eq!((salvage.volumes.len(), salvage.write, salvage.replace_metadata), (2, true, true));
        let Asked::AuditVerify(verify) = asked("audit verify --json --last ab /a /b") else {
            panic!("no verify")
        };
        assert_eq!((verify.files.len(), verify.last.as_deref(), verify.json), (2, Some("ab"), true));
        // Without a drive there is nothing to look at, and metadata is only replaced by what is written.
        for line in ["inspect", "salvage", "salvage --replace-metadata /d1", "audit", "audit verify"] {
            assert!(matches!(asked(line), Asked::Say { mistake: true, .. }), "{line}");
        }
    }

    #[test]
    fn server_is_the_command_where_none_is_named() {
        assert_eq!(volumes("server /data"), ["/data"]);
        assert_eq!(volumes("server data"), ["data"]);
        assert_eq!(volumes("/data"), ["/data"]);
        assert_eq!(volumes("./a b"), ["./a", "b"]);
        assert_eq!(volumes("--address :9100 /data{1...4}"), ["/data{1...4}"]);
        assert_eq!(volumes(""), [""; 0]);
    }

    #[test]
    fn a_switch_takes_a_value_and_never_a_folder() {
        for (line, value) in [
            ("--console-enable /data", "true"),
            ("--console-enable false /data", "false"),
            ("--console-enable=OFF /data", "OFF"),
            ("server --console-enable --address :1 /data", "true"),
        ] {
            let Asked::Serve(arguments) = asked(line) else { panic!("{line}") };
            assert_eq!(arguments.volumes, ["/data"], "{line}");
            assert_eq!(arguments.console_enable.as_deref(), Some(value), "{line}");
        }
    }

    #[test]
    fn a_misspelt_command_makes_no_folder() {
        for line in ["sever /data", "info", "data"] {
            assert!(matches!(asked(line), Asked::Say { mistake: true, .. }), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_said() {
        for line in ["--help", "help", "server --help", "--version", "-V", "help server"] {
            assert!(matches!(asked(line), Asked::Say { mistake: false, .. }), "{line}");
        }
        for line in ["server --adress :1", "server --address"] {
            assert!(matches!(asked(line), Asked::Say { mistake: true, .. }), "{line}");
        }
    }
}
