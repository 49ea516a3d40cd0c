//! Every way a start can go, and what the operator is told.

use super::*;
use crate::format::DriveFormat;

fn ids(from: u8) -> Vec<DriveId> {
    (from..from + 16).map(|n| DriveId::from_bytes([n; 16])).collect()
}

fn store(n: u8) -> StoreId {
    StoreId::from_bytes([n; 16])
}

fn given(found: impl IntoIterator<Item = Found>) -> Vec<Given> {
    found.into_iter().enumerate().map(|(n, found)| Given { path: format!("/d{n}").into(), found }).collect()
}

fn decide(drives: &[Given]) -> Result<Plan, StartError> {
    plan(drives, Choices::default(), store(9), &ids(100))
}

/// The drives of a store of `count` that was just made.
fn formatted(count: usize) -> Vec<Found> {
    let blank = given(vec![Found::Blank; count]);
    let map = plan(&blank, Choices::default(), store(1), &ids(1)).unwrap().map;
    map.slots().map(|(_, drive)| Found::Formatted(DriveFormat { drive, map: map.clone() })).collect()
}

#[test]
fn empty_folders_make_a_store() {
    let plan = decide(&given(vec![Found::Blank; 4])).unwrap();
    assert!(plan.new_store);
    assert_eq!((plan.map.parity, plan.map.parity_reduced, plan.map.replicas), (2, 1, 4));
    assert_eq!(plan.blank.len(), 4);
    let single = decide(&given([Found::Blank])).unwrap().map;
    assert_eq!((single.parity, single.replicas), (0, 1));
}

#[test]
fn drives_are_known_by_their_format_in_any_order() {
    let mut found = formatted(4);
    found.reverse();
    let plan = decide(&given(found)).unwrap();
    assert!(!plan.new_store && plan.blank.is_empty() && plan.warnings.is_empty());
    let paths: Vec<_> =
        plan.paths[0].iter().map(|path| path.clone().unwrap().display().to_string()).collect();
    assert_eq!(paths, ["/d3", "/d2", "/d1", "/d0"]);
}

#[test]
fn an_empty_drive_takes_the_place_of_the_missing_one() {
    let mut found = formatted(4);
    found[2] = Found::Blank;
    let plan = decide(&given(found)).unwrap();
    assert_eq!(plan.blank, [Slot { set: 0, slot: 2 }]);
    assert_eq!(plan.map.epoch, 2);
    assert_eq!(plan.map.sets[0][2], ids(100)[0]);
    assert_eq!(plan.warnings.len(), 1);
}

#[test]
fn empty_drives_that_nobody_can_fill_are_left_empty_and_the_way_back_is_said() {
    // Without a majority of the metadata's replicas: two of four, one of two, one that is away and one that is empty.
    let unusable = || Found::Unusable("No such file or directory".into());
    for (count, lost) in [
        (4, vec![(0, Found::Blank), (3, Found::Blank)]),
        (2, vec![(1, Found::Blank)]),
        (4, vec![(1, unusable()), (2, Found::Blank)]),
        (6, vec![(0, Found::Blank), (1, Found::Blank), (2, Found::Blank)]),
    ] {
        let whole = formatted(count);
        let before = decide(&given(whole.clone())).unwrap();
        let mut found = whole.clone();
        for (slot, what) in &lost {
            found[*slot] = what.clone();
        }
        let plan = decide(&given(found.clone())).unwrap();
        assert_eq!((&plan.map, &plan.blank), (&before.map, &Vec::new()), "{lost:?}");
        assert_eq!(plan.paths[0].iter().filter(|path| path.is_none()).count(), lost.len());
        let warning = plan.warnings.last().unwrap();
        for wanted in ["can't be refilled", "writes is answered 503", "mount it", "bring back another one"] {
            assert!(warning.contains(wanted), "{wanted:?} in {warning}");
        }
        assert!(!plan.warnings.iter().any(|warning| warning.contains("Reads and writes go on")));
        // One of them comes back, which is still known: now the others are replaced.
        let (back, _) = lost[0];
        found[back] = whole[back].clone();
        let plan = decide(&given(found)).unwrap();
        assert_eq!(plan.blank.len(), lost.len() - 1, "{lost:?}");
        assert_eq!(plan.map.sets[0][back], before.map.sets[0][back]);
    }
}

