//! The front: from a request to its answer.
//!
//! The order of steps is the protection: a place, the operation, who sends it, whether they may; only then is a body read
//! (with `Expect: 100-continue`, the HTTP server asks for the body when it is first read). Always true: every answer has
//! the ids of its request, and a connection whose rest is unknown is closed.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use env::Env;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use http_body::Body;
use http_body_util::BodyExt;
use iam::{Context, Iam, Identity, Providers, ROOT_ACCOUNT_NUMBER, ROOT_CANONICAL_ID, TokenFault};
use lanes::Lanes;
use object::{BucketInfo, Objects};

use crate::actions::{Rule, rule};
use crate::auth::{self, ChunkSeed, HostView, PayloadKind, Presented, SigningKeys};
use crate::authorization::{Asker, Place, RequestFacts, context, refuse_repeated};
use crate::error::{ErrorCode, S3Error};
use crate::generated::Operation;
use crate::limits::Limits;
use crate::overload::{self, Overload};
use crate::proxy::{Peer, Subnet, forwarded_hosts};
use crate::request::{Call, IncomingBody};
use crate::response::{RequestId, RequestIds, Response, ResponseBody, error_answer};
use crate::route::{Target, route};
use crate::wire::{Query, RequestParts};
use crate::{acl, addressing, bucket, copy, listing, multipart, object_delete, object_get, object_put, part};
use crate::{presigned_headers, sts, upload_listing};

/// Requests for sessions at once: whoever asks may be nobody.
const STS_REQUESTS_MAX: usize = 256;

/// How the front serves.
#[derive(Clone, Debug)]
pub struct FrontendOptions {
    /// Domains whose subdomains are buckets.
    pub domains: Vec<String>,
    /// The region that buckets without a location constraint lie in.
    pub region: String,
    /// Proxies whose headers about the client are believed.
    pub trusted_proxies: Vec<Subnet>,
    /// Whether they are believed about the client's address, too.
    pub trusts_client_addresses: bool,
    /// Who vouches for those who ask STS without a signature.
    pub identity_providers: Providers,
    /// What a request may cost.
    pub limits: Limits,
    /// Requests at once, until the last byte of each answer.
    pub requests_max: usize,
}

impl Default for FrontendOptions {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            region: "us-east-1".to_owned(),
            trusted_proxies: Vec::new(),
            trusts_client_addresses: false,
            identity_providers: Providers::default(),
            limits: Limits::default(),
            requests_max: 4096,
        }
    }
}

/// Serves S3 requests. Cheap to clone.
#[derive(Clone)]
pub struct Frontend {
    shared: Arc<Shared>,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) objects: Objects,
    pub(crate) iam: Arc<Iam>,
    pub(crate) env: Env,
    pub(crate) options: FrontendOptions,
    /// Where the digests of all bodies are computed together.
    pub(crate) lanes: Lanes,
    keys: SigningKeys,
    overload: Overload,
    sts_overload: Overload,
    pub(crate) ids: RequestIds,
}

impl Frontend {
    /// A front over a store.
    #[must_use]
    pub fn new(objects: Objects, iam: Arc<Iam>, env: Env, options: FrontendOptions) -> Self {
        let ids = RequestIds::new(env.random.as_ref());
        let overload = Overload::new(options.requests_max);
        let sts_overload = Overload::new(options.requests_max.min(STS_REQUESTS_MAX));
        let keys = SigningKeys::new();
        Self {
            shared: Arc::new(Shared {
                objects,
                iam,
                env,
                options,
                lanes: Lanes::new(),
                keys,
                overload,
                sts_overload,
                ids,
            }),
        }
    }

