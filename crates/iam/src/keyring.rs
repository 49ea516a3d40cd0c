//! Secrets at rest: every secret key is sealed under the keyring's key, which is sealed under root's secret key.
//!
//! Always true: what is sealed is bound to the access key it belongs to, so that a row's secret is of no use in another row;
//! no nonce is used twice under one key but by an accident of 96 random bits.
//!
//! AES-256-GCM: `version 1 ‖ nonce, 12 bytes ‖ ciphertext ‖ tag, 16 bytes`. Root's secret key becomes a key by Argon2id
//! (RFC 9106) with the salt and costs that the row names, so that a stolen drive does not give it away to who only guesses.

use std::fmt;

use env::Random;
use model::identity::KeyringRecord;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use thiserror::Error;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
/// Costs that a row may ask for, at most: it comes from a drive.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 64;
/// What the keyring's key is bound to.
const KEYRING_NAME: &str = "rustfs keyring";

/// What it costs to guess root's secret key from a keyring, once for each guess and for each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingCosts {
    /// Memory of Argon2id in KiB.
    pub memory_kib: u32,
    /// Its passes.
    pub passes: u32,
}

impl SealingCosts {
    /// The least that there is: for tests that open stores by the thousand.
    pub const LEAST: Self = Self { memory_kib: 8, passes: 1 };
}

impl Default for SealingCosts {
    /// What OWASP's page on the storage of passwords recommends.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// What was sealed can't be opened: another key, or the bytes were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a sealed secret can't be opened: it was sealed under another key, or was changed")]
pub struct Unsealable;

/// Seals secrets and opens them again. Its key is shown nowhere.
#[derive(Clone)]
pub(crate) struct Keyring {
    key: [u8; KEY_BYTES],
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keyring(..)")
    }
}

impl Keyring {
    /// A new one.
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self { key: random_bytes(random) }
    }

    /// The row that keeps it, sealed under root's secret key.
    ///
    /// # Errors
    /// Never with the costs of this release; [`Unsealable`] where the library refuses them.
    pub(crate) fn to_record(
        &self,
        root_secret: &str,
        costs: SealingCosts,
        random: &dyn Random,
    ) -> Result<KeyringRecord, Unsealable> {
        let salt = random_bytes(random);
        let root = derive(root_secret, &salt, costs)?;
        let sealed_key = seal(&root, KEYRING_NAME, &self.key, random)?;
        Ok(KeyringRecord { salt, memory_kib: costs.memory_kib, passes: costs.passes, sealed_key })
    }

    /// From the row that [`Keyring::to_record`] made.
    ///
    /// # Errors
    /// Where it was made with another secret key of root.
    pub(crate) fn from_record(record: &KeyringRecord, root_secret: &str) -> Result<Self, Unsealable> {
        let costs = SealingCosts { memory_kib: record.memory_kib, passes: record.passes };
        let root = derive(root_secret, &record.salt, costs)?;
        let key = open(&root, KEYRING_NAME, &record.sealed_key)?;
        Ok(Self { key: key.try_into().map_err(|_| Unsealable)? })
    }

    /// Seals the secret of an access key.
    ///
    /// # Errors
    /// Never for what fits into memory.
    pub(crate) fn seal(
        &self,
        access_key: &str,
        secret: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, Unsealable> {
        seal(&self.key, access_key, secret.as_bytes(), random)
    }

    /// Opens the sealed secret of an access key.
    ///
    /// # Errors
    /// Where it is another key's, or was changed.
    pub(crate) fn open(&self, access_key: &str, sealed: &[u8]) -> Result<String, Unsealable> {
        String::from_utf8(open(&self.key, access_key, sealed)?).map_err(|_| Unsealable)
    }
}

fn random_bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

fn derive(secret: &str, salt: &[u8], costs: SealingCosts) -> Result<[u8; KEY_BYTES], Unsealable> {
    let SealingCosts { memory_kib, passes } = costs;
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX {
        return Err(Unsealable);
    }
    let costs = argon2::Params::new(memory_kib, passes, 1, Some(KEY_BYTES)).map_err(|_| Unsealable)?;
    let function = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, costs);
    let mut key = [0; KEY_BYTES];
    function.hash_password_into(secret.as_bytes(), salt, &mut key).map_err(|_| Unsealable)?;
    Ok(key)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Unsealable> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(|_| Unsealable)?))
}

fn seal(
    key: &[u8; KEY_BYTES],
    name: &str,
    secret: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, Unsealable> {
    let nonce: [u8; NONCE_LEN] = random_bytes(random);
    let mut text = secret.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name.as_bytes()), &mut text)
        .map_err(|_| Unsealable)?;
    Ok([&[VERSION], &nonce[..], &text].concat())
}

fn open(key: &[u8; KEY_BYTES], name: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let (&[VERSION], rest) = sealed.split_first_chunk::<1>().ok_or(Unsealable)? else {
        return Err(Unsealable);
    };
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain =
        cipher(key)?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text).map_err(|_| Unsealable)?;
    Ok(plain.to_vec())
}

#[cfg(test)]
mod tests {
    use env::simulated::SimulatedRandom;

    use super::*;

    #[test]
    fn a_secret_comes_back_under_its_own_access_key_alone() {
        let random = SimulatedRandom::new(1);
        let keyring = Keyring::generate(&random);
        let sealed = keyring.seal("alice", "wonderland", &random).unwrap();
        assert_eq!(keyring.open("alice", &sealed).unwrap(), "wonderland");
        assert_eq!(keyring.open("bob", &sealed), Err(Unsealable));
        assert_eq!(Keyring::generate(&random).open("alice", &sealed), Err(Unsealable));
        assert_ne!(sealed, keyring.seal("alice", "wonderland", &random).unwrap(), "a nonce came twice");
    }

    #[test]
    fn what_was_changed_anywhere_is_not_opened() {
        let random = SimulatedRandom::new(1);
        let keyring = Keyring::generate(&random);
        let sealed = keyring.seal("alice", "wonderland", &random).unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(keyring.open("alice", &changed), Err(Unsealable), "byte {place}");
            assert_eq!(keyring.open("alice", &sealed[..place]), Err(Unsealable), "cut at {place}");
        }
    }

    #[test]
    fn the_keyring_opens_under_the_secret_key_of_root_alone() {
        let random = SimulatedRandom::new(1);
        let keyring = Keyring::generate(&random);
        let record = keyring.to_record("root-secret", SealingCosts::default(), &random).unwrap();
        let again = Keyring::from_record(&record, "root-secret").unwrap();
        let sealed = keyring.seal("alice", "wonderland", &random).unwrap();
        assert_eq!(again.open("alice", &sealed).unwrap(), "wonderland");
        assert!(Keyring::from_record(&record, "another").is_err());
        let greedy = KeyringRecord { memory_kib: u32::MAX, ..record };
        assert!(Keyring::from_record(&greedy, "root-secret").is_err(), "a row may not ask for 4 TiB");
    }
}
