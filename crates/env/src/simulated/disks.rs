//! All drives of the simulation, and how an operation goes through them.
//!
//! - An operation takes simulated time, so it never completes at once, and it changes its drive at the moment when it
//!   completes. Until then it is under way: a crash carries it out, or in part, or not at all.
//! - After a crash nothing completes: what is under way, and what begins, waits for ever.
//! - An operation that nobody waits for any more is carried out, as the operating system would.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;

use super::change::{Change, drive_of};
use super::drive::{Drive, Stall};
use super::faults::{Failure, Fault};
use super::random::Generator;
use super::timeline::{Over, Timeline, nanoseconds};
use super::trace::{DiskAction, Operation, Trace};

/// How the process ends when it does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The power goes: what was not synced survives, or in part, or not.
    PowerCut,
    /// The process is killed: what it has completed stays in the page cache, where a later power cut finds it.
    Kill,
}

/// What happens to one operation, and to the drive that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It fails.
    Fail(Failure),
    /// The drive answers nothing for so long, from this operation on.
    Stall(Duration),
    /// The drive answers nothing until [`SimulatedDisks::resume`].
    StallUntilResumed,
    /// The drive is pulled: see [`SimulatedDisks::remove_drive`].
    Pull,
}

/// The drives as a test sees them. They outlive the process. Clones are the same drives.
#[derive(Clone)]
pub struct SimulatedDisks {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    timeline: Arc<Timeline>,
}

pub(super) struct State {
    pub(super) drives: BTreeMap<String, Drive>,
    pub(super) faults: Vec<Fault>,
    pub(super) life: u64,
    pub(super) trace: Trace,
    operations: u64,
    armed: Option<(u64, Crash)>,
    mishap: Option<(u64, Mishap)>,
    under_way: BTreeMap<u64, (String, Change)>,
    latency: Generator,
    pub(super) fate: Generator,
}

/// What an operation is about.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) action: DiskAction,
    pub(super) path: &'a Path,
    pub(super) offset: u64,
    pub(super) len_bytes: u64,
    pub(super) life: u64,
    /// Of the drive, for an open file.
    pub(super) generation: Option<u64>,
}

/// What to do with the drive when the time of an operation has come.
struct Begun {
    number: u64,
    deadline_ns: u64,
    failure: Option<Failure>,
}

impl std::fmt::Debug for SimulatedDisks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedDisks({} operations)", self.operations())
    }
}

impl SimulatedDisks {
    pub(super) fn new(seed: &mut Generator, timeline: Arc<Timeline>) -> Self {
        let state = State {
            drives: BTreeMap::new(),
            faults: Vec::new(),
            life: 0,
            trace: Trace::default(),
            operations: 0,
            armed: None,
            mishap: None,
            under_way: BTreeMap::new(),
            latency: Generator::new(seed.number()),
            fate: Generator::new(seed.number()),
        };
        SimulatedDisks { shared: Arc::new(Shared { state: Mutex::new(state), timeline }) }
    }

    /// How many operations have begun.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the process crash at the `nth` operation from now on, 1 for the next. That operation is under way then.
    pub fn crash_after(&self, nth: u64, crash: Crash) {
        let mut state = self.state();
        state.armed = Some((state.operations + nth.max(1), crash));
    }

    /// Lets this happen at the `nth` operation from now on, 1 for the next.
    pub fn mishap_at(&self, nth: u64, mishap: Mishap) {
        let mut state = self.state();
        state.mishap = Some((state.operations + nth.max(1), mishap));
    }

    /// Whether the mishap that was armed has not happened; it is disarmed.
    pub fn disarm_mishap(&self) -> bool {
        self.state().mishap.take().is_some()
    }

