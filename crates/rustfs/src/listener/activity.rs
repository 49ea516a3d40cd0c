//! Whether a connection keeps the server waiting: nothing sent, a head that does not end, an answer that is not taken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use env::Clock;
use http::Version;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a connection may keep the server waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the beginning of a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its headers.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without taking any byte of an answer.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            write: Duration::from_secs(300),
        }
    }
}

/// Never, as a time.
const NEVER: u64 = 0;

/// What a connection is doing. Times are in milliseconds of the monotonic clock, from 1 on.
pub(super) struct Activity {
    clock: Arc<dyn Clock>,
    requests: AtomicU32,
    is_http2: AtomicBool,
    quiet_since: AtomicU64,
    head_since: AtomicU64,
    write_blocked_since: AtomicU64,
}

impl Activity {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let activity = Activity {
            clock,
            requests: AtomicU32::new(0),
            is_http2: AtomicBool::new(false),
            quiet_since: AtomicU64::new(NEVER),
            head_since: AtomicU64::new(NEVER),
            write_blocked_since: AtomicU64::new(NEVER),
        };
        activity.quiet_since.store(activity.now(), Ordering::Relaxed);
        Arc::new(activity)
    }

    fn now(&self) -> u64 {
        self.clock.monotonic().as_millis() as u64 + 1
    }

    /// Counts a request until the guard goes.
    pub(super) fn begin_request(activity: &Arc<Self>, version: Version) -> RequestGuard {
        activity.requests.fetch_add(1, Ordering::Relaxed);
        activity.head_since.store(NEVER, Ordering::Relaxed);
        if version == Version::HTTP_2 {
            activity.is_http2.store(true, Ordering::Relaxed);
        }
        RequestGuard(Arc::clone(activity))
    }

    fn has_read(&self) {
        // Between the requests of HTTP/2 there are pings and the like: only what is a head counts as one.
        let is_head = self.requests.load(Ordering::Relaxed) == 0 && !self.is_http2.load(Ordering::Relaxed);
        if is_head && self.head_since.load(Ordering::Relaxed) == NEVER {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn has_written(&self, blocked: bool) {
        let since = self.write_blocked_since.load(Ordering::Relaxed);
        if blocked && since == NEVER {
            self.write_blocked_since.store(self.now(), Ordering::Relaxed);
        } else if !blocked && since != NEVER {
            self.write_blocked_since.store(NEVER, Ordering::Relaxed);
        }
    }

    /// Ends when the connection has kept the server waiting for too long, with what for.
    pub(super) async fn too_slow(&self, patience: Patience) -> &'static str {
        loop {
            match self.verdict(patience) {
                Ok(wait) => self.clock.sleep(wait).await,
                Err(why) => return why,
            }
        }
    }

    /// How long to wait before the next look, or what has lasted for too long.
    fn verdict(&self, patience: Patience) -> Result<Duration, &'static str> {
        let mut wait = patience.head.min(patience.idle).min(patience.write);
        let mut look = |since: &AtomicU64, limit: Duration, why: &'static str| {
            let since = since.load(Ordering::Relaxed);
            if since == NEVER {
                return Ok(());
            }
            let lasted = Duration::from_millis(self.now().saturating_sub(since));
            let left = limit.checked_sub(lasted).filter(|left| !left.is_zero()).ok_or(why)?;
            wait = wait.min(left);
            Ok(())
        };
        look(&self.write_blocked_since, patience.write, "its answer was not taken")?;
        if self.requests.load(Ordering::Relaxed) == 0 {
            if self.head_since.load(Ordering::Relaxed) == NEVER {
                look(&self.quiet_since, patience.idle, "it was idle")?;
            } else {
                look(&self.head_since, patience.head, "its request was sent too slowly")?;
            }
        }
        Ok(wait.max(Duration::from_millis(1)))
    }
}

/// A request in progress.
pub(super) struct RequestGuard(Arc<Activity>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that keeps its request in progress until it has been taken.
pub(super) struct Counted<B> {
    body: B,
    _request: RequestGuard,
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, request: RequestGuard) -> Self {
        Counted { body, _request: request }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose reads and writes are noted.
pub(super) struct Watched<T> {
    stream: T,
    activity: Arc<Activity>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, activity: Arc<Activity>) -> Self {
        Watched { stream, activity }
    }

    fn note<R>(&self, written: Poll<R>) -> Poll<R> {
        self.activity.has_written(written.is_pending());
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Under TLS the last of an answer waits here to be taken.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
