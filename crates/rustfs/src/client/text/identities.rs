//! Users, groups, policies and access keys.

use serde_json::Value;

use super::units::minute;
use super::{fields, items, list, or_none, text_of};
use crate::client::table::{Table, pairs};

/// How Go writes that there is no time.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn users(answer: &Value) -> String {
    let mut table = Table::new(&["user", "state", "policies", "groups"]);
    for (name, user) in fields(answer) {
        let cell = |field: &str| text_of(&user[field]);
        table.row([name.to_owned(), cell("status"), cell("policyName"), list(&user["memberOf"])]);
    }
    or_none(&table, "There are no users but root.")
}

pub(super) fn user(name: &str, answer: &Value) -> String {
    pairs(&[
        ("User", name.to_owned()),
        ("State", text_of(&answer["status"])),
        ("Policies", text_of(&answer["policyName"])),
        ("Groups", list(&answer["memberOf"])),
        ("Changed", minute(&text_of(&answer["updatedAt"]))),
    ])
}

pub(super) fn group(answer: &Value) -> String {
    pairs(&[
        ("Group", text_of(&answer["name"])),
        ("State", text_of(&answer["status"])),
        ("Policies", text_of(&answer["policy"])),
        ("Members", list(&answer["members"])),
        ("Changed", minute(&text_of(&answer["updatedAt"]))),
    ])
}

/// Names, a line each.
pub(super) fn names(answer: &Value, none: &str) -> String {
    let lines: String = items(answer).iter().map(|name| format!("{}\n", text_of(name))).collect();
    if lines.is_empty() { format!("{none}\n") } else { lines }
}

pub(super) fn policies(answer: &Value) -> String {
    let mut table = Table::new(&["policy", "statements", "actions"]);
    for (name, policy) in fields(answer) {
        let one = std::slice::from_ref(&policy["Statement"]);
        let statements = policy["Statement"].as_array().map_or(one, Vec::as_slice);
        let mut actions: Vec<String> = statements.iter().flat_map(actions).collect();
        actions.dedup();
        table.row([name.to_owned(), statements.len().to_string(), actions.join(", ")]);
    }
    or_none(&table, "There are no policies.")
}

fn actions(statement: &Value) -> Vec<String> {
    let (value, prefix) = match (&statement["Action"], &statement["NotAction"]) {
        (Value::Null, not) => (not, "all but "),
        (action, _) => (action, ""),
    };
    match value {
        Value::Array(actions) => {
            actions.iter().map(|action| format!("{prefix}{}", text_of(action))).collect()
        }
        action => vec![format!("{prefix}{}", text_of(action))],
    }
}

pub(super) fn keys(answer: &Value) -> String {
    let mut table = Table::new(&["holder", "access key", "kind", "state", "name", "ends"]);
    for (holder, of_holder) in fields(answer) {
        for (field, kind) in [("serviceAccounts", "key"), ("stsKeys", "session")] {
            for key in items(&of_holder[field]) {
                let cell = |field: &str| text_of(&key[field]);
                table.row([
                    holder.to_owned(),
                    cell("accessKey"),
                    kind.to_owned(),
                    cell("accountStatus"),
                    cell("name"),
                    end(&key["expiration"]),
                ]);
            }
        }
    }
    or_none(&table, "There are no access keys.")
}

pub(super) fn key(name: &str, answer: &Value) -> String {
    let policy = answer["policy"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let bound = if answer["impliedPolicy"] == true { "those of its holder" } else { "its own" };
    let head = pairs(&[
        ("Access key", name.to_owned()),
        ("Holder", text_of(&answer["parentUser"])),
        ("Kind", text_of(&answer["userType"])),
        ("State", text_of(&answer["accountStatus"])),
        ("Name", text_of(&answer["name"])),
        ("Description", text_of(&answer["description"])),
        ("Ends", end(&answer["expiration"])),
        ("Policies", bound.to_owned()),
    ]);
    format!("{head}\n{:#}\n", policy.unwrap_or(Value::Null))
}

fn end(expiration: &Value) -> String {
    match expiration.as_str() {
        None | Some(NEVER) => "never".to_owned(),
        Some(time) => minute(&text_of(&Value::from(time))),
    }
}

/// A new pair of keys.
pub(super) fn credentials(answer: &Value) -> String {
    let credentials = &answer["credentials"];
    let told = pairs(&[
        ("Access key", text_of(&credentials["accessKey"])),
        ("Secret key", text_of(&credentials["secretKey"])),
    ]);
    format!("{told}\nThe secret key is told this once: keep it now.\n")
}
