//! `mc admin config`: the settings that this server has, as it was started. They are made by flags and environment, so nothing
//! is set here: who asks for that is told where.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::facts::Setting;

/// madmin's line of a subsystem, for one or for all: `region name=us-east-1`.
pub(crate) fn get(call: &Call<'_>) -> Result<Answer, AdminError> {
    let wanted = call.query.get("key").unwrap_or_default();
    let subsystem = wanted.split([' ', ':']).next().unwrap_or_default();
    let settings = &settings(call);
    let lines: Vec<String> = subsystems(settings)
        .into_iter()
        .filter(|name| subsystem.is_empty() || *name == subsystem)
        .map(|name| line(name, settings))
        .collect();
    if lines.is_empty() {
        return Err(unknown(subsystem));
    }
    Ok(Answer::Text(lines.join("\n").into_bytes()))
}

/// madmin's `Help`: the subsystems, or the keys of one.
pub(crate) fn help(call: &Call<'_>) -> Result<Answer, AdminError> {
    let settings = &settings(call);
    let is_env = call.query.get("env").is_some();
    let subsystem = call.query.get("subSys").unwrap_or_default();
    let wanted = call.query.get("key").unwrap_or_default();
    if subsystem.is_empty() {
        let all = subsystems(settings);
        let keys: Vec<Value> = all.iter().map(|name| help_row(name, about(name), "")).collect();
        let description = "The settings of this server. They are made by environment and flags.";
        return Answer::json(&help_document("", description, &keys));
    }
    let keys: Vec<Value> = settings
        .iter()
        .filter(|setting| setting.subsystem == subsystem && (wanted.is_empty() || setting.key == wanted))
        .map(|setting| {
            help_row(if is_env { setting.variable } else { setting.key }, setting.description, "string")
        })
        .collect();
    if keys.is_empty() {
        return Err(unknown(subsystem));
    }
    Answer::json(&help_document(subsystem, about(subsystem), &keys))
}

/// Nothing is set while the server runs.
pub(crate) fn set() -> Result<Answer, AdminError> {
    let message = "Settings of this server are made by its environment and flags, not over this API: set the variable that \
                   `mc admin config set ALIAS SUBSYSTEM --env` names, then run `mc admin service restart`.";
    Err(AdminError::new(AdminErrorCode::NotImplemented, message))
}

/// How the server was started, and what was fixed when its store was made.
fn settings(call: &Call<'_>) -> Vec<Setting> {
    let map = call.shared.objects.meta().map();
    let class = |key, parity: u8, variable, description| Setting {
        subsystem: "storage_class",
        key,
        value: format!("EC:{parity}"),
        variable,
        description,
    };
    let mut settings = call.shared.facts.settings.clone();
    settings.push(class(
        "standard",
        map.parity,
        "RUSTFS_STORAGE_CLASS_STANDARD",
        "shards of an object that may be lost; fixed when the store is made",
    ));
    settings.push(class(
        "rrs",
        map.parity_reduced,
        "RUSTFS_STORAGE_CLASS_RRS",
        "the same of the class REDUCED_REDUNDANCY",
    ));
    settings
}

/// In their order, each once.
fn subsystems(settings: &[Setting]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = settings.iter().map(|setting| setting.subsystem).collect();
    names.dedup();
    names
}

fn about(subsystem: &str) -> &'static str {
    match subsystem {
        "api" => "how many connections and requests are taken at once",
        "heal" => "how drives are scrubbed and healed",
        "region" => "the region that clients are told",
        "storage_class" => "how many shards of an object may be lost",
        _ => "",
    }
}

fn line(subsystem: &str, settings: &[Setting]) -> String {
    let of = || settings.iter().filter(|setting| setting.subsystem == subsystem);
    let pairs: Vec<String> =
        of().map(|setting| format!("{}={}", setting.key, quoted(&setting.value))).collect();
    format!("{subsystem} {}", pairs.join(" "))
}

fn quoted(value: &str) -> String {
    let is_plain = !value.is_empty() && !value.contains([' ', '"', '=']);
    if is_plain { value.to_owned() } else { format!("\"{}\"", value.replace('"', "")) }
}

fn help_document(subsystem: &str, description: &str, keys: &[Value]) -> Value {
    json!({ "subSys": subsystem, "description": description, "multipleTargets": false, "keysHelp": keys })
}

fn help_row(key: &str, description: &str, kind: &str) -> Value {
    json!({ "key": key, "description": description, "optional": true, "type": kind, "multipleTargets": false })
}

/// `mc` knows these words: without them it takes the error for one of the server.
fn unknown(subsystem: &str) -> AdminError {
    AdminError::argument(format!("unknown sub-system {subsystem}"))
}
