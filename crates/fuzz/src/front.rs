//! The whole front over a simulated store. Input: requests, each a byte of choices and a request as lines, ended by the byte
//! 0xff. In them `$U` stands for the last upload id and `$E` for the last ETag that an answer told.
//!
//! No request panics or hangs. Each is answered: an error with a status of its kind and the XML of an error, a document with
//! XML that reads, a body with as many bytes as were announced. Nothing is an internal error, as no drive fails. Who did not
//! sign, or not with the secret, changes nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use env::Env;
use env::simulated::Simulation;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HOST, LAST_MODIFIED, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use iam::{Iam, IamOptions, RootCredentials, SealingCosts};
use meta::Meta;
use meta::engine::memory::MemoryEngineStore;
use meta::log::LogOptions;
use object::{ListRequest, ListUploadsRequest, Objects, ObjectsOptions};
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};
use s3::error::ErrorCode;
use s3::wire::{FromXml, XmlError, XmlReader};
use s3::{Frontend, FrontendOptions, Peer};

use crate::input::Input;
use crate::request::Lines;
use crate::{metadata, store};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Requests of an input.
const REQUESTS_MAX: usize = 12;
/// Pieces of a body, about.
const PIECES_MAX: usize = 500;
/// Ends a request: no text has it.
const END: u8 = 0xff;
/// Objects and uploads that are compared.
const LISTED_MAX: u32 = 1000;
/// Documents that answers hold.
const DOCUMENTS: [&str; 14] = [
    "AccessControlPolicy",
    "CompleteMultipartUploadResult",
    "CopyObjectResult",
    "CopyPartResult",
    "DeleteResult",
    "Error",
    "InitiateMultipartUploadResult",
    "ListAllMyBucketsResult",
    "ListBucketResult",
    "ListMultipartUploadsResult",
    "ListPartsResult",
    "LocationConstraint",
    "VersioningConfiguration",
    "GetObjectAttributesResponse",
];

/// See the module.
pub fn run(data: &[u8]) {
    drop(statuses(data));
}

/// As [`run`]; the statuses of the answers.
#[must_use]
pub fn statuses(data: &[u8]) -> Vec<u16> {
    let simulation = Simulation::with_drives(1, 1, 256 << 20);
    simulation.run(async |env| serve(&env, Input::new(data)).await).finished()
}

async fn serve(env: &Env, mut input: Input<'_>) -> Vec<u16> {
    let front = Front::open(env).await;
    let (mut told, mut statuses) = (Told::default(), Vec::new());
    for _ in 0..REQUESTS_MAX {
        if input.is_empty() {
            break;
        }
        let choice = Choice(input.u8());
        let text = told.fill_in(input.until(END));
        let Some(request) = front.request(choice, &text) else { continue };
        let is_head = request.method() == Method::HEAD;
        let before = if choice.is_authentic() { None } else { Some(front.state().await) };
        let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), is_tls: false };
        let answer = front.frontend.handle(request, peer).await;
        let (parts, body) = answer.into_parts();
        let body = read(body, &parts.headers, is_head).await;
        check(parts.status, &parts.headers, &body, is_head);
        if let Some(before) = before {
            assert_eq!(front.state().await, before, "somebody unknown has changed something: {text:?}");
            assert!(!parts.status.is_success(), "somebody unknown is served: {text:?}");
        }
        told.listen(&parts.headers, &body);
        statuses.push(parts.status.as_u16());
    }
    front.close().await;
    statuses
}

/// How a request is sent.
#[derive(Clone, Copy, Debug)]
struct Choice(u8);

impl Choice {
    /// Signed, and with the secret.
    fn is_authentic(self) -> bool {
        self.is_signed() && self.0 & 0x40 == 0
    }

    fn is_signed(self) -> bool {
        self.0 & 3 != 0
    }

