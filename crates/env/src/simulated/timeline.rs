//! Simulated time, and the end of a life.
//!
//! Time stands still while anything can run. When nothing can, it jumps to the earliest moment that something waits for.
//! What waits for the same moment goes on in the order in which it began to wait. Once a life is over nothing that waits
//! goes on.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;

/// Why a life ended before its future did.
pub(super) enum Over {
    Crashed,
    Stuck,
    Panicked(Box<dyn Any + Send>),
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Timeline({} ns)", self.now_ns())
    }
}

/// One line of time through all lives, in nanoseconds since the first.
pub(super) struct Timeline {
    moments: Mutex<Moments>,
    /// The life's own future is about to be polled: time must not pass before it has been.
    root_is_ready: AtomicBool,
}

struct Moments {
    now_ns: u64,
    end_ns: u64,
    sequence: u64,
    waiting: BTreeMap<(u64, u64), Waker>,
    over: Option<Over>,
    root: Option<Waker>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Timeline {
            moments: Mutex::new(Moments {
                now_ns: 0,
                end_ns: 0,
                sequence: 0,
                waiting: BTreeMap::new(),
                over: None,
                root: None,
            }),
            root_is_ready: AtomicBool::new(false),
        }
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.moments.lock().now_ns
    }

    pub(super) fn begin_life(&self, limit: Duration) {
        let mut moments = self.moments.lock();
        moments.end_ns = moments.now_ns.saturating_add(nanoseconds(limit));
        moments.over = None;
        moments.waiting.clear();
    }

    pub(super) fn is_over(&self) -> bool {
        self.moments.lock().over.is_some()
    }

    pub(super) fn take_over(&self) -> Option<Over> {
        self.moments.lock().over.take()
    }

    /// Ends the life; the first reason counts.
    pub(super) fn end_life(&self, over: Over) {
        let mut moments = self.moments.lock();
        if moments.over.is_none() {
            moments.over = Some(over);
        }
        let waiting = std::mem::take(&mut moments.waiting);
        let root = moments.root.clone();
        drop(moments);
        drop(waiting);
        if let Some(root) = root {
            root.wake();
        }
    }

    pub(super) fn sleep(self: &Arc<Self>, time: Duration) -> Sleep {
        self.sleep_until(self.now_ns().saturating_add(nanoseconds(time)))
    }

    pub(super) fn sleep_until(self: &Arc<Self>, deadline_ns: u64) -> Sleep {
        Sleep { timeline: Arc::clone(self), deadline_ns, key: None }
    }

    /// For when nothing can run: jumps to the next moment, or ends the life where there is none.
    pub(super) fn jump(&self) {
        if self.root_is_ready.load(Ordering::Relaxed) {
            return;
        }
        let mut moments = self.moments.lock();
        if moments.over.is_some() {
            return;
        }
        match moments.waiting.pop_first() {
            Some(((deadline_ns, _), waker)) if deadline_ns <= moments.end_ns => {
                moments.now_ns = moments.now_ns.max(deadline_ns);
                let root = moments.root.clone();
                drop(moments);
                waker.wake();
                // Nobody may be behind that waker: what waited is held by a future that is not polled now, such as a read
                // ahead. Then nothing runs and the thread would sleep for ever, so something has to.
                if let Some(root) = root {
                    root.wake();
                }
            }
            _ => {
                drop(moments);
                self.end_life(Over::Stuck);
            }
        }
    }

    /// The waker of the life's own future.
    pub(super) fn root_waker(self: &Arc<Self>, inner: &Waker) -> Waker {
        let waker = Waker::from(Arc::new(Root { timeline: Arc::clone(self), inner: inner.clone() }));
        self.moments.lock().root = Some(waker.clone());
        waker
    }

    pub(super) fn root_is_polled(&self) {
        self.root_is_ready.store(false, Ordering::Relaxed);
    }

    pub(super) fn forget_root(&self) {
        self.root_is_polled();
        let root = self.moments.lock().root.take();
        drop(root);
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

struct Root {
    timeline: Arc<Timeline>,
    inner: Waker,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.timeline.root_is_ready.store(true, Ordering::Relaxed);
        self.inner.wake_by_ref();
    }
}

/// Ends when its moment has come.
pub(super) struct Sleep {
    timeline: Arc<Timeline>,
    deadline_ns: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = &mut *self;
        let mut moments = sleep.timeline.moments.lock();
        if moments.over.is_some() {
            return Poll::Pending;
        }
        if moments.now_ns >= sleep.deadline_ns {
            if let Some(key) = sleep.key.take() {
                moments.waiting.remove(&key);
            }
            return Poll::Ready(());
        }
        let key = *sleep.key.get_or_insert_with(|| {
            moments.sequence += 1;
            (sleep.deadline_ns, moments.sequence)
        });
        moments.waiting.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.timeline.moments.lock().waiting.remove(&key);
            drop(waker);
        }
    }
}
