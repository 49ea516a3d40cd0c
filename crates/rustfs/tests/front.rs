//! The S3 front over a store of simulated drives, in one process: what needs a clock or a broken body, and one walk
//! through the operations. What clients see over the network is tested in `tests/s3`.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use blob::{BlobOptions, Blobs, SetDrives};
use bytes::Bytes;
use cluster::map::ClusterMap;
use env::Env;
use env::simulated::Simulation;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use iam::{Iam, IamOptions, RootCredentials, SealingCosts};
use meta::engine::Engine;
use meta::engine::memory::MemoryEngineStore;
use meta::{Meta, MetaDrive, MetaOptions};
use model::ids::{DriveId, StoreId};
use object::{Objects, ObjectsOptions};
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};
use s3::{Frontend, FrontendOptions, Peer, ResponseBody};

const HOST: &str = "localhost:9000";

struct Client {
    front: Frontend,
    env: Env,
    address: IpAddr,
}

/// Pieces of a body; after the last one it ends, or nothing ever comes.
struct Pieces {
    left: VecDeque<Bytes>,
    ends: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The text of the first element of that name.
    fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let (_, behind) = self.text().split_once(&open).unwrap_or_else(|| panic!("{name}: {}", self.text()));
        behind.split_once(&close).unwrap().0
    }

    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.element("Code")), (status, code), "{}", self.text());
    }
}

impl Client {
    fn signed(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> http::request::Builder {
        let mut map = HeaderMap::new();
        map.insert("host", HOST.parse().unwrap());
        for (name, value) in headers {
            map.insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let now = i64::try_from(self.env.clock.now().millis()).unwrap();
        let date = AmzDate::from_unix_milliseconds(now).unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let signer = Signer {
            access_key: "rustfsadmin",
            secret: "rustfssecret",
            session_token: None,
            region: "us-east-1",
            service: "s3",
        };
        signer.sign(&Target { method, path, query, host: HOST }, &mut map, &date, "UNSIGNED-PAYLOAD");
        let mut builder = Request::builder().method(method).uri(uri);
        builder.headers_mut().unwrap().extend(map);
        builder
    }

    async fn response<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        self.front.handle(request, Peer { address: self.address, is_tls: false }).await
    }

    async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = self.response(request).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    async fn call(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let mut all = vec![("content-length", length.as_str())];
        all.extend_from_slice(headers);
        let body = Full::new(Bytes::copy_from_slice(body));
        self.send(self.signed(method, uri, &all).body(body).unwrap()).await
    }
}

async fn store(env: &Env) -> Objects {
    let id = DriveId::from_bytes([1; 16]);
    let map = ClusterMap {
        store: StoreId::from_bytes([7; 16]),
        epoch: 1,
        sets: vec![vec![id]],
        parity: 0,
        parity_reduced: 0,
        partitions: 3,
        replicas: 1,
    };
    let memory = MemoryEngineStore::default();
    let engines = Arc::new(move |_: &Env, _: DriveId, _: &Path| {
        let engine: Arc<dyn Engine> = Arc::new(memory.open());
        Ok(engine)
    });
    let drives = vec![MetaDrive::new(id, "/d1/meta")];
    let options = MetaOptions {
        map,
        drives,
        new_store: true,
        engines,
        log: Arc::new(meta::log::LogOptions::new),
        watch: None,
    };
    let (meta, _) = Meta::open(env, options).await.unwrap();
    let set = SetDrives { set: 0, map_epoch: 1, drives: vec![Some("/d1".into())] };
    let blobs = Blobs::open(env.clone(), vec![set], BlobOptions::default()).await.unwrap();
    Objects::new(env.clone(), Arc::new(meta), blobs, ObjectsOptions::for_replicas(1))
}

/// Runs a test against a front over one simulated drive, with a bucket `bucket` in it.
fn on_front(options: FrontendOptions, test: impl AsyncFnOnce(Client)) {
    let simulation = Simulation::with_drives(1, 1, 4 << 30);
    let ending = simulation.run(async |env| {
        let objects = store(&env).await;
        let options_of_iam = IamOptions { costs: SealingCosts::LEAST, ..IamOptions::default() };
        let root = RootCredentials::documented();
        let iam = Arc::new(Iam::open(&env, objects.meta(), root, &options_of_iam).await.unwrap());
        let front = Frontend::new(objects.clone(), iam, env.clone(), options);
        let client = Client { front, env, address: "127.0.0.1".parse().unwrap() };
        assert_eq!(client.call("PUT", "/bucket", &[], b"").await.status, StatusCode::OK);
        test(client).await;
        objects.meta().close().await;
        objects.blobs().close().await;
    });
    ending.finished();
}

#[test]
fn an_object_is_put_listed_read_and_deleted() {
    on_front(FrontendOptions::default(), async |client| {
        let put = client.call("PUT", "/bucket/a/b", &[("x-amz-meta-k", "v")], b"hello").await;
        assert_eq!((put.status.as_u16(), put.header("etag")), (200, "\"5d41402abc4b2a76b9719d911017c592\""));
        assert_eq!(put.header("x-amz-checksum-type"), "FULL_OBJECT");
        assert_eq!(put.header("x-amz-request-id").len(), 16);
        let get = client.call("GET", "/bucket/a/b", &[], b"").await;
        assert_eq!((&get.body[..], get.header("x-amz-meta-k")), (&b"hello"[..], "v"));
        assert_eq!(get.header("x-amz-checksum-crc64nvme"), "");
        let head = client.call("HEAD", "/bucket/a/b", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
        assert_eq!((head.header("content-length"), head.body.len()), ("5", 0));
        assert_eq!(head.header("x-amz-checksum-crc64nvme"), put.header("x-amz-checksum-crc64nvme"));
        let part = client.call("GET", "/bucket/a/b", &[("range", "bytes=1-2")], b"").await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"el"[..]));
        let list = client.call("GET", "/bucket?list-type=2&delimiter=/", &[], b"").await;
        assert_eq!((list.element("KeyCount"), list.element("CommonPrefixes")), ("1", "<Prefix>a/</Prefix>"));
        assert_eq!(client.call("DELETE", "/bucket/a/b", &[], b"").await.status.as_u16(), 204);
        client.call("GET", "/bucket/a/b", &[], b"").await.is(404, "NoSuchKey");
        assert_eq!(client.call("DELETE", "/bucket", &[], b"").await.status.as_u16(), 204);
    });
}

