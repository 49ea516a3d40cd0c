//! The target that is a webhook: lines are posted one after another, each until it is taken.
//!
//! Always: what can't be delivered waits in a queue with bounds; what finds no room there, or is refused for good, is counted,
//! and the next line that is delivered says so. No message names more of the address than the server.

use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use outbound::{AskLimits, Outbound};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::AuditError;
use crate::chain::Chain;
use crate::entry::{BEGIN, END, GAP, Said, of_log};
use crate::queue::Outlet;

/// What one delivery may cost.
const LIMITS: AskLimits = AskLimits { time: Duration::from_secs(10), answer_bytes: 64 << 10 };
/// Pauses between attempts: the first, and the longest; each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long what waits is delivered at a stop.
const LAST_TIME_MAX: Duration = Duration::from_secs(5);

/// Where entries are posted.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookOptions {
    /// What it is called in settings and messages.
    pub name: String,
    /// The address.
    pub endpoint: String,
    /// What is sent as `Authorization`: as it stands if it has two words, after `Bearer` else; nothing if it is empty.
    pub token: String,
    /// Entries that wait to be delivered, at most.
    pub queue_entries: usize,
}

impl std::fmt::Debug for WebhookOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may hold a secret, too.
        formatter.debug_struct("WebhookOptions").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Posts what comes.
pub(crate) struct WebhookTarget {
    env: Env,
    outbound: Outbound,
    name: String,
    uri: Uri,
    authorization: Option<HeaderValue>,
    store: String,
    chain: Chain,
    is_down: bool,
}

/// How an attempt ended.
enum Attempt {
    Taken,
    /// It will never be taken.
    Refused(StatusCode),
    /// It may be taken later.
    Failed(String),
}

/// How a delivery ended.
enum Delivery {
    Taken,
    Refused,
    /// The server is to stop.
    Stopped,
}

