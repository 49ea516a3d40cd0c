//! What is decided about allotments, from what the records say.
//!
//! Always: nothing is granted where what is booked for partitions, or held by those that hold more, would come to more than
//! the quota; and a partition's allotment is not raised above what is booked for it.

use model::ids::PartitionId;
use model::quota::{Allotment, QuotaRecord, QuotaState};

/// A grant is this part of the quota more than what was asked for, where that much is free, so that small writes ask seldom.
const GRANT_SHARE: u64 = 64;

/// What partitions say of a bucket, read after the books were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The one that is written to.
    pub(super) partition: PartitionId,
    /// What is allotted to it.
    pub(super) allotment: Option<Allotment>,
    /// Bytes that each partition holds.
    pub(super) held_by: Vec<(PartitionId, u64)>,
}

impl Seen {
    fn held_in_all(&self) -> u64 {
        self.held_by.iter().fold(0, |sum, (_, held)| sum.saturating_add(*held))
    }

    fn held(&self) -> u64 {
        self.held_by.iter().find(|(partition, _)| *partition == self.partition).map_or(0, |(_, held)| *held)
    }
}

/// What brings a write nearer to its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It fits, or there is no quota here any more.
    Again,
    /// The partition's allotment becomes what is booked.
    Raise(Allotment),
    /// The books become what the partition says: its allotment was lowered, and that was not booked.
    Book(Allotment),
    /// More is booked for the partition, and raised then.
    Grant(Allotment),
    /// Other partitions have to give back this many bytes.
    GiveBack(u64),
    /// The quota leaves no room, whoever gives back.
    Refuse,
}

/// What the books say of a partition.
pub(super) fn booked(record: &QuotaRecord, partition: PartitionId) -> Allotment {
    let found = record.allotments.binary_search_by_key(&partition, |(partition, _)| *partition);
    found
        .ok()
        .and_then(|place| record.allotments.get(place))
        .map(|(_, allotment)| *allotment)
        .unwrap_or_default()
}

/// Books an allotment.
pub(super) fn book(record: &mut QuotaRecord, partition: PartitionId, allotment: Allotment) {
    match record.allotments.binary_search_by_key(&partition, |(partition, _)| *partition) {
        Ok(place) => record.allotments[place].1 = allotment,
        Err(place) => record.allotments.insert(place, (partition, allotment)),
    }
}

/// Bytes that a partition can't have, as the others have been promised them or hold them. One holds more than it was allotted
/// where a quota began, or was lowered, below what there was.
pub(super) fn of_others(record: &QuotaRecord, partition: PartitionId, held: &[(PartitionId, u64)]) -> u64 {
    let others = held.iter().filter(|(other, _)| *other != partition);
    let taken = others.map(|(other, held)| booked(record, *other).bytes.max(*held));
    taken.fold(0, u64::saturating_add)
}

/// What is wrong with books that are in force, where nothing is going on. What is booked, or held by those that hold more, is no
/// more than the quota; where more is held in all, since the quota was set below that, nothing is booked.
pub(super) fn fault(record: &QuotaRecord, held: &[(PartitionId, u64)]) -> Option<String> {
    let taken = held
        .iter()
        .fold(0u64, |sum, (partition, held)| sum.saturating_add(booked(record, *partition).bytes.max(*held)));
    let is_any_booked = record.allotments.iter().any(|(_, allotment)| allotment.bytes > 0);
    let is_wrong = record.state != QuotaState::InForce || (taken > record.limit_bytes && is_any_booked);
    is_wrong.then(|| format!("{taken} bytes are taken: {record:?}, {held:?} held"))
}

/// The next step of a write that would make a partition hold `growth` bytes more and was refused there.
pub(super) fn step(record: &QuotaRecord, seen: &Seen, growth: u64) -> Step {
    let Some(here) = seen.allotment else { return Step::Again };
    let booked = booked(record, seen.partition);
    if booked.generation != here.generation {
        return Step::Book(here);
    }
    let wanted = seen.held().saturating_add(growth);
    if wanted <= here.bytes {
        return Step::Again;
    }
    if booked.bytes > here.bytes {
        return Step::Raise(booked);
    }
    if seen.held_in_all().saturating_add(growth) > record.limit_bytes {
        return Step::Refuse;
    }
    let most = record.limit_bytes.saturating_sub(of_others(record, seen.partition, &seen.held_by));
    let Some(left) = most.checked_sub(wanted) else { return Step::GiveBack(wanted - most) };
    // Where little is left everybody shall get some of it: else it wanders about between partitions.
    let fair = left / (2 * seen.held_by.len() as u64).max(1);
    Step::Grant(Allotment { bytes: wanted + fair.min(record.limit_bytes / GRANT_SHARE), ..booked })
}

/// The allotment of a partition that gives back what it does not use; none where it uses all. Who was interrupted `times`
/// already leaves more and more of it, so that writes that go on meanwhile do not interrupt it for ever. What is booked for it
/// and was never raised goes back as well, by another generation alone: whoever was about to raise it knows it no more.
pub(super) fn lowered(here: Allotment, booked: Allotment, held: u64, times: u32) -> Option<Allotment> {
    let generation = here.generation.wrapping_add(1);
    match here.bytes.checked_sub(held).filter(|unused| *unused > 0) {
        Some(unused) => {
            let kept = if times == 0 { 0 } else { unused - unused.div_ceil(1 << times.min(16)) };
            Some(Allotment { bytes: held + kept, generation })
        }
        None => (booked.generation == here.generation && booked.bytes > here.bytes)
            .then_some(Allotment { bytes: here.bytes, generation }),
    }
}

