//! The part of a scrub's run that reads a drive's metadata: every block of every file that holds rows.
//!
//! Invariants:
//! - What is damaged is healed by `meta`, which knows how: here it is only told of, and waited for.
//! - The wait has an end, and holds up only the run of this drive.
//! - Nothing of it is kept over a start: a run that is cut short here reads the drive's metadata from the beginning.

use std::time::Duration;

use meta::engine::{EngineCheck, FoundDamage};

/// Between two looks whether what was found is healed.
pub(crate) const LOOK_REST: Duration = Duration::from_secs(10);
/// Looks, at most: filling a replica again takes as long as writing its rows.
const LOOKS_MAX: u32 = 60;
/// Damaged places that are remembered; more are found by the next run.
const FOUND_MAX: usize = 10_000;

/// A walk over the rows of a drive.
pub(crate) struct RowsWalk {
    pub(crate) check: Box<dyn EngineCheck>,
    /// What is not healed yet.
    found: Vec<FoundDamage>,
    is_read: bool,
    looks: u32,
}

/// What is to be done next.
pub(crate) enum Next {
    /// Read on.
    Read,
    /// Ask for this to be healed, and look again later.
    Heal(Vec<FoundDamage>),
    /// Look again later.
    Wait,
    /// It is over; so many places are left damaged.
    End(usize),
}

impl RowsWalk {
    pub(crate) fn new(check: Box<dyn EngineCheck>) -> Self {
        RowsWalk { check, found: Vec::new(), is_read: false, looks: 0 }
    }

    /// A step has found this; `is_last`: all is read.
    pub(crate) fn note(&mut self, found: Vec<FoundDamage>, is_last: bool) {
        let room = FOUND_MAX.saturating_sub(self.found.len());
        self.found.extend(found.into_iter().take(room));
        self.is_read = is_last;
    }

    /// How many of the damaged places were healed since the last look.
    pub(crate) fn count_healed(&mut self) -> u64 {
        let before = self.found.len();
        if self.is_read {
            let check = &self.check;
            self.found.retain(|found| check.is_left(found));
        }
        (before - self.found.len()) as u64
    }

    /// What is to be done now.
    pub(crate) fn next(&mut self) -> Next {
        if !self.is_read {
            return Next::Read;
        }
        if self.found.is_empty() || self.looks == LOOKS_MAX {
            return Next::End(self.found.len());
        }
        self.looks += 1;
        // Asked ever more rarely: each time all rows around the damage are read.
        match self.looks.is_power_of_two() {
            true => Next::Heal(self.found.clone()),
            false => Next::Wait,
        }
    }
}
