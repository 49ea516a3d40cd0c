//! The client's side, by the same canonical form: for tests and for load generators.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, header};
use ring::hmac;

use super::canonical::{Attempt, Canonical, Spelling, encode};
use super::chunk::{ChunkSeed, tag_bytes};
use super::date::AmzDate;
use super::key::{self, SigningKey};
use super::payload;
use super::scope::Scope;
use super::verify::string_to_sign;
use super::{HostView, Request};

/// Credentials and what they are used for.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// Whose.
    pub access_key: &'a str,
    /// Never sent.
    pub secret: &'a str,
    /// Of temporary credentials.
    pub session_token: Option<&'a str>,
    /// `us-east-1`.
    pub region: &'a str,
    /// `s3`.
    pub service: &'a str,
}

/// What to sign.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `GET`.
    pub method: &'a str,
    /// Percent-encoded.
    pub path: &'a str,
    /// Percent-encoded, without `?`.
    pub query: &'a str,
    /// With its port unless that is the default one.
    pub host: &'a str,
}

impl Signer<'_> {
    /// Adds `x-amz-date`, `x-amz-content-sha256`, the session token and `Authorization` to the headers, all of which are
    /// signed, and gives the seed for chunks. `payload` is the value of `x-amz-content-sha256`. Values that no header can
    /// hold are left out.
    pub fn sign(
        &self,
        target: &Target<'_>,
        headers: &mut HeaderMap,
        date: &AmzDate,
        payload: &str,
    ) -> ChunkSeed {
        set(headers, "x-amz-date", date.as_str());
        set(headers, payload::HEADER, payload);
        if let Some(token) = self.session_token {
            set(headers, "x-amz-security-token", token);
        }
        let signed_headers = signed_headers(headers);
        let scope = self.scope_text(date);
        let (key, signature) = self.signature(target, headers, date, &signed_headers, payload);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={}",
            self.access_key,
            hex::encode(signature)
        );
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(AUTHORIZATION, value);
        }
        ChunkSeed::new(key, date.as_str(), &scope, signature)
    }

    /// The query of a presigned URL, that of the target included. `headers` are signed and have to be sent with it.
    pub fn presign(
        &self,
        target: &Target<'_>,
        headers: &HeaderMap,
        date: &AmzDate,
        lifetime_seconds: u32,
    ) -> String {
        let signed_headers = signed_headers(headers);
        let credential = format!("{}/{}", self.access_key, self.scope_text(date));
        let lifetime = lifetime_seconds.to_string();
        let mut query = target.query.as_bytes().to_vec();
        let parameters = [
            ("X-Amz-Algorithm", Some("AWS4-HMAC-SHA256")),
            ("X-Amz-Credential", Some(credential.as_str())),
            ("X-Amz-Date", Some(date.as_str())),
            ("X-Amz-Expires", Some(lifetime.as_str())),
            ("X-Amz-Security-Token", self.session_token),
            ("X-Amz-SignedHeaders", Some(signed_headers.as_str())),
        ];
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            encode(value, false, &mut query);
        }
        let query = String::from_utf8_lossy(&query).into_owned();
        let target = Target { query: &query, ..*target };
        let (_, signature) = self.signature(&target, headers, date, &signed_headers, payload::UNSIGNED);
        format!("{query}&X-Amz-Signature={}", hex::encode(signature))
    }

    fn signature(
        &self,
        target: &Target<'_>,
        headers: &HeaderMap,
        date: &AmzDate,
        signed_headers: &str,
        payload: &str,
    ) -> (SigningKey, [u8; 32]) {
        let host = HostView { host: target.host, forwarded_hosts: &[] };
        let request =
            Request { method: target.method, path: target.path, query: target.query, headers, host };
        let attempt = Attempt {
            host: target.host,
            path: Spelling::Canonical,
            query: Spelling::Canonical,
            accept_encoding: None,
        };
        let mut canonical = Vec::with_capacity(1_024);
        Canonical { request: &request, signed_headers, payload }.write(&attempt, &mut canonical);
        let mut text = String::new();
        string_to_sign(date.as_str(), &self.scope_text(date), &canonical, &mut text);
        let key =
            key::derive(self.secret, &Scope { day: date.day(), region: self.region, service: self.service });
        let signature = tag_bytes(&hmac::sign(&key, text.as_bytes()));
        (key, signature)
    }

    fn scope_text(&self, date: &AmzDate) -> String {
        format!("{}/{}/{}/aws4_request", date.day(), self.region, self.service)
    }
}

/// All headers but those which proxies and HTTP libraries change, and `host`, sorted.
fn signed_headers(headers: &HeaderMap) -> String {
    let changed = [
        AUTHORIZATION,
        header::USER_AGENT,
        header::EXPECT,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::HOST,
    ];
    let sent = headers.keys().filter(|name| !changed.contains(name)).map(HeaderName::as_str);
    let mut names: Vec<Cow<'_, str>> = sent.chain(["host"]).map(Cow::Borrowed).collect();
    names.sort_unstable();
    names.join(";")
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
