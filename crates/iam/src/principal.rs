//! Who asks.

/// The canonical id of root's account: 64 hexadecimal digits, as AWS's are, and the same in every store, so that owners
/// survive a move of objects from one store to another.
pub const ROOT_CANONICAL_ID: &str = "9a1c7f3e5b2d48066f0e8b7a4c3d2e1f0a9b8c7d6e5f40312233445566778899";
/// The account number of root, for what names accounts by number.
pub const ROOT_ACCOUNT_NUMBER: &str = "000000000000";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The owner of the store.
    Root,
    /// Nobody says.
    Anonymous,
}

impl Principal {
    /// The canonical id of the account; none for anonymous.
    #[must_use]
    pub fn canonical_id(&self) -> Option<&'static str> {
        match self {
            Self::Root => Some(ROOT_CANONICAL_ID),
            Self::Anonymous => None,
        }
    }

    /// Whether nobody says who asks.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        *self == Self::Anonymous
    }
}

/// Whether an account is meant by the id: its canonical id, or its number.
#[must_use]
pub fn is_account(canonical_id: &str, named: &str) -> bool {
    named == canonical_id || (canonical_id == ROOT_CANONICAL_ID && named == ROOT_ACCOUNT_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_id_is_64_hexadecimal_digits() {
        assert_eq!(ROOT_CANONICAL_ID.len(), 64);
        assert!(ROOT_CANONICAL_ID.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        assert_eq!(ROOT_ACCOUNT_NUMBER.len(), 12);
    }

    #[test]
    fn an_account_is_meant_by_its_id_or_its_number() {
        assert!(is_account(ROOT_CANONICAL_ID, ROOT_CANONICAL_ID));
        assert!(is_account(ROOT_CANONICAL_ID, ROOT_ACCOUNT_NUMBER));
        assert!(!is_account(ROOT_CANONICAL_ID, &format!("{ROOT_CANONICAL_ID}foo")));
        assert!(!is_account("other", ROOT_ACCOUNT_NUMBER));
    }
}
