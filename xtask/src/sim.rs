//! `cargo xtask sim`: the whole server below HTTP in one process, from one seed.

use std::path::Path;

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::process;

pub(crate) const HELP: &str = "\
Runs the deterministic simulation: docs/reliability.md says what it does.

Usage: cargo xtask sim [--seeds <n>] [--points <n>] [--faults <n>] [--rots <n>] [--storms <n>] [--from <n>] [--jobs <n>] [--scenario <name>]
       cargo xtask sim --seed <n> [--trace] [-- <more words of a run that failed>]

  --seeds <n>        lives with random crashes, of so many seeds
  --points <n>       a crash at every step of every scenario, of so many seeds
  --faults <n>       a fault of a drive at every step of every scenario, of so many seeds
  --rots <n>         rot in the files of so many stores
  --storms <n>       lives with a fault of a drive in each, of so many seeds
  --from <n>         the first seed
  --jobs <n>         threads
  --scenario <name>  only this one
  --seed <n>         one run again, as it was printed when it failed
  --trace            with every operation on the drives

  cargo xtask sim --seed 7 --trace
  cargo xtask sim --seed 1 --trace -- --scenario put --drives 2 --step 40 --blow crash
";

/// What CI runs: more than 2,000 crash points and 200 seeds, and every kind of fault.
const IN_CI: &[&str] =
    &["--seeds", "210", "--points", "2", "--faults", "1", "--rots", "14", "--storms", "70", "--jobs", "2"];

/// Flags with a number or a name, handed on as they are.
const VALUES: &[&str] =
    &["--seeds", "--points", "--faults", "--rots", "--storms", "--from", "--jobs", "--scenario", "--seed"];

/// `cargo xtask sim`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "sim", switches: &["--trace"], values: VALUES, rest: true };
    let arguments = Arguments::parse(&accepts, arguments)?;
    for flag in VALUES.iter().filter(|flag| **flag != "--scenario") {
        arguments.value(flag).map_or(Ok(()), |value| check_number(&accepts, flag, value))?;
    }
    let mut simulator = simulator(&process::root()?);
    for flag in VALUES {
        if let Some(value) = arguments.value(flag) {
            simulator.args([*flag, value]);
        }
    }
    if arguments.has("--trace") {
        simulator.arg("--trace");
    }
    Err(process::become_program(simulator.args(&arguments.rest)))
}

/// What CI runs, to its end.
pub(crate) fn in_ci(root: &Path) -> Result<String, Failure> {
    process::run(simulator(root).args(IN_CI)).map(|()| IN_CI.join(" "))
}

fn simulator(root: &Path) -> std::process::Command {
    process::cargo(root, &["run", "--release", "--locked", "-p", "sim", "--"])
}

fn check_number(accepts: &Accepts, flag: &str, value: &str) -> Result<(), Failure> {
    match value.parse::<u64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(accepts.complain(&format!("`{flag}` needs a number, not `{value}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_and_what_is_not_known_are_usage_failures() {
        for wrong in [["--seeds", "many"], ["--jobs", "-1"], ["--speed", "1"]] {
            let wrong: Vec<String> = wrong.map(str::to_string).to_vec();
            assert!(matches!(run(&wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }
}
