//! The canonical request: one spelling of a request, which client and server sign alike.
//!
//! Clients disagree on spelling. AWS says: decode path and query, encode them again, each byte outside `A-Za-z0-9-._~`
//! as `%XX`. Some clients sign the very bytes they send (`:`, `=`, `+`, `*`, `%2F`, `%7e`). Either is accepted: both
//! spellings name the same resource, because the server decodes the path once whichever was signed, so accepting both
//! lets nobody reach what was not signed for. A `+` in a query is a space, as S3 decodes it; in a path it is a plus.

use std::borrow::Cow;

use super::Request;

/// How path or query are written into the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Decoded and encoded again by AWS's rules.
    Canonical,
    /// The bytes of the request line.
    AsSent,
}

/// One way in which a client may have spelled what it signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) host: &'a str,
    pub(super) path: Spelling,
    pub(super) query: Spelling,
    /// In place of the header as received.
    pub(super) accept_encoding: Option<&'a str>,
}

/// What does not vary between attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canonical<'a> {
    pub(super) request: &'a Request<'a>,
    /// `host;x-amz-date`, as the client listed them.
    pub(super) signed_headers: &'a str,
    /// The last line.
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// Writes the canonical request over what `out` holds.
    pub(super) fn write(&self, attempt: &Attempt<'_>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.request.method.as_bytes());
        out.push(b'\n');
        write_path(self.request.path, attempt.path, out);
        out.push(b'\n');
        write_query(self.request.query, attempt.query, out);
        out.push(b'\n');
        for name in self.signed_headers.split(';') {
            self.write_header(name, attempt, out);
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.payload.as_bytes());
    }

    fn write_header(&self, name: &str, attempt: &Attempt<'_>, out: &mut Vec<u8>) {
        out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        out.push(b':');
        if name.eq_ignore_ascii_case("host") {
            write_value(attempt.host.as_bytes(), out);
        } else if let Some(value) =
            attempt.accept_encoding.filter(|_| name.eq_ignore_ascii_case("accept-encoding"))
        {
            write_value(value.as_bytes(), out);
        } else {
            self.write_values(name, out);
        }
        out.push(b'\n');
    }

    fn write_values(&self, name: &str, out: &mut Vec<u8>) {
        let mut first = true;
        for value in self.request.headers.get_all(name) {
            if !first {
                out.push(b',');
            }
            first = false;
            write_value(value.as_bytes(), out);
        }
        // HTTP libraries and proxies answer `Expect` themselves and take it out. It has only this one value.
        if first && name.eq_ignore_ascii_case("expect") {
            out.extend_from_slice(b"100-continue");
        }
    }
}

/// Whether the two spellings of the path differ.
pub(super) fn path_varies(path: &str) -> bool {
    let mut canonical = Vec::with_capacity(path.len() + 16);
    write_path(path, Spelling::Canonical, &mut canonical);
    canonical != path.as_bytes()
}

/// Whether the two spellings of the query differ.
pub(super) fn query_varies(query: &str) -> bool {
    let (mut canonical, mut sent) = (Vec::new(), Vec::new());
    write_query(query, Spelling::Canonical, &mut canonical);
    write_query(query, Spelling::AsSent, &mut sent);
    canonical != sent
}

/// Decodes a value of a query: `%XX`, and `+` as a space.
pub(super) fn decode_query_value(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(raw);
    }
    let bytes: Vec<u8> = Decoded::new(raw, true).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Appends `text` with every byte encoded that AWS wants encoded.
pub(super) fn encode(text: &str, keep_slash: bool, out: &mut Vec<u8>) {
    encode_bytes(text.bytes(), keep_slash, out);
}

fn write_path(raw: &str, spelling: Spelling, out: &mut Vec<u8>) {
    match spelling {
        Spelling::AsSent => out.extend_from_slice(raw.as_bytes()),
        Spelling::Canonical => encode_bytes(Decoded::new(raw, false), true, out),
    }
    if raw.is_empty() {
        out.push(b'/');
    }
}

