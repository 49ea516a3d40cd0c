//! Who signed a request: SigV4 in the header, in the query and over chunks.
//!
//! Pure code: time, secrets and the trust in a proxy come from the caller. What always holds:
//! - a request that bears any credentials is either verified or refused, never treated as anonymous;
//! - nothing of [`Claim`] but the access key and the session token, which the caller needs to find the secret, is
//!   handed out before the signature is verified;
//! - signatures are compared in constant time, and keys are cached only for secrets that verified.
//!
//! Not covered: what the caller may do (`iam`), and whether the body is the one signed (`body`).

mod canonical;
pub mod chunk;
pub mod date;
pub mod error;
mod header;
pub mod key;
pub mod payload;
mod presigned;
pub mod scope;
pub mod sign;
#[cfg(test)]
mod tests;
mod verify;

use http::HeaderMap;

pub use chunk::ChunkSeed;
pub use error::{AuthError, Mismatch};
pub use key::SigningKeys;
pub use payload::PayloadKind;
pub use verify::Claim;

/// How far the clocks of client and server may differ, either way.
pub const SKEW_MILLISECONDS_MAX: i64 = 15 * 60 * 1_000;

/// What of a request is signed, as it was sent: nothing decoded, nothing normalised.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`.
    pub method: &'a str,
    /// The path of the request line, percent-encoded as sent.
    pub path: &'a str,
    /// The query of the request line without its `?`; empty where there is none.
    pub query: &'a str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// The names under which the client may know this server.
    pub host: HostView<'a>,
}

/// The names under which the client may know this server.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostView<'a> {
    /// `Host`, or `:authority` of HTTP/2, with its port.
    pub host: &'a str,
    /// The values of `X-Forwarded-Host` (and of `Forwarded`), each with its port where the proxy tells it. Only those
    /// that a trusted proxy has set: from others this must be empty.
    pub forwarded_hosts: &'a [&'a str],
}

/// What varies between the endpoints that verify signatures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Accept signatures for the service `sts` too. STS clients send no digest of the body: this is it.
    pub sts_body_sha256: Option<&'a [u8; 32]>,
    /// Accept signatures for no region: madmin makes such.
    pub no_region: bool,
}

/// What a request says of its sender, nothing of it verified yet.
#[derive(Debug)]
pub enum Presented<'a> {
    /// No credentials.
    Anonymous {
        /// How the body is sent: never signed chunks.
        payload: PayloadKind,
    },
    /// A signature, well-formed and of the present time.
    Signed(Box<Claim<'a>>),
}

/// Who sent a request.
#[derive(Debug)]
pub enum Sender {
    /// Nobody says.
    Anonymous {
        /// How the body is sent: never signed chunks.
        payload: PayloadKind,
    },
    /// One who knows the secret.
    Signed(Verified),
}

/// A verified signature.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who signed.
    pub access_key: String,
    /// `20130524/us-east-1/s3/aws4_request`.
    pub scope: String,
    /// When it was signed, milliseconds since 1970.
    pub signed_at_unix_milliseconds: i64,
    /// How the body is sent and what vouches for it.
    pub payload: PayloadKind,
    /// Where the chain of chunk signatures begins; exactly for payloads of signed chunks.
    pub seed: Option<ChunkSeed>,
    /// For temporary credentials. The signature covers it; whether it is genuine is for the caller to check.
    pub session_token: Option<String>,
    /// Whether the credentials were in the query.
    pub presigned: bool,
}

impl Verified {
    /// The region that the client signed for.
    pub fn region(&self) -> &str {
        self.scope.split('/').nth(1).unwrap_or_default()
    }

    /// The service that the client signed for.
    pub fn service(&self) -> &str {
        self.scope.split('/').nth(2).unwrap_or_default()
    }
}

/// Where secrets come from. Closures are such.
pub trait Secrets {
    /// Some owner of the secret.
    type Secret: AsRef<str>;

    /// The secret of an access key, none if nobody has it.
    fn secret(&self, access_key: &str) -> Option<Self::Secret>;
}

impl<F, S> Secrets for F
where
    F: Fn(&str) -> Option<S>,
    S: AsRef<str>,
{
    type Secret = S;

    fn secret(&self, access_key: &str) -> Option<S> {
        self(access_key)
    }
}

/// Reads the credentials of a request and checks all that needs no secret: form, time, headers left unsigned.
///
/// # Errors
/// Credentials of the wrong form or time, of two kinds at once, or of a kind that is not supported.
pub fn present<'a>(
    request: &Request<'a>,
    now_unix_milliseconds: i64,
    options: Options<'a>,
) -> Result<Presented<'a>, AuthError> {
    let query = presigned::QueryAuth::find(request.query)?;
    let header = request.headers.get(http::header::AUTHORIZATION);
    match (header, query) {
        (Some(_), Some(_)) => Err(AuthError::TwoMechanisms),
        (None, Some(query)) => presigned::claim(request, query, now_unix_milliseconds, options).map(signed),
        // S3 takes an empty header for none.
        (Some(value), None) if !value.as_bytes().trim_ascii().is_empty() => {
            header::claim(request, value, now_unix_milliseconds, options).map(signed)
        }
        _ => PayloadKind::of_anonymous(request.headers).map(|payload| Presented::Anonymous { payload }),
    }
}

/// [`present`] and [`Claim::verify`] in one, for secrets that are at hand.
///
/// # Errors
/// As [`present`]; an unknown access key; a signature of another request or secret.
pub fn verify(
    request: &Request<'_>,
    now_unix_milliseconds: i64,
    options: Options<'_>,
    secrets: &impl Secrets,
    keys: &SigningKeys,
) -> Result<Sender, AuthError> {
    match present(request, now_unix_milliseconds, options)? {
        Presented::Anonymous { payload } => Ok(Sender::Anonymous { payload }),
        Presented::Signed(claim) => match secrets.secret(claim.access_key()) {
            None => Err(claim.unknown_access_key()),
            Some(secret) => claim.verify(secret.as_ref(), keys).map(Sender::Signed),
        },
    }
}

fn signed(claim: Claim<'_>) -> Presented<'_> {
    Presented::Signed(Box::new(claim))
}