impl WebhookTarget {
    pub(crate) fn new(
        env: &Env,
        outbound: Outbound,
        options: &WebhookOptions,
        store: &str,
    ) -> Result<Self, AuditError> {
        let wrong = |what| AuditError::Webhook { name: options.name.clone(), what };
        let uri: Uri = options.endpoint.parse().map_err(|_| wrong("its address is none"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("its address has to begin with http:// or https:// and to name a host"));
        }
        let authorization = match options.token.trim() {
            "" => None,
            token => {
                let text = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
                let mut value = HeaderValue::from_str(&text)
                    .map_err(|_| wrong("its token has characters that can't be sent"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let (env, name, store) = (env.clone(), options.name.clone(), store.to_owned());
        Ok(Self { env, outbound, name, uri, authorization, store, chain: Chain::default(), is_down: false })
    }

    /// Delivers until it is to stop; then what waits, for a while.
    pub(crate) async fn run(mut self, mut outlet: Outlet, mut closing: watch::Receiver<bool>) {
        let begin = of_log(&self.store, self.env.clock.now(), BEGIN, Said::default());
        let mut next = Some(begin);
        loop {
            if let Some(entry) = next.take()
                && let Delivery::Stopped = self.deliver(&outlet, &entry, &mut closing).await
            {
                return self.finish(&mut outlet, Some(entry)).await;
            }
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => break,
                came = outlet.next() => next = came.map(|waiting| waiting.entry.to_string()),
            }
        }
        self.finish(&mut outlet, None).await;
    }

    /// Delivers an entry, behind a word about those that were lost before it.
    async fn deliver(
        &mut self,
        outlet: &Outlet,
        entry: &str,
        closing: &mut watch::Receiver<bool>,
    ) -> Delivery {
        let dropped = outlet.take_dropped();
        if dropped > 0 {
            warn!(
                webhook = self.name,
                dropped, "audit entries were lost: the webhook did not take them in time, or refused them"
            );
            let said = Said { dropped, ..Said::default() };
            let gap = of_log(&self.store, self.env.clock.now(), GAP, said);
            match self.insist(&gap, closing).await {
                Delivery::Taken => {}
                Delivery::Refused => outlet.drop_also(dropped),
                Delivery::Stopped => {
                    outlet.drop_also(dropped);
                    return Delivery::Stopped;
                }
            }
        }
        let delivered = self.insist(entry, closing).await;
        if let Delivery::Refused = delivered {
            outlet.drop_also(1);
        }
        delivered
    }

    /// Posts a line again and again, with longer and longer pauses.
    async fn insist(&mut self, entry: &str, closing: &mut watch::Receiver<bool>) -> Delivery {
        let (line, chain) = self.chain.with(entry);
        let line = Bytes::from(line);
        let mut pause = PAUSE_MIN;
        loop {
            let attempt = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return Delivery::Stopped,
                attempt = self.attempt(&line) => attempt,
            };
            match attempt {
                Attempt::Taken => {
                    self.taken(chain);
                    return Delivery::Taken;
                }
                Attempt::Refused(status) => {
                    warn!(webhook = self.name, %status, "an audit entry was refused for good: see what the webhook takes");
                    return Delivery::Refused;
                }
                Attempt::Failed(reason) => self.failed(&reason),
            }
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return Delivery::Stopped,
                () = self.env.clock.sleep(pause) => {}
            }
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    async fn attempt(&self, line: &Bytes) -> Attempt {
        match self.outbound.ask(self.request(line), LIMITS).await {
            Ok(answer) => judged(answer.status()),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }

    fn request(&self, line: &Bytes) -> Request<Bytes> {
        let mut request = Request::new(line.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn taken(&mut self, chain: Chain) {
        self.chain = chain;
        if std::mem::take(&mut self.is_down) {
            info!(webhook = self.name, "the audit webhook takes entries again");
        }
    }

    fn failed(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.is_down, true) {
            warn!(
                webhook = self.name,
                reason, "the audit webhook does not take entries: they wait, and are lost when too many do"
            );
        }
    }

    /// Delivers what waits, and that the server stops: each once, as long as there is time.
    async fn finish(&mut self, outlet: &mut Outlet, first: Option<String>) {
        let clock = self.env.clock.clone();
        let mut left = u64::from(first.is_some());
        let last = async {
            let mut next = first.or_else(|| outlet.try_next().map(|waiting| waiting.entry.to_string()));
            while let Some(entry) = next.take() {
                left = 1;
                if !self.once(&entry).await {
                    return;
                }
                left = 0;
                next = outlet.try_next().map(|waiting| waiting.entry.to_string());
            }
            let dropped = outlet.take_dropped();
            let said = Said { dropped, ..Said::default() };
            let end = of_log(&self.store, self.env.clock.now(), END, said);
            if !self.once(&end).await {
                outlet.drop_also(dropped);
            }
        };
        let _ = env::within(&*clock, LAST_TIME_MAX, last).await;
        while outlet.try_next().is_some() {
            left += 1;
        }
        let lost = left + outlet.take_dropped();
        if lost > 0 {
            warn!(webhook = self.name, lost, "audit entries were not delivered before the server stopped");
        }
    }

    async fn once(&mut self, entry: &str) -> bool {
        let (line, chain) = self.chain.with(entry);
        let is_taken = matches!(self.attempt(&Bytes::from(line)).await, Attempt::Taken);
        if is_taken {
            self.chain = chain;
        }
        is_taken
    }
}

/// What an answer means. A server that is set up wrongly (401, 403, 404) may be set right; one that says that this entry is
/// wrong would say so for ever.
fn judged(status: StatusCode) -> Attempt {
    match status.as_u16() {
        200..=299 => Attempt::Taken,
        400 | 405 | 406 | 410..=417 | 422 | 431 => Attempt::Refused(status),
        _ => Attempt::Failed(format!("it answers {status}")),
    }
}
