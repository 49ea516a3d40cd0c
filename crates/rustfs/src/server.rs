//! A server from its start to its end: settings, port, drives, store, requests, and back.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admin::{LogBoard, ServerFacts};
use audit::{Audit, AuditError, AuditOptions};
use env::Env;
use iam::{IamOptions, RootCredentials, SecretKey};
use outbound::{Outbound, OutboundError, Trust};
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tracing::{info, warn};

use crate::admin_door::AdminSetup;
use crate::announce::Announcement;
use crate::cli::{self, Asked, ServerArguments};
use crate::client::{self, ClientSurroundings};
use crate::config::{Config, Surroundings};
use crate::drives::Drives;
use crate::identity;
use crate::input_files::{InputFiles, read_key_file};
use crate::inspect::command::{self, Said};
use crate::listener::{self, Bound, ListenError, ListenerOptions, Patience};
use crate::log_tap::LogTap;
use crate::orders::{self, Orders};
use crate::salvage::{self, SalvageError};
use crate::shutdown::{self, Phase, Signals, Stop};
use crate::tls::{self, Tls, TlsError};
use crate::wiring::{self, Door, OpenError, Store};
use crate::{audit_command, doctor, logging, open_files, service_manager};

/// Exit code for words or settings that make no sense.
const USAGE: u8 = 2;

/// Threads for what blocks, at most: several times what one drive is asked for at once, so that one that hangs leaves enough.
const BLOCKING_THREADS_MAX: usize = 256;

/// How long threads that are still in a system call are waited for at the end.
const LAST_CALLS_TIME_MAX: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, Error)]
enum RunError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    #[error("signals can't be received: {0}")]
    Signals(io::Error),
}

/// The program: from its words to its exit code.
#[must_use]
pub fn main(words: Vec<OsString>) -> ExitCode {
    match cli::read(words) {
        Asked::Serve(arguments) => serve(&arguments),
        Asked::Inspect(arguments) => offline(|runtime| command::run_inspect(runtime, &arguments)),
        Asked::AuditVerify(arguments) => offline(|runtime| audit_command::run_verify(runtime, &arguments)),
        Asked::Salvage(arguments) => offline(|runtime| command::run_salvage(runtime, &arguments)),
        Asked::Admin(arguments) => asking(|runtime, around| client::run(runtime, &arguments, around)),
        Asked::Doctor(arguments) => asking(|runtime, around| doctor::run(runtime, &arguments, around)),
        Asked::Say { text, mistake: false } => {
            say(&text);
            ExitCode::SUCCESS
        }
        Asked::Say { text, mistake: true } => {
            complain(&text);
            ExitCode::from(USAGE)
        }
    }
}

/// To stdout. Nobody may be reading any more, which is no reason to stop.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

/// To stderr, where it may be the last that is heard.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// A command that may ask a running server.
fn asking(run: impl FnOnce(&Runtime, &ClientSurroundings<'_>) -> Said) -> ExitCode {
    offline(|runtime| {
        let variable = |name: &str| std::env::var(name).ok();
        let env = env::real::env(runtime.handle());
        let inputs = InputFiles { env: &env, runtime: runtime.handle() };
        let line = |path: &Path| inputs.line(path);
        let text = |path: &Path| inputs.text(path);
        let here = std::env::current_dir().map_err(|error| error.to_string());
        let settings = Surroundings { variable: &variable, names: names_of_variables(), file: &line, here };
        run(runtime, &ClientSurroundings { settings, text: &text })
    })
}

/// A command that serves nothing.
fn offline(run: impl FnOnce(&Runtime) -> Said) -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "error: threads can't be started: {error}. Raise the limit of threads (ulimit -u)"
            ));
            return ExitCode::from(USAGE);
        }
    };
    logging::init_quietly(&variable);
    let said = run(&runtime);
    runtime.shutdown_timeout(LAST_CALLS_TIME_MAX);
    if said.is_complaint {
        complain(&said.text)
    } else {
        say(&said.text)
    }
    said.code
}

