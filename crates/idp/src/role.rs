//! The names of roles: what a client says to choose one of several providers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The ARN of a provider's role, as MinIO makes it of the client's id, so that clients need not be told another one.
#[must_use]
pub fn role_arn(id: &str) -> String {
    format!("arn:minio:iam:::role/{}", hash(id))
}

/// The ARN of an identity plugin's role, as MinIO makes it: of the id that the operator chose, or of the address.
pub(crate) fn plugin_role_arn(id: Option<&str>, url: &str) -> String {
    let id = id.map_or_else(|| hash(url), str::to_owned);
    format!("arn:minio:iam:::role/idmp-{id}")
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
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
