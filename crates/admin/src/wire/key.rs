//! The key of a payload: derived from the caller's secret key and the salt that the payload bears.

use argon2::{Argon2, Params, Version};
use ring::aead::{AES_256_GCM, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::pbkdf2;

use super::PayloadError;

/// Bytes of a salt.
pub(super) const SALT_BYTES: usize = 32;
/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// What madmin derives keys with. They are not in the payload: both sides know them.
const ARGON2_MEMORY_KIB: u32 = 64 << 10;
const ARGON2_PASSES: u32 = 1;
const ARGON2_LANES: u32 = 4;
const PBKDF2_ROUNDS: std::num::NonZeroU32 = std::num::NonZeroU32::new(8192).unwrap();

/// How a payload is sealed: its byte behind the salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Argon2id, then AES-256-GCM.
    Argon2idAes256Gcm,
    /// Argon2id, then ChaCha20-Poly1305: from clients without AES instructions.
    Argon2idChaCha20Poly1305,
    /// PBKDF2-HMAC-SHA256, then AES-256-GCM: from clients that keep to FIPS 140.
    Pbkdf2Aes256Gcm,
}

impl Algorithm {
    /// The algorithm of this byte.
    ///
    /// # Errors
    /// [`PayloadError::UnknownAlgorithm`].
    pub fn from_byte(byte: u8) -> Result<Self, PayloadError> {
        match byte {
            0 => Ok(Self::Argon2idAes256Gcm),
            1 => Ok(Self::Argon2idChaCha20Poly1305),
            2 => Ok(Self::Pbkdf2Aes256Gcm),
            byte => Err(PayloadError::UnknownAlgorithm { byte }),
        }
    }

    /// Its byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Argon2idAes256Gcm => 0,
            Self::Argon2idChaCha20Poly1305 => 1,
            Self::Pbkdf2Aes256Gcm => 2,
        }
    }
}

/// The key of one payload. Not shown by `Debug`.
pub struct PayloadKey {
    aead: LessSafeKey,
}

impl std::fmt::Debug for PayloadKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PayloadKey(..)")
    }
}

impl PayloadKey {
    /// The key that a secret gives with this salt. With Argon2id it takes 64 MiB and tens of milliseconds.
    ///
    /// # Errors
    /// [`PayloadError::Derivation`] where the secret is none that a key can be derived from.
    pub fn derive(algorithm: Algorithm, secret: &str, salt: &[u8; SALT_BYTES]) -> Result<Self, PayloadError> {
        let mut bytes = [0; KEY_BYTES];
        match algorithm {
            Algorithm::Pbkdf2Aes256Gcm => {
                let hmac = pbkdf2::PBKDF2_HMAC_SHA256;
                pbkdf2::derive(hmac, PBKDF2_ROUNDS, salt, secret.as_bytes(), &mut bytes);
            }
            Algorithm::Argon2idAes256Gcm | Algorithm::Argon2idChaCha20Poly1305 => {
                argon2id(secret, salt, &mut bytes).map_err(|_| PayloadError::Derivation)?;
            }
        }
        Self::from_bytes(algorithm, &bytes)
    }

    /// The key of these bytes.
    ///
    /// # Errors
    /// [`PayloadError::Derivation`] where the algorithm takes no such key.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8; KEY_BYTES]) -> Result<Self, PayloadError> {
        let aead = match algorithm {
            Algorithm::Argon2idChaCha20Poly1305 => &CHACHA20_POLY1305,
            Algorithm::Argon2idAes256Gcm | Algorithm::Pbkdf2Aes256Gcm => &AES_256_GCM,
        };
        let key = UnboundKey::new(aead, bytes).map_err(|_| PayloadError::Derivation)?;
        Ok(Self { aead: LessSafeKey::new(key) })
    }

    pub(super) fn aead(&self) -> &LessSafeKey {
        &self.aead
    }
}

fn argon2id(secret: &str, salt: &[u8], key: &mut [u8; KEY_BYTES]) -> argon2::Result<()> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, Some(KEY_BYTES))?;
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(secret.as_bytes(), salt, key)
}
