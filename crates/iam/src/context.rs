//! What is known of a request, for conditions and variables.
//!
//! Always true: a key has at least one value, or is not there. Values are text; operators read numbers, times and
//! addresses from it. Who builds a context takes values from the connection, the signature and the store; a header gives
//! the value only of the key that AWS documents for it.

use std::borrow::Cow;

use crate::condition::{ConditionKey, ContextKey, TagFamily};

/// What is known of a request.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    entries: Vec<(ConditionKey, ContextValue<'a>)>,
}

/// What a key has in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ContextValue<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Context<'a> {
    /// Of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says the value of a key. What was said of it before is replaced.
    pub fn set(&mut self, key: ContextKey, value: impl Into<Cow<'a, str>>) {
        self.put(ConditionKey::Known(key), ContextValue::One(value.into()));
    }

    /// Says the values of a key that can have several, such as `aws:TagKeys`. Without any, the key is not there.
    pub fn set_all(&mut self, key: ContextKey, values: impl IntoIterator<Item = impl Into<Cow<'a, str>>>) {
        self.put_all(ConditionKey::Known(key), values);
    }

    /// Says the value of a tag.
    pub fn set_tag(&mut self, family: TagFamily, tag: &str, value: impl Into<Cow<'a, str>>) {
        self.put(ConditionKey::Tag(family, tag.into()), ContextValue::One(value.into()));
    }

    /// Says what somebody else vouches for: `jwt:sub`, `ldap:groups`, `sts:ExternalId`. Names of `aws:` and `s3:` are not
    /// taken here, so that no token can speak for the server.
    pub fn set_claim(&mut self, name: &str, values: impl IntoIterator<Item = impl Into<Cow<'a, str>>>) {
        if let Some(key @ ConditionKey::Claim(_)) = ConditionKey::parse(name) {
            self.put_all(key, values);
        }
    }

    fn put_all(&mut self, key: ConditionKey, values: impl IntoIterator<Item = impl Into<Cow<'a, str>>>) {
        let mut values: Vec<Cow<'a, str>> = values.into_iter().map(Into::into).collect();
        match values.len() {
            0 => self.entries.retain(|(known, _)| *known != key),
            1 => values.drain(..).for_each(|value| self.put(key.clone(), ContextValue::One(value))),
            _ => self.put(key, ContextValue::Many(values)),
        }
    }

    fn put(&mut self, key: ConditionKey, value: ContextValue<'a>) {
        match self.entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.entries.push((key, value)),
        }
    }

    /// The values of a key; none if it is not there.
    pub(crate) fn values(&self, key: &ConditionKey) -> &[Cow<'a, str>] {
        match self.entries.iter().find(|(known, _)| known == key) {
            Some((_, ContextValue::One(value))) => std::slice::from_ref(value),
            Some((_, ContextValue::Many(values))) => values,
            None => &[],
        }
    }

    /// The value of a key that has one. Keys with several can't be variables.
    pub(crate) fn single(&self, key: &ConditionKey) -> Option<&str> {
        match self.values(key) {
            [value] => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_what_was_said_last() {
        let mut context = Context::new();
        let key = ConditionKey::Known(ContextKey::TagKeys);
        context.set(ContextKey::TagKeys, "a");
        assert_eq!(context.single(&key), Some("a"));
        context.set_all(ContextKey::TagKeys, ["b", "c"]);
        assert_eq!((context.values(&key).len(), context.single(&key)), (2, None));
        context.set_all(ContextKey::TagKeys, Vec::<String>::new());
        assert!(context.values(&key).is_empty());
    }

    #[test]
    fn a_token_does_not_speak_for_the_server() {
        let mut context = Context::new();
        for name in ["aws:SourceIp", "AWS:username", "s3:prefix", "aws:PrincipalTag/team", "nothing"] {
            context.set_claim(name, ["forged"]);
        }
        assert!(context.entries.is_empty());
        context.set_claim("jwt:groups", ["a", "b"]);
        assert_eq!(context.values(&ConditionKey::parse("JWT:groups").unwrap()).len(), 2);
    }
}
