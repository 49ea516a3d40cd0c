//! An entry: what a request was and how it ended, in MinIO's format, version 1. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use model::time::Timestamp;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::redaction::{cut, decoded, headers, query};

/// The version of the format.
const VERSION: &str = "1";

/// What is known of a request when it is over.
#[derive(Debug)]
pub struct AuditedRequest<'a> {
    /// When it came.
    pub time: Timestamp,
    /// The operation, by its name in AWS's documentation.
    pub name: &'a str,
    /// The bucket, or empty.
    pub bucket: &'a str,
    /// The key, or empty.
    pub object: &'a str,
    /// The status of the answer; 499 where the client did not wait for one.
    pub status: u16,
    /// Bytes of the body that came.
    pub received_bytes: u64,
    /// Bytes of the answer's body that went.
    pub sent_bytes: u64,
    /// Until the head of the answer was ready.
    pub first_byte: Duration,
    /// Until the last byte of the answer was taken.
    pub whole: Duration,
    /// Whom the request comes from.
    pub client: IpAddr,
    /// The path, as it was sent.
    pub path: &'a str,
    /// The query, as it was sent.
    pub query: &'a str,
    /// The headers of the request.
    pub request_headers: &'a HeaderMap,
    /// The headers of the answer.
    pub response_headers: &'a HeaderMap,
}

#[derive(Serialize)]
struct Line<'a> {
    version: &'static str,
    deploymentid: &'a str,
    time: String,
    event: &'static str,
    trigger: &'static str,
    api: Api<'a>,
    remotehost: String,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "userAgent")]
    user_agent: String,
    #[serde(rename = "requestPath")]
    path: String,
    #[serde(rename = "requestHost")]
    host: String,
    #[serde(rename = "requestQuery")]
    query: BTreeMap<String, String>,
    #[serde(rename = "requestHeader")]
    request_headers: BTreeMap<String, String>,
    #[serde(rename = "responseHeader")]
    response_headers: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    #[serde(rename = "accessKey")]
    access_key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Api<'a> {
    name: &'a str,
    bucket: &'a str,
    object: String,
    status: &'static str,
    status_code: u16,
    rx: u64,
    tx: u64,
    time_to_first_byte: String,
    #[serde(rename = "timeToFirstByteInNS")]
    time_to_first_byte_ns: String,
    time_to_response: String,
    #[serde(rename = "timeToResponseInNS")]
    time_to_response_ns: String,
}

/// The entry of a request: a JSON object without its last brace, which the chain adds.
pub(crate) fn of_request(store: &str, request: &AuditedRequest<'_>) -> String {
    let text = |name| text_of(request.request_headers, name);
    let response_id = text_of(request.response_headers, "x-amz-request-id");
    let line = Line {
        version: VERSION,
        deploymentid: store,
        time: rfc3339(request.time),
        event: "",
        trigger: "incoming",
        api: api(request),
        remotehost: request.client.to_string(),
        request_id: response_id,
        user_agent: text(header::USER_AGENT.as_str()),
        path: cut(request.path),
        host: text(header::HOST.as_str()),
        query: query(request.query),
        request_headers: headers(request.request_headers),
        response_headers: headers(request.response_headers),
        tags: BTreeMap::new(),
        access_key: cut(&access_key(request.request_headers, request.query)),
    };
    without_brace(serde_json::to_string(&line).unwrap_or_default())
}

fn api<'a>(request: &AuditedRequest<'a>) -> Api<'a> {
    let status = match request.status {
        499 => "Client Closed Request",
        code => StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).unwrap_or_default(),
    };
    let (first, whole) = (request.first_byte.as_nanos(), request.whole.as_nanos());
    Api {
        name: request.name,
        bucket: request.bucket,
        object: cut(request.object),
        status,
        status_code: request.status,
        rx: request.received_bytes,
        tx: request.sent_bytes,
        time_to_first_byte: format!("{first}ns"),
        time_to_first_byte_ns: first.to_string(),
        time_to_response: format!("{whole}ns"),
        time_to_response_ns: whole.to_string(),
    }
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Said {
    /// Entries that were lost before this line.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) dropped: u64,
    /// Bytes of an unfinished line at the end of the file before.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) torn_bytes: u64,
    /// Up to where the log had come by its own notes, though it ends before.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) missing_up_to: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct OwnLine<'a> {
    version: &'static str,
    deploymentid: &'a str,
    time: String,
    event: &'a str,
    trigger: &'static str,
    audit: Said,
}

/// A chain begins, or goes on after a start.
pub(crate) const BEGIN: &str = "AuditBegin";
/// Entries are missing here.
pub(crate) const GAP: &str = "AuditGap";
/// The server stopped as it should.
pub(crate) const END: &str = "AuditEnd";

/// An entry of the log about itself, without its last brace.
pub(crate) fn of_log(store: &str, time: Timestamp, event: &str, said: Said) -> String {
    let time = rfc3339(time);
    let line = OwnLine { version: VERSION, deploymentid: store, time, event, trigger: "audit", audit: said };
    without_brace(serde_json::to_string(&line).unwrap_or_default())
}

