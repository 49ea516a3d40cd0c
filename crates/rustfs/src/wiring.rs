//! What is built from what: metadata and blobs on the drives, objects over both, S3 in front, workers behind.
//!
//! Opened in that order, closed in the reverse one: when [`Store::close`] has returned nothing is written any more, but to a
//! drive that does not answer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin::{Admin, AdminBody, AdminOptions, Gate, TraceBoard};
use audit::Audit;
use blob::{BlobOpenError, BlobOptions, Blobs, DrivePlace, DriveState, SetDrives};
use bytes::Bytes;
use env::Env;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use iam::{Iam, IamOpenError, IamOptions, RootCredentials};
use meta::log::LogFactory;
use meta::{EngineFactory, Meta, MetaDrive, MetaOpenError, MetaOptions, Watch};
use object::{Objects, ObjectsOptions};
use outbound::OutboundError;
use s3::{Frontend, FrontendOptions, Peer, ResponseBody, Subnet};
use thiserror::Error;
use tracing::{debug, warn};
use worker::{ScrubBoard, ScrubOptions, Workers};

use crate::admin_door::{AdminDoor, AdminSetup};
use crate::config::Config;
use crate::drives::{Drives, DrivesError};
use crate::health::{self, HealthQuestion, StoreHealth};
use crate::listener::Respond;
use crate::memory::MetadataShare;
use crate::trace::{self, AskedFor, TracedBody, Tracer};

/// How often sessions are looked at whose time is over. They end by themselves; this gives their room back.
const SESSIONS_LOOKED_AT_EVERY: Duration = Duration::from_secs(5 * 60);

