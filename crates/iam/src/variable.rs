//! Policy variables: `${aws:username}`, `${aws:userid, 'anonymous'}`.
//!
//! Always true: what a variable stands for is text. A `*` in somebody's tag is no wildcard, and a value is not read for
//! variables again. A key that the request does not have, or has several values of, has no value: whatever needs it does
//! not match.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use crate::condition::ConditionKey;
use crate::context::Context;

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    key: ConditionKey,
    default: Option<Box<str>>,
}

impl Variable {
    /// Reads what stands between the braces.
    pub(crate) fn parse(inner: &str) -> Option<Self> {
        let (name, default) = match inner.split_once(',') {
            None => (inner, None),
            Some((name, default)) => (name, Some(unquoted(default.trim())?.into())),
        };
        Some(Self { key: ConditionKey::parse(name.trim())?, default })
    }

    /// What it stands for in a request.
    pub(crate) fn value<'v>(&'v self, context: &'v Context<'_>) -> Option<&'v str> {
        context.single(&self.key).or(self.default.as_deref())
    }
}

/// What stands between single quotes.
fn unquoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains('\'')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{ContextKey, TagFamily};

    #[test]
    fn a_variable_is_a_key_and_perhaps_a_default() {
        let mut context = Context::new();
        context.set(ContextKey::UserName, "bob");
        context.set_all(ContextKey::Groups, ["a", "b"]);
        context.set_tag(TagFamily::Principal, "Team", "blue*");
        for (inner, value) in [
            ("aws:username", Some("bob")),
            ("AWS:UserName", Some("bob")),
            ("aws:PrincipalTag/team", Some("blue*")),
            ("aws:userid", None),
            ("aws:userid, 'anonymous'", Some("anonymous")),
            ("aws:userid,'a, b'", Some("a, b")),
            ("aws:userid, ''", Some("")),
            ("aws:username, 'anonymous'", Some("bob")),
            ("aws:groups", None),
            ("aws:groups, 'many'", Some("many")),
        ] {
            assert_eq!(Variable::parse(inner).unwrap().value(&context), value, "{inner}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for wrong in [
            "",
            "username",
            "aws:nobody",
            "aws:userid, anonymous",
            "aws:userid, 'a'b'",
            ", 'x'",
            "aws:userid,",
        ] {
            assert_eq!(Variable::parse(wrong), None, "{wrong}");
        }
    }
}
