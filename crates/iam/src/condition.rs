//! The `Condition` element: what has to hold of a request besides action and resource.
//!
//! Always true: all conditions of a statement have to hold, of a condition's values one is enough, and none may match where
//! the operator is a negated one. A key that the request does not have fails an operator, satisfies a negated one, and
//! satisfies either with `IfExists`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>

mod address;
mod arn;
mod binary;
mod date;
mod key;
mod number;
mod operand;
mod operator;

pub(crate) use arn::ArnPattern;
pub use key::{ConditionKey, ContextKey, TagFamily};
pub(crate) use operator::Operator;

use std::borrow::Cow;

use crate::condition::operand::Operands;
use crate::condition::operator::Quantifier;

use crate::context::Context;
use crate::json::Json;
use crate::malformed::PolicyFault;

/// An operator, a key and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyCondition {
    operator: Operator,
    key: ConditionKey,
    /// As they were written.
    sources: Box<[Box<str>]>,
    operands: Operands,
}

impl KeyCondition {
    /// Reads a `Condition` element. Those with one operator stand together, in the order of the element.
    ///
    /// An operator without keys and a key without values are refused: they ask nothing, or what nothing satisfies, and
    /// neither is what anybody means.
    pub(crate) fn parse_all(element: &Json, has_variables: bool) -> Result<Box<[Self]>, PolicyFault> {
        let mut conditions: Vec<Self> = Vec::new();
        for (name, keys) in members(element)? {
            let operator =
                Operator::parse(name).ok_or_else(|| PolicyFault::UnknownOperator { name: name.clone() })?;
            for (key, values) in some_members(keys)? {
                let condition = Self::parse(operator, key, values, has_variables)?;
                if conditions.iter().any(|other| other.is_same_test(&condition)) {
                    return Err(PolicyFault::RepeatedCondition { name: condition.name() });
                }
                let last = conditions.iter().rposition(|other| other.operator == operator);
                conditions.insert(last.map_or(conditions.len(), |last| last + 1), condition);
            }
        }
        Ok(conditions.into())
    }

    fn parse(operator: Operator, key: &str, values: &Json, has_variables: bool) -> Result<Self, PolicyFault> {
        let unknown = || PolicyFault::UnknownConditionKey { name: key.to_owned() };
        let key = ConditionKey::parse(key).ok_or_else(unknown)?;
        let sources = texts(values).ok_or(PolicyFault::ConditionShape)?;
        let operands = Operands::parse(operator.comparison, &sources, has_variables).map_err(|value| {
            PolicyFault::ConditionValue { name: format!("{operator} {key}"), value: value.to_owned() }
        })?;
        Ok(Self { operator, key, sources: sources.into(), operands })
    }

    /// Two operators whose names differ by case only are one, and so are two keys. JSON does not see that.
    fn is_same_test(&self, other: &Self) -> bool {
        (self.operator, &self.key) == (other.operator, &other.key)
    }

    /// Operator and key, as in `StringEquals aws:username`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.operator, self.key)
    }

    pub(crate) fn operator(&self) -> Operator {
        self.operator
    }

    pub(crate) fn key(&self) -> &ConditionKey {
        &self.key
    }

    pub(crate) fn sources(&self) -> &[Box<str>] {
        &self.sources
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, context: &Context<'_>) -> bool {
        let values = context.values(&self.key);
        match &self.operands {
            Operands::Null(is_null) => values.is_empty() == *is_null,
            operands => self.holds_for(values, &|value| operands.accepts(value, context)),
        }
    }

    fn holds_for(&self, values: &[Cow<'_, str>], is_listed: &dyn Fn(&str) -> bool) -> bool {
        let is_negated = self.operator.comparison.is_negated();
        let satisfies = |value: &Cow<'_, str>| is_listed(value) != is_negated;
        if values.is_empty() && self.operator.if_exists {
            return true;
        }
        // "If the key values in the request resolve to an empty data set (for example, an empty string)"
        let is_empty_set = values.iter().all(|value| value.is_empty());
        match self.operator.quantifier {
            Quantifier::None if values.is_empty() => is_negated,
            // Of several values, which want a quantifier: one that is listed is enough, or too many.
            Quantifier::None if is_negated => values.iter().all(satisfies),
            Quantifier::None => values.iter().any(satisfies),
            Quantifier::ForAllValues => is_empty_set || values.iter().all(satisfies),
            Quantifier::ForAnyValue => !is_empty_set && values.iter().any(satisfies),
        }
    }
}

fn members(json: &Json) -> Result<&[(String, Json)], PolicyFault> {
    match json {
        Json::Object(members) => Ok(members),
        _ => Err(PolicyFault::ConditionShape),
    }
}

fn some_members(json: &Json) -> Result<&[(String, Json)], PolicyFault> {
    members(json)
        .and_then(|members| if members.is_empty() { Err(PolicyFault::ConditionShape) } else { Ok(members) })
}

/// A value or a list of values, each a text, a number or a boolean.
fn texts(json: &Json) -> Option<Vec<Box<str>>> {
    match json {
        Json::List(list) if list.is_empty() => None,
        Json::List(list) => list.iter().map(text).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

fn text(json: &Json) -> Option<Box<str>> {
    match json {
        Json::Text(text) | Json::Number(text) => Some(text.as_str().into()),
        Json::Bool(value) => Some(value.to_string().into()),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    }
}