/// Why the store on the drives can't be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The drives.
    #[error(transparent)]
    Drives(#[from] DrivesError),
    /// Metadata.
    #[error("the metadata can't be opened: {0}")]
    Meta(#[from] MetaOpenError),
    /// Blobs.
    #[error("the data can't be opened: {0}")]
    Blobs(#[from] BlobOpenError),
    /// Identities.
    #[error(transparent)]
    Iam(#[from] IamOpenError),
    /// Others can't be asked.
    #[error("identity providers can't be asked: {0}")]
    Outbound(#[from] OutboundError),
    /// A setting that S3 does not take.
    #[error("RUSTFS_TRUSTED_PROXY_NETWORKS can't be used: {0}")]
    Proxies(String),
}

/// Everything below the front: records, bytes, objects over both, and workers. The simulation runs exactly this.
pub struct Storage {
    meta: Arc<Meta>,
    blobs: Blobs,
    objects: Objects,
    workers: Workers,
}

/// How a [`Storage`] is opened.
pub struct StorageOptions {
    /// Opens a drive's engine.
    pub engines: EngineFactory,
    /// How a drive's log is kept.
    pub log: LogFactory,
    /// Who sees what replicas promise one another.
    pub watch: Option<Arc<dyn Watch>>,
    /// How blobs are kept.
    pub blobs: BlobOptions,
    /// How objects are kept.
    pub objects: ObjectsOptions,
    /// How drives are scrubbed.
    pub scrub: ScrubOptions,
}

/// A store that is open.
pub struct Store {
    storage: Storage,
    door: Arc<Door>,
    audit: Audit,
}

/// Who answers requests.
#[derive(Debug)]
pub struct Door {
    objects: Objects,
    frontend: Frontend,
    admin: AdminDoor,
    /// Closed while the service is frozen.
    gate: Arc<Gate>,
    tracer: Tracer,
    domains: Vec<String>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("storage", &self.storage).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl StorageOptions {
    /// The ones to use: engines on files, and what fits the drives and the memory for metadata.
    #[must_use]
    pub fn of(drives: &Drives, metadata_bytes: u64) -> Self {
        let share = MetadataShare::new(metadata_bytes, drives.map.drive_count());
        StorageOptions {
            engines: share.engines(),
            log: share.logs(),
            watch: None,
            blobs: BlobOptions::default(),
            objects: ObjectsOptions::for_replicas(drives.map.replicas),
            scrub: ScrubOptions::default(),
        }
    }
}

impl Storage {
    /// Opens the store on these drives; a new one counts when this has returned. Adds to the drives' warnings.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub async fn open(env: &Env, drives: &mut Drives, options: StorageOptions) -> Result<Self, OpenError> {
        let StorageOptions { engines, log, watch, blobs, objects, scrub } = options;
        let list = drives.present().map(|(slot, id, path)| MetaDrive {
            refilling: drives.refilling.contains(&slot),
            ..MetaDrive::new(id, path.join("meta"))
        });
        let (map, new_store) = (drives.map.clone(), drives.new_store);
        let options = MetaOptions { drives: list.collect(), map, new_store, engines, log, watch };
        let meta = Arc::new(open_meta(env, drives, options).await?);
        let blobs = open_blobs(env, drives, blobs).await?;
        drives.finish(env).await?;
        let objects = Objects::new(env.clone(), Arc::clone(&meta), blobs.clone(), objects);
        let workers = worker::start_with(env, &objects, scrub);
        Ok(Storage { meta, blobs, objects, workers })
    }

    /// What requests are carried out by.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// How far the scrubs of the drives are, and what they found.
    #[must_use]
    pub fn scrubs(&self) -> &ScrubBoard {
        self.workers.scrubs()
    }

    /// Stops the workers and closes the drives. What does not answer is waited for as long as requests wait for it, and then
    /// left as a kill would leave it.
    pub async fn close(self) {
        self.workers.stop().await;
        self.blobs.close().await;
        for directory in self.meta.close().await {
            let drive = directory.parent().unwrap_or(&directory).display();
            warn!(
                %drive,
                "the metadata of the drive can't be closed, as the drive does not answer: the next start recovers it. Look \
                 at the device and at what the kernel says of it"
            );
        }
    }
}

/// How the front serves, checked before anything is opened.
///
/// # Errors
/// Where a network is none.
pub fn frontend_options(config: &Config) -> Result<FrontendOptions, OpenError> {
    let network = |text: &String| text.parse::<Subnet>();
    let proxies: Result<Vec<Subnet>, _> = config.trusted_proxies.iter().map(network).collect();
    Ok(FrontendOptions {
        domains: config.domains.clone(),
        region: config.region.clone(),
        trusts_client_addresses: config.trusts_client_addresses,
        trusted_proxies: proxies.map_err(|error| OpenError::Proxies(error.to_string()))?,
        requests_max: config.requests_max,
        ..FrontendOptions::default()
    })
}

impl Store {
    /// Opens the store on these drives; a new one counts when this has returned. Adds to the drives' warnings.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub async fn open(
        env: &Env,
        drives: &mut Drives,
        (root, identities): (RootCredentials, IamOptions),
        (front, audit): (FrontendOptions, Audit),
        metadata_bytes: u64,
        scrub: ScrubOptions,
        admin: AdminSetup,
    ) -> Result<Self, OpenError> {
        let options = StorageOptions { scrub, ..StorageOptions::of(drives, metadata_bytes) };
        let storage = Storage::open(env, drives, options).await?;
        let objects = storage.objects.clone();
        let iam = Arc::new(Iam::open(env, &storage.meta, root, &identities).await?);
        forget_expired_sessions(env, &iam);
        let domains = front.domains.clone();
        let frontend = Frontend::new(objects.clone(), Arc::clone(&iam), env.clone(), front);
        let gate = Arc::new(Gate::default());
        let traces = TraceBoard::default();
        let tracer = Tracer::new(traces.clone(), audit.clone(), Arc::clone(&env.clock));
        let admin = Admin::new(AdminOptions {
            objects: objects.clone(),
            iam,
            env: env.clone(),
            scrubs: storage.workers.scrubs().clone(),
            facts: admin.facts,
            control: Arc::new(admin.orders),
            gate: Arc::clone(&gate),
            traces,
            logs: admin.logs,
        });
        let admin = AdminDoor::new(admin, frontend.clone(), domains.clone());
        let door = Arc::new(Door { objects, frontend, admin, gate, tracer, domains });
        Ok(Store { storage, door, audit })
    }

    /// Who answers requests.
    #[must_use]
    pub fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door)
    }

    /// Whether it is open for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.storage.meta.is_read_only()
    }

    /// Stops the workers, closes the drives and ends the audit log.
    pub async fn close(self) {
        self.storage.close().await;
        self.audit.close().await;
    }
}

/// Gives the room of sessions back whose time is over, until nobody needs the identities any more.
fn forget_expired_sessions(env: &Env, iam: &Arc<Iam>) {
    let (clock, iam) = (Arc::clone(&env.clock), Arc::downgrade(iam));
    drop(env.spawn.task(Box::pin(async move {
        loop {
            clock.sleep(SESSIONS_LOOKED_AT_EVERY).await;
            let Some(iam) = iam.upgrade() else { return };
            while match iam.remove_expired_sessions(clock.now()).await {
                Ok(count) => count > 0,
                Err(error) => {
                    debug!(%error, "expired sessions are removed later");
                    false
                }
            } {}
        }
    })));
}

