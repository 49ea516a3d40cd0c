//! A closed loop of keep-alive connections on one thread and one epoll: each connection has one request at a time
//! and sends the next as soon as it has the answer. A request costs one write, one read and its share of a wait, so
//! that the load takes as little as possible of the machine that it shares with the server.

use crate::driver::{Done, Driver};
use crate::error::BenchError;
use crate::histogram::Histogram;
use crate::request::{Request, slices};
use crate::response::Response;
use crate::socket::{ANSWER_TIMEOUT, READ_BYTES, connect, label, resolve};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::RecvFlags;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const EVENTS_MAX: usize = 256;
/// After so many errors a load without an end is given up.
const HOPELESS_ERRORS: u64 = 2_000;
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// How long to load, and with how many connections.
pub(crate) struct Plan {
    pub(crate) connections: u32,
    pub(crate) warmup: Duration,
    /// `None`: until there are no requests left.
    pub(crate) window: Option<Duration>,
    /// The window lasts until what was asked within it is answered: for few and long requests.
    pub(crate) answered: bool,
}

/// The two ends of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Start,
    End,
}

/// What happened in a window.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) latency: Histogram,
    pub(crate) done: Done,
    pub(crate) seconds: f64,
    /// By label, those before and after the window included.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// Loads `host` as planned. `edge` is told of the window's ends at once, to take its measure.
pub(crate) fn run(
    host: &str,
    plan: &Plan,
    driver: &mut dyn Driver,
    edge: &mut dyn FnMut(Edge),
) -> Result<Outcome, BenchError> {
    let address = resolve(host)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
        .map_err(|error| BenchError::io("create an epoll", error))?;
    let mut engine = Engine {
        address,
        epoll,
        connections: Vec::new(),
        driver,
        buffer: vec![0; READ_BYTES],
        phase: Phase::Warm,
        broken: Vec::new(),
        in_flight: 0,
        closing: false,
        outcome: Outcome {
            latency: Histogram::new(),
            done: Done::default(),
            seconds: 0.0,
            errors: BTreeMap::new(),
        },
    };
    for slot in 0..plan.connections as usize {
        let stream =
            connect(address).map_err(|source| BenchError::Connect { host: host.to_owned(), source })?;
        engine.register(&stream, slot).map_err(|error| BenchError::io("watch a connection", error))?;
        engine.connections.push(Connection {
            stream,
            request: Request::default(),
            response: Response::new(),
            started: Instant::now(),
            state: State::Idle,
        });
    }
    engine.run(plan, edge)?;
    Ok(engine.outcome)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warm,
    Window,
    /// No new requests; the answers outstanding are awaited, for the driver to know what became of them.
    Drain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Sending,
    Receiving,
    Broken,
}

struct Connection {
    stream: TcpStream,
    request: Request,
    response: Response,
    started: Instant,
    state: State,
}

struct Engine<'a> {
    address: SocketAddr,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    driver: &'a mut dyn Driver,
    buffer: Vec<u8>,
    phase: Phase,
    broken: Vec<usize>,
    in_flight: usize,
    /// No request is sent any more, whatever the phase.
    closing: bool,
    outcome: Outcome,
}