    /// Whether the process has crashed and what it does no longer counts: who waits on the spot is told of the crash, and
    /// goes on until it waits for something else.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.timeline().is_over()
    }

    /// Disarms [`SimulatedDisks::crash_after`].
    pub fn disarm_crash(&self) {
        self.state().armed = None;
    }

    /// Crashes now. Between two lives this is the power cut, if it is one, that finds the page cache as it was left.
    pub fn crash_now(&self, crash: Crash) {
        self.state().crash(crash);
        self.timeline().end_life(Over::Crashed);
    }

    /// Everything that happened on the drives, and when, as one number: equal for two runs of one seed.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.state().trace.hash()
    }

    /// Keeps all operations from now on, for [`SimulatedDisks::kept_operations`].
    pub fn keep_operations(&self) {
        self.state().trace.keep_operations();
    }

    /// The operations since [`SimulatedDisks::keep_operations`], in the order in which they began.
    #[must_use]
    pub fn kept_operations(&self) -> Vec<Operation> {
        self.state().trace.operations().to_vec()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    pub(super) fn timeline(&self) -> &Arc<Timeline> {
        &self.shared.timeline
    }

    pub(super) fn begin_life(&self) -> u64 {
        let mut state = self.state();
        state.life += 1;
        state.life
    }

    /// The process is gone, by itself or after a crash: what is under way ends as if it had been killed.
    pub(super) fn end_life(&self) {
        let mut state = self.state();
        state.crash(Crash::Kill);
        state.armed = None;
        for drive in state.drives.values_mut() {
            drive.stalled.clear();
        }
    }

    /// An operation from its beginning to its end. `prepare` makes the change when the operation begins; `finish` gives
    /// the answer when it ends.
    pub(super) async fn operate<T>(
        &self,
        request: Request<'_>,
        prepare: impl FnOnce(&Drive) -> io::Result<Option<Change>>,
        finish: impl FnOnce(&mut Drive) -> io::Result<T>,
    ) -> io::Result<T> {
        let drive = drive_of(request.path)?;
        let Some(begun) = self.begin(request, drive, prepare) else {
            return std::future::pending().await;
        };
        let (begun, unready) = begun;
        let guard = UnderWay { disks: self, number: begun.number };
        self.timeline().sleep_until(begun.deadline_ns).await;
        self.wait_while_stalled(drive).await;
        if self.timeline().is_over() {
            // It could have gone on before the crash and did not: the dead are not answered.
            return std::future::pending().await;
        }
        let answer = self.state().complete(request, drive, &begun, unready, finish);
        drop(guard);
        let now_ns = self.timeline().now_ns();
        let mut state = self.state();
        state.trace.add(now_ns);
        state.trace.add(u64::from(answer.is_ok()));
        answer
    }

    /// An operation that takes no time: for those who wait for it on the spot.
    pub(super) fn operate_at_once<T>(
        &self,
        request: Request<'_>,
        prepare: impl FnOnce(&Drive) -> io::Result<Option<Change>>,
        finish: impl FnOnce(&mut Drive) -> io::Result<T>,
    ) -> io::Result<T> {
        let drive = drive_of(request.path)?;
        // Who waits on the spot can't wait for ever: after a crash it is told, and nobody hears what it makes of that.
        let (begun, unready) = self.begin(request, drive, prepare).ok_or(ErrorKind::Interrupted)?;
        let answer = self.state().complete(request, drive, &begun, unready, finish);
        self.state().trace.add(u64::from(answer.is_ok()));
        answer
    }

    /// `None` where the process has crashed.
    fn begin(
        &self,
        request: Request<'_>,
        drive: &str,
        prepare: impl FnOnce(&Drive) -> io::Result<Option<Change>>,
    ) -> Option<(Begun, Option<io::Error>)> {
        let timeline = self.timeline();
        if timeline.is_over() {
            return None;
        }
        let now_ns = timeline.now_ns();
        let mut state = self.state();
        let begun = state.begin(request, now_ns);
        let change = state.drive(request, drive).and_then(prepare);
        let unready = match change {
            Ok(Some(change)) => {
                state.under_way.insert(begun.number, (drive.to_owned(), change));
                None
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        match state.armed {
            Some((at, crash)) if begun.number >= at => {
                state.armed = None;
                state.crash(crash);
                drop(state);
                timeline.end_life(Over::Crashed);
                None
            }
            _ => Some((begun, unready)),
        }
    }

    async fn wait_while_stalled(&self, drive: &str) {
        loop {
            let until_ns = poll_fn(|context| {
                let mut state = self.state();
                match state.drives.get_mut(drive) {
                    Some(found) if found.stall == Stall::ForEver => {
                        found.stalled.push(context.waker().clone());
                        Poll::Pending
                    }
                    Some(Drive { stall: Stall::Until(until_ns), .. }) => Poll::Ready(*until_ns),
                    _ => Poll::Ready(0),
                }
            })
            .await;
            if until_ns <= self.timeline().now_ns() {
                return;
            }
            self.timeline().sleep_until(until_ns).await;
        }
    }
}

impl State {
    fn begin(&mut self, request: Request<'_>, now_ns: u64) -> Begun {
        self.operations += 1;
        let number = self.operations;
        let extent = (request.offset, request.len_bytes);
        self.trace.begin(number, now_ns, request.action, request.path, extent);
        let mut failure = None;
        for fault in &mut self.faults {
            if fault.strikes(request.action, request.path) && failure.is_none() {
                failure = Some(fault.failure);
            }
        }
        if let Some((_, mishap)) = self.mishap.take_if(|(at, _)| number >= *at) {
            failure = failure.or(self.suffer(request, mishap, now_ns));
        }
        Begun { number, deadline_ns: now_ns.saturating_add(self.draw_latency_ns(request)), failure }
    }

    /// How the operation fails because of it.
    fn suffer(&mut self, request: Request<'_>, mishap: Mishap, now_ns: u64) -> Option<Failure> {
        let drive = self.drives.get_mut(drive_of(request.path).ok()?)?;
        match mishap {
            Mishap::Fail(failure) => return Some(failure),
            Mishap::Stall(time) => drive.stall = Stall::Until(now_ns.saturating_add(nanoseconds(time))),
            Mishap::StallUntilResumed => drive.stall = Stall::ForEver,
            Mishap::Pull => drive.pull(&mut self.fate),
        }
        None
    }

    /// About what a solid-state drive takes, and now and then much longer.
    fn draw_latency_ns(&mut self, request: Request<'_>) -> u64 {
        let (least_ns, spread_ns) = match request.action {
            DiskAction::Open | DiskAction::Read | DiskAction::Write | DiskAction::Name => (10_000, 90_000),
            DiskAction::Sync | DiskAction::SyncDirectory => (100_000, 1_900_000),
        };
        let outlier = if self.latency.chance(1, 64) { 20 } else { 1 };
        // A gigabyte per second: a nanosecond a byte.
        outlier * (least_ns + self.latency.below(spread_ns)) + request.len_bytes
    }

    fn complete<T>(
        &mut self,
        request: Request<'_>,
        name: &str,
        begun: &Begun,
        unready: Option<io::Error>,
        finish: impl FnOnce(&mut Drive) -> io::Result<T>,
    ) -> io::Result<T> {
        let change = self.under_way.remove(&begun.number);
        if let Some(error) = unready {
            return Err(error);
        }
        self.drive(request, name)?;
        let fate = &mut self.fate;
        let drive = self.drives.get_mut(name).ok_or(ErrorKind::NotFound)?;
        if let Some(failure) = begun.failure {
            if let (Failure::Input, Some((_, change))) = (failure, change) {
                change.fail(drive, fate);
            }
            return Err(failure.error());
        }
        if let Some((_, change)) = change {
            change.apply(drive)?;
        }
        finish(drive)
    }

    /// The drive, if it may serve this request.
    fn drive(&self, request: Request<'_>, name: &str) -> io::Result<&Drive> {
        if request.life != self.life {
            return Err(io::Error::other("the process that opened this has ended: open it again"));
        }
        let drive = self.drives.get(name).ok_or(ErrorKind::NotFound)?;
        drive.check()?;
        match request.generation {
            Some(generation) if generation != drive.generation => Err(Errno::IO.into()),
            _ => Ok(drive),
        }
    }

    fn crash(&mut self, crash: Crash) {
        self.armed = None;
        for (_, (drive, change)) in std::mem::take(&mut self.under_way) {
            if let Some(drive) = self.drives.get_mut(&drive) {
                change.interrupt(drive, &mut self.fate);
            }
        }
        if crash == Crash::PowerCut {
            for drive in self.drives.values_mut() {
                drive.used_bytes = drive.names.cut_power(&mut self.fate);
            }
        }
    }
}

/// Carries an operation out that was given up while it was under way.
struct UnderWay<'a> {
    disks: &'a SimulatedDisks,
    number: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.disks.state();
        if let Some((drive, change)) = state.under_way.remove(&self.number)
            && let Some(drive) = state.drives.get_mut(&drive)
        {
            drop(change.apply(drive));
        }
    }
}