async fn open_meta(env: &Env, drives: &mut Drives, options: MetaOptions) -> Result<Meta, OpenError> {
    let (meta, left_out) = Meta::open(env, options).await?;
    for drive in left_out {
        let place = drive.directory.display();
        drives.warnings.push(format!("{place} is left out: {}. The others do without it.", drive.reason));
    }
    Ok(meta)
}

async fn open_blobs(env: &Env, drives: &mut Drives, options: BlobOptions) -> Result<Blobs, OpenError> {
    let mut silent = Vec::new();
    let sets = drives.places.iter().zip(0u16..).map(|(places, set)| SetDrives {
        set,
        map_epoch: drives.map.epoch,
        drives: places.clone(),
    });
    let blobs = Blobs::open(env.clone(), sets.collect(), options).await?;
    for (slot, _, path) in drives.present() {
        let place = DrivePlace { set: slot.set, slot: slot.slot };
        if blobs.drive(place).await.state == DriveState::Missing {
            silent.push(format!(
                "{} does not answer: the data on it is left out until a start that finds it answering. The others do \
                 without it.",
                path.display()
            ));
        }
    }
    drives.warnings.extend(silent);
    for drive in blobs.drives().await {
        if !matches!(drive.state, DriveState::Ok | DriveState::Missing) {
            let place = drive.path.as_deref().unwrap_or(Path::new("a drive")).display();
            drives
                .warnings
                .push(format!("the data on {place} can't be used as it should: {:?}.", drive.state));
        }
    }
    Ok(blobs)
}

impl Door {
    /// Lets go what would keep a stop from its end: requests that are held back, and streams of the admin API.
    pub fn finish(&self) {
        self.admin.finish();
    }

    async fn respond_watched(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Response<TracedBody<ResponseBody>> {
        let (watched, request) = self.tracer.watch(request, peer.address, |head| asked(&self.frontend, head));
        watched.answer(self.frontend.handle(request, peer).await)
    }

    async fn respond_admin(&self, request: Request<Incoming>, peer: Peer) -> Response<TracedBody<AdminBody>> {
        if !self.tracer.watches_admin() {
            return trace::unwatched(self.admin.answer(trace::uncounted(request), peer).await);
        }
        let route = |head: &Parts| {
            AskedFor::Admin(admin::route_path(&head.method, head.uri.path()).unwrap_or("/unknown"))
        };
        let (watched, request) = self.tracer.watch(request, peer.address, route);
        watched.answer(self.admin.answer(request, peer).await)
    }

    async fn health(&self) -> StoreHealth {
        let health = self.objects.health().await;
        let map = self.objects.meta().map();
        let redundancy = map.redundancy(map.parity);
        StoreHealth {
            reads: health.reads,
            writes: health.writes,
            reasons: health.reasons,
            read_quorum: usize::from(redundancy.data),
            write_quorum: redundancy.write_quorum(),
        }
    }
}

/// What a request of S3 or STS asks for.
fn asked(frontend: &Frontend, head: &Parts) -> AskedFor {
    let (operation, bucket, key) = frontend.asked(head);
    let is_form = head.method == Method::POST && head.uri.path() == "/";
    let operation = operation.unwrap_or(if is_form { "STS" } else { "Unknown" });
    AskedFor::S3 { operation, bucket, key }
}

impl Respond for Door {
    type Body = Either<TracedBody<ResponseBody>, Either<Full<Bytes>, TracedBody<AdminBody>>>;

    async fn respond(&self, request: Request<Incoming>, peer: Peer) -> Response<Self::Body> {
        let asked = health::question(request.method(), request.uri(), request.headers(), &self.domains);
        if let Some(question) = asked {
            let health = match question {
                HealthQuestion::Live => StoreHealth::default(),
                _ => self.health().await,
            };
            return health::answer(question, &health).map(Either::Left).map(Either::Right);
        }
        if self.admin.is_meant(&request) {
            return Box::pin(self.respond_admin(request, peer)).await.map(Either::Right).map(Either::Right);
        }
        self.gate.pass().await;
        if self.tracer.watches_s3() {
            return Box::pin(self.respond_watched(request, peer)).await.map(Either::Left);
        }
        trace::unwatched(self.frontend.handle(trace::uncounted(request), peer).await).map(Either::Left)
    }
}