fn write_query(raw: &str, spelling: Spelling, out: &mut Vec<u8>) {
    if raw.is_empty() {
        return;
    }
    // Keys and values lie one after the other in `text`: few allocations, and sorting moves only indices.
    let mut text = Vec::with_capacity(raw.len() + 32);
    let mut pairs = Vec::with_capacity(8);
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // The signature cannot cover itself.
        if key == "X-Amz-Signature" {
            continue;
        }
        let start = text.len();
        write_query_part(key, spelling, &mut text);
        let middle = text.len();
        write_query_part(value, spelling, &mut text);
        pairs.push((start..middle, middle..text.len()));
    }
    pairs.sort_unstable_by(|left, right| {
        (&text[left.0.clone()], &text[left.1.clone()]).cmp(&(&text[right.0.clone()], &text[right.1.clone()]))
    });
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(&text[key]);
        out.push(b'=');
        out.extend_from_slice(&text[value]);
    }
}

fn write_query_part(raw: &str, spelling: Spelling, out: &mut Vec<u8>) {
    match spelling {
        Spelling::AsSent => out.extend_from_slice(raw.as_bytes()),
        Spelling::Canonical => encode_bytes(Decoded::new(raw, true), false, out),
    }
}

/// Appends a header's value without space around it and with single spaces inside.
fn write_value(value: &[u8], out: &mut Vec<u8>) {
    let mut words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    if let Some(word) = words.next() {
        out.extend_from_slice(word);
    }
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

fn encode_bytes(bytes: impl Iterator<Item = u8>, keep_slash: bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || (keep_slash && byte == b'/');
        if plain {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// The bytes of percent-encoded text. A `%` without two digits after it stands for itself.
struct Decoded<'a> {
    rest: &'a [u8],
    plus_is_space: bool,
}

impl<'a> Decoded<'a> {
    fn new(raw: &'a str, plus_is_space: bool) -> Self {
        Self { rest: raw.as_bytes(), plus_is_space }
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        if first == b'%'
            && let [high, low, rest @ ..] = rest
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            self.rest = rest;
            return Some(high << 4 | low);
        }
        self.rest = rest;
        Some(if first == b'+' && self.plus_is_space { b' ' } else { first })
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> String {
        let mut out = Vec::new();
        write_path(raw, Spelling::Canonical, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn query(raw: &str) -> String {
        let mut out = Vec::new();
        write_query(raw, Spelling::Canonical, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_path_is_decoded_once_and_encoded_once() {
        assert_eq!(path(""), "/");
        assert_eq!(path("/b/a+b c:=*~é"), "/b/a%2Bb%20c%3A%3D%2A~%C3%A9");
        assert_eq!(path("/b/a%2Bb%20c%3a%7E"), "/b/a%2Bb%20c%3A~");
        assert_eq!(path("/b/a%252Fb//../x/"), "/b/a%252Fb//../x/");
        assert_eq!(path("/b/100%"), "/b/100%25");
        assert!(path_varies("/b/a:b") && !path_varies("/b/a%3Ab"));
    }

    #[test]
    fn a_query_is_sorted_by_encoded_key_and_then_value() {
        assert_eq!(query("b=2&a=1&acl"), "a=1&acl=&b=2");
        assert_eq!(query("a-b=1&a=2&a%21=3"), "a=2&a%21=3&a-b=1");
        assert_eq!(query("p=z&p=a&&X-Amz-Signature=00"), "p=a&p=z");
        assert_eq!(query("prefix=a+b%2Fc/d&delimiter=%2f"), "delimiter=%2F&prefix=a%20b%2Fc%2Fd");
    }

    #[test]
    fn spaces_of_a_header_collapse() {
        let mut out = Vec::new();
        write_value(b"  a   b \t c  ", &mut out);
        assert_eq!(out, b"a b c");
    }
}
