//! A row of steps, each run and timed whatever became of the one before, with a table at the end.
//! Nothing is left out of the table: a step that was not asked for is not in it, every other one is.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// What became of one step.
struct Outcome {
    name: String,
    duration: Duration,
    /// What was done, or why it failed.
    result: Result<String, String>,
    /// What to do where it failed.
    advice: String,
}

/// The steps of one command.
pub(crate) struct Steps {
    command: &'static str,
    outcomes: Vec<Outcome>,
}

impl Steps {
    /// No steps yet. `command` is the command's name.
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, outcomes: Vec::new() }
    }

    /// Runs a step. It returns a few words for the table; `advice` says what to do where it fails.
    /// True where it passed.
    pub(crate) fn step(
        &mut self,
        name: &str,
        advice: &str,
        run: impl FnOnce() -> Result<String, Failure>,
    ) -> bool {
        println!("\n== {} {name}", self.command);
        let started = Instant::now();
        let result = run().map_err(|failure| failure.to_string());
        if let Err(reason) = &result {
            println!("{name} FAILED: {reason}");
        }
        let passed = result.is_ok();
        let outcome = Outcome {
            name: name.to_string(),
            duration: started.elapsed(),
            result,
            advice: advice.to_string(),
        };
        self.outcomes.push(outcome);
        passed
    }

    /// Prints the table; a failure if any step failed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        println!("\n{}", self.table());
        let failed: Vec<&str> = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.result.is_err())
            .map(|outcome| outcome.name.as_str())
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!("{} failed: {}", self.command, failed.join(", "))))
    }

    fn table(&self) -> String {
        let width = self.outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or(0);
        let mut text = format!("{}:\n", self.command);
        for Outcome { name, duration, result, advice } in &self.outcomes {
            let (mark, words) = match result {
                Ok(words) => ("ok    ", words.clone()),
                Err(reason) => ("FAILED", format!("{}; {advice}", reason.lines().next().unwrap_or_default())),
            };
            text.push_str(&format!("  {mark}  {name:width$}  {:>7.1} s  {words}\n", duration.as_secs_f64()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_does_not_stop_the_later_ones_but_fails_the_whole() {
        let mut steps = Steps::new("try");
        assert!(!steps.step("first", "mend it", || Err(Failure::failed("broken"))));
        assert!(steps.step("second", "", || Ok("2 things".to_string())));
        let table = steps.table();
        assert!(table.contains("FAILED  first") && table.contains("broken; mend it"), "{table}");
        assert!(table.contains("2 things"), "{table}");
        assert_eq!(steps.finish(), Err(Failure::failed("try failed: first")));
    }

    #[test]
    fn all_passing_is_success() {
        let mut steps = Steps::new("try");
        steps.step("only", "", || Ok(String::new()));
        assert_eq!(steps.finish(), Ok(()));
    }
}
