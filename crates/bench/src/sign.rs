//! AWS Signature Version 4 for requests in the header and for signed chunks. Paths and queries come in already
//! encoded and sorted. The signing key is derived once a day and the timestamp is written once a second, so a
//! signature costs two SHA-256 and one HMAC.

use crate::options::Credentials;
use ring::{digest, hmac};
use std::io::Write;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// SHA-256 of nothing, in hex.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const REGION: &str = "us-east-1";

/// A signature in lower-case hex.
pub(crate) type Signature = [u8; 64];

/// What is asked for; everything in it is signed but `unsigned`.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// Percent-encoded, with its leading slash.
    pub(crate) path: &'a str,
    /// Percent-encoded, sorted by name, `name=value` joined by `&`; may be empty.
    pub(crate) query: &'a str,
    /// The value of `x-amz-content-sha256`.
    pub(crate) content: &'a str,
    /// Lower-case names besides host, date and content hash.
    pub(crate) signed: &'a [(&'a str, &'a str)],
    pub(crate) unsigned: &'a [(&'a str, &'a str)],
}

/// Signs for one pair of credentials.
pub(crate) struct Signer {
    credentials: Credentials,
    key: hmac::Key,
    second: u64,
    /// `YYYYMMDDTHHMMSSZ`.
    timestamp: String,
    scope: String,
    canonical: Vec<u8>,
    names: String,
}

impl Signer {
    pub(crate) fn new(credentials: &Credentials, unix_seconds: u64) -> Self {
        let mut signer = Self {
            credentials: credentials.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, b""),
            second: u64::MAX,
            timestamp: String::new(),
            scope: String::new(),
            canonical: Vec::new(),
            names: String::new(),
        };
        signer.set_time(unix_seconds);
        signer
    }

    /// Everything signed from now on carries this time.
    pub(crate) fn set_time(&mut self, unix_seconds: u64) {
        if unix_seconds == self.second {
            return;
        }
        let day_changed = unix_seconds / 86_400 != self.second / 86_400;
        self.second = unix_seconds;
        self.timestamp = timestamp(unix_seconds);
        if day_changed {
            let day = &self.timestamp[..8];
            self.key = signing_key(&self.credentials.secret_key, day);
            self.scope = format!("{day}/{REGION}/s3/aws4_request");
        }
    }

    /// Appends request line and headers, with the blank line after them, to `out`.
    pub(crate) fn write_head(&mut self, out: &mut Vec<u8>, head: &Head<'_>) -> Signature {
        let signature = self.sign(head);
        put(out, &[head.method, " ", head.path]);
        if !head.query.is_empty() {
            put(out, &["?", head.query]);
        }
        put(out, &[" HTTP/1.1\r\nhost: ", head.host, "\r\nx-amz-date: ", &self.timestamp]);
        put(out, &["\r\nx-amz-content-sha256: ", head.content, "\r\n"]);
        for (name, value) in head.signed.iter().chain(head.unsigned) {
            put(out, &[name, ": ", value, "\r\n"]);
        }
        put(
            out,
            &["authorization: ", ALGORITHM, " Credential=", &self.credentials.access_key, "/", &self.scope],
        );
        put(out, &[",SignedHeaders=", &self.names, ",Signature="]);
        out.extend_from_slice(&signature);
        out.extend_from_slice(b"\r\n\r\n");
        signature
    }

    /// The signature of a chunk whose payload hashes to `sha256`, after the one signed `previous`.
    pub(crate) fn sign_chunk(&mut self, previous: &Signature, sha256: &[u8]) -> Signature {
        let text = &mut self.canonical;
        text.clear();
        put(text, &[ALGORITHM, "-PAYLOAD\n", &self.timestamp, "\n", &self.scope, "\n"]);
        text.extend_from_slice(previous);
        put(text, &["\n", EMPTY_SHA256, "\n"]);
        text.extend_from_slice(&hex_of(sha256));
        hex_of(hmac::sign(&self.key, text).as_ref())
    }

    fn sign(&mut self, head: &Head<'_>) -> Signature {
        let text = &mut self.canonical;
        text.clear();
        put(text, &[head.method, "\n", head.path, "\n", head.query, "\n"]);
        let own =
            [("host", head.host), ("x-amz-content-sha256", head.content), ("x-amz-date", &self.timestamp)];
        let mut headers: Vec<(&str, &str)> = own.iter().chain(head.signed).copied().collect();
        headers.sort_unstable();
        self.names.clear();
        for (name, value) in headers {
            put(text, &[name, ":", value, "\n"]);
            if !self.names.is_empty() {
                self.names.push(';');
            }
            self.names.push_str(name);
        }
        put(text, &["\n", &self.names, "\n", head.content]);
        let canonical = hex_of(digest::digest(&digest::SHA256, text).as_ref());
        text.clear();
        put(text, &[ALGORITHM, "\n", &self.timestamp, "\n", &self.scope, "\n"]);
        text.extend_from_slice(&canonical);
        hex_of(hmac::sign(&self.key, text).as_ref())
    }
}

/// 32 bytes as lower-case hex.
pub(crate) fn hex_of(bytes: &[u8]) -> Signature {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [b'0'; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

fn signing_key(secret: &str, day: &str) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [day, REGION, "s3", "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

fn timestamp(unix_seconds: u64) -> String {
    let (year, month, day) = civil(unix_seconds / 86_400);
    let second = unix_seconds % 86_400;
    let mut out = Vec::with_capacity(16);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    String::from_utf8_lossy(&out).into_owned()
}

/// The Gregorian date of a day since 1970-01-01, counted in eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2013-05-24T00:00:00Z, the time of the examples in AWS's documentation.
    const EXAMPLE_TIME: u64 = 1_369_353_600;

    fn example() -> Signer {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        };
        Signer::new(&credentials, EXAMPLE_TIME)
    }

    fn text(signature: &Signature) -> &str {
        std::str::from_utf8(signature).unwrap()
    }

    #[test]
    fn the_documented_get_has_the_documented_signature() {
        let mut out = Vec::new();
        let head = Head {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            query: "",
            content: EMPTY_SHA256,
            signed: &[("range", "bytes=0-9")],
            unsigned: &[],
        };
        let signature = example().write_head(&mut out, &head);
        assert_eq!(text(&signature), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("GET /test.txt HTTP/1.1\r\nhost: examplebucket"), "{out}");
        assert!(out.contains("SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"), "{out}");
        assert!(out.ends_with("\r\n\r\n"), "{out}");
    }

    #[test]
    fn the_documented_chunked_upload_has_the_documented_signatures() {
        let mut signer = example();
        let head = Head {
            method: "PUT",
            host: "s3.amazonaws.com",
            path: "/examplebucket/chunkObject.txt",
            query: "",
            content: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            signed: &[
                ("content-encoding", "aws-chunked"),
                ("content-length", "66824"),
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            unsigned: &[],
        };
        let seed = signer.write_head(&mut Vec::new(), &head);
        assert_eq!(text(&seed), "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
        let mut previous = seed;
        for (length, expected) in [
            (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
            (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
            (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
        ] {
            let hash = digest::digest(&digest::SHA256, &vec![b'a'; length]);
            previous = signer.sign_chunk(&previous, hash.as_ref());
            assert_eq!(text(&previous), expected);
        }
    }

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000Z");
        assert_eq!(timestamp(EXAMPLE_TIME + 86_399), "20130524T235959Z");
        assert_eq!(timestamp(1_798_675_199), "20261230T235959Z");
    }
}
