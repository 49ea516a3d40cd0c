//! Connections: accepted, bounded, watched, and let go.
//!
//! Always:
//! - There are at most so many connections as [`ListenerOptions`] says; one more is answered `503 SlowDown` and closed.
//! - Where there is TLS nothing is served without it. A handshake has its time, counts as a connection and holds up no other.
//! - A connection that sends no request, sends one too slowly, or takes no answer is closed ([`activity`]). What happens
//!   within a request is bounded by who answers it.
//! - A stop lets requests in progress end: nothing new is accepted, idle connections close at once.

mod activity;
mod bind;
mod refusal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
mod transport;

pub use activity::Patience;
pub use bind::{Bound, ListenError};

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3::{ClientCertificate, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use crate::shutdown::{Phase, Stop};
use crate::tls::Tls;
use activity::{Activity, Counted, Watched};
use transport::{Begun, Transport};

/// Headers of one request, at most; more is 431.
const HEADERS_MAX: usize = 128;
/// Their names and values in bytes, at most; more is 431.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// HTTP/1: what is read from a connection at once, in bytes. So little that what follows finds it in a near cache, and so
/// much that system calls do not count.
const READ_BYTES_MAX: usize = 128 << 10;

/// HTTP/2: requests at once on a connection, and how far a sender may be ahead, in bytes.
const STREAMS_MAX: u32 = 256;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const FRAME_BYTES_MAX: u32 = 64 << 10;

/// Connections that are being told at once that there are too many; one more is closed without a word.
const REFUSED_AT_ONCE_MAX: usize = 64;
/// How long one of them may take.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(2);

/// How long to wait after the operating system could not give a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who answers requests.
pub trait Respond: Send + Sync + 'static {
    /// What answers are made of.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request that came from `peer`. The certificate that a client showed is with its extensions
    /// ([`ClientCertificate`]).
    fn respond(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct ListenerOptions {
    /// Connections at once.
    pub connections_max: usize,
    /// How long a connection may keep the server waiting.
    pub patience: Patience,
}

struct Shared<S> {
    env: Env,
    service: Arc<S>,
    tls: Option<Tls>,
    options: ListenerOptions,
    stop: Stop,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    http: auto::Builder<TokioExecutor>,
}

/// Serves until the stop, and until every connection has ended or the stop says `AtOnce`.
pub async fn serve<S: Respond>(
    env: Env,
    (listeners, tls): (Vec<TcpListener>, Option<Tls>),
    service: Arc<S>,
    options: ListenerOptions,
    stop: Stop,
) {
    let shared = Arc::new(Shared {
        env: env.clone(),
        service,
        tls,
        options,
        stop: stop.clone(),
        places: Arc::new(Semaphore::new(options.connections_max)),
        refusals: Arc::new(Semaphore::new(REFUSED_AT_ONCE_MAX)),
        http: http(),
    });
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| env.spawn.task(Box::pin(accept(listener, Arc::clone(&shared)))))
        .collect();
    for accepted in accepting {
        accepted.await;
    }
    let all = u32::try_from(options.connections_max).unwrap_or(u32::MAX);
    let ended = pin!(shared.places.acquire_many(all));
    let mut stop = stop;
    tokio::select! {
        biased;
        _ = ended => {}
        () = stop.reached(Phase::AtOnce) => debug!("requests in progress are cut off"),
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_headers(HEADERS_MAX).max_buf_size(READ_BYTES_MAX);
    http.http2()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32);
    http
}

async fn accept<S: Respond>(listener: TcpListener, shared: Arc<Shared<S>>) {
    let mut stop = shared.stop.clone();
    let mut was_failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.reached(Phase::Finishing) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                was_failing = false;
                take(stream, peer, &shared);
            }
            Err(error) => {
                if !std::mem::replace(&mut was_failing, true) {
                    warn!(%error, "connections can't be accepted now: is the limit of open files (ulimit -n) too low?");
                }
                shared.env.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn take<S: Respond>(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared<S>>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection went before it was served");
        return;
    }
    // A mapped address is the IPv4 address that it stands for.
    let peer = peer.ip().to_canonical();
    if let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() {
        let connection = connection(stream, peer, Arc::clone(shared), place);
        drop(shared.env.spawn.task(Box::pin(connection)));
    } else if let Ok(place) = Arc::clone(&shared.refusals).try_acquire_owned() {
        let shared = Arc::clone(shared);
        drop(shared.env.clone().spawn.task(Box::pin(async move {
            let _place = place;
            in_time(&shared.env, tell_too_many(stream, shared.tls.as_ref())).await;
        })));
    }
}

/// Tells a client why it is not served, while it may take.
async fn in_time(env: &Env, refused: impl Future<Output = io::Result<()>>) {
    if let Some(Err(error)) = env::within(&*env.clock, REFUSAL_TIME_MAX, refused).await {
        debug!(%error, "a connection that is not served went before it was told");
    }
}

async fn tell_too_many(stream: TcpStream, tls: Option<&Tls>) -> io::Result<()> {
    let Some(tls) = tls else {
        return refusal::too_many(stream).await;
    };
    match transport::begin(stream, tls).await? {
        Begun::Encrypted(stream) => refusal::too_many(stream).await,
        Begun::PlainHttp(stream) => refusal::not_encrypted(stream).await,
    }
}

async fn connection<S: Respond>(
    stream: TcpStream,
    peer: IpAddr,
    shared: Arc<Shared<S>>,
    _place: OwnedSemaphorePermit,
) {
    let transport = match &shared.tls {
        None => Some(Transport::Plain(stream)),
        Some(tls) => handshake(stream, peer, tls, &shared).await,
    };
    if let Some(transport) = transport {
        converse(transport, peer, &shared).await;
    }
}

/// Begins an encrypted connection, if the client does its part in time.
async fn handshake<S>(stream: TcpStream, peer: IpAddr, tls: &Tls, shared: &Shared<S>) -> Option<Transport> {
    let mut stop = shared.stop.clone();
    let begun = tokio::select! {
        biased;
        () = stop.reached(Phase::Finishing) => return None,
        begun = env::within(&*shared.env.clock, shared.options.patience.handshake, transport::begin(stream, tls)) => begun,
    };
    match begun {
        Some(Ok(Begun::Encrypted(stream))) => return Some(Transport::Encrypted(stream)),
        Some(Ok(Begun::PlainHttp(stream))) => in_time(&shared.env, refusal::not_encrypted(stream)).await,
        Some(Err(error)) => debug!(%peer, %error, "a TLS handshake failed"),
        None => debug!(%peer, "a TLS handshake took too long"),
    }
    None
}

/// Serves the requests of a connection until its end.
async fn converse<S: Respond>(transport: Transport, address: IpAddr, shared: &Shared<S>) {
    let activity = Activity::new(Arc::clone(&shared.env.clock));
    let peer = Peer { address, is_tls: transport.is_tls() };
    let certificate = transport.client_certificate();
    let service = service_fn(|mut request: Request<Incoming>| {
        let place = Activity::begin_request(&activity, request.version());
        let service = Arc::clone(&shared.service);
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(ClientCertificate::clone(certificate));
        }
        async move {
            let response = match is_within_bounds(&request) {
                true => service.respond(request, peer).await.map(Either::Left),
                false => headers_too_large().map(Either::Right),
            };
            Ok::<_, Infallible>(response.map(|body| Counted::new(body, place)))
        }
    });
    let io = TokioIo::new(Watched::new(transport, Arc::clone(&activity)));
    let mut connection = pin!(shared.http.serve_connection(io, service));
    let mut too_slow = pin!(activity.too_slow(shared.options.patience));
    let mut stop = shared.stop.clone();
    let mut wanted = Phase::Finishing;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%address, %error, "a connection ended early");
                }
                return;
            }
            () = stop.reached(wanted) => {
                if wanted == Phase::AtOnce {
                    return;
                }
                wanted = Phase::AtOnce;
                connection.as_mut().graceful_shutdown();
            }
            why = too_slow.as_mut() => {
                debug!(%address, why, "a connection is closed");
                return;
            }
        }
    }
}

fn is_within_bounds<B>(request: &Request<B>) -> bool {
    let bytes: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    bytes <= HEADER_BYTES_MAX
}

fn headers_too_large() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response
}
