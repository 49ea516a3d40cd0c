//! The signature itself: what the client may have signed, and whether it did.

use std::borrow::Cow;

use http::HeaderMap;
use ring::{digest, hmac};

use super::canonical::{self, Attempt, Canonical, Spelling};
use super::chunk::{ChunkSeed, push_hex};
use super::date::AmzDate;
use super::error::{AuthError, Mismatch};
use super::key::{self, SigningKeys};
use super::scope::Scope;
use super::{PayloadKind, Request, Verified};

/// Names for this server that are tried.
const HOSTS_MAX: usize = 8;
/// Spellings that are tried; each costs a digest and an HMAC.
const ATTEMPTS_MAX: usize = 32;

/// A signature that is well-formed and of the present time, but not verified.
#[derive(Debug)]
pub struct Claim<'a> {
    pub(super) request: Request<'a>,
    pub(super) access_key: Cow<'a, str>,
    pub(super) scope_text: Cow<'a, str>,
    pub(super) date: AmzDate,
    pub(super) signed_headers: Cow<'a, str>,
    pub(super) signature: [u8; 32],
    pub(super) payload_text: Cow<'a, str>,
    pub(super) payload: PayloadKind,
    pub(super) session_token: Option<Cow<'a, str>>,
    pub(super) presigned: bool,
}

impl Claim<'_> {
    /// Whose secret to look up.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// For secrets that follow from the token. Nobody has vouched for it yet.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// The error where nobody has the access key.
    pub fn unknown_access_key(&self) -> AuthError {
        AuthError::UnknownAccessKey { access_key: self.access_key.clone().into_owned() }
    }

    /// Checks the signature against the secret of [`Claim::access_key`].
    ///
    /// # Errors
    /// [`AuthError::SignatureMismatch`]: another secret, or something between client and server changed the request.
    pub fn verify(&self, secret: &str, keys: &SigningKeys) -> Result<Verified, AuthError> {
        let cached = keys.find(&self.access_key, secret, &self.scope_text);
        let is_new = cached.is_none();
        let key = cached.unwrap_or_else(|| key::derive(secret, &self.scope()));
        let mut work =
            Work { canonical: Vec::with_capacity(1_024), string_to_sign: String::with_capacity(192) };
        if !self.matches(&key, &self.first_attempt(), &mut work) && !self.matches_otherwise(&key, &mut work) {
            return Err(self.mismatch(work));
        }
        if is_new {
            keys.keep(&self.access_key, secret, &self.scope_text, key.clone());
        }
        let seed = || ChunkSeed::new(key, self.date.as_str(), &self.scope_text, self.signature);
        Ok(Verified {
            access_key: self.access_key.clone().into_owned(),
            scope: self.scope_text.clone().into_owned(),
            signed_at_unix_milliseconds: self.date.unix_milliseconds,
            payload: self.payload,
            seed: self.payload.has_signed_chunks().then(seed),
            session_token: self.session_token.clone().map(Cow::into_owned),
            presigned: self.presigned,
        })
    }

    fn scope(&self) -> Scope<'_> {
        let mut parts = self
            .scope_text
            .split('/')
            .map(Some)
            .chain(std::iter::repeat(None))
            .map(Option::unwrap_or_default);
        let mut next = || parts.next().unwrap_or_default();
        Scope { day: next(), region: next(), service: next() }
    }

    fn first_attempt(&self) -> Attempt<'_> {
        Attempt {
            host: self.request.host.host,
            path: Spelling::Canonical,
            query: Spelling::Canonical,
            accept_encoding: None,
        }
    }

    fn matches(&self, key: &hmac::Key, attempt: &Attempt<'_>, work: &mut Work) -> bool {
        let canonical = Canonical {
            request: &self.request,
            signed_headers: &self.signed_headers,
            payload: &self.payload_text,
        };
        canonical.write(attempt, &mut work.canonical);
        string_to_sign(self.date.as_str(), &self.scope_text, &work.canonical, &mut work.string_to_sign);
        // hmac::verify takes the same time wherever the first difference is.
        hmac::verify(key, work.string_to_sign.as_bytes(), &self.signature).is_ok()
    }

    /// The other names and spellings, in the order of likelihood.
    fn matches_otherwise(&self, key: &hmac::Key, work: &mut Work) -> bool {
        let hosts = host_candidates(&self.request);
        let paths = spellings(canonical::path_varies(self.request.path));
        let queries = spellings(canonical::query_varies(self.request.query));
        // Proxies that compress (cloudflared) replace Accept-Encoding, which Go's SDKs sign. No answer of this server
        // depends on it, so the values those SDKs send may stand in for it.
        let signs_encoding =
            self.signed_headers.split(';').any(|name| name.eq_ignore_ascii_case("accept-encoding"));
        let encodings: &[_] = if signs_encoding { &[None, Some("identity"), Some("gzip")] } else { &[None] };
        let attempts = encodings.iter().flat_map(|accept_encoding| {
            let hosts = &hosts;
            paths.iter().flat_map(move |path| {
                queries.iter().flat_map(move |query| {
                    hosts.iter().map(move |host| Attempt {
                        host,
                        path: *path,
                        query: *query,
                        accept_encoding: *accept_encoding,
                    })
                })
            })
        });
        // The first has been tried already.
        attempts.skip(1).take(ATTEMPTS_MAX).any(|attempt| self.matches(key, &attempt, work))
    }

    /// The error shows what the plainest spelling gives.
    fn mismatch(&self, mut work: Work) -> AuthError {
        let canonical = Canonical {
            request: &self.request,
            signed_headers: &self.signed_headers,
            payload: &self.payload_text,
        };
        canonical.write(&self.first_attempt(), &mut work.canonical);
        string_to_sign(self.date.as_str(), &self.scope_text, &work.canonical, &mut work.string_to_sign);
        AuthError::SignatureMismatch(Box::new(Mismatch {
            access_key: self.access_key.clone().into_owned(),
            string_to_sign: work.string_to_sign,
            canonical_request: String::from_utf8_lossy(&work.canonical).into_owned(),
            signature_provided: hex::encode(self.signature),
        }))
    }
}

