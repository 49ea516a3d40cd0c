//! Conditions on reads and writes. Pure.

use model::etag::ETag;
use model::time::Timestamp;

use crate::error::ObjectError;
use crate::types::{ETagMatch, ReadCondition, Verdict, WriteCondition};

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrentFacts {
    pub(crate) etag: ETag,
    pub(crate) modified: Timestamp,
    pub(crate) size_bytes: u64,
}

impl WriteCondition {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == WriteCondition::default()
    }

    /// Checks it against the current object; `None` where there is none (or it is a delete marker).
    pub(crate) fn check(&self, current: Option<CurrentFacts>) -> Result<(), ObjectError> {
        let is_there = |wanted: &ETagMatch| current.is_some_and(|current| wanted.matches(&current.etag));
        if self.if_none_match.as_ref().is_some_and(is_there) {
            return Err(ObjectError::PreconditionFailed { condition: "If-None-Match" });
        }
        let Some(current) = current else {
            // AWS: a condition on an object that isn't there finds no key.
            let asks = self.if_match.is_some() || self.if_size.is_some() || self.if_modified_at.is_some();
            return if asks { Err(ObjectError::NoSuchKey) } else { Ok(()) };
        };
        if self.if_match.as_ref().is_some_and(|wanted| !wanted.matches(&current.etag)) {
            return Err(ObjectError::PreconditionFailed { condition: "If-Match" });
        }
        if self.if_size.is_some_and(|size| size != current.size_bytes) {
            return Err(ObjectError::PreconditionFailed { condition: "x-amz-if-match-size" });
        }
        if self.if_modified_at.is_some_and(|time| time.seconds() != current.modified.seconds()) {
            return Err(ObjectError::PreconditionFailed { condition: "x-amz-if-match-last-modified-time" });
        }
        Ok(())
    }
}

impl ReadCondition {
    /// What it says of an object with this ETag, last modified then. Times compare to the second, as HTTP dates do.
    #[must_use]
    pub fn verdict(&self, etag: &ETag, modified: Timestamp) -> Verdict {
        let modified = modified.seconds();
        match (&self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) if !wanted.matches(etag) => return Verdict::Failed,
            (None, Some(time)) if modified > time.seconds() => return Verdict::Failed,
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(known), _) if known.matches(etag) => Verdict::NotModified,
            (None, Some(time)) if modified <= time.seconds() => Verdict::NotModified,
            _ => Verdict::Holds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: ETag = ETag::single([0xab; 16]);

    fn time(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000 + 500)
    }

    fn this() -> Option<ETagMatch> {
        Some(ETagMatch::parse(&format!("\"{TAG}\"")))
    }

    fn other() -> Option<ETagMatch> {
        Some(ETagMatch::parse("ABCORZ"))
    }

    #[test]
    fn reads_follow_rfc_9110() {
        let cases: [(ReadCondition, Verdict); 8] = [
            (ReadCondition { if_match: this(), ..Default::default() }, Verdict::Holds),
            (ReadCondition { if_match: other(), ..Default::default() }, Verdict::Failed),
            (ReadCondition { if_none_match: this(), ..Default::default() }, Verdict::NotModified),
            (ReadCondition { if_modified_since: Some(time(10)), ..Default::default() }, Verdict::NotModified),
            (ReadCondition { if_modified_since: Some(time(9)), ..Default::default() }, Verdict::Holds),
            (ReadCondition { if_unmodified_since: Some(time(9)), ..Default::default() }, Verdict::Failed),
            (
                ReadCondition { if_match: this(), if_unmodified_since: Some(time(9)), ..Default::default() },
                Verdict::Holds,
            ),
            (
                ReadCondition {
                    if_none_match: other(),
                    if_modified_since: Some(time(99)),
                    ..Default::default()
                },
                Verdict::Holds,
            ),
        ];
        for (condition, verdict) in cases {
            assert_eq!(condition.verdict(&TAG, time(10)), verdict, "{condition:?}");
        }
    }

    #[test]
    fn writes_look_at_the_current_object_only() {
        let current = CurrentFacts { etag: TAG, modified: time(10), size_bytes: 3 };
        let none_match = WriteCondition { if_none_match: Some(ETagMatch::Any), ..Default::default() };
        assert!(none_match.check(None).is_ok());
        assert!(matches!(none_match.check(Some(current)), Err(ObjectError::PreconditionFailed { .. })));
        let right = WriteCondition { if_match: this(), if_size: Some(3), ..Default::default() };
        assert!(right.check(Some(current)).is_ok());
        assert!(matches!(right.check(None), Err(ObjectError::NoSuchKey)));
        let wrong = WriteCondition { if_match: other(), ..Default::default() };
        assert!(matches!(wrong.check(Some(current)), Err(ObjectError::PreconditionFailed { .. })));
    }
}
