//! One request, from its row to its handler.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use iam::{Identity, SecretKey};
use model::identity::AccountId;
use serde::de::DeserializeOwned;

use crate::asker::Asker;
use crate::body::RequestBody;
use crate::error::{AdminError, AdminErrorCode};
use crate::query::Query;
use crate::route::{Dialect, Route};
use crate::server::Shared;
use crate::wire;

/// The longest body that is not sealed, in bytes.
const PLAIN_BYTES_MAX: usize = 1 << 20;
/// How long a document may take to come, and to be opened.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
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
    pub(crate) names: Vec<(&'static str, &'a str)>,
    pub(crate) query: Query,
    pub(crate) asker: Asker<'a>,
    pub(crate) _authorized: Option<iam::Authorized>,
}

impl Call<'_> {
    /// The account that the caller acts in.
    pub(crate) fn account(&self) -> AccountId {
        self.asker.caller.who.account()
    }

    /// What the path has in place of a name of its row.
    pub(crate) fn name(&self, name: &str) -> &str {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).unwrap_or_default()
    }

    /// The body as a document of this form.
    pub(crate) async fn read<T: DeserializeOwned>(&self, body: &mut RequestBody) -> Result<T, AdminError> {
        let text = self.document(body).await?;
        serde_json::from_slice(&text).map_err(|error| {
            // Where it is wrong is said, and not what stands there: it may be a secret.
            let message = format!(
                "The body is not the JSON of this request (line {}, column {}).",
                error.line(),
                error.column()
            );
            AdminError::new(AdminErrorCode::ConfigBadJson, message)
        })
    }

    /// The body, opened where it is sealed.
    pub(crate) async fn document(&self, body: &mut RequestBody) -> Result<Vec<u8>, AdminError> {
        self.document_of(body, PLAIN_BYTES_MAX).await
    }

    /// The same, of up to this many bytes where it is not sealed.
    pub(crate) async fn document_of(
        &self,
        body: &mut RequestBody,
        bytes_max: usize,
    ) -> Result<Vec<u8>, AdminError> {
        if self.asker.caller.body_sha256.is_none() {
            let message = "The signature has to cover the body: send its SHA-256 in x-amz-content-sha256.";
            return Err(AdminError::new(AdminErrorCode::InvalidRequest, message));
        }
        let late = || AdminError::new(AdminErrorCode::RequestTimeout, "The body did not come in time.");
        let read = env::within(&*self.shared.env.clock, BODY_TIME_MAX, self.read_document(body, bytes_max));
        read.await.unwrap_or_else(|| Err(late()))
    }

    async fn read_document(&self, body: &mut RequestBody, bytes_max: usize) -> Result<Vec<u8>, AdminError> {
        if self.dialect == Dialect::Plain || !self.route.sealed.request() {
            return body.read(bytes_max, self.asker.caller.body_sha256).await;
        }
        let sealed =
            body.read(wire::PAYLOAD_BYTES_MAX + SEAL_BYTES_MAX, self.asker.caller.body_sha256).await?;
        self.shared.open_sealed(self.asker.caller, sealed).await
    }
}
