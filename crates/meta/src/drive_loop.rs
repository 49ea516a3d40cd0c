//! The loop of a drive: all groups of the drive, one log, one engine, one thread.
//!
//! A turn: take what waits, let raft decide, log everything with ONE write that is durable when it returns, send what had to
//! wait for that, apply what is committed as ONE batch, answer. No thread is handed over to in between. Whatever fails ends
//! the loop: the drive takes no more writes until it is opened again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use env::{BoxFuture, Env};
use model::ids::{DriveId, PartitionId};
use raft::Ready;
use raft::prelude::{Message, MessageType};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::engine::{Engine, EngineBatch, EngineSnapshot};
use crate::error::DriveFailure;
use crate::filling::Filled;
use crate::log::{LogBatch, LogPosition, RaftLog};
use crate::raft::fate::{Fate, FateReply};
use crate::raft::group::{Answer, Group, Reply};
use crate::raft::network::{Envelope, Network};
use crate::raft::place::Place;
use crate::raft::storage;
use crate::seeks::Seeks;
use crate::sides::Sides;
use crate::snapshot;

/// Time between two ticks of raft's clock.
const TICK: Duration = Duration::from_millis(100);

/// Fewer bytes of entries than these stay in memory at rest.
const REST_BYTES_MIN: usize = 1 << 20;

/// After so many ticks without a write a drive is at rest.
const REST_TICKS: u32 = 50;

/// Events taken in one turn: bounds how long the first waits for the last.
const EVENTS_PER_TURN_MAX: usize = 512;

/// What a loop is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// A transaction wants to be logged.
    Propose {
        /// Where.
        partition: PartitionId,
        /// The encoded command.
        command: Bytes,
        /// Who waits.
        reply: Reply,
        /// Where it says that it was logged.
        place: Arc<Place>,
    },
    /// What became of an entry of an earlier leader?
    Ask {
        /// Of which partition.
        partition: PartitionId,
        /// Where that leader had logged it.
        at: LogPosition,
        /// Who asks.
        reply: FateReply,
    },
    /// Another replica says something.
    Message(Box<Envelope>),
    /// A snapshot that was sent did not arrive.
    SnapshotLost {
        /// Of which partition.
        partition: PartitionId,
        /// Whom it was for.
        to: u64,
    },
    /// A replica waits for no snapshot any more: it has its rows, or does not want them.
    SnapshotOver {
        /// Of which partition.
        partition: PartitionId,
        /// Who waited.
        to: u64,
    },
    /// The engine has persisted what was applied up to these indexes.
    Persisted(Vec<(PartitionId, u64)>),
    /// Stand for election of this partition now.
    Campaign(PartitionId),
    /// The rows of a snapshot were put beside those of a replica, or could not be.
    Filled(Box<Filled>),
    /// A row of this partition could not be read: let another replica lead, and fill this one from it.
    Unreadable(PartitionId),
    /// Finish and end.
    Stop,
}

/// The loop of one drive.
pub(crate) struct DriveLoop {
    pub(crate) env: Env,
    pub(crate) drive: DriveId,
    pub(crate) log: RaftLog,
    pub(crate) engine: Arc<Sides>,
    /// By partition number.
    pub(crate) groups: Vec<Option<Group>>,
    pub(crate) network: Network,
    pub(crate) events: mpsc::Receiver<Event>,
    /// This loop's own queue, for leaders to be found by and for the persisting thread.
    pub(crate) sender: mpsc::Sender<Event>,
    /// Secret seed of the memories of recent rows.
    pub(crate) seed: u64,
    pub(crate) turn: Turn,
    /// Why it ended, where the drive failed: for those who ask later.
    pub(crate) failed: Arc<OnceLock<String>>,
}

/// Memory of a turn, used again by the next.
#[derive(Default)]
pub(crate) struct Turn {
    log: LogBatch,
    rows: EngineBatch,
    touched: Vec<PartitionId>,
    answers: Vec<(Reply, Answer)>,
    persisting: bool,
    /// Ticks since something was applied.
    quiet_ticks: u32,
    stopping: bool,
}

