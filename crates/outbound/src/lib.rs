//! The one client for what this server asks of others over HTTP and HTTPS.
//!
//! Always:
//! - A request has an end: a time for all of it, from the name's look-up to the last byte, and a longest answer.
//! - Whom an HTTPS answer comes from was verified: against the system's certificates and those that were added.
//! - Redirections are answers like others. Nobody is asked but the address that was given, so who answers can't send this
//!   server elsewhere, with the secrets in its headers.

mod connection;
mod error;
#[cfg(test)]
mod tests;
mod trust;

pub use error::OutboundError;
pub use trust::Trust;

use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use connection::Connector;

/// Connections that are kept open to one server while nothing is asked, and for how long.
const IDLE_CONNECTIONS_MAX: usize = 4;
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskLimits {
    /// From the look-up of the name to the last byte of the answer.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

impl Default for AskLimits {
    /// For documents: ten seconds, a mebibyte.
    fn default() -> Self {
        Self { time: Duration::from_secs(10), answer_bytes: 1 << 20 }
    }
}

/// Asks others. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Outbound {
    env: Env,
    client: Client<Connector, Full<Bytes>>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbound")
    }
}

impl Outbound {
    /// A client that believes whom `trust` vouches for.
    #[must_use]
    pub fn new(env: &Env, trust: &Trust) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(Connector::new(trust));
        Self { env: env.clone(), client }
    }

    /// Sends the request to the server that its URI names, and reads the answer whole. Any status is an answer.
    ///
    /// # Errors
    /// Where the address is none, the server can't be reached or is not whom it should be, or a limit is passed.
    pub async fn ask(
        &self,
        request: Request<Bytes>,
        limits: AskLimits,
    ) -> Result<Response<Bytes>, OutboundError> {
        let server = server_of(request.uri())?;
        let asked = self.send(request.map(Full::new), &server, limits.answer_bytes);
        let late = || OutboundError::Late { server: server.clone(), seconds: limits.time.as_secs() };
        env::within(&*self.env.clock, limits.time, asked).await.unwrap_or_else(|| Err(late()))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        server: &str,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, OutboundError> {
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| OutboundError::unreachable(server, &error))?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, read(body, server, bytes_max).await?))
    }
}

async fn read(body: Incoming, server: &str, bytes_max: usize) -> Result<Bytes, OutboundError> {
    let read = Limited::new(body, bytes_max).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
        true => OutboundError::TooLong { server: server.to_owned(), bytes_max },
        false => OutboundError::unreachable(server, &*error),
    })
}

/// `https://host:port`, which errors name; never what stands behind it, which may hold secrets.
fn server_of(uri: &Uri) -> Result<String, OutboundError> {
    let is_known = uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
    match (uri.scheme_str(), uri.host()) {
        (Some(scheme), Some(host)) if is_known && !host.is_empty() => Ok(uri
            .port()
            .map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"))),
        _ => Err(OutboundError::Address),
    }
}
