//! Who should be a replica, and the next step there. Pure.

use raft::prelude::{ConfChangeSingle, ConfChangeType, ConfChangeV2};

/// How far a learner may be behind to be given a vote, in entries.
const CAUGHT_UP_ENTRIES_MAX: u64 = 1000;

/// What the leader of a group knows when it decides.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    /// Those who vote now.
    pub(crate) voters: &'a [u64],
    /// Those who follow without a vote.
    pub(crate) learners: &'a [u64],
    /// Those who should vote: the drives that placement names.
    pub(crate) wanted: &'a [u64],
    /// The last index committed.
    pub(crate) committed: u64,
}

/// The next change, if one is due: first those who are wanted learn, then, when they have caught up, one joint change gives
/// them their votes and takes the votes of those who are not wanted. So there are never fewer replicas that hold what was
/// acknowledged than before.
pub(crate) fn next_change(members: &Members<'_>, matched: impl Fn(u64) -> u64) -> Option<ConfChangeV2> {
    let has_vote = |id: &u64| members.voters.contains(id);
    let newcomers: Vec<u64> = members.wanted.iter().filter(|id| !has_vote(id)).copied().collect();
    let strangers: Vec<u64> = newcomers.iter().filter(|id| !members.learners.contains(id)).copied().collect();
    if !strangers.is_empty() {
        return Some(change(strangers.into_iter().map(|id| (ConfChangeType::AddLearnerNode, id))));
    }
    let behind = |id: &u64| matched(*id) + CAUGHT_UP_ENTRIES_MAX < members.committed || matched(*id) == 0;
    if newcomers.iter().any(behind) {
        return None;
    }
    let unwanted =
        |ids: &[u64]| ids.iter().filter(|id| !members.wanted.contains(id)).copied().collect::<Vec<_>>();
    let leaving: Vec<u64> = unwanted(members.voters).into_iter().chain(unwanted(members.learners)).collect();
    if newcomers.is_empty() && leaving.is_empty() {
        return None;
    }
    let joining = newcomers.into_iter().map(|id| (ConfChangeType::AddNode, id));
    Some(change(joining.chain(leaving.into_iter().map(|id| (ConfChangeType::RemoveNode, id)))))
}

fn change(steps: impl Iterator<Item = (ConfChangeType, u64)>) -> ConfChangeV2 {
    let mut change = ConfChangeV2::default();
    for (kind, id) in steps {
        let mut single = ConfChangeSingle::default();
        single.set_change_type(kind);
        single.set_node_id(id);
        change.mut_changes().push(single);
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(voters: &[u64], learners: &[u64], wanted: &[u64], matched: u64) -> Vec<(ConfChangeType, u64)> {
        let members = Members { voters, learners, wanted, committed: 5000 };
        let change = next_change(&members, |_| matched);
        change
            .map(|change| {
                change.get_changes().iter().map(|step| (step.get_change_type(), step.get_node_id())).collect()
            })
            .unwrap_or_default()
    }

    #[test]
    fn nothing_is_due_when_all_is_as_wanted() {
        assert!(steps(&[1, 2, 3], &[], &[3, 2, 1], 5000).is_empty());
    }

    #[test]
    fn a_new_drive_learns_first_and_votes_when_it_has_caught_up() {
        use ConfChangeType::{AddLearnerNode, AddNode, RemoveNode};
        let (voters, wanted) = ([1, 2, 3], [1, 2, 4]);
        assert_eq!(steps(&voters, &[], &wanted, 0), [(AddLearnerNode, 4)]);
        assert!(steps(&voters, &[4], &wanted, 0).is_empty());
        assert!(steps(&voters, &[4], &wanted, 3999).is_empty());
        assert_eq!(steps(&voters, &[4], &wanted, 4000), [(AddNode, 4), (RemoveNode, 3)]);
    }

    #[test]
    fn a_learner_that_is_not_wanted_leaves() {
        assert_eq!(steps(&[1, 2, 3], &[9], &[1, 2, 3], 5000), [(ConfChangeType::RemoveNode, 9)]);
    }
}
