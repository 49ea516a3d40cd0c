//! The project's automation, in the project's language. `cargo xtask help` lists the commands.
//!
//! Always true: `verify` and `tidy` never write; a wrong command line exits with 2 before anything is started;
//! a command that fails exits with 1 and says what to do.

mod arguments;
mod bench;
mod codegen;
mod duplicates;
mod failure;
mod fuzz;
mod licences;
mod metadata;
mod process;
mod run;
mod sim;
mod steps;
mod test;
mod tidy;
mod verify;

use std::process::ExitCode;

use failure::Failure;

/// One command of `cargo xtask`: everything the dispatcher and the help text need to know of it.
pub(crate) struct Command {
    /// The word after `cargo xtask`.
    pub(crate) name: &'static str,
    /// One line for the list of commands.
    pub(crate) summary: &'static str,
    /// What `cargo xtask help <name>` prints, from the usage line on.
    pub(crate) help: &'static str,
    /// Gets the arguments after the name, `--help` already taken care of.
    pub(crate) run: fn(&[String]) -> Result<(), Failure>,
}

/// All commands, in the order in which the help lists them. A new command is one row here.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        summary: "build everything and start the server on ./data",
        help: run::HELP,
        run: run::run,
    },
    Command {
        name: "test",
        summary: "set up what the tests need and run them all",
        help: test::HELP,
        run: test::run,
    },
    Command {
        name: "verify",
        summary: "check format, lints, rules, arrows, licences; writes nothing",
        help: verify::HELP,
        run: verify::run,
    },
    Command {
        name: "fix",
        summary: "mend what can be mended by itself",
        help: verify::FIX_HELP,
        run: verify::fix,
    },
    Command {
        name: "tidy",
        summary: "the project's own rules alone (part of verify)",
        help: tidy::HELP,
        run: tidy::run,
    },
    Command {
        name: "codegen",
        summary: "write the S3 types from AWS's service model",
        help: codegen::HELP,
        run: codegen::run,
    },
    Command { name: "bench", summary: "measure the server", help: bench::HELP, run: bench::run },
    Command { name: "sim", summary: "run the deterministic simulation", help: sim::HELP, run: sim::run },
    Command { name: "fuzz", summary: "run the fuzz targets", help: fuzz::HELP, run: fuzz::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

/// Finds the command and runs it, or prints the help that was asked for.
fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        eprint!("{}", overview());
        return Err(Failure::usage("no command given"));
    };
    match name.as_str() {
        "help" | "--help" | "-h" => return print_help(rest.first().map(String::as_str)),
        _ => {}
    }
    let command = find(name)?;
    let own = rest.iter().take_while(|argument| *argument != "--");
    if own.clone().any(|argument| argument == "--help" || argument == "-h") {
        return print_help(Some(name));
    }
    (command.run)(rest)
}

/// The command of that name.
pub(crate) fn find(name: &str) -> Result<&'static Command, Failure> {
    COMMANDS.iter().find(|command| command.name == name).ok_or_else(|| {
        let known: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        Failure::usage(format!("there is no command `{name}`; the commands are: {}", known.join(", ")))
    })
}

fn print_help(name: Option<&str>) -> Result<(), Failure> {
    match name {
        None => print!("{}", overview()),
        Some(name) => println!("{}", find(name)?.help.trim_end()),
    }
    Ok(())
}

/// The text of `cargo xtask help`.
fn overview() -> String {
    let mut text =
        String::from("The automation of RustFS.\n\nUsage: cargo xtask <command> [flags]\n\nCommands:\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<8} {}\n", command.name, command.summary));
    }
    text.push_str("\n`cargo xtask help <command>` explains one of them.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_string()).collect()
    }

    #[test]
    fn an_unknown_command_is_a_usage_failure_that_lists_the_known_ones() {
        let failure = dispatch(&arguments(&["vrify"])).unwrap_err();
        assert!(matches!(&failure, Failure::Usage(message) if message.contains("`vrify`")));
    }

    #[test]
    fn no_command_is_a_usage_failure() {
        assert!(matches!(dispatch(&[]), Err(Failure::Usage(_))));
    }

    #[test]
    fn every_command_is_in_the_overview_and_has_help_with_a_usage_line() {
        for command in COMMANDS {
            assert!(overview().contains(command.summary));
            assert!(
                command.help.contains(&format!("Usage: cargo xtask {}", command.name)),
                "{}",
                command.name
            );
        }
    }
}
