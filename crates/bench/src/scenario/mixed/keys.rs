//! What the server must hold: each key's content, and which keys are being read or changed, so that an answer is either right or
//! wrong and never a matter of order.

use crate::body::mixed;
use std::collections::HashMap;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Number of the stamp, which no other content has.
    pub(super) number: u64,
    /// Which of the sizes.
    pub(super) size: usize,
    /// More than one where it was uploaded in parts; those have numbers that follow each other.
    pub(super) parts: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Holds(Content),
    /// A request that changes it is under way or was lost: nobody knows.
    Unknown,
}

/// All keys that may be there.
#[derive(Default)]
pub(super) struct Keys {
    states: HashMap<u64, State>,
    /// Those whose content is known, in no order, to draw from.
    known: Vec<u64>,
    /// Where in `known` a key is.
    places: HashMap<u64, usize>,
    next: u64,
    draws: u64,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// A key that was never used.
    pub(super) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.states.insert(self.next, State::Unknown);
        self.next
    }

    /// A key whose content is known, at random.
    pub(super) fn draw(&mut self) -> Option<(u64, Content)> {
        self.draws += 1;
        let place = mixed(self.draws).checked_rem(self.known.len() as u64)?;
        let key = self.known[place as usize];
        match self.states.get(&key) {
            Some(State::Holds(content)) => Some((key, *content)),
            _ => None,
        }
    }

    /// From now on nobody knows what the key holds.
    pub(super) fn begin_change(&mut self, key: u64) {
        self.states.insert(key, State::Unknown);
        self.hide(key);
    }

    /// The key is being read: it is not drawn before the answer, or a change could overtake the reading.
    pub(super) fn begin_reading(&mut self, key: u64) {
        self.hide(key);
    }

    /// The key has been read, and may be drawn again.
    pub(super) fn end_reading(&mut self, key: u64) {
        self.show(key);
    }

    fn hide(&mut self, key: u64) {
        if let Some(place) = self.places.remove(&key) {
            self.known.swap_remove(place);
            if let Some(moved) = self.known.get(place) {
                self.places.insert(*moved, place);
            }
        }
    }

    /// The change is done: it holds this.
    pub(super) fn holds(&mut self, key: u64, content: Content) {
        self.states.insert(key, State::Holds(content));
        self.show(key);
    }

    fn show(&mut self, key: u64) {
        self.places.insert(key, self.known.len());
        self.known.push(key);
    }

    /// The change is done: it is gone.
    pub(super) fn is_gone(&mut self, key: u64) {
        self.states.remove(&key);
    }

    /// All keys that may be there, which are forgotten.
    pub(super) fn take_all(&mut self) -> Vec<u64> {
        self.known.clear();
        self.places.clear();
        self.states.drain().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u64) -> Content {
        Content { number, size: 0, parts: 1 }
    }

    #[test]
    fn only_keys_that_nobody_changes_are_drawn() {
        let mut keys = Keys::default();
        let made: Vec<u64> = (0..5).map(|_| keys.fresh()).collect();
        assert_eq!(keys.draw(), None);
        for key in &made {
            keys.holds(*key, content(*key));
        }
        for key in &made[..4] {
            keys.begin_change(*key);
        }
        for _ in 0..20 {
            assert_eq!(keys.draw(), Some((made[4], content(made[4]))));
        }
        keys.begin_reading(made[4]);
        assert_eq!(keys.draw(), None);
        keys.end_reading(made[4]);
        assert_eq!(keys.draw(), Some((made[4], content(made[4]))));
        keys.is_gone(made[0]);
        keys.holds(made[1], content(100));
        assert_eq!(keys.len(), 4);
        let mut left = keys.take_all();
        left.sort_unstable();
        assert_eq!(left, made[1..]);
    }
}