#[test]
fn an_upload_of_parts_becomes_an_object() {
    on_front(FrontendOptions::default(), async |client| {
        let id = client.call("POST", "/bucket/k?uploads", &[], b"").await.element("UploadId").to_owned();
        let large = vec![7; 5 << 20];
        let mut parts = String::new();
        for (number, bytes) in [(1, large.as_slice()), (2, b"end")] {
            let uri = format!("/bucket/k?partNumber={number}&uploadId={id}");
            let etag = client.call("PUT", &uri, &[], bytes).await.header("etag").to_owned();
            parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        }
        let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let uri = format!("/bucket/k?uploadId={id}");
        let done = client.call("POST", &uri, &[], document.as_bytes()).await;
        assert!(done.element("ETag").contains("-2"), "{}", done.text());
        assert_eq!(done.element("Location"), "http://localhost:9000/bucket/k");
        let get = client.call("GET", "/bucket/k", &[], b"").await;
        assert_eq!(get.body, [large.as_slice(), b"end"].concat());
        // Who did not hear the answer asks again, and is told the same as long as the object is that upload's.
        let again = client.call("POST", &uri, &[], document.as_bytes()).await;
        assert_eq!((again.status, again.text()), (done.status, done.text()));
        client.call("DELETE", "/bucket/k", &[], b"").await;
        client.call("POST", &uri, &[], document.as_bytes()).await.is(404, "NoSuchUpload");
    });
}

