//! What is told while it happens: to many listeners, each as fast as it takes it.
//!
//! Always true: who tells never waits and keeps at most so much; who listens too slowly misses what is oldest. A stream ends
//! when the caller goes away or the server is to stop, and sends something now and then, so that the caller's going is seen.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::watch;

use crate::answer::Lines;
use crate::server::Shared;

/// Silence after which an empty line is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Where lines come from; none when there will be no more.
pub(crate) trait Source: Send + 'static {
    /// The next line. Dropped and called anew while none comes: it must lose nothing by that.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send + '_>>;
}

/// The lines of a source, as long as the caller and the server are there.
pub(crate) fn lines(shared: &Shared, source: impl Source) -> Lines {
    let state = (source, shared.ends(), std::sync::Arc::clone(&shared.env.clock));
    Box::pin(unfold(state, |(mut source, mut ends, clock)| async move {
        let line = tokio::select! {
            biased;
            () = ended(&mut ends) => None,
            line = source.next() => line,
            () = clock.sleep(KEEP_ALIVE) => Some(Bytes::from_static(b"\n")),
        };
        line.map(|line| (line, (source, ends, clock)))
    }))
}

async fn ended(ends: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say so: then it has ended.
    let _ = ends.wait_for(|is_ended| *is_ended).await;
}

/// A document as a line.
pub(crate) fn line(document: &serde_json::Value) -> Bytes {
    let mut text = document.to_string();
    text.push('\n');
    Bytes::from(text)
}
