//! Tells of requests: S3's to the admin API while somebody watches, all of them to the audit log where there is one.
//!
//! Always true: nobody watches and there is no log, a request costs a load, and frames a look whether they are counted. What is
//! told is told once: when the last byte of the answer is sent, or the client has gone, be it before there was an answer.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use admin::{TraceBoard, TraceCall};
use audit::Audit;
use bytes::Bytes;
use env::Clock;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use model::time::Timestamp;

/// The status of a request whose client did not wait for the answer.
const CLIENT_WENT: u16 = 499;

/// Who tells. Cheap to clone.
#[derive(Clone)]
pub struct Tracer {
    board: TraceBoard,
    audit: Audit,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tracer").field("board", &self.board).finish_non_exhaustive()
    }
}

/// What a request asks for.
#[derive(Debug)]
pub enum AskedFor {
    /// An operation of S3 or STS.
    S3 {
        /// Its name, or `Unknown`.
        operation: &'static str,
        /// The bucket, or empty.
        bucket: String,
        /// The key, or empty.
        key: String,
    },
    /// A route of the admin API.
    Admin(&'static str),
}

/// A request that is watched. Dropped without an answer, it tells that the client went.
#[derive(Debug)]
pub struct Watched(Box<Told>);

/// The body of a request, with its bytes counted if it is watched.
#[derive(Debug)]
pub struct CountedBody<B> {
    inner: B,
    bytes: Option<Arc<AtomicU64>>,
}

/// The body of an answer, told of when it is over if its request is watched.
#[derive(Debug)]
pub struct TracedBody<B> {
    inner: B,
    told: Option<Box<Told>>,
}

/// What is known of a request so far; told when it is dropped.
#[derive(Debug)]
struct Told {
    tracer: Tracer,
    asked: AskedFor,
    head: Parts,
    client: IpAddr,
    started: Timestamp,
    begun: Duration,
    received_bytes: Arc<AtomicU64>,
    status: u16,
    headers: HeaderMap,
    first_byte: Option<Duration>,
    sent_bytes: u64,
}

impl Tracer {
    /// Tells this board and this log.
    #[must_use]
    pub fn new(board: TraceBoard, audit: Audit, clock: Arc<dyn Clock>) -> Self {
        Self { board, audit, clock }
    }

    /// Whether requests of S3 are told to anybody.
    #[must_use]
    pub fn watches_s3(&self) -> bool {
        self.audit.is_on() || self.board.is_watched()
    }

    /// Whether requests of the admin API are told to anybody.
    #[must_use]
    pub fn watches_admin(&self) -> bool {
        self.audit.is_on()
    }

    /// Begins to watch a request.
    pub fn watch<B>(
        &self,
        request: Request<B>,
        client: IpAddr,
        asked: impl FnOnce(&Parts) -> AskedFor,
    ) -> (Watched, Request<CountedBody<B>>) {
        let (head, body) = request.into_parts();
        let received_bytes = Arc::new(AtomicU64::new(0));
        let told = Told {
            tracer: self.clone(),
            asked: asked(&head),
            head: head.clone(),
            client,
            started: self.clock.now(),
            begun: self.clock.monotonic(),
            received_bytes: Arc::clone(&received_bytes),
            status: CLIENT_WENT,
            headers: HeaderMap::new(),
            first_byte: None,
            sent_bytes: 0,
        };
        let body = CountedBody { inner: body, bytes: Some(received_bytes) };
        (Watched(Box::new(told)), Request::from_parts(head, body))
    }
}

impl Watched {
    /// The answer, which tells of itself when it is over.
    pub fn answer<B>(self, response: Response<B>) -> Response<TracedBody<B>> {
        let Self(mut told) = self;
        told.first_byte = Some(told.lasted());
        told.status = response.status().as_u16();
        told.headers = response.headers().clone();
        response.map(|inner| TracedBody { inner, told: Some(told) })
    }
}

/// A request that nobody watches.
#[must_use]
pub fn uncounted<B>(request: Request<B>) -> Request<CountedBody<B>> {
    request.map(|inner| CountedBody { inner, bytes: None })
}

/// An answer that nobody watches.
#[must_use]
pub fn unwatched<B>(response: Response<B>) -> Response<TracedBody<B>> {
    response.map(|inner| TracedBody { inner, told: None })
}

impl Told {
    fn lasted(&self) -> Duration {
        self.tracer.clock.monotonic().saturating_sub(self.begun)
    }

    fn tell_board(&self, operation: &str, duration: Duration) {
        self.tracer.board.tell(&TraceCall {
            name: &format!("s3.{operation}"),
            started: self.started,
            duration,
            first_byte: self.first_byte.unwrap_or(duration),
            method: self.head.method.as_str(),
            path: self.head.uri.path(),
            query: self.head.uri.query().unwrap_or_default(),
            protocol: format!("{:?}", self.head.version),
            request_headers: &self.head.headers,
            response_headers: &self.headers,
            status: self.status,
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes,
            client: self.client,
        });
    }

    fn record(&self, (name, bucket, object): (&str, &str, &str), duration: Duration) {
        self.tracer.audit.record(&audit::AuditedRequest {
            time: self.started,
            name,
            bucket,
            object,
            status: self.status,
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes,
            first_byte: self.first_byte.unwrap_or(duration),
            whole: duration,
            client: self.client,
            path: self.head.uri.path(),
            query: self.head.uri.query().unwrap_or_default(),
            request_headers: &self.head.headers,
            response_headers: &self.headers,
        });
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let duration = self.lasted();
        match &self.asked {
            AskedFor::S3 { operation, bucket, key } => {
                if self.tracer.board.is_watched() {
                    self.tell_board(operation, duration);
                }
                self.record((operation, bucket, key), duration);
            }
            AskedFor::Admin(route) => self.record((&format!("admin{route}"), "", ""), duration),
        }
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
        if let Some(bytes) = &self.bytes {
            bytes.fetch_add(data_bytes(&frame), Ordering::Relaxed);
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
