//! Patterns of the ARN operators.
//!
//! Always true: "each of the six colon-delimited components of the ARN is checked separately and each can include" wildcards,
//! so that a `*` does not reach over a colon, but in the last component, which may have colons itself.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>

use crate::context::Context;
use crate::pattern::{Pattern, Syntax};

/// Components of an ARN: `arn:partition:service:region:account:resource`.
const COMPONENTS: usize = 6;

/// An ARN with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*`: any ARN.
    Any,
    Components(Box<[Pattern; COMPONENTS]>),
}

impl ArnPattern {
    pub(crate) fn parse(text: &str, has_variables: bool) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let syntax = Syntax { has_wildcards: true, has_variables };
        let mut patterns = Vec::with_capacity(COMPONENTS);
        for component in components(text, has_variables) {
            patterns.push(Pattern::parse(component, syntax).ok()?);
        }
        Some(Self::Components(Box::new(patterns.try_into().ok()?)))
    }

    pub(crate) fn matches(&self, arn: &str, context: &Context<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Components(patterns) => {
                let mut given = arn.splitn(COMPONENTS, ':');
                patterns.iter().all(|pattern| given.next().is_some_and(|part| pattern.matches(part, context)))
            }
        }
    }
}

impl ArnPattern {
    /// Whether all its variables have values.
    pub(crate) fn is_resolved(&self, context: &Context<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Components(patterns) => patterns.iter().all(|pattern| pattern.is_resolved(context)),
        }
    }
}

/// Cuts at the first five colons that are in no variable: `${aws:username}` has one that does not count.
fn components(text: &str, has_variables: bool) -> Vec<&str> {
    let (mut parts, mut start, mut is_variable) = (Vec::new(), 0, false);
    for (at, char) in text.char_indices() {
        match char {
            '$' if has_variables && text.get(at..).is_some_and(|rest| rest.starts_with("${")) => {
                is_variable = true
            }
            '}' => is_variable = false,
            ':' if !is_variable && parts.len() + 1 < COMPONENTS => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::ContextKey;

    fn is_match(pattern: &str, arn: &str) -> bool {
        let mut context = Context::new();
        context.set(ContextKey::UserName, "bob");
        ArnPattern::parse(pattern, true).unwrap().matches(arn, &context)
    }

    #[test]
    fn components_are_checked_separately() {
        let odd = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
        for (pattern, arn, expected) in [
            // The example of the page.
            ("arn:aws:someservice:*:111122223333:finance/*", odd, false),
            ("arn:aws:someservice:*:999999999999:store/*", odd, true),
            ("arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:user/a/b:c", true),
            ("arn:aws:iam::1111?222*:user/bob", "arn:aws:iam::111122223333:user/bob", true),
            ("arn:aws:iam::111122223333:user/${aws:username}", "arn:aws:iam::111122223333:user/bob", true),
            ("arn:aws:iam::111122223333:user/${aws:userid}", "arn:aws:iam::111122223333:user/", false),
            ("arn:${*}:iam::111122223333:root", "arn:*:iam::111122223333:root", true),
            ("arn:*:*:*:*:*", "arn:aws:s3:::bucket", true),
            ("arn:*:*:*:*:*", "arn:aws:s3", false),
            ("*", "arn:aws:s3:::bucket", true),
            ("arn:aws:s3:::bucket", "arn:aws:s3:::Bucket", false),
        ] {
            assert_eq!(is_match(pattern, arn), expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn what_has_too_few_components_is_refused() {
        for wrong in
            ["", "bob", "arn:aws:iam", "arn:aws:iam::*", "arn:aws:iam::${aws:username}", "arn:a:b:c:d:${x}"]
        {
            assert_eq!(ArnPattern::parse(wrong, true), None, "{wrong}");
        }
    }
}
