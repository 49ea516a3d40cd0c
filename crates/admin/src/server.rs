//! From a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, Version, header};
use http_body::Body;
use iam::Iam;
use object::Objects;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use worker::ScrubBoard;

use crate::answer::{AdminBody, Answer};
use crate::asker::Asker;
use crate::body::RequestBody;
use crate::call::{Call, Caller};
use crate::error::{AdminError, AdminErrorCode};
use crate::facts::{Control, ServerFacts};
use crate::gate::Gate;
use crate::log::LogBoard;
use crate::query::Query;
use crate::route::{self, Dialect, Operation};
use crate::trace::TraceBoard;
use crate::wire::{self, Algorithm, PayloadError};
use crate::{
    account, config, heal, iam_transfer, identity_providers, info, kms, locks, log, metrics, quota, service,
    speedtest, trace,
};
use crate::{attachments, groups, keys, policies, usage, users, why};

/// Requests at once, streams included.
const REQUESTS_MAX: usize = 256;
/// Keys derived at once: each takes 64 MiB and a processor.
const DERIVATIONS_MAX: usize = 2;
/// Archives at once that are read or written: each may take several hundred MiB.
const ARCHIVES_MAX: usize = 1;
/// What is left of a body after a refusal is read up to here, so that the connection can go on.
const DRAIN_BYTES_MAX: usize = 1 << 20;
/// How long that may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// What the API tells of and acts on.
pub struct AdminOptions {
    /// Buckets, objects and drives.
    pub objects: Objects,
    /// Who may what.
    pub iam: Arc<Iam>,
    /// The outside.
    pub env: Env,
    /// How far the scrubs of the drives are.
    pub scrubs: ScrubBoard,
    /// What this server is.
    pub facts: ServerFacts,
    /// What the process can be told.
    pub control: Arc<dyn Control>,
    /// What holds S3 requests back.
    pub gate: Arc<Gate>,
    /// Where S3 requests are told.
    pub traces: TraceBoard,
    /// Where lines of the log are told.
    pub logs: LogBoard,
}

/// The admin API. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    shared: Arc<Shared>,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) objects: Objects,
    pub(crate) iam: Arc<Iam>,
    pub(crate) env: Env,
    pub(crate) scrubs: ScrubBoard,
    pub(crate) facts: ServerFacts,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) traces: TraceBoard,
    pub(crate) logs: LogBoard,
    places: Arc<Semaphore>,
    derivations: Semaphore,
    archives: Arc<Semaphore>,
    /// Whether streams are to end.
    ends: watch::Sender<bool>,
}

/// A request as it came, and who sent it.
#[derive(Debug)]
pub struct Incoming<B> {
    /// Its head.
    pub parts: Parts,
    /// Its body.
    pub body: B,
    /// Who signed it; none where nobody did; an error where the signature is not to be believed.
    pub caller: Result<Option<Caller>, AdminError>,
    /// The headers of every answer: the ids of the request.
    pub ids: HeaderMap,
}

/// Whether a request for this path is for the admin API.
#[must_use]
pub fn is_admin_path(path: &str) -> bool {
    ["/minio/admin/", "/rustfs/admin/", "/minio/kms/"].iter().any(|prefix| path.starts_with(prefix))
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Admin").field("facts", &self.shared.facts).finish_non_exhaustive()
    }
}

