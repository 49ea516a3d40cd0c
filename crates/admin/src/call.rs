//! One request, from its row to its handler.

use std::net::IpAddr;
use std::sync::Arc;

use iam::{Identity, SecretKey};

use crate::asker::Asker;
use crate::body::RequestBody;
use crate::error::AdminError;
use crate::query::Query;
use crate::route::{Dialect, Route};
use crate::server::Shared;
use crate::wire;

/// The longest body that is not sealed, in bytes.
const PLAIN_BYTES_MAX: usize = 1 << 20;
/// What is sealed is longer than what it holds by less than this.
const SEAL_BYTES_MAX: usize = 4 << 10;

/// Who asks, as the signature tells.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub who: Arc<Identity>,
    /// What bodies are sealed with.
    pub secret: SecretKey,
    /// The digest of the body that was signed; none where the caller has signed none.
    pub body_sha256: Option<[u8; 32]>,
    /// Where the request comes from: the client's side of proxies that are trusted.
    pub source: IpAddr,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
}

impl Caller {
    /// The access key that the request was signed with.
    #[must_use]
    pub fn access_key(&self) -> &str {
        self.who.access_key()
    }
}

/// A request whose caller may do what it asks.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) route: &'static Route,
    pub(crate) dialect: Dialect,
    #[expect(dead_code, reason = "the routes that come next name things in their paths")]
    pub(crate) names: Vec<(&'static str, &'a str)>,
    pub(crate) query: Query,
    pub(crate) asker: Asker<'a>,
    pub(crate) _authorized: Option<iam::Authorized>,
}

impl Call<'_> {
    /// The body, opened where it is sealed.
    #[expect(dead_code, reason = "the routes that come next have bodies")]
    pub(crate) async fn document(&self, body: &mut RequestBody) -> Result<Vec<u8>, AdminError> {
        if self.dialect == Dialect::Plain || !self.route.sealed.request() {
            return body.read(PLAIN_BYTES_MAX, self.asker.caller.body_sha256).await;
        }
        let sealed =
            body.read(wire::PAYLOAD_BYTES_MAX + SEAL_BYTES_MAX, self.asker.caller.body_sha256).await?;
        self.shared.open_sealed(self.asker.caller, sealed).await
    }
}
