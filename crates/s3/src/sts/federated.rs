//! Sessions of those for whom an identity provider vouches. They have no keys yet, so they sign nothing.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>; the others are MinIO's.

use iam::{Federated, Proof, Requester, SessionCredentials, SessionWish};

use super::{Asked, StsError, credentials, document};
use crate::frontend::Shared;
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
}

impl Action {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::WebIdentity, Self::ClientGrants, Self::CustomToken]
            .into_iter()
            .find(|action| action.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::WebIdentity => "AssumeRoleWithWebIdentity",
            Self::ClientGrants => "AssumeRoleWithClientGrants",
            Self::CustomToken => "AssumeRoleWithCustomToken",
        }
    }

    fn proof<'a>(self, asked: &'a Asked<'_>) -> Result<Proof<'a>, StsError> {
        let access_token = asked.get("WebIdentityAccessToken");
        Ok(match self {
            Self::WebIdentity => Proof::WebIdentity { token: asked.need("WebIdentityToken")?, access_token },
            Self::ClientGrants => Proof::WebIdentity { token: asked.need("Token")?, access_token },
            Self::CustomToken => Proof::CustomToken(asked.need("Token")?),
        })
    }
}

pub(super) async fn answer(
    shared: &Shared,
    action: Action,
    asked: &Asked<'_>,
    id: &RequestId<'_>,
) -> Result<Response, StsError> {
    let wish = SessionWish { time: asked.session_time()?, policy: asked.policy() };
    let proof = action.proof(asked)?;
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