impl DriveLoop {
    /// Runs until it is told to stop or the drive fails.
    pub(crate) async fn run(mut self) {
        let drive = self.drive;
        match self.turns().await {
            Ok(()) => {
                info!(%drive, "metadata of the drive closed");
                if let Err(failure) = self.engine.close() {
                    error!(%drive, %failure, "the metadata engine could not be closed");
                }
            }
            // The engine stays open for those who read from it: where this replica led, it holds everything that was
            // acknowledged until another one leads.
            Err(failure) => {
                let failure = with_causes(&failure);
                error!(
                    %drive, %failure,
                    "the drive takes no more metadata: check the drive, then start the server again. The others go on \
                     without it"
                );
                let _ = self.failed.set(failure);
            }
        }
    }

    async fn turns(&mut self) -> Result<(), DriveFailure> {
        let mut taken = Vec::with_capacity(EVENTS_PER_TURN_MAX);
        let ticking = !self.groups.iter().flatten().all(Group::is_alone);
        let mut tick: BoxFuture<'static, ()> = self.env.clock.sleep(TICK);
        while !self.turn.stopping {
            tokio::select! {
                biased;
                count = self.events.recv_many(&mut taken, EVENTS_PER_TURN_MAX) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
                () = &mut tick, if ticking => {
                    tick = self.env.clock.sleep(TICK);
                    self.tick();
                }
            }
            for event in taken.drain(..) {
                self.take(event)?;
            }
            while self.react().await? {}
            self.purge();
        }
        Ok(())
    }

    pub(crate) fn group(&mut self, partition: PartitionId) -> Option<&mut Group> {
        self.groups.get_mut(usize::from(partition.0)).and_then(Option::as_mut)
    }

    fn tick(&mut self) {
        for group in self.groups.iter_mut().flatten() {
            group.tick();
            self.turn.touched.push(group.partition);
        }
        self.turn.quiet_ticks = self.turn.quiet_ticks.saturating_add(1);
        if self.turn.quiet_ticks == REST_TICKS {
            self.rest();
        }
    }

    fn take(&mut self, event: Event) -> Result<(), DriveFailure> {
        match event {
            Event::Propose { partition, command, reply, place } => {
                let now = self.env.clock.now();
                match self.group(partition) {
                    Some(group) => group.propose(now, &command, reply, &place),
                    None => drop(reply.send(Answer::NotLeader)),
                }
                self.turn.touched.push(partition);
            }
            Event::Ask { partition, at, reply } => match self.group(partition) {
                Some(group) => group.tell(at, reply),
                None => drop(reply.send(Fate::NotLeader)),
            },
            Event::Message(envelope) => {
                let Envelope { partition, message, snapshot } = *envelope;
                if let Some(rows) = snapshot {
                    self.begin_filling(partition, message, rows);
                } else if let Some(group) = self.group(partition) {
                    group.step(message);
                }
                self.turn.touched.push(partition);
            }
            Event::SnapshotLost { partition, to } => {
                self.snapshot_lost(partition, to);
                self.turn.touched.push(partition);
            }
            Event::SnapshotOver { partition, to } => {
                if let Some(group) = self.group(partition) {
                    group.snapshot_over(to);
                }
                self.turn.touched.push(partition);
            }
            Event::Persisted(indexes) => self.persisted(&indexes),
            Event::Campaign(partition) => {
                if let Some(group) = self.group(partition) {
                    // Refused while another leads: then there is no need.
                    let _ = group.node.campaign();
                }
                self.turn.touched.push(partition);
            }
            Event::Filled(filled) => {
                self.turn.touched.push(filled.partition());
                self.filled(*filled)?;
            }
            Event::Unreadable(partition) => {
                let drive = self.drive;
                if let Some(to) = self.group(partition).and_then(Group::unreadable) {
                    warn!(
                        %drive, %partition, to,
                        "rows of the partition can't be read on this drive: another one leads it from now on, and this one is \
                         filled from that one. Check the drive"
                    );
                }
                self.turn.touched.push(partition);
            }
            Event::Stop => self.turn.stopping = true,
        }
        Ok(())
    }

