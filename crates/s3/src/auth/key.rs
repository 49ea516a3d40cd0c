//! Signing keys and their cache. A key in the cache is served only for the very secret it was derived from.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use ring::hmac;

use super::scope::Scope;

const SETS: usize = 256;
const WAYS: usize = 4;
/// Keys that the cache holds at most.
pub const KEYS_MAX: usize = SETS * WAYS;

/// A derived key (of one secret, day, region and service), cheap to clone.
pub type SigningKey = Arc<hmac::Key>;

/// Derives the key from the secret: four chained HMACs.
pub fn derive(secret: &str, scope: &Scope<'_>) -> SigningKey {
    let mut first = Vec::with_capacity(4 + secret.len());
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.as_bytes());
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, &first);
    for step in [scope.day, scope.region, scope.service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
    }
    Arc::new(key)
}

/// A bounded cache of signing keys: sets of four ways, the least recently used of a set goes first, a lock per set.
///
/// The lookup hash has no secret seed. Whoever makes keys collide only makes them be derived anew, and only
/// those who hold a valid secret get keys stored at all.
#[derive(Debug)]
pub struct SigningKeys {
    sets: Box<[Mutex<[Option<Entry>; WAYS]>]>,
}

#[derive(Debug)]
struct Entry {
    access_key: Box<str>,
    secret: Box<str>,
    scope: Box<str>,
    key: SigningKey,
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl SigningKeys {
    /// An empty cache.
    pub fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::new([const { None }; WAYS])).collect() }
    }

    /// The key, and whether it came from the cache. `scope_text` is the text of `scope`.
    pub(super) fn find(&self, access_key: &str, secret: &str, scope_text: &str) -> Option<SigningKey> {
        let mut set = self.set(access_key, scope_text)?.lock();
        let way = set
            .iter()
            .position(|entry| entry.as_ref().is_some_and(|entry| entry.is(access_key, scope_text)))?;
        // A secret that has changed since makes the entry worthless.
        if set[way].as_ref().is_none_or(|entry| &*entry.secret != secret) {
            set[way] = None;
            return None;
        }
        set[..=way].rotate_right(1);
        set[0].as_ref().map(|entry| Arc::clone(&entry.key))
    }

    /// Remembers a key. Called once a signature made with it has been verified, so that strangers cannot fill the cache.
    pub(super) fn keep(&self, access_key: &str, secret: &str, scope_text: &str, key: SigningKey) {
        let Some(set) = self.set(access_key, scope_text) else {
            return;
        };
        let entry =
            Entry { access_key: access_key.into(), secret: secret.into(), scope: scope_text.into(), key };
        let mut set = set.lock();
        let same = set.iter().position(|old| old.as_ref().is_some_and(|old| old.is(access_key, scope_text)));
        let way = same.unwrap_or(WAYS - 1);
        set[..=way].rotate_right(1);
        set[0] = Some(entry);
    }

    fn set(&self, access_key: &str, scope_text: &str) -> Option<&Mutex<[Option<Entry>; WAYS]>> {
        let mut hasher = DefaultHasher::new();
        (access_key, scope_text).hash(&mut hasher);
        // The remainder is below SETS, which fits every usize.
        self.sets.get(usize::try_from(hasher.finish() % SETS as u64).unwrap_or_default())
    }
}

impl Entry {
    fn is(&self, access_key: &str, scope_text: &str) -> bool {
        &*self.access_key == access_key && &*self.scope == scope_text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";

    fn key(secret: &str) -> SigningKey {
        derive(secret, &Scope { day: "20130524", region: "us-east-1", service: "s3" })
    }

    #[test]
    fn a_changed_secret_is_never_served_from_the_cache() {
        let keys = SigningKeys::new();
        keys.keep("A", "old", SCOPE, key("old"));
        assert!(keys.find("A", "old", SCOPE).is_some());
        assert!(keys.find("A", "new", SCOPE).is_none());
        assert!(keys.find("A", "old", SCOPE).is_none(), "the entry is gone");
    }

    #[test]
    fn another_access_key_or_scope_is_another_key() {
        let keys = SigningKeys::new();
        keys.keep("A", "secret", SCOPE, key("secret"));
        assert!(keys.find("B", "secret", SCOPE).is_none());
        assert!(keys.find("A", "secret", "20130525/us-east-1/s3/aws4_request").is_none());
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let keys = SigningKeys::new();
        let shared = key("secret");
        for number in 0..10_000 {
            keys.keep(&format!("key{number}"), "secret", SCOPE, Arc::clone(&shared));
            keys.keep("hot", "secret", SCOPE, Arc::clone(&shared));
            assert!(keys.find("hot", "secret", SCOPE).is_some());
        }
        let held: usize = keys.sets.iter().map(|set| set.lock().iter().flatten().count()).sum();
        assert!(held <= KEYS_MAX);
    }
}