fn without_brace(mut object: String) -> String {
    object.pop();
    object
}

fn text_of(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| cut(&String::from_utf8_lossy(value.as_bytes()))).unwrap_or_default()
}

/// Who the request says it is from; whether that is true the status tells.
fn access_key(headers: &HeaderMap, query: &str) -> String {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(claim) = header.strip_prefix("AWS ") {
        return claim.split(':').next().unwrap_or_default().trim().to_owned();
    }
    if let Some((_, credential)) = header.split_once("Credential=") {
        return credential.split(['/', ',']).next().unwrap_or_default().trim().to_owned();
    }
    let parameter = |wanted: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == wanted)
            .map(|pair| pair.1)
    };
    let claim = parameter("X-Amz-Credential").or_else(|| parameter("AWSAccessKeyId")).unwrap_or_default();
    decoded(claim).split('/').next().unwrap_or_default().to_owned()
}

fn rfc3339(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.millis()) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    time.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::Value;

    use super::*;

    fn entry(change: impl FnOnce(&mut AuditedRequest<'_>, &mut HeaderMap)) -> Value {
        let (mut asked, mut answered) = (HeaderMap::new(), HeaderMap::new());
        let signed = "AWS4-HMAC-SHA256 Credential=AKID/20300101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=hidden";
        asked.insert("authorization", HeaderValue::from_static(signed));
        asked.insert("user-agent", HeaderValue::from_static("boto3"));
        asked.insert("host", HeaderValue::from_static("s3.example:9000"));
        answered.insert("x-amz-request-id", HeaderValue::from_static("17C0"));
        let empty = HeaderMap::new();
        let mut request = AuditedRequest {
            time: Timestamp::from_millis(1_900_000_000_123),
            name: "PutObject",
            bucket: "bucket",
            object: "a/\"b\"",
            status: 200,
            received_bytes: 5,
            sent_bytes: 7,
            first_byte: Duration::from_millis(2),
            whole: Duration::from_millis(3),
            client: "192.0.2.1".parse().unwrap(),
            path: "/bucket/a/%22b%22",
            query: "X-Amz-Signature=hidden&partNumber=1",
            request_headers: &empty,
            response_headers: &answered,
        };
        change(&mut request, &mut asked);
        let request = AuditedRequest { request_headers: &asked, ..request };
        let text = of_request("store", &request);
        assert!(!text.contains("hidden"), "{text}");
        serde_json::from_str(&format!("{text}}}")).unwrap()
    }

    #[test]
    fn an_entry_has_the_fields_that_tools_of_minio_read() {
        let entry = entry(|_, _| {});
        assert_eq!(entry["version"], "1");
        assert_eq!((&entry["deploymentid"], &entry["trigger"]), (&"store".into(), &"incoming".into()));
        assert_eq!(entry["time"], "2030-03-17T17:46:40.123000000Z");
        let api = &entry["api"];
        assert_eq!(
            (&api["name"], &api["bucket"], &api["object"]),
            (&"PutObject".into(), &"bucket".into(), &"a/\"b\"".into())
        );
        assert_eq!((&api["status"], &api["statusCode"]), (&"OK".into(), &200.into()));
        assert_eq!((&api["rx"], &api["tx"]), (&5.into(), &7.into()));
        assert_eq!(
            (&api["timeToFirstByte"], &api["timeToResponse"]),
            (&"2000000ns".into(), &"3000000ns".into())
        );
        assert_eq!(entry["remotehost"], "192.0.2.1");
        assert_eq!((&entry["requestID"], &entry["userAgent"]), (&"17C0".into(), &"boto3".into()));
        assert_eq!(entry["requestPath"], "/bucket/a/%22b%22");
        assert_eq!(entry["requestQuery"]["partNumber"], "1");
        assert_eq!(entry["accessKey"], "AKID");
        assert!(entry["tags"].is_object() && entry["responseHeader"].is_object());
    }

    #[test]
    fn who_asks_is_found_in_every_kind_of_signature() {
        let found = |header: Option<&'static str>, query: &'static str| {
            let entry = entry(|request, headers| {
                request.query = query;
                headers.remove("authorization");
                header.map(|text| headers.insert("authorization", HeaderValue::from_static(text)));
            });
            entry["accessKey"].as_str().unwrap().to_owned()
        };
        assert_eq!(found(Some("AWS OLD:hidden"), ""), "OLD");
        assert_eq!(found(None, "X-Amz-Credential=IN%2FURL%2Fa&X-Amz-Signature=hidden"), "IN");
        assert_eq!(found(None, "AWSAccessKeyId=V2&Signature=hidden"), "V2");
        assert_eq!(found(None, ""), "");
        assert_eq!(found(Some("Bearer hidden"), ""), "");
    }

    #[test]
    fn a_client_that_went_is_told_of() {
        let entry = entry(|request, _| request.status = 499);
        assert_eq!(entry["api"]["status"], "Client Closed Request");
    }
}
