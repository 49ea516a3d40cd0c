//! Asking the server that is named, through whatever lies before it.

use std::time::Duration;

use env::Env;
use http::{StatusCode, header};
use outbound::AskLimits;

use super::finding::Finding;
use super::path::{self, STEPS, Step};
use super::{machine, proxies};
use crate::cli::ConnectionArguments;
use crate::client::{AdminRequest, ClientSurroundings, Connection, Endpoint, Keys, Outcome};
use crate::config::ClientKeys;

/// What an answer may cost.
const LIMITS: AskLimits = AskLimits { time: Duration::from_secs(20), answer_bytes: 1 << 20 };

/// The way to a server.
pub(super) struct Way<'a> {
    pub(super) env: &'a Env,
    pub(super) endpoint: &'a Endpoint,
    pub(super) connection: &'a Connection,
    pub(super) around: &'a ClientSurroundings<'a>,
}

impl Way<'_> {
    /// What there is to say of it.
    pub(super) async fn findings(&self, arguments: &ConnectionArguments) -> Vec<Finding> {
        let mut findings = vec![proxies::judge(self.around.settings.variable, self.endpoint.host())];
        match self.clock().await {
            Ok(found) => findings.extend(found),
            // Who can't be asked needs not be asked more.
            Err(finding) => {
                findings.push(finding);
                return findings;
            }
        }
        findings.push(self.documented_pair().await);
        match ClientKeys::from(arguments, &self.around.settings) {
            Err(error) => findings.push(Finding::warning("path", error.to_string(), "set both keys")),
            Ok(keys) => {
                let keys = Keys::from(keys);
                for step in STEPS {
                    findings.push(self.step(step, &keys).await);
                }
            }
        }
        findings
    }

    /// Whether a server answers, and what time it has.
    async fn clock(&self) -> Result<Vec<Finding>, Finding> {
        let request = AdminRequest::unsigned("/health/live");
        let before = self.env.clock.monotonic();
        let answer = self.connection.send(&request, None, LIMITS).await.map_err(|error| {
            let told = Outcome::unreachable(&error, &self.endpoint.to_string()).sentence();
            Finding::fault("server", told, "start it, or name the one that runs with --url")
        })?;
        let under_way = self.env.clock.monotonic().saturating_sub(before);
        let is_server = serde_json::from_slice::<serde_json::Value>(answer.body())
            .is_ok_and(|body| body["status"].is_string() && body["version"].is_string());
        if answer.status() != StatusCode::OK || !is_server {
            let what = format!(
                "what answers at {} is no RustFS server (HTTP status {})",
                self.endpoint,
                answer.status().as_u16()
            );
            return Err(Finding::fault(
                "server",
                what,
                "look at --url, and where the proxy before it sends requests",
            ));
        }
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let here = self.env.clock.now().millis() / 1_000;
        let sure = u64::try_from(under_way.as_millis()).unwrap_or(u64::MAX);
        let server = Finding::well("server", format!("a RustFS server answers at {}", self.endpoint));
        let clock = match date.and_then(seconds_of) {
            Some(there) => machine::judge_skew(here, there, sure),
            None => Finding::note(
                "clock",
                "a proxy takes the time out of answers",
                "nothing must be done; compare the clocks by hand",
            ),
        };
        Ok(vec![server, clock])
    }

    /// Whether the server takes the keys that everybody knows.
    async fn documented_pair(&self) -> Finding {
        let request = AdminRequest::get("/accountinfo");
        let answer = self.connection.send(&request, Some(&Keys::documented()), LIMITS).await;
        let works = answer.is_ok_and(|answer| answer.status() == StatusCode::OK);
        path::judge_documented_pair(works, self.endpoint.is_this_machine())
    }

    async fn step(&self, step: Step, keys: &Keys) -> Finding {
        let mut number = [0u8; 8];
        self.env.random.fill(&mut number);
        let (method, path, body_bytes) = step.request(&format!("rustfs-doctor-{}", hex::encode(number)));
        let request = AdminRequest::plain(method, path, vec![0; body_bytes]);
        match self.connection.send(&request, Some(keys), LIMITS).await {
            Ok(answer) => step.judge(answer.status().as_u16(), path::code_of(answer.body()).as_deref()),
            Err(error) => {
                let what = format!("the connection broke while a request was sent: {error}");
                Finding::warning("path", what, "look at the proxies on the way: one may refuse what is sent")
            }
        }
    }
}

/// The seconds since 1970 of HTTP's `Date`.
fn seconds_of(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}