#[test]
fn a_silent_body_is_given_up_and_its_connection_closed() {
    on_front(FrontendOptions::default(), async |client| {
        let start = client.env.clock.monotonic();
        let body = Pieces { left: [Bytes::from_static(b"abc")].into(), ends: false };
        let request = client.signed("PUT", "/bucket/k", &[("content-length", "10")]).body(body).unwrap();
        let answer = client.send(request).await;
        answer.is(400, "RequestTimeout");
        assert_eq!(answer.header("connection"), "close");
        let waited = client.env.clock.monotonic() - start;
        assert!(waited >= Duration::from_secs(60) && waited < Duration::from_secs(62), "{waited:?}");
        client.call("GET", "/bucket/k", &[], b"").await.is(404, "NoSuchKey");
    });
}

#[test]
fn a_body_that_ends_early_stores_nothing() {
    on_front(FrontendOptions::default(), async |client| {
        let body = Pieces { left: [Bytes::from_static(b"abc")].into(), ends: true };
        let request = client.signed("PUT", "/bucket/k", &[("content-length", "10")]).body(body).unwrap();
        client.send(request).await.is(400, "IncompleteBody");
        client.call("GET", "/bucket/k", &[], b"").await.is(404, "NoSuchKey");
    });
}

#[test]
fn a_refused_body_is_read_only_if_that_costs_little() {
    on_front(FrontendOptions::default(), async |client| {
        for (length, expects, closes) in [(3, false, false), (3, true, true), (9 << 20, false, true)] {
            let mut builder = Request::builder().method("PUT").uri("/bucket/k").header("host", HOST);
            builder = builder.header("content-length", length);
            if expects {
                builder = builder.header("expect", "100-continue");
            }
            let answer = client.send(builder.body(Full::new(Bytes::from(vec![0; length]))).unwrap()).await;
            answer.is(403, "AccessDenied");
            assert_eq!(answer.header("connection") == "close", closes, "{length} {expects}");
        }
    });
}

#[test]
fn requests_beyond_the_limit_are_told_to_slow_down() {
    let options = FrontendOptions { requests_max: 1, ..FrontendOptions::default() };
    on_front(options, async |client| {
        client.call("PUT", "/bucket/k", &[], b"hello").await;
        let held =
            client.response(client.signed("GET", "/bucket/k", &[]).body(Full::<Bytes>::default()).unwrap());
        let held = held.await;
        let answer = client.call("GET", "/bucket/k", &[], b"").await;
        answer.is(503, "SlowDown");
        assert_eq!(answer.header("retry-after"), "1");
        drop(held);
        assert_eq!(client.call("GET", "/bucket/k", &[], b"").await.status.as_u16(), 200);
    });
}

#[test]
fn the_documented_credentials_are_refused_from_elsewhere_with_the_way_out() {
    on_front(FrontendOptions::default(), async |mut client| {
        let forwarded = client.call("GET", "/bucket", &[("x-forwarded-for", "127.0.0.1")], b"").await;
        forwarded.is(403, "AccessDenied");
        client.address = "192.0.2.7".parse().unwrap();
        let answer = client.call("GET", "/bucket", &[], b"").await;
        answer.is(403, "AccessDenied");
        assert!(answer.element("Message").contains("RUSTFS_SECRET_KEY"), "{}", answer.text());
    });
}

#[test]
fn documents_have_a_limit() {
    on_front(FrontendOptions::default(), async |client| {
        let large = vec![b' '; (256 << 10) + 1];
        client.call("PUT", "/other", &[], &large).await.is(400, "MaxMessageLengthExceeded");
        client.call("PUT", "/other", &[], b"<CreateBucketConfiguration").await.is(400, "MalformedXML");
        let body = Pieces { left: [Bytes::from(large)].into(), ends: true };
        let answer = client.send(client.signed("PUT", "/other", &[]).body(body).unwrap()).await;
        answer.is(400, "MaxMessageLengthExceeded");
    });
}
