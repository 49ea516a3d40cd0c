//! `cargo xtask verify`, which never writes, and `cargo xtask fix`, which may.

use std::path::Path;

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::steps::Steps;
use crate::{duplicates, licences, process, tidy};

pub(crate) const HELP: &str = "\
Checks everything that can be checked without running the product. Never writes.

Usage: cargo xtask verify [--only <check>]

Checks, in this order (all of them run, whatever fails):
  format      cargo fmt --check
  lints       cargo clippy, warnings are failures
  tidy        the rules of STYLE.md that no compiler holds (see `cargo xtask help tidy`)
  arrows      which crate may use which, ours and others'
  licences    every package we build from is under a licence of the list
  duplicates  no crate in two versions, but for those listed in xtask/duplicates.txt
  codegen     the generated code is what the generator writes now
";

pub(crate) const FIX_HELP: &str = "\
Mends what can be mended by itself: generated code, lints with a known remedy, format.

Usage: cargo xtask fix
";

/// One check of `verify`.
struct Check {
    name: &'static str,
    advice: &'static str,
    run: fn(&Path) -> Result<String, Failure>,
}

const CHECKS: &[Check] = &[
    Check { name: "format", advice: "run `cargo xtask fix`", run: format },
    Check {
        name: "lints",
        advice: "mend what is listed above, or say why not with #[expect(lint, reason = \"...\")]",
        run: lints,
    },
    Check {
        name: "tidy",
        advice: "mend what is listed above; STYLE.md gives the reasons",
        run: tidy::check_files,
    },
    Check {
        name: "arrows",
        advice: "remove the dependency; the tables are in xtask/src/tidy/arrows.rs",
        run: tidy::check_arrows,
    },
    Check { name: "licences", advice: "replace the crates listed above", run: licences },
    Check { name: "duplicates", advice: "see xtask/duplicates.txt", run: duplicates },
    Check { name: "codegen", advice: "run `cargo xtask codegen` and commit what it writes", run: codegen },
];

/// `cargo xtask verify`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "verify", switches: &[], values: &["--only"], rest: false };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let chosen = chosen(arguments.value("--only")).map_err(|message| accepts.complain(&message))?;
    let root = process::root()?;
    let mut steps = Steps::new("verify");
    for check in chosen {
        steps.step(check.name, check.advice, || (check.run)(&root));
    }
    steps.finish()
}

fn chosen(only: Option<&str>) -> Result<Vec<&'static Check>, String> {
    let chosen: Vec<&Check> =
        CHECKS.iter().filter(|check| only.is_none_or(|name| name == check.name)).collect();
    match (chosen.is_empty(), only) {
        (true, Some(name)) => Err(format!("there is no check `{name}`")),
        _ => Ok(chosen),
    }
}

/// `cargo xtask fix`.
pub(crate) fn fix(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "fix", switches: &[], values: &[], rest: false };
    Arguments::parse(&accepts, arguments)?;
    let root = process::root()?;
    let mut steps = Steps::new("fix");
    if let Ok(command) = crate::find("codegen") {
        steps.step("codegen", "see above", || (command.run)(&[]).map(|()| String::new()));
    }
    let clippy = ["clippy", "--fix", "--allow-dirty", "--allow-staged", "--workspace", "--all-targets"];
    steps.step("lints", "mend what is left by hand", || {
        done(process::run(&mut process::cargo(&root, &clippy)))
    });
    steps.step("format", "see above", || done(process::run(&mut process::cargo(&root, &["fmt", "--all"]))));
    steps.finish()
}

fn done(result: Result<(), Failure>) -> Result<String, Failure> {
    result.map(|()| String::new())
}

fn format(root: &Path) -> Result<String, Failure> {
    done(process::run(&mut process::cargo(root, &["fmt", "--all", "--check"])))
}

fn lints(root: &Path) -> Result<String, Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    done(process::run(&mut process::cargo(root, &arguments)))
}

fn licences(root: &Path) -> Result<String, Failure> {
    let packages = Metadata::load(root)?.packages;
    report(&licences::findings(&packages))?;
    Ok(format!("{} packages", packages.len()))
}

fn duplicates(root: &Path) -> Result<String, Failure> {
    let path = root.join("xtask").join("duplicates.txt");
    let list = std::fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))?;
    report(&duplicates::findings(&Metadata::load(root)?.packages, &list))?;
    Ok("none but those listed".to_string())
}

fn codegen(_root: &Path) -> Result<String, Failure> {
    (crate::find("codegen")?.run)(&["--check".to_string()])?;
    Ok("generated code is fresh".to_string())
}

/// Prints the findings; a failure if there are any.
fn report(findings: &[String]) -> Result<(), Failure> {
    for finding in findings {
        println!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::failed(format!("{} findings", findings.len()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chooses_one_check_and_an_unknown_one_is_refused() {
        assert_eq!(chosen(None).unwrap().len(), CHECKS.len());
        assert_eq!(chosen(Some("tidy")).unwrap().len(), 1);
        assert!(chosen(Some("tidi")).is_err());
    }

    #[test]
    fn the_help_names_every_check() {
        for check in CHECKS {
            assert!(HELP.contains(&format!("\n  {} ", check.name)), "{}", check.name);
        }
    }

    #[test]
    fn findings_are_a_failure() {
        assert!(report(&["one".to_string()]).is_err());
        assert!(report(&[]).is_ok());
    }
}
