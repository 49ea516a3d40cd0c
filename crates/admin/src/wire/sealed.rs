//! A sealed payload: `salt (32) | algorithm (1) | nonce (8) | fragments`.

use env::Random;
use thiserror::Error;

use super::fragments::{self, FRAGMENT_BYTES, NONCE_BYTES, TAG_BYTES};
use super::key::SALT_BYTES;
use super::{Algorithm, PayloadKey};

/// What a sealed request may hold, in bytes: several times the largest policy or configuration.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

const HEAD_BYTES: usize = SALT_BYTES + 1 + NONCE_BYTES;
const FRAGMENTS_MAX: usize = PAYLOAD_BYTES_MAX / FRAGMENT_BYTES;
/// The longest sealed request, in bytes.
const SEALED_BYTES_MAX: usize = HEAD_BYTES + PAYLOAD_BYTES_MAX + FRAGMENTS_MAX * TAG_BYTES;

const _: () =
    assert!(PAYLOAD_BYTES_MAX.is_multiple_of(FRAGMENT_BYTES), "the longest payload is of whole fragments");

/// Why a payload can't be opened or sealed. The caller has to send another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It ends before its first fragment does.
    #[error("the body is no sealed payload: it has {bytes} bytes, and the shortest one has {}", HEAD_BYTES + TAG_BYTES)]
    TooShort {
        /// Bytes that it has.
        bytes: usize,
    },
    /// It holds more than [`PAYLOAD_BYTES_MAX`].
    #[error("the sealed body has {bytes} bytes; at most {SEALED_BYTES_MAX} are taken")]
    TooLong {
        /// Bytes that it has.
        bytes: usize,
    },
    /// No algorithm has this byte.
    #[error("the body is no sealed payload: there is no algorithm {byte}")]
    UnknownAlgorithm {
        /// Its byte.
        byte: u8,
    },
    /// Another secret, or changed on the way.
    #[error(
        "the body was not sealed with the secret key of the access key that signed the request, or was changed on the way"
    )]
    NotAuthentic,
    /// No key can be derived from the secret.
    #[error("no key can be derived from this secret key")]
    Derivation,
}

/// A payload as it was received, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct SealedPayload<'a> {
    algorithm: Algorithm,
    salt: &'a [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    fragments: &'a [u8],
}

impl<'a> SealedPayload<'a> {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// Where it is too short or long, or says that it is sealed by what is not known.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        let too_short = PayloadError::TooShort { bytes: bytes.len() };
        if bytes.len() > SEALED_BYTES_MAX {
            return Err(PayloadError::TooLong { bytes: bytes.len() });
        }
        let (salt, rest) = bytes.split_first_chunk::<SALT_BYTES>().ok_or(too_short)?;
        let (algorithm, rest) = rest.split_first().ok_or(too_short)?;
        let (nonce, fragments) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(too_short)?;
        let algorithm = Algorithm::from_byte(*algorithm)?;
        if fragments.len() < TAG_BYTES {
            return Err(too_short);
        }
        Ok(Self { algorithm, salt, nonce: *nonce, fragments })
    }

    /// How it says that it is sealed.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that this secret gives for it.
    ///
    /// # Errors
    /// As [`PayloadKey::derive`].
    pub fn key(&self, secret: &str) -> Result<PayloadKey, PayloadError> {
        PayloadKey::derive(self.algorithm, secret, self.salt)
    }

    /// What is sealed in it.
    ///
    /// # Errors
    /// [`PayloadError::NotAuthentic`].
    pub fn open(&self, key: &PayloadKey) -> Result<Vec<u8>, PayloadError> {
        fragments::open(key, self.nonce, self.fragments)
    }
}

/// Opens a payload with the secret of who sent it.
///
/// # Errors
/// Where it is no payload, or was sealed with another secret.
pub fn open(secret: &str, sealed: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let payload = SealedPayload::parse(sealed)?;
    payload.open(&payload.key(secret)?)
}

/// Seals a payload for who knows the secret. Answers may be longer than requests.
///
/// # Errors
/// As [`PayloadKey::derive`].
pub fn seal(
    secret: &str,
    plain: &[u8],
    algorithm: Algorithm,
    random: &dyn Random,
) -> Result<Vec<u8>, PayloadError> {
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    random.fill(&mut salt);
    random.fill(&mut nonce);
    let key = PayloadKey::derive(algorithm, secret, &salt)?;
    seal_with(&key, algorithm, &salt, nonce, plain)
}

/// Seals with a key that is at hand, for checks that can't wait for derivations.
///
/// # Errors
/// Never for a payload of a length that can be.
pub fn seal_with(
    key: &PayloadKey,
    algorithm: Algorithm,
    salt: &[u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    plain: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    let mut sealed = head(salt, algorithm, nonce, plain.len());
    fragments::seal(key, nonce, plain, &mut sealed)?;
    Ok(sealed)
}

fn head(
    salt: &[u8; SALT_BYTES],
    algorithm: Algorithm,
    nonce: [u8; NONCE_BYTES],
    plain_bytes: usize,
) -> Vec<u8> {
    let tags = (plain_bytes / FRAGMENT_BYTES + 1) * TAG_BYTES;
    let mut sealed = Vec::with_capacity(HEAD_BYTES + plain_bytes + tags);
    sealed.extend_from_slice(salt);
    sealed.push(algorithm.byte());
    sealed.extend_from_slice(&nonce);
    sealed
}