    /// Answers a request. Errors are answers too; only a body that cannot be sent whole ends in one.
    pub async fn handle<B>(&self, request: http::Request<B>, peer: Peer) -> http::Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = IncomingBody::new(body, parts.version < Version::HTTP_2);
        self.shared.answer(&parts, body, peer).await
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl std::fmt::Debug for Frontend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Frontend").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// Who sends a request, and how its body comes.
pub(crate) struct Sender {
    pub(crate) who: Arc<Identity>,
    pub(crate) payload: PayloadKind,
    seed: Option<ChunkSeed>,
    /// Whether the signature stands in the URL.
    pub(crate) is_presigned: bool,
    /// When it was signed, milliseconds since 1970; none for anonymous.
    signed_at_unix_milliseconds: Option<i64>,
    /// `20130524/us-east-1/s3/aws4_request`; empty for anonymous.
    scope: String,
}

impl Shared {
    async fn answer(&self, parts: &Parts, mut body: IncomingBody, peer: Peer) -> Response {
        let id = self.ids.next();
        let mut place = None;
        let result = match self.overload.enter() {
            Ok(entered) => {
                place = Some(entered);
                self.serve(parts, &mut body, (peer, &id), &mut place).await
            }
            Err(error) => Err(error),
        };
        let is_lost = result.as_ref().is_err_and(is_of_a_lost_body);
        let mut response = match result {
            Ok(response) => response,
            Err(error) => refusal(parts, &error, &id),
        };
        // Who reads a short answer slowly, or does not send what is left of a body, holds up nobody but itself.
        let place = place.filter(|_| response.body().is_long());
        let goes_on = !is_lost && self.drain(parts, &mut body).await;
        if !goes_on && parts.version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        id.write(response.headers_mut());
        if let Some(place) = place {
            response.body_mut().hold(place);
        }
        response
    }

    async fn serve(
        &self,
        parts: &Parts,
        body: &mut IncomingBody,
        (peer, id): (Peer, &RequestId<'_>),
        place: &mut Option<overload::Place>,
    ) -> Result<Response, S3Error> {
        if parts.method == Method::OPTIONS {
            let message = "CORSResponse: CORS is not enabled for this bucket.";
            return Err(S3Error::with_message(ErrorCode::AccessForbidden, message));
        }
        let query = Query::parse(parts.uri.query())?;
        let (target, is_virtual_host) = addressing::target(parts, &query, &self.options.domains)?;
        refuse_form(parts, &target)?;
        if sts::is_asked(parts, &target, &query) {
            // A form is read, and a provider asked, before anybody is known: that takes no place of those who are.
            *place = None;
            let _place = self.sts_overload.enter()?;
            return Ok(sts::serve(self, parts, &query, body, (peer, id)).await);
        }
        let operation = route(&parts.method, &target, &query, &parts.headers)?;
        let sender = self.authenticate(parts, peer, auth::Options::default())?;
        if rule(operation, query.has("versionId")) == Rule::NotImplemented {
            return Err(not_built(operation, &sender.who));
        }
        let headers = match sender.is_presigned {
            true => presigned_headers::with_query(&parts.headers, &query),
            false => Cow::Borrowed(&parts.headers),
        };
        refuse_repeated(&sender.who, &headers)?;
        let context = self.context(&sender, parts, peer, &query, &headers);
        let asker = Asker { iam: &self.iam, who: &sender.who, request: &id.request, context: &context };
        let found = self.find_bucket(&target).await;
        let account = found.as_ref().and_then(|bucket| self.account_number(&bucket.owner));
        let account = account.as_deref();
        let is_anonymous = sender.who.is_anonymous();
        let place = Place { target: &target, query: &query, headers: &headers, account, is_anonymous };
        asker.ask_all(operation, &place)?;
        let call = Call {
            shared: self,
            operation,
            input: RequestParts {
                bucket: target.bucket.as_deref(),
                key: target.key.as_deref(),
                query: &query,
                headers: &headers,
            },
            asker,
            found,
            account,
            payload: sender.payload,
            seed: sender.seed.clone(),
            host: addressing::host(parts),
            is_tls: peer.is_tls,
            path: parts.uri.path(),
            is_virtual_host,
        };
        dispatch(&call, body).await.map_err(|error| with_key(error, call.input.key))
    }

    /// What policies are told of a request; nothing where none is going to be asked.
    pub(crate) fn context<'a>(
        &self,
        sender: &'a Sender,
        parts: &Parts,
        peer: Peer,
        query: &'a Query<'a>,
        headers: &'a HeaderMap,
    ) -> Context<'a> {
        if sender.who.is_unlimited() {
            return Context::new();
        }
        let facts = RequestFacts {
            source: self.source(parts, peer),
            is_tls: peer.is_tls,
            now_unix_milliseconds: self.now_unix_milliseconds(),
            signed_at_unix_milliseconds: sender.signed_at_unix_milliseconds,
            is_presigned: sender.is_presigned,
            region: sender.scope.split('/').nth(1).unwrap_or_default(),
        };
        context(&sender.who, &facts, query, headers)
    }

