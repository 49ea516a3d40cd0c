//! A group on one drive: raft's state, the state machine, and those who wait for an answer.
//!
//! The order that keeps what was promised (raft thesis 3.8, 10.2.1), held by [`crate::drive_loop`]:
//! 1. a leader's messages may go out at once; a follower's only after its entries and hard state are synced;
//! 2. entries are applied after they are committed and synced here;
//! 3. a proposer is answered after its entry was applied here.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::ids::PartitionId;
use model::time::Timestamp;
use protobuf::Message as _;
use raft::prelude::{ConfChangeV2, Entry, EntryType, Message, MessageType};
use raft::{Config, INVALID_INDEX, Progress, RawNode, SnapshotStatus, StateRole};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::fate::{Fate, FateReply, Outcomes};
use super::membership::{self, Members};
use super::refill::Refill;
use super::storage::{GroupStorage, members_record};
use crate::command;
use crate::drive_loop::Event;
use crate::engine::{Engine, EngineBatch, EngineError};
use crate::log::{GroupLog, LogPosition};
use crate::machine::{Applied, ApplyError, Machine, Outcome};
use crate::raft::place::Place;
use crate::seeks::Seeks;
use crate::view::{Leader, PartitionView};

/// Raft's id of no replica.
const NOBODY: u64 = raft::INVALID_ID;

/// Ticks (of the loop) without word from a leader after which a replica may vote for another one.
const ELECTION_TICKS: usize = 20;
/// Ticks by which each replica waits longer than the one before it until it stands for election itself.
const PRECEDENCE_TICKS: usize = 2;
/// Ticks between two signs of life of a leader.
const HEARTBEAT_TICKS: usize = 5;
/// Bytes of entries in one message.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// Messages on their way to one follower.
const MESSAGES_IN_FLIGHT_MAX: usize = 256;
/// Bytes of entries proposed and not yet committed: more is refused.
const UNCOMMITTED_BYTES_MAX: u64 = 64 << 20;

/// What a proposer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was applied.
    Applied(Outcome),
    /// It was not and will not be: this replica doesn't lead.
    NotLeader,
    /// It was not and will not be: too much is waiting.
    Busy,
}

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Answer>;

struct Filling {
    /// Whose rows.
    from: u64,
    /// Who has sent others meanwhile.
    others: Vec<u64>,
}

struct Waiting {
    index: u64,
    term: u64,
    reply: Reply,
}

/// Ticks after which a replica that hears of no leader stands for election. Not raft's dice, which no seed brings back: each has
/// its own number, so two do not stand at once again and again, and the one that should lead comes first.
fn patience_ticks(raft_id: u64, wanted: &[u64]) -> usize {
    // Those that are on their way out come last.
    let others = || wanted.len() + (raft_id % 8) as usize;
    let precedence = wanted.iter().position(|id| *id == raft_id).unwrap_or_else(others);
    ELECTION_TICKS + PRECEDENCE_TICKS * (1 + precedence)
}

/// A group on one drive.
pub(crate) struct Group {
    /// Which partition.
    pub(crate) partition: PartitionId,
    /// Raft's state.
    pub(crate) node: RawNode<GroupStorage>,
    /// The state machine.
    pub(crate) machine: Machine,
    /// Of the snapshot that raft has been told of, whose rows are on the spare side.
    pub(crate) incoming: Option<Applied>,
    /// While rows are put on the spare side.
    filling: Option<Filling>,
    refill: Refill,
    /// Whose rows it has asked for.
    asked: u64,
    /// Whose rows are on the spare side, or came there last.
    filled_from: u64,
    /// Who still waits for this one to be filled with rows of theirs, and need not any more.
    unwanted: Vec<u64>,
    /// Whom it has let lead last.
    successor: Option<u64>,
    /// Rows that it needs to go on can't be read: it logs and votes, and applies nothing until it is filled again.
    is_stalled: bool,
    waiting: VecDeque<Waiting>,
    outcomes: Outcomes,
    proposed_time: Timestamp,
    wanted: Vec<u64>,
    view: Arc<PartitionView>,
    applied: Arc<AtomicU64>,
    /// Watches removals, and how long seeks take where this replica leads.
    pub(crate) seeks: Seeks,
    announced_term: u64,
}