    fn secret(self) -> &'static str {
        if self.is_authentic() { SECRET } else { "another" }
    }

    /// The body as pieces.
    fn cut(self, body: &[u8]) -> VecDeque<Bytes> {
        let len = match self.0 >> 2 & 3 {
            0 => body.len(),
            1 => 1 + body.len() / PIECES_MAX,
            2 => 7 + body.len() / PIECES_MAX,
            _ => body.len().div_ceil(2),
        };
        body.chunks(len.max(1)).map(Bytes::copy_from_slice).collect()
    }

    fn has_length(self) -> bool {
        self.0 & 0x10 == 0
    }

    /// The body ends before its end.
    fn is_broken_off(self) -> bool {
        self.0 & 0x20 != 0
    }

    fn is_repeated(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// What answers told that later requests name.
#[derive(Default)]
struct Told {
    upload: Vec<u8>,
    etag: Vec<u8>,
}

impl Told {
    fn listen(&mut self, headers: &HeaderMap, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let upload = text.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
        if let Some((upload, _)) = upload {
            self.upload = upload.as_bytes().to_vec();
        }
        if let Some(etag) = headers.get(ETAG) {
            self.etag = etag.as_bytes().to_vec();
        }
    }

    fn fill_in(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            match (first, behind.first()) {
                (b'$', Some(b'U')) => filled.extend_from_slice(&self.upload),
                (b'$', Some(b'E')) => filled.extend_from_slice(&self.etag),
                _ => {
                    filled.push(*first);
                    continue;
                }
            }
            rest = behind.get(1..).unwrap_or_default();
        }
        filled
    }
}

/// The front and what is behind it.
struct Front {
    env: Env,
    meta: Arc<Meta>,
    objects: Objects,
    frontend: Frontend,
}

impl Front {
    async fn open(env: &Env) -> Self {
        let log = Arc::new(LogOptions::new);
        let options = metadata::options(2, MemoryEngineStore::default(), log, true);
        let Ok((meta, _)) = Meta::open(env, options).await else { panic!("a new store does not open") };
        let meta = Arc::new(meta);
        let blobs = store::open(env, 1).await;
        let objects =
            Objects::new(env.clone(), Arc::clone(&meta), blobs, ObjectsOptions { inline_bytes_max: 64 });
        let root = RootCredentials {
            access_key: KEY.to_owned(),
            secret_key: SECRET.to_owned(),
            from_environment: true,
        };
        let sealing = IamOptions { costs: SealingCosts::LEAST, ..IamOptions::default() };
        let Ok(iam) = Iam::open(env, &meta, root, &sealing).await else { panic!("identities do not open") };
        let iam = Arc::new(iam);
        let options = FrontendOptions { domains: vec!["s3.test".to_owned()], ..FrontendOptions::default() };
        let frontend = Frontend::new(objects.clone(), iam, env.clone(), options);
        Front { env: env.clone(), meta, objects, frontend }
    }

    async fn close(self) {
        self.objects.blobs().close().await;
        self.meta.close().await;
    }

    /// The request as an HTTP server hands it on; `None` where none would.
    fn request(&self, choice: Choice, text: &[u8]) -> Option<http::Request<Pieces>> {
        let mut lines = Lines::read(Input::new(text));
        let Ok(method) = Method::from_bytes(lines.method.as_bytes()) else { return None };
        [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].iter().for_each(|name| drop(lines.headers.remove(name)));
        lines.headers.insert(HOST, HeaderValue::from_str(&lines.host).ok()?);
        let repeated = if choice.is_repeated() { lines.body.repeat(64) } else { lines.body.to_vec() };
        let body = self.sign(choice, &mut lines, repeated);
        let mut pieces =
            Pieces { left: choice.cut(&body), length: None, is_broken_off: choice.is_broken_off() };
        if choice.has_length() {
            pieces.length = Some(body.len() as u64);
            lines.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let place = match lines.query.is_empty() {
            true => lines.path.clone(),
            false => format!("{}?{}", lines.path, lines.query),
        };
        let uri: Uri = place.parse().ok()?;
        let mut request = http::Request::new(pieces);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, lines.headers);
        Some(request)
    }

    /// Signs it, as was chosen; answers the body as it is sent.
    fn sign(&self, choice: Choice, lines: &mut Lines<'_>, body: Vec<u8>) -> Vec<u8> {
        let now = i64::try_from(self.env.clock.now().millis()).unwrap_or(i64::MAX);
        let Some(now) = AmzDate::from_unix_milliseconds(now) else { return body };
        let signer = Signer {
            access_key: KEY,
            secret: choice.secret(),
            session_token: None,
            region: "us-east-1",
            service: "s3",
        };
        if choice.is_signed() {
            lines.headers.remove(AUTHORIZATION);
        }
        let (method, path, query, host) =
            (lines.method.clone(), lines.path.clone(), lines.query.clone(), lines.host.clone());
        let target = Target { method: &method, path: &path, query: &query, host: &host };
        match choice.0 & 3 {
            0 => body,
            1 => {
                signer.sign(&target, &mut lines.headers, &now, "UNSIGNED-PAYLOAD");
                body
            }
            2 => {
                lines.headers.insert("x-amz-decoded-content-length", HeaderValue::from(body.len()));
                lines.headers.insert("content-encoding", HeaderValue::from_static("aws-chunked"));
                let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
                let mut chain = signer.sign(&target, &mut lines.headers, &now, payload);
                let mut sent = Vec::new();
                for chunk in [&body[..], &[]].iter().skip(usize::from(body.is_empty())) {
                    let signature = hex::encode(chain.sign_chunk(&sha256(chunk)));
                    let line = format!("{:x};chunk-signature={signature}\r\n", chunk.len());
                    sent.extend_from_slice(line.as_bytes());
                    sent.extend_from_slice(chunk);
                    sent.extend_from_slice(b"\r\n");
                }
                sent
            }
            _ => {
                lines.query = signer.presign(&target, &lines.headers, &now, 60);
                body
            }
        }
    }

