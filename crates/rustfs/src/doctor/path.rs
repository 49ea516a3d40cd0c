//! The way to a server: what proxies on it do to requests. What to ask and what answers mean is pure.
//!
//! Always: nothing is asked that would change anything. The bucket that is named is one that nobody has.

use http::Method;

use super::finding::Finding;

const CHECK: &str = "path";

/// More than the body that proxies take unless they are told otherwise (nginx: 1 MiB).
pub(crate) const BODY_BYTES: usize = 2 << 20;

/// What is asked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something signed on a plain path: is the host what was signed?
    Host,
    /// The same on a path with everything that must stay as it is.
    Encoding,
    /// A body that is larger than proxies take by default.
    Body,
}

/// All of them.
pub(crate) const STEPS: [Step; 3] = [Step::Host, Step::Encoding, Step::Body];

impl Step {
    /// Method, path and length of the body. `unknown`: a name that no bucket has.
    pub(crate) fn request(self, unknown: &str) -> (Method, String, usize) {
        match self {
            Self::Host => (Method::GET, format!("/{unknown}"), 0),
            Self::Encoding => (Method::GET, format!("/{unknown}/a%20b%2Bc%25d//e/../f%3Fg~h"), 0),
            Self::Body => (Method::PUT, format!("/{unknown}/body"), BODY_BYTES),
        }
    }

    /// What an answer means: its status, and its code where it is the server's.
    pub(crate) fn judge(self, status: u16, code: Option<&str>) -> Finding {
        match (self, status, code) {
            (_, 404, Some("NoSuchBucket")) | (_, 403, Some("AccessDenied")) => {
                Finding::well(CHECK, format!("{} as it was sent", self.subject()))
            }
            (_, 403, Some(code @ ("InvalidAccessKeyId" | "RequestTimeTooSkewed"))) => {
                Finding::warning(CHECK, format!("the server does not take these keys ({code})"), KEYS)
            }
            (Self::Host, _, Some("SignatureDoesNotMatch")) => Finding::fault(
                CHECK,
                "the signature of a plain request does not fit: the secret key is another one, or a proxy changes Host",
                "look at RUSTFS_SECRET_KEY; let the proxy keep Host (nginx: `proxy_set_header Host $http_host;`)",
            ),
            (_, _, Some("SignatureDoesNotMatch")) => Finding::fault(
                CHECK,
                "a proxy decodes, joins or normalises paths: keys with spaces, `+`, `%`, `//` or `..` can't be reached",
                "let it pass the path on as it came (nginx: `proxy_pass http://server;` without a path behind the host)",
            ),
            (Self::Body, 413, _) => Finding::fault(
                CHECK,
                "a proxy refuses bodies of 2 MiB",
                "lift its limit (nginx: `client_max_body_size 0;`): an upload may have 5 GiB",
            ),
            (_, status, code) => {
                let code = code.map_or_else(String::new, |code| format!(" {code}"));
                let what = format!(
                    "{} was answered with {status}{code}, not by the server as it should be",
                    self.subject()
                );
                Finding::warning(CHECK, what, "look at the proxies on the way, and at the server's log")
            }
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Host => "a signed request arrives",
            Self::Encoding => "a path with everything special in it arrives",
            Self::Body => "a body of 2 MiB arrives",
        }
    }
}

/// What to do about keys that are not known.
const KEYS: &str =
    "set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY to keys of that server, and look at both clocks";

/// `Code` in an answer of S3's.
pub(crate) fn code_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, from) = text.split_once("<Code>")?;
    from.split_once("</Code>").map(|(code, _)| code.to_owned())
}

/// What it means that the documented pair was tried: `works` there, and whether others than this machine could.
pub(crate) fn judge_documented_pair(works: bool, is_this_machine: bool) -> Finding {
    match (works, is_this_machine) {
        (false, _) => Finding::well("keys", "the documented pair of keys does not work on the server"),
        (true, true) => Finding::warning(
            "keys",
            "the server runs with the documented pair of keys, which everybody knows; it works from this machine alone",
            "set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY and start the server again",
        ),
        (true, false) => Finding::fault(
            "keys",
            "the server takes the documented pair of keys from here: everybody may do everything",
            "set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY and start the server again, now",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn what_proxies_do_is_told_by_what_comes_back() {
        for (step, status, code, severity, word) in [
            (Step::Host, 404, Some("NoSuchBucket"), Severity::Well, "arrives"),
            (Step::Body, 403, Some("AccessDenied"), Severity::Well, "2 MiB"),
            (Step::Host, 403, Some("SignatureDoesNotMatch"), Severity::Fault, "changes Host"),
            (Step::Encoding, 403, Some("SignatureDoesNotMatch"), Severity::Fault, "normalises"),
            (Step::Body, 413, None, Severity::Fault, "2 MiB"),
            (Step::Host, 403, Some("InvalidAccessKeyId"), Severity::Warning, "keys"),
            (Step::Encoding, 400, None, Severity::Warning, "400"),
            (Step::Body, 502, None, Severity::Warning, "502"),
        ] {
            let finding = step.judge(status, code);
            assert_eq!(finding.severity, severity, "{step:?} {status} {code:?}");
            assert!(finding.what.contains(word), "{finding:?}");
        }
    }

    #[test]
    fn nothing_that_is_asked_could_change_anything() {
        for step in STEPS {
            let (method, path, _) = step.request("no-such-bucket");
            assert!(
                path.starts_with("/no-such-bucket") && (method == Method::GET || method == Method::PUT),
                "{step:?}"
            );
        }
        assert_eq!(code_of(b"<Error><Code>NoSuchBucket</Code></Error>").as_deref(), Some("NoSuchBucket"));
        assert_eq!((code_of(b"<html>"), code_of(b"\xff")), (None, None));
    }

    #[test]
    fn keys_that_everybody_knows_are_worse_where_others_can_use_them() {
        assert_eq!(judge_documented_pair(false, false).severity, Severity::Well);
        assert_eq!(judge_documented_pair(true, true).severity, Severity::Warning);
        assert_eq!(judge_documented_pair(true, false).severity, Severity::Fault);
    }
}
