//! Requests on their way: signed, sent, and what became of them.

use bytes::Bytes;
use env::Env;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use outbound::{AskLimits, Outbound, OutboundError, Trust};
use ring::digest::{SHA256, digest};
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};

use super::answer::Outcome;
use super::{AdminRequest, Endpoint};
use crate::config::{ClientKeys, RootKeys, SecretText};

/// Servers take signatures for any region; this is the one that every tool knows.
const REGION: &str = "us-east-1";

/// What an answer may cost: a store may have many users, and a drive that hangs keeps it waiting.
const LIMITS: AskLimits = AskLimits { time: std::time::Duration::from_secs(60), answer_bytes: 64 << 20 };

/// What signs.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    access_key: String,
    secret: SecretText,
    session_token: Option<SecretText>,
    /// Whether nobody has chosen them.
    is_default: bool,
}

impl Keys {
    /// The pair that everybody knows.
    pub(crate) fn documented() -> Self {
        let pair = RootKeys::documented();
        Self { access_key: pair.access_key, secret: pair.secret_key, session_token: None, is_default: true }
    }
}

impl From<ClientKeys> for Keys {
    fn from(keys: ClientKeys) -> Self {
        Self {
            access_key: keys.pair.access_key,
            secret: keys.pair.secret_key,
            session_token: keys.session_token,
            is_default: keys.pair.is_default,
        }
    }
}

/// A server that can be asked.
#[derive(Debug)]
pub(crate) struct Connection {
    env: Env,
    endpoint: Endpoint,
    outbound: Outbound,
}

impl Connection {
    /// `authority`: certificates in PEM to believe besides those of the system. The error is what is wrong with them.
    pub(crate) fn new(env: &Env, endpoint: Endpoint, authority: Option<&str>) -> Result<Self, String> {
        let authorities: Vec<&[u8]> = authority.iter().map(|text| text.as_bytes()).collect();
        let trust = Trust::new(&authorities, None).map_err(|error| error.to_string())?;
        Ok(Self { env: env.clone(), endpoint, outbound: Outbound::new(env, &trust) })
    }

    /// Asks, and judges the answer.
    pub(crate) async fn ask(&self, request: &AdminRequest, keys: Option<&Keys>) -> Outcome {
        let is_default = keys.is_some_and(|keys| keys.is_default);
        match self.send(request, keys.filter(|_| request.is_signed), LIMITS).await {
            Ok(answer) => Outcome::of_answer(
                answer.status().as_u16(),
                answer.body(),
                is_default,
                &self.endpoint.to_string(),
            ),
            Err(error) => Outcome::unreachable(&error, &self.endpoint.to_string()),
        }
    }

    /// Sends it, signed where there are keys.
    ///
    /// # Errors
    /// Where no answer comes.
    pub(crate) async fn send(
        &self,
        request: &AdminRequest,
        keys: Option<&Keys>,
        limits: AskLimits,
    ) -> Result<Response<Bytes>, OutboundError> {
        let headers = headers(request, &self.endpoint, keys, self.env.clock.now().millis());
        let url = self.endpoint.url(&request.path, &request.query);
        let built = Request::builder().method(request.method.clone()).uri(url);
        let mut built = built.body(Bytes::from(request.body.clone())).map_err(|_| OutboundError::Address)?;
        built.headers_mut().extend(headers);
        self.outbound.ask(built, limits).await
    }
}

/// The headers of a request: pure, so that what is signed can be compared with what is sent.
fn headers(
    request: &AdminRequest,
    endpoint: &Endpoint,
    keys: Option<&Keys>,
    now_milliseconds: u64,
) -> HeaderMap {
    let host = endpoint.host_header();
    let mut headers = HeaderMap::new();
    if !request.body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let date = AmzDate::from_unix_milliseconds(i64::try_from(now_milliseconds).unwrap_or(i64::MAX));
    if let (Some(keys), Some(date)) = (keys, date) {
        let signer = Signer {
            access_key: &keys.access_key,
            secret: keys.secret.reveal(),
            session_token: keys.session_token.as_ref().map(SecretText::reveal),
            region: REGION,
            service: "s3",
        };
        let target = Target {
            method: request.method.as_str(),
            path: &request.path,
            query: &request.query,
            host: &host,
        };
        let payload = hex::encode(digest(&SHA256, &request.body));
        let _seed = signer.sign(&target, &mut headers, &date, &payload);
    }
    if let Ok(host) = HeaderValue::from_str(&host) {
        headers.insert(header::HOST, host);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(session_token: Option<&str>) -> Keys {
        let secret_key = SecretText::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        Keys::from(ClientKeys {
            pair: RootKeys { access_key: "AKIDEXAMPLE".into(), secret_key, is_default: false },
            session_token: session_token.map(|token| SecretText::new(token.to_owned())),
        })
    }

    #[test]
    fn everything_that_matters_is_signed_and_no_secret_is_sent() {
        let endpoint = Endpoint::parse("http://store:9000").unwrap();
        let inputs = super::super::request::Inputs {
            line: &|_| Ok("new-secret".to_owned()),
            text: &|_| Ok(String::new()),
            secret: &String::new,
        };
        let add = crate::cli::UserCommand::Add { name: "a b".into(), secret: Default::default() };
        let request = super::super::request::request(&crate::cli::AdminCommand::User(add), &inputs).unwrap();
        let headers = headers(&request, &endpoint, Some(&keys(Some("token"))), 1_369_353_600_000);
        let of = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(of("host"), "store:9000");
        assert_eq!(of("x-amz-date"), "20130524T000000Z");
        assert_eq!(of("x-amz-content-sha256"), hex::encode(digest(&SHA256, &request.body)));
        let signed = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
        assert!(of("authorization").contains(signed), "{}", of("authorization"));
        assert!(!format!("{headers:?}").contains("wJalr"), "{headers:?}");
    }

    #[test]
    fn a_request_without_keys_says_nobody() {
        let endpoint = Endpoint::parse("http://store").unwrap();
        let inputs = super::super::request::Inputs {
            line: &|_| Ok(String::new()),
            text: &|_| Ok(String::new()),
            secret: &String::new,
        };
        let request = super::super::request::request(&crate::cli::AdminCommand::Health, &inputs).unwrap();
        let headers = headers(&request, &endpoint, None, 0);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["host"], "store");
    }
}
