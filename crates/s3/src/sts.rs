//! STS: temporary credentials, asked for by a form on the root of the service.
//!
//! Always true: who asks is known by a signature that covers the body, or by what an identity provider vouches for; nothing else of
//! the body counts before. What is not built is refused by its name.
//!
//! RustFS has no roles to assume: as with MinIO, `AssumeRole` gives a session that acts as who asks, at most as far as the
//! policy goes that comes along, whatever role is named.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>

mod federated;

use std::time::Duration;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use iam::{Action, IamError, Identity, Resource, SESSION_TIME_DEFAULT, SESSION_TIME_MAX, SESSION_TIME_MIN};
use iam::{PolicyFault, ProviderFault, SessionCredentials};
use ring::digest::{SHA256, digest};

use crate::auth::{Options, PayloadKind};
use crate::authorization::Asker;
use crate::error::{ErrorCode, S3Error};
use crate::frontend::{Sender, Shared};
use crate::proxy::Peer;
use crate::request::IncomingBody;
use crate::response::{RequestId, Response, ResponseBody, build};
use crate::route::Target;
use crate::wire::{Query, TimeFormat, XmlWriter, header_text};

/// The name space of everything that STS answers.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// The version of the API.
const VERSION: &str = "2011-06-15";
/// A form is no longer: a policy of 2,048 characters, escaped, tokens and names.
const FORM_BYTES_MAX: usize = 32 << 10;
/// How long a form may take to come.
const FORM_TIME_MAX: Duration = Duration::from_secs(10);

/// What would narrow a session or say more of who asks, and is not built: beginnings of parameters. To leave it out silently would
/// give out more than was asked for.
const NOT_BUILT: [&str; 6] =
    ["PolicyArns.", "Tags.", "TransitiveTagKeys.", "ProvidedContexts.", "SerialNumber", "TokenCode"];

/// Whether a request is for STS: a form, or an action, on the root of the service.
pub(crate) fn is_asked(parts: &Parts, target: &Target<'_>, query: &Query<'_>) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(header_text).unwrap_or_default();
    let is_form = kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
    parts.method == Method::POST && target.bucket.is_none() && (is_form || query.has("Action"))
}

/// An error as STS words it.
#[derive(Debug)]
struct StsError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl StsError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ExpiredTokenException", message)
    }
}

impl From<S3Error> for StsError {
    fn from(error: S3Error) -> Self {
        let code = match error.code {
            // The same faults have other names here.
            ErrorCode::InvalidAccessKeyId | ErrorCode::InvalidToken => "InvalidClientTokenId",
            ErrorCode::ExpiredToken => "ExpiredTokenException",
            code => code.as_str(),
        };
        Self::new(error.status(), code, error.message.into_owned())
    }
}

impl From<IamError> for StsError {
    fn from(error: IamError) -> Self {
        let message = error.to_string();
        match error {
            IamError::Policy(fault) if matches!(fault.fault, PolicyFault::TooLarge { .. }) => {
                Self::new(StatusCode::BAD_REQUEST, "PackedPolicyTooLarge", message)
            }
            IamError::Policy(_) => Self::new(StatusCode::BAD_REQUEST, "MalformedPolicyDocument", message),
            IamError::NotOwnKey | IamError::NotFound { .. } => {
                Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
            }
            IamError::NoPolicy => Self::new(StatusCode::FORBIDDEN, "AccessDenied", message),
            IamError::ProofExpired => Self::expired(message),
            IamError::Provider(fault) => fault.into(),
            IamError::Expiry { .. } => Self::invalid(message),
            IamError::TooMany { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
            }
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message),
        }
    }
}

impl From<ProviderFault> for StsError {
    fn from(fault: ProviderFault) -> Self {
        let message = fault.to_string();
        let code = match fault {
            ProviderFault::Expired => return Self::expired(message),
            ProviderFault::UnknownRole => return Self::invalid(message),
            ProviderFault::Rejected { .. } => {
                return Self::new(StatusCode::FORBIDDEN, "IDPRejectedClaim", message);
            }
            ProviderFault::Unreachable => "IDPCommunicationError",
            ProviderFault::NotConfigured | ProviderFault::Invalid { .. } | ProviderFault::TooMuch { .. } => {
                "InvalidIdentityToken"
            }
        };
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

/// What was asked for: by the form, or else by the query, as older tools do.
struct Asked<'a> {
    form: Query<'a>,
    query: &'a Query<'a>,
}

impl<'a> Asked<'a> {
    fn read(form: &'a [u8], query: &'a Query<'a>) -> Result<Self, StsError> {
        let text = std::str::from_utf8(form).map_err(|_| StsError::invalid("The form is not UTF-8."))?;
        Ok(Self { form: Query::parse(Some(text))?, query })
    }

