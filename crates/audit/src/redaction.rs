//! What an entry does not show: signatures, tokens, keys of clients. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "*REDACTED*";

/// Characters of a value, at most.
const VALUE_CHARACTERS_MAX: usize = 2048;
/// What a value ends with that was longer.
const CUT: &str = "...(cut)";

/// Headers that are secrets.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Parts of names, of headers and of parameters, that tell of a secret.
const SECRET_PARTS: [&str; 5] = ["signature", "token", "secret", "password", "customer-key"];
/// What is called a token and is none that opens anything: where a listing goes on.
const PLACES: [&str; 1] = ["continuation-token"];
/// What tells of a signed URL within a value.
const SIGNED: [&str; 2] = ["x-amz-signature=", "&signature="];

/// Headers by name; several of one name are joined by commas.
pub(crate) fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let is_secret = SECRET_HEADERS.contains(&name.as_str()) || is_secret(name.as_str());
        shown.insert(name.as_str().to_owned(), value(is_secret, &values.join(",")));
    }
    shown
}

/// Parameters by name, decoded; several of one name are joined by commas.
pub(crate) fn query(query: &str) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        let text = value(is_secret(&name), &decoded(text));
        let known = shown.entry(cut(&name)).or_default();
        if !known.is_empty() {
            known.push(',');
        }
        known.push_str(&text);
    }
    shown
}

/// A text, as long as it may be.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}{CUT}", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn value(is_secret: bool, text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match is_secret || SIGNED.iter().any(|mark| lower.contains(mark)) {
        true => REDACTED.to_owned(),
        false => cut(text),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part)) && !PLACES.contains(&name.as_str())
}

pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn secrets_in_headers_are_not_shown() {
        let mut given = HeaderMap::new();
        for name in [
            "authorization",
            "x-amz-security-token",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-customer-key-md5",
            "x-amz-copy-source-server-side-encryption-customer-key",
            "cookie",
            "x-forwarded-access-token",
            "x-amz-s3session-token",
        ] {
            given.insert(HeaderName::from_static(name), HeaderValue::from_static("hidden"));
        }
        given.insert("referer", HeaderValue::from_static("https://a/b?X-Amz-Signature=hidden"));
        given.insert("user-agent", HeaderValue::from_static("curl"));
        given.append("x-amz-meta-a", HeaderValue::from_static("1"));
        given.append("x-amz-meta-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let shown = headers(&given);
        assert!(!format!("{shown:?}").contains("hidden"), "{shown:?}");
        assert_eq!((shown["user-agent"].as_str(), shown["authorization"].as_str()), ("curl", REDACTED));
        assert_eq!(shown["x-amz-meta-a"], "1,\u{fffd}");
    }

    #[test]
    fn signatures_in_a_query_are_not_shown() {
        let shown = query(
            "X-Amz-Signature=hidden&x-amz-security-token=hidden&Signature=hidden&WebIdentityToken=hidden&\
             WebIdentityAccessToken=hidden&Token=hidden&\
             LDAPPassword=hidden&prefix=a%2Fb&prefix=c&list-type=2&continuation-token=t&uploads",
        );
        assert!(!format!("{shown:?}").contains("hidden"), "{shown:?}");
        assert_eq!(
            (shown["prefix"].as_str(), shown["list-type"].as_str(), shown["uploads"].as_str()),
            ("a/b,c", "2", "")
        );
        assert_eq!(shown["continuation-token"], "t");
        // A name that hides behind an escape is found.
        assert_eq!(query("X-Amz-%53ignature=hidden")["X-Amz-Signature"], REDACTED);
    }

    #[test]
    fn values_have_a_length() {
        let shown = query(&format!("a={}", "\u{e9}".repeat(5000)));
        assert_eq!(shown["a"].chars().count(), VALUE_CHARACTERS_MAX + CUT.len());
    }
}