#[test]
fn as_many_empty_drives_as_a_majority_can_do_without_are_replaced() {
    for (count, empty) in [(3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3)] {
        let mut found = formatted(count);
        found[..empty].fill(Found::Blank);
        let plan = decide(&given(found)).unwrap();
        assert_eq!((plan.blank.len(), plan.warnings.len()), (empty, empty), "{count} drives");
    }
}

#[test]
fn a_missing_drive_is_named_and_left_out() {
    let mut found = formatted(4);
    found[1] = Found::Unusable("No such file or directory".into());
    let plan = decide(&given(found)).unwrap();
    assert_eq!(plan.paths[0][1], None);
    assert!(plan.warnings[0].contains("/d1"));
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_do() {
    assert_eq!(decide(&[]), Err(StartError::NoDrives));
    let mut twice = given(vec![Found::Blank; 2]);
    twice[1].path = twice[0].path.clone();
    assert!(matches!(decide(&twice), Err(StartError::Twice { .. })));
    assert!(matches!(decide(&given([Found::Foreign])), Err(StartError::Foreign { .. })));
    let unusable = given([Found::Blank, Found::Unusable("Permission denied".into())]);
    assert!(matches!(decide(&unusable), Err(StartError::Unusable { .. })));

    let mut other = formatted(4);
    let blank = given(vec![Found::Blank; 4]);
    let foreign = plan(&blank, Choices::default(), store(2), &ids(50)).unwrap().map;
    other[3] = Found::Formatted(DriveFormat { drive: ids(50)[3], map: foreign });
    assert!(matches!(
        decide(&given(other)),
        Err(StartError::OtherStore { .. } | StartError::Replaced { .. })
    ));

    let mut copy = formatted(4);
    copy[3] = copy[0].clone();
    assert!(matches!(decide(&given(copy)), Err(StartError::SameDrive { .. })));
    assert!(matches!(
        decide(&given(formatted(4)[..3].to_vec())),
        Err(StartError::Count { given: 3, expected: 4, .. })
    ));

    let mut emptied = formatted(4);
    emptied[..3].fill(Found::Blank);
    assert!(matches!(decide(&given(emptied)), Err(StartError::TooManyBlank { blank: 3, parity: 2, .. })));
}

#[test]
fn a_replaced_drive_that_comes_back_is_told_so() {
    let mut found = formatted(4);
    let old = found[2].clone();
    found[2] = Found::Blank;
    let map = decide(&given(found)).unwrap().map;
    let mut later: Vec<_> =
        map.slots().map(|(_, drive)| Found::Formatted(DriveFormat { drive, map: map.clone() })).collect();
    later[2] = old;
    assert!(matches!(decide(&given(later)), Err(StartError::Replaced { .. })));
}

/// The drives as a first start leaves them that ended after the first `finished` of the last formats.
fn unfinished(count: usize, finished: usize) -> Vec<Found> {
    let mut found = formatted(count);
    for drive in found.iter_mut().skip(finished) {
        if let Found::Formatted(format) = drive {
            format.map.epoch = EPOCH_UNFINISHED;
        }
    }
    found
}

#[test]
fn a_first_start_that_did_not_end_is_begun_again() {
    let plan = decide(&given(unfinished(4, 0))).unwrap();
    assert!(plan.new_store);
    assert_eq!((plan.map.store, plan.blank.len()), (store(9), 4));
    assert!(decide(&given(unfinished(1, 0))).unwrap().new_store);
}

#[test]
fn once_one_drive_has_the_format_that_counts_the_store_is_made() {
    for finished in 1..=4 {
        let plan = decide(&given(unfinished(4, finished))).unwrap();
        assert!(!plan.new_store && plan.blank.is_empty(), "{finished}");
        assert_eq!((plan.map.store, plan.map.epoch), (store(1), 1));
        assert!(plan.paths.iter().flatten().all(Option::is_some));
    }
}

#[test]
fn an_unfinished_drive_of_another_store_counts_as_empty() {
    let mut found = formatted(4);
    let map = plan(&given(vec![Found::Blank; 1]), Choices::default(), store(2), &ids(50)).unwrap().map;
    let map = ClusterMap { epoch: EPOCH_UNFINISHED, ..map };
    found[1] = Found::Formatted(DriveFormat { drive: ids(50)[0], map });
    let plan = decide(&given(found)).unwrap();
    assert_eq!(plan.blank, [Slot { set: 0, slot: 1 }]);
    assert_eq!(plan.map.epoch, 2);
}
