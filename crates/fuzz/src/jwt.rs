//! Tokens of identity providers. Input: a byte for what is done with the rest, then a token, a set of keys, or what a token says.
//!
//! Nothing here is signed: no input may ever verify.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use idp::jwt::{Audience, Claims, JwtFault, KEYS_MAX, KeySet, TOKEN_BYTES_MAX, Token};
use model::time::Timestamp;

/// The modulus of the example of RFC 7517.
const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB\
    ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
    KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_\
    xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// Public keys of every type, as a provider publishes them: those of the examples of RFC 7517 and 8037.
fn published() -> KeySet {
    let text = format!(
        r#"{{"keys":[
        {{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
        {{"kty":"EC","crv":"P-256","kid":"p256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}},
        {{"kty":"RSA","kid":"rsa","e":"AQAB","n":"{MODULUS}"}}]}}"#
    );
    KeySet::read(text.as_bytes()).unwrap_or_default()
}

/// See the module.
pub fn run(data: &[u8]) {
    let [what, rest @ ..] = data else { return };
    match what % 4 {
        0 => token(rest),
        1 => signed(rest),
        2 => keys(rest),
        _ => claims(rest),
    }
}

/// Any text as a token.
fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = Token::parse(text);
    if text.len() > TOKEN_BYTES_MAX {
        assert_eq!(parsed.err(), Some(JwtFault::TooLong));
        return;
    }
    if let Ok(token) = parsed {
        refused(&token);
    }
}

/// A token that is well-formed but for what its parts hold: header, payload and signature, with a zero between them.
fn signed(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let mut part = || URL_SAFE_NO_PAD.encode(parts.next().unwrap_or_default());
    let text = format!("{}.{}.{}", part(), part(), part());
    if let Ok(token) = Token::parse(&text) {
        refused(&token);
    }
}

fn refused(token: &Token<'_>) {
    let keys = published();
    assert_eq!(keys.len(), 3, "the keys of this target are keys");
    let wanted = Audience { issuer: "i", client_id: "c" };
    let verified = token.verify(&keys, &wanted, Timestamp::ZERO);
    assert!(matches!(verified, Err(JwtFault::NoKey | JwtFault::Signature)), "{verified:?}");
}

/// Any text as a set of keys.
fn keys(data: &[u8]) {
    if let Some(keys) = KeySet::read(data) {
        assert!(keys.len() <= KEYS_MAX);
    }
}

/// Any text as what a token says: all that policies are told has a name of a token's.
fn claims(data: &[u8]) {
    let Ok(mut claims) = Claims::read(data) else { return };
    for (name, values) in claims.said() {
        assert!(name.starts_with("jwt:") && !values.is_empty(), "{name}");
    }
    assert!(claims.names("policy").iter().all(|name| !name.is_empty() && !name.contains(',')));
    let (said, subject) = (claims.said(), claims.subject().map(str::to_owned));
    if claims.add(claims.clone()).is_ok() {
        assert!(claims.said() == said && claims.subject() == subject.as_deref(), "it adds to itself");
    }
}
