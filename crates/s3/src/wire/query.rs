//! The query string, decoded once.

use std::borrow::Cow;

use super::uri::form_decode;
use crate::error::{ErrorCode, S3Error};

/// Parameters of one request, at most: each costs its part of every signature that is tried.
const PAIRS_MAX: usize = 256;

/// Names and values of a query string in the order sent, decoded. A name without `=` has an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Decodes the part of the URI behind the question mark.
    ///
    /// # Errors
    /// `InvalidURI` for a broken percent escape, text that is not UTF-8, or more parameters than any request has.
    pub fn parse(raw: Option<&'a str>) -> Result<Self, S3Error> {
        let mut pairs = Vec::new();
        for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() >= PAIRS_MAX {
                return Err(S3Error::new(ErrorCode::InvalidURI));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (form_decode(name), form_decode(value)) {
                (Some(name), Some(value)) => pairs.push((name, value)),
                _ => return Err(S3Error::new(ErrorCode::InvalidURI)),
            }
        }
        Ok(Self { pairs })
    }

    /// All pairs in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The first value of the name; names are case-sensitive, as in S3.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// Whether the name is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded_in_order() {
        let query = Query::parse(Some("uploads&prefix=a%2Fb+c&&x=1=2&e=")).unwrap();
        let pairs: Vec<_> = query.iter().collect();
        assert_eq!(pairs, [("uploads", ""), ("prefix", "a/b c"), ("x", "1=2"), ("e", "")]);
        assert!(query.has("e") && !query.has("E"));
    }

    #[test]
    fn a_broken_escape_is_an_invalid_uri() {
        let error = Query::parse(Some("prefix=%zz")).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidURI);
    }

    proptest! {
        #[test]
        fn no_query_panics(raw in ".{0,60}") {
            let _ = Query::parse(Some(&raw));
        }
    }
}
