//! `rustfs audit verify`: whether an audit log is whole. Ends with 0 where it is, 1 where a line is wrong, 2 where it could not
//! be read.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use audit::folder::{END_NOTE, end_note, files};
use audit::{AuditReport, Broken, Verifier};
use env::Env;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::cli::AuditVerifyArguments;
use crate::inspect::command::Said;

const FOUND: u8 = 1;
const NOT_DONE: u8 = 2;

/// A file of a log is at most so long: more than any that is written.
const FILE_BYTES_MAX: usize = 2 << 30;

/// What is to be looked at, in order.
struct Log {
    files: Vec<PathBuf>,
    verifier: Verifier,
}

/// `rustfs audit verify`.
pub(crate) fn run_verify(runtime: &Runtime, arguments: &AuditVerifyArguments) -> Said {
    let env = env::real::env(runtime.handle());
    match runtime.block_on(verify(&env, &arguments.files)) {
        Ok(result) => {
            let result = result.and_then(|report| match &arguments.last {
                Some(hash) if !report.last_hash.eq_ignore_ascii_case(hash) => Err(other_end(&report, hash)),
                _ => Ok(report),
            });
            let code = if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
            let text = if arguments.json { json(&result) } else { text(&result) };
            Said { text, code, is_complaint: false }
        }
        Err(reason) => {
            Said { text: format!("error: {reason}"), code: ExitCode::from(NOT_DONE), is_complaint: true }
        }
    }
}

async fn verify(env: &Env, paths: &[PathBuf]) -> Result<Result<AuditReport, Broken>, String> {
    let unreadable = |path: &Path, error: io::Error| format!("{} can't be read: {error}", path.display());
    let Log { files, mut verifier } = find(env, paths).await?;
    for path in &files {
        let text = env::read_file(&*env.disk, path, FILE_BYTES_MAX).await;
        let text = text.map_err(|error| unreadable(path, error))?;
        if let Err(broken) = verifier.file(&path.display().to_string(), &text) {
            return Ok(Err(broken));
        }
    }
    Ok(verifier.finish())
}

/// The files, in the order of their names; those of a folder together with its note of the end.
async fn find(env: &Env, paths: &[PathBuf]) -> Result<Log, String> {
    let unreadable = |path: &Path, error: io::Error| format!("{} can't be read: {error}", path.display());
    let [folder] = paths else { return Ok(of_files(paths.to_vec())) };
    match files(&*env.disk, folder).await {
        Ok(found) if found.is_empty() => {
            Err(format!("{} holds no audit log (audit-<number>.jsonl)", folder.display()))
        }
        Ok(found) => {
            let end = end_note(&*env.disk, folder).await.map_err(|error| unreadable(folder, error))?;
            let note = folder.join(END_NOTE).display().to_string();
            Ok(Log { files: found, verifier: Verifier::with_end(end.map(|end| (end, note))) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(of_files(paths.to_vec())),
        Err(error) => Err(unreadable(folder, error)),
    }
}

fn of_files(mut files: Vec<PathBuf>) -> Log {
    files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    Log { files, verifier: Verifier::default() }
}

fn other_end(report: &AuditReport, hash: &str) -> Broken {
    Broken {
        file: "--last".to_owned(),
        line: 1,
        what: format!("the log ends with {}, not with {hash}", report.last_hash),
        meaning: "It was written on since, its end was cut off, or it was written anew".to_owned(),
    }
}

fn text(result: &Result<AuditReport, Broken>) -> String {
    match result {
        Err(broken) => format!("BROKEN: {broken}."),
        Ok(report) => {
            let AuditReport { entries, files, first_sequence, last_sequence, last_hash, .. } = report;
            let mut text = format!(
                "whole: {entries} entries ({first_sequence} to {last_sequence}) in {files} files\nlast hash: {last_hash}"
            );
            for note in &report.notes {
                text.push_str(&format!("\nnote: {note}."));
            }
            text
        }
    }
}

fn json(result: &Result<AuditReport, Broken>) -> String {
    let value = match result {
        Ok(report) => json!({ "whole": true, "report": report }),
        Err(broken) => json!({ "whole": false, "broken": broken }),
    };
    format!("{value:#}\n")
}
