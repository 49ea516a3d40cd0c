//! Answers: one document, or lines as long as there is something to tell.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{AdminError, AdminErrorCode};

/// What is told line by line. It ends when the caller goes away, or by itself.
pub(crate) type Lines = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// What a handler answers.
pub(crate) enum Answer {
    /// Nothing but that it is done.
    Done,
    /// The same, where madmin wants it said so.
    NoContent,
    /// A document.
    Json(Vec<u8>),
    /// A text.
    Text(Vec<u8>),
    /// Bytes of another kind.
    Bytes(Vec<u8>, &'static str),
    /// Lines of JSON.
    Lines(Lines),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Done => "Done",
            Self::NoContent => "NoContent",
            Self::Json(_) => "Json",
            Self::Text(_) => "Text",
            Self::Bytes(..) => "Bytes",
            Self::Lines(_) => "Lines",
        })
    }
}

impl Answer {
    /// A document of what this is.
    pub(crate) fn json<T: Serialize>(value: &T) -> Result<Self, AdminError> {
        serde_json::to_vec(value).map(Self::Json).map_err(|error| {
            tracing::error!(%error, "an answer of the admin API can't be written");
            AdminError::new(AdminErrorCode::InternalError, "The answer can't be written. The log says why.")
        })
    }

    pub(crate) fn into_response(self) -> http::Response<AdminBody> {
        let status = match self {
            Self::NoContent => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        let (content, kind) = match self {
            Self::Done | Self::NoContent => (Content::Whole(Bytes::new()), None),
            Self::Json(text) => (Content::Whole(text.into()), Some("application/json")),
            Self::Text(text) => (Content::Whole(text.into()), Some("text/plain; charset=utf-8")),
            Self::Bytes(bytes, kind) => (Content::Whole(bytes.into()), Some(kind)),
            Self::Lines(lines) => (Content::Lines(lines), Some("application/x-ndjson")),
        };
        let mut response = http::Response::new(AdminBody { content, _place: None });
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// The body of an answer.
pub struct AdminBody {
    content: Content,
    /// Held until the last byte is sent.
    _place: Option<OwnedSemaphorePermit>,
}

enum Content {
    Whole(Bytes),
    Lines(Lines),
}

/// An answer of up to this many bytes is short: an error, an acknowledgement.
const SHORT_BYTES_MAX: usize = 4 << 10;

impl AdminBody {
    /// Whether much is still to be sent.
    pub(crate) fn is_long(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.len() > SHORT_BYTES_MAX,
            Content::Lines(_) => true,
        }
    }

    /// Keeps the request's place until the body is sent.
    pub(crate) fn hold(&mut self, place: OwnedSemaphorePermit) {
        self._place = Some(place);
    }
}

impl std::fmt::Debug for AdminBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AdminBody").field("size_hint", &self.size_hint()).finish_non_exhaustive()
    }
}

impl Body for AdminBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Content::Lines(lines) => {
                lines.as_mut().poll_next(context).map(|line| line.map(|line| Ok(Frame::data(line))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Lines(_) => SizeHint::default(),
        }
    }
}
