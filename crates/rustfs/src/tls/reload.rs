//! Looks at the folder again and again: new certificates serve from the next connection on, broken ones are said once, and so
//! are those that end soon.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use env::Env;
use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::expiry::Urgency;
use super::folder::Files;
use super::pair::Pair;
use super::{Serving, Tls};
use crate::shutdown::{Phase, Stop};

/// How often it is looked at whether certificates end, where their files are not looked at.
const ENDS_LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);

/// Looks until the stop. SIGHUP is a look at once, whatever the options say.
pub async fn keep_fresh(env: Env, tls: Tls, mut stop: Stop) {
    let mut hang_up = match signal(SignalKind::hangup()) {
        Ok(hang_up) => Some(hang_up),
        Err(error) => {
            warn!(%error, "SIGHUP can't be received: changed certificates are found by looking only");
            None
        }
    };
    let mut looks = Looks::default();
    looks.tell_ends(&env, &tls);
    let pause = tls.options.looked_at_every.unwrap_or(ENDS_LOOKED_AT_EVERY);
    loop {
        let asked = tokio::select! {
            biased;
            () = stop.reached(Phase::Finishing) => return,
            () = hung_up(hang_up.as_mut()) => true,
            () = env.clock.sleep(pause) => false,
        };
        if asked || tls.options.looked_at_every.is_some() {
            looks.look(&env, &tls, asked).await;
        }
        looks.tell_ends(&env, &tls);
    }
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// What earlier looks found.
#[derive(Default)]
pub(super) struct Looks {
    /// What was wrong at the last look, and whether it was said.
    wrong: Option<(String, bool)>,
    /// What was said of the ends of certificates.
    ends: HashMap<PathBuf, Urgency>,
}

/// What a look comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Unchanged,
    Changed,
    /// Wrong, and to be said now.
    Wrong(String),
    /// Wrong, but said already, or perhaps in the midst of being written.
    StillWrong,
}

impl Looks {
    /// Reads the folder; serves what is new in it and whole.
    pub(super) async fn look(&mut self, env: &Env, tls: &Tls, asked: bool) -> Finding {
        let read = Files::read(&*env.disk, &tls.options).await;
        let made = match read {
            Ok(files) if files.digest() == tls.serving().digest => Ok(None),
            Ok(files) => Serving::new(&files, tls.options.clients).map(Some),
            Err(error) => Err(error),
        };
        let finding = self.judge(made.as_ref().map(Option::is_some).map_err(ToString::to_string), asked);
        match (&finding, made) {
            (Finding::Changed, Ok(Some(serving))) => {
                info!(
                    certificates = serving.pairs.len(),
                    "new certificates serve from the next connection on"
                );
                serving.pairs.iter().flat_map(Pair::warnings).for_each(|warning| warn!("{warning}"));
                self.ends.clear();
                tls.serve(serving);
            }
            (Finding::Wrong(what), _) => warn!("the certificates that were there before serve on: {what}"),
            _ => {}
        }
        finding
    }

    /// What is wrong is said at the second look, as the first may fall between two writes; at once where somebody asked.
    pub(super) fn judge(&mut self, found: Result<bool, String>, asked: bool) -> Finding {
        let what = match found {
            Ok(changed) => {
                self.wrong = None;
                return if changed { Finding::Changed } else { Finding::Unchanged };
            }
            Err(what) => what,
        };
        let before = self.wrong.take().filter(|(before, _)| *before == what);
        let was_said = before.as_ref().is_some_and(|(_, said)| *said);
        let is_said_now = !was_said && (asked || before.is_some());
        self.wrong = Some((what.clone(), was_said || is_said_now));
        if is_said_now { Finding::Wrong(what) } else { Finding::StillWrong }
    }

    fn tell_ends(&mut self, env: &Env, tls: &Tls) {
        let now = env.clock.now().seconds();
        let now = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
        let Some(now) = now else { return };
        for pair in &tls.serving().pairs {
            if let Some(sentence) = self.end_to_tell(pair, now) {
                warn!("{sentence}");
            }
        }
    }

    /// A sentence where the end has come nearer since the last one.
    pub(super) fn end_to_tell(&mut self, pair: &Pair, now: OffsetDateTime) -> Option<String> {
        let ends = pair.ends?;
        let urgency = Urgency::of(ends, now);
        let told = self.ends.insert(pair.path.clone(), urgency).unwrap_or(Urgency::None);
        if urgency <= told {
            return None;
        }
        let path = pair.path.display();
        let (date, days) = (ends.date(), (ends - now).whole_days());
        Some(match urgency {
            Urgency::Over => format!(
                "the certificate {path} ended on {date}: clients refuse it. Put a new one in its place"
            ),
            _ => format!("the certificate {path} ends on {date}, in {days} days: put a new one in its place"),
        })
    }
}