/// What a group is made from.
pub(crate) struct GroupOptions {
    /// Which partition.
    pub(crate) partition: PartitionId,
    /// This replica's raft id.
    pub(crate) raft_id: u64,
    /// Its log.
    pub(crate) log: GroupLog,
    /// How far the engine has applied it.
    pub(crate) applied: Applied,
    /// Whether its rows can't be read: it begins stalled.
    pub(crate) is_unreadable: bool,
    /// Who should vote.
    pub(crate) wanted: Vec<u64>,
    /// Where readers and writers look.
    pub(crate) view: Arc<PartitionView>,
    /// Secret seed of the memory of recent rows.
    pub(crate) seed: u64,
    /// Watches how long seeks take where this replica leads.
    pub(crate) seeks: Seeks,
}

impl Group {
    /// As recovered.
    pub(crate) fn new(options: GroupOptions) -> raft::Result<Self> {
        let GroupOptions { partition, raft_id, log, applied, is_unreadable, wanted, view, seed, seeks } =
            options;
        let mut refill = Refill::default();
        if is_unreadable {
            refill.want();
        }
        let patience = patience_ticks(raft_id, &wanted);
        let config = Config {
            id: raft_id,
            election_tick: ELECTION_TICKS,
            min_election_tick: patience,
            max_election_tick: patience + 1,
            heartbeat_tick: HEARTBEAT_TICKS,
            applied: applied.index,
            max_size_per_msg: MESSAGE_BYTES_MAX,
            max_inflight_msgs: MESSAGES_IN_FLIGHT_MAX,
            max_uncommitted_size: UNCOMMITTED_BYTES_MAX,
            check_quorum: true,
            pre_vote: true,
            ..Config::default()
        };
        let storage = GroupStorage::new(log, &applied);
        let node = RawNode::new(&config, storage, &slog::Logger::root(slog::Discard, slog::o!()))?;
        Ok(Group {
            partition,
            node,
            applied: Arc::new(AtomicU64::new(applied.index)),
            outcomes: Outcomes::new(applied.index),
            machine: Machine::new(partition, applied, seed),
            incoming: None,
            filling: None,
            refill,
            asked: NOBODY,
            filled_from: NOBODY,
            unwanted: Vec::new(),
            successor: None,
            is_stalled: is_unreadable,
            waiting: VecDeque::new(),
            proposed_time: Timestamp::ZERO,
            wanted,
            view,
            seeks,
            announced_term: 0,
        })
    }

