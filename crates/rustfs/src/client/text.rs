//! The answers as text for people.
//!
//! Always: all that is shown went through [`super::table`], which takes out what would move the terminal; a field that the
//! server left out is shown as nothing, and is no mistake.

mod drives;
mod identities;
pub(crate) mod units;

use serde_json::Value;

use super::table::{Table, clean, pairs};
use crate::cli::{AdminCommand, GroupCommand, KeyCommand, PolicyCommand, ServiceAction, UserCommand};
use units::{bytes, count, duration, minute};

/// The text for the answer to a command.
pub(crate) fn text(command: &AdminCommand, answer: &Value) -> String {
    match command {
        AdminCommand::Info => info(answer),
        AdminCommand::Drives => drives::text(answer),
        AdminCommand::Usage => usage(answer),
        AdminCommand::User(command) => user(command, answer),
        AdminCommand::Group(command) => group(command, answer),
        AdminCommand::Policy(command) => policy(command, answer),
        AdminCommand::Key(command) => key(command, answer),
        AdminCommand::Why(_) => why(answer),
        AdminCommand::Service { action } => service(*action).to_owned(),
        AdminCommand::Health => format!("The server answers: version {}.\n", text_of(&answer["version"])),
        AdminCommand::Ready => ready(answer),
    }
}

/// A text, or what a value looks like as one.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        other => clean(&other.to_string()),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `a, b`.
fn list(value: &Value) -> String {
    items(value).iter().map(text_of).collect::<Vec<_>>().join(", ")
}

/// The fields of an object, by name.
fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn done(sentence: &str) -> String {
    format!("{}\n", clean(sentence))
}

/// The table, or a sentence where there is nothing in it.
fn or_none(table: &Table, none: &str) -> String {
    if table.is_empty() { done(none) } else { table.text() }
}

fn info(answer: &Value) -> String {
    let server = &answer["servers"][0];
    let backend = &answer["backend"];
    let drives = items(&server["drives"]);
    let (online, offline) = (number(&backend["onlineDisks"]), number(&backend["offlineDisks"]));
    let sum = |name: &str| drives.iter().map(|drive| number(&drive[name])).sum::<u64>();
    let advice = if offline > 0 { " - see `rustfs admin drives`" } else { "" };
    let size = |part: &str, field: &str| match &answer[part]["error"] {
        Value::String(error) => format!("unknown: {error}"),
        _ if field == "size" => bytes(number(&answer[part][field])),
        _ => count(number(&answer[part][field])),
    };
    pairs(&[
        ("Server", format!("{}, version {}", text_of(&server["endpoint"]), text_of(&server["version"]))),
        ("Runs for", duration(number(&server["uptime"]))),
        ("Store", format!("{}, region {}", text_of(&answer["deploymentID"]), text_of(&answer["region"]))),
        ("Drives", format!("{online} of {} work{advice}", online + offline)),
        (
            "Parity",
            format!(
                "{} of {} shards",
                number(&backend["standardSCParity"]),
                list(&backend["totalDrivesPerSet"])
            ),
        ),
        ("Room", format!("{} of {} used", bytes(sum("usedspace")), bytes(sum("totalspace")))),
        ("Buckets", size("buckets", "count")),
        ("Objects", size("objects", "count")),
        ("Holds", size("usage", "size")),
    ])
}

fn usage(answer: &Value) -> String {
    let mut table = Table::new(&["bucket", "objects", "size"]);
    for (name, bucket) in fields(&answer["bucketsUsageInfo"]) {
        table.row([name.to_owned(), count(number(&bucket["objectsCount"])), bytes(number(&bucket["size"]))]);
    }
    let (objects, size) = (number(&answer["objectsCount"]), number(&answer["objectsTotalSize"]));
    table.row(["(all)".to_owned(), count(objects), bytes(size)]);
    let (free, capacity) = (number(&answer["freeCapacity"]), number(&answer["capacity"]));
    format!("{}\n{} of {} are free on the drives.\n", table.text(), bytes(free), bytes(capacity))
}

fn ready(answer: &Value) -> String {
    let reasons = list(&answer["reasons"]);
    match reasons.is_empty() {
        true => "The server is ready: writes would succeed.\n".to_owned(),
        false => done(&format!("The server is ready, but something is wrong: {reasons}")),
    }
}

fn service(action: ServiceAction) -> &'static str {
    match action {
        ServiceAction::Restart => {
            "The server finishes the requests in progress and begins again. `rustfs admin ready` says when it is back.\n"
        }
        ServiceAction::Stop => "The server finishes the requests in progress and ends.\n",
        ServiceAction::Freeze => {
            "S3 requests are held back until `rustfs admin service unfreeze` or a restart.\n"
        }
        ServiceAction::Unfreeze => "S3 requests go on.\n",
    }
}

