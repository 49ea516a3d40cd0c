//! The discovery document: where a provider has what, and how it calls itself.
//!
//! Source: <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>

use serde::Deserialize;

use crate::web::WebFault;

/// What of the document is used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Discovery {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
    #[serde(default)]
    pub(super) userinfo_endpoint: Option<String>,
}

impl Discovery {
    /// Reads the document that was found at an address.
    pub(super) fn read(text: &[u8], config_url: &str) -> Result<Self, WebFault> {
        let wrong = |what: &str| WebFault(what.to_owned());
        let read: Self = serde_json::from_slice(text)
            .map_err(|_| wrong("its discovery document is not JSON with an issuer and a jwks_uri"))?;
        if read.issuer.is_empty() {
            return Err(wrong("its discovery document has an empty issuer"));
        }
        let addresses = std::iter::once(&read.jwks_uri).chain(&read.userinfo_endpoint);
        // Keys that somebody on the way can change, and tokens that anybody can read, are not what an https address promised.
        if is_encrypted(config_url) && !addresses.into_iter().all(|url| is_encrypted(url)) {
            return Err(wrong("its discovery document was fetched by https and names addresses without it"));
        }
        Ok(read)
    }
}

fn is_encrypted(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://idp.test/.well-known/openid-configuration";

    #[test]
    fn a_document_is_read_and_what_is_none_refused() {
        let text = br#"{"issuer":"https://idp.test","jwks_uri":"https://idp.test/keys","other":1}"#;
        let read = Discovery::read(text, URL).unwrap();
        assert_eq!((read.issuer.as_str(), read.userinfo_endpoint), ("https://idp.test", None));
        for wrong in ["", "[]", r#"{"issuer":"a"}"#, r#"{"issuer":"","jwks_uri":"https://idp.test/keys"}"#] {
            assert!(Discovery::read(wrong.as_bytes(), URL).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_fetched_encrypted_leads_to_nothing_that_is_not() {
        let keys = br#"{"issuer":"a","jwks_uri":"http://idp.test/keys"}"#;
        assert!(Discovery::read(keys, URL).is_err());
        assert!(Discovery::read(keys, "http://127.0.0.1/config").is_ok());
        let user = br#"{"issuer":"a","jwks_uri":"https://b","userinfo_endpoint":"http://b"}"#;
        assert!(Discovery::read(user, URL).is_err());
    }
}