    /// One round of raft's decisions for the groups that were touched; false when nothing was left to do.
    async fn react(&mut self) -> Result<bool, DriveFailure> {
        let mut partitions = std::mem::take(&mut self.turn.touched);
        partitions.sort_unstable();
        partitions.dedup();
        let mut readies = Vec::with_capacity(partitions.len());
        for partition in partitions.drain(..) {
            self.tell_unwanted(partition);
            let Some(group) = self.group(partition).filter(|group| group.node.has_ready()) else {
                continue;
            };
            let mut ready = group.node.ready();
            self.send(partition, ready.take_messages());
            self.gather(partition, &ready)?;
            readies.push((partition, ready));
        }
        self.turn.touched = partitions;
        if readies.is_empty() && self.turn.log.is_empty() {
            return Ok(false);
        }
        self.write_log().await?;
        self.apply(readies)?;
        Ok(true)
    }

    /// What has to be durable before anything else happens.
    fn gather(&mut self, partition: PartitionId, ready: &Ready) -> Result<(), DriveFailure> {
        if !ready.snapshot().is_empty() {
            self.install(partition, ready)?;
        }
        for entry in ready.entries() {
            self.turn.log.entry(partition, storage::to_log(entry));
        }
        // A commit index alone needs no write: it is found again.
        if let Some(state) = ready.hs().filter(|_| ready.must_sync()) {
            self.turn.log.hard_state(partition, storage::hard_state_to_log(state));
        }
        Ok(())
    }

    /// Tells replicas that need not wait any more for this one to be filled.
    fn tell_unwanted(&mut self, partition: PartitionId) {
        let Some(group) = self.group(partition) else {
            return;
        };
        let (to, unwanted) = (group.node.raft.id, group.take_unwanted());
        for sender in unwanted {
            self.network.tell(sender, Event::SnapshotOver { partition, to });
        }
    }

    fn install(&mut self, partition: PartitionId, ready: &Ready) -> Result<(), DriveFailure> {
        let index = ready.snapshot().get_metadata().get_index();
        let (drive, engine, seed) = (self.drive, Arc::clone(&self.engine), self.seed);
        let failed = |source| DriveFailure::Apply { drive, source };
        let Some(group) = self.group(partition) else {
            return Ok(());
        };
        let applied = group.incoming.take().filter(|applied| applied.index == index);
        let applied = applied.ok_or_else(|| failed(crate::machine::ApplyError::Snapshot { partition }))?;
        engine.exchange(partition);
        let position = LogPosition { index, term: applied.term };
        info!(%drive, %partition, index, "partition filled from another drive");
        group.restored(applied, seed);
        self.turn.log.restart(partition, position);
        Ok(())
    }

    async fn write_log(&mut self) -> Result<(), DriveFailure> {
        let written = self.log.append(&self.turn.log).await;
        self.turn.log.clear();
        written.map_err(|source| DriveFailure::Log { drive: self.drive, source })
    }

    /// After the sync: what had to wait for it is sent, what is committed is applied, who waits is answered.
    fn apply(&mut self, readies: Vec<(PartitionId, Ready)>) -> Result<(), DriveFailure> {
        let drive = self.drive;
        let sides = Arc::clone(&self.engine);
        let engine: Arc<dyn Engine> = Arc::clone(&sides) as Arc<dyn Engine>;
        let failed = |source| DriveFailure::Apply { drive, source };
        let mut applied = Vec::with_capacity(readies.len());
        for (partition, mut ready) in readies {
            self.send(partition, ready.take_persisted_messages());
            let mut entries = ready.take_committed_entries();
            let Some(group) = self.groups.get_mut(usize::from(partition.0)).and_then(Option::as_mut) else {
                continue;
            };
            let restored = !ready.snapshot().is_empty();
            if restored {
                // The log goes on from the new rows now: nothing needs the old ones.
                sides.drop_spare(partition).map_err(|source| failed(source.into()))?;
            }
            if restored {
                group.is_filled();
            }
            let mut after = group.node.advance_append(ready);
            entries.extend(after.take_committed_entries());
            if restored || !entries.is_empty() {
                let turn = &mut self.turn;
                let result = group.apply(&*engine, entries, &mut turn.rows, &mut turn.answers);
                result.map_err(failed)?;
                applied.push(partition);
            }
            self.send(partition, after.take_messages());
            self.turn.touched.push(partition);
        }
        if applied.is_empty() {
            return Ok(());
        }
        self.turn.quiet_ticks = 0;
        let written = engine.write(&mut self.turn.rows);
        written.map_err(|source| failed(source.into()))?;
        let sender = self.sender.clone();
        for partition in applied {
            if let Some(group) = self.group(partition) {
                group.applied(&engine, &sender);
            }
        }
        for (reply, answer) in self.turn.answers.drain(..) {
            // Who no longer waits has gone away; what was asked for is done all the same.
            let _ = reply.send(answer);
        }
        Ok(())
    }

