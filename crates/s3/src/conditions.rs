//! Conditions in headers, as the object service knows them.

use model::time::Timestamp;
use object::{ETagMatch, ObjectError, ReadCondition, WriteCondition};

use crate::error::{ErrorCode, S3Error};

/// What a write asks of the current object: to have this ETag, or not to be there.
///
/// # Errors
/// `NotImplemented` for the other forms of HTTP, as in S3.
pub(crate) fn of_write(
    if_match: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<WriteCondition, S3Error> {
    let if_match = if_match.map(ETagMatch::parse);
    let if_none_match = if_none_match.map(ETagMatch::parse);
    if if_match == Some(ETagMatch::Any) {
        return Err(S3Error::new(ErrorCode::NotImplemented).with("Header", "If-Match"));
    }
    if if_none_match.as_ref().is_some_and(|known| *known != ETagMatch::Any) {
        return Err(S3Error::new(ErrorCode::NotImplemented).with("Header", "If-None-Match"));
    }
    Ok(WriteCondition { if_match, if_none_match, ..WriteCondition::default() })
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
        let condition = of_write(Some("\"abc\""), Some("*")).unwrap();
        assert_eq!(condition.if_match, Some(ETagMatch::OneOf(vec!["abc".to_owned()])));
        assert_eq!(condition.if_none_match, Some(ETagMatch::Any));
        assert_eq!(of_write(Some("abc"), None).unwrap().if_match, condition.if_match);
    }

    #[test]
    fn other_conditions_on_writes_are_not_implemented() {
        for (if_match, if_none_match) in [(Some("*"), None), (None, Some("\"abc\""))] {
            assert_eq!(of_write(if_match, if_none_match).unwrap_err().code, ErrorCode::NotImplemented);
        }
    }

    #[test]
    fn losing_against_another_write_is_a_conflict_only_for_conditions() {
        let code = |has_condition| write_error(ObjectError::Contended, has_condition).code;
        assert_eq!(code(true), ErrorCode::ConditionalRequestConflict);
        assert_eq!(code(false), ErrorCode::SlowDown);
    }
}