fn serve(arguments: &ServerArguments) -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "error: the server's threads can't be started: {error}. Raise the limit of threads (ulimit -u)"
            ));
            return ExitCode::FAILURE;
        }
    };
    let env = env::real::env(runtime.handle());
    let file = |path: &Path| read_key_file(&env, runtime.handle(), path);
    let here = std::env::current_dir().map_err(|error| error.to_string());
    let around = Surroundings { variable: &variable, names: names_of_variables(), file: &file, here };
    let mut config = match Config::from(arguments, &around) {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("error: {error}"));
            return ExitCode::from(USAGE);
        }
    };
    let logs = LogBoard::default();
    let tap = LogTap::new(logs.clone(), Arc::clone(&env.clock));
    config.warnings.extend(logging::init(&variable, Some(tap)));
    // The drives stay this process's until its threads have ended: one may still be in the midst of a write.
    let orders = Orders::default();
    let ended = runtime.block_on(run(&env, config, &orders, logs));
    runtime.shutdown_timeout(LAST_CALLS_TIME_MAX);
    match ended {
        Ok(drives) if orders.is_restart() => {
            drop(drives);
            let error = orders::begin_again();
            complain(&format!("error: the server has stopped and can't begin again: {error}. Start it"));
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Names that are no text are none of ours.
fn names_of_variables() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

fn runtime() -> io::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    if let Ok(cores) = std::thread::available_parallelism() {
        runtime.worker_threads(cores.get());
    }
    runtime.max_blocking_threads(BLOCKING_THREADS_MAX).thread_name("rustfs").enable_all().build()
}

/// Serves until it is to stop; gives back the drives, which nobody else may use before.
async fn run(
    env: &Env,
    mut config: Config,
    orders: &Orders,
    logs: LogBoard,
) -> Result<Option<Drives>, RunError> {
    let mut signals = Signals::new().map_err(RunError::Signals)?;
    let bound = Bound::new(&config.address)?;
    let tls = open_tls(env, &mut config).await?;
    let addresses: Vec<SocketAddr> = bound.addresses().collect();
    let (connections_max, too_few) = open_files::connections(config.connections_max, open_files::raise());
    config.warnings.extend(too_few);
    let admin = admin_setup(env, &config, &addresses, orders, logs);
    let opened = tokio::select! {
        biased;
        () = signals.asked() => None,
        opened = open(env, &config, admin) => Some(opened?),
    };
    let Some((drives, store)) = opened else {
        info!("stopped before the start was complete");
        return Ok(None);
    };
    let listeners = match bound.listen() {
        Ok(listeners) => listeners,
        Err(error) => {
            store.close().await;
            return Err(error.into());
        }
    };
    say(&announcement(&config, &addresses, &drives, store.is_read_only()));
    tell_service_manager("READY=1");
    let options = ListenerOptions { connections_max, patience: Patience::default() };
    let (stopper, stop) = shutdown::stop();
    drop(env.spawn.task(Box::pin(signals.lead(env.clone(), stopper, orders.clone()))));
    drop(env.spawn.task(Box::pin(finish(store.door(), stop.clone()))));
    if let Some(tls) = &tls {
        drop(env.spawn.task(Box::pin(tls::keep_fresh(env.clone(), tls.clone(), stop.clone()))));
    }
    listener::serve(env.clone(), (listeners, tls), store.door(), options, stop).await;
    if !orders.is_restart() {
        // To who begins again at once it would be untrue.
        tell_service_manager("STOPPING=1");
    }
    store.close().await;
    info!("stopped");
    Ok(Some(drives))
}

/// The certificates, if there are to be some. Adds to the warnings.
async fn open_tls(env: &Env, config: &mut Config) -> Result<Option<Tls>, RunError> {
    let Some(options) = config.tls.clone() else { return Ok(None) };
    let tls = Tls::open(env, options).await?;
    config.warnings.extend(tls.warnings());
    Ok(Some(tls))
}

/// The audit log. Webhooks are believed by the system's certificates and those in the folder of certificates.
async fn open_audit(env: &Env, config: &Config, store: &str) -> Result<Audit, RunError> {
    if config.audit == AuditOptions::default() {
        return Ok(Audit::off());
    }
    let authorities = match &config.tls {
        Some(options) => tls::authorities(env, options).await?,
        None => Vec::new(),
    };
    let authorities: Vec<&[u8]> = authorities.iter().map(AsRef::as_ref).collect();
    let outbound = Outbound::new(env, &Trust::new(&authorities, None)?);
    Ok(Audit::open(env, &outbound, config.audit.clone(), store).await?)
}

/// What clients write before `://`.
fn scheme(config: &Config) -> &'static str {
    if config.tls.is_some() { "https" } else { "http" }
}

