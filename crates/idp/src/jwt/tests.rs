//! Every algorithm, and every way that is known of being taken for somebody else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::time::Timestamp;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{self as scheme, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://idp.test";
const CLIENT: &str = "store";
const NOW: u64 = 1_800_000_000;

/// Made for these tests (`openssl genpkey`), as ring makes none of this kind.
const RSA: &[u8] = include_bytes!("tests/rsa.p8");

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair with what a provider publishes of it.
pub(crate) enum TestKey {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
}

impl TestKey {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    fn p256() -> Self {
        Self::ec(&scheme::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")
    }

    fn p384() -> Self {
        Self::ec(&scheme::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")
    }

    fn ec(algorithm: &'static scheme::EcdsaSigningAlgorithm, curve: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap(), curve)
    }

    pub(crate) fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn public(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let key: scheme::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": base64url(key.n), "e": base64url(key.e)})
            }
            Self::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Self::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())}),
        }
    }

    pub(crate) fn named(&self, id: &str) -> Value {
        with(self.public(), "kid", json!(id))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &'static dyn scheme::RsaEncoding = match algorithm {
                    "RS384" => &scheme::RSA_PKCS1_SHA384,
                    "RS512" => &scheme::RSA_PKCS1_SHA512,
                    "PS256" => &scheme::RSA_PSS_SHA256,
                    "PS384" => &scheme::RSA_PSS_SHA384,
                    "PS512" => &scheme::RSA_PSS_SHA512,
                    _ => &scheme::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(crate) fn token(&self, algorithm: &str, id: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": algorithm, "kid": id, "typ": "JWT"}), claims)
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = self.sign(header["alg"].as_str().unwrap_or_default(), signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "sub": "alice", "exp": NOW + 300, "iat": NOW, "policy": "readonly"})
}

fn verify(token: &str, keys: &KeySet) -> Result<Claims, JwtFault> {
    let wanted = Audience { issuer: ISSUER, client_id: CLIENT };
    Token::parse(token)?.verify(keys, &wanted, Timestamp::from_millis(NOW * 1000))
}

/// What becomes of these claims, rightly signed.
fn verify_claims(claims: &Value) -> Result<Claims, JwtFault> {
    let key = TestKey::ed25519();
    verify(&key.token("EdDSA", "1", claims), &set(&[key.named("1")]))
}

#[test]
fn every_algorithm_verifies_with_its_key_and_no_other() {
    let (rsa, other) = (TestKey::rsa(), [TestKey::p256(), TestKey::p384(), TestKey::ed25519()]);
    let keys = set(&[rsa.named("rsa"), other[0].named("p256"), other[1].named("p384"), other[2].named("ed")]);
    assert_eq!(keys.len(), 4);
    let rsa_algorithms =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|name| (name, "rsa", &rsa));
    let others = [("ES256", "p256", &other[0]), ("ES384", "p384", &other[1]), ("EdDSA", "ed", &other[2])];
    for (algorithm, id, key) in rsa_algorithms.into_iter().chain(others) {
        let token = key.token(algorithm, id, &claims());
        assert_eq!(verify(&token, &keys).unwrap().subject(), Some("alice"), "{algorithm}");
        for wrong in ["rsa", "p256", "p384", "ed", "none"].into_iter().filter(|wrong| *wrong != id) {
            let confused = key.token(algorithm, wrong, &claims());
            assert_eq!(verify(&confused, &keys), Err(JwtFault::NoKey), "{algorithm} with key {wrong}");
        }
    }
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let key = TestKey::p256();
    let (token, keys) = (key.token("ES256", "1", &claims()), set(&[key.named("1")]));
    assert!(verify(&token, &keys).is_ok());
    for place in (0..token.len()).filter(|place| token.as_bytes()[*place] != b'.') {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert!(verify(&String::from_utf8(changed).unwrap(), &keys).is_err(), "at {place}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let key = TestKey::ed25519();
    let keys = set(&[key.named("1")]);
    for name in ["none", "None", "NONE", ""] {
        let token =
            format!("{}.{}.", base64url(json!({"alg": name}).to_string()), base64url(claims().to_string()));
        assert_eq!(verify(&token, &keys).unwrap_err(), JwtFault::Algorithm, "{name}");
    }
    let signed = key.token("EdDSA", "1", &claims());
    let (without, _) = signed.rsplit_once('.').unwrap();
    assert_eq!(verify(&format!("{without}."), &keys).unwrap_err(), JwtFault::Signature);
}

/// The public key as the secret of an HMAC: everybody has it.
#[test]
fn a_signature_by_a_shared_secret_is_refused() {
    let rsa = TestKey::rsa();
    let keys = set(&[rsa.named("1"), json!({"kty": "oct", "kid": "2", "k": base64url("secret")})]);
    assert_eq!(keys.len(), 1, "a shared secret is no public key");
    let public = rsa.public().to_string();
    for (name, algorithm) in [("HS256", ring::hmac::HMAC_SHA256), ("HS512", ring::hmac::HMAC_SHA512)] {
        let header = json!({"alg": name, "kid": "1"}).to_string();
        let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let mac = ring::hmac::sign(&ring::hmac::Key::new(algorithm, public.as_bytes()), signed.as_bytes());
        let token = format!("{signed}.{}", base64url(mac.as_ref()));
        assert_eq!(verify(&token, &keys).unwrap_err(), JwtFault::Algorithm, "{name}");
    }
}

/// A key of the attacker's, sent along or pointed at: headers that RFC 7515 has, and nobody here reads.
#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let (ours, theirs) = (TestKey::ed25519(), TestKey::ed25519());
    let keys = set(&[ours.named("1")]);
    for (name, value) in [
        ("jwk", theirs.public()),
        ("jku", json!("https://attacker.test/keys")),
        ("x5u", json!("https://attacker.test/certificate")),
        ("x5c", json!(["AAAA"])),
    ] {
        let header = with(json!({"alg": "EdDSA", "kid": "1"}), name, value);
        assert_eq!(verify(&theirs.token_with(&header, &claims()), &keys), Err(JwtFault::Signature), "{name}");
        assert!(verify(&ours.token_with(&header, &claims()), &keys).is_ok(), "{name}");
    }
}

