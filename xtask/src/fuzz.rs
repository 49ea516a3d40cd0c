//! `cargo xtask fuzz`: libFuzzer on the decoders. Needs a nightly toolchain and cargo-fuzz; nothing else of the project
//! does. What it finds becomes a seed and a test beside the decoder (`docs/fuzzing.md`).

use std::path::Path;

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::process;
use crate::steps::Steps;

pub(crate) const HELP: &str = "\
Runs the fuzz targets of /fuzz, one after the other, from their seeds and from what earlier runs left in fuzz/corpus.

Usage: cargo xtask fuzz [--only <target>] [--minutes <number>]

  --only <target>     one target: a file of fuzz/fuzz_targets
  --minutes <number>  how long each may run; 10 if it is not said

Needs a nightly toolchain (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz). A finding is left in
fuzz/artifacts; docs/fuzzing.md says what to do with it. `cargo test -p fuzz` runs the same checks on the seeds alone.
";

const MINUTES: u64 = 10;

/// What every target keeps to: memory for one allocation and in all, seconds for one input, bytes of an input.
const LIMITS: [&str; 5] =
    ["-malloc_limit_mb=64", "-rss_limit_mb=512", "-timeout=10", "-max_len=4096", "-print_final_stats=1"];

/// `cargo xtask fuzz`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts = Accepts { command: "fuzz", switches: &[], values: &["--only", "--minutes"], rest: false };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let minutes =
        match arguments.value("--minutes") {
            None => MINUTES,
            Some(value) => value.parse().ok().filter(|minutes| *minutes > 0).ok_or_else(|| {
                accepts.complain(&format!("`--minutes` needs a number above 0, not `{value}`"))
            })?,
        };
    let root = process::root()?;
    let targets = targets(&root)?;
    let only = arguments.value("--only");
    if let Some(name) = only.filter(|name| !targets.iter().any(|target| target == name)) {
        let known = targets.join(", ");
        return Err(accepts.complain(&format!("there is no target `{name}`; the targets are: {known}")));
    }
    lock(&root)?;
    let mut steps = Steps::new("fuzz");
    for target in targets.iter().filter(|target| only.is_none_or(|name| name == *target)) {
        steps.step(target, "see docs/fuzzing.md", || fuzz(&root, target, minutes));
    }
    steps.finish()
}

/// The fuzzer builds what the workspace builds: cargo adds to this lock only what libFuzzer needs besides.
fn lock(root: &Path) -> Result<(), Failure> {
    let to = root.join("fuzz").join("Cargo.lock");
    let copied = std::fs::copy(root.join("Cargo.lock"), &to);
    copied.map(|_| ()).map_err(|error| Failure::io("write", &to, &error))
}

/// The names of all targets.
fn targets(root: &Path) -> Result<Vec<String>, Failure> {
    let folder = root.join("fuzz").join("fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|error| Failure::io("list", &folder, &error))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut targets: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_string)).collect();
    targets.sort();
    Ok(targets)
}

fn fuzz(root: &Path, target: &str, minutes: u64) -> Result<String, Failure> {
    let corpus = Path::new("fuzz").join("corpus").join(target);
    let corpus_path = root.join(&corpus);
    std::fs::create_dir_all(&corpus_path).map_err(|error| Failure::io("make", &corpus_path, &error))?;
    let mut cargo = process::program("cargo", root);
    // The toolchain that runs this is the pinned one; here it must be the nightly one.
    cargo.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC");
    cargo.args(["+nightly", "fuzz", "run", target]);
    cargo.arg(&corpus).arg(Path::new("fuzz").join("seeds").join(target)).arg("--").args(LIMITS);
    cargo.arg(format!("-max_total_time={}", minutes * 60));
    let dictionary = Path::new("fuzz").join("dictionaries").join(format!("{target}.dict"));
    if root.join(&dictionary).is_file() {
        cargo.arg(format!("-dict={}", dictionary.display()));
    }
    process::run(&mut cargo).map(|()| format!("{minutes} minutes, nothing found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_not_there_and_no_time_are_usage_failures() {
        for wrong in [["--only", "no_such"], ["--minutes", "0"], ["--minutes", "x"]] {
            let arguments: Vec<String> = wrong.iter().map(|word| (*word).to_string()).collect();
            assert!(matches!(run(&arguments), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn the_targets_are_the_files() {
        let targets = targets(&process::root().unwrap()).unwrap();
        assert!(
            ["record", "segment", "signature", "xml"].iter().all(|name| targets.iter().any(|t| t == name))
        );
    }
}
