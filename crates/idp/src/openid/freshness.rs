//! When a provider is asked for its keys (again): pure.

use std::time::Duration;

/// Keys are looked at anew after this time: a provider may have taken one back.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Where the provider does not answer, its keys count for this long.
const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two questions, whatever tokens come.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Whether what was published that long ago still counts.
pub(super) fn is_usable(age: Duration) -> bool {
    age < STALE_MAX
}

/// What to do for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Decide by what is known.
    Use,
    /// Ask, and decide by what is known where there is no answer.
    Refresh,
    /// Ask: what is known does not help.
    Ask,
    /// Nothing is known, and it is too early to ask again.
    Wait,
}

/// When somebody last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nobody has.
    Never,
    /// So long ago.
    Ago(Duration),
    /// Somebody does, whose answer is worth waiting for.
    Now,
}

/// `age`: of what is known, none where nothing is. `has_key`: whether a key for the token is known.
pub(super) fn step(age: Option<Duration>, has_key: bool, asked: Asked) -> Step {
    let may_ask = match asked {
        Asked::Never => true,
        Asked::Ago(since) => since >= ASK_AGAIN_AFTER,
        Asked::Now => !has_key,
    };
    match age.filter(|age| is_usable(*age)) {
        Some(age) if has_key && age < FRESH => Step::Use,
        Some(_) if has_key && may_ask => Step::Refresh,
        // The answer would be the same: there is no key for it, or it has one.
        Some(_) if !may_ask => Step::Use,
        _ if may_ask => Step::Ask,
        _ => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_unknown_is_asked_for_once_in_a_while() {
        let seconds = Duration::from_secs;
        let ago = |time| Asked::Ago(seconds(time));
        let (minute, hour, days) = (Some(seconds(60)), Some(seconds(3600)), Some(seconds(2 * 86_400)));
        for (age, has_key, asked, expected) in [
            (None, false, Asked::Never, Step::Ask),
            (None, false, ago(9), Step::Wait),
            (None, false, ago(10), Step::Ask),
            (None, false, Asked::Now, Step::Ask),
            (minute, true, ago(60), Step::Use),
            (minute, true, Asked::Now, Step::Use),
            (minute, false, ago(60), Step::Ask),
            (minute, false, Asked::Now, Step::Ask),
            (minute, false, ago(5), Step::Use),
            (hour, true, ago(3600), Step::Refresh),
            (hour, true, ago(5), Step::Use),
            (hour, true, Asked::Now, Step::Use),
            (hour, false, ago(5), Step::Use),
            (days, true, ago(5), Step::Wait),
            (days, true, ago(60), Step::Ask),
        ] {
            assert_eq!(step(age, has_key, asked), expected, "{age:?} {has_key} {asked:?}");
        }
    }
}