#[test]
fn a_token_that_names_no_key_needs_one_that_alone_fits() {
    let (one, another, rsa) = (TestKey::ed25519(), TestKey::ed25519(), TestKey::rsa());
    let token = one.token_with(&json!({"alg": "EdDSA"}), &claims());
    assert!(verify(&token, &set(&[one.named("1"), rsa.named("2")])).is_ok());
    assert_eq!(verify(&token, &set(&[one.named("1"), another.named("2")])), Err(JwtFault::NoKey));
    let twice = one.token("EdDSA", "1", &claims());
    assert_eq!(verify(&twice, &set(&[another.named("1"), one.named("1")])), Err(JwtFault::NoKey));
}

#[test]
fn keys_that_are_not_for_this_are_left_out() {
    let key = TestKey::p256();
    let named = || key.named("1");
    let odd = [
        with(named(), "use", json!("enc")),
        with(named(), "key_ops", json!(["deriveKey"])),
        with(named(), "d", json!("AAAA")),
        with(named(), "alg", json!("HS256")),
        with(named(), "alg", json!("ES512")),
        with(named(), "crv", json!("secp256k1")),
        with(named(), "x", json!("AAAA")),
        with(named(), "x", json!("not base64!")),
        json!({"kty": "EC"}),
        json!({"kty": 1}),
        json!("key"),
    ];
    for wrong in odd {
        assert!(set(std::slice::from_ref(&wrong)).is_empty(), "{wrong}");
        assert_eq!(set(&[wrong, named()]).len(), 1, "one odd key takes no other along");
    }
    assert_eq!(set(&[with(named(), "use", json!("sig"))]).len(), 1);
    let only = set(&[with(TestKey::rsa().named("1"), "alg", json!("RS256"))]);
    let other = TestKey::rsa().token("PS256", "1", &claims());
    assert_eq!(verify(&other, &only), Err(JwtFault::NoKey), "the key is for another algorithm");
    for wrong in ["", "[]", "{}", r#"{"keys":1}"#, r#"{"keys":"#] {
        assert!(KeySet::read(wrong.as_bytes()).is_none(), "{wrong}");
    }
    let many: Vec<Value> = (0..KEYS_MAX * 2).map(|number| key.named(&number.to_string())).collect();
    assert_eq!(set(&many).len(), KEYS_MAX);
}

/// 1024 bits: what was thought to be safe twenty years ago.
#[test]
fn a_short_rsa_key_verifies_nothing() {
    let key = TestKey::rsa();
    let short = with(key.named("1"), "n", json!(base64url([&[0xc1][..], &[0x55; 126], &[0x01]].concat())));
    assert_eq!(verify(&key.token("RS256", "1", &claims()), &set(&[short])), Err(JwtFault::Signature));
}

#[test]
fn a_token_of_another_provider_or_for_another_client_is_refused() {
    assert!(verify_claims(&claims()).is_ok());
    for wrong in [json!("https://idp.test/"), json!("https://other.test"), json!([ISSUER]), json!(null)] {
        assert_eq!(verify_claims(&with(claims(), "iss", wrong)), Err(JwtFault::Issuer));
    }
    for wrong in [json!("other"), json!(["other", "stores"]), json!(null), json!({"store": 1}), json!([])] {
        assert_eq!(verify_claims(&with(claims(), "aud", wrong)), Err(JwtFault::Audience));
    }
    assert!(verify_claims(&with(claims(), "aud", json!(["other", CLIENT]))).is_ok());
    let access = with(with(claims(), "aud", json!("account")), "azp", json!(CLIENT));
    assert!(verify_claims(&access).is_ok(), "an access token that was issued to this client");
    let stolen = with(with(claims(), "aud", json!("account")), "azp", json!("other"));
    assert_eq!(verify_claims(&stolen), Err(JwtFault::Audience));
}