    /// Whether this replica leads, as far as it knows.
    pub(crate) fn leads(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    /// Whether it is the only one who votes: it needs no clock.
    pub(crate) fn is_alone(&self) -> bool {
        let applied = self.machine.applied();
        applied.voters.len() == 1 && applied.learners.is_empty() && self.wanted.len() == 1
    }

    /// Takes a command of a proposer.
    pub(crate) fn propose(&mut self, now: Timestamp, command: &[u8], reply: Reply, place: &Place) {
        // Before readers look here for what is answered here, it is as if it did not lead.
        if !self.leads() || self.announced_term < self.node.raft.term || self.is_stalled {
            let _ = reply.send(Answer::NotLeader);
            return;
        }
        let mut logged = None;
        place.log(|| {
            logged = self.log(now, command);
            logged
        });
        let Some(LogPosition { index, term }) = logged else {
            let _ = reply.send(Answer::Busy);
            return;
        };
        // What was proposed in an earlier term at this index or behind it is gone, and never committed.
        while let Some(gone) = self.waiting.pop_back_if(|waiting| waiting.index >= index) {
            let _ = gone.reply.send(Answer::NotLeader);
        }
        self.waiting.push_back(Waiting { index, term, reply });
    }

    fn log(&mut self, now: Timestamp, command: &[u8]) -> Option<LogPosition> {
        // Never back, also among entries that are proposed and not applied yet.
        let time = self.machine.time_for(now).max(self.proposed_time);
        self.node.propose(Vec::new(), command::stamp(time, command)).ok()?;
        self.proposed_time = time;
        Some(LogPosition { index: self.node.raft.raft_log.last_index(), term: self.node.raft.term })
    }

    /// Tells what became of an entry of an earlier leader.
    pub(crate) fn tell(&self, at: LogPosition, reply: FateReply) {
        // As for readers: it leads once it has applied an entry of its term.
        let leads =
            self.leads() && self.announced_term == self.node.raft.term && self.announced_term > at.term;
        let fate = if leads { self.outcomes.fate(at) } else { Fate::NotLeader };
        let _ = reply.send(fate);
    }

    /// Takes a message of another replica.
    pub(crate) fn step(&mut self, message: Message) {
        if message.get_msg_type() == MessageType::MsgSnapshot {
            return; // Its rows were lost: without them it is nothing.
        }
        // What raft refuses here is a message from a stranger or from the past: as good as lost.
        let _ = self.node.step(message);
    }

    /// Takes a snapshot whose rows are on the spare side. Whether raft wants it: then the sides are to be exchanged.
    pub(crate) fn step_snapshot(&mut self, message: Message, applied: Applied) -> bool {
        let index = message.get_snapshot().get_metadata().get_index();
        assert_eq!(applied.index, index, "the rows of a snapshot are those of its index");
        let raft = &self.node.raft;
        self.filled_from = message.get_from();
        if raft.pending_request_snapshot != INVALID_INDEX && index < raft.raft_log.last_index() {
            // Who has asked takes whatever comes: what it has acknowledged beyond that would be lost.
            self.unwanted.push(self.filled_from);
            return false;
        }
        let _ = self.node.step(message);
        let waits_for = self.node.snap().map(|snapshot| snapshot.get_metadata().get_index());
        let is_wanted = waits_for == Some(index);
        self.incoming = is_wanted.then_some(applied);
        if !is_wanted {
            self.unwanted.push(self.filled_from);
        }
        is_wanted
    }

    /// The log goes on from the rows that were put on the spare side: who sent them need not wait any more.
    pub(crate) fn is_filled(&mut self) {
        self.unwanted.push(self.filled_from);
    }

    /// Who need not wait any more for this one to be filled with rows of theirs. Raft does not find out by itself where this one
    /// had acknowledged as much before: it would send it nothing for as long as it leads.
    pub(crate) fn take_unwanted(&mut self) -> Vec<u64> {
        let own = self.node.raft.id;
        let mut unwanted = std::mem::take(&mut self.unwanted);
        unwanted.retain(|id| *id != NOBODY && *id != own);
        unwanted
    }

    /// A replica waits for no snapshot of this one any more: it has its rows, does not want them, or has asked for none.
    pub(crate) fn snapshot_over(&mut self, to: u64) {
        if let Some(peer) = self.node.raft.mut_prs().get_mut(to) {
            peer.pending_request_snapshot = INVALID_INDEX;
        }
        self.node.report_snapshot(to, SnapshotStatus::Finish);
    }

    /// Whether the spare side is free to be filled with rows of `from`; else it is told later that they were lost.
    pub(crate) fn begin_filling(&mut self, from: u64) -> bool {
        match &mut self.filling {
            Some(filling) => {
                filling.others.push(from);
                false
            }
            // Between two steps of one turn: the sender finds out by raft's own clock.
            None if self.incoming.is_some() => false,
            None => {
                self.filling = Some(Filling { from, others: Vec::new() });
                true
            }
        }
    }

    /// The filling is over. Gives those who have sent other rows meanwhile.
    pub(crate) fn end_filling(&mut self) -> Vec<u64> {
        self.filling.take().map(|filling| filling.others).unwrap_or_default()
    }

    /// Rows here can't be read: another replica is to lead, and this one to be filled from that one. Gives who is to lead, where
    /// this one did.
    pub(crate) fn unreadable(&mut self) -> Option<u64> {
        if !self.is_alone() {
            self.refill.want();
        }
        self.hand_over()
    }

    /// Asks the leader for its rows; a replica that leads has to let another one lead first.
    fn ask_for_rows(&mut self) {
        if let Some(filling) = &self.filling {
            // Another one leads by now: the drive that the rows are read from may hang.
            if filling.from != self.node.raft.leader_id {
                self.give_up_request();
            }
            return;
        }
        if self.leads() {
            self.hand_over();
        } else if self.node.raft.pending_request_snapshot != INVALID_INDEX {
            // It was asked for, and nothing came.
            self.give_up_request();
        } else if self.is_stalled || self.others_are_enough() {
            // Refused where there is no leader, or none of its entries yet: asked for again later.
            if self.node.request_snapshot().is_ok() {
                self.asked = self.node.raft.leader_id;
            }
        }
    }

    /// A request that another leader was asked does not hold for the next one: that one may have too little to serve it, and would
    /// send nothing meanwhile.
    fn give_up_old_request(&mut self) {
        let is_asked = self.node.raft.pending_request_snapshot != INVALID_INDEX;
        if is_asked && self.asked != self.node.raft.leader_id {
            self.give_up_request();
        }
    }

    /// Takes part again, whether or not its rows were replaced: who has asked for a snapshot acknowledges nothing until it comes.
    pub(crate) fn give_up_request(&mut self) {
        self.node.raft.pending_request_snapshot = INVALID_INDEX;
        self.unwanted.extend([self.asked, self.node.raft.leader_id]);
        let others = self.filling.as_mut().map(|filling| std::mem::take(&mut filling.others));
        self.unwanted.extend(others.into_iter().flatten());
        self.asked = NOBODY;
    }

    /// Whether the others can commit while this one acknowledges nothing.
    fn others_are_enough(&self) -> bool {
        let (own, voters) = (self.node.raft.id, &self.machine.applied().voters);
        voters.iter().filter(|id| **id != own).count() * 2 > voters.len()
    }

    /// The rows of a snapshot never arrived or were refused.
    pub(crate) fn snapshot_lost(&mut self, to: u64) {
        self.node.report_snapshot(to, SnapshotStatus::Failure);
    }

    /// Time passes. Also looks whether the members are who they should be.
    pub(crate) fn tick(&mut self) {
        self.node.tick();
        if self.leads() && !self.node.raft.has_pending_conf() {
            self.change_members();
        }
        self.give_up_old_request();
        if self.is_stalled {
            // It leads to nothing: what it can't apply it can't answer. Once it is on its way, this does nothing.
            self.hand_over();
        }
        if self.refill.tick() {
            self.ask_for_rows();
        }
    }

    fn change_members(&mut self) {
        let applied = self.machine.applied();
        if !applied.voters_outgoing.is_empty() {
            return; // A joint change is being left: raft does that by itself.
        }
        let progress = self.node.raft.prs();
        let members = Members {
            voters: &applied.voters,
            learners: &applied.learners,
            wanted: &self.wanted,
            committed: self.node.raft.raft_log.committed,
        };
        let change = membership::next_change(&members, |id| progress.get(id).map_or(0, |peer| peer.matched));
        if let Some(change) = change {
            // Dropped while another one is under way; the next tick asks again.
            let _ = self.node.propose_conf_change(Vec::new(), change);
        }
    }

    /// Lets the replica lead that has most of the log; none where this one does not lead, or is handing over already.
    fn hand_over(&mut self) -> Option<u64> {
        let own = self.node.raft.id;
        if !self.leads() || self.node.raft.lead_transferee.is_some() {
            return None;
        }
        let voters = &self.machine.applied().voters;
        let others = self.node.raft.prs().iter().filter(|(id, _)| **id != own && voters.contains(id));
        // Of several that have as much not the one that was let lead last: if it leads no more, its rows may be damaged as well.
        // Of these the one with the lowest id, so that one seed does one thing.
        let last = self.successor;
        let rank = |(id, peer): (&u64, &Progress)| (peer.matched, Some(*id) != last, Reverse(*id));
        let best = others.map(rank).max()?.2.0;
        self.successor = Some(best);
        self.node.transfer_leader(best);
        Some(best)
    }

    /// Applies committed entries into `batch`, and collects the answers to give once the batch is written. Where rows that they
    /// need can't be read, the replica stalls as it was before, and is filled again from another one: only where there is
    /// no other is that an error.
    pub(crate) fn apply(
        &mut self,
        engine: &dyn Engine,
        entries: Vec<Entry>,
        batch: &mut EngineBatch,
        answers: &mut Vec<(Reply, Answer)>,
    ) -> Result<(), ApplyError> {
        if self.is_stalled {
            return Ok(());
        }
        let (mark, answered) = (batch.mark(), answers.len());
        match self.apply_all(engine, entries, batch, answers) {
            Err(error @ ApplyError::Engine(EngineError::Failed { .. })) if !self.is_alone() => {
                warn!(
                    partition = %self.partition, %error,
                    "rows that the log is to be applied to can't be read: the replica is filled again from another drive"
                );
                batch.rewind(mark);
                answers.truncate(answered);
                self.stall();
                Ok(())
            }
            other => other,
        }
    }

    /// Goes back to what the engine has, and applies nothing.
    fn stall(&mut self) {
        let applied = Applied { time: self.machine.applied().time, ..self.node.store().applied() };
        self.outcomes = Outcomes::new(applied.index);
        // It does nothing until it is filled, and then begins anew: so no seed is needed.
        self.machine = Machine::new(self.partition, applied, 0);
        self.is_stalled = true;
        self.unreadable();
    }

    fn apply_all(
        &mut self,
        engine: &dyn Engine,
        entries: Vec<Entry>,
        batch: &mut EngineBatch,
        answers: &mut Vec<(Reply, Answer)>,
    ) -> Result<(), ApplyError> {
        let removals = batch.removals();
        for entry in entries {
            let (index, term) = (entry.get_index(), entry.get_term());
            let outcome = match entry.get_entry_type() {
                EntryType::EntryNormal if entry.get_data().is_empty() => {
                    self.machine.skip(index, term);
                    None
                }
                EntryType::EntryNormal => {
                    Some(self.machine.apply(engine, index, term, entry.get_data(), batch)?)
                }
                EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
                    self.reconfigure(&entry)?;
                    None
                }
            };
            self.outcomes.push(LogPosition { index, term }, outcome);
            self.answer(index, term, outcome.map_or(Answer::NotLeader, Answer::Applied), answers);
        }
        self.machine.applied().store(self.partition, batch);
        self.seeks.removed(batch.removals().saturating_sub(removals));
        Ok(())
    }