impl Admin {
    /// The API over a store.
    #[must_use]
    pub fn new(options: AdminOptions) -> Self {
        let AdminOptions { objects, iam, env, scrubs, facts, control, gate, traces, logs } = options;
        let shared = Shared {
            objects,
            iam,
            env,
            scrubs,
            facts,
            control,
            gate,
            traces,
            logs,
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            derivations: Semaphore::new(DERIVATIONS_MAX),
            archives: Arc::new(Semaphore::new(ARCHIVES_MAX)),
            ends: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Answers a request. Errors are answers too.
    pub async fn answer<B>(&self, incoming: Incoming<B>) -> Response<AdminBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let Incoming { parts, body, caller, ids } = incoming;
        let mut body = RequestBody::new(body, self.shared.env.clone());
        // Who is not known takes nobody's place.
        let (answer, place) = match caller.and_then(|caller| caller.ok_or_else(anonymous)) {
            Ok(caller) => self.shared.serve_known(&parts, &mut body, &caller, &ids).await,
            Err(error) => (Err(error), None),
        };
        let mut response = match answer {
            Ok(answer) => answer.into_response(),
            Err(error) => refusal(&parts, &error, &ids),
        };
        if !self.shared.drain(&mut body).await && parts.version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.headers_mut().extend(ids);
        // Who reads a short answer slowly holds up nobody but itself.
        if let Some(place) = place.filter(|_| response.body().is_long()) {
            response.body_mut().hold(place);
        }
        response
    }

    /// Lets go what would keep a stop from its end: streams, and requests that are held back.
    pub fn finish(&self) {
        self.shared.ends.send_replace(true);
        self.shared.gate.open();
    }
}

impl Shared {
    /// Serves a request at a place of its own, which is held until its answer is sent.
    async fn serve_known(
        self: &Arc<Self>,
        parts: &Parts,
        body: &mut RequestBody,
        caller: &Caller,
        ids: &HeaderMap,
    ) -> (Result<Answer, AdminError>, Option<OwnedSemaphorePermit>) {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => (self.serve(parts, body, caller, ids).await, Some(place)),
            Err(_) => {
                let message = "Too many requests of the admin API at once.";
                (Err(AdminError::new(AdminErrorCode::SlowDown, message)), None)
            }
        }
    }

    async fn serve(
        self: &Arc<Self>,
        parts: &Parts,
        body: &mut RequestBody,
        caller: &Caller,
        ids: &HeaderMap,
    ) -> Result<Answer, AdminError> {
        let Some((route, dialect, names)) = route::find(&parts.method, parts.uri.path()) else {
            let message = format!("There is no route {} {} in this server.", parts.method, parts.uri.path());
            return Err(AdminError::new(AdminErrorCode::NotImplemented, message));
        };
        let query = Query::parse(parts.uri.query())?;
        let request = id_of(ids);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.unwrap_or_default();
        let asker = Asker { iam: &self.iam, caller, request, agent, now: self.env.clock.now() };
        let authorized = asker.ask_for(route.needed, &query)?;
        let call = Call { shared: self, route, dialect, names, query, asker, _authorized: authorized };
        let answer = dispatch(&call, body).await?;
        self.sealed(&call, answer).await
    }

    /// Opens what the caller has sealed.
    pub(crate) async fn open_sealed(&self, caller: &Caller, sealed: Vec<u8>) -> Result<Vec<u8>, AdminError> {
        let secret = caller.secret.clone();
        self.derive(move || wire::open(secret.as_ref(), &sealed)).await
    }

    async fn sealed(&self, call: &Call<'_>, answer: Answer) -> Result<Answer, AdminError> {
        let is_sealed = call.dialect == Dialect::Madmin && call.route.sealed.answer();
        match answer {
            Answer::Json(plain) | Answer::Text(plain) if is_sealed => {
                let (secret, random) = (call.asker.caller.secret.clone(), Arc::clone(&self.env.random));
                let algorithm = Algorithm::Argon2idAes256Gcm;
                let work = move || wire::seal(secret.as_ref(), &plain, algorithm, random.as_ref());
                Ok(Answer::Bytes(self.derive(work).await?, "application/octet-stream"))
            }
            answer => Ok(answer),
        }
    }

    /// Derives a key and works with it where no request waits for the processor.
    async fn derive(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, PayloadError> + Send + 'static,
    ) -> Result<Vec<u8>, AdminError> {
        let closed = || AdminError::new(AdminErrorCode::SlowDown, "No key can be derived now. Try again.");
        let _place = self.derivations.acquire().await.map_err(|_| closed())?;
        Ok(self.aside("payload", work).await??)
    }

    /// Works on a thread of its own, where no request waits for the processor.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AdminError> {
        let failed = || AdminError::new(AdminErrorCode::SlowDown, "No thread is free for this. Try again.");
        let (reply, done) = oneshot::channel();
        let thread = async move {
            // Nobody waits for it any more where the caller has gone.
            let _ = reply.send(work());
        };
        drop(self.env.spawn.thread(name, Box::pin(thread)).map_err(|_| failed())?);
        done.await.map_err(|_| failed())
    }

    /// A turn of those who read or write archives.
    pub(crate) fn turn_of_archives(&self) -> Result<OwnedSemaphorePermit, AdminError> {
        let message = "Another archive is being exported or imported. Try again when it is done.";
        let busy = |_| AdminError::new(AdminErrorCode::SlowDown, message);
        Arc::clone(&self.archives).try_acquire_owned().map_err(busy)
    }

    /// Tells streams when to end.
    pub(crate) fn ends(&self) -> watch::Receiver<bool> {
        self.ends.subscribe()
    }

    /// Leaves the connection where the next request begins, if that costs little. False where it must be closed.
    async fn drain(&self, body: &mut RequestBody) -> bool {
        if body.is_over() {
            return true;
        }
        let all = body.read(DRAIN_BYTES_MAX, None);
        env::within(&*self.env.clock, DRAIN_TIME_MAX, all).await.is_some_and(|read| read.is_ok())
    }
}