    /// A parameter that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.form.get(name).or_else(|| self.query.get(name));
        found.filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, StsError> {
        let missing = || {
            let message = format!("The parameter {name} is missing.");
            StsError::new(StatusCode::BAD_REQUEST, "MissingParameter", message)
        };
        self.get(name).ok_or_else(missing)
    }

    /// Refuses what would narrow a session or is of another version, and is not understood.
    fn check(&self) -> Result<(), StsError> {
        if self.get("Version").is_some_and(|version| version != VERSION) {
            return Err(StsError::invalid(format!("The version must be {VERSION}.")));
        }
        let sent = || self.form.iter().chain(self.query.iter());
        let not_built = |(name, _): &(&str, _)| NOT_BUILT.iter().any(|begin| name.starts_with(begin));
        if let Some((name, _)) = sent().find(not_built) {
            let message = format!("The parameter {name} is not implemented by this server.");
            return Err(StsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message));
        }
        if sent().any(|(name, value)| name == "Policy" && value.is_empty()) {
            return Err(StsError::invalid("The policy is empty: leave it out, or say what it allows."));
        }
        Ok(())
    }

    fn session_time(&self) -> Result<Option<Duration>, StsError> {
        self.get("DurationSeconds").map(session_time).transpose()
    }

    fn policy(&self) -> Option<String> {
        self.get("Policy").map(str::to_owned)
    }
}

/// Answers a request for STS.
pub(crate) async fn serve(
    shared: &Shared,
    parts: &Parts,
    query: &Query<'_>,
    body: &mut IncomingBody,
    (peer, id): (Peer, &RequestId<'_>),
) -> Response {
    let answered = answer(shared, parts, query, body, (peer, id)).await;
    answered.unwrap_or_else(|error| refusal(&error, id))
}

async fn answer(
    shared: &Shared,
    parts: &Parts,
    query: &Query<'_>,
    body: &mut IncomingBody,
    (peer, id): (Peer, &RequestId<'_>),
) -> Result<Response, StsError> {
    let form = read_form(shared, body).await?;
    let asked = Asked::read(&form, query)?;
    let action = asked.get("Action").unwrap_or_default();
    if let Some(action) = federated::Action::of_name(action) {
        asked.check()?;
        return federated::answer(shared, parts, action, &asked, id).await;
    }
    if parts.headers.get(header::AUTHORIZATION).is_none() && !query.has("X-Amz-Signature") {
        return Err(unsigned());
    }
    let sender = known(shared, parts, peer, &form)?;
    asked.check()?;
    match action {
        "GetCallerIdentity" => Ok(caller_identity(&sender.who, id)),
        "AssumeRole" => assume_role(shared, &sender, parts, &asked, (peer, id)).await,
        "" => Err(StsError::new(StatusCode::BAD_REQUEST, "MissingAction", "The form names no action.")),
        other => {
            let message = format!("{other} is not implemented by this server.");
            Err(StsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message))
        }
    }
}

async fn assume_role(
    shared: &Shared,
    sender: &Sender,
    parts: &Parts,
    asked: &Asked<'_>,
    (peer, id): (Peer, &RequestId<'_>),
) -> Result<Response, StsError> {
    let who = &sender.who;
    let context = shared.context(sender, parts, peer, asked.query, &parts.headers);
    let asker = Asker { iam: &shared.iam, who, request: &id.request, context: &context };
    // Everybody with keys of their own may have a session, unless a policy denies it.
    if asker.is_denied(Action::StsAssumeRole, Resource::Service) {
        return Err(StsError::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"));
    }
    let time = asked.session_time()?.unwrap_or(SESSION_TIME_DEFAULT);
    let session = shared.iam.assume(who, time, asked.policy()).await?;
    Ok(assumed(who, &session, id))
}

async fn read_form(shared: &Shared, body: &mut IncomingBody) -> Result<BytesMut, StsError> {
    let all = async {
        let mut form = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| StsError::invalid(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                form.extend_from_slice(&data);
            }
            if form.len() > FORM_BYTES_MAX {
                let message = format!("The form is longer than {FORM_BYTES_MAX} bytes.");
                return Err(StsError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message));
            }
        }
        Ok(form)
    };
    let late =
        || StsError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "The form did not come in time.");
    env::within(&*shared.env.clock, FORM_TIME_MAX, all).await.unwrap_or_else(|| Err(late()))
}