#[test]
fn a_token_counts_from_its_begin_to_its_end() {
    let at = |name: &str, value: Value| verify_claims(&with(claims(), name, value));
    assert!(at("exp", json!(NOW + 1)).is_ok());
    assert!(at("exp", json!(NOW as f64 + 1.5)).is_ok());
    assert_eq!(at("exp", json!(NOW)), Err(JwtFault::Expired));
    for wrong in [json!(null), json!("1900000000"), json!(-1), json!(1e300), json!(u64::MAX)] {
        assert_eq!(at("exp", wrong), Err(JwtFault::Claim("exp")));
    }
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(verify_claims(&endless), Err(JwtFault::Claim("exp")));
    for name in ["nbf", "iat"] {
        assert!(at(name, json!(NOW + 60)).is_ok(), "a clock may be ahead by a minute");
        assert_eq!(at(name, json!(NOW + 61)), Err(JwtFault::NotYet));
    }
}

#[test]
fn a_token_about_nobody_or_about_a_logout_is_refused() {
    for wrong in [json!(null), json!(""), json!(7), json!(["alice"])] {
        assert_eq!(verify_claims(&with(claims(), "sub", wrong)), Err(JwtFault::Claim("sub")));
    }
    let logout = with(claims(), "events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    assert!(matches!(verify_claims(&logout), Err(JwtFault::Malformed(_))));
    let key = TestKey::ed25519();
    let header = json!({"alg": "EdDSA", "kid": "1", "typ": "logout+jwt"});
    let token = key.token_with(&header, &claims());
    assert!(matches!(verify(&token, &set(&[key.named("1")])), Err(JwtFault::Malformed(_))));
}

#[test]
fn what_is_no_token_is_refused() {
    let header = base64url(r#"{"alg":"EdDSA"}"#);
    let twice = base64url(r#"{"alg":"EdDSA","alg":"RS256"}"#);
    let critical = base64url(r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#);
    let padded = format!("{header}=.e30.AA");
    let cases = [
        String::new(),
        "a.b".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.e30"),
        format!("{header}.e30.AA.AA"),
        format!("{header}.e30.A+/A"),
        format!("{twice}.e30.AA"),
        format!("{critical}.e30.AA"),
        padded,
    ];
    for wrong in &cases {
        assert!(matches!(Token::parse(wrong), Err(JwtFault::Malformed(_))), "{wrong}");
    }
    let long = format!("{header}.{}.AA", "A".repeat(TOKEN_BYTES_MAX));
    assert_eq!(Token::parse(&long).unwrap_err(), JwtFault::TooLong);
}

/// Readers differ in which of two they take: one checks it, the other uses it.
#[test]
fn a_claim_that_stands_twice_is_refused() {
    let text =
        format!(r#"{{"iss":"{ISSUER}","aud":"{CLIENT}","sub":"alice","exp":{},"sub":"root"}}"#, NOW + 9);
    let key = TestKey::ed25519();
    let signed = format!("{}.{}", base64url(r#"{"alg":"EdDSA","kid":"1"}"#), base64url(text));
    let token = format!("{signed}.{}", base64url(key.sign("EdDSA", signed.as_bytes())));
    assert!(matches!(verify(&token, &set(&[key.named("1")])), Err(JwtFault::Malformed(_))));
}

#[test]
fn policies_are_told_what_has_a_value() {
    let more = json!({
        "groups": ["a", "b", 7, null, {"x": 1}], "email_verified": true, "address": {"street": "x"}, "empty": [],
        "nonce": "n", "policy": ["readonly, writeonly", "diagnostics"],
    });
    let mut all = claims();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let read = verify_claims(&all).unwrap();
    assert_eq!(read.names("policy"), ["readonly", "writeonly", "diagnostics"]);
    assert_eq!(read.names("absent"), Vec::<String>::new());
    let said = read.said();
    let value = |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, values)| values.join("|"));
    assert_eq!(value("jwt:groups").as_deref(), Some("a|b|7"));
    assert_eq!(value("jwt:email_verified").as_deref(), Some("true"));
    assert_eq!(value("jwt:sub").as_deref(), Some("alice"));
    for absent in ["jwt:exp", "jwt:nonce", "jwt:address", "jwt:empty"] {
        assert_eq!(value(absent), None, "{absent}");
    }
}

#[test]
fn what_a_provider_says_besides_changes_nothing_of_the_token() {
    let read = |value: Value| Claims::read(value.to_string().as_bytes()).unwrap();
    let mut token = read(claims());
    token.add(read(json!({"sub": "alice", "policy": "consoleAdmin", "groups": ["a"]}))).unwrap();
    assert_eq!((token.names("policy"), token.names("groups")), (vec!["readonly".into()], vec!["a".into()]));
    assert_eq!(token.add(read(json!({"sub": "root"}))), Err(JwtFault::Claim("sub")));
    assert_eq!(token.add(read(json!({}))), Err(JwtFault::Claim("sub")));
}
