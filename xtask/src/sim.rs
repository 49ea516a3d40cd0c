//! `cargo xtask sim`: the whole server below HTTP in one process, from one seed.

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::process;

pub(crate) const HELP: &str = "\
Runs the deterministic simulation.

Usage: cargo xtask sim [--seeds <number>] [-- <arguments of the simulator>]

  --seeds <number>   how many seeds to try
";

/// `cargo xtask sim`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "sim", switches: &[], values: &["--seeds"], rest: true };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let seeds = arguments.value("--seeds").map(|value| number(&accepts, value)).transpose()?;
    let root = process::root()?;
    if !root.join("crates/sim/src/main.rs").is_file() && !root.join("crates/sim/src/bin").is_dir() {
        return Err(Failure::failed(
            "the simulator can't be run yet: crates/sim has no program so far, only its tests",
        ));
    }
    let mut simulator = process::cargo(&root, &["run", "--release", "--locked", "-p", "sim", "--"]);
    if let Some(seeds) = seeds {
        simulator.args(["--seeds", &seeds.to_string()]);
    }
    Err(process::become_program(simulator.args(&arguments.rest)))
}

fn number(accepts: &Accepts, value: &str) -> Result<u64, Failure> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| accepts.complain(&format!("`--seeds` needs a number above 0, not `{value}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_seeds_is_a_positive_number() {
        for wrong in ["0", "many", "-1"] {
            assert!(
                matches!(run(&["--seeds".to_string(), wrong.to_string()]), Err(Failure::Usage(_))),
                "{wrong}"
            );
        }
    }
}
