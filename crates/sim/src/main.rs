//! The command line of the simulation: `cargo xtask sim` runs it. What fails is printed with the words that repeat it.

use std::process::ExitCode;

use sim::campaign::{self, MISHAPS, Run, Totals};
use sim::rot;
use sim::run::Weather;
use sim::scenario::{Case, Scenario};
use sim::world::Trace;

const HELP: &str = "\
Usage: sim [--seeds <n>] [--storms <n>] [--points <n>] [--faults <n>] [--rots <n>] [--from <n>] [--jobs <n>] [--scenario <name>]
       sim --seed <n> [--trace] [--storm | --scenario <name> --drives <n> --step <n> [--blow <name>] | --rot <n> --drives <n>]

  --seeds <n>      lives with random crashes, of so many seeds
  --storms <n>     the same, and a drive is struck in each life
  --points <n>     a crash at every step of every scenario, of so many seeds
  --faults <n>     a fault of a drive at every step of every scenario, of so many seeds
  --rots <n>       rot in so many stores' files
  --from <n>       the first seed (0)
  --jobs <n>       threads (1)
  --scenario <n>   only this one
  --seed <n>       one run; --trace prints every operation on the drives
  --blow <name>    crash, error, full, stall, hang or pull
";

/// Cases of rot in a store.
const ROTS_PER_STORE: u64 = 50;

struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, flag: &str) -> Option<&str> {
        let at = self.0.iter().position(|word| word == flag)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number(&self, flag: &str) -> Result<Option<u64>, String> {
        let parse = |text: &str| text.parse().map_err(|_| format!("{flag} needs a number, not {text}"));
        self.text(flag).map(parse).transpose()
    }

    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|word| word == flag)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments(std::env::args().skip(1).collect());
    if arguments.0.is_empty() || arguments.has("--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    // Panics of the server are caught and told as what they are.
    std::panic::set_hook(Box::new(|_| {}));
    let totals = match one(&arguments) {
        Ok(Some(run)) => Ok(show(run, arguments.has("--trace"))),
        Ok(None) => many(&arguments),
        Err(error) => Err(error),
    };
    match totals {
        Ok(totals) => {
            println!(
                "{} runs, {} crashes, {} looks at raft, {} operations on drives, {} of clients: {} failed",
                totals.runs,
                totals.crashes,
                totals.raft_looks,
                totals.disk_operations,
                totals.client_operations,
                totals.failed.len()
            );
            ExitCode::from(u8::from(!totals.failed.is_empty()))
        }
        Err(error) => {
            eprintln!("sim: {error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// The one run that is asked for, if it is one.
fn one(arguments: &Arguments) -> Result<Option<Run>, String> {
    let Some(seed) = arguments.number("--seed")? else { return Ok(None) };
    let drives = arguments.number("--drives")?.unwrap_or(4) as usize;
    if let Some(number) = arguments.number("--rot")? {
        return Ok(Some(Run::Rot(rot::Case { seed, drives, number })));
    }
    let weather = if arguments.has("--storm") { Weather::Storm } else { Weather::Calm };
    let Some(scenario) = scenario(arguments)? else { return Ok(Some(Run::Seed(seed, weather))) };
    let step = arguments.number("--step")?.ok_or("a scenario needs --step")?;
    let blow = arguments.text("--blow").unwrap_or("crash");
    let known = MISHAPS.iter().map(|(name, _)| *name).chain(["crash"]).find(|name| *name == blow);
    let blow = known.ok_or_else(|| format!("there is no blow {blow}"))?;
    Ok(Some(Run::Point(Case { scenario, drives, seed }, step, blow)))
}

fn scenario(arguments: &Arguments) -> Result<Option<Scenario>, String> {
    let find = |name: &str| Scenario::find(name).ok_or_else(|| format!("there is no scenario {name}"));
    arguments.text("--scenario").map(find).transpose()
}

fn show(run: Run, trace: bool) -> Totals {
    let report = run.run(if trace { Trace::Operations } else { Trace::Number });
    for operation in &report.operations {
        println!(
            "{:>7} {:>12.6} s {:?} {} +{} {}",
            operation.number,
            operation.time.as_secs_f64(),
            operation.action,
            operation.path.display(),
            operation.offset,
            operation.len_bytes
        );
    }
    println!("trace {:016x}", report.trace);
    for violation in &report.violations {
        println!("{violation}");
    }
    let mut totals = Totals::default();
    totals.add(run, &report);
    totals
}

fn many(arguments: &Arguments) -> Result<Totals, String> {
    let from = arguments.number("--from")?.unwrap_or(0);
    let jobs = arguments.number("--jobs")?.unwrap_or(1) as usize;
    let chosen = scenario(arguments)?;
    let mut runs = campaign::seeds(from, arguments.number("--seeds")?.unwrap_or(0), Weather::Calm);
    runs.extend(campaign::seeds(from, arguments.number("--storms")?.unwrap_or(0), Weather::Storm));
    for seed in from..from + arguments.number("--points")?.unwrap_or(0) {
        runs.extend(campaign::points(seed, "crash", chosen));
    }
    for seed in from..from + arguments.number("--faults")?.unwrap_or(0) {
        let (blow, _) = MISHAPS[seed as usize % MISHAPS.len()];
        runs.extend(campaign::points(seed, blow, chosen));
    }
    for seed in from..from + arguments.number("--rots")?.unwrap_or(0) {
        runs.extend(campaign::rots(seed, ROTS_PER_STORE));
    }
    Ok(campaign::run_all(&runs, jobs, |words, what| {
        let first = what.lines().next().unwrap_or_default();
        println!("FAILED {words}\n  {first}");
    }))
}
