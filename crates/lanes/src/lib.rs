//! Digests of several streams at once.
//!
//! A digest takes its blocks one after the other, each step waiting for the one before: one stream leaves most of a
//! processor idle. Several streams fit side by side into a vector, and sixteen of them cost little more than one. So a
//! [`Stream`] hands its data over in portions to the [`Lanes`] that all streams of a server share. Data waits there until
//! as many streams have some as a vector has lanes, or until its stream has so much that it must not wait for more;
//! whoever comes then computes for all that wait. Two that compute at once would share out among them who waits, and each
//! fill half of a vector: so who finds few waiting while another computes lets that one end first, and meets more. There is
//! no thread and no timer behind it, and a stream that is alone never waits.
//!
//! What always holds:
//! - Few streams have at most `BACKLOG_BYTES_MAX` of data in memory, and each of many at most two portions: one that
//!   waits, one that it gathers.
//! - A stream's digests are in one place at a time: here, waiting, or with who computes.
//! - Nothing is locked while something is computed or waited for.
//! - What a dropped stream left waiting is dropped with it.

mod chunks;
mod kernel;
mod md5;
mod message;
mod room;
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
pub use message::Message;
use room::Room;
use work::Work;

/// Bytes of a portion. Large enough that handing it over costs nothing beside computing it; so small that most streams have
/// one when another has as much as it may.
const PORTION_BYTES: usize = 128 << 10;

/// Data of all streams that may wait. The more of it, the more streams have some when one can't wait any longer: with as
/// much as this half of the lanes are full where streams come and go, and a quarter with a third of it.
const BACKLOG_BYTES_MAX: usize = 24 << 20;

/// Data of one stream that may wait. Most of it lies in the memory of the stripe that is gathered from it meanwhile.
const WAITING_BYTES_MAX: usize = 3 << 19;

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

/// Where the data of all streams waits for one another. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kernel: Kernel,
    room: Room,
    streams: AtomicUsize,
    has_sha256_instructions: bool,
}

/// The digests of a stream with data that waits.
#[derive(Debug)]
struct Portion {
    place: Mutex<Place>,
    /// The stream, when it waits for who computes.
    owner: AtomicWaker,
}

/// Where a stream's digests are.
#[derive(Debug)]
struct Place {
    /// None while someone computes it, or its stream adds to it.
    work: Option<Box<Work>>,
    /// Whether the stream waits for it, or is gone: what is left over of it then waits for nobody else.
    is_wanted: bool,
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
            room: Room::default(),
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
        let place = Mutex::new(Place { work: Some(Box::new(Work::new(kinds))), is_wanted: false });
        self.shared.streams.fetch_add(1, Ordering::Relaxed);
        Stream {
            shared: Arc::clone(&self.shared),
            portion: Arc::new(Portion { place, owner: AtomicWaker::new() }),
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
    /// How much of one stream's data may wait.
    fn waiting_bytes_max(&self) -> usize {
        let streams = self.streams.load(Ordering::Relaxed).max(1);
        (BACKLOG_BYTES_MAX / streams).clamp(PORTION_BYTES, WAITING_BYTES_MAX)
    }

    /// Lets a portion wait, and computes if that makes enough of them.
    fn enter(&self, portion: &Arc<Portion>) {
        if let Some(full) = self.room.enter(portion, self.kernel.lanes()) {
            self.compute(&full, None);
        }
    }

    /// Whether there is one stream at most.
    fn is_single(&self) -> bool {
        self.streams.load(Ordering::Relaxed) <= 1
    }

    /// Computes a stream's work as far as it pays, and beside it what waits.
    fn compute_with_others(&self, work: &mut Work) {
        let others = self.room.leave_together(self.kernel.lanes() - 1);
        self.compute(&others, Some(work));
    }

    /// So many portions are worth computing while others are computed elsewhere.
    fn company(&self) -> usize {
        self.kernel.lanes() * 3 / 4
    }

    fn compute(&self, portions: &[Arc<Portion>], own: Option<&mut Work>) {
        let _run = self.room.begin_run();
        let mut works: Vec<Option<Box<Work>>> =
            portions.iter().map(|portion| portion.place.lock().work.take()).collect();
        let others = works.iter_mut().filter_map(Option::as_deref_mut);
        work::run(self.kernel, &mut own.into_iter().chain(others).collect::<Vec<_>>());
        for (portion, work) in portions.iter().zip(works) {
            // A stream that took its work back just before it was to be computed keeps it.
            if let Some(work) = work {
                self.put_back(portion, work);
            }
        }
    }

    /// What is left over waits again, unless its stream wants it.
    fn put_back(&self, portion: &Arc<Portion>, work: Box<Work>) {
        let mut place = portion.place.lock();
        if !place.is_wanted && work.waiting() > 0 {
            self.room.wait_on(portion);
        }
        place.work = Some(work);
        drop(place);
        portion.owner.wake();
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
    /// Takes the next data. Waits only where this stream's data is being computed by another.
    pub async fn update(&mut self, data: Bytes) {
        self.gathered.push(data);
        if self.gathered.bytes() < PORTION_BYTES {
            return;
        }
        self.let_others_come().await;
        let bytes_max = self.shared.waiting_bytes_max();
        let mut work = self.take_back().await;
        while work.waiting() + self.gathered.bytes() > bytes_max && work.waiting() > 0 {
            work = self.compute_some(work).await;
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
            work = self.compute_some(work).await;
            if !self.shared.is_single() {
                go_last().await;
            }
        }
        work.finish(self.shared.kernel)
    }

    /// Computes some of the work together with what waits. Where another computes and few wait the work waits beside
    /// them until that has ended: they may come back, and the work may be among what is computed meanwhile.
    async fn compute_some(&mut self, mut work: Box<Work>) -> Box<Work> {
        let shared = Arc::clone(&self.shared);
        // This one makes one more.
        let few = shared.company().saturating_sub(1);
        match shared.room.runs_ended_if_few_wait(few) {
            None => {
                shared.compute_with_others(&mut work);
                work
            }
            Some(ended) => {
                self.enter(work);
                shared.room.run_ended(ended).await;
                self.take_back().await
            }
        }
    }

    /// Lets the portion wait, with what was gathered.
    fn enter(&mut self, mut work: Box<Work>) {
        work.add(&mut self.gathered);
        *self.portion.place.lock() = Place { work: Some(work), is_wanted: false };
        self.is_guest = true;
        self.shared.enter(&self.portion);
    }

    /// Lets tasks go first that can go on now, if there are other streams: data of theirs may be there already, and a stream
    /// that took all of its own at once would find nobody beside it. What comes later is not waited for.
    async fn let_others_come(&mut self) {
        if self.is_guest && !self.shared.is_single() {
            go_last().await;
        }
    }

    /// The portion doesn't wait any more.
    fn leave(&mut self) {
        if std::mem::take(&mut self.is_guest) {
            self.shared.room.leave(&self.portion);
        }
    }

    async fn take_back(&mut self) -> Box<Work> {
        let work = poll_fn(|context| {
            self.portion.owner.register(context.waker());
            let mut place = self.portion.place.lock();
            // Who computes puts it back first, and wakes then.
            place.is_wanted = true;
            place.work.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        // Not before: until it was taken, who computes may have let it wait again.
        self.leave();
        work
    }
}

/// Lets all tasks go first that can go on now.
async fn go_last() {
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

impl Drop for Stream {
    fn drop(&mut self) {
        *self.portion.place.lock() = Place { work: None, is_wanted: true };
        self.leave();
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
