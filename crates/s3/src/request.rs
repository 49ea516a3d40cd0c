//! A request whose sender is known and allowed what it asks, and its body.
//!
//! Always true: a body is read only through here, and gives up after a time of silence.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use iam::{Action, Authorized, Resource};
use object::BucketInfo;
use thiserror::Error;

use crate::auth::{ChunkSeed, PayloadKind};
use crate::authorization::Asker;
use crate::body::{BodyError, BodyFacts, BodyReader, BodySpec};
use crate::error::{ErrorCode, S3Error};
use crate::frontend::Shared;
use crate::generated::{Input, Operation, Owner};
use crate::wire::RequestParts;

/// A request that may be served.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) operation: Operation,
    pub(crate) input: RequestParts<'a>,
    /// Who asks. Rights on the bucket and object of the request are granted; further ones need [`Call::authorize`].
    pub(crate) asker: Asker<'a>,
    /// The bucket of the request, where it was there when rights were asked for.
    pub(crate) found: Option<BucketInfo>,
    /// The number of the account that owns that bucket.
    pub(crate) account: Option<&'a str>,
    pub(crate) payload: PayloadKind,
    pub(crate) seed: Option<ChunkSeed>,
    /// As the client knows this server, with the port.
    pub(crate) host: &'a str,
    pub(crate) is_tls: bool,
    /// The path as it was sent.
    pub(crate) path: &'a str,
    /// Whether the bucket stands in the host.
    pub(crate) is_virtual_host: bool,
}

impl Call<'_> {
    /// Binds the input of an operation that has no XML body.
    pub(crate) fn parse<I: Input>(&self) -> Result<I, S3Error> {
        I::parse(&self.input, None)
    }

    /// The bucket, if it is there and owned by whom the request expects.
    pub(crate) async fn bucket(
        &self,
        name: &str,
        expected_owner: Option<&str>,
    ) -> Result<BucketInfo, S3Error> {
        let bucket = match &self.found {
            Some(found) if found.name == name => found.clone(),
            _ => self.shared.objects.bucket(name).await?,
        };
        match expected_owner {
            Some(expected) if !self.shared.iam.is_account(&bucket.owner, expected) => {
                Err(S3Error::new(ErrorCode::AccessDenied))
            }
            _ => Ok(bucket),
        }
    }

    /// Whom the request expects to own the bucket, for operations without an input of their own.
    pub(crate) fn expected_owner(&self) -> Option<String> {
        let value = self.input.headers.get("x-amz-expected-bucket-owner")?;
        Some(crate::wire::header_text(value).into_owned())
    }

    /// Asks for a further right on the bucket of the request: of one of many keys.
    pub(crate) fn authorize(&self, action: Action, bucket: &str, key: &str) -> Result<Authorized, S3Error> {
        Ok(self.asker.ask(action, Resource::Object { bucket, key }, self.account)?)
    }

    /// Asks for a right on an object of another bucket: the source of a copy.
    pub(crate) async fn authorize_source(
        &self,
        action: Action,
        bucket: &str,
        key: &str,
    ) -> Result<Authorized, S3Error> {
        let found = self.shared.objects.bucket(bucket).await.ok();
        let account = found.and_then(|bucket| self.shared.account_number(&bucket.owner));
        Ok(self.asker.ask(action, Resource::Object { bucket, key }, account.as_deref())?)
    }

    /// `http://host`, as the client knows this server.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }

    /// The canonical id of who asks; empty for anonymous.
    pub(crate) fn canonical_id(&self) -> &str {
        self.asker.who.canonical_id().unwrap_or_default()
    }

    /// An owner as answers show it. AWS has stopped to send the name; older clients still look for it.
    pub(crate) fn owner(&self, canonical_id: &str) -> Owner {
        Owner {
            display_name: self.shared.iam.display_name(canonical_id).map(str::to_owned),
            id: Some(canonical_id.to_owned()),
        }
    }

    /// What the headers say of the body of an object or part.
    pub(crate) fn body_spec(&self, length_max: u64) -> Result<BodySpec, S3Error> {
        Ok(BodySpec::from_headers(self.input.headers, self.payload, self.seed.clone(), length_max)?)
    }

    /// Reads a body that is a document. `headers` are those that tell what it has to match.
    pub(crate) async fn document(
        &self,
        body: &mut IncomingBody,
        headers: &HeaderMap,
        bytes_max: u64,
    ) -> Result<Vec<u8>, S3Error> {
        let spec = match BodySpec::from_headers(headers, self.payload, self.seed.clone(), bytes_max) {
            Err(BodyError::TooLarge { size_max, .. }) => return Err(too_long(size_max)),
            other => other?,
        };
        let mut reader = BodyReader::new(body, spec, &self.shared.lanes)?;
        let mut document = Vec::new();
        while let Some(data) = self.next_data(&mut reader).await {
            let data = data?;
            if (document.len() + data.len()) as u64 > bytes_max {
                return Err(too_long(bytes_max));
            }
            document.extend_from_slice(&data);
        }
        reader.finish().await?;
        Ok(document)
    }

    /// The next piece of a body; an error after too long a silence.
    pub(crate) async fn next_data(
        &self,
        reader: &mut BodyReader<&mut IncomingBody>,
    ) -> Option<Result<Bytes, BodyError>> {
        let limit = self.shared.options.limits.body_idle_max;
        let mut next = pin!(reader.next());
        let mut silence = None;
        poll_fn(|context| {
            if let Poll::Ready(data) = next.as_mut().poll(context) {
                return Poll::Ready(data);
            }
            let silence = silence.get_or_insert_with(|| self.shared.env.clock.sleep(limit));
            silence.as_mut().poll(context).map(|()| Some(Err(BodyError::IdleTimeout)))
        })
        .await
    }

    /// Hands a whole body on, piece by piece, and checks it.
    pub(crate) async fn stream<'b, S: Sink>(
        &self,
        body: &'b mut IncomingBody,
        spec: BodySpec,
        sink: &mut S,
    ) -> Result<BodyFacts, S3Error> {
        let mut reader: BodyReader<&'b mut IncomingBody> = BodyReader::new(body, spec, &self.shared.lanes)?;
        while let Some(data) = self.next_data(&mut reader).await {
            sink.write(data?).await?;
        }
        Ok(reader.finish().await?)
    }
}

