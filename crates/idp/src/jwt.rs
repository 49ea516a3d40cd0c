//! JSON Web Tokens, as OpenID providers sign them.
//!
//! Always true: nothing of a token counts before its signature was verified by a key of the provider's set, with the algorithm that
//! belongs to the type of that key. `none` and algorithms with a shared secret are not known here. The time and memory of a refusal
//! are bounded by the size of the token, which is looked at first.
//!
//! Source: RFC 7515 (JWS), 7517 (JWK), 7518 and 8037 (algorithms), 7519 (JWT), 8725 (best practices), OpenID Connect Core 1.0, 3.1.3.7.

mod claims;
mod jws;
mod keys;
#[cfg(test)]
pub(crate) mod tests;

pub use claims::{Audience, Claims};
pub use jws::{SigningAlgorithm, TOKEN_BYTES_MAX, Token};
pub use keys::{KEYS_MAX, KeySet};

use thiserror::Error;

/// Why a token is not believed. `Display` is for who sent it; it holds nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwtFault {
    /// It is longer than it may be.
    #[error("the token is longer than 16384 bytes")]
    TooLong,
    /// It is no signed token.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that is not taken.
    #[error(
        "the token's algorithm is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA"
    )]
    Algorithm,
    /// No key of the provider fits it.
    #[error("the provider has no key for this token, or several for one that names none")]
    NoKey,
    /// The signature is not the provider's.
    #[error("the token's signature does not verify")]
    Signature,
    /// A claim that is needed is missing or no value of its kind.
    #[error("the claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// It was made by somebody else.
    #[error("the token's issuer is not the provider")]
    Issuer,
    /// It was made for somebody else.
    #[error(
        "the token was made for another client: its `aud` or `azp` has to be the client id that this server has"
    )]
    Audience,
    /// Its time has not come.
    #[error("the token is not valid yet: are the clocks of provider and server right?")]
    NotYet,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}