/// Buffers that the attempts share.
struct Work {
    canonical: Vec<u8>,
    string_to_sign: String,
}

/// Writes the string to sign over what `out` holds.
pub(super) fn string_to_sign(date: &str, scope: &str, canonical: &[u8], out: &mut String) {
    out.clear();
    for part in ["AWS4-HMAC-SHA256\n", date, "\n", scope, "\n"] {
        out.push_str(part);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, canonical).as_ref());
    push_hex(&sha256, out);
}

/// The bytes of a signature.
pub(super) fn signature(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Whether the text is header names separated by semicolons: it becomes a line of what is signed.
pub(super) fn is_header_list(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.split(';').all(|name| !name.is_empty() && name.bytes().all(is_name))
}

/// Refuses requests whose meaning could be changed by who cannot sign: `host` and all `x-amz-*` must be signed.
pub(super) fn check_signed_headers(headers: &HeaderMap, signed: &str) -> Result<(), AuthError> {
    let is_signed = |wanted: &str| signed.split(';').any(|name| name.eq_ignore_ascii_case(wanted));
    let host = (!is_signed("host")).then_some("host");
    let amz = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    // CloudFront adds this one on the way, and it means nothing to S3.
    let unsigned: Vec<&str> =
        host.into_iter().chain(amz.filter(|name| *name != "x-amz-cf-id" && !is_signed(name))).collect();
    if unsigned.is_empty() {
        Ok(())
    } else {
        Err(AuthError::UnsignedHeaders { headers: unsigned.join(", ") })
    }
}

fn spellings(varies: bool) -> &'static [Spelling] {
    if varies { &[Spelling::Canonical, Spelling::AsSent] } else { &[Spelling::Canonical] }
}

/// The names that the client may have signed, as received first. A default port may be written or not, and a proxy
/// that ends TLS cannot be seen from here, so both default ports count.
fn host_candidates<'a>(request: &Request<'a>) -> Vec<Cow<'a, str>> {
    let mut candidates: Vec<Cow<'a, str>> = Vec::with_capacity(HOSTS_MAX);
    let received = std::iter::once(request.host.host).chain(request.host.forwarded_hosts.iter().copied());
    let names: Vec<&'a str> = received.map(str::trim).collect();
    let plain = names.iter().map(|name| Cow::Borrowed(*name));
    let variants = names.iter().flat_map(|name| port_variants(name));
    for candidate in plain.chain(variants) {
        if candidates.len() < HOSTS_MAX && !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

fn port_variants(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let stripped = name.strip_suffix(":80").or_else(|| name.strip_suffix(":443"));
    // `[::1]` has colons and no port.
    let has_port = name.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    let added = (!has_port).then(|| [":80", ":443"].map(|port| Cow::Owned(format!("{name}{port}"))));
    stripped.map(Cow::Borrowed).into_iter().chain(added.into_iter().flatten())
}
