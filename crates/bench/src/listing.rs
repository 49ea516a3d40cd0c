//! Pages of a listing, walked by continuation token, and the little of their XML that tells whether a walk found every
//! key once and in order.

use crate::driver::{Done, Driver};
use crate::request::Request;
use crate::response::{Response, between};
use crate::workload::{Access, WHOLE_EACH};
use std::fmt::Write;

/// Keys of a page.
const PAGE_KEYS: usize = 1000;

/// Walks over all pages, each connection for itself, again and again or once.
pub(crate) struct List<'a> {
    access: &'a mut Access,
    /// What a walk must find; `None` while nobody knows.
    expected: Option<u64>,
    once: bool,
    walks: Vec<Walk>,
    pages: u64,
    /// Keys that the last finished walk found.
    pub(crate) found: Option<u64>,
}

#[derive(Clone, Default)]
struct Walk {
    token: Option<String>,
    keys: u64,
    last_key: String,
    ended: bool,
}

impl<'a> List<'a> {
    pub(crate) fn new(access: &'a mut Access, expected: Option<u64>, connections: u32) -> Self {
        Self {
            access,
            expected,
            once: false,
            walks: vec![Walk::default(); connections as usize],
            pages: 0,
            found: None,
        }
    }

    /// One walk on one connection, to count what is there.
    pub(crate) fn once(access: &'a mut Access) -> Self {
        Self { once: true, ..Self::new(access, None, 1) }
    }

    fn page(&mut self, slot: usize, text: &str) -> Result<(), String> {
        self.pages += 1;
        let whole = self.pages.is_multiple_of(WHOLE_EACH);
        let page = Page::parse(text, whole).ok_or("a page that is not understood")?;
        let walk = &mut self.walks[slot];
        if page.keys > 0 && page.first_key <= walk.last_key.as_str() {
            return Err("keys out of order between pages".to_owned());
        }
        walk.keys += page.keys;
        page.last_key.clone_into(&mut walk.last_key);
        walk.token = page.next_token;
        if walk.token.is_none() {
            let walk = std::mem::replace(walk, Walk { ended: self.once, ..Walk::default() });
            self.found = Some(walk.keys);
            if self.expected.is_some_and(|expected| expected != walk.keys) {
                return Err(format!(
                    "{} keys listed instead of {}",
                    walk.keys,
                    self.expected.unwrap_or_default()
                ));
            }
        }
        Ok(())
    }
}

impl Driver for List<'_> {
    fn next(&mut self, slot: usize, request: &mut Request) -> bool {
        if self.walks[slot].ended {
            return false;
        }
        let query = match &self.walks[slot].token {
            Some(token) => format!("continuation-token={}&list-type=2&max-keys={PAGE_KEYS}", percent(token)),
            None => format!("list-type=2&max-keys={PAGE_KEYS}"),
        };
        self.access.bucket_request(request, "GET", &query);
        true
    }

    fn finish(&mut self, slot: usize, _request: &Request, response: &Response) -> Result<Done, String> {
        if response.status != 200 {
            return Err(response.error_label());
        }
        let text = std::str::from_utf8(&response.body).map_err(|_| "a page that is not UTF-8")?;
        let result = self.page(slot, text);
        if result.is_err() {
            self.walks[slot] = Walk { ended: self.once, ..Walk::default() };
        }
        result.map(|()| Done { operations: 1, bytes: 0 })
    }

    fn lost(&mut self, slot: usize, _request: &Request) {
        self.walks[slot] = Walk::default();
    }
}

/// What a walk needs of a page.
struct Page<'a> {
    keys: u64,
    first_key: &'a str,
    last_key: &'a str,
    next_token: Option<String>,
}

impl<'a> Page<'a> {
    /// `whole` looks at every key; otherwise the number that the page gives is believed.
    fn parse(text: &'a str, whole: bool) -> Option<Self> {
        let counted = || text.matches("<Key>").count() as u64;
        let stated = element(text, "KeyCount").and_then(|count| count.parse().ok());
        let keys = match stated {
            Some(count) if !whole => count,
            Some(count) if count != counted() => return None,
            _ => counted(),
        };
        if whole
            && !text
                .split("<Key>")
                .skip(1)
                .filter_map(|rest| rest.split('<').next())
                .is_sorted_by(|one, two| one < two)
        {
            return None;
        }
        let first_key = between(text, "<Key>", "<").unwrap_or_default();
        let last_key =
            text.rfind("<Key>").and_then(|at| text[at + 5..].split('<').next()).unwrap_or_default();
        let truncated = element(text, "IsTruncated")? == "true";
        let next_token =
            if truncated { Some(unescaped(element(text, "NextContinuationToken")?)) } else { None };
        Some(Self { keys, first_key, last_key, next_token })
    }
}

/// The text of an element outside of the keys; servers write such before or after them, so both ends are looked at
/// before everything is.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    const NEAR: usize = 1200;
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let (from, until) = (text.len().saturating_sub(NEAR), text.len().min(NEAR));
    let near = [text.get(..until), text.get(from..)]
        .into_iter()
        .flatten()
        .find_map(|part| between(part, &start, &end));
    near.or_else(|| between(text, &start, &end))
}

fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(
        text.to_owned(),
        |text, (from, to)| {
            if text.contains(from) { text.replace(from, to) } else { text }
        },
    )
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Credentials;

    fn access() -> Access {
        Access::new("h:1", "b", &Credentials { access_key: "a".into(), secret_key: "s".into() })
    }

    fn page(keys: &[&str], token: Option<&str>) -> String {
        let contents: String =
            keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        let token = token
            .map_or(String::new(), |token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
        let truncated = !token.is_empty();
        format!(
            "<R><KeyCount>{}</KeyCount>{contents}<IsTruncated>{truncated}</IsTruncated>{token}</R>",
            keys.len()
        )
    }

    #[test]
    fn a_walk_follows_tokens_and_finds_every_key() {
        let mut access = access();
        let mut list = List::new(&mut access, Some(4), 1);
        list.page(0, &page(&["a", "b", "c"], Some("x&amp;y/+"))).unwrap();
        let mut request = Request::default();
        assert!(list.next(0, &mut request));
        request.close_text();
        assert!(
            request
                .to_bytes()
                .starts_with(b"GET /b?continuation-token=x%26y%2F%2B&list-type=2&max-keys=1000 HTTP")
        );
        list.page(0, &page(&["d"], None)).unwrap();
        assert_eq!((list.found, list.walks[0].token.clone(), list.walks[0].keys), (Some(4), None, 0));
    }

    #[test]
    fn a_walk_that_misses_keys_or_disorders_them_is_an_error() {
        let mut access = access();
        let mut list = List::new(&mut access, Some(4), 1);
        assert!(list.page(0, &page(&["a", "b", "c"], None)).unwrap_err().contains("3 keys"));
        list.page(0, &page(&["a", "b"], Some("t"))).unwrap();
        assert!(list.page(0, &page(&["b", "c"], None)).is_err());
        assert!(Page::parse(&page(&["b", "a"], None), true).is_none());
        assert!(Page::parse("<R/>", false).is_none());
    }
}
