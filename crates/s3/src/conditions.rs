//! Conditions in headers, as the object service knows them.

use model::time::Timestamp;
use object::{ETagMatch, ObjectError, ReadCondition, WriteCondition};

use crate::error::{ErrorCode, S3Error};

/// What a write asks of the current object.
pub(crate) fn of_write(if_match: Option<&str>, if_none_match: Option<&str>) -> WriteCondition {
    WriteCondition {
        if_match: if_match.map(ETagMatch::parse),
        if_none_match: if_none_match.map(ETagMatch::parse),
        ..WriteCondition::default()
    }
}

/// What a read asks of the object.
pub(crate) fn of_read(
    if_match: Option<&str>,
    if_none_match: Option<&str>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
) -> ReadCondition {
    ReadCondition {
        if_match: if_match.map(ETagMatch::parse),
        if_none_match: if_none_match.map(ETagMatch::parse),
        if_modified_since,
        if_unmodified_since,
    }
}

/// The error of a write: where it had a condition, to lose against another write is the condition's outcome.
pub(crate) fn write_error(error: ObjectError, has_condition: bool) -> S3Error {
    match error {
        ObjectError::Contended if has_condition => S3Error::new(ErrorCode::ConditionalRequestConflict),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_come_with_quotes_or_without() {
        let condition = of_write(Some("\"abc\""), Some("*"));
        assert_eq!(condition.if_match, Some(ETagMatch::OneOf(vec!["abc".to_owned()])));
        assert_eq!(condition.if_none_match, Some(ETagMatch::Any));
        assert_eq!(of_write(Some("abc"), None).if_match, condition.if_match);
    }

    #[test]
    fn losing_against_another_write_is_a_conflict_only_for_conditions() {
        let code = |has_condition| write_error(ObjectError::Contended, has_condition).code;
        assert_eq!(code(true), ErrorCode::ConditionalRequestConflict);
        assert_eq!(code(false), ErrorCode::SlowDown);
    }
}
