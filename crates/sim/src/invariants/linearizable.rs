//! The operations on a key happened one after the other, each between its question and its answer: there is an order of
//! them in which every read finds what the write before it left, and every condition was decided rightly.
//!
//! The search is that of Wing and Gong with Lowe's memory: an operation may come next if no other one was answered before it
//! was asked for. What is in doubt may be left out.

use hashbrown::HashSet;

use crate::oracle::{Effect, History, KeyEvent, Moment, Value};

/// Looks for an order.
///
/// # Errors
/// The history, where there is none.
pub fn check(key: &str, history: &History) -> Result<(), String> {
    let mut search = Search {
        operations: &history.operations,
        done: vec![0; history.operations.len().div_ceil(64)],
        seen: HashSet::new(),
    };
    if search.goes_on(history.initial) {
        return Ok(());
    }
    let lines: Vec<String> = history.operations.iter().map(|operation| format!("  {operation:?}")).collect();
    Err(format!("{key:?} began as {:?}, and nothing explains\n{}", history.initial, lines.join("\n")))
}

struct Search<'a> {
    operations: &'a [KeyEvent],
    /// A bit for every operation that has its place.
    done: Vec<u64>,
    seen: HashSet<(Vec<u64>, Value)>,
}

impl Search<'_> {
    /// Whether the operations that are left have an order, from a key with this value.
    fn goes_on(&mut self, value: Value) -> bool {
        if !self.seen.insert((self.done.clone(), value)) {
            return false;
        }
        let bound = self.first_answer();
        if bound == Moment::MAX {
            return true; // What is left is in doubt: it did not happen.
        }
        for at in 0..self.operations.len() {
            let operation = self.operations[at];
            if operation.invoked > bound {
                break;
            }
            if self.is_done(at) {
                continue;
            }
            let Some(after) = outcome(operation.effect, value) else { continue };
            self.flip(at);
            if self.goes_on(after) {
                return true;
            }
            self.flip(at);
        }
        false
    }

    /// The earliest answer among those that have no place yet and need one.
    fn first_answer(&self) -> Moment {
        let left =
            self.operations.iter().enumerate().filter(|(at, operation)| {
                !self.is_done(*at) && !matches!(operation.effect, Effect::Unsure(..))
            });
        left.map(|(_, operation)| operation.returned).min().unwrap_or(Moment::MAX)
    }

    fn is_done(&self, at: usize) -> bool {
        self.done[at / 64] >> (at % 64) & 1 == 1
    }

    fn flip(&mut self, at: usize) {
        self.done[at / 64] ^= 1 << (at % 64);
    }
}

/// What a key with `value` holds after the operation; `None` where the operation can't have happened then.
fn outcome(effect: Effect, value: Value) -> Option<Value> {
    match effect {
        Effect::Read(found) => (found == value).then_some(value),
        Effect::Wrote(written, condition) | Effect::Unsure(written, condition) => {
            condition.holds(value).then_some(written)
        }
        Effect::Refused(condition) => (!condition.holds(value)).then_some(value),
    }
}

#[cfg(test)]
mod tests {
    use model::etag::ETag;

    use super::*;
    use crate::oracle::Condition;

    fn value(number: u8) -> Value {
        Some(ETag::single([number; 16]))
    }

    fn history(operations: &[(Moment, Moment, Effect)]) -> History {
        let operation = |(invoked, returned, effect): &(Moment, Moment, Effect)| KeyEvent {
            invoked: *invoked,
            returned: *returned,
            effect: *effect,
        };
        History { initial: None, operations: operations.iter().map(operation).collect() }
    }

    fn wrote(number: u8) -> Effect {
        Effect::Wrote(value(number), Condition::Always)
    }

    #[test]
    fn a_read_of_what_was_replaced_before_it_began_has_no_place() {
        let stale = [(1, 2, wrote(1)), (3, 4, wrote(2)), (5, 6, Effect::Read(value(1)))];
        assert!(check("k", &history(&stale)).is_err());
        let at_once = [(1, 2, wrote(1)), (3, 6, wrote(2)), (4, 5, Effect::Read(value(1)))];
        assert_eq!(check("k", &history(&at_once)), Ok(()));
    }

    #[test]
    fn two_reads_do_not_go_back() {
        let back = [
            (1, 2, wrote(1)),
            (3, 20, wrote(2)),
            (4, 5, Effect::Read(value(2))),
            (6, 7, Effect::Read(value(1))),
        ];
        assert!(check("k", &history(&back)).is_err());
    }

    #[test]
    fn of_two_writes_that_want_it_absent_one_is_refused() {
        let put = |number| Effect::Wrote(value(number), Condition::Absent);
        assert!(check("k", &history(&[(1, 3, put(1)), (2, 4, put(2))])).is_err());
        let refused = Effect::Refused(Condition::Absent);
        assert_eq!(check("k", &history(&[(1, 3, put(1)), (2, 4, refused)])), Ok(()));
        assert!(check("k", &history(&[(1, 2, refused)])).is_err(), "it was absent");
    }

    #[test]
    fn what_is_in_doubt_may_have_happened_at_any_time_after_it_was_asked_for_or_not() {
        let unsure = (1, Moment::MAX, Effect::Unsure(value(1), Condition::Always));
        for found in [None, value(1)] {
            assert_eq!(check("k", &history(&[unsure, (2, 3, Effect::Read(found))])), Ok(()));
        }
        let gone_again = [unsure, (2, 3, Effect::Read(value(1))), (4, 5, Effect::Read(None))];
        assert!(check("k", &history(&gone_again)).is_err());
    }
}
