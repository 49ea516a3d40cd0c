//! `mc admin trace`: S3 requests as they are answered.
//!
//! Always true: nobody watches, nothing is done but a load; a secret in a header or URL is never told.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use model::time::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::AdminError;
use crate::go_duration;
use crate::live::{self, Source};
use crate::time::rfc3339;

/// Requests that are kept for who has not taken them yet.
const KEPT_MAX: usize = 1024;
/// madmin's number for S3 requests.
const KIND_S3: u64 = 4;
/// What stands in place of a secret.
const HIDDEN: &str = "*REDACTED*";

/// Headers that hold secrets, or what works like one.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    // It may be a presigned URL.
    "referer",
    "x-amz-s3session-token",
    "x-amz-security-token",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-minio-admin-token",
];
/// The same in URLs.
const SECRET_PARAMETERS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "Signature",
    "LDAPPassword",
    "WebIdentityToken",
    "WebIdentityAccessToken",
    "Token",
];

/// An S3 request that was answered.
#[derive(Debug)]
pub struct TraceCall<'a> {
    /// `s3.PutObject`.
    pub name: &'a str,
    /// When it came.
    pub started: Timestamp,
    /// Until the last byte of its answer.
    pub duration: Duration,
    /// Until the head of its answer.
    pub first_byte: Duration,
    /// Its method.
    pub method: &'a str,
    /// Its path, as it was sent.
    pub path: &'a str,
    /// What stood behind the `?`.
    pub query: &'a str,
    /// `HTTP/1.1`.
    pub protocol: String,
    /// The headers of the request.
    pub request_headers: &'a HeaderMap,
    /// The headers of the answer.
    pub response_headers: &'a HeaderMap,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the request's body.
    pub received_bytes: u64,
    /// Bytes of the answer's body.
    pub sent_bytes: u64,
    /// The other end of the connection.
    pub client: IpAddr,
}

/// Where requests are told. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TraceBoard(Arc<Board>);

#[derive(Debug)]
struct Board {
    watchers: AtomicUsize,
    calls: broadcast::Sender<Told>,
}

/// A request as it is told.
#[derive(Clone, Debug)]
struct Told {
    is_error: bool,
    duration: Duration,
    document: Arc<Value>,
}

impl Default for TraceBoard {
    fn default() -> Self {
        let calls = broadcast::Sender::new(KEPT_MAX);
        Self(Arc::new(Board { watchers: AtomicUsize::new(0), calls }))
    }
}

impl TraceBoard {
    /// Whether anybody watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.watchers.load(Ordering::Relaxed) > 0
    }

    /// Tells whoever watches.
    pub fn tell(&self, call: &TraceCall<'_>) {
        let told = Told {
            is_error: call.status >= 400,
            duration: call.duration,
            document: Arc::new(document(call)),
        };
        // An error means that nobody watches any more.
        let _ = self.0.calls.send(told);
    }

    fn watch(&self) -> Watcher {
        self.0.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher { calls: self.0.calls.subscribe(), board: self.clone() }
    }
}

