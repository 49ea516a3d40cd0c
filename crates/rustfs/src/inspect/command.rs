//! The two commands that look at drives, from their words to their exit codes: 0 where all is well, 1 where something was
//! found (or did not come back), 2 where it could not be done.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;
use tokio::runtime::Runtime;

use super::progress::ProgressLine;
use super::{inspect, text};
use crate::cli::{InspectArguments, SalvageArguments};
use crate::salvage::{self, Salvage};
use crate::volumes;

const FOUND: u8 = 1;
const NOT_DONE: u8 = 2;

/// What a command says, and how it ends.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: ExitCode,
    /// To stderr.
    pub(crate) is_complaint: bool,
}

/// `rustfs inspect`.
pub(crate) fn run_inspect(runtime: &Runtime, arguments: &InspectArguments) -> Said {
    let env = env::real::env(runtime.handle());
    let inspected = expand(&arguments.volumes).and_then(|paths| {
        let mut progress = ProgressLine::new(std::sync::Arc::clone(&env.clock));
        let looked = runtime.block_on(inspect(&env, &paths, &mut progress));
        looked.map_err(|error| error.to_string())
    });
    match inspected {
        Ok(inspection) => {
            let code = if inspection.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
            let text = match arguments.json {
                true => pretty(&text::json(&inspection)),
                false => text::text(&inspection),
            };
            Said { text, code, is_complaint: false }
        }
        Err(reason) => complaint(&reason),
    }
}

/// `rustfs salvage`.
pub(crate) fn run_salvage(runtime: &Runtime, arguments: &SalvageArguments) -> Said {
    let env = env::real::env(runtime.handle());
    let mut progress = ProgressLine::new(std::sync::Arc::clone(&env.clock));
    let salvaged = expand(&arguments.volumes).and_then(|paths| {
        let done = runtime.block_on(salvage::salvage(&env, &paths, arguments, &mut progress));
        done.map_err(|error| error.to_string())
    });
    match salvaged {
        Ok(salvage) => {
            let code = if is_complete(&salvage) { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
            let text = match arguments.json {
                true => pretty(&salvage::json(&salvage)),
                false => salvage::text(&salvage),
            };
            Said { text, code, is_complaint: false }
        }
        Err(reason) => complaint(&reason),
    }
}

fn is_complete(salvage: &Salvage) -> bool {
    salvage.scanned.unknown == 0 && salvage.plan.buckets.values().all(|bucket| bucket.lost.is_empty())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn complaint(reason: &str) -> Said {
    Said { text: format!("error: {reason}"), code: ExitCode::from(NOT_DONE), is_complaint: true }
}

fn expand(words: &[String]) -> Result<Vec<PathBuf>, String> {
    let here =
        std::env::current_dir().map_err(|error| format!("the current folder is not known: {error}"))?;
    volumes::expand(words, &here).map_err(|error| error.to_string())
}