/// Who root is, and how identities are opened.
fn identities(config: &Config) -> (RootCredentials, IamOptions) {
    let (keys, former) = (&config.credentials, &config.former_secret);
    let root = RootCredentials {
        access_key: keys.access_key.clone(),
        secret_key: keys.secret_key.reveal().to_owned(),
        from_environment: !keys.is_default,
    };
    let options = IamOptions {
        former_root_secret: former.secret_key.as_ref().map(|secret| SecretKey::new(secret.reveal())),
        is_root_secret_lost: former.is_lost,
        ..IamOptions::default()
    };
    (root, options)
}

/// Lets go what waits within requests when the server is to stop.
async fn finish(door: Arc<Door>, mut stop: Stop) {
    stop.reached(Phase::Finishing).await;
    door.finish();
}

fn admin_setup(
    env: &Env,
    config: &Config,
    addresses: &[SocketAddr],
    orders: &Orders,
    logs: LogBoard,
) -> AdminSetup {
    let endpoint = addresses.first().map(ToString::to_string).unwrap_or_default();
    AdminSetup {
        facts: ServerFacts {
            endpoint,
            scheme: scheme(config),
            version: env!("CARGO_PKG_VERSION"),
            region: config.region.clone(),
            domains: config.domains.clone(),
            started: env.clock.monotonic(),
            settings: config.settings(),
            identity_providers: config.identity.facts(),
        },
        logs,
        orders: orders.clone(),
    }
}

async fn open(env: &Env, config: &Config, admin: AdminSetup) -> Result<(Drives, Store), RunError> {
    let mut front = wiring::frontend_options(config)?;
    front.identity_providers = identity::providers(env, &config.identity).map_err(OpenError::from)?;
    salvage::refuse_unfinished(env, &config.drives).await?;
    let mut drives = Drives::prepare(env, &config.drives, config.choices).await.map_err(OpenError::from)?;
    let (metadata, scrub) = (config.metadata_bytes, config.scrub);
    let identities = identities(config);
    let audit = open_audit(env, config, &drives.map.store.to_string()).await?;
    let store = Store::open(env, &mut drives, identities, (front, audit), metadata, scrub, admin).await?;
    Ok((drives, store))
}

fn announcement(config: &Config, addresses: &[SocketAddr], drives: &Drives, read_only: bool) -> String {
    let warnings: Vec<String> = config.warnings.iter().chain(&drives.warnings).cloned().collect();
    Announcement {
        addresses,
        scheme: scheme(config),
        domains: &config.domains,
        credentials: &config.credentials,
        map: &drives.map,
        places: &drives.places,
        new_store: drives.new_store,
        read_only,
        refilling: &drives.refilling,
        console: config.console,
        warnings: &warnings,
    }
    .text()
}

fn tell_service_manager(state: &str) {
    let socket = std::env::var("NOTIFY_SOCKET").ok();
    if let Err(error) = service_manager::tell(socket.as_deref(), state) {
        warn!(%error, "systemd could not be told {state}");
    }
}
