//! What became of an entry whose proposer was not answered, as its leader failed or was deposed.
//!
//! Why a later leader can tell: an entry is named by its index and term, as a leader logs one entry for each index of its
//! term. A leader of a later term that has applied an entry of its own holds, by raft's election restriction, every entry that
//! was or will be committed before that one; and behind it no log ever gets an entry of an earlier term. So what it has
//! applied at the index is the entry, or another one that took its place for good; and where it has applied nothing at the
//! index, the entry is gone for good.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::log::LogPosition;
use crate::machine::Outcome;

/// Entries whose outcome a replica remembers: more than wait at once for a leader that fails.
const OUTCOMES_KEPT_MAX: usize = 2048;

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was committed, with this outcome.
    Applied(Outcome),
    /// It was not committed and never will be.
    Never,
    /// It was applied too long ago, or by a snapshot.
    Forgotten,
    /// This replica doesn't lead in a later term: ask the one that does.
    NotLeader,
}

/// Where a fate is told.
pub(crate) type FateReply = oneshot::Sender<Fate>;

/// The outcomes of the entries that a replica applied last, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Index of the last one.
    last: u64,
    kept: VecDeque<(u64, Option<Outcome>)>,
}

impl Outcomes {
    /// Knows nothing of entries up to `applied`.
    pub(crate) fn new(applied: u64) -> Self {
        Outcomes { last: applied, kept: VecDeque::new() }
    }

    /// The next entry was applied; without an outcome it is none that somebody proposed.
    pub(crate) fn push(&mut self, at: LogPosition, outcome: Option<Outcome>) {
        assert!(at.index == self.last + 1, "entries are applied once and in order");
        if self.kept.len() == OUTCOMES_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((at.term, outcome));
        self.last = at.index;
    }

    /// What became of the entry that had this place in the log of an earlier leader, if this replica leads and has applied
    /// an entry of its term.
    pub(crate) fn fate(&self, at: LogPosition) -> Fate {
        if at.index > self.last {
            return Fate::Never;
        }
        let back = usize::try_from(self.last - at.index).unwrap_or(usize::MAX);
        let kept = self.kept.len().checked_sub(1).and_then(|end| self.kept.get(end.checked_sub(back)?));
        match kept {
            None => Fate::Forgotten,
            Some((term, Some(outcome))) if *term == at.term => Fate::Applied(*outcome),
            Some(_) => Fate::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u64, term: u64) -> LogPosition {
        LogPosition { index, term }
    }

    #[test]
    fn an_entry_is_told_from_the_one_that_took_its_place() {
        let mut outcomes = Outcomes::new(10);
        outcomes.push(at(11, 3), Some(Outcome::Conflict));
        outcomes.push(at(12, 4), None);
        outcomes.push(at(13, 4), Some(Outcome::Conflict));
        assert_eq!(outcomes.fate(at(11, 3)), Fate::Applied(Outcome::Conflict));
        assert_eq!(outcomes.fate(at(12, 3)), Fate::Never);
        assert_eq!(outcomes.fate(at(13, 3)), Fate::Never);
        assert_eq!(outcomes.fate(at(14, 3)), Fate::Never);
        assert_eq!(outcomes.fate(at(10, 3)), Fate::Forgotten);
        assert_eq!(Outcomes::new(10).fate(at(10, 3)), Fate::Forgotten);
    }

    #[test]
    fn what_is_forgotten_is_said_to_be() {
        let mut outcomes = Outcomes::new(0);
        let last = 3 * OUTCOMES_KEPT_MAX as u64;
        for index in 1..=last {
            outcomes.push(at(index, 1), Some(Outcome::Conflict));
        }
        let first_kept = last - OUTCOMES_KEPT_MAX as u64 + 1;
        assert_eq!(outcomes.fate(at(first_kept, 1)), Fate::Applied(Outcome::Conflict));
        assert_eq!(outcomes.fate(at(first_kept - 1, 1)), Fate::Forgotten);
    }
}
