//! GetObject and HeadObject: conditions, ranges, parts, overrides.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use model::checksum::Checksum;
use model::limits::PART_NUMBER_MAX;
use model::time::Timestamp;
use object::{BucketInfo, ObjectError, ObjectInfo, ObjectReader, OpenObject, ReadCondition, Verdict};

use crate::attributes::{show, storage_class_word};
use crate::checksum_headers::{show_checksum, type_word};
use crate::conditions;
use crate::error::{ErrorCode, S3Error};
use crate::generated::{GetObjectInput, GetObjectOutput, HeadObjectInput, Output, StorageClass};
use crate::limits::{OPEN_ATTEMPTS_MAX, WHOLE_ANSWER_BYTES_MAX};
use crate::object_put::{version_named, version_text};
use crate::range;
use crate::request::Call;
use crate::response::{Response, ResponseBody, build};
use crate::unsupported::refuse_customer_key;
use crate::wire::header_text;

/// What GET and HEAD ask for alike.
struct ReadRequest {
    bucket: String,
    key: String,
    version_id: Option<String>,
    condition: ReadCondition,
    range: Option<String>,
    if_range: Option<String>,
    part_number: Option<u16>,
    wants_checksum: bool,
    expected_owner: Option<String>,
    overrides: Overrides,
}

/// The `response-*` parameters.
#[derive(Default, PartialEq)]
struct Overrides {
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    expires: Option<String>,
}

/// Both inputs have these fields, under the same names.
macro_rules! read_request {
    ($input:expr, $headers:expr) => {{
        let input = $input;
        ReadRequest {
            condition: conditions::of_read(
                input.if_match.as_deref(),
                input.if_none_match.as_deref(),
                input.if_modified_since,
                input.if_unmodified_since,
            ),
            if_range: $headers.get(header::IF_RANGE).map(|value| header_text(value).into_owned()),
            part_number: input.part_number.map(part_number).transpose()?,
            wants_checksum: input.checksum_mode.is_some(),
            bucket: input.bucket,
            key: input.key,
            version_id: input.version_id,
            range: input.range,
            expected_owner: input.expected_bucket_owner,
            overrides: Overrides {
                cache_control: input.response_cache_control,
                content_disposition: input.response_content_disposition,
                content_encoding: input.response_content_encoding,
                content_language: input.response_content_language,
                content_type: input.response_content_type,
                expires: input.response_expires,
            },
        }
    }};
}

pub(crate) async fn get_object(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: GetObjectInput = call.parse()?;
    let request = read_request!(input, call.input.headers);
    let bucket = prepare(call, &request).await?;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let found = match find(call, &bucket, &request).await? {
            Found::Object(found) => found,
            Found::Again => continue,
            Found::Answered(response) => return Ok(response),
        };
        let size = found.range.end - found.range.start;
        let read = call.shared.objects.read(&found.object, found.range.clone()).await;
        let mut reader = match read {
            Err(ObjectError::Replaced) => continue,
            other => other?,
        };
        let (status, headers) = head(&request, &found);
        let Some(first) = first_bytes(&mut reader, size).await? else { continue };
        let body = match first.len() as u64 == size {
            true => ResponseBody::whole(first),
            false => ResponseBody::stream(first, reader, size),
        };
        return Ok(build(status, headers, body));
    }
    Err(ObjectError::Replaced.into())
}

pub(crate) async fn head_object(call: &Call<'_>) -> Result<Response, S3Error> {
    let input: HeadObjectInput = call.parse()?;
    let request = read_request!(input, call.input.headers);
    let bucket = prepare(call, &request).await?;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        match find(call, &bucket, &request).await? {
            Found::Object(found) => {
                let (status, headers) = head(&request, &found);
                return Ok(build(status, headers, ResponseBody::empty()));
            }
            Found::Again => {}
            Found::Answered(response) => return Ok(response),
        }
    }
    Err(ObjectError::Replaced.into())
}

/// What can be refused before the object is looked at.
async fn prepare(call: &Call<'_>, request: &ReadRequest) -> Result<BucketInfo, S3Error> {
    if call.asker.who.is_anonymous() && request.overrides != Overrides::default() {
        let message = "Request specific response headers cannot be used for anonymous GET requests.";
        return Err(S3Error::with_message(ErrorCode::InvalidRequest, message));
    }
    if request.part_number.is_some() && request.range.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(S3Error::with_message(ErrorCode::InvalidRequest, message));
    }
    refuse_customer_key(call.input.headers)?;
    call.bucket(&request.bucket, request.expected_owner.as_deref()).await
}

/// The number of a part.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn part_number(number: u32) -> Result<u16, S3Error> {
    u16::try_from(number).ok().filter(|number| (1..=PART_NUMBER_MAX).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        S3Error::argument(message, "partNumber", &number.to_string())
    })
}

enum Found {
    /// To be answered.
    Object(Box<FoundObject>),
    /// The object was replaced while it was looked at.
    Again,
    /// The client has it already.
    Answered(Response),
}

struct FoundObject {
    object: OpenObject,
    /// The bytes to send.
    range: Range<u64>,
    /// Whether the answer is to be a partial one.
    is_partial: bool,
    parts_count: Option<u16>,
    checksum: Option<Checksum>,
}

