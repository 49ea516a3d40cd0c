//! The names of condition operators: a quantifier, a comparison and `IfExists`.
//!
//! Always true: an operator that is read is shown by its documented name, whatever the case it was written in.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::fmt;

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) quantifier: Quantifier,
    pub(crate) comparison: Comparison,
    pub(crate) if_exists: bool,
}

/// Of how many of a request's values a comparison has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    None,
    ForAllValues,
    ForAnyValue,
}

macro_rules! comparisons {
    ($($variant:ident,)+) => {
        /// How a value of the request is compared with those of the policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Comparison { $($variant,)+ }

        impl Comparison {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }
    };
}

comparisons! {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnLike,
    ArnNotEquals,
    ArnNotLike,
    Null,
}

impl Comparison {
    /// Whether it asks that a value is not one of the policy's.
    pub(crate) fn is_negated(self) -> bool {
        self.name().contains("Not")
    }
}

const IF_EXISTS: &str = "IfExists";

impl Operator {
    /// Reads a name, in whatever case. `Null` asks by itself whether a key exists, and of no value in particular.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (Quantifier::None, name),
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAllValues") => {
                (Quantifier::ForAllValues, rest)
            }
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
        };
        let start = name.len().checked_sub(IF_EXISTS.len()).and_then(|at| name.split_at_checked(at));
        let (name, if_exists) = match start {
            Some((start, end)) if end.eq_ignore_ascii_case(IF_EXISTS) => (start, true),
            _ => (name, false),
        };
        let comparison = *Comparison::ALL.iter().find(|known| known.name().eq_ignore_ascii_case(name))?;
        let is_plain = quantifier == Quantifier::None && !if_exists;
        (comparison != Comparison::Null || is_plain).then_some(Self { quantifier, comparison, if_exists })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            Quantifier::None => {}
            Quantifier::ForAllValues => formatter.write_str("ForAllValues:")?,
            Quantifier::ForAnyValue => formatter.write_str("ForAnyValue:")?,
        }
        formatter.write_str(self.comparison.name())?;
        formatter.write_str(if self.if_exists { IF_EXISTS } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_in_any_case_and_shown_as_documented() {
        for comparison in Comparison::ALL.iter().filter(|comparison| **comparison != Comparison::Null) {
            for quantifier in ["", "ForAllValues:", "ForAnyValue:"] {
                for end in ["", "IfExists"] {
                    let name = format!("{quantifier}{}{end}", comparison.name());
                    assert_eq!(Operator::parse(&name.to_ascii_lowercase()).unwrap().to_string(), name);
                }
            }
        }
        assert_eq!(Operator::parse("null").unwrap().to_string(), "Null");
    }

    #[test]
    fn what_is_no_operator_is_refused() {
        for wrong in [
            "",
            "IfExists",
            "StringEqual",
            "StringEqualsIfExistsIfExists",
            "ForSomeValues:StringEquals",
            "ForAnyValue:ForAllValues:StringEquals",
            "NullIfExists",
            "ForAllValues:Null",
            "BinaryNotEquals",
            "ﬀIfExists",
        ] {
            assert_eq!(Operator::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn negated_are_those_that_say_so() {
        let negated = Comparison::ALL.iter().filter(|comparison| comparison.is_negated());
        let names: Vec<&str> = negated.map(|comparison| comparison.name()).collect();
        assert_eq!(
            names,
            [
                "StringNotEquals",
                "StringNotEqualsIgnoreCase",
                "StringNotLike",
                "NumericNotEquals",
                "DateNotEquals",
                "NotIpAddress",
                "ArnNotEquals",
                "ArnNotLike",
            ]
        );
    }
}