    /// Where policies are told that a request comes from.
    pub(crate) fn source(&self, parts: &Parts, peer: Peer) -> std::net::IpAddr {
        match self.options.trusts_client_addresses {
            true => peer.client(&self.options.trusted_proxies, &parts.headers),
            false => peer.address,
        }
    }

    /// The bucket that a request names, if it is there. What is wrong where it is not, the operation says.
    async fn find_bucket(&self, target: &Target<'_>) -> Option<BucketInfo> {
        self.objects.bucket(target.bucket.as_deref()?).await.ok()
    }

    /// The number of the account that has a canonical id.
    pub(crate) fn account_number(&self, canonical_id: &str) -> Option<Cow<'static, str>> {
        match canonical_id {
            ROOT_CANONICAL_ID => Some(Cow::Borrowed(ROOT_ACCOUNT_NUMBER)),
            other => self.iam.account_of(other).map(|account| Cow::Owned(account.to_string())),
        }
    }

    fn now_unix_milliseconds(&self) -> i64 {
        i64::try_from(self.env.clock.now().millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn authenticate(
        &self,
        parts: &Parts,
        peer: Peer,
        options: auth::Options<'_>,
    ) -> Result<Sender, S3Error> {
        let is_proxied = peer.is_trusted_proxy(&self.options.trusted_proxies);
        let forwarded = if is_proxied { forwarded_hosts(&parts.headers) } else { Vec::new() };
        // What was signed for one bucket must not count for another: the target comes from the host that was received.
        let bucket = addressing::bucket_in(addressing::host(parts), &self.options.domains);
        let same_bucket = |host: &&str| addressing::bucket_in(host, &self.options.domains) == bucket;
        let forwarded: Vec<&str> = forwarded.iter().map(String::as_str).filter(same_bucket).collect();
        let request = auth::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            host: HostView { host: addressing::host(parts), forwarded_hosts: &forwarded },
        };
        let claim = match auth::present(&request, self.now_unix_milliseconds(), options)? {
            Presented::Anonymous { payload } => return Ok(self.anonymous(payload)),
            Presented::Signed(claim) => claim,
        };
        self.iam.admit(&peer.origin(&parts.headers))?;
        let (secret, who) = self.iam.find(claim.access_key()).ok_or_else(|| claim.unknown_access_key())?;
        let verified = claim.verify(secret.as_ref(), &self.keys)?;
        let token = verified.session_token.as_deref();
        who.check_token(token, self.env.clock.now()).map_err(|fault| token_error(fault, token.is_some()))?;
        Ok(Sender {
            who,
            payload: verified.payload,
            seed: verified.seed,
            is_presigned: verified.presigned,
            signed_at_unix_milliseconds: Some(verified.signed_at_unix_milliseconds),
            scope: verified.scope,
        })
    }

    fn anonymous(&self, payload: PayloadKind) -> Sender {
        Sender {
            who: self.iam.anonymous(),
            payload,
            seed: None,
            is_presigned: false,
            signed_at_unix_milliseconds: None,
            scope: String::new(),
        }
    }

    /// Leaves the connection where the next request begins, if that costs little. False where it must be closed.
    async fn drain(&self, parts: &Parts, body: &mut IncomingBody) -> bool {
        if body.is_over() {
            return true;
        }
        // Who waits for a go-ahead gets an answer instead, and may send the body or not: nobody can tell.
        let waits = parts.headers.contains_key(header::EXPECT) && !body.is_touched();
        let limits = &self.options.limits;
        let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= limits.drain_bytes_max);
        if waits || !is_small {
            return false;
        }
        let all = async {
            while let Some(frame) = body.frame().await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::select! {
            biased;
            is_drained = all => is_drained,
            () = self.env.clock.sleep(limits.drain_time_max) => false,
        }
    }
}

