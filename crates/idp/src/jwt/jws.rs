//! A token in its compact form: header, payload and signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use super::keys::KeySet;
use super::{Audience, JwtFault};
use model::time::Timestamp;

/// A token is no longer than this. Those of large directories, with hundreds of groups, have 12 KiB.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;
/// The name of a key is no longer than this.
const KEY_ID_BYTES_MAX: usize = 512;

/// How a token is signed: what is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of RFC 7518 and 8037")]
pub enum SigningAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl SigningAlgorithm {
    /// Each with its name.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// The one of this name; none if it is not taken.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }
}

/// A name that stands twice is an error, as of every field that is named here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// A token of which nothing is believed yet.
pub struct Token<'t> {
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    /// What the signature is over.
    signed: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Token<'t> {
    /// Takes it apart.
    ///
    /// # Errors
    /// Where it is none, or is signed in a way that is not taken.
    pub fn parse(text: &'t str) -> Result<Self, JwtFault> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JwtFault::TooLong);
        }
        let malformed = || JwtFault::Malformed("it has not three parts with dots between them");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        if payload.contains('.') {
            return Err(malformed());
        }
        let header = read_header(header)?;
        let algorithm = SigningAlgorithm::of_name(&header.alg).ok_or(JwtFault::Algorithm)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { algorithm, key_id: header.kid, signed, payload, signature })
    }

    /// How it says that it is signed.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The key that it says it is signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What it says, once the signature and everything that bounds its use was found right.
    ///
    /// # Errors
    /// Where something is not.
    pub fn verify(&self, keys: &KeySet, wanted: &Audience<'_>, now: Timestamp) -> Result<Claims, JwtFault> {
        let key = keys.find(self).ok_or(JwtFault::NoKey)?;
        if !key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(JwtFault::Signature);
        }
        let claims = Claims::read(&self.payload)?;
        claims.check(wanted, now)?;
        Ok(claims)
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Token({})", self.algorithm.name())
    }
}

fn read_header(text: &str) -> Result<Header, JwtFault> {
    let bytes = decode(text)?;
    let header: Header =
        serde_json::from_slice(&bytes).map_err(|_| JwtFault::Malformed("its header is no JSON of one"))?;
    // "If any of the listed extension parameters are not understood, then the JWS is invalid": none is.
    if header.crit.is_some() {
        return Err(JwtFault::Malformed("its header asks for extensions"));
    }
    // What a provider signs for other purposes says so: a token of a logout is not one of a login.
    let is_ours = |kind: &str| {
        ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(kind))
    };
    if header.typ.as_deref().is_some_and(|kind| !is_ours(kind)) {
        return Err(JwtFault::Malformed("its type is not JWT"));
    }
    if header.kid.as_ref().is_some_and(|id| id.len() > KEY_ID_BYTES_MAX) {
        return Err(JwtFault::Malformed("the name of its key is longer than 512 bytes"));
    }
    Ok(header)
}

fn decode(text: &str) -> Result<Vec<u8>, JwtFault> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtFault::Malformed("a part is not base64url"))
}