/// The allotment of a partition that has to ask for every byte from now on. Of another generation also where it had to already:
/// what was booked for it before, and not raised yet, is nobody's any more.
pub(super) fn emptied(allotment: Allotment) -> Allotment {
    Allotment { bytes: 0, generation: allotment.generation.wrapping_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(3);

    fn of(bytes: u64, generation: u64) -> Allotment {
        Allotment { bytes, generation }
    }

    fn record(limit_bytes: u64, allotments: &[(u16, u64)]) -> QuotaRecord {
        let allotments = allotments.iter().map(|(id, bytes)| (PartitionId(*id), of(*bytes, 7))).collect();
        QuotaRecord { limit_bytes, allotments, ..QuotaRecord::default() }
    }

    /// Partition 3 is allotted `bytes`; partitions hold this.
    fn seen(bytes: u64, held: &[(u16, u64)]) -> Seen {
        let held_by = held.iter().map(|(id, held)| (PartitionId(*id), *held)).collect();
        Seen { partition: P, allotment: Some(of(bytes, 7)), held_by }
    }

    #[test]
    fn a_write_gets_what_it_needs_and_some_more() {
        let plenty = record(6400, &[(3, 100)]);
        assert_eq!(step(&plenty, &seen(100, &[(1, 0), (3, 95)]), 10), Step::Grant(of(205, 7)), "a 64th");
        let scarce = record(6400, &[(1, 6270), (3, 100)]);
        let here = seen(100, &[(1, 6000), (3, 100)]);
        assert_eq!(step(&scarce, &here, 2), Step::Grant(of(109, 7)), "a quarter of the 28 that are left");
        assert_eq!(step(&scarce, &here, 30), Step::Grant(of(130, 7)));
        assert_eq!(step(&scarce, &here, 31), Step::GiveBack(1));
        assert_eq!(step(&scarce, &here, 300), Step::GiveBack(270));
        assert_eq!(step(&scarce, &here, 301), Step::Refuse, "nobody is asked in vain");
    }

    #[test]
    fn what_others_hold_beyond_their_allotment_is_theirs() {
        let lowered = record(50, &[(1, 0), (3, 0)]);
        assert_eq!(step(&lowered, &seen(0, &[(1, 30), (3, 30)]), 10), Step::Refuse);
        assert_eq!(step(&lowered, &seen(0, &[(1, 30), (3, 10)]), 10), Step::Grant(of(20, 7)));
        assert_eq!(step(&lowered, &seen(0, &[(1, 90), (3, 0)]), 1), Step::Refuse);
    }

    #[test]
    fn what_a_crash_left_half_done_is_done_first() {
        let granted = record(1000, &[(3, 300)]);
        assert_eq!(step(&granted, &seen(100, &[(3, 100)]), 1), Step::Raise(of(300, 7)));
        let lowered = Seen { allotment: Some(of(50, 8)), ..seen(0, &[(3, 50)]) };
        assert_eq!(step(&granted, &lowered, 1), Step::Book(of(50, 8)));
        let new = record(1000, &[]);
        assert_eq!(step(&new, &seen(0, &[(3, 50)]), 1), Step::Book(of(0, 7)));
    }

    #[test]
    fn what_fits_by_now_or_is_limited_no_more_is_tried_again() {
        let record = record(1000, &[(3, 300)]);
        assert_eq!(step(&record, &seen(300, &[(3, 100)]), 200), Step::Again);
        let free = Seen { allotment: None, ..seen(0, &[(3, 900)]) };
        assert_eq!(step(&record, &free, 2000), Step::Again);
    }

    #[test]
    fn what_is_not_used_is_given_back_under_another_generation() {
        let lower = |held, times| lowered(of(100, 7), of(100, 7), held, times);
        assert_eq!(lower(40, 0), Some(of(40, 8)));
        assert_eq!(lower(40, 1), Some(of(70, 8)));
        assert_eq!(lower(40, 2), Some(of(85, 8)));
        assert_eq!(lower(99, 9), Some(of(99, 8)), "at least one byte");
        assert_eq!((lower(100, 0), lower(150, 0)), (None, None));
        assert_eq!(lowered(of(100, 7), of(120, 7), 100, 0), Some(of(100, 8)), "booked, and never raised");
        assert_eq!(lowered(of(100, 7), of(120, 6), 100, 0), None, "is to be booked");
        assert_eq!((emptied(of(100, 7)), emptied(of(0, 7))), (of(0, 8), of(0, 8)));
    }

    #[test]
    fn books_are_kept_in_order() {
        let mut record = record(1000, &[(1, 10), (5, 20)]);
        book(&mut record, P, of(3, 3));
        book(&mut record, PartitionId(5), of(21, 8));
        let order: Vec<u16> = record.allotments.iter().map(|(id, _)| id.0).collect();
        assert_eq!(order, [1, 3, 5]);
        assert_eq!((booked(&record, P), booked(&record, PartitionId(4))), (of(3, 3), of(0, 0)));
    }
}