    fn send(&mut self, partition: PartitionId, messages: Vec<Message>) {
        for message in messages {
            if message.get_msg_type() != MessageType::MsgSnapshot {
                self.network.send(Envelope { partition, message, snapshot: None });
                continue;
            }
            match self.rows_of(partition, &message) {
                Some(rows) => self.network.send(Envelope { partition, message, snapshot: Some(rows) }),
                None => self.snapshot_lost(partition, message.get_to()),
            }
        }
    }

    /// The rows behind a snapshot message; none where the engine has gone on since the message was made.
    fn rows_of(&self, partition: PartitionId, message: &Message) -> Option<Box<dyn EngineSnapshot>> {
        let rows = self.engine.snapshot(partition).ok()?;
        let applied = snapshot::applied_of(partition, &*rows).ok()?;
        (applied.index == message.get_snapshot().get_metadata().get_index()).then_some(rows)
    }

    fn snapshot_lost(&mut self, partition: PartitionId, to: u64) {
        if let Some(group) = self.group(partition) {
            group.snapshot_lost(to);
        }
    }

    /// Purges the log when it holds too much that only waits for the engine.
    fn purge(&mut self) {
        if !self.turn.persisting && !self.log.wants_purge().is_empty() {
            self.persist(false);
        }
    }

    /// Lets go of the memory that only writes need.
    fn rest(&mut self) {
        if !self.turn.persisting && self.log.statistics().tail_bytes > REST_BYTES_MIN {
            self.persist(true);
        }
        let seeks = self.groups.iter().flatten().map(|group| &group.seeks);
        let due: Vec<_> = seeks.filter(|seeks| seeks.wants_rest()).cloned().collect();
        if due.is_empty() {
            return;
        }
        let there = due.clone();
        let work = async move { there.iter().for_each(Seeks::compact) };
        if self.env.spawn.thread("rustfs-compact", Box::pin(work)).is_err() {
            due.iter().for_each(Seeks::put_off);
        }
    }

    /// Lets the engine persist, beside the loop, so that the log may be purged.
    fn persist(&mut self, rests: bool) {
        let kept_max = self.log.entries_kept_max();
        let indexes: Vec<_> = self
            .groups
            .iter()
            .flatten()
            .map(|group| (group.partition, group.purge_to(group.machine.applied().index, kept_max)))
            .collect();
        let (engine, sender, drive) = (Arc::clone(&self.engine), self.sender.clone(), self.drive);
        let persist = async move {
            let rested = if rests { engine.rest() } else { Ok(()) };
            match rested.and_then(|()| engine.persist()) {
                // The loop has ended where nobody listens.
                Ok(()) => drop(sender.send(Event::Persisted(indexes)).await),
                // The engine takes no more writes, so the loop ends with the next one.
                Err(failure) => error!(%drive, %failure, "the metadata engine could not be persisted"),
            }
        };
        self.turn.persisting = self.env.spawn.thread("rustfs-persist", Box::pin(persist)).is_ok();
    }

    fn persisted(&mut self, indexes: &[(PartitionId, u64)]) {
        self.turn.persisting = false;
        for (partition, index) in indexes {
            if *index >= self.log.group(*partition).first_index() {
                self.turn.log.purge(*partition, *index);
            }
        }
    }
}

/// What failed, down to what the operating system said.
fn with_causes(failure: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(failure.source(), |cause| cause.source());
    causes.fold(failure.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}
