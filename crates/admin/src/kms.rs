//! Keys for encryption. No service for keys can be set up in this release, and that is what is told.

use crate::answer::Answer;
use crate::error::{AdminError, AdminErrorCode};

/// That there is none.
pub(crate) fn status() -> Result<Answer, AdminError> {
    let message = "No KMS is configured: this release encrypts nothing at rest.";
    Err(AdminError::new(AdminErrorCode::KmsNotConfigured, message))
}
