//! Digests of several streams at once.
//!
//! A digest takes its blocks one after the other, each step waiting for the one before: one stream leaves most of a
//! processor idle. Several streams fit side by side into a vector, and sixteen of them cost little more than one. So a
//! [`Stream`] hands its data over in portions to the [`Lanes`] that all streams of a server share. A portion waits there
//! until there are as many as a vector has lanes, or until its stream has the next one; whoever comes then computes for
//! all that wait. There is no thread and no timer behind it, and a stream that is alone never waits.
//!
//! What always holds:
//! - A stream has at most two portions of data in memory: one that waits, one that it gathers. [`Lanes`] hold less than
//!   one portion per lane.
//! - A stream's digests are in one place at a time: here, waiting, or with who computes.
//! - Nothing is locked while something is computed or waited for.
//! - What a dropped stream left waiting is dropped with it.

mod chunks;
mod kernel;
mod md5;
mod sha256;
mod work;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use chunks::Chunks;
use kernel::Kernel;
use work::Work;

/// Bytes of a portion. Large enough that little is lost to portions that end within a chunk; so small that computing
/// sixteen of them holds nobody up for more than a millisecond or two.
const PORTION_BYTES: usize = 256 << 10;

/// At the end of a stream so many bytes are computed by themselves: nobody who puts a small object computes for others.
const ALONE_BYTES_MAX: usize = 32 << 10;

/// So many streams besides make the lanes better for SHA-256 than a single stream's best code: they are twice as fast with
/// four lanes in use, and half as fast with one.
const COMPANY_MIN: usize = 3;

/// Which digests a stream needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// MD5.
    pub md5: bool,
    /// SHA-256.
    pub sha256: bool,
}

/// The digests of a stream, those that were wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
}

/// Where the portions of all streams wait for one another. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kernel: Kernel,
    /// In the order they came; fewer than there are lanes.
    waiting: Mutex<Vec<Arc<Portion>>>,
    streams: AtomicUsize,
    has_sha256_instructions: bool,
}

/// The digests of a stream with a portion of its data.
#[derive(Debug)]
struct Portion {
    /// None while someone computes it, or its stream adds to it.
    work: Mutex<Option<Box<Work>>>,
    /// The stream, when it waits for who computes.
    owner: AtomicWaker,
}

impl Default for Lanes {
    fn default() -> Self {
        Self::new()
    }
}

impl Lanes {
    /// With the fastest kernel that this processor can run.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(Kernel::detect())
    }

    fn with_kernel(kernel: Kernel) -> Self {
        let shared = Shared {
            kernel,
            waiting: Mutex::default(),
            streams: AtomicUsize::new(0),
            has_sha256_instructions: has_sha256_instructions(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether SHA-256 of one more stream is better computed here than by itself. It is not where the processor has
    /// instructions for it, nor in little company.
    #[must_use]
    pub fn gains_sha256(&self) -> bool {
        let shared = &self.shared;
        !shared.has_sha256_instructions
            && shared.kernel.lanes() > 1
            && shared.streams.load(Ordering::Relaxed) >= COMPANY_MIN
    }

    /// A stream without data.
    #[must_use]
    pub fn stream(&self, kinds: Kinds) -> Stream {
        let work = Mutex::new(Some(Box::new(Work::new(kinds))));
        self.shared.streams.fetch_add(1, Ordering::Relaxed);
        Stream {
            shared: Arc::clone(&self.shared),
            portion: Arc::new(Portion { work, owner: AtomicWaker::new() }),
            gathered: Chunks::default(),
            is_guest: false,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_sha256_instructions() -> bool {
    is_x86_feature_detected!("sha")
}

/// No lanes there: it makes no difference.
#[cfg(not(target_arch = "x86_64"))]
fn has_sha256_instructions() -> bool {
    false
}

impl Shared {
    /// Lets a portion wait, and computes if that makes enough of them.
    fn enter(&self, portion: &Arc<Portion>) {
        let mut waiting = self.waiting.lock();
        waiting.push(Arc::clone(portion));
        if waiting.len() >= self.kernel.lanes() {
            let full = std::mem::take(&mut *waiting);
            drop(waiting);
            self.compute(&full, None);
        }
    }

    /// Whether lanes are free and there are streams that could take them.
    fn expects_more(&self) -> bool {
        let streams = self.streams.load(Ordering::Relaxed);
        self.waiting.lock().len() < streams.min(self.kernel.lanes() - 1)
    }

    /// Computes a stream's work as far as it pays, and beside it what waits: fewer than there are lanes.
    fn compute_with_others(&self, work: &mut Work) {
        let others = std::mem::take(&mut *self.waiting.lock());
        self.compute(&others, Some(work));
    }

    fn compute(&self, portions: &[Arc<Portion>], own: Option<&mut Work>) {
        let mut works: Vec<Option<Box<Work>>> =
            portions.iter().map(|portion| portion.work.lock().take()).collect();
        let others = works.iter_mut().filter_map(Option::as_deref_mut);
        work::run(self.kernel, &mut own.into_iter().chain(others).collect::<Vec<_>>());
        for (portion, work) in portions.iter().zip(works) {
            // A stream that took its work back just before it was to be computed keeps it.
            if let Some(work) = work {
                *portion.work.lock() = Some(work);
                portion.owner.wake();
            }
        }
    }
}

/// Data of which digests are computed.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    portion: Arc<Portion>,
    gathered: Chunks,
    /// Whether the portion may be among those that wait.
    is_guest: bool,
}

impl Stream {
    /// Takes the next data. Waits only where this stream's last portion is being computed by another.
    pub async fn update(&mut self, data: Bytes) {
        self.gathered.push(data);
        if self.gathered.bytes() < PORTION_BYTES {
            return;
        }
        self.let_others_come().await;
        let mut work = self.take_back().await;
        while work.waiting() >= PORTION_BYTES {
            self.shared.compute_with_others(&mut work);
        }
        self.enter(work);
    }

    /// The digests of all data.
    pub async fn finish(mut self) -> Values {
        let mut work = self.take_back().await;
        if work.waiting() + self.gathered.bytes() > ALONE_BYTES_MAX {
            self.enter(work);
            self.let_others_come().await;
            work = self.take_back().await;
        }
        work.add(&mut self.gathered);
        while work.waiting() > ALONE_BYTES_MAX {
            self.shared.compute_with_others(&mut work);
        }
        work.finish(self.shared.kernel)
    }

    /// Lets the portion wait, with what was gathered.
    fn enter(&mut self, mut work: Box<Work>) {
        work.add(&mut self.gathered);
        *self.portion.work.lock() = Some(work);
        self.is_guest = true;
        self.shared.enter(&self.portion);
    }

    /// Lets tasks go first that can go on now, if the portion waits and there are streams whose portion doesn't: one may
    /// come whose data is there already, and perhaps computes for this one too. What comes later is not waited for.
    async fn let_others_come(&mut self) {
        if !self.is_guest || !self.shared.expects_more() {
            return;
        }
        let mut is_first = true;
        poll_fn(|context| {
            if !std::mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// The portion doesn't wait any more.
    fn leave(&mut self) {
        if std::mem::take(&mut self.is_guest) {
            self.shared.waiting.lock().retain(|other| !Arc::ptr_eq(other, &self.portion));
        }
    }

    async fn take_back(&mut self) -> Box<Work> {
        self.leave();
        poll_fn(|context| {
            self.portion.owner.register(context.waker());
            // Who computes puts it back first, and wakes then.
            self.portion.work.lock().take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.leave();
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