async fn find(call: &Call<'_>, bucket: &BucketInfo, request: &ReadRequest) -> Result<Found, S3Error> {
    let version = version_named(request.version_id.as_deref())?;
    let object = call.shared.objects.open(bucket, &request.key, version).await?;
    let info = object.info();
    match request.condition.verdict(&info.etag, info.modified) {
        Verdict::Holds => {}
        Verdict::NotModified => return Ok(Found::Answered(not_modified(info))),
        Verdict::Failed => return Err(failed(&request.condition)),
    }
    let size = info.size_bytes;
    if let Some(number) = request.part_number {
        let part = match call.shared.objects.part_range(&object, number).await {
            Err(ObjectError::Replaced) => return Ok(Found::Again),
            other => other?.ok_or_else(|| no_such_part(number, info))?,
        };
        let parts_count = info.parts;
        let checksum = if parts_count.is_some() { part.checksum } else { info.checksum.clone() };
        let is_partial = size > 0;
        return Ok(found(object, part.range, is_partial, parts_count, checksum));
    }
    let asked = request
        .range
        .as_deref()
        .filter(|_| request.if_range.as_deref().is_none_or(|if_range| range::if_range_holds(if_range, info)));
    let range = asked.map(|asked| range::of_read(asked, size)).transpose()?.flatten();
    let checksum = if range.is_none() { info.checksum.clone() } else { None };
    let is_partial = range.is_some();
    Ok(found(object, range.unwrap_or(0..size), is_partial, None, checksum))
}

fn found(
    object: OpenObject,
    range: Range<u64>,
    is_partial: bool,
    parts_count: Option<u16>,
    checksum: Option<Checksum>,
) -> Found {
    Found::Object(Box::new(FoundObject { object, range, is_partial, parts_count, checksum }))
}

fn no_such_part(number: u16, info: &ObjectInfo) -> S3Error {
    S3Error::new(ErrorCode::InvalidPartNumber)
        .with("ActualPartCount", info.parts.unwrap_or(1).to_string())
        .with("PartNumberRequested", number.to_string())
}

fn failed(condition: &ReadCondition) -> S3Error {
    let name = if condition.if_match.is_some() { "If-Match" } else { "If-Unmodified-Since" };
    S3Error::new(ErrorCode::PreconditionFailed).with("Condition", name)
}

/// 304 with the headers that a cache needs.
fn not_modified(info: &ObjectInfo) -> Response {
    let all = described(info);
    let kept = GetObjectOutput {
        etag: all.etag,
        last_modified: all.last_modified,
        cache_control: all.cache_control,
        expires: all.expires,
        version_id: all.version_id,
        ..GetObjectOutput::default()
    };
    let mut headers = HeaderMap::new();
    kept.write(&mut headers, &mut Vec::new());
    build(StatusCode::NOT_MODIFIED, headers, ResponseBody::empty())
}

/// What every answer says of the object.
fn described(info: &ObjectInfo) -> GetObjectOutput {
    let class = storage_class_word(info.storage_class).filter(|class| *class != StorageClass::Standard);
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        last_modified: Some(seconds_of(info.modified)),
        etag: Some(format!("\"{}\"", info.etag)),
        version_id: (!info.version.is_null()).then(|| version_text(info.version)),
        storage_class: class,
        ..GetObjectOutput::default()
    };
    show(&info.attributes, &mut output);
    output
}

/// HTTP dates know no finer time.
fn seconds_of(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.seconds() * 1000)
}

fn head(request: &ReadRequest, found: &FoundObject) -> (StatusCode, HeaderMap) {
    let info = found.object.info();
    let mut output = described(info);
    output.content_length = Some(found.range.end - found.range.start);
    if found.is_partial {
        output.content_range = Some(range::content_range(&found.range, info.size_bytes));
    }
    output.parts_count = found.parts_count.map(u32::from);
    if request.wants_checksum {
        show_checksum!(output, found.checksum.as_ref());
        // A part shows its own value, and of which type the object's is.
        let of_part =
            found.checksum.as_ref().and(info.checksum.as_ref()).filter(|_| found.parts_count.is_some());
        output.checksum_type = of_part.map(|checksum| type_word(checksum.kind)).or(output.checksum_type);
    }
    override_headers(&mut output, &request.overrides);
    let mut headers = HeaderMap::with_capacity(24);
    output.write(&mut headers, &mut Vec::new());
    (range::status(found.is_partial.then_some(&found.range)), headers)
}

fn override_headers(output: &mut GetObjectOutput, overrides: &Overrides) {
    for (slot, value) in [
        (&mut output.cache_control, &overrides.cache_control),
        (&mut output.content_disposition, &overrides.content_disposition),
        (&mut output.content_encoding, &overrides.content_encoding),
        (&mut output.content_language, &overrides.content_language),
        (&mut output.content_type, &overrides.content_type),
        (&mut output.expires, &overrides.expires),
    ] {
        if value.is_some() {
            slot.clone_from(value);
        }
    }
}

/// The bytes to begin with: all of them for a small answer, so that the client gets an error and not half of it if they
/// cannot be read. None where the object was replaced meanwhile.
async fn first_bytes(reader: &mut ObjectReader, size: u64) -> Result<Option<Bytes>, S3Error> {
    let mut held: Vec<u8> = Vec::new();
    loop {
        let next = match reader.next().await {
            Some(Err(ObjectError::Replaced)) => return Ok(None),
            Some(other) => other?,
            None if held.len() as u64 == size => return Ok(Some(Bytes::from(held))),
            None => {
                tracing::error!(size, found = held.len(), "an object has fewer bytes than its record says");
                return Err(S3Error::new(ErrorCode::InternalError));
            }
        };
        if held.is_empty() && (next.len() as u64 == size || size > WHOLE_ANSWER_BYTES_MAX) {
            return Ok(Some(next));
        }
        held.extend_from_slice(&next);
        if held.len() as u64 >= size {
            return Ok(Some(Bytes::from(held)));
        }
    }
}