    /// All that is stored, in words.
    async fn state(&self) -> Vec<String> {
        let Ok(buckets) = self.objects.list_buckets().await else { panic!("buckets can't be listed") };
        let mut state = Vec::new();
        for bucket in buckets {
            let request = ListRequest { limit: LISTED_MAX, ..ListRequest::default() };
            let listed = self.objects.list(&bucket, request).await;
            let usage = self.objects.usage(&bucket).await;
            let request = ListUploadsRequest { limit: LISTED_MAX, ..ListUploadsRequest::default() };
            let uploads = self.objects.list_uploads(&bucket, request).await;
            state.push(format!("{bucket:?} {listed:?} {usage:?} {uploads:?}"));
        }
        state
    }
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, data).as_ref());
    bytes
}

/// A body on its way to the server.
struct Pieces {
    left: VecDeque<Bytes>,
    length: Option<u64>,
    is_broken_off: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let is_last = self.left.len() <= 1;
        if self.is_broken_off && is_last {
            self.left.clear();
            self.is_broken_off = false;
            return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        let left: u64 = self.left.iter().map(|piece| piece.len() as u64).sum();
        if self.length.is_some() { SizeHint::with_exact(left) } else { SizeHint::default() }
    }
}

/// All of an answer's body: it has as many bytes as were announced.
async fn read(body: s3::ResponseBody, headers: &HeaderMap, is_head: bool) -> Vec<u8> {
    let mut body = std::pin::pin!(body);
    let mut read = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => panic!("an answer is broken off: {error}"),
        };
        read.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if is_head {
        assert!(read.is_empty(), "HEAD is answered with a body");
    } else if let Some(announced) = announced {
        assert_eq!(read.len(), announced, "another length was announced");
    }
    read
}

fn check(status: StatusCode, headers: &HeaderMap, body: &[u8], is_head: bool) {
    let text = || String::from_utf8_lossy(body).into_owned();
    let is_unbuilt = status == StatusCode::NOT_IMPLEMENTED;
    assert!(!status.is_server_error() || is_unbuilt, "{status} though nothing is broken: {}", text());
    assert!(headers.contains_key("x-amz-request-id"), "an answer without an id");
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && !is_head {
        let Ok(found) = XmlReader::document::<ErrorDocument>(body, "Error") else {
            panic!("{status} has no error document: {}", text());
        };
        let known = ErrorCode::from_name(&found.code);
        assert!(known.is_some_and(|code| code.status() == status), "{status} is not that of {}", text());
    } else if !headers.contains_key(LAST_MODIFIED) && body.starts_with(b"<") {
        let root = DOCUMENTS.into_iter().find(|root| text().contains(&format!("<{root}")));
        let Some(root) = root else { panic!("what document is this? {}", text()) };
        assert!(XmlReader::document::<AnyDocument>(body, root).is_ok(), "it can't be read: {}", text());
    }
}

struct ErrorDocument {
    code: String,
}

impl FromXml for ErrorDocument {
    fn from_xml(xml: &mut XmlReader<'_>) -> Result<Self, XmlError> {
        let mut code = None;
        while let Some(name) = xml.child()? {
            match name {
                "Code" => xml.once(&mut code, "Code")?,
                _ => xml.skip()?,
            }
        }
        Ok(ErrorDocument { code: XmlReader::required(code, "Code")? })
    }
}

struct AnyDocument;

impl FromXml for AnyDocument {
    fn from_xml(xml: &mut XmlReader<'_>) -> Result<Self, XmlError> {
        while xml.child()?.is_some() {
            xml.skip()?;
        }
        Ok(AnyDocument)
    }
}
