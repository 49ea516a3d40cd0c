//! Where a new blob goes: pure but for the numbers it is given.
//!
//! Sets are chosen by their free room, weighted by chance; in the set, a window of slots with as many drives that take
//! writes as there are, begun at a slot by chance, so that shards of all kinds spread over all drives.

/// What is known of a drive for placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) writable: bool,
    pub(crate) free_bytes: u64,
}

/// A place for a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Index of the set among those given.
    pub(crate) set: usize,
    pub(crate) first_slot: u8,
    /// Drives of the window that take writes.
    pub(crate) writable: usize,
}

/// The place for `shards` shards; `None` where no set is wide enough. It may have fewer writable drives than are needed:
/// then none has more.
pub(crate) fn place(sets: &[Vec<Candidate>], shards: usize, random: u64) -> Option<Placement> {
    let windows: Vec<(usize, Placement)> = sets
        .iter()
        .enumerate()
        .filter(|(_, drives)| drives.len() >= shards && shards > 0)
        .filter_map(|(set, drives)| {
            let (first_slot, writable) = best_window(drives, shards, random)?;
            let placement = Placement { set, first_slot, writable };
            Some((set, placement))
        })
        .collect();
    let most = windows.iter().map(|(_, placement)| placement.writable).max()?;
    let best: Vec<(u128, Placement)> = windows
        .into_iter()
        .filter(|(_, placement)| placement.writable == most)
        .map(|(set, placement)| (weight(sets.get(set)), placement))
        .collect();
    let total: u128 = best.iter().map(|(weight, _)| weight).sum();
    let mut at = u128::from(random.rotate_left(32)) % total.max(1);
    for (weight, placement) in &best {
        if at < *weight {
            return Some(*placement);
        }
        at -= weight;
    }
    best.first().map(|(_, placement)| *placement)
}

fn weight(drives: Option<&Vec<Candidate>>) -> u128 {
    let writable = drives.into_iter().flatten().filter(|drive| drive.writable);
    // Half a gibibyte more or less is no difference; and no weight may be zero.
    1 + writable.map(|drive| u128::from(drive.free_bytes >> 29)).sum::<u128>()
}

fn best_window(drives: &[Candidate], shards: usize, random: u64) -> Option<(u8, usize)> {
    let width = drives.len();
    let writable = |first: usize| {
        let slots = (0..shards).map(|shard| (first + shard) % width);
        slots.filter(|slot| drives.get(*slot).is_some_and(|drive| drive.writable)).count()
    };
    let start = (random % width as u64) as usize;
    let firsts = (0..width).map(|step| (start + step) % width);
    // The first of the best in the walk from a slot by chance: `max_by_key` would take the last.
    let best = firsts.rev().max_by_key(|first| writable(*first))?;
    Some((u8::try_from(best).ok()?, writable(best)))
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "where a test panics it has found something")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drive(writable: bool) -> Candidate {
        Candidate { writable, free_bytes: 100 << 30 }
    }

    #[test]
    fn a_missing_drive_is_stepped_around_where_the_set_is_wide() {
        let mut drives = vec![drive(true); 6];
        drives[2] = drive(false);
        for random in 0..100 {
            let placement = place(&[drives.clone()], 4, random).unwrap();
            assert_eq!(placement.writable, 4);
        }
    }

    #[test]
    fn no_set_is_wide_enough() {
        assert_eq!(place(&[vec![drive(true); 3]], 4, 0), None);
        assert_eq!(place(&[], 1, 0), None);
    }

    #[test]
    fn every_slot_begins_about_as_many_blobs() {
        let drives = vec![drive(true); 4];
        let mut counts = [0; 4];
        for random in 0..400u64 {
            let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
            let placement = place(std::slice::from_ref(&drives), 4, random).unwrap();
            counts[usize::from(placement.first_slot)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
    }

    proptest! {
        #[test]
        fn no_window_has_more_writable_drives(
            sets in proptest::collection::vec(
                proptest::collection::vec(any::<bool>(), 1..10), 1..4),
            shards in 1usize..6,
            random: u64,
        ) {
            let sets: Vec<Vec<_>> = sets
                .into_iter()
                .map(|set| set.into_iter().map(drive).collect())
                .collect();
            let wide = sets.iter().filter(|set| set.len() >= shards);
            let most = wide
                .flat_map(|set| (0..set.len()).map(|first| {
                    (0..shards).filter(|s| set[(first + s) % set.len()].writable).count()
                }))
                .max();
            let placement = place(&sets, shards, random);
            prop_assert_eq!(placement.map(|placement| placement.writable), most);
        }
    }
}
