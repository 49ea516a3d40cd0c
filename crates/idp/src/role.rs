//! The names of roles: what a client says to choose one of several providers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The ARN of a provider's role, as MinIO makes it of the client's id, so that clients need not be told another one.
#[must_use]
pub fn role_arn(id: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, id.as_bytes());
    format!("arn:minio:iam:::role/{}", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_the_name_that_minio_gives_it() {
        // SHA-1 of "abc": a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d.
        assert_eq!(role_arn("abc"), "arn:minio:iam:::role/qZk-NkcGgWq6PiVxeFDCbJzQ2J0");
    }
}
