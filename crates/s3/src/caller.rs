//! Who sends a request that is for another API behind the same door: the one place outside S3's operations where signatures
//! are verified, by the very same code.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use iam::{Identity, SecretKey};

use crate::addressing;
use crate::auth::{self, PayloadKind};
use crate::error::{ErrorCode, S3Error};
use crate::frontend::Frontend;
use crate::generated::Operation;
use crate::proxy::Peer;
use crate::route::route;
use crate::wire::Query;

/// Who signed a request.
#[derive(Clone, Debug)]
pub struct SignedCaller {
    /// Who it is.
    pub who: Arc<Identity>,
    /// The secret that the signature was made with.
    pub secret: SecretKey,
    /// The digest that the body must have; none where the caller has left it unsigned.
    pub body_sha256: Option<[u8; 32]>,
    /// Where the request comes from: the client's side of proxies that are trusted.
    pub source: IpAddr,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
}

impl Frontend {
    /// Who signed a request in its headers; none where nobody says. The region of the signature is not looked at.
    ///
    /// # Errors
    /// Credentials that are wrong, unknown or of another form, signatures in URLs, and bodies in signed chunks: S3's errors.
    pub fn caller(&self, parts: &Parts, peer: Peer) -> Result<Option<SignedCaller>, S3Error> {
        let shared = self.shared();
        let options = auth::Options { no_region: true, ..auth::Options::default() };
        let sender = shared.authenticate(parts, peer, options)?;
        if sender.who.is_anonymous() {
            return Ok(None);
        }
        if sender.is_presigned {
            // Who gives away a link gives away what it names, not the server.
            let message = "This API takes signatures in the Authorization header only, not in the URL.";
            return Err(S3Error::with_message(ErrorCode::AccessDenied, message));
        }
        let body_sha256 = signed_digest(sender.payload)?;
        // It was there a moment ago: the signature was made with it.
        let (secret, _) = shared
            .iam
            .find(sender.who.access_key())
            .ok_or_else(|| S3Error::new(ErrorCode::InvalidAccessKeyId))?;
        let source = shared.source(parts, peer);
        Ok(Some(SignedCaller { who: sender.who, secret, body_sha256, source, is_tls: peer.is_tls }))
    }

    /// What a request asks for: the operation by its name in AWS's documentation, none where it is none; the bucket and the
    /// key, empty where it names none.
    #[must_use]
    pub fn asked(&self, parts: &Parts) -> (Option<&'static str>, String, String) {
        let unknown = || (None, String::new(), String::new());
        let Ok(query) = Query::parse(parts.uri.query()) else { return unknown() };
        let Ok((target, _)) = addressing::target(parts, &query, &self.shared().options.domains) else {
            return unknown();
        };
        let operation = route(&parts.method, &target, &query, &parts.headers).ok().map(Operation::name);
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned).unwrap_or_default();
        (operation, text(target.bucket), text(target.key))
    }

    /// The headers that every answer has: the next request's ids.
    #[must_use]
    pub fn next_ids(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        self.shared().ids.next().write(&mut headers);
        headers
    }
}

/// The digest that a body must have: of all of it, or none.
fn signed_digest(payload: PayloadKind) -> Result<Option<[u8; 32]>, S3Error> {
    match payload {
        PayloadKind::Sha256(digest) => Ok(Some(digest)),
        PayloadKind::Unsigned => Ok(None),
        _ => {
            let message = "This API takes bodies as they are, not in chunks (aws-chunked).";
            Err(S3Error::with_message(ErrorCode::NotImplemented, message))
        }
    }
}
