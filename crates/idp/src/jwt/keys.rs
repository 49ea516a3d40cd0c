//! The keys of a provider, as it publishes them.
//!
//! Always true: a key is public and for signatures. What is neither, or is not understood, is left out, so that one odd key does not
//! take the others along.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self as scheme, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::jws::{SigningAlgorithm, Token};

/// Keys of one provider that are looked at, at most.
pub const KEYS_MAX: usize = 64;

/// RFC 7517's names. Unknown ones do not matter.
#[derive(Deserialize)]
struct JsonKey {
    kty: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    /// The private part: whoever publishes it has given the key away.
    #[serde(default)]
    d: Option<Value>,
}

#[derive(Deserialize)]
struct JsonKeySet {
    keys: Vec<Value>,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
enum PublicKey {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key of a provider.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VerifyingKey {
    id: Option<String>,
    /// The only algorithm that it is for, where the provider says.
    only: Option<SigningAlgorithm>,
    key: PublicKey,
}

/// The keys of a provider.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// Reads a set (`{"keys": [...]}`); none where it is no set.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let set: JsonKeySet = serde_json::from_slice(text).ok()?;
        let read = |key: Value| VerifyingKey::of(serde_json::from_value(key).ok()?);
        Some(Self { keys: set.keys.into_iter().take(KEYS_MAX).filter_map(read).collect() })
    }

    /// How many can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key for this token.
    #[must_use]
    pub fn has_one_for(&self, token: &Token<'_>) -> bool {
        self.find(token).is_some()
    }

    /// The key that a token names; of one that names none, the only one that fits. Several that fit are no key: which one was meant
    /// is not to be tried out.
    pub(crate) fn find(&self, token: &Token<'_>) -> Option<&VerifyingKey> {
        let fits = |key: &&VerifyingKey| {
            key.fits(token.algorithm()) && token.key_id().is_none_or(|id| key.id.as_deref() == Some(id))
        };
        let mut fitting = self.keys.iter().filter(fits);
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "KeySet({} keys)", self.keys.len())
    }
}

impl VerifyingKey {
    fn of(json: JsonKey) -> Option<Self> {
        let is_for_signatures = json.usage.as_deref().is_none_or(|usage| usage == "sig")
            && json.key_ops.as_ref().is_none_or(|all| all.iter().any(|operation| operation == "verify"));
        if !is_for_signatures || json.d.is_some() {
            return None;
        }
        let only = match json.alg.as_deref() {
            Some(name) => Some(SigningAlgorithm::of_name(name)?),
            None => None,
        };
        let key = PublicKey::of(&json)?;
        Some(Self { id: json.kid, only, key })
    }

    /// Whether the key is of the algorithm's type, and may be used with it.
    fn fits(&self, algorithm: SigningAlgorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.key.is_for(algorithm)
    }

    /// Whether the signature over the message is this key's.
    pub(crate) fn verifies(&self, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let curve = |kind: &'static dyn scheme::VerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(kind, point).verify(message, signature).is_ok()
        };
        match (&self.key, rsa(algorithm)) {
            (PublicKey::Rsa { modulus, exponent }, Some(parameters)) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }
            (PublicKey::P256(point), None) => curve(&scheme::ECDSA_P256_SHA256_FIXED, point),
            (PublicKey::P384(point), None) => curve(&scheme::ECDSA_P384_SHA384_FIXED, point),
            (PublicKey::Ed25519(point), None) => curve(&scheme::ED25519, point),
            _ => false,
        }
    }
}

impl PublicKey {
    fn of(json: &JsonKey) -> Option<Self> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match (json.kty.as_str(), json.crv.as_deref()) {
            ("RSA", _) => {
                // ring takes numbers without leading zeros; some providers write them.
                let number = |text| bytes(text).map(without_zeros);
                Some(Self::Rsa { modulus: number(&json.n)?, exponent: number(&json.e)? })
            }
            ("EC", Some("P-256")) => point(&bytes(&json.x)?, &bytes(&json.y)?, 32).map(Self::P256),
            ("EC", Some("P-384")) => point(&bytes(&json.x)?, &bytes(&json.y)?, 48).map(Self::P384),
            ("OKP", Some("Ed25519")) => bytes(&json.x).filter(|x| x.len() == 32).map(Self::Ed25519),
            _ => None,
        }
    }

    fn is_for(&self, algorithm: SigningAlgorithm) -> bool {
        match self {
            Self::Rsa { .. } => rsa(algorithm).is_some(),
            Self::P256(_) => algorithm == SigningAlgorithm::Es256,
            Self::P384(_) => algorithm == SigningAlgorithm::Es384,
            Self::Ed25519(_) => algorithm == SigningAlgorithm::EdDsa,
        }
    }
}

/// How ring calls an algorithm of RSA; none for others. Keys of less than 2048 bits verify nothing.
fn rsa(algorithm: SigningAlgorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        SigningAlgorithm::Rs256 => &scheme::RSA_PKCS1_2048_8192_SHA256,
        SigningAlgorithm::Rs384 => &scheme::RSA_PKCS1_2048_8192_SHA384,
        SigningAlgorithm::Rs512 => &scheme::RSA_PKCS1_2048_8192_SHA512,
        SigningAlgorithm::Ps256 => &scheme::RSA_PSS_2048_8192_SHA256,
        SigningAlgorithm::Ps384 => &scheme::RSA_PSS_2048_8192_SHA384,
        SigningAlgorithm::Ps512 => &scheme::RSA_PSS_2048_8192_SHA512,
        SigningAlgorithm::Es256 | SigningAlgorithm::Es384 | SigningAlgorithm::EdDsa => return None,
    })
}

fn without_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// A point of a curve, not compressed: 4, x, y.
fn point(x: &[u8], y: &[u8], len: usize) -> Option<Vec<u8>> {
    (x.len() == len && y.len() == len).then(|| [&[4], x, y].concat())
}
