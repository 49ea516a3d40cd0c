//! Credentials in the header: `Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.

use std::borrow::Cow;

use http::HeaderValue;

use super::date::{self, AmzDate};
use super::error::AuthError;
use super::payload;
use super::scope::Credential;
use super::verify::{self, Claim};
use super::{Options, PayloadKind, Request, SKEW_MILLISECONDS_MAX};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The three components, as sent.
struct Parts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Reads the header and checks all that needs no secret.
pub(super) fn claim<'a>(
    request: &Request<'a>,
    value: &'a HeaderValue,
    now: i64,
    options: Options<'a>,
) -> Result<Claim<'a>, AuthError> {
    if request.headers.get_all(http::header::AUTHORIZATION).iter().nth(1).is_some() {
        return Err(malformed("there is more than one."));
    }
    let parts = Parts::parse(value)?;
    let credential = Credential::parse(parts.credential, options).map_err(malformed)?;
    let signature = verify::signature(parts.signature)
        .ok_or_else(|| malformed("the Signature is not 64 hexadecimal digits."))?;
    if !verify::is_header_list(parts.signed_headers) {
        return Err(malformed("SignedHeaders must be header names separated by semicolons."));
    }
    let date = AmzDate::of_headers(request.headers).ok_or(AuthError::MissingDate)?;
    check_date(&date, credential.scope.day, now)?;
    verify::check_signed_headers(request.headers, parts.signed_headers)?;
    let (payload_text, payload) = payload(request, &credential, options)?;
    let session_token =
        request.headers.get("x-amz-security-token").map(|token| String::from_utf8_lossy(token.as_bytes()));
    Ok(Claim {
        request: *request,
        access_key: Cow::Borrowed(credential.access_key),
        scope_text: Cow::Borrowed(credential.scope_text),
        date,
        signed_headers: Cow::Borrowed(parts.signed_headers),
        signature,
        payload_text,
        payload,
        session_token,
        presigned: false,
    })
}

impl<'a> Parts<'a> {
    fn parse(value: &'a HeaderValue) -> Result<Self, AuthError> {
        let text = value.to_str().map_err(|_| malformed("it holds characters outside of ASCII."))?.trim();
        let (scheme, rest) = text.split_once([' ', ',']).unwrap_or((text, ""));
        if scheme != ALGORITHM {
            return Err(unsupported(scheme));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let slot = match part.split_once('=') {
                Some(("Credential", value)) => credential.replace(value),
                Some(("SignedHeaders", value)) => signed_headers.replace(value),
                Some(("Signature", value)) => signature.replace(value),
                _ => {
                    return Err(malformed(
                        "it may have Credential, SignedHeaders and Signature, nothing else.",
                    ));
                }
            };
            if slot.is_some() {
                return Err(malformed("a component is there twice."));
            }
        }
        let missing = |name: &str| {
            malformed(format!(
                "the authorization header requires three components: Credential, SignedHeaders, and \
                 Signature; {name} is missing."
            ))
        };
        Ok(Self {
            credential: credential.ok_or_else(|| missing("Credential"))?,
            signed_headers: signed_headers.ok_or_else(|| missing("SignedHeaders"))?,
            signature: signature.ok_or_else(|| missing("Signature"))?,
        })
    }
}

fn unsupported(scheme: &str) -> AuthError {
    // `AWS key:signature` is version 2; AWS4-ECDSA-P256-SHA256 is the version of many regions.
    if scheme == "AWS" || scheme.starts_with("AWS4-") {
        AuthError::UnsupportedMechanism
    } else {
        AuthError::UnsupportedScheme { scheme: scheme.to_owned() }
    }
}

fn check_date(date: &AmzDate, day: &str, now: i64) -> Result<(), AuthError> {
    if date.day() != day {
        return Err(malformed(format!(
            r#"Invalid credential date "{day}". This date is not the same as X-Amz-Date: "{}"."#,
            date.day()
        )));
    }
    if (now - date.unix_milliseconds).abs() > SKEW_MILLISECONDS_MAX {
        return Err(AuthError::TooSkewed {
            request_time: date.as_str().to_owned(),
            server_time: date::extended(now),
        });
    }
    Ok(())
}

fn payload<'a>(
    request: &Request<'a>,
    credential: &Credential<'_>,
    options: Options<'_>,
) -> Result<(Cow<'a, str>, PayloadKind), AuthError> {
    match (payload::header(request.headers)?, options.sts_body_sha256) {
        (Some(text), _) => Ok((Cow::Borrowed(text), PayloadKind::parse(text)?)),
        (None, Some(digest)) if credential.scope.service == "sts" => {
            Ok((Cow::Owned(hex::encode(digest)), PayloadKind::Sha256(*digest)))
        }
        _ => Err(AuthError::MissingHeader { header: payload::HEADER }),
    }
}

fn malformed(detail: impl Into<String>) -> AuthError {
    AuthError::HeaderMalformed { detail: detail.into() }
}
