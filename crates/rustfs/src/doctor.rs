//! `rustfs doctor`: looks at drives, this machine and the way to a server, and says what to do about what it finds.
//!
//! What always holds: nothing is changed. On drives that no server holds a nameless file is written, synced and gone
//! again; nothing is asked of a server that would change anything. What hangs is waited for, for a time. Every
//! sentence on what a start would refuse is that of the start itself.

mod drives;
mod finding;
mod look;
mod machine;
mod mounts;
mod path;
mod ports;
mod probe;
mod proxies;
mod way;

use std::process::ExitCode;

use env::Env;
use tokio::runtime::Runtime;

use crate::cli::{DoctorArguments, ServerArguments};
use crate::client::{ClientSurroundings, connect};
use crate::config::Config;
use crate::inspect::command::Said;
use finding::{Finding, Report, Severity};

/// Exit code where something was found.
const FOUND: u8 = 1;
/// Exit code where words make no sense.
const WORDS: u8 = 2;

/// `rustfs doctor`.
pub(crate) fn run(runtime: &Runtime, arguments: &DoctorArguments, around: &ClientSurroundings<'_>) -> Said {
    let env = env::real::env(runtime.handle());
    let has_drives = !arguments.volumes.is_empty()
        || ["RUSTFS_VOLUMES", "MINIO_VOLUMES"].iter().any(|name| is_set(around, name));
    let has_url = arguments.connection.url.is_some() || is_set(around, "RUSTFS_ADMIN_URL");
    if !has_drives && !has_url {
        return refuse(
            "nothing is named to look at: name drives as the server gets them (or RUSTFS_VOLUMES), or a server by --url",
        );
    }
    let mut report = Report::default();
    report.findings.extend(runtime.block_on(this_machine(&env, arguments, around, has_drives)));
    if has_url {
        match connect(&env, &arguments.connection, around) {
            Ok((endpoint, connection)) => {
                let way = way::Way { env: &env, endpoint: &endpoint, connection: &connection, around };
                report.findings.extend(runtime.block_on(way.findings(&arguments.connection)));
            }
            Err(error) => return refuse(&error.to_string()),
        }
    }
    let text = if arguments.json { format!("{:#}\n", report.json()) } else { report.text() };
    let code = if report.is_well() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
    Said { text, code, is_complaint: false }
}

fn is_set(around: &ClientSurroundings<'_>, name: &str) -> bool {
    (around.settings.variable)(name).is_some_and(|value| !value.trim().is_empty())
}

fn refuse(reason: &str) -> Said {
    Said { text: format!("error: {reason}"), code: ExitCode::from(WORDS), is_complaint: true }
}

/// Settings, drives, port, names, limits and clock.
async fn this_machine(
    env: &Env,
    arguments: &DoctorArguments,
    around: &ClientSurroundings<'_>,
    has_drives: bool,
) -> Vec<Finding> {
    let (started, began) = (env.clock.monotonic(), env.clock.now());
    let mut findings = Vec::new();
    let mut metadata_bytes = crate::memory::METADATA_BYTES_DEFAULT;
    if has_drives {
        match settings(arguments, around) {
            Ok(config) => {
                metadata_bytes = config.metadata_bytes;
                findings.extend(of_settings(&config));
                findings.extend(look::drives_and_port(env, &config).await);
                findings.extend(look::domains(env, &config.domains).await);
                findings.extend(look::certificates(env, &config).await);
            }
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(machine::judge(&look::machine(env, metadata_bytes).await));
    let passed = env.clock.monotonic().saturating_sub(started);
    let wall =
        i64::try_from(env.clock.now().millis()).unwrap_or(0) - i64::try_from(began.millis()).unwrap_or(0);
    let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    findings.push(machine::judge_clock(began.millis() / 1_000, passed, wall));
    findings
}

/// What a server would be told by the same words and variables.
fn settings(arguments: &DoctorArguments, around: &ClientSurroundings<'_>) -> Result<Config, Finding> {
    let server = ServerArguments {
        volumes: arguments.volumes.clone(),
        address: arguments.address.clone(),
        tls_path: arguments.tls_path.clone(),
        ..ServerArguments::default()
    };
    Config::from(&server, &around.settings)
        .map_err(|error| Finding::told("settings", Severity::Fault, &error.to_string()))
}

/// What a start would say of the server's certificates: why it would be refused, or what it would warn of.
fn of_certificates(read: Result<Vec<String>, String>) -> Vec<Finding> {
    match read {
        Err(refusal) => vec![Finding::told("tls", Severity::Fault, &refusal)],
        Ok(warnings) if warnings.is_empty() => {
            vec![Finding::well("tls", "the certificates and keys of the server fit and are valid")]
        }
        Ok(warnings) => {
            warnings.iter().map(|warning| Finding::told("tls", Severity::Warning, warning)).collect()
        }
    }
}

fn of_settings(config: &Config) -> Vec<Finding> {
    let warnings = config.warnings.iter();
    let mut findings: Vec<Finding> =
        warnings.map(|warning| Finding::told("settings", Severity::Warning, warning)).collect();
    if config.credentials.is_default {
        findings.push(Finding::warning(
            "keys",
            "no keys are set: the server takes the documented pair, which everybody knows, from this machine alone",
            "set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY for anything that is more than a trial",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::well("settings", "flags and variables make sense, and keys are set"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_told_of_in_the_words_of_a_start() {
        let severities = |read| of_certificates(read).iter().map(|one| one.severity).collect::<Vec<_>>();
        assert_eq!(severities(Ok(Vec::new())), [Severity::Well]);
        assert_eq!(
            severities(Ok(vec!["it ends soon: renew it".into(), "b: c".into()])),
            [Severity::Warning; 2]
        );
        let refused = of_certificates(Err("key.pem does not fit: give the key of cert.pem".into()));
        assert_eq!(
            (refused[0].severity, refused[0].todo.as_str()),
            (Severity::Fault, "give the key of cert.pem")
        );
    }
}