impl Engine<'_> {
    fn run(&mut self, plan: &Plan, edge: &mut dyn FnMut(Edge)) -> Result<(), BenchError> {
        let begin = Instant::now();
        let (mut window_start, mut closed_at) = (begin, None);
        let mut events = Vec::with_capacity(EVENTS_MAX);
        for slot in 0..self.connections.len() {
            self.start(slot);
        }
        loop {
            let now = Instant::now();
            if self.phase == Phase::Warm && now >= begin + plan.warmup {
                self.phase = Phase::Window;
                edge(Edge::Start);
                window_start = Instant::now();
            }
            let over = match plan.window {
                Some(window) => self.phase == Phase::Window && now >= window_start + window,
                None => self.outcome.errors.values().sum::<u64>() > HOPELESS_ERRORS,
            };
            if over && !self.closing {
                self.closing = true;
                closed_at = Some(now);
            }
            let late = closed_at.is_some_and(|at| now >= at + ANSWER_TIMEOUT);
            let idle = self.in_flight == 0 && (self.closing || self.broken.is_empty());
            if self.phase != Phase::Drain && (idle || late || (self.closing && !plan.answered)) {
                if self.phase == Phase::Warm {
                    edge(Edge::Start);
                }
                self.phase = Phase::Drain;
                self.closing = true;
                self.outcome.seconds = window_start.elapsed().as_secs_f64();
                edge(Edge::End);
            }
            if self.phase == Phase::Drain && (self.in_flight == 0 || late) {
                self.give_up();
                return Ok(());
            }
            self.mend();
            self.wait(&mut events)?;
        }
    }

    fn wait(&mut self, events: &mut Vec<epoll::Event>) -> Result<(), BenchError> {
        // Short enough that the ends of a window are met while no answers come.
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(BenchError::io("wait for answers", error)),
        }
        for event in events.drain(..) {
            let (slot, flags) = (event.data.u64() as usize, event.flags);
            if self.connections[slot].state == State::Sending && flags.contains(EventFlags::OUT) {
                self.send(slot);
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR)
                && self.connections[slot].state != State::Broken
            {
                self.receive(slot);
            }
        }
        Ok(())
    }

    fn start(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        connection.state = State::Idle;
        if self.closing {
            return;
        }
        connection.request.clear();
        if !self.driver.next(slot, &mut connection.request) {
            return;
        }
        connection.request.close_text();
        connection.response.clear();
        connection.started = Instant::now();
        connection.state = State::Sending;
        self.in_flight += 1;
        if self.send_some(slot) == Progress::Blocked {
            self.watch(slot, EventFlags::IN | EventFlags::OUT);
        }
    }

    /// Goes on with a request that did not fit into the socket.
    fn send(&mut self, slot: usize) {
        if self.send_some(slot) == Progress::Finished {
            self.watch(slot, EventFlags::IN);
        }
    }

    fn send_some(&mut self, slot: usize) -> Progress {
        loop {
            let connection = &mut self.connections[slot];
            if connection.request.is_sent() {
                connection.state = State::Receiving;
                return Progress::Finished;
            }
            let mut room = slices();
            let count = connection.request.unsent(&mut room);
            match (&connection.stream).write_vectored(&room[..count]) {
                Ok(bytes) => connection.request.advance(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Blocked;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(slot, &label(&error));
                    return Progress::Failed;
                }
            }
        }
    }

    fn receive(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        let droppable = connection.response.droppable(&connection.request.expect);
        let length = usize::try_from(droppable).unwrap_or(READ_BYTES).min(READ_BYTES);
        let read = if length > 0 {
            // Linux discards what a stream holds, without copying it, when a read asks for truncation.
            rustix::net::recv(&connection.stream, &mut self.buffer[..length], RecvFlags::TRUNC)
                .map(|(_, bytes)| bytes)
                .map_err(io::Error::from)
        } else {
            (&connection.stream).read(&mut self.buffer)
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return;
            }
            Err(error) => return self.fail(slot, &label(&error)),
        };
        if connection.state == State::Idle {
            // Closed while nothing was asked: no error, the next request goes over a new connection.
            return self.reconnect(slot);
        }
        if bytes == 0 {
            let whole = connection.response.end();
            return if whole {
                self.complete(slot)
            } else {
                self.fail(slot, "connection closed before the answer")
            };
        }
        if length > 0 {
            connection.response.dropped(bytes as u64);
        } else if let Err(what) = connection.response.feed(&self.buffer[..bytes], &connection.request.expect)
        {
            return self.fail(slot, what);
        }
        if self.connections[slot].response.is_done() {
            self.complete(slot);
        }
    }

    fn complete(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        let latency = connection.started.elapsed();
        self.in_flight -= 1;
        let result = self.driver.finish(slot, &connection.request, &connection.response);
        // An answer before the whole request was sent leaves bytes that nobody reads: the connection is spent.
        let spent = connection.response.close || connection.state == State::Sending;
        connection.state = State::Idle;
        match result {
            Ok(done) if self.phase == Phase::Window => {
                self.outcome.latency.record(latency);
                self.outcome.done.operations += done.operations;
                self.outcome.done.bytes += done.bytes;
            }
            Ok(_) => {}
            Err(label) => *self.outcome.errors.entry(label).or_default() += 1,
        }
        if spent {
            self.reconnect(slot);
        } else {
            self.start(slot);
        }
    }

    fn fail(&mut self, slot: usize, label: &str) {
        let connection = &self.connections[slot];
        if matches!(connection.state, State::Sending | State::Receiving) {
            self.in_flight -= 1;
            self.driver.lost(slot, &connection.request);
            *self.outcome.errors.entry(label.to_owned()).or_default() += 1;
        }
        self.reconnect(slot);
    }

    fn reconnect(&mut self, slot: usize) {
        let reopened = connect(self.address).and_then(|stream| self.register(&stream, slot).map(|()| stream));
        match reopened {
            Ok(stream) => {
                self.connections[slot].stream = stream;
                self.start(slot);
            }
            Err(error) => {
                *self.outcome.errors.entry(format!("connect: {}", label(&error))).or_default() += 1;
                // Otherwise a socket that has ended would be reported on every wait. Closed ones are gone already.
                let _ = epoll::delete(&self.epoll, &self.connections[slot].stream);
                self.connections[slot].state = State::Broken;
                self.broken.push(slot);
            }
        }
    }

    /// Tries broken connections again, a little later.
    fn mend(&mut self) {
        if !self.broken.is_empty() && !self.closing {
            std::thread::sleep(RECONNECT_PAUSE);
            for slot in std::mem::take(&mut self.broken) {
                self.reconnect(slot);
            }
        }
    }

    fn give_up(&mut self) {
        for (slot, connection) in self.connections.iter().enumerate() {
            if matches!(connection.state, State::Sending | State::Receiving) {
                self.driver.lost(slot, &connection.request);
                *self
                    .outcome
                    .errors
                    .entry(format!("no answer in {} s", ANSWER_TIMEOUT.as_secs()))
                    .or_default() += 1;
            }
        }
    }

    fn register(&self, stream: &TcpStream, slot: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, stream, EventData::new_u64(slot as u64), EventFlags::IN)?)
    }

    fn watch(&self, slot: usize, flags: EventFlags) {
        // It cannot fail for a registered socket; were it to, the request would be counted as unanswered.
        let _ = epoll::modify(
            &self.epoll,
            &self.connections[slot].stream,
            EventData::new_u64(slot as u64),
            flags,
        );
    }
}

#[derive(PartialEq, Eq)]
enum Progress {
    Finished,
    Blocked,
    Failed,
}

#[cfg(test)]
mod tests;