fn anonymous() -> AdminError {
    AdminError::from(iam::AccessDenied::NotAllowed)
}

fn id_of(ids: &HeaderMap) -> &str {
    ids.get("x-amz-request-id").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refusal(parts: &Parts, error: &AdminError, ids: &HeaderMap) -> Response<AdminBody> {
    let id = id_of(ids);
    tracing::debug!(request = id, method = %parts.method, path = parts.uri.path(), %error, "admin request refused");
    let mut response = Answer::Json(error.document(parts.uri.path(), id, ids)).into_response();
    *response.status_mut() = error.status();
    response
}

async fn dispatch(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    use Operation as O;
    match call.route.operation {
        O::AccessKeyInfo => keys::access_key_info(call),
        O::AccountInfo => Box::pin(account::account_info(call)).await,
        O::AddPolicy => policies::add_policy(call, body).await,
        O::AddServiceAccount => Box::pin(keys::add(call, body)).await,
        O::AddUser => Box::pin(users::add_user(call, body)).await,
        O::AssociatePolicies => Box::pin(attachments::associate(call, body)).await,
        O::BackgroundHealStatus => Box::pin(heal::background_heal_status(call)).await,
        O::ConfigHelp => config::help(call),
        O::ExportIam => Box::pin(iam_transfer::export(call)).await,
        O::ImportIam => Box::pin(iam_transfer::import(call, body)).await,
        O::DataUsageInfo => Box::pin(usage::data_usage_info(call)).await,
        O::DevNull => Box::pin(speedtest::dev_null(call, body)).await,
        O::DevNullExtraTime => speedtest::dev_null_extra_time(),
        O::ForceUnlock => locks::force_unlock(),
        O::GetConfig => config::get(call),
        O::GetQuota => Box::pin(quota::quota(call)).await,
        O::Group => groups::group(call),
        O::Groups => groups::groups(call),
        O::IdentityProvider => identity_providers::info(call),
        O::IdentityProviders => identity_providers::list(call),
        O::SetIdentityProvider => identity_providers::set(call),
        O::Info => Box::pin(info::info(call)).await,
        O::KmsStatus => kms::status(),
        O::ListAccessKeys => keys::list_bulk(call),
        O::ListPolicies => policies::list_policies(call),
        O::ListServiceAccounts => keys::list(call),
        O::ListUsers => users::list_users(call),
        O::Log => log::log(call),
        O::Metrics => metrics::metrics(call),
        O::PolicyEntities => attachments::entities(call),
        O::PolicyInfo => policies::policy_info(call),
        O::RemovePolicy => Box::pin(policies::remove_policy(call)).await,
        O::RemoveServiceAccount => Box::pin(keys::remove(call)).await,
        O::RemoveUser => Box::pin(users::remove_user(call)).await,
        O::RevokeTokens => Box::pin(keys::revoke(call)).await,
        O::ServiceAccountInfo => keys::info(call),
        O::SetGroupStatus => Box::pin(groups::set_group_status(call)).await,
        O::SetPolicies => Box::pin(attachments::set_policies(call)).await,
        O::SetQuota => Box::pin(quota::set_quota(call, body)).await,
        O::SetUserStatus => Box::pin(users::set_user_status(call)).await,
        O::TemporaryAccountInfo => keys::temporary_info(call),
        O::UpdateMembers => Box::pin(groups::update_members(call, body)).await,
        O::UpdateServiceAccount => Box::pin(keys::update(call, body)).await,
        O::UserInfo => users::user_info(call),
        O::Service => service::service(call),
        O::SetConfig => config::set(),
        O::StorageInfo => Box::pin(info::storage_info(call)).await,
        O::TopLocks => locks::top_locks(),
        O::Trace => trace::trace(call),
        O::Update => service::update(),
        O::Why => why::why(call),
        O::Later(what) => Err(AdminError::later(what)),
    }
}
