//! S3 errors: code, status, message, XML; the one map from inner errors to S3 codes.
//!
//! Always true: every error that reaches a client is one of [`ErrorCode`]; its text never holds anything of the inside
//! (paths, drives, causes): those go to the log where the error is mapped.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderName, HeaderValue, StatusCode, header};

use iam::AccessDenied;
use object::{BlobError, MetaError, ObjectError};

use crate::auth::AuthError;
use crate::body::BodyError;
use crate::wire::{XmlError, XmlWriter};

/// Declares the codes with their words, statuses and default messages.
macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:literal, $message:literal;)+) => {
        /// The error codes of S3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $code, "` (", stringify!($status), "): ", $message)] $variant,)+
        }

        impl ErrorCode {
            /// Every code, by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the `Code` element.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            const fn status_number(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What the client is told where nothing more exact is known.
            #[must_use]
            pub const fn default_message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }
        }
    };
}

error_codes! {
    AccessControlListNotSupported = "AccessControlListNotSupported", 400, "The bucket does not allow ACLs";
    AccessDenied = "AccessDenied", 403, "Access Denied";
    AccessForbidden = "AccessForbidden", 403, "Access to this resource is forbidden by the CORS rules of the bucket.";
    AccessPointAlreadyOwnedByYou = "AccessPointAlreadyOwnedByYou", 409,
        "You already have an access point of this name.";
    AccountProblem = "AccountProblem", 403,
        "There is a problem with the account that keeps the operation from completing.";
    AllAccessDisabled = "AllAccessDisabled", 403, "All access to this resource has been disabled.";
    AmbiguousGrantByEmailAddress = "AmbiguousGrantByEmailAddress", 400,
        "The e-mail address you provided is associated with more than one account.";
    AuthorizationHeaderMalformed = "AuthorizationHeaderMalformed", 400,
        "The authorization header you provided is not valid.";
    AuthorizationQueryParametersError = "AuthorizationQueryParametersError", 400,
        "The authorization query parameters you provided are not valid.";
    BadDigest = "BadDigest", 400, "The Content-MD5 or checksum value you specified did not match what we received.";
    BadRequest = "BadRequest", 400, "The request is not valid.";
    BucketAlreadyExists = "BucketAlreadyExists", 409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
         Please select a different name and try again.";
    BucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou", 409,
        "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty = "BucketNotEmpty", 409, "The bucket you tried to delete is not empty.";
    BucketQuotaExceeded = "XMinioAdminBucketQuotaExceeded", 400,
        "The bucket may not hold as much.";
    Busy = "Busy", 503, "The service is unavailable. Please retry.";
    ConditionalRequestConflict = "ConditionalRequestConflict", 409,
        "A conflicting operation took place during this request. Retry it.";
    ConnectionClosedByRequester = "ConnectionClosedByRequester", 400,
        "The requester closed the connection before the body was complete.";
    CredentialsNotSupported = "CredentialsNotSupported", 400, "This request does not support credentials.";
    CrossLocationLoggingProhibited = "CrossLocationLoggingProhibited", 403,
        "Cross-location logging is not allowed. A bucket in one location cannot log to a bucket in another.";
    DeviceNotActiveError = "DeviceNotActiveError", 400, "The device is not active.";
    EndpointNotFound = "EndpointNotFound", 400, "Direct requests to the correct endpoint.";
    EntityTooLarge = "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size.";
    EntityTooSmall = "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size.";
    ExpiredToken = "ExpiredToken", 400, "The provided token has expired.";
    IllegalLocationConstraintException = "IllegalLocationConstraintException", 400,
        "The location constraint is not valid for the endpoint that this request was sent to.";
    IllegalVersioningConfigurationException = "IllegalVersioningConfigurationException", 400,
        "The versioning configuration specified in the request is not valid.";
    IncompleteBody = "IncompleteBody", 400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    IncorrectEndpoint = "IncorrectEndpoint", 400,
        "The bucket exists in another Region. Direct requests to the correct endpoint.";
    IncorrectNumberOfFilesInPostRequest = "IncorrectNumberOfFilesInPostRequest", 400,
        "POST requires exactly one file upload per request.";
    InternalError = "InternalError", 500, "We encountered an internal error. Please try again.";
    InvalidAccessKeyId = "InvalidAccessKeyId", 403, "The access key ID you provided does not exist in our records.";
    InvalidAccessPoint = "InvalidAccessPoint", 400, "The specified access point name or account is not valid.";
    InvalidAccessPointAliasError = "InvalidAccessPointAliasError", 400,
        "The specified access point alias name is not valid.";
    InvalidAddressingHeader = "InvalidAddressingHeader", 400, "You must specify the Anonymous role.";
    InvalidArgument = "InvalidArgument", 400, "Invalid Argument";
    InvalidBucketAclWithObjectOwnership = "InvalidBucketAclWithObjectOwnership", 400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    InvalidBucketName = "InvalidBucketName", 400, "The specified bucket is not valid.";
    InvalidBucketOwnerAWSAccountID = "InvalidBucketOwnerAWSAccountID", 400,
        "The value of the expected bucket owner must be an account ID.";
    InvalidChunkSizeError = "InvalidChunkSizeError", 403,
        "Only the last chunk is allowed to have a size less than 8192 bytes";
    InvalidBucketState = "InvalidBucketState", 409, "The request is not valid with the current state of the bucket.";
    InvalidDigest = "InvalidDigest", 400, "The Content-MD5 or checksum value that you specified is not valid.";
    InvalidEncryptionAlgorithmError = "InvalidEncryptionAlgorithmError", 400,
        "The encryption request that you specified is not valid. The valid value is AES256.";
    InvalidHostHeader = "InvalidHostHeader", 400,
        "The host header of the request is not valid for the addressing style.";
    InvalidHttpMethod = "InvalidHttpMethod", 400, "The request uses an unexpected HTTP method.";
    InvalidLocationConstraint = "InvalidLocationConstraint", 400, "The specified location constraint is not valid.";
    InvalidObjectState = "InvalidObjectState", 403, "The operation is not valid for the object's storage class";
    InvalidPart = "InvalidPart", 400,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
         specified entity tag may not match the part's entity tag.";
    InvalidPartNumber = "InvalidPartNumber", 416, "The requested partnumber is not satisfiable";
    InvalidPartOrder = "InvalidPartOrder", 400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.";
    InvalidPayer = "InvalidPayer", 403, "All access to this object has been disabled.";
    InvalidPolicyDocument = "InvalidPolicyDocument", 400,
        "The content of the form does not meet the conditions specified in the policy document.";
    InvalidRange = "InvalidRange", 416, "The requested range is not satisfiable";
    InvalidRegion = "InvalidRegion", 403, "The Region of the request is not valid.";
    InvalidRequest = "InvalidRequest", 400, "Invalid Request";
    InvalidSecurity = "InvalidSecurity", 403, "The provided security credentials are not valid.";
    InvalidSOAPRequest = "InvalidSOAPRequest", 400, "The SOAP request body is not valid.";
    InvalidStorageClass = "InvalidStorageClass", 400, "The storage class you specified is not valid";
    InvalidTag = "InvalidTag", 400,
        "The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.";
    InvalidTargetBucketForLogging = "InvalidTargetBucketForLogging", 400,
        "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate \
         grants for the log-delivery group.";
    InvalidToken = "InvalidToken", 400, "The provided token is malformed or otherwise not valid.";
    InvalidURI = "InvalidURI", 400, "Couldn't parse the specified URI.";
    InvalidWriteOffset = "InvalidWriteOffset", 400,
        "The write offset value that you specified does not match the current object size.";
    KeyTooLongError = "KeyTooLongError", 400, "Your key is too long";
    KMSDisabledException = "KMS.DisabledException", 400,
        "The request was rejected because the specified KMS key is disabled.";
    KMSInvalidKeyUsageException = "KMS.InvalidKeyUsageException", 400,
        "The request was rejected because the KMS key cannot be used for this operation.";
    KMSKMSInvalidStateException = "KMS.KMSInvalidStateException", 400,
        "The request was rejected because the state of the KMS key does not permit it.";
    KMSNotFoundException = "KMS.NotFoundException", 400,
        "The request was rejected because the specified KMS key could not be found.";
    MalformedACLError = "MalformedACLError", 400,
        "The XML you provided was not well-formed or did not validate against our published schema";
    MalformedPOSTRequest = "MalformedPOSTRequest", 400,
        "The body of your POST request is not well-formed multipart/form-data.";
    MalformedPolicy = "MalformedPolicy", 400, "The policy is not valid.";
    MalformedXML = "MalformedXML", 400,
        "The XML you provided was not well-formed or did not validate against our published schema";
    MalformedTrailerError = "MalformedTrailerError", 400,
        "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    MaxMessageLengthExceeded = "MaxMessageLengthExceeded", 400, "Your request was too big.";
    MaxPostPreDataLengthExceededError = "MaxPostPreDataLengthExceededError", 400,
        "Your POST request fields preceding the upload file were too large.";
    MetadataTooLarge = "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size";
    MethodNotAllowed = "MethodNotAllowed", 405, "The specified method is not allowed against this resource.";
    MissingAttachment = "MissingAttachment", 400, "A SOAP attachment was expected, but none was found.";
    MissingAuthenticationToken = "MissingAuthenticationToken", 403, "The request was not signed.";
    MissingContentLength = "MissingContentLength", 411, "You must provide the Content-Length HTTP header.";
    MissingRequestBodyError = "MissingRequestBodyError", 400, "Request Body is empty";
    MissingSecurityElement = "MissingSecurityElement", 400, "The SOAP 1.1 request is missing a security element.";
    MissingSecurityHeader = "MissingSecurityHeader", 400, "Your request was missing a required header";
    NoLoggingStatusForKey = "NoLoggingStatusForKey", 400,
        "There is no such thing as a logging status subresource for a key.";
    NoSuchAccessPoint = "NoSuchAccessPoint", 404, "The specified access point does not exist";
    NoSuchAccessPointPolicy = "NoSuchAccessPointPolicy", 404, "The specified access point does not have a policy";
    NoSuchAsyncRequest = "NoSuchAsyncRequest", 404, "The specified request was not found";
    NoSuchBucket = "NoSuchBucket", 404, "The specified bucket does not exist";
    NoSuchBucketPolicy = "NoSuchBucketPolicy", 404, "The bucket policy does not exist";
    NoSuchConfiguration = "NoSuchConfiguration", 404, "The specified configuration does not exist.";
    NoSuchCORSConfiguration = "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist";
    NoSuchKey = "NoSuchKey", 404, "The specified key does not exist.";
    NoSuchLifecycleConfiguration = "NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist";
    NoSuchObjectLockConfiguration = "NoSuchObjectLockConfiguration", 404,
        "The specified object does not have a ObjectLock configuration";
    NoSuchPublicAccessBlockConfiguration = "NoSuchPublicAccessBlockConfiguration", 404,
        "The public access block configuration was not found";
    NoSuchTagSet = "NoSuchTagSet", 404, "The TagSet does not exist";
    NoSuchUpload = "NoSuchUpload", 404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
         or completed.";
    NoSuchVersion = "NoSuchVersion", 404, "The specified version does not exist.";
    NoSuchWebsiteConfiguration = "NoSuchWebsiteConfiguration", 404,
        "The specified bucket does not have a website configuration";
    NotDeviceOwnerError = "NotDeviceOwnerError", 400,
        "The device that generated the token is not owned by the authenticated user.";
    NotFound = "NotFound", 404, "Not Found";
    NotImplemented = "NotImplemented", 501,
        "A header or a query you provided implies functionality that is not implemented";
    NotModified = "NotModified", 304, "Not Modified";
    NotSignedUp = "NotSignedUp", 403,
        "Your account is not signed up for the service. You must sign up before you can use it.";
    ObjectAlreadyInActiveTierError = "ObjectAlreadyInActiveTierError", 403,
        "This action is not allowed against an object that is in the active tier.";
    ObjectLockConfigurationNotFoundError = "ObjectLockConfigurationNotFoundError", 404,
        "Object Lock configuration does not exist for this bucket";
    ObjectNotInActiveTierError = "ObjectNotInActiveTierError", 403,
        "The source object of the copy is not in the active tier.";
    OperationAborted = "OperationAborted", 409,
        "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    OwnershipControlsNotFoundError = "OwnershipControlsNotFoundError", 404,
        "The bucket ownership controls were not found";
    PermanentRedirect = "PermanentRedirect", 301,
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
         future requests to this endpoint.";
    PreconditionFailed = "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold";
    Redirect = "Redirect", 307,
        "Please send this request to the specified temporary endpoint. Continue to use the original endpoint for \
         future requests.";
    ReplicationConfigurationNotFoundError = "ReplicationConfigurationNotFoundError", 404,
        "The replication configuration was not found";
    RequestHeaderSectionTooLarge = "RequestHeaderSectionTooLarge", 400,
        "Your request header section exceeds the maximum allowed request header section size.";
    RequestIsNotMultiPartContent = "RequestIsNotMultiPartContent", 412,
        "Bucket POST must be of the enclosure-type multipart/form-data.";
    RequestTimeout = "RequestTimeout", 400,
        "Your socket connection to the server was not read from or written to within the timeout period. Idle \
         connections will be closed.";
    RequestTimeTooSkewed = "RequestTimeTooSkewed", 403,
        "The difference between the request time and the current time is too large.";
    RequestTorrentOfBucketError = "RequestTorrentOfBucketError", 400,
        "Requesting the torrent file of a bucket is not permitted.";
    RestoreAlreadyInProgress = "RestoreAlreadyInProgress", 409, "Object restore is already in progress";
    ResponseInterrupted = "ResponseInterrupted", 400, "The response was interrupted. Try again.";
    ServerSideEncryptionConfigurationNotFoundError = "ServerSideEncryptionConfigurationNotFoundError", 404,
        "The server side encryption configuration was not found";
    ServiceUnavailable = "ServiceUnavailable", 503, "Service is unable to handle request. Please retry.";
    SignatureDoesNotMatch = "SignatureDoesNotMatch", 403,
        "The request signature we calculated does not match the signature you provided. Check your key and \
         signing method.";
    SlowDown = "SlowDown", 503, "Please reduce your request rate.";
    TagPolicyException = "TagPolicyException", 400, "The tag policy does not allow this value for the tag key.";
    TemporaryRedirect = "TemporaryRedirect", 307, "You are being redirected to the bucket while DNS updates.";
    TokenCodeInvalidError = "TokenCodeInvalidError", 400, "The serial number or token code you provided is not valid.";
    TokenRefreshRequired = "TokenRefreshRequired", 400, "The provided token must be refreshed.";
    TooManyBuckets = "TooManyBuckets", 400, "You have attempted to create more buckets than allowed.";
    TooManyMultiRegionAccessPointregionsError = "TooManyMultiRegionAccessPointregionsError", 400,
        "You have reached the allowed number of Regions for a multi-region access point.";
    TooManyMultiRegionAccessPoints = "TooManyMultiRegionAccessPoints", 400,
        "You have reached the allowed number of multi-region access points.";
    TooManyParts = "TooManyParts", 400,
        "You have attempted to add more parts than the maximum of 10000 that are allowed for this object.";
    UnauthorizedAccess = "UnauthorizedAccess", 403, "Access is not authorized.";
    UnauthorizedAccessError = "UnauthorizedAccessError", 403,
        "The Region of the request is not enabled for this account.";
    UnexpectedContent = "UnexpectedContent", 400, "This request contains unsupported content.";
    UnexpectedIPError = "UnexpectedIPError", 403, "This request was rejected because the IP was unexpected.";
    UnresolvableGrantByEmailAddress = "UnresolvableGrantByEmailAddress", 400,
        "The e-mail address you provided does not match any account on record.";
    UnsupportedArgument = "UnsupportedArgument", 400, "The request contained an unsupported argument.";
    UnsupportedMediaType = "UnsupportedMediaType", 415, "The media type of the request is not supported.";
    UnsupportedSignature = "UnsupportedSignature", 400,
        "The request is signed with an STS token version that is not supported for this operation, or with a \
         signature version that is not supported.";
    UserKeyMustBeSpecified = "UserKeyMustBeSpecified", 400,
        "The bucket POST must contain the specified field name. If it is specified, please check the order of the \
         fields.";
    XAmzContentSHA256Mismatch = "XAmzContentSHA256Mismatch", 400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.";
    XMinioServerNotInitialized = "XMinioServerNotInitialized", 503, "The server is not ready yet. Please retry.";
}