/// Who watches, until it is dropped.
struct Watcher {
    calls: broadcast::Receiver<Told>,
    board: TraceBoard,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.board.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What of it a caller wants.
struct Filtered {
    watcher: Watcher,
    node: String,
    wants_s3: bool,
    only_errors: bool,
    threshold: Duration,
}

impl Filtered {
    fn is_wanted(&self, told: &Told) -> bool {
        self.wants_s3 && (told.is_error || !self.only_errors) && told.duration >= self.threshold
    }
}

impl Source for Filtered {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send + '_>> {
        Box::pin(async move {
            loop {
                match self.watcher.calls.recv().await {
                    Ok(told) if self.is_wanted(&told) => {
                        let mut document = Value::clone(&told.document);
                        document["nodename"] = Value::String(self.node.clone());
                        return Some(live::line(&document));
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }
}

/// A stream of madmin's `TraceInfo`. Of the kinds that madmin knows this server tells S3's alone.
pub(crate) fn trace(call: &Call<'_>) -> Result<Answer, AdminError> {
    let query = &call.query;
    let threshold = query.get("threshold").filter(|text| !text.is_empty());
    let source = Filtered {
        watcher: call.shared.traces.watch(),
        node: call.shared.facts.endpoint.clone(),
        wants_s3: query.is_true("s3") || query.is_true("all"),
        only_errors: query.is_true("err"),
        threshold: threshold.map_or(Ok(Duration::ZERO), go_duration::parse)?,
    };
    Ok(Answer::Lines(live::lines(call.shared, source)))
}

fn document(call: &TraceCall<'_>) -> Value {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let started = rfc3339(call.started);
    let answered = call.started.millis() + u64::try_from(call.first_byte.as_millis()).unwrap_or(0);
    json!({
        "type": KIND_S3,
        "funcname": call.name,
        "time": started,
        "path": call.path,
        "dur": nanoseconds(call.duration),
        "bytes": call.received_bytes + call.sent_bytes,
        "http": {
            "request": {
                "time": started,
                "proto": call.protocol,
                "method": call.method,
                "path": call.path,
                "rawquery": without_secrets(call.query),
                "headers": headers(call.request_headers),
                "client": call.client.to_string(),
            },
            "response": {
                "time": crate::time::of_millis(answered),
                "headers": headers(call.response_headers),
                "statuscode": call.status,
            },
            "stats": {
                "inputbytes": call.received_bytes,
                "outputbytes": call.sent_bytes,
                "latency": nanoseconds(call.duration),
                "timetofirstbyte": nanoseconds(call.first_byte),
            },
        },
    })
}

fn headers(headers: &HeaderMap) -> Value {
    let shown = |name: &str, value: &[u8]| match SECRET_HEADERS.contains(&name) {
        true => HIDDEN.to_owned(),
        false => String::from_utf8_lossy(value).into_owned(),
    };
    let mut all = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| shown(name.as_str(), value.as_bytes()));
        all.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().into());
    }
    Value::Object(all)
}

fn without_secrets(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => {
            format!("{name}={HIDDEN}")
        }
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn call<'a>(status: u16, milliseconds: u64, headers: &'a HeaderMap) -> TraceCall<'a> {
        TraceCall {
            name: "s3.GetObject",
            started: Timestamp::ZERO,
            duration: Duration::from_millis(milliseconds),
            first_byte: Duration::from_millis(1),
            method: "GET",
            path: "/bucket/key",
            query: "x-id=GetObject&X-Amz-Signature=00ff",
            protocol: "HTTP/1.1".to_owned(),
            request_headers: headers,
            response_headers: headers,
            status,
            received_bytes: 0,
            sent_bytes: 5,
            client: IpAddr::from([127, 0, 0, 1]),
        }
    }

    fn filtered(board: &TraceBoard, only_errors: bool, threshold: Duration) -> Filtered {
        let watcher = board.watch();
        Filtered { watcher, node: "here".to_owned(), wants_s3: true, only_errors, threshold }
    }

    fn next(source: &mut Filtered) -> Option<Value> {
        let line = source.next().now_or_never()??;
        serde_json::from_slice(&line).ok()
    }

    #[test]
    fn what_is_asked_for_is_told_and_no_secret() {
        let board = TraceBoard::default();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "AWS4-HMAC-SHA256 Signature=abcd".parse().unwrap());
        headers.insert("x-amz-date", "20260101T000000Z".parse().unwrap());
        let mut all = filtered(&board, false, Duration::ZERO);
        let mut errors = filtered(&board, true, Duration::ZERO);
        let mut slow = filtered(&board, false, Duration::from_secs(1));
        board.tell(&call(200, 3, &headers));
        board.tell(&call(404, 2_000, &headers));
        let first = next(&mut all).unwrap();
        assert_eq!((&first["type"], &first["nodename"]), (&4.into(), &"here".into()));
        assert_eq!(first["http"]["stats"]["outputbytes"], 5);
        assert_eq!(first["http"]["request"]["headers"]["x-amz-date"][0], "20260101T000000Z");
        assert!(!first.to_string().contains("abcd") && !first.to_string().contains("00ff"), "{first}");
        assert_eq!(next(&mut errors).unwrap()["http"]["response"]["statuscode"], 404);
        assert_eq!(next(&mut slow).unwrap()["dur"], 2_000_000_000_u64);
        assert!(next(&mut errors).is_none() && next(&mut slow).is_none());
    }

    #[test]
    fn who_has_gone_watches_no_more_and_who_is_slow_misses_the_oldest() {
        let board = TraceBoard::default();
        assert!(!board.is_watched());
        let mut slow = filtered(&board, false, Duration::ZERO);
        assert!(board.is_watched());
        let headers = HeaderMap::new();
        for number in 0..KEPT_MAX as u64 + 10 {
            board.tell(&call(200, number, &headers));
        }
        assert_eq!(next(&mut slow).unwrap()["dur"], 10_000_000);
        drop(slow);
        assert!(!board.is_watched());
    }
}
