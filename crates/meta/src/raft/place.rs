//! Where a proposal stands between its proposer and the drive's loop it was given to.
//!
//! What always holds: it is logged, or taken back by its proposer, never both. So a proposer whose leader's drive does not answer
//! knows that what was not taken up never will be.

use parking_lot::Mutex;

use crate::log::LogPosition;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stand {
    /// It waits to be taken up.
    #[default]
    Waiting,
    Logged(LogPosition),
    TakenBack,
}

/// Where a proposal stands.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Stand>);

impl Place {
    /// Logs the proposal, unless it was taken back: `log` gives its place in the log, `None` where it could not be logged.
    pub(crate) fn log(&self, log: impl FnOnce() -> Option<LogPosition>) {
        let mut stand = self.0.lock();
        if *stand == Stand::Waiting
            && let Some(at) = log()
        {
            *stand = Stand::Logged(at);
        }
    }

    /// Where it was logged.
    pub(crate) fn logged(&self) -> Option<LogPosition> {
        match *self.0.lock() {
            Stand::Logged(at) => Some(at),
            Stand::Waiting | Stand::TakenBack => None,
        }
    }

    /// Takes it back; where it was logged already, tells where.
    pub(crate) fn take_back(&self) -> Option<LogPosition> {
        let mut stand = self.0.lock();
        match *stand {
            Stand::Logged(at) => Some(at),
            Stand::Waiting | Stand::TakenBack => {
                *stand = Stand::TakenBack;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_logged_or_taken_back() {
        let at = LogPosition { index: 3, term: 2 };
        let place = Place::default();
        place.log(|| None);
        assert_eq!(place.logged(), None);
        place.log(|| Some(at));
        assert_eq!((place.logged(), place.take_back()), (Some(at), Some(at)));

        let place = Place::default();
        assert_eq!(place.take_back(), None);
        place.log(|| panic!("it was taken back"));
        assert_eq!(place.logged(), None);
    }
}