impl ErrorCode {
    /// The code of that word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// An error as the client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Error {
    /// The code, which sets the status.
    pub code: ErrorCode,
    /// What the client is told.
    pub message: Cow<'static, str>,
    /// Further elements of the answer by name, for example `ArgumentName`, in order.
    pub extra: Vec<(&'static str, String)>,
    /// Headers that the answer needs, for example `Allow`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl S3Error {
    /// The error with its default message.
    #[must_use]
    pub const fn new(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.default_message()), extra: Vec::new(), headers: Vec::new() }
    }

    /// The error with a message of its own.
    #[must_use]
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::new(code) }
    }

    /// `InvalidArgument` that names the argument and the value it had.
    #[must_use]
    pub fn argument(message: impl Into<Cow<'static, str>>, name: &str, value: &str) -> Self {
        Self::with_message(ErrorCode::InvalidArgument, message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    /// `MethodNotAllowed` with the methods that the resource has and the kind of resource, for example `OBJECT`.
    #[must_use]
    pub fn method_not_allowed(method: &str, resource_type: &str, allowed: &str) -> Self {
        let mut error =
            Self::new(ErrorCode::MethodNotAllowed).with("Method", method).with("ResourceType", resource_type);
        if let Ok(value) = HeaderValue::from_str(allowed) {
            error.headers.push((header::ALLOW, value));
        }
        error
    }

    /// By the word of a code, as inner errors know it.
    fn named(code: &str, message: String, extra: Vec<(&'static str, String)>) -> Self {
        let code = ErrorCode::from_name(code).unwrap_or(ErrorCode::InvalidRequest);
        Self { extra, ..Self::with_message(code, message) }
    }

    /// Adds an element to the answer.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// Writes the body of the answer: a whole XML document. `resource` is the path that the request named. A request
    /// with HEAD and the status 304 have no body: the caller leaves it out.
    pub fn write_xml(&self, resource: &str, request_id: &str, host_id: &str, out: &mut Vec<u8>) {
        let mut xml = XmlWriter::new(out);
        xml.element("Error", |xml| {
            xml.text_element("Code", self.code.as_str());
            xml.text_element("Message", &self.message);
            for (name, value) in &self.extra {
                xml.text_element(name, value);
            }
            xml.text_element("Resource", resource);
            xml.text_element("RequestId", request_id);
            xml.text_element("HostId", host_id);
        });
    }
}

impl fmt::Display for S3Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for S3Error {}

// The map from inner errors to S3 codes. Each inner error type has exactly one `impl From<...> for S3Error`, here.

impl From<XmlError> for S3Error {
    fn from(_: XmlError) -> Self {
        Self::new(ErrorCode::MalformedXML)
    }
}

impl From<AccessDenied> for S3Error {
    fn from(error: AccessDenied) -> Self {
        Self::with_message(ErrorCode::AccessDenied, error.to_string())
    }
}

impl From<AuthError> for S3Error {
    fn from(error: AuthError) -> Self {
        Self::named(error.code(), error.to_string(), error.fields())
    }
}

impl From<BodyError> for S3Error {
    fn from(error: BodyError) -> Self {
        Self::named(error.code(), error.to_string(), error.fields())
    }
}

impl From<ObjectError> for S3Error {
    fn from(error: ObjectError) -> Self {
        use ObjectError as O;
        let message = error.to_string();
        match error {
            O::NoSuchBucket { bucket } => Self::new(ErrorCode::NoSuchBucket).with("BucketName", bucket),
            O::BucketExists { bucket, .. } => {
                Self::new(ErrorCode::BucketAlreadyExists).with("BucketName", bucket)
            }
            O::BucketNotEmpty { bucket } => Self::new(ErrorCode::BucketNotEmpty).with("BucketName", bucket),
            O::BucketBusy { bucket } => {
                Self::with_message(ErrorCode::OperationAborted, message).with("BucketName", bucket)
            }
            O::QuotaExceeded { bucket, limit_bytes } => {
                Self::with_message(ErrorCode::BucketQuotaExceeded, message)
                    .with("BucketName", bucket)
                    .with("Quota", limit_bytes.to_string())
            }
            O::NoSuchKey => Self::new(ErrorCode::NoSuchKey),
            O::DeleteMarker { version, named } => delete_marker(version, named),
            O::NoSuchVersion => Self::new(ErrorCode::NoSuchVersion),
            O::NoSuchUpload => Self::new(ErrorCode::NoSuchUpload),
            O::PreconditionFailed { condition } => {
                Self::new(ErrorCode::PreconditionFailed).with("Condition", condition)
            }
            // Clients try a SlowDown again by themselves; where they asked for a condition, the caller says so.
            O::Contended | O::Replaced => slow_down(message),
            O::InvalidPart { number } => {
                Self::new(ErrorCode::InvalidPart).with("PartNumber", number.to_string())
            }
            O::InvalidPartOrder => Self::new(ErrorCode::InvalidPartOrder),
            O::PartTooSmall { number, size_bytes, minimum_bytes, etag } => {
                Self::new(ErrorCode::EntityTooSmall)
                    .with("ProposedSize", size_bytes.to_string())
                    .with("MinSizeAllowed", minimum_bytes.to_string())
                    .with("PartNumber", number.to_string())
                    .with("ETag", etag.to_string())
            }
            O::TooLarge { limit_bytes } => {
                Self::new(ErrorCode::EntityTooLarge).with("MaxSizeAllowed", limit_bytes.to_string())
            }
            O::SizeMismatch { .. } => Self::with_message(
                ErrorCode::InvalidRequest,
                "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
            ),
            O::ChecksumMismatch => Self::with_message(
                ErrorCode::BadDigest,
                "The checksum you specified did not match what we received.",
            ),
            O::Blob(error) => of_blob(&error),
            O::Meta(error) => of_meta(&error),
        }
    }
}

fn delete_marker(version: model::ids::VersionId, named: bool) -> S3Error {
    const MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
    const VERSION: HeaderName = HeaderName::from_static("x-amz-version-id");
    let error = if named {
        S3Error::method_not_allowed("GET", "DeleteMarker", "DELETE")
    } else {
        S3Error::new(ErrorCode::NoSuchKey)
    };
    let error = error.with_header(MARKER, HeaderValue::from_static("true"));
    let text = if version.is_null() { "null".to_owned() } else { version.to_string() };
    match HeaderValue::try_from(text) {
        Ok(text) => error.with_header(VERSION, text),
        Err(_) => error,
    }
}

/// Clients may come again after a second.
pub(crate) fn slow_down(message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(ErrorCode::SlowDown, message)
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

fn unavailable(message: &'static str) -> S3Error {
    S3Error::with_message(ErrorCode::ServiceUnavailable, message)
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

fn of_blob(error: &BlobError) -> S3Error {
    match error {
        // The drive has told the log when it became full: once, and not with every request.
        BlobError::TooFewDrives { full: 1.., .. } => tracing::debug!(%error, "no room for a write"),
        _ => tracing::error!(%error, "bytes cannot be read or written"),
    }
    match error {
        BlobError::TooFewDrives { full: 1.., .. } => unavailable(
            "Too few drives have room for this write: delete objects, or add drives. Reading goes on.",
        ),
        BlobError::TooFewDrives { .. } | BlobError::WriteQuorum { .. } => unavailable(
            "Too few drives take writes: bring back or replace the missing or failing drives (the server's log names \
             them). Nothing was stored.",
        ),
        BlobError::TooFewShards { .. } => S3Error::with_message(
            ErrorCode::InternalError,
            "Too few whole shards of the object's data can be read: bring back the missing drives (the server's log \
             names what is wrong).",
        ),
        _ => S3Error::new(ErrorCode::InternalError),
    }
}

fn of_meta(error: &MetaError) -> S3Error {
    match error {
        MetaError::Conflict => return slow_down(error.to_string()),
        MetaError::Busy => {
            return slow_down(
                "Too many changes are waiting for the drives. Please reduce your request rate.",
            );
        }
        _ => tracing::error!(%error, "records cannot be read or written"),
    }
    match error {
        MetaError::NoLeader { .. } => unavailable(
            "Too few drives hold the records that this request needs: see which drives are missing or failing (the \
             server's log names them), and bring them back or replace them.",
        ),
        MetaError::ReadOnly => unavailable(
            "The store is open for reading only, as too few of its drives are there: bring back or replace the \
             missing drives.",
        ),
        MetaError::Unknown { .. } => S3Error::with_message(
            ErrorCode::InternalError,
            "A drive stopped before it answered: the change may or may not have been made. Look before you try again.",
        ),
        MetaError::TooLarge { .. } => S3Error::with_message(
            ErrorCode::InvalidRequest,
            "The request changes more at once than is possible.",
        ),
        _ => S3Error::new(ErrorCode::InternalError),
    }
}

#[cfg(test)]
mod tests;
