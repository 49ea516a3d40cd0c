//! Sessions of those for whom an identity provider vouches. They have no keys yet, so they sign nothing.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>; the others are MinIO's.

use std::time::Duration;

use http::StatusCode;
use http::request::Parts;
use iam::{Federated, Proof, Requester, SESSION_TIME_DEFAULT, SessionCredentials, SessionWish};

use super::{Asked, StsError, credentials, document};
use crate::frontend::Shared;
use crate::proxy::ClientCertificate;
use crate::response::{RequestId, Response};
use crate::wire::XmlWriter;

/// What is asked for without a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    WebIdentity,
    /// MinIO's older name of the same.
    ClientGrants,
    /// By what an identity plugin understands.
    CustomToken,
    /// By the certificate that the client shows on its connection.
    Certificate,
}

impl Action {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::WebIdentity, Self::ClientGrants, Self::CustomToken, Self::Certificate]
            .into_iter()
            .find(|action| action.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::WebIdentity => "AssumeRoleWithWebIdentity",
            Self::ClientGrants => "AssumeRoleWithClientGrants",
            Self::CustomToken => "AssumeRoleWithCustomToken",
            Self::Certificate => "AssumeRoleWithCertificate",
        }
    }

    fn proof<'a>(self, asked: &'a Asked<'_>, parts: &'a Parts) -> Result<Proof<'a>, StsError> {
        let access_token = asked.get("WebIdentityAccessToken");
        Ok(match self {
            Self::WebIdentity => Proof::WebIdentity { token: asked.need("WebIdentityToken")?, access_token },
            Self::ClientGrants => Proof::WebIdentity { token: asked.need("Token")?, access_token },
            Self::CustomToken => Proof::CustomToken(asked.need("Token")?),
            Self::Certificate => Proof::Certificate(certificate(parts)?),
        })
    }

    /// How long a session lasts where nothing else is wanted; as long as its proof where this is none. Certificates count for
    /// months.
    fn time(self) -> Option<Duration> {
        (self == Self::Certificate).then_some(SESSION_TIME_DEFAULT)
    }
}

/// The certificate that the listener has verified.
fn certificate(parts: &Parts) -> Result<&[u8], StsError> {
    let shown = parts.extensions.get::<ClientCertificate>();
    shown.map(|certificate| &*certificate.0).ok_or_else(|| {
        let message =
            "No certificate of a client was shown on this connection, or this server asks for none.";
        StsError::new(StatusCode::BAD_REQUEST, "MissingAuthenticationToken", message)
    })
}

pub(super) async fn answer(
    shared: &Shared,
    parts: &Parts,
    action: Action,
    asked: &Asked<'_>,
    id: &RequestId<'_>,
) -> Result<Response, StsError> {
    let time = asked.session_time()?.or_else(|| action.time());
    let wish = SessionWish { time, policy: asked.policy() };
    let proof = action.proof(asked, parts)?;
    let who = shared.options.identity_providers.vouch(proof, asked.get("RoleArn")).await?;
    let session = shared.iam.assume_federated(who.clone(), wish).await?;
    Ok(document(action.name(), id, |xml| {
        write_who(action, &who, xml);
        credentials(xml, &session);
        write_requester(shared, &session, xml);
    }))
}

/// What the provider said of who it is.
fn write_who(action: Action, who: &Federated, xml: &mut XmlWriter<'_>) {
    match action {
        Action::WebIdentity => {
            xml.text_element("SubjectFromWebIdentityToken", &who.subject);
            for (element, claim) in [("Audience", "jwt:aud"), ("Provider", "jwt:iss")] {
                if let Some(value) = who.claim(claim) {
                    xml.text_element(element, value);
                }
            }
        }
        Action::ClientGrants => xml.text_element("SubjectFromToken", &who.subject),
        Action::CustomToken => xml.text_element("AssumedUser", &who.subject),
        // Whoever asks knows its own name.
        Action::Certificate => {}
    }
}

/// Who it is here, as policies of buckets name them.
fn write_requester(shared: &Shared, session: &SessionCredentials, xml: &mut XmlWriter<'_>) {
    let Some((_, identity)) = shared.iam.find(&session.access_key) else { return };
    let requester: &Requester = identity.requester();
    xml.element("AssumedRoleUser", |xml| {
        xml.text_element("Arn", requester.arn());
        xml.text_element("AssumedRoleId", requester.id());
    });
}
