//! Ids and keys that nobody can guess.
//!
//! Source: prefixes of unique ids, <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>

use env::Random;

/// The 32 signs of ids and access keys.
const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The 64 signs of secret keys and tokens; none that a shell, a URL or a signature's header takes for something else.
const SECRET_SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// So many signs, each by as many random bits as it stands for.
fn text<const N: usize>(random: &dyn Random, signs: &[u8; N], len: usize) -> String {
    const { assert!(N.is_power_of_two() && N <= 256) };
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    let sign = |byte: &u8| signs.get(usize::from(*byte) % N).copied().map(char::from);
    bytes.iter().filter_map(sign).collect()
}

/// The id of a user: `AIDA` and 17 signs.
pub(crate) fn user_id(random: &dyn Random) -> String {
    format!("AIDA{}", text(random, SIGNS, 17))
}

/// The access key of a service account: `AKIA` and 16 signs, 80 bits.
pub(crate) fn access_key(random: &dyn Random) -> String {
    format!("AKIA{}", text(random, SIGNS, 16))
}

/// The access key of a session: `ASIA` and 16 signs.
pub(crate) fn session_access_key(random: &dyn Random) -> String {
    format!("ASIA{}", text(random, SIGNS, 16))
}

/// A secret key: 40 signs, 240 bits.
pub(crate) fn secret_key(random: &dyn Random) -> String {
    text(random, SECRET_SIGNS, 40)
}

/// A session token: 64 signs, 384 bits.
pub(crate) fn session_token(random: &dyn Random) -> String {
    text(random, SECRET_SIGNS, 64)
}

#[cfg(test)]
mod tests {
    use env::simulated::SimulatedRandom;

    use super::*;
    use crate::names::{access_key_fault, secret_key_fault};

    #[test]
    fn what_is_generated_may_be_used_and_differs() {
        let random = SimulatedRandom::new(1);
        let keys: Vec<String> = (0..100).map(|_| access_key(&random)).collect();
        assert!(keys.iter().all(|key| key.len() == 20 && access_key_fault(key).is_none()));
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert_eq!(secret_key_fault(&secret_key(&random)), None);
        assert_eq!(user_id(&random).len(), 21);
        assert_eq!(session_token(&random).len(), 64);
    }
}
