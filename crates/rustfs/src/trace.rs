//! Tells the admin API of S3 requests while somebody watches.
//!
//! Always true: nobody watches, a request costs a load and an answer's frames a look whether they are counted. What is told is
//! told when the last byte of the answer is sent, or the client has gone.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use admin::{TraceBoard, TraceCall};
use bytes::Bytes;
use env::Clock;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use model::time::Timestamp;

/// Who tells. Cheap to clone.
#[derive(Clone)]
pub struct Tracer {
    board: TraceBoard,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tracer").field("board", &self.board).finish_non_exhaustive()
    }
}

/// A request that is watched.
#[derive(Debug)]
pub struct Watched {
    tracer: Tracer,
    name: String,
    head: Parts,
    client: IpAddr,
    started: Timestamp,
    begun: Duration,
    received_bytes: Arc<AtomicU64>,
}

/// The body of a request, with its bytes counted.
#[derive(Debug)]
pub struct CountedBody<B> {
    inner: B,
    bytes: Arc<AtomicU64>,
}

/// The body of an answer, told of when it is over if its request is watched.
#[derive(Debug)]
pub struct TracedBody<B> {
    inner: B,
    told: Option<Box<Told>>,
}

/// What is known of an answer so far; told when it is dropped.
#[derive(Debug)]
struct Told {
    watched: Watched,
    status: u16,
    headers: HeaderMap,
    first_byte: Duration,
    sent_bytes: u64,
}

impl Tracer {
    /// Tells this board.
    #[must_use]
    pub fn new(board: TraceBoard, clock: Arc<dyn Clock>) -> Self {
        Self { board, clock }
    }

    /// Whether anybody watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.board.is_watched()
    }

    /// Begins to watch a request whose operation has this name.
    pub fn watch<B>(
        &self,
        request: Request<B>,
        client: IpAddr,
        name: impl FnOnce(&Parts) -> Option<&'static str>,
    ) -> (Watched, Request<CountedBody<B>>) {
        let (head, body) = request.into_parts();
        let received_bytes = Arc::new(AtomicU64::new(0));
        let watched = Watched {
            tracer: self.clone(),
            name: format!("s3.{}", name(&head).unwrap_or("Unknown")),
            head: head.clone(),
            client,
            started: self.clock.now(),
            begun: self.clock.monotonic(),
            received_bytes: Arc::clone(&received_bytes),
        };
        (watched, Request::from_parts(head, CountedBody { inner: body, bytes: received_bytes }))
    }
}

impl Watched {
    /// The answer, which tells of itself when it is over.
    pub fn answer<B>(self, response: Response<B>) -> Response<TracedBody<B>> {
        let first_byte = self.tracer.clock.monotonic().saturating_sub(self.begun);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let told = Box::new(Told { watched: self, status, headers, first_byte, sent_bytes: 0 });
        response.map(|inner| TracedBody { inner, told: Some(told) })
    }
}

/// An answer that nobody watches.
#[must_use]
pub fn unwatched<B>(response: Response<B>) -> Response<TracedBody<B>> {
    response.map(|inner| TracedBody { inner, told: None })
}

impl Drop for Told {
    fn drop(&mut self) {
        let Watched { tracer, name, head, client, started, begun, received_bytes } = &self.watched;
        tracer.board.tell(&TraceCall {
            name,
            started: *started,
            duration: tracer.clock.monotonic().saturating_sub(*begun),
            first_byte: self.first_byte,
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            protocol: format!("{:?}", head.version),
            request_headers: &head.headers,
            response_headers: &self.headers,
            status: self.status,
            received_bytes: received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes,
            client: *client,
        });
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        self.bytes.fetch_add(data_bytes(&frame), Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TracedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if let Some(told) = &mut self.told {
            told.sent_bytes += data_bytes(&frame);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn data_bytes<E>(frame: &Poll<Option<Result<Frame<Bytes>, E>>>) -> u64 {
    match frame {
        Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, |data| data.len() as u64),
        _ => 0,
    }
}