/// Where the bytes of a body go: an object or a part.
pub(crate) trait Sink: Send {
    /// Takes the next bytes.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), object::ObjectError>> + Send;
}

impl Sink for object::PutWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), object::ObjectError> {
        object::PutWriter::write(self, bytes).await
    }
}

impl Sink for object::PartWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), object::ObjectError> {
        object::PartWriter::write(self, bytes).await
    }
}

fn too_long(bytes_max: u64) -> S3Error {
    S3Error::new(ErrorCode::MaxMessageLengthExceeded).with("MaxMessageLengthBytes", bytes_max.to_string())
}

/// The connection failed or broke HTTP's framing.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub(crate) struct TransportError(String);

/// The body of a request, of whatever kind the server gave.
pub(crate) struct IncomingBody {
    inner: UnsyncBoxBody<Bytes, TransportError>,
    is_touched: bool,
    is_ended: bool,
    is_sent_empty: bool,
}

impl IncomingBody {
    /// `needs_length`: the protocol has messages whose end only a header tells.
    pub(crate) fn new<B>(body: B, needs_length: bool) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let is_sent_empty = !needs_length && body.is_end_stream();
        let inner = body.map_err(|error| TransportError(error.to_string())).boxed_unsync();
        Self { inner, is_touched: false, is_ended: false, is_sent_empty }
    }

    /// Whether anybody has begun to read it.
    pub(crate) fn is_touched(&self) -> bool {
        self.is_touched
    }

    /// Whether the protocol itself says that there is none.
    pub(crate) fn is_sent_empty(&self) -> bool {
        self.is_sent_empty
    }

    /// Whether nothing of it is left on the connection.
    pub(crate) fn is_over(&self) -> bool {
        self.is_ended || self.inner.is_end_stream()
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        self.is_touched = true;
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.is_ended = true;
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
