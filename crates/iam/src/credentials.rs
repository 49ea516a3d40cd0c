//! The credentials of root.

use std::fmt;
use std::sync::Arc;

/// The access key of the documentation.
pub const DOCUMENTED_ACCESS_KEY: &str = "rustfsadmin";
/// The secret key of the documentation.
pub const DOCUMENTED_SECRET_KEY: &str = "rustfssecret";

/// The credentials of root.
#[derive(Clone)]
pub struct RootCredentials {
    /// Whom a signature names.
    pub access_key: String,
    /// What a signature is made with.
    pub secret_key: String,
    /// Whether the operator has set them, by environment or flags.
    pub from_environment: bool,
}

impl RootCredentials {
    /// The pair of the documentation, for a server that was given none.
    #[must_use]
    pub fn documented() -> Self {
        Self {
            access_key: DOCUMENTED_ACCESS_KEY.to_owned(),
            secret_key: DOCUMENTED_SECRET_KEY.to_owned(),
            from_environment: false,
        }
    }

    /// Whether they are the pair of the documentation, and the operator has not set them.
    #[must_use]
    pub fn is_documented_default(&self) -> bool {
        let is_documented =
            self.access_key == DOCUMENTED_ACCESS_KEY && self.secret_key == DOCUMENTED_SECRET_KEY;
        is_documented && !self.from_environment
    }
}

impl fmt::Debug for RootCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RootCredentials")
            .field("access_key", &self.access_key)
            .field("from_environment", &self.from_environment)
            .finish_non_exhaustive()
    }
}

/// A secret key. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Arc<str>);

impl SecretKey {
    /// From a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl AsRef<str> for SecretKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(..)")
    }
}