/// A session whose token is missing is as unknown to S3 as its key would be.
fn token_error(fault: TokenFault, is_sent: bool) -> S3Error {
    S3Error::new(match fault {
        TokenFault::Expired => ErrorCode::ExpiredToken,
        TokenFault::Invalid if is_sent => ErrorCode::InvalidToken,
        TokenFault::Invalid => ErrorCode::InvalidAccessKeyId,
    })
}

/// Nothing more is to be expected of such a body.
fn is_of_a_lost_body(error: &S3Error) -> bool {
    matches!(error.code, ErrorCode::RequestTimeout | ErrorCode::IncompleteBody)
}

fn refusal(parts: &Parts, error: &S3Error, id: &RequestId<'_>) -> Response {
    let status = error.status();
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        tracing::warn!(request = id.request, method = %parts.method, path = parts.uri.path(), %error, "request failed");
    } else {
        tracing::debug!(request = id.request, method = %parts.method, path = parts.uri.path(), %error, "request refused");
    }
    error_answer(error, parts.method == Method::HEAD, parts.uri.path(), id)
}

/// S3 names the key that is not there, unless another one than the request's is meant.
fn with_key(error: S3Error, key: Option<&str>) -> S3Error {
    match key {
        Some(key) if error.code == ErrorCode::NoSuchKey && error.extra.is_empty() => error.with("Key", key),
        _ => error,
    }
}

/// Uploads of browser forms are no operation of the service model.
fn refuse_form(parts: &Parts, target: &Target<'_>) -> Result<(), S3Error> {
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
    if parts.method == Method::POST && is_form && target.bucket.is_some() && target.key.is_none() {
        let message = "Uploads by forms of browsers are not implemented by this server. Use a presigned PUT.";
        return Err(S3Error::with_message(ErrorCode::NotImplemented, message));
    }
    Ok(())
}

fn not_built(operation: Operation, who: &Identity) -> S3Error {
    if who.is_anonymous() {
        return S3Error::new(ErrorCode::AccessDenied);
    }
    let message = format!("{} is not implemented by this server.", operation.name());
    S3Error::with_message(ErrorCode::NotImplemented, message)
}

async fn dispatch(call: &Call<'_>, body: &mut IncomingBody) -> Result<Response, S3Error> {
    use Operation as O;
    // Boxed, so that the future of a request is as large as its operation's and not as the largest one's.
    match call.operation {
        O::PutObject => Box::pin(object_put::put_object(call, body)).await,
        O::GetObject => Box::pin(object_get::get_object(call)).await,
        O::HeadObject => Box::pin(object_get::head_object(call)).await,
        O::DeleteObject => Box::pin(object_delete::delete_object(call)).await,
        O::DeleteObjects => Box::pin(object_delete::delete_objects(call, body)).await,
        O::CopyObject => Box::pin(copy::copy_object(call)).await,
        O::ListBuckets => bucket::list_buckets(call).await,
        O::CreateBucket => Box::pin(bucket::create_bucket(call, body)).await,
        O::HeadBucket => bucket::head_bucket(call).await,
        O::DeleteBucket => Box::pin(bucket::delete_bucket(call)).await,
        O::GetBucketLocation => bucket::get_bucket_location(call).await,
        O::GetBucketVersioning => bucket::get_bucket_versioning(call).await,
        O::GetBucketAcl => acl::get_bucket_acl(call).await,
        O::GetObjectAcl => acl::get_object_acl(call).await,
        O::ListObjects => Box::pin(listing::list_objects(call)).await,
        O::ListObjectsV2 => Box::pin(listing::list_objects_v2(call)).await,
        O::CreateMultipartUpload => Box::pin(multipart::create_multipart_upload(call)).await,
        O::CompleteMultipartUpload => Box::pin(multipart::complete_multipart_upload(call, body)).await,
        O::AbortMultipartUpload => Box::pin(multipart::abort_multipart_upload(call)).await,
        O::UploadPart => Box::pin(part::upload_part(call, body)).await,
        O::UploadPartCopy => Box::pin(part::upload_part_copy(call)).await,
        O::ListParts => Box::pin(upload_listing::list_parts(call)).await,
        O::ListMultipartUploads => Box::pin(upload_listing::list_multipart_uploads(call)).await,
        other => Err(not_built(other, call.asker.who)),
    }
}
