//! DeleteObject and DeleteObjects.

use iam::Action;
use model::limits::{DELETE_KEYS_MAX, KEY_BYTES_MAX};
use object::{DeleteRequest, Deleted, ETagMatch, ObjectError, WriteCondition};

use crate::body::request::ChecksumRequest;
use crate::conditions;
use crate::error::{ErrorCode, S3Error};
use crate::generated::{
    DeleteError, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
    DeletedObject, Input, ObjectIdentifier,
};
use crate::object_put::{version_named, version_text};
use crate::request::{Call, IncomingBody};
use crate::response::{Response, answer};

pub(crate) async fn delete_object(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: DeleteObjectInput = call.parse()?;
    let condition = WriteCondition {
        if_match: input.if_match.as_deref().map(ETagMatch::parse),
        if_none_match: None,
        if_size: input.if_match_size,
        if_modified_at: input.if_match_last_modified_time,
    };
    let has_condition = !condition.is_empty();
    let version = version_named(input.version_id.as_deref())?;
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let request = DeleteRequest { key: input.key, version, condition };
    let deleted = match call.shared.objects.delete(&bucket, request).await {
        Ok(deleted) => deleted,
        Err(error) if is_gone(&error, has_condition) => Deleted::default(),
        Err(error) => return Err(conditions::write_error(error, has_condition)),
    };
    let output = DeleteObjectOutput {
        delete_marker: deleted.is_delete_marker.then_some(true),
        version_id: deleted.version.map(version_text),
        ..DeleteObjectOutput::default()
    };
    Ok(answer(call.operation, &output))
}

/// What is not there is deleted, unless the client asked for it to be there.
fn is_gone(error: &ObjectError, has_condition: bool) -> bool {
    matches!(error, ObjectError::NoSuchKey | ObjectError::NoSuchVersion) && !has_condition
}

pub(crate) async fn delete_objects(call: &Call<'_>, body: &mut IncomingBody) -> Result<Response, S3Error> {
    require_checksum(call)?;
    let limit = call.shared.options.limits.list_body_bytes_max;
    let document = call.document(body, call.input.headers, limit).await?;
    let input = DeleteObjectsInput::parse(&call.input, Some(&document))?;
    let keys = input.delete.objects;
    if keys.is_empty() || keys.len() > DELETE_KEYS_MAX {
        return Err(S3Error::new(ErrorCode::MalformedXML));
    }
    let bucket = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let checked: Vec<_> = keys.iter().map(|key| check(call, &bucket.name, key)).collect();
    let requests = checked.iter().filter_map(|request| request.as_ref().ok().cloned()).collect();
    let mut results = call.shared.objects.delete_many(&bucket, requests).await.into_iter();
    let is_quiet = input.delete.quiet.unwrap_or(false);
    let mut output = DeleteObjectsOutput::default();
    for (key, checked) in keys.into_iter().zip(checked) {
        let result = match checked {
            Ok(request) => {
                let has_condition = !request.condition.is_empty();
                let result = results.next().unwrap_or(Err(ObjectError::Contended));
                settle(result, has_condition)
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(deleted) if !is_quiet => output.deleted.push(shown(key, &deleted)),
            Ok(_) => {}
            Err(error) => output.errors.push(refused(key, &error)),
        }
    }
    Ok(answer(call.operation, &output))
}

fn settle(result: Result<Deleted, ObjectError>, has_condition: bool) -> Result<Deleted, S3Error> {
    match result {
        Ok(deleted) => Ok(deleted),
        Err(error) if is_gone(&error, has_condition) => Ok(Deleted::default()),
        Err(error) => Err(conditions::write_error(error, has_condition)),
    }
}

/// S3 wants to be sure that these are the keys to delete.
fn require_checksum(call: &Call<'_>) -> Result<(), S3Error> {
    let stated = ChecksumRequest::from_headers(call.input.headers)?;
    if stated.content_md5.is_some() || stated.algorithm().is_some() {
        return Ok(());
    }
    let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
    Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
}

/// One key of many: whether it may be deleted, and how.
fn check(call: &Call<'_>, bucket: &str, named: &ObjectIdentifier) -> Result<DeleteRequest, S3Error> {
    if named.key.is_empty() {
        return Err(S3Error::with_message(ErrorCode::UserKeyMustBeSpecified, "The key must not be empty."));
    }
    if named.key.len() > KEY_BYTES_MAX {
        return Err(S3Error::new(ErrorCode::KeyTooLongError));
    }
    let version = version_named(named.version_id.as_deref().filter(|version| !version.is_empty()))?;
    let action = if version.is_some() { Action::DeleteObjectVersion } else { Action::DeleteObject };
    let _allowed = call.authorize(action, bucket, &named.key)?;
    let condition = WriteCondition {
        if_match: named.etag.as_deref().map(ETagMatch::parse),
        if_none_match: None,
        if_size: named.size,
        if_modified_at: named.last_modified_time,
    };
    Ok(DeleteRequest { key: named.key.clone(), version, condition })
}

fn shown(key: ObjectIdentifier, deleted: &Deleted) -> DeletedObject {
    let version = deleted.version.map(version_text);
    DeletedObject {
        key: Some(key.key),
        version_id: key.version_id,
        delete_marker: deleted.is_delete_marker.then_some(true),
        delete_marker_version_id: version.filter(|_| deleted.is_delete_marker),
    }
}

fn refused(key: ObjectIdentifier, error: &S3Error) -> DeleteError {
    DeleteError {
        key: Some(key.key),
        version_id: key.version_id,
        code: Some(error.code.as_str().to_owned()),
        message: Some(error.message.clone().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_deleted_unless_it_had_to_be_there() {
        assert_eq!(settle(Err(ObjectError::NoSuchKey), false), Ok(Deleted::default()));
        assert_eq!(settle(Err(ObjectError::NoSuchVersion), false), Ok(Deleted::default()));
        assert_eq!(settle(Err(ObjectError::NoSuchKey), true).unwrap_err().code, ErrorCode::NoSuchKey);
    }

    #[test]
    fn an_entry_names_the_key_and_what_became_of_it() {
        let key = ObjectIdentifier { key: "k".to_owned(), ..ObjectIdentifier::default() };
        let entry = shown(key.clone(), &Deleted::default());
        assert_eq!((entry.key.as_deref(), entry.delete_marker, entry.version_id), (Some("k"), None, None));
        let entry = refused(key, &S3Error::new(ErrorCode::PreconditionFailed));
        assert_eq!(entry.code.as_deref(), Some("PreconditionFailed"));
    }
}