fn unsigned() -> StsError {
    let message = "Request is missing Authentication Token";
    StsError::new(StatusCode::FORBIDDEN, "MissingAuthenticationToken", message)
}

/// Who signed, over this very form.
fn known(shared: &Shared, parts: &Parts, peer: Peer, form: &[u8]) -> Result<Sender, StsError> {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, form).as_ref());
    let options = Options { sts_body_sha256: Some(&sha256), ..Options::default() };
    let sender = shared.authenticate(parts, peer, options)?;
    if sender.who.is_anonymous() {
        return Err(unsigned());
    }
    // Who sends the digest of another form, or none, could have been given a signature for something else.
    if sender.payload != PayloadKind::Sha256(sha256) {
        return Err(S3Error::new(ErrorCode::XAmzContentSHA256Mismatch).into());
    }
    Ok(sender)
}

fn session_time(text: &str) -> Result<Duration, StsError> {
    let time = text.parse().ok().map(Duration::from_secs);
    time.filter(|time| (SESSION_TIME_MIN..=SESSION_TIME_MAX).contains(time)).ok_or_else(|| {
        let (least, most) = (SESSION_TIME_MIN.as_secs(), SESSION_TIME_MAX.as_secs());
        StsError::invalid(format!("DurationSeconds must be a number from {least} to {most}, not `{text}`."))
    })
}

fn caller_identity(who: &Identity, id: &RequestId<'_>) -> Response {
    document("GetCallerIdentity", id, |xml| {
        xml.text_element("Arn", who.requester().arn());
        xml.text_element("UserId", who.requester().id());
        xml.text_element("Account", &who.account().to_string());
    })
}

fn assumed(who: &Identity, session: &SessionCredentials, id: &RequestId<'_>) -> Response {
    document("AssumeRole", id, |xml| {
        xml.element("AssumedRoleUser", |xml| {
            xml.text_element("Arn", who.requester().arn());
            xml.text_element("AssumedRoleId", who.requester().id());
        });
        credentials(xml, session);
    })
}

fn credentials(xml: &mut XmlWriter<'_>, session: &SessionCredentials) {
    xml.element("Credentials", |xml| {
        xml.text_element("AccessKeyId", &session.access_key);
        xml.text_element("SecretAccessKey", session.secret_key.as_ref());
        xml.text_element("SessionToken", session.session_token.as_ref());
        xml.time("Expiration", session.expires, TimeFormat::Iso8601);
    });
}

fn document(action: &str, id: &RequestId<'_>, result: impl FnOnce(&mut XmlWriter<'_>)) -> Response {
    let mut body = Vec::with_capacity(1024);
    XmlWriter::new(&mut body).root_in(NAMESPACE, &format!("{action}Response"), |xml| {
        xml.element(&format!("{action}Result"), result);
        xml.element("ResponseMetadata", |xml| xml.text_element("RequestId", &id.request));
    });
    xml_answer(StatusCode::OK, body)
}

fn refusal(error: &StsError, id: &RequestId<'_>) -> Response {
    tracing::debug!(request = id.request, code = error.code, message = error.message, "STS request refused");
    let mut body = Vec::with_capacity(512);
    XmlWriter::new(&mut body).root_in(NAMESPACE, "ErrorResponse", |xml| {
        xml.element("Error", |xml| {
            xml.text_element("Type", if error.status.is_server_error() { "Receiver" } else { "Sender" });
            xml.text_element("Code", error.code);
            xml.text_element("Message", &error.message);
        });
        xml.text_element("RequestId", &id.request);
    });
    xml_answer(error.status, body)
}

fn xml_answer(status: StatusCode, body: Vec<u8>) -> Response {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    // Credentials are for who asked alone.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    build(status, headers, ResponseBody::whole(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_an_hour_or_as_long_as_is_asked_for() {
        let query = Query::parse(None).unwrap();
        let asked = |form: &'static str| Asked::read(form.as_bytes(), &query).unwrap().session_time();
        assert_eq!(asked("").unwrap(), None);
        assert_eq!(asked("DurationSeconds=900").unwrap(), Some(Duration::from_secs(900)));
        for wrong in ["899", "604801", "-1", "1h", "99999999999999999999"] {
            let error = session_time(wrong).unwrap_err();
            assert!(error.message.contains(wrong) && error.code == "ValidationError", "{error:?}");
        }
    }
}
