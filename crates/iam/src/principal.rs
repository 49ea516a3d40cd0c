//! The account that owns the store, by its names.

/// The canonical id of root's account: 64 hexadecimal digits, as AWS's are, and the same in every store, so that owners
/// survive a move of objects from one store to another.
pub const ROOT_CANONICAL_ID: &str = "9a1c7f3e5b2d48066f0e8b7a4c3d2e1f0a9b8c7d6e5f40312233445566778899";
/// The account number of root, for what names accounts by number.
pub const ROOT_ACCOUNT_NUMBER: &str = "000000000000";

#[cfg(test)]
mod tests {
    use model::identity::AccountId;

    use super::*;

    #[test]
    fn root_has_the_names_that_an_account_has() {
        assert_eq!(ROOT_CANONICAL_ID.len(), 64);
        assert!(ROOT_CANONICAL_ID.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        assert_eq!(ROOT_ACCOUNT_NUMBER, AccountId::ROOT.to_string());
    }
}
