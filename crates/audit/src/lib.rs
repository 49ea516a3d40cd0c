//! The audit log: who asked for what, and how it ended. An entry per request, in MinIO's format, chained by hashes, to files
//! and webhooks ([format](../../../docs/formats/audit.md)).
//!
//! Always:
//! - No request waits for the log. What finds no room is counted, and the log itself says how much is missing and where.
//! - Every target has a chain of its own, so that what one was given can be verified without the others.
//! - No secret is in an entry: no signature, no token, no key of a client.

mod chain;
mod entry;
mod file;
pub mod folder;
mod queue;
mod redaction;
#[cfg(test)]
mod tests;
mod verify;
mod webhook;

pub use chain::{Chain, Hash, Link};
pub use entry::AuditedRequest;
pub use file::FileOptions;
pub use verify::{AuditReport, Broken, EndNote, Verifier};
pub use webhook::WebhookOptions;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use env::{BoxFuture, Env};
use outbound::Outbound;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;
use tracing::warn;

use file::FileTarget;
use queue::{Inlet, queue};
use webhook::WebhookTarget;

/// How long targets may take to bring away what waits, at a stop.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// Where entries go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditOptions {
    /// Files.
    pub file: Option<FileOptions>,
    /// Webhooks.
    pub webhooks: Vec<WebhookOptions>,
}

/// Why there is no log.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The files.
    #[error(
        "the audit log in {} can't be written ({source}): give RUSTFS_AUDIT_FILE_PATH a folder that this user may write to, with room",
        folder.display()
    )]
    Files {
        /// Where they should be.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A webhook.
    #[error("the audit webhook {name} can't be used: {what}")]
    Webhook {
        /// Which.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// Writes the log. Cheap to clone; costs nothing where there are no targets.
#[derive(Clone)]
pub struct Audit {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    env: Env,
    store: String,
    inlets: Vec<Inlet>,
    closing: watch::Sender<bool>,
    targets: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let targets = self.shared.as_ref().map_or(0, |shared| shared.inlets.len());
        formatter.debug_struct("Audit").field("targets", &targets).finish()
    }
}

impl Audit {
    /// A log that is not written.
    #[must_use]
    pub fn off() -> Self {
        Self { shared: None }
    }

    /// A log of the store with this id. Webhooks are reached by `outbound`.
    ///
    /// # Errors
    /// Where the files can't be written, or a webhook's address is none.
    pub async fn open(
        env: &Env,
        outbound: &Outbound,
        options: AuditOptions,
        store: &str,
    ) -> Result<Self, AuditError> {
        let AuditOptions { file, webhooks } = options;
        let (closing, closed) = watch::channel(false);
        let (mut inlets, mut targets) = (Vec::new(), Vec::new());
        let mut posting = Vec::new();
        for options in webhooks {
            let target = WebhookTarget::new(env, outbound.clone(), &options, store)?;
            posting.push((target, options.queue_entries));
        }
        if let Some(options) = file {
            let (inlet, outlet) = queue(options.queue_entries);
            let folder = options.folder.clone();
            let opened = FileTarget::open(env, options, store).await;
            let target = opened.map_err(|source| AuditError::Files { folder, source })?;
            targets.push(env.spawn.task(Box::pin(target.run(outlet, closed.clone()))));
            inlets.push(inlet);
        }
        for (target, entries) in posting {
            let (inlet, outlet) = queue(entries);
            targets.push(env.spawn.task(Box::pin(target.run(outlet, closed.clone()))));
            inlets.push(inlet);
        }
        if inlets.is_empty() {
            return Ok(Self::off());
        }
        let (env, store, targets) = (env.clone(), store.to_owned(), Mutex::new(targets));
        Ok(Self { shared: Some(Arc::new(Shared { env, store, inlets, closing, targets })) })
    }

    /// Whether anything is written.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// Writes what became of a request. Waits for nothing.
    pub fn record(&self, request: &AuditedRequest<'_>) {
        let Some(shared) = &self.shared else { return };
        let entry: Arc<str> = entry::of_request(&shared.store, request).into();
        for inlet in &shared.inlets {
            inlet.put(&entry);
        }
    }

    /// Brings away what waits, as far as that is possible in a while. What is recorded afterwards is lost.
    pub async fn close(&self) {
        let Some(shared) = &self.shared else { return };
        shared.closing.send_replace(true);
        let targets = std::mem::take(&mut *shared.targets.lock());
        let ended = async {
            for target in targets {
                target.await;
            }
        };
        if env::within(&*shared.env.clock, CLOSE_TIME_MAX, ended).await.is_none() {
            warn!("the audit log was not written to its end: a file or a webhook does not answer");
        }
    }
}