    fn reconfigure(&mut self, entry: &Entry) -> Result<(), ApplyError> {
        let unreadable = || ApplyError::Members { partition: self.partition, index: entry.get_index() };
        let mut change = ConfChangeV2::default();
        change.merge_from_bytes(entry.get_data()).map_err(|_| unreadable())?;
        let members = self.node.apply_conf_change(&change).map_err(|_| unreadable())?;
        self.machine.reconfigure(entry.get_index(), entry.get_term(), members_record(&members));
        Ok(())
    }

    /// Whoever waits for this index gets the answer if the entry is theirs; if another leader's entry took its place, they
    /// are told that theirs will never be.
    fn answer(&mut self, index: u64, term: u64, answer: Answer, answers: &mut Vec<(Reply, Answer)>) {
        while self.waiting.front().is_some_and(|waiting| waiting.index <= index) {
            if let Some(waiting) = self.waiting.pop_front() {
                let theirs = waiting.index == index && waiting.term == term;
                answers.push((waiting.reply, if theirs { answer } else { Answer::NotLeader }));
            }
        }
    }

    /// The batch is written: what was applied can be read, so raft may go on and a new leader may show itself.
    pub(crate) fn applied(&mut self, engine: &Arc<dyn Engine>, events: &mpsc::Sender<Event>) {
        self.machine.batch_written();
        let applied = self.machine.applied();
        self.node.mut_store().set_applied(applied);
        self.applied.store(applied.index, Ordering::Release);
        let (applied_term, term) = (applied.term, self.node.raft.term);
        self.node.advance_apply_to(self.machine.applied().index);
        if self.leads() && applied_term == term && self.announced_term < term {
            self.announced_term = term;
            self.view.set(Leader {
                term,
                engine: Arc::clone(engine),
                seeks: self.seeks.clone(),
                applied: Arc::clone(&self.applied),
                events: Some(events.clone()),
            });
        }
    }

    /// A snapshot was installed.
    pub(crate) fn restored(&mut self, applied: Applied, seed: u64) {
        self.applied.store(applied.index, Ordering::Release);
        self.node.mut_store().set_applied(&applied);
        // What the snapshot skipped may have been committed, or not: who waits for that gets no answer, and asks the leader.
        self.waiting.retain(|waiting| waiting.index > applied.index);
        self.outcomes = Outcomes::new(applied.index);
        self.machine = Machine::new(self.partition, applied, seed);
        self.is_stalled = false;
        self.refill.done();
    }

    /// Up to where entries may be purged, of those that the engine has persisted: a leader keeps what a follower that is
    /// not far behind still needs.
    pub(crate) fn purge_to(&self, persisted: u64, kept_max: u64) -> u64 {
        if !self.leads() {
            return persisted;
        }
        let slowest = self.node.raft.prs().iter().map(|(_, peer)| peer.matched).min().unwrap_or(persisted);
        slowest.max(persisted.saturating_sub(kept_max)).min(persisted)
    }
}
