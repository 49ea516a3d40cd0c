//! Credentials in the query: presigned URLs.

use std::borrow::Cow;

use super::canonical::decode_query_value;
use super::date::{self, AmzDate};
use super::error::AuthError;
use super::payload;
use super::scope::Credential;
use super::verify::{self, Claim};
use super::{Options, PayloadKind, Request, SKEW_MILLISECONDS_MAX};

/// A week, in seconds: no URL lives longer.
const LIFETIME_SECONDS_MAX: i64 = 604_800;

/// The parameters of a presigned URL, decoded, none of them checked.
#[derive(Debug, Default)]
pub(super) struct QueryAuth<'a> {
    algorithm: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    session_token: Option<Cow<'a, str>>,
    content_sha256: Option<Cow<'a, str>>,
}

impl<'a> QueryAuth<'a> {
    /// The credentials of a query, if it has any.
    pub(super) fn find(query: &'a str) -> Result<Option<Self>, AuthError> {
        let mut found = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match key {
                "X-Amz-Algorithm" => &mut found.algorithm,
                "X-Amz-Credential" => &mut found.credential,
                "X-Amz-Date" => &mut found.date,
                "X-Amz-Expires" => &mut found.expires,
                "X-Amz-SignedHeaders" => &mut found.signed_headers,
                "X-Amz-Signature" => &mut found.signature,
                "X-Amz-Security-Token" => &mut found.session_token,
                "X-Amz-Content-Sha256" => &mut found.content_sha256,
                // Version 2.
                "AWSAccessKeyId" => return Err(AuthError::UnsupportedMechanism),
                _ => continue,
            };
            if slot.replace(decode_query_value(value)).is_some() {
                return Err(malformed(format!(
                    "The query parameter {key} is there more than once; send it once."
                )));
            }
        }
        let any = found.algorithm.is_some() || found.credential.is_some() || found.signature.is_some();
        Ok(any.then_some(found))
    }
}

/// Checks all that needs no secret.
pub(super) fn claim<'a>(
    request: &Request<'a>,
    query: QueryAuth<'a>,
    now: i64,
    options: Options<'a>,
) -> Result<Claim<'a>, AuthError> {
    let (Some(algorithm), Some(credential), Some(date), Some(expires), Some(signed_headers), Some(signature)) =
        (query.algorithm, query.credential, query.date, query.expires, query.signed_headers, query.signature)
    else {
        return Err(malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
             X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    };
    if algorithm != "AWS4-HMAC-SHA256" {
        return Err(malformed(r#"X-Amz-Algorithm only supports "AWS4-HMAC-SHA256""#));
    }
    let date = AmzDate::parse(&date).ok_or_else(|| {
        malformed(r#"X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'""#)
    })?;
    let parsed = Credential::parse(&credential, options)
        .map_err(|detail| malformed(format!("Error parsing the X-Amz-Credential parameter; {detail}")))?;
    if parsed.scope.day != date.day() {
        let (day, signed) = (parsed.scope.day, date.day());
        return Err(malformed(format!(
            "Error parsing the X-Amz-Credential parameter; Invalid credential date \"{day}\". \
             This date is not the same as X-Amz-Date: \"{signed}\"."
        )));
    }
    check_time(&date, &expires, now)?;
    if !verify::is_header_list(&signed_headers) {
        return Err(malformed("X-Amz-SignedHeaders must be header names separated by semicolons."));
    }
    let signature = verify::signature(&signature)
        .ok_or_else(|| malformed("X-Amz-Signature must be 64 hexadecimal digits."))?;
    verify::check_signed_headers(request.headers, &signed_headers)?;
    let (payload_text, payload) = payload(request, query.content_sha256, &parsed, options)?;
    Ok(Claim {
        request: *request,
        access_key: Cow::Owned(parsed.access_key.to_owned()),
        scope_text: Cow::Owned(parsed.scope_text.to_owned()),
        date,
        signed_headers,
        signature,
        payload_text,
        payload,
        session_token: query.session_token,
        presigned: true,
    })
}

fn check_time(date: &AmzDate, expires: &str, now: i64) -> Result<(), AuthError> {
    let lifetime: i64 = expires.parse().map_err(|_| malformed("X-Amz-Expires should be a number"))?;
    if lifetime < 0 {
        return Err(malformed("X-Amz-Expires must be non-negative"));
    }
    if lifetime > LIFETIME_SECONDS_MAX {
        return Err(malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be \
             less than 604800 seconds",
        ));
    }
    if date.unix_milliseconds - now > SKEW_MILLISECONDS_MAX {
        return Err(AuthError::NotYetValid {
            request_time: date.as_str().to_owned(),
            server_time: date::extended(now),
        });
    }
    let end = date.unix_milliseconds + lifetime * 1_000;
    if now >= end {
        return Err(AuthError::Expired {
            lifetime_seconds: u32::try_from(lifetime).unwrap_or_default(),
            expires: date::extended(end),
            server_time: date::extended(now),
        });
    }
    Ok(())
}

/// The digest that was signed: of the header (which then is signed too), of the query, or none.
fn payload<'a>(
    request: &Request<'a>,
    in_query: Option<Cow<'a, str>>,
    credential: &Credential<'_>,
    options: Options<'_>,
) -> Result<(Cow<'a, str>, PayloadKind), AuthError> {
    if credential.scope.service == "sts" {
        let digest = options.sts_body_sha256.copied().unwrap_or_default();
        return Ok((Cow::Owned(hex::encode(digest)), PayloadKind::Sha256(digest)));
    }
    let text = match (payload::header(request.headers)?, in_query) {
        (Some(text), _) => Cow::Borrowed(text),
        (None, Some(text)) => text,
        (None, None) => Cow::Borrowed(payload::UNSIGNED),
    };
    let kind = PayloadKind::parse(&text)?;
    Ok((text, kind))
}

fn malformed(detail: impl Into<String>) -> AuthError {
    AuthError::QueryMalformed { detail: detail.into() }
}
