//! The chain: every line names the hash of the one before it and ends with its own (`docs/formats/audit.md`). Pure.
//!
//! Always: a hash is over bytes as they stand in the line, so that no two ways to write the same JSON have to agree.

use ring::digest::{SHA256, digest};
use serde::Deserialize;
use thiserror::Error;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What a first line names as the one before it.
pub(crate) const NOTHING: Hash = [0; 32];

/// What stands between the hashed bytes and the hash, and behind it.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";
/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;

/// The end of a chain: what the next line hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The number of the last line; 0: none yet.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// What a line says of itself, after its hash was found to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub sequence: u64,
    /// The hash of the line before it.
    pub previous: Hash,
    /// Its own.
    pub hash: Hash,
    /// What happened; empty for a request.
    pub event: String,
    /// What a line of the log itself says.
    pub notice: Notice,
}

/// What lines of the log itself say: of beginnings and gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Notice {
    /// Entries that were lost before this line.
    #[serde(default)]
    pub dropped: u64,
    /// Bytes of a line that was never finished, at the end of the file before.
    #[serde(default)]
    pub torn_bytes: u64,
    /// Up to where the log had come by its own notes, though it ends before.
    #[serde(default)]
    pub missing_up_to: u64,
}

/// What is wrong with a line by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It has not the form of a line.
    #[error("it is no line of an audit log")]
    Form,
    /// The hash is not that of the line.
    #[error("its hash is not the one of what it says")]
    Hash,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    event: String,
    #[serde(default)]
    audit: Notice,
    chain: SaidChain,
}

#[derive(Deserialize)]
struct SaidChain {
    sequence: u64,
    previous: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { sequence: 0, hash: NOTHING }
    }
}

impl Chain {
    /// The line for an entry (a JSON object without its last brace), and the chain with it.
    #[must_use]
    pub fn with(self, entry: &str) -> (String, Self) {
        let sequence = self.sequence + 1;
        let previous = hex::encode(self.hash);
        let mut line = format!("{entry},\"chain\":{{\"sequence\":{sequence},\"previous\":\"{previous}\"}}");
        let hash = sha256(line.as_bytes());
        line.push_str(&format!(",\"hash\":\"{}\"}}\n", hex::encode(hash)));
        (line, Self { sequence, hash })
    }
}

impl Link {
    /// Reads a line (without its line feed).
    ///
    /// # Errors
    /// Where it is none, or its hash is wrong.
    pub fn read(line: &[u8]) -> Result<Self, LineFault> {
        let rest = line.strip_suffix(AFTER_HASH).ok_or(LineFault::Form)?;
        let at = rest.len().checked_sub(HASH_DIGITS).ok_or(LineFault::Form)?;
        let (rest, digits) = rest.split_at(at);
        let hashed = rest.strip_suffix(BEFORE_HASH).ok_or(LineFault::Form)?;
        let hash = read_hash(digits).ok_or(LineFault::Form)?;
        if sha256(hashed) != hash {
            return Err(LineFault::Hash);
        }
        let said: Said = serde_json::from_slice(line).map_err(|_| LineFault::Form)?;
        let previous = read_hash(said.chain.previous.as_bytes()).ok_or(LineFault::Form)?;
        Ok(Self { sequence: said.chain.sequence, previous, hash, event: said.event, notice: said.audit })
    }

    /// The chain that ends with it.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain { sequence: self.sequence, hash: self.hash }
    }
}

/// A hash in small hexadecimal digits; no other way to write it counts.
pub(crate) fn read_hash(digits: &[u8]) -> Option<Hash> {
    let mut hash = NOTHING;
    hex::decode_to_slice(digits, &mut hash).ok()?;
    (hex::encode(hash).as_bytes() == digits).then_some(hash)
}

fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = NOTHING;
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_what_the_page_on_the_format_says() {
        let (line, chain) = Chain::default().with("{\"version\":\"1\"");
        let hashed =
            format!("{{\"version\":\"1\",\"chain\":{{\"sequence\":1,\"previous\":\"{}\"}}", "0".repeat(64));
        assert_eq!(line, format!("{hashed},\"hash\":\"{}\"}}\n", hex::encode(sha256(hashed.as_bytes()))));
        // By `printf '%s' '...' | sha256sum`.
        assert_eq!(
            hex::encode(chain.hash),
            "7004c9c5cf06054ceadfc5980a36c31f45a6e0204930039c315a38ae75d074d2"
        );
        let link = Link::read(line.trim_end().as_bytes()).unwrap();
        assert_eq!((link.sequence, link.previous, link.chain()), (1, NOTHING, chain));
    }

    #[test]
    fn lines_hang_on_each_other() {
        let (_, first) = Chain::default().with("{\"a\":1");
        let (line, second) = first.with("{\"event\":\"AuditGap\",\"audit\":{\"dropped\":3}");
        let link = Link::read(line.trim_end().as_bytes()).unwrap();
        assert_eq!((link.sequence, link.previous, link.chain()), (2, first.hash, second));
        assert_eq!((link.event.as_str(), link.notice.dropped), ("AuditGap", 3));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_found(text in "[ -~]{0,60}", at in 0usize..400, bit in 0u8..8) {
            let entry = format!("{{\"path\":{}", serde_json::to_string(&text).unwrap());
            let (line, _) = Chain::default().with(&entry);
            let mut bytes = line.trim_end().as_bytes().to_vec();
            prop_assert!(Link::read(&bytes).is_ok());
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(Link::read(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Link::read(&bytes).is_err());
        }
    }
}
