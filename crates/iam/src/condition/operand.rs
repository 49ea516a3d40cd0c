//! What a value of the request is compared with: the policy's values, read once.
//!
//! Always true: a value that means nothing to its operator (a date that is none) is refused when the policy is parsed. A
//! value of the request that means nothing to it is not accepted.
//!
//! Variables stand in texts, ARNs and booleans; in numbers, dates, addresses and bytes AWS knows none.

use std::cmp::Ordering;

use crate::condition::address::Network;
use crate::condition::arn::ArnPattern;
use crate::condition::binary;
use crate::condition::date::Moment;
use crate::condition::number::Decimal;
use crate::condition::operator::Comparison;
use crate::context::Context;
use crate::pattern::{Pattern, Syntax};

/// The values of a condition, as its operator understands them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    Text(Box<[Pattern]>),
    TextInAnyCase(Box<[Pattern]>),
    Number(Relation, Box<[Decimal]>),
    Date(Relation, Box<[Moment]>),
    Bool(Box<[Pattern]>),
    Binary(Box<[Box<[u8]>]>),
    Address(Box<[Network]>),
    Arn(Box<[ArnPattern]>),
    /// Whether the key has to be absent.
    Null(bool),
}

/// How a number or a time has to stand to the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operands {
    /// Reads the values of a policy.
    ///
    /// # Errors
    /// The value that means nothing to the operator.
    pub(crate) fn parse(
        comparison: Comparison,
        values: &[Box<str>],
        has_variables: bool,
    ) -> Result<Self, &str> {
        use Comparison as C;
        let text = |has_wildcards| {
            let syntax = Syntax { has_wildcards, has_variables };
            each(values, |value| Pattern::parse(value, syntax).ok())
        };
        Ok(match comparison {
            C::StringEquals | C::StringNotEquals => Self::Text(text(false)?),
            C::StringEqualsIgnoreCase | C::StringNotEqualsIgnoreCase => Self::TextInAnyCase(text(false)?),
            C::StringLike | C::StringNotLike => Self::Text(text(true)?),
            C::Bool => Self::Bool(each(values, |value| boolean_pattern(value, has_variables))?),
            C::BinaryEquals => Self::Binary(each(values, binary::decode)?),
            C::IpAddress | C::NotIpAddress => Self::Address(each(values, Network::parse)?),
            C::ArnEquals | C::ArnLike | C::ArnNotEquals | C::ArnNotLike => {
                Self::Arn(each(values, |value| ArnPattern::parse(value, has_variables))?)
            }
            C::Null => Self::Null(null(values)?),
            _ => match relation(comparison) {
                (relation, true) => Self::Date(relation, each(values, Moment::parse)?),
                (relation, false) => Self::Number(relation, each(values, Decimal::parse)?),
            },
        })
    }

    /// Whether a value of the request is one of the policy's, whatever the operator then makes of it.
    pub(crate) fn accepts(&self, value: &str, context: &Context<'_>) -> bool {
        match self {
            Self::Text(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
            Self::TextInAnyCase(patterns) | Self::Bool(patterns) => {
                patterns.iter().any(|pattern| pattern.equals_in_any_case(value, context))
            }
            Self::Number(relation, numbers) => Decimal::parse(value)
                .is_some_and(|value| numbers.iter().any(|number| relation.accepts(value.cmp(number)))),
            Self::Date(relation, moments) => Moment::parse(value)
                .is_some_and(|value| moments.iter().any(|moment| relation.accepts(value.cmp(moment)))),
            Self::Binary(values) => values.iter().any(|bytes| **bytes == *value.as_bytes()),
            Self::Address(networks) => {
                value.parse().is_ok_and(|address| networks.iter().any(|network| network.contains(address)))
            }
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
            Self::Null(_) => false,
        }
    }
}

fn each<T>(values: &[Box<str>], read: impl Fn(&str) -> Option<T>) -> Result<Box<[T]>, &str> {
    values.iter().map(|value| read(value).ok_or(&**value)).collect()
}

/// The relation of a numeric or date operator, and whether it is one of dates. Negated ones ask for equality, which is then
/// negated.
fn relation(comparison: Comparison) -> (Relation, bool) {
    use Comparison as C;
    match comparison {
        C::NumericLessThan => (Relation::Less, false),
        C::NumericLessThanEquals => (Relation::LessOrEqual, false),
        C::NumericGreaterThan => (Relation::Greater, false),
        C::NumericGreaterThanEquals => (Relation::GreaterOrEqual, false),
        C::DateLessThan => (Relation::Less, true),
        C::DateLessThanEquals => (Relation::LessOrEqual, true),
        C::DateGreaterThan => (Relation::Greater, true),
        C::DateGreaterThanEquals => (Relation::GreaterOrEqual, true),
        C::DateEquals | C::DateNotEquals => (Relation::Equal, true),
        _ => (Relation::Equal, false),
    }
}

/// `true`, `false` or a variable.
fn boolean_pattern(value: &str, has_variables: bool) -> Option<Pattern> {
    let is_boolean = boolean(value).is_some() || has_variables && value.contains("${");
    let syntax = Syntax { has_wildcards: false, has_variables };
    is_boolean.then(|| Pattern::parse(value, syntax).ok()).flatten()
}

fn boolean(value: &str) -> Option<bool> {
    [true, false].into_iter().find(|known| value.eq_ignore_ascii_case(if *known { "true" } else { "false" }))
}

/// Whether a key has to be absent. Both at once would always hold.
fn null(values: &[Box<str>]) -> Result<bool, &str> {
    match values {
        [value] => boolean(value).ok_or(value),
        [_, second, ..] => Err(second),
        [] => Err(""),
    }
}
