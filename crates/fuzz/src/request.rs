//! A request as lines of text: what several targets read. Always true: any bytes make one.
//!
//! ```text
//! method
//! path
//! query
//! host
//! name:value        any number of times
//!
//! body
//! ```

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::input::Input;

/// A request in its parts, nothing decoded.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'a [u8],
}

impl<'a> Lines<'a> {
    /// Reads them. Headers that HTTP does not allow are left out, as no server would hand them on.
    pub(crate) fn read(mut input: Input<'a>) -> Self {
        let mut line = || String::from_utf8_lossy(input.until(b'\n')).into_owned();
        let (method, path, query, host) = (line(), line(), line(), line());
        let mut headers = HeaderMap::new();
        loop {
            let line = input.until(b'\n');
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = header(line) {
                headers.append(name, value);
            }
        }
        Lines { method, path, query, host, headers, body: input.rest() }
    }
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..)?;
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}
