//! How documents of providers are fetched.

use bytes::Bytes;
use env::BoxFuture;
use http::{Request, StatusCode, header};
use outbound::{AskLimits, Outbound};
use thiserror::Error;

/// The longest document of a provider, in bytes: sets of keys with certificate chains have some ten thousand.
const DOCUMENT_BYTES_MAX: usize = 256 << 10;

/// Why there is no document: for the log, with no secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WebFault(pub String);

/// Fetches documents.
///
/// # Obligations
/// - It ends, and a document is no longer than a bound.
/// - Nobody is asked but the server that the address names.
pub trait Web: Send + Sync {
    /// What is answered to a question, with its status; `authorization`: what the server knows this one by.
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(u16, Bytes), WebFault>>;
    /// The document at an address; `bearer`: a token that opens it.
    fn get<'a>(&'a self, url: &'a str, bearer: Option<&'a str>) -> BoxFuture<'a, Result<Bytes, WebFault>>;
}

/// Documents by the client that this server asks everybody with.
#[derive(Clone, Debug)]
pub struct OutboundWeb(pub Outbound);

impl OutboundWeb {
    async fn ask(&self, request: http::request::Builder) -> Result<(StatusCode, Bytes), WebFault> {
        let no_address = |_| WebFault("the address, or what goes along with it, can't be sent".to_owned());
        let request = request.header(header::ACCEPT, "application/json");
        let request = request.body(Bytes::new()).map_err(no_address)?;
        let limits = AskLimits { answer_bytes: DOCUMENT_BYTES_MAX, ..AskLimits::default() };
        let answer = self.0.ask(request, limits).await.map_err(|error| WebFault(error.to_string()))?;
        Ok((answer.status(), answer.into_body()))
    }
}

impl Web for OutboundWeb {
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(u16, Bytes), WebFault>> {
        Box::pin(async move {
            let mut request = Request::post(url);
            if let Some(known_by) = authorization {
                request = request.header(header::AUTHORIZATION, known_by);
            }
            self.ask(request).await.map(|(status, body)| (status.as_u16(), body))
        })
    }

    fn get<'a>(&'a self, url: &'a str, bearer: Option<&'a str>) -> BoxFuture<'a, Result<Bytes, WebFault>> {
        Box::pin(async move {
            let mut request = Request::get(url);
            if let Some(token) = bearer {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            match self.ask(request).await? {
                (StatusCode::OK, body) => Ok(body),
                (status, _) => Err(WebFault(format!("the answer is {status}"))),
            }
        })
    }
}
