//! SigV4, in the header and in the query. Input: what to do, then a request as lines.
//!
//! No request panics. A request that was signed verifies, whatever its path, query and headers are; with another secret, or
//! changed in any part that the signature covers, it does not.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};
use s3::auth::{AuthError, HostView, Options, Request, Sender, SigningKeys, verify};

use crate::input::Input;
use crate::request::Lines;

/// When all this happens.
const NOW: &str = "20260101T000000Z";
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const PAYLOADS: [&str; 4] = [
    "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let lines = Lines::read(input);
    match choice % 3 {
        0 => as_sent(&lines),
        1 => signed(&lines, PAYLOADS[usize::from(choice / 3) % PAYLOADS.len()]),
        _ => presigned(&lines, u32::from(choice)),
    }
}

/// As it came: nobody signed it, so nobody is its sender.
fn as_sent(lines: &Lines<'_>) {
    match check(lines, SECRET) {
        Ok(Sender::Anonymous { .. }) => {
            let value = lines.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
            assert!(value.unwrap_or_default().trim_ascii().is_empty(), "credentials are not looked at");
        }
        Ok(Sender::Signed(verified)) => panic!("{verified:?} was not signed with the secret"),
        Err(error) => tell(&error),
    }
}

fn signed(lines: &Lines<'_>, payload: &str) {
    let mut lines = lines.clone();
    lines.headers.remove(AUTHORIZATION);
    let target = target(&lines);
    let mut headers = lines.headers.clone();
    SIGNER.sign(&target, &mut headers, &now(), payload);
    lines.headers = headers;
    if expect_verified(&lines) {
        expect_refused_when_changed(&lines);
    }
}

fn presigned(lines: &Lines<'_>, lifetime_seconds: u32) {
    let mut lines = lines.clone();
    lines.headers.remove(AUTHORIZATION);
    let query = SIGNER.presign(&target(&lines), &lines.headers, &now(), lifetime_seconds + 1);
    lines.query = query;
    if expect_verified(&lines) {
        expect_refused_when_changed(&lines);
    }
}

const SIGNER: Signer<'static> =
    Signer { access_key: KEY, secret: SECRET, session_token: None, region: "us-east-1", service: "s3" };

fn target<'a>(lines: &'a Lines<'_>) -> Target<'a> {
    Target { method: &lines.method, path: &lines.path, query: &lines.query, host: &lines.host }
}

/// Whether it was verified. It may be refused for what else it holds, but never for its signature.
fn expect_verified(lines: &Lines<'_>) -> bool {
    match check(lines, SECRET) {
        Ok(Sender::Signed(verified)) => {
            assert_eq!(
                (verified.access_key.as_str(), verified.region(), verified.service()),
                (KEY, "us-east-1", "s3")
            );
            true
        }
        Ok(Sender::Anonymous { .. }) => panic!("a signed request is taken for an anonymous one: {lines:?}"),
        Err(AuthError::SignatureMismatch(mismatch)) => panic!("{lines:?}: {mismatch:?}"),
        Err(error) => {
            tell(&error);
            let own = |name: &str| name.starts_with("x-amz-") || name == "date";
            let is_plain = !lines.headers.keys().any(|name| own(name.as_str()))
                && !lines.query.contains("X-Amz-")
                && !lines.query.contains("AWSAccessKeyId");
            assert!(!is_plain, "a plain request is refused: {error}: {lines:?}");
            false
        }
    }
}

fn expect_refused_when_changed(lines: &Lines<'_>) {
    assert!(is_mismatch(&check(lines, "another")), "another secret does as well: {lines:?}");
    let mut changes = vec![lines.clone(), lines.clone(), lines.clone(), lines.clone()];
    let [method, path, query, host] = &mut changes[..] else { return };
    method.method.push('X');
    path.path.push_str("/x");
    query.query.push_str("&x=y");
    host.host.push('x');
    for changed in &changes {
        assert!(is_mismatch(&check(changed, SECRET)), "{changed:?} passes for {lines:?}");
    }
    headers_changed(lines);
}

/// Every header that the signer lists, one after the other, but the one that proxies replace.
fn headers_changed(lines: &Lines<'_>) {
    let free = [
        "authorization",
        "user-agent",
        "expect",
        "transfer-encoding",
        "connection",
        "host",
        "accept-encoding",
    ];
    for name in lines.headers.keys().filter(|name| !free.contains(&name.as_str())) {
        let mut changed = lines.clone();
        let Some(value) = lines.headers.get(name) else { continue };
        let Ok(other) = http::HeaderValue::from_bytes(&[value.as_bytes(), b"x"].concat()) else { continue };
        changed.headers.insert(name, other);
        let result = check(&changed, SECRET);
        assert!(!matches!(result, Ok(Sender::Signed(_))), "{name} is changed and nobody sees it: {lines:?}");
    }
}

fn is_mismatch(result: &Result<Sender, AuthError>) -> bool {
    matches!(result, Err(AuthError::SignatureMismatch(_)))
}

fn check(lines: &Lines<'_>, secret: &str) -> Result<Sender, AuthError> {
    let headers: &HeaderMap = &lines.headers;
    let host = HostView { host: &lines.host, forwarded_hosts: &[] };
    let request = Request { method: &lines.method, path: &lines.path, query: &lines.query, headers, host };
    let secrets = |key: &str| (key == KEY).then(|| secret.to_owned());
    verify(&request, now().unix_milliseconds, Options::default(), &secrets, &SigningKeys::new())
}

fn now() -> AmzDate {
    let Some(now) = AmzDate::parse(NOW) else { panic!("the date is one") };
    now
}

/// An error can be told.
fn tell(error: &AuthError) {
    assert!(!error.code().is_empty() && !error.to_string().is_empty());
    assert!(error.fields().len() < 16);
}
