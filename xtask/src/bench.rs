//! `cargo xtask bench`: builds the server and the load generator for release, then becomes the load generator.

use crate::failure::Failure;
use crate::{metadata, process, run};

pub(crate) const HELP: &str = "\
Measures the server with the project's own load generator.

Usage: cargo xtask bench [<arguments of the load generator>]

Everything after `bench` goes to the load generator, which finds the server's binary in the environment
variable RUSTFS_BINARY. `cargo xtask bench -- --help` shows its arguments.
";

/// `cargo xtask bench`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let root = process::root()?;
    let server = run::build_server(&root, run::Profile::Release)?;
    process::run(&mut process::cargo(&root, &["build", "--release", "--locked", "-p", "bench"]))?;
    let mut bench = process::program(metadata::target_directory(&root)?.join("release").join("bench"), &root);
    bench.args(without_separator(arguments)).env("RUSTFS_BINARY", server);
    Err(process::become_program(&mut bench))
}

/// A first `--` only separates our arguments from the load generator's.
fn without_separator(arguments: &[String]) -> &[String] {
    match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_separator_is_dropped() {
        let given = ["--", "--help", "--"].map(str::to_string);
        assert_eq!(without_separator(&given), &given[1..]);
        assert_eq!(without_separator(&given[1..]), &given[1..]);
    }
}
