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
use iam::{Federated, IdentityProvider, Proof, ProviderFault, ProviderKind, Providers};
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
    iam: Arc<Iam>,
    env: Env,
    address: IpAddr,
    keys: Keys,
}

/// What requests are signed with.
#[derive(Clone)]
struct Keys {
    access_key: String,
    secret: String,
    session_token: Option<String>,
}

impl Keys {
    fn new(access_key: &str, secret: &str) -> Self {
        Keys { access_key: access_key.to_owned(), secret: secret.to_owned(), session_token: None }
    }
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
    /// The same, signing with other keys.
    fn with(&self, keys: Keys) -> Client {
        let (front, iam, env) = (self.front.clone(), Arc::clone(&self.iam), self.env.clone());
        Client { front, iam, env, address: self.address, keys }
    }

    fn signed(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> http::request::Builder {
        self.signed_for("s3", "UNSIGNED-PAYLOAD", method, uri, headers)
    }

    fn signed_for(
        &self,
        service: &str,
        payload: &str,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> http::request::Builder {
        let mut map = HeaderMap::new();
        map.insert("host", HOST.parse().unwrap());
        for (name, value) in headers {
            map.insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let now = i64::try_from(self.env.clock.now().millis()).unwrap();
        let date = AmzDate::from_unix_milliseconds(now).unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let signer = Signer {
            access_key: &self.keys.access_key,
            secret: &self.keys.secret,
            session_token: self.keys.session_token.as_deref(),
            region: "us-east-1",
            service,
        };
        signer.sign(&Target { method, path, query, host: HOST }, &mut map, &date, payload);
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
        let front = Frontend::new(objects.clone(), Arc::clone(&iam), env.clone(), options);
        let keys = Keys::new("rustfsadmin", "rustfssecret");
        let client = Client { front, iam, env, address: "127.0.0.1".parse().unwrap(), keys };
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
        // Short answers hold no place: who does not read them holds up nobody.
        client.call("PUT", "/bucket/k", &[], &[7; 8 << 10]).await;
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

/// A user who may read below `bucket/open/`, and list with that prefix.
async fn reader(client: &Client) -> Client {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/open/*"},
        {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*"},
        {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket",
         "Condition":{"StringLike":{"s3:prefix":"open/*"},"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}"#;
    let (iam, root) = (&client.iam, model::identity::AccountId::ROOT);
    iam.put_policy(root, "reader", policy).await.unwrap();
    iam.put_user(root, "alice", Some("wonderland"), None).await.unwrap();
    let alice = iam::PolicyHolder::User("alice".to_owned());
    iam.attach_policies(root, alice, &["reader".to_owned()]).await.unwrap();
    client.with(Keys::new("alice", "wonderland"))
}

#[test]
fn a_user_may_what_its_policies_say() {
    on_front(FrontendOptions::default(), async |client| {
        let alice = reader(&client).await;
        for key in ["/bucket/open/a", "/bucket/closed/a"] {
            assert_eq!(client.call("PUT", key, &[], b"x").await.status.as_u16(), 200);
        }
        assert_eq!(alice.call("GET", "/bucket/open/a", &[], b"").await.status.as_u16(), 200);
        alice.call("GET", "/bucket/closed/a", &[], b"").await.is(403, "AccessDenied");
        alice.call("DELETE", "/bucket/open/a", &[], b"").await.is(403, "AccessDenied");
        alice.call("GET", "/bucket?list-type=2", &[], b"").await.is(403, "AccessDenied");
        assert_eq!(
            alice.call("GET", "/bucket?list-type=2&prefix=open/x", &[], b"").await.status.as_u16(),
            200
        );
        alice.call("PUT", "/other", &[], b"").await.is(403, "AccessDenied");
        // A wider right than the operation's own is asked for where a header asks for more.
        alice.call("PUT", "/bucket/open/b", &[("x-amz-acl", "private")], b"x").await.is(403, "AccessDenied");
        alice
            .with(Keys::new("alice", "looking-glass"))
            .call("GET", "/bucket/open/a", &[], b"")
            .await
            .is(403, "SignatureDoesNotMatch");
        client.iam.set_user_enabled(model::identity::AccountId::ROOT, "alice", false).await.unwrap();
        alice.call("GET", "/bucket/open/a", &[], b"").await.is(403, "InvalidAccessKeyId");
    });
}

/// A copy needs the right to read its source: CVE-class of stores that ask for the target alone.
#[test]
fn a_copy_asks_for_the_right_on_its_source() {
    on_front(FrontendOptions::default(), async |client| {
        let alice = reader(&client).await;
        for key in ["/bucket/open/a", "/bucket/closed/a"] {
            client.call("PUT", key, &[], b"x").await;
        }
        let copy = async |source: &str| {
            alice.call("PUT", "/bucket/mine", &[("x-amz-copy-source", source)], b"").await
        };
        assert_eq!(copy("bucket/open/a").await.status.as_u16(), 200);
        copy("bucket/closed/a").await.is(403, "AccessDenied");
        copy("bucket/open/../closed/a").await.is(404, "NoSuchKey");
        let id = client.call("POST", "/bucket/up?uploads", &[], b"").await.element("UploadId").to_owned();
        let part = format!("/bucket/up?partNumber=1&uploadId={id}");
        let source = [("x-amz-copy-source", "bucket/closed/a")];
        alice.call("PUT", &part, &source, b"").await.is(403, "AccessDenied");
    });
}

#[test]
fn each_key_of_many_is_asked_for_and_a_refusal_tells_why_to_who_may_know() {
    on_front(FrontendOptions::default(), async |client| {
        let alice = reader(&client).await;
        client.call("PUT", "/bucket/open/a", &[], b"x").await;
        let document = "<Delete><Object><Key>open/a</Key></Object></Delete>";
        let md5 = [("content-md5", "mUnUlqgTtYH3eWC4DbmVjQ==")];
        let answer = alice.call("POST", "/bucket?delete", &md5, document.as_bytes()).await;
        assert_eq!((answer.status.as_u16(), answer.element("Key")), (200, "open/a"));
        assert_eq!(answer.element("Code"), "AccessDenied");
        let refused = alice.call("DELETE", "/bucket/open/a", &[], b"").await;
        let denial = client.iam.denial(refused.header("x-amz-request-id")).unwrap();
        assert_eq!((denial.access_key.as_str(), denial.action.name()), ("alice", "s3:DeleteObject"));
        assert_eq!(denial.requester, "arn:aws:iam::000000000000:user/alice");
        assert!(denial.reason.contains("no statement allows it"), "{}", denial.reason);
        let list = alice.call("GET", "/", &[], b"").await;
        list.is(403, "AccessDenied");
    });
}

async fn sts(client: &Client, form: &str) -> Answer {
    let digest = ring::digest::digest(&ring::digest::SHA256, form.as_bytes());
    let payload = hex::encode(digest.as_ref());
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let builder = client.signed_for("sts", &payload, "POST", "/", &kind);
    client.send(builder.body(Full::new(Bytes::copy_from_slice(form.as_bytes()))).unwrap()).await
}

#[test]
fn temporary_credentials_work_with_their_token_until_they_are_revoked() {
    on_front(FrontendOptions::default(), async |client| {
        let alice = reader(&client).await;
        client.call("PUT", "/bucket/open/a", &[], b"x").await;
        let answer = sts(&alice, "Action=AssumeRole&Version=2011-06-15&DurationSeconds=900").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (200, "no-store"),
            "{}",
            answer.text()
        );
        let keys = Keys {
            session_token: Some(answer.element("SessionToken").to_owned()),
            ..Keys::new(answer.element("AccessKeyId"), answer.element("SecretAccessKey"))
        };
        let session = client.with(keys.clone());
        assert_eq!(session.call("GET", "/bucket/open/a", &[], b"").await.status.as_u16(), 200);
        session.call("GET", "/bucket/closed/a", &[], b"").await.is(403, "AccessDenied");
        let without = client.with(Keys { session_token: None, ..keys.clone() });
        without.call("GET", "/bucket/open/a", &[], b"").await.is(403, "InvalidAccessKeyId");
        let forged = client.with(Keys { session_token: Some("forged".to_owned()), ..keys });
        forged.call("GET", "/bucket/open/a", &[], b"").await.is(400, "InvalidToken");
        let who = sts(&session, "Action=GetCallerIdentity&Version=2011-06-15").await;
        assert_eq!(who.element("Arn"), "arn:aws:iam::000000000000:user/alice");
        sts(&session, "Action=AssumeRole&Version=2011-06-15").await.is(403, "AccessDenied");
        let holder = model::identity::KeyHolder::User("alice".to_owned());
        client.iam.revoke_sessions(model::identity::AccountId::ROOT, &holder).await.unwrap();
        session.call("GET", "/bucket/open/a", &[], b"").await.is(403, "InvalidAccessKeyId");
    });
}

#[test]
fn sts_says_what_is_wrong() {
    on_front(FrontendOptions::default(), async |client| {
        let alice = reader(&client).await;
        sts(&alice, "Action=AssumeRole&DurationSeconds=1").await.is(400, "ValidationError");
        sts(&alice, "Action=AssumeRole&Policy=%7B%7D").await.is(400, "MalformedPolicyDocument");
        sts(&alice, "Action=AssumeRole&Version=2000-01-01").await.is(400, "ValidationError");
        sts(&alice, "Action=AssumeRoleWithSAML").await.is(501, "NotImplemented");
        sts(&alice, "Version=2011-06-15").await.is(400, "MissingAction");
        sts(&alice.with(Keys::new("nobody", "wonderland")), "Action=AssumeRole")
            .await
            .is(403, "InvalidClientTokenId");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let other_form = alice.signed_for("sts", &"0".repeat(64), "POST", "/", &[kind]);
        let answer =
            alice.send(other_form.body(Full::new(Bytes::from_static(b"Action=AssumeRole"))).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
        let unsigned = Request::builder().method("POST").uri("/").header("host", HOST).header(kind.0, kind.1);
        let answer =
            alice.send(unsigned.body(Full::new(Bytes::from_static(b"Action=AssumeRole"))).unwrap()).await;
        answer.is(403, "MissingAuthenticationToken");
    });
}

/// Vouches for whoever sends the word `alice`, and says of other words what is wrong with them.
struct Doorman;

impl IdentityProvider for Doorman {
    fn kind(&self) -> ProviderKind {
        ProviderKind::OpenId
    }

    fn role(&self) -> Option<&str> {
        None
    }

    fn vouch<'a>(&'a self, proof: Proof<'a>) -> env::BoxFuture<'a, Result<Federated, ProviderFault>> {
        let Proof::WebIdentity { token, .. } = proof else { panic!("{proof:?} is not for it") };
        Box::pin(async move {
            match token {
                "alice" | "nobody" => Ok(Federated {
                    account: model::identity::AccountId::ROOT,
                    provider: "openid".to_owned(),
                    subject: token.to_owned(),
                    policies: if token == "alice" { vec!["reader".to_owned()] } else { Vec::new() },
                    claims: vec![("jwt:sub".to_owned(), vec![token.to_owned()])],
                    expires: None,
                }),
                "expired" => Err(ProviderFault::Expired),
                "down" => Err(ProviderFault::Unreachable),
                other => Err(ProviderFault::invalid(format!("{} letters", other.len()))),
            }
        })
    }
}

/// A form without a signature.
async fn unsigned_form(client: &Client, form: &str) -> Answer {
    let builder = Request::builder().method("POST").uri("/").header("host", HOST);
    let builder = builder.header("content-type", "application/x-www-form-urlencoded");
    client.send(builder.body(Full::new(Bytes::copy_from_slice(form.as_bytes()))).unwrap()).await
}

fn with_doorman() -> FrontendOptions {
    let identity_providers = Providers::new(vec![Arc::new(Doorman)]);
    FrontendOptions { identity_providers, ..FrontendOptions::default() }
}

#[test]
fn who_is_vouched_for_gets_a_session_without_a_signature() {
    on_front(with_doorman(), async |client| {
        drop(reader(&client).await);
        client.call("PUT", "/bucket/open/a", &[], b"x").await;
        for form in [
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=alice",
            "Action=AssumeRoleWithClientGrants&Version=2011-06-15&Token=alice",
        ] {
            let answer = unsigned_form(&client, form).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{form}");
            let session = client.with(Keys {
                session_token: Some(answer.element("SessionToken").to_owned()),
                ..Keys::new(answer.element("AccessKeyId"), answer.element("SecretAccessKey"))
            });
            assert_eq!(session.call("GET", "/bucket/open/a", &[], b"").await.status.as_u16(), 200);
            session.call("GET", "/bucket/closed/a", &[], b"").await.is(403, "AccessDenied");
            let who = sts(&session, "Action=GetCallerIdentity&Version=2011-06-15").await;
            assert_eq!(who.element("Arn"), "arn:aws:sts::000000000000:assumed-role/openid/alice");
            sts(&session, "Action=AssumeRole&Version=2011-06-15").await.is(403, "AccessDenied");
        }
    });
}

#[test]
fn who_is_not_vouched_for_is_told_why_in_the_words_of_sts() {
    on_front(with_doorman(), async |client| {
        let web = async |rest: &str| {
            unsigned_form(&client, &format!("Action=AssumeRoleWithWebIdentity&WebIdentityToken={rest}")).await
        };
        web("").await.is(400, "MissingParameter");
        web("forged").await.is(400, "InvalidIdentityToken");
        web("expired").await.is(400, "ExpiredTokenException");
        web("down").await.is(400, "IDPCommunicationError");
        web("nobody").await.is(403, "AccessDenied");
        web("alice&DurationSeconds=1").await.is(400, "ValidationError");
        web("alice&RoleArn=arn:minio:iam:::role/other").await.is(400, "ValidationError");
        web("alice&PolicyArns.member.1.arn=a").await.is(501, "NotImplemented");
        web("alice&Policy=").await.is(400, "ValidationError");
        unsigned_form(&client, "Action=AssumeRole").await.is(403, "MissingAuthenticationToken");
        unsigned_form(&client, "Action=GetCallerIdentity").await.is(403, "MissingAuthenticationToken");
    });
    on_front(FrontendOptions::default(), async |client| {
        let form = "Action=AssumeRoleWithWebIdentity&WebIdentityToken=alice";
        unsigned_form(&client, form).await.is(400, "InvalidIdentityToken");
    });
}
