//! Answers: their bodies, the headers that all of them have, and errors as documents.
//!
//! Always true: a streamed body gives exactly the bytes that its length header announces, or ends with an error, upon
//! which the HTTP server resets the connection.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use object::{ObjectError, ObjectReader};
use thiserror::Error;

use crate::error::S3Error;
use crate::generated::{Operation, Output};
use crate::overload::Place;

pub(crate) type Response = http::Response<ResponseBody>;

/// An answer of up to this many bytes is short: an error, an acknowledgement.
const SHORT_BYTES_MAX: usize = 4 << 10;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, ObjectError>> + Send>>;

/// The body of an answer.
pub struct ResponseBody {
    content: Content,
    /// Held until the last byte is sent.
    _place: Option<Place>,
}

enum Content {
    Empty,
    Whole(Bytes),
    Stream { chunks: Chunks, left_bytes: u64 },
}

/// The answer could not be sent whole.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// The object can't be read on. What to do is in the log.
    #[error("the object cannot be read on: {0}")]
    Object(#[from] ObjectError),
    /// The object gave fewer or more bytes than it has: a defect of this program.
    #[error("the object gave another number of bytes than it has; {left_bytes} were still to come")]
    Length {
        /// Bytes that were to come.
        left_bytes: u64,
    },
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        Self::of(Content::Empty)
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::of(if bytes.is_empty() { Content::Empty } else { Content::Whole(bytes) })
    }

    /// What a reader gives, after the bytes it has given already. `left_bytes` counts both.
    pub(crate) fn stream(first: Bytes, reader: ObjectReader, left_bytes: u64) -> Self {
        let chunks = unfold((Some(first), reader), |(first, mut reader)| async move {
            let next = match first {
                Some(first) => Some(Ok(first)),
                None => reader.next().await,
            };
            next.map(|next| (next, (None, reader)))
        });
        Self::of(Content::Stream { chunks: Box::pin(chunks), left_bytes })
    }

    fn of(content: Content) -> Self {
        Self { content, _place: None }
    }

    /// Whether much is still to be sent, or read from drives.
    pub(crate) fn is_long(&self) -> bool {
        match &self.content {
            Content::Empty => false,
            Content::Whole(bytes) => bytes.len() > SHORT_BYTES_MAX,
            Content::Stream { .. } => true,
        }
    }

    /// Keeps the request's place until the body is sent.
    pub(crate) fn hold(&mut self, place: Place) {
        self._place = Some(place);
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseBody").field("size_hint", &self.size_hint()).finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Content::Stream { mut chunks, left_bytes } => {
                let Poll::Ready(chunk) = chunks.as_mut().poll_next(context) else {
                    self.content = Content::Stream { chunks, left_bytes };
                    return Poll::Pending;
                };
                let bytes = match chunk {
                    Some(Ok(bytes)) => bytes,
                    Some(Err(error)) => {
                        tracing::error!(%error, left_bytes, "an answer is broken off");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    None => Bytes::new(),
                };
                match left_bytes.checked_sub(bytes.len() as u64) {
                    Some(left_bytes) if !bytes.is_empty() => {
                        if left_bytes > 0 {
                            self.content = Content::Stream { chunks, left_bytes };
                        }
                        Poll::Ready(Some(Ok(Frame::data(bytes))))
                    }
                    _ => Poll::Ready(Some(Err(ResponseError::Length { left_bytes }))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.content {
            Content::Empty => 0,
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Stream { left_bytes, .. } => *left_bytes,
        })
    }
}

/// The answer of an operation whose body is a document or nothing.
pub(crate) fn answer<O: Output>(operation: Operation, output: &O) -> Response {
    let mut headers = HeaderMap::with_capacity(16);
    let mut body = Vec::new();
    output.write(&mut headers, &mut body);
    let status = StatusCode::from_u16(operation.facts().status).unwrap_or(StatusCode::OK);
    build(status, headers, ResponseBody::whole(body))
}

pub(crate) fn build(status: StatusCode, headers: HeaderMap, body: ResponseBody) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// An error as the client gets it: a document, except where HTTP allows no body.
pub(crate) fn error_answer(error: &S3Error, is_head: bool, path: &str, ids: &RequestId<'_>) -> Response {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in &error.headers {
        headers.insert(name.clone(), value.clone());
    }
    let status = error.status();
    if is_head || status == StatusCode::NOT_MODIFIED {
        return build(status, headers, ResponseBody::empty());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let mut body = Vec::with_capacity(512);
    error.write_xml(path, &ids.request, ids.host, &mut body);
    build(status, headers, ResponseBody::whole(body))
}

/// The names of a request in answers and logs.
#[derive(Debug)]
pub(crate) struct RequestId<'a> {
    /// 16 hexadecimal digits.
    pub(crate) request: String,
    pub(crate) host: &'a str,
}

impl RequestId<'_> {
    /// Adds the headers that every answer has.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        const REQUEST: HeaderName = HeaderName::from_static("x-amz-request-id");
        const HOST: HeaderName = HeaderName::from_static("x-amz-id-2");
        headers.insert(header::SERVER, HeaderValue::from_static("RustFS"));
        for (name, text) in [(REQUEST, self.request.as_str()), (HOST, self.host)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Makes ids that look random and never repeat within a process.
#[derive(Debug)]
pub(crate) struct RequestIds {
    host: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(random: &dyn env::Random) -> Self {
        let mut host = [0; 48];
        random.fill(&mut host);
        Self { host: STANDARD.encode(host), next: AtomicU64::new(random.number()) }
    }

    pub(crate) fn next(&self) -> RequestId<'_> {
        // SplitMix64: a bijection of a counter.
        let mut mixed = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId { request: format!("{:016X}", mixed ^ (mixed >> 31)), host: &self.host }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::stream::iter;
    use http_body_util::BodyExt;

    use super::*;

    fn sent(chunks: Vec<Result<Bytes, ObjectError>>, left_bytes: u64) -> Result<Bytes, ResponseError> {
        let chunks = Box::pin(iter(chunks));
        let body = ResponseBody::of(Content::Stream { chunks, left_bytes });
        assert_eq!(body.size_hint().exact(), Some(left_bytes));
        body.collect().now_or_never().unwrap().map(|body| body.to_bytes())
    }

    fn bytes(text: &'static str) -> Result<Bytes, ObjectError> {
        Ok(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_body_that_is_not_whole_ends_in_an_error() {
        assert_eq!(sent(vec![bytes("ab"), bytes("c")], 3).unwrap(), "abc");
        assert!(matches!(sent(vec![bytes("ab")], 3), Err(ResponseError::Length { left_bytes: 1 })));
        assert!(matches!(
            sent(vec![bytes("ab"), bytes("cd")], 3),
            Err(ResponseError::Length { left_bytes: 1 })
        ));
        let lost = sent(vec![bytes("ab"), Err(ObjectError::Replaced), bytes("c")], 3);
        assert!(matches!(lost, Err(ResponseError::Object(ObjectError::Replaced))));
    }

    #[test]
    fn ids_of_requests_differ() {
        let ids = RequestIds { host: "host".to_owned(), next: AtomicU64::new(7) };
        let mut seen: Vec<String> = (0..1000).map(|_| ids.next().request).collect();
        assert!(seen.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    }
}
