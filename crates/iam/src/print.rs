//! A policy as JSON.
//!
//! Always true: what is printed reads as the same policy, if it is not too long for its kind by then (a number gets quotes,
//! a value brackets). Names are the documented ones, values as they were written, in the order that they were written
//! in; a list of one is a list. White space is not kept: who has to give back a document as it came keeps the document.

use std::fmt::{self, Formatter, Write as _};

use crate::condition::KeyCondition;
use crate::policy::Policy;
use crate::principal_pattern::Principals;
use crate::statement::{Effect, Statement};

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"Version\":{}", Quoted(self.version.name()))?;
        if let Some(id) = &self.id {
            write!(formatter, ",\"Id\":{}", Quoted(id))?;
        }
        formatter.write_str(",\"Statement\":[")?;
        separated(formatter, &self.statements, statement)?;
        formatter.write_str("]}")
    }
}

/// A text of JSON.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

fn separated<T>(
    formatter: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            formatter.write_char(',')?;
        }
        write(formatter, item)?;
    }
    Ok(())
}

fn texts<'t>(formatter: &mut Formatter<'_>, list: impl Iterator<Item = &'t str>) -> fmt::Result {
    formatter.write_char('[')?;
    separated(formatter, list, |formatter, text| write!(formatter, "{}", Quoted(text)))?;
    formatter.write_char(']')
}

/// The name of an element: `"Action":`, or `"NotAction":`.
fn element(formatter: &mut Formatter<'_>, name: &str, is_negated: bool) -> fmt::Result {
    write!(formatter, ",\"{}{name}\":", if is_negated { "Not" } else { "" })
}

fn statement(formatter: &mut Formatter<'_>, statement: &Statement) -> fmt::Result {
    let effect = if statement.effect == Effect::Allow { "Allow" } else { "Deny" };
    write!(formatter, "{{\"Effect\":\"{effect}\"")?;
    if let Some(sid) = &statement.sid {
        write!(formatter, ",\"Sid\":{}", Quoted(sid))?;
    }
    if let Some(whom) = &statement.principals {
        element(formatter, "Principal", whom.is_negated())?;
        principals(formatter, whom)?;
    }
    element(formatter, "Action", statement.actions.is_negated())?;
    texts(formatter, statement.actions.sources().iter().map(|source| &**source))?;
    if let Some(resources) = &statement.resources {
        element(formatter, "Resource", resources.is_negated())?;
        texts(formatter, resources.sources())?;
    }
    conditions(formatter, &statement.conditions)?;
    formatter.write_char('}')
}

fn principals(formatter: &mut Formatter<'_>, principals: &Principals) -> fmt::Result {
    if principals.is_bare_star() {
        return formatter.write_str("\"*\"");
    }
    let entries: Vec<(&str, &str)> = principals.entries().collect();
    formatter.write_char('{')?;
    separated(formatter, entries.chunk_by(|one, other| one.0 == other.0), |formatter, of_kind| {
        let kind = of_kind.first().map(|(kind, _)| *kind).unwrap_or_default();
        write!(formatter, "\"{kind}\":")?;
        texts(formatter, of_kind.iter().map(|(_, name)| *name))
    })?;
    formatter.write_char('}')
}

fn conditions(formatter: &mut Formatter<'_>, conditions: &[KeyCondition]) -> fmt::Result {
    if conditions.is_empty() {
        return Ok(());
    }
    formatter.write_str(",\"Condition\":{")?;
    let by_operator = conditions.chunk_by(|one, other| one.operator() == other.operator());
    separated(formatter, by_operator, |formatter, of_operator| {
        let operator = of_operator.first().map(|condition| condition.operator().to_string());
        write!(formatter, "\"{}\":{{", operator.unwrap_or_default())?;
        separated(formatter, of_operator, condition)?;
        formatter.write_char('}')
    })?;
    formatter.write_char('}')
}

fn condition(formatter: &mut Formatter<'_>, condition: &KeyCondition) -> fmt::Result {
    write!(formatter, "{}:", Quoted(&condition.key().to_string()))?;
    texts(formatter, condition.sources().iter().map(|source| &**source))
}
