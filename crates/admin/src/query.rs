//! The words behind the `?`: decoded once, at most so many.

use percent_encoding::percent_decode_str;

use crate::error::AdminError;

/// Pairs of a query, at most.
const PAIRS_MAX: usize = 256;

/// The pairs of a query, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the `?`, as forms write it: `+` is a space.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, AdminError> {
        let text = text.unwrap_or_default();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let read: Result<Vec<_>, _> = pairs.take(PAIRS_MAX + 1).map(pair).collect();
        let read = read?;
        if read.len() > PAIRS_MAX {
            return Err(AdminError::argument(format!("The query has more than {PAIRS_MAX} parameters.")));
        }
        Ok(Self(read))
    }

    /// The first value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of this name.
    pub(crate) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the value of this name is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The value of this name, which must be there and say something.
    pub(crate) fn need(&self, name: &str) -> Result<&str, AdminError> {
        let value = self.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| AdminError::argument(format!("The query parameter {name} is missing.")))
    }

    /// A number; the default where it is not there.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, AdminError> {
        match self.get(name).filter(|value| !value.is_empty()) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| {
                AdminError::argument(format!("The query parameter {name} is no number: {value}"))
            }),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), AdminError> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((decode(name)?, decode(value)?))
}

fn decode(text: &str) -> Result<String, AdminError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned);
    decoded.map_err(|_| AdminError::argument("The query is not UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_once_and_found_by_name() {
        let query = Query::parse(Some("name=a%2Bb+c&n=%2525&list=1&list=2&empty=&bare")).unwrap();
        assert_eq!(query.get("name"), Some("a+b c"));
        assert_eq!(query.get("n"), Some("%25"));
        assert_eq!(query.all("list").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((query.get("empty"), query.get("bare"), query.get("none")), (Some(""), Some(""), None));
        assert!(query.need("empty").is_err() && query.need("name").is_ok());
        assert_eq!((query.number("list", 5), query.number("none", 5)), (Ok(1), Ok(5)));
        assert!(query.number("name", 5).is_err());
    }

    #[test]
    fn what_is_no_text_or_too_much_is_refused() {
        assert!(Query::parse(Some("a=%ff")).is_err());
        assert!(Query::parse(Some(&"a&".repeat(PAIRS_MAX))).is_ok());
        assert!(Query::parse(Some(&"a&".repeat(PAIRS_MAX + 1))).is_err());
    }
}