fn user(command: &UserCommand, answer: &Value) -> String {
    match command {
        UserCommand::List => identities::users(answer),
        UserCommand::Info { name } => identities::user(name, answer),
        UserCommand::Add { name, .. } if answer["credentials"].is_object() => {
            done(&format!("User {name} was added.")) + &identities::credentials(answer)
        }
        UserCommand::Add { name, .. } => done(&format!("User {name} was added.")),
        UserCommand::Remove { name } => done(&format!("User {name} was removed, with all its access keys.")),
        UserCommand::Enable { name } => done(&format!("The keys of user {name} work.")),
        UserCommand::Disable { name } => done(&format!("The keys of user {name} do not work any more.")),
    }
}

fn group(command: &GroupCommand, answer: &Value) -> String {
    match command {
        GroupCommand::List => identities::names(answer, "There are no groups."),
        GroupCommand::Info { .. } => identities::group(answer),
        GroupCommand::Add { name, members } => {
            done(&format!("Group {name} has these members now: {}.", members.join(", ")))
        }
        GroupCommand::Remove { name, members } if members.is_empty() => {
            done(&format!("Group {name} was removed."))
        }
        GroupCommand::Remove { name, members } => {
            done(&format!("No members of group {name} any more: {}.", members.join(", ")))
        }
        GroupCommand::Enable { name } => done(&format!("The policies of group {name} count.")),
        GroupCommand::Disable { name } => {
            done(&format!("The policies of group {name} do not count any more."))
        }
    }
}

fn policy(command: &PolicyCommand, answer: &Value) -> String {
    match command {
        PolicyCommand::List => identities::policies(answer),
        // serde_json escapes control characters.
        PolicyCommand::Show { .. } => format!("{answer:#}\n"),
        PolicyCommand::Set { name, .. } => done(&format!("Policy {name} was set.")),
        PolicyCommand::Remove { name } => done(&format!("Policy {name} was removed.")),
        PolicyCommand::Attach(_) => done(&format!("Attached: {}.", list(&answer["policiesAttached"]))),
        PolicyCommand::Detach(_) => done(&format!("Detached: {}.", list(&answer["policiesDetached"]))),
    }
}

fn key(command: &KeyCommand, answer: &Value) -> String {
    match command {
        KeyCommand::List { .. } => identities::keys(answer),
        KeyCommand::Create(_) => identities::credentials(answer),
        KeyCommand::Info { key } => identities::key(key, answer),
        KeyCommand::Enable { key } => done(&format!("Access key {key} works.")),
        KeyCommand::Disable { key } => done(&format!("Access key {key} does not work any more.")),
        KeyCommand::Remove { key } => done(&format!("Access key {key} was removed.")),
    }
}

fn why(answer: &Value) -> String {
    if answer.is_array() {
        return refusals(answer);
    }
    if answer["statements"].is_array() {
        return explanation(answer);
    }
    pairs(&[
        ("Request", text_of(&answer["request"])),
        ("Time", text_of(&answer["time"])),
        ("Who", text_of(&answer["requester"])),
        ("Access key", text_of(&answer["accessKey"])),
        ("Action", text_of(&answer["action"])),
        ("Resource", text_of(&answer["resource"])),
        ("Refused", text_of(&answer["reason"])),
    ])
}

fn refusals(answer: &Value) -> String {
    let mut table = Table::new(&["time", "request", "access key", "action", "resource", "reason"]);
    for refusal in items(answer) {
        let cell = |name: &str| text_of(&refusal[name]);
        table.row([
            minute(&cell("time")),
            cell("request"),
            cell("accessKey"),
            cell("action"),
            cell("resource"),
            cell("reason"),
        ]);
    }
    or_none(&table, "Nothing was refused by a policy since the server was started.")
}

fn explanation(answer: &Value) -> String {
    let verdict = if answer["allowed"] == true { "allowed" } else { "not allowed" };
    let mut table = Table::new(&["statement", "effect", "applies", "what does not fit"]);
    for statement in items(&answer["statements"]) {
        let applies = if statement["applies"] == true { "yes" } else { "no" };
        let cell = |name: &str| text_of(&statement[name]);
        table.row([cell("statement"), cell("effect"), applies.to_owned(), cell("mismatch")]);
    }
    let statements = if table.is_empty() { String::new() } else { format!("\n{}", table.text()) };
    done(&format!("It is {verdict}: {}.", text_of(&answer["reason"]))) + &statements
}

#[cfg(test)]
mod tests;
