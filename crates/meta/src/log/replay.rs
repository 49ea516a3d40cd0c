//! Reading the log back: from checkpoints and records to the groups, without any input or output.
//!
//! It begins at the oldest segment that the newest one declares needed. That segment's checkpoint may speak of entries in
//! segments that are gone, because records behind it purge them: so a group's entries may have a hole at the front while
//! the reading goes on, and must have none at its end.

use std::collections::{BTreeMap, VecDeque};

use model::ids::PartitionId;

use super::batch::{HardState, LogEntry, LogPosition, LogRecord};
use super::format::GroupState;
use super::tail::Group;

/// The groups so far.
#[derive(Default)]
pub(super) struct Replay {
    groups: BTreeMap<PartitionId, ReplayedGroup>,
    started: bool,
}

#[derive(Default)]
struct ReplayedGroup {
    hard_state: HardState,
    base: LogPosition,
    last_index: u64,
    /// The last of all entries: those that were seen and not purged. The last one has `last_index`.
    entries: VecDeque<(LogEntry, u64)>,
}

impl Replay {
    /// Takes a segment's checkpoint, which leaves out groups of which there is nothing: the first one is believed, each
    /// later one must say what was read.
    pub(super) fn checkpoint(&mut self, states: &[(PartitionId, GroupState)]) -> Result<(), String> {
        if !self.started {
            self.started = true;
            for (group, state) in states {
                let replayed = ReplayedGroup {
                    hard_state: state.hard_state,
                    base: state.base,
                    last_index: state.last_index,
                    entries: VecDeque::new(),
                };
                self.groups.insert(*group, replayed);
            }
            return Ok(());
        }
        let found = self.groups.iter().map(|(id, group)| (*id, group.state()));
        if found.filter(|(_, state)| *state != GroupState::default()).eq(states.iter().copied()) {
            return Ok(());
        }
        Err("a checkpoint says something else than the records before it".to_owned())
    }

    /// Takes a record that the segment `segment` holds.
    pub(super) fn record(&mut self, record: LogRecord, segment: u64) -> Result<(), String> {
        match record {
            LogRecord::Entry { group, entry } => self
                .groups
                .entry(group)
                .or_default()
                .entry(entry, segment)
                .map_err(|what| format!("group {group}: {what}")),
            LogRecord::HardState { group, state } => {
                self.groups.entry(group).or_default().hard_state = state;
                Ok(())
            }
            LogRecord::Purge { group, position } => self
                .groups
                .entry(group)
                .or_default()
                .purge(position)
                .map_err(|what| format!("group {group}: {what}")),
            LogRecord::Restart { group, position } => {
                let replayed = self.groups.entry(group).or_default();
                replayed.entries.clear();
                replayed.base = position;
                replayed.last_index = position.index;
                Ok(())
            }
            LogRecord::Remove { group } => {
                self.groups.remove(&group);
                Ok(())
            }
        }
    }

    /// The groups, which must be complete now.
    pub(super) fn finish(self) -> Result<BTreeMap<PartitionId, Group>, String> {
        let mut groups = BTreeMap::new();
        for (id, replayed) in self.groups {
            let group = replayed.finish().map_err(|what| format!("group {id}: {what}"))?;
            groups.insert(id, group);
        }
        Ok(groups)
    }
}

impl ReplayedGroup {
    fn state(&self) -> GroupState {
        GroupState { hard_state: self.hard_state, base: self.base, last_index: self.last_index }
    }

    fn entry(&mut self, entry: LogEntry, segment: u64) -> Result<(), String> {
        if entry.index <= self.base.index || entry.index > self.last_index + 1 {
            return Err(format!("entry {} does not follow {}", entry.index, self.last_index));
        }
        while self.entries.back().is_some_and(|(last, _)| last.index >= entry.index) {
            self.entries.pop_back();
        }
        self.last_index = entry.index;
        self.entries.push_back((entry, segment));
        Ok(())
    }

    fn purge(&mut self, position: LogPosition) -> Result<(), String> {
        if position.index > self.last_index {
            return Err(format!(
                "entries are purged up to {}, but there are none behind {}",
                position.index, self.last_index
            ));
        }
        self.base = position;
        while self.entries.front().is_some_and(|(first, _)| first.index <= position.index) {
            self.entries.pop_front();
        }
        Ok(())
    }

    fn finish(self) -> Result<Group, String> {
        let missing_up_to = match self.entries.front() {
            Some((first, _)) => first.index - 1,
            None => self.last_index,
        };
        if missing_up_to > self.base.index {
            return Err(format!("entries {} to {missing_up_to} are missing", self.base.index + 1));
        }
        let mut group = Group::default();
        group.hard_state = self.hard_state;
        group.restart(self.base);
        for (entry, segment) in self.entries {
            group.append(entry, segment);
        }
        Ok(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: PartitionId = PartitionId(4);

    fn state(base: u64, last_index: u64) -> (PartitionId, GroupState) {
        let base = LogPosition { index: base, term: 1 };
        let hard_state = HardState::default();
        (GROUP, GroupState { hard_state, base, last_index })
    }

    fn entry(index: u64) -> LogRecord {
        let entry = LogEntry { index, term: 1, kind: 0, data: bytes::Bytes::new() };
        LogRecord::Entry { group: GROUP, entry }
    }

    fn purge(index: u64) -> LogRecord {
        LogRecord::Purge { group: GROUP, position: LogPosition { index, term: 1 } }
    }

    fn replayed(first: (PartitionId, GroupState), records: Vec<LogRecord>) -> Result<(u64, u64), String> {
        let mut replay = Replay::default();
        replay.checkpoint(&[first])?;
        for record in records {
            replay.record(record, 1)?;
        }
        let groups = replay.finish()?;
        let group = groups.get(&GROUP).ok_or("no group")?;
        Ok((group.base.index, group.last_index()))
    }

    #[test]
    fn a_hole_at_the_front_is_fine_once_it_is_purged() {
        assert_eq!(replayed(state(100, 150), vec![entry(151), purge(150)]), Ok((150, 151)));
        assert_eq!(replayed(state(100, 150), vec![purge(150)]), Ok((150, 150)));
        // Overwritten within the hole.
        assert_eq!(replayed(state(100, 150), vec![entry(140), entry(141), purge(140)]), Ok((140, 141)));
    }

    #[test]
    fn a_hole_that_is_left_is_damage() {
        assert!(replayed(state(100, 150), vec![]).is_err());
        assert!(replayed(state(100, 150), vec![entry(151), purge(149)]).is_err());
        assert!(replayed(state(100, 150), vec![entry(152)]).is_err());
        assert!(replayed(state(100, 150), vec![entry(100)]).is_err());
        assert!(replayed(state(100, 150), vec![purge(151)]).is_err());
    }

    #[test]
    fn a_later_checkpoint_must_agree() {
        let mut replay = Replay::default();
        replay.checkpoint(&[state(1, 1)]).unwrap();
        replay.record(entry(2), 1).unwrap();
        assert!(replay.checkpoint(&[state(1, 1)]).is_err());
        assert!(replay.checkpoint(&[state(1, 2)]).is_ok());
        assert!(replay.checkpoint(&[]).is_err());
    }
}
