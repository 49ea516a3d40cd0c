//! What goes wrong, as madmin shows it: a JSON document with S3's fields.
//!
//! Always true: a message says who must act, and holds nothing of the inside (paths, drives, causes): those go to the log.

use http::{HeaderMap, StatusCode};
use iam::{AccessDenied, IamError, IdentityKind};
use object::ObjectError;
use serde_json::json;

use crate::wire::PayloadError;

/// Declares the codes with their words and statuses.
macro_rules! admin_error_codes {
    ($($variant:ident = $code:literal, $status:literal;)+) => {
        /// The codes of this API: S3's where they fit, and madmin's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AdminErrorCode {
            $(#[doc = concat!("`", $code, "` (", stringify!($status), ").")] $variant,)+
        }

        impl AdminErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the `Code` field.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }
        }
    };
}

admin_error_codes! {
    AccessDenied = "AccessDenied", 403;
    BadDigest = "XAmzContentSHA256Mismatch", 400;
    Conflict = "XMinioAdminIdentityExists", 409;
    ConfigBadJson = "XMinioAdminConfigBadJSON", 400;
    EntityTooLarge = "EntityTooLarge", 400;
    IncompleteBody = "IncompleteBody", 400;
    InternalError = "InternalError", 500;
    GroupNotEmpty = "XMinioAdminGroupNotEmpty", 400;
    InvalidAccessKey = "XMinioAdminInvalidAccessKey", 400;
    InvalidArgument = "InvalidArgument", 400;
    InvalidRequest = "InvalidRequest", 400;
    InvalidSecretKey = "XMinioAdminInvalidSecretKey", 400;
    KmsNotConfigured = "XMinioKMSNotConfigured", 501;
    MalformedPolicy = "MalformedPolicy", 400;
    NoSuchAccessKey = "XMinioInvalidIAMCredentials", 404;
    NoSuchAccount = "XMinioAdminNoSuchAccount", 404;
    NoSuchBucket = "NoSuchBucket", 404;
    NoSuchGroup = "XMinioAdminNoSuchGroup", 404;
    NoSuchKey = "NoSuchKey", 404;
    NoSuchPolicy = "XMinioAdminNoSuchPolicy", 404;
    NoSuchProvider = "XMinioAdminNoSuchConfigTarget", 404;
    NoSuchUser = "XMinioAdminNoSuchUser", 404;
    NotImplemented = "NotImplemented", 501;
    PolicyChangeAlreadyApplied = "XMinioAdminPolicyChangeAlreadyApplied", 400;
    PolicyInUse = "XMinioIAMPolicyInUse", 400;
    RequestTimeout = "RequestTimeout", 400;
    ServiceUnavailable = "ServiceUnavailable", 503;
    SlowDown = "SlowDown", 503;
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminError {
    status: u16,
    code: &'static str,
    message: String,
}

impl AdminError {
    /// With this code and what the caller is to do.
    #[must_use]
    pub fn new(code: AdminErrorCode, message: impl Into<String>) -> Self {
        Self { status: code.status(), code: code.as_str(), message: message.into() }
    }

    /// One that another part of the server has worded already: that the caller is not known, that the signature is wrong.
    #[must_use]
    pub fn refused(status: u16, code: &'static str, message: String) -> Self {
        Self { status, code, message }
    }

    /// For what this server does not have.
    #[must_use]
    pub(crate) fn later(what: &str) -> Self {
        Self::new(AdminErrorCode::NotImplemented, format!("This server does not implement {what}."))
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::new(AdminErrorCode::InvalidArgument, message)
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document that madmin reads.
    #[must_use]
    pub(crate) fn document(&self, path: &str, request_id: &str, headers: &HeaderMap) -> Vec<u8> {
        let host_id = headers.get("x-amz-id-2").and_then(|value| value.to_str().ok()).unwrap_or_default();
        json!({
            "Code": self.code,
            "Message": self.message,
            "Resource": path,
            "RequestId": request_id,
            "HostId": host_id,
        })
        .to_string()
        .into_bytes()
    }
}

impl std::fmt::Display for AdminError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl From<AccessDenied> for AdminError {
    fn from(error: AccessDenied) -> Self {
        Self::new(AdminErrorCode::AccessDenied, error.to_string())
    }
}

impl From<PayloadError> for AdminError {
    fn from(error: PayloadError) -> Self {
        let code = match error {
            PayloadError::TooLong { .. } => AdminErrorCode::EntityTooLarge,
            PayloadError::Derivation => AdminErrorCode::InternalError,
            _ => AdminErrorCode::ConfigBadJson,
        };
        Self::new(code, format!("The body can't be read: {error}."))
    }
}

impl From<IamError> for AdminError {
    fn from(error: IamError) -> Self {
        match code_of(&error) {
            Some(code) => Self::new(code, error.to_string()),
            None => {
                tracing::warn!(%error, "the admin API can't read or change identities");
                let message = "Identities can't be read or changed now. The log says why; try again.";
                Self::new(AdminErrorCode::ServiceUnavailable, message)
            }
        }
    }
}

/// The code of what the caller has done; none where it is the store's fault.
fn code_of(error: &IamError) -> Option<AdminErrorCode> {
    Some(match error {
        IamError::NotFound { kind, .. } => match kind {
            IdentityKind::User => AdminErrorCode::NoSuchUser,
            IdentityKind::Group => AdminErrorCode::NoSuchGroup,
            IdentityKind::Policy => AdminErrorCode::NoSuchPolicy,
            IdentityKind::AccessKey => AdminErrorCode::NoSuchAccessKey,
            IdentityKind::Account => AdminErrorCode::NoSuchAccount,
        },
        IamError::Exists { .. } => AdminErrorCode::Conflict,
        IamError::Name { kind: IdentityKind::User | IdentityKind::AccessKey, .. } => {
            AdminErrorCode::InvalidAccessKey
        }
        IamError::SecretKey { .. } => AdminErrorCode::InvalidSecretKey,
        IamError::Policy(_) => AdminErrorCode::MalformedPolicy,
        IamError::PolicyInUse { .. } => AdminErrorCode::PolicyInUse,
        IamError::GroupNotEmpty { .. } => AdminErrorCode::GroupNotEmpty,
        IamError::NotOwnKey | IamError::NoPolicy => AdminErrorCode::AccessDenied,
        IamError::Name { .. }
        | IamError::TextTooLong { .. }
        | IamError::IsRoot { .. }
        | IamError::Expiry { .. }
        | IamError::ProofExpired
        | IamError::Provider(_)
        | IamError::TooMany { .. } => AdminErrorCode::InvalidArgument,
        IamError::OwnerAlone => AdminErrorCode::AccessDenied,
        IamError::Unimportable { fault, .. } => return code_of(fault),
        IamError::Seal(_) | IamError::Meta(_) => return None,
    })
}

impl From<ObjectError> for AdminError {
    fn from(error: ObjectError) -> Self {
        if let ObjectError::NoSuchBucket { bucket } = &error {
            return Self::new(AdminErrorCode::NoSuchBucket, format!("There is no bucket {bucket}."));
        }
        tracing::warn!(%error, "the admin API can't read the store");
        let message = "The store can't be read now. Its log says why; try again.";
        Self::new(AdminErrorCode::ServiceUnavailable, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_fields_that_madmin_reads() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-id-2", "host".parse().unwrap());
        let error = AdminError::later("remote tiers");
        let text = error.document("/minio/admin/v3/tier", "4442587FB7D0A2F9", &headers);
        let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read["Code"], "NotImplemented");
        assert_eq!(read["Message"], "This server does not implement remote tiers.");
        assert_eq!((&read["RequestId"], &read["HostId"]), (&"4442587FB7D0A2F9".into(), &"host".into()));
        assert_eq!(error.status(), StatusCode::NOT_IMPLEMENTED);
    }

    #[test]
    fn every_code_has_a_status_of_an_error() {
        for code in AdminErrorCode::ALL {
            assert!(
                StatusCode::from_u16(code.status()).is_ok_and(|status| status.as_u16() >= 400),
                "{code:?}"
            );
        }
    }
}
