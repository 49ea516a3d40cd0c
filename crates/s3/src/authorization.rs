//! Whether who asks may do what they ask: from a request to the questions that policies decide.
//!
//! Always true: what policies are told of a request comes from the connection, the signature, or the header or parameter that
//! AWS documents for the key; nobody can say it of themselves otherwise. A right that is needed and can't be asked for here is
//! asked for by the operation.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>

use std::net::IpAddr;

use http::HeaderMap;
use iam::{
    AccessDenied, Action, Authorized, Context, ContextKey, Iam, Identity, Question, Resource, Right,
    RightOccasion, RightTarget, rights,
};

use crate::error::S3Error;
use crate::generated::Operation;
use crate::route::Target;
use crate::wire::{Query, header_text, percent_decode};

/// Headers that policies know by a key of their own.
const HEADER_KEYS: &[(&str, ContextKey)] = &[
    ("if-match", ContextKey::IfMatch),
    ("if-none-match", ContextKey::IfNoneMatch),
    ("referer", ContextKey::Referer),
    ("user-agent", ContextKey::UserAgent),
    ("x-amz-acl", ContextKey::XAmzAcl),
    ("x-amz-content-sha256", ContextKey::XAmzContentSha256),
    ("x-amz-copy-source", ContextKey::XAmzCopySource),
    ("x-amz-grant-full-control", ContextKey::XAmzGrantFullControl),
    ("x-amz-grant-read", ContextKey::XAmzGrantRead),
    ("x-amz-grant-read-acp", ContextKey::XAmzGrantReadAcp),
    ("x-amz-grant-write", ContextKey::XAmzGrantWrite),
    ("x-amz-grant-write-acp", ContextKey::XAmzGrantWriteAcp),
    ("x-amz-metadata-directive", ContextKey::XAmzMetadataDirective),
    ("x-amz-object-lock-legal-hold", ContextKey::ObjectLockLegalHold),
    ("x-amz-object-lock-mode", ContextKey::ObjectLockMode),
    ("x-amz-object-lock-retain-until-date", ContextKey::ObjectLockRetainUntilDate),
    ("x-amz-object-ownership", ContextKey::XAmzObjectOwnership),
    ("x-amz-server-side-encryption", ContextKey::XAmzServerSideEncryption),
    ("x-amz-server-side-encryption-aws-kms-key-id", ContextKey::XAmzServerSideEncryptionAwsKmsKeyId),
    (
        "x-amz-server-side-encryption-customer-algorithm",
        ContextKey::XAmzServerSideEncryptionCustomerAlgorithm,
    ),
    ("x-amz-storage-class", ContextKey::XAmzStorageClass),
    ("x-amz-website-redirect-location", ContextKey::XAmzWebsiteRedirectLocation),
];

/// Parameters that policies know by a key of their own.
const QUERY_KEYS: &[(&str, ContextKey)] = &[
    ("delimiter", ContextKey::Delimiter),
    ("max-keys", ContextKey::MaxKeys),
    ("prefix", ContextKey::Prefix),
    ("versionId", ContextKey::VersionId),
];

/// What is known of a request beside its headers and parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts<'a> {
    /// Where it comes from: the client's side of proxies that are trusted.
    pub(crate) source: IpAddr,
    pub(crate) is_tls: bool,
    /// When it came, milliseconds since 1970.
    pub(crate) now_unix_milliseconds: i64,
    /// When it was signed; none for anonymous.
    pub(crate) signed_at_unix_milliseconds: Option<i64>,
    /// Whether the signature stands in the URL.
    pub(crate) is_presigned: bool,
    /// The region that the client signed for.
    pub(crate) region: &'a str,
}

/// What policies are told of a request.
pub(crate) fn context<'a>(
    who: &'a Identity,
    facts: &RequestFacts<'a>,
    query: &'a Query<'a>,
    headers: &'a HeaderMap,
) -> Context<'a> {
    let mut context = Context::new();
    who.describe(&mut context);
    context.set(ContextKey::SourceIp, facts.source.to_canonical().to_string());
    context.set(ContextKey::SecureTransport, if facts.is_tls { "true" } else { "false" });
    let now = facts.now_unix_milliseconds;
    context.set(ContextKey::CurrentTime, (now / 1000).to_string());
    context.set(ContextKey::EpochTime, (now / 1000).to_string());
    if !facts.region.is_empty() {
        context.set(ContextKey::RequestedRegion, facts.region);
    }
    if let Some(signed) = facts.signed_at_unix_milliseconds {
        context
            .set(ContextKey::AuthType, if facts.is_presigned { "REST-QUERY-STRING" } else { "REST-HEADER" });
        context.set(ContextKey::SignatureVersion, "AWS4-HMAC-SHA256");
        context.set(ContextKey::SignatureAge, (now - signed).max(0).to_string());
    }
    for (name, key) in HEADER_KEYS {
        if let Some(value) = headers.get(*name) {
            context.set(*key, header_text(value));
        }
    }
    if let Some(source) = headers.get("x-amz-copy-source").map(header_text) {
        context.set(ContextKey::XAmzCopySource, plain_source(&source));
    }
    for (name, key) in QUERY_KEYS {
        if let Some(value) = query.get(name) {
            context.set(*key, value);
        }
    }
    context
}

/// The source of a copy as policies write it: `bucket/key`, however it was escaped.
fn plain_source(header: &str) -> String {
    let decoded = percent_decode(header).unwrap_or(std::borrow::Cow::Borrowed(header));
    decoded.strip_prefix('/').unwrap_or(&decoded).to_owned()
}

/// Refuses headers that policies are told of and that come twice: which one would count is for nobody to guess.
pub(crate) fn refuse_repeated(who: &Identity, headers: &HeaderMap) -> Result<(), S3Error> {
    let is_repeated = |name: &str| headers.get_all(name).iter().nth(1).is_some();
    match HEADER_KEYS.iter().find(|(name, _)| is_repeated(name)) {
        Some((name, _)) if !who.is_unlimited() => {
            let message = format!("The header {name} is there more than once.");
            Err(S3Error::argument(message, name, ""))
        }
        _ => Ok(()),
    }
}

/// Who asks, for all questions about one request.
pub(crate) struct Asker<'a> {
    pub(crate) iam: &'a Iam,
    pub(crate) who: &'a Identity,
    /// The id of the request, under which a refusal can be looked up.
    pub(crate) request: &'a str,
    pub(crate) context: &'a Context<'a>,
}

impl Asker<'_> {
    /// Whether they may do something to a resource of an account.
    pub(crate) fn ask(
        &self,
        action: Action,
        resource: Resource<'_>,
        account: Option<&str>,
    ) -> Result<Authorized, AccessDenied> {
        self.iam.authorize(self.who, &self.question(action, resource, account), self.request)
    }

    /// Whether they may do something, for what depends on it and is not it.
    pub(crate) fn may(&self, action: Action, resource: Resource<'_>, account: Option<&str>) -> bool {
        self.iam.allows(self.who, &self.question(action, resource, account))
    }

    /// Whether a policy denies it to them; that none allows it does not count.
    pub(crate) fn is_denied(&self, action: Action, resource: Resource<'_>) -> bool {
        self.who.is_denied(&self.question(action, resource, None))
    }

    fn question<'q>(
        &'q self,
        action: Action,
        resource: Resource<'q>,
        account: Option<&'q str>,
    ) -> Question<'q> {
        Question { action, resource, resource_account: account, resource_policy: None, context: self.context }
    }

    /// Asks for all rights that an operation needs on its own bucket and object. Rights on a source, on each of many keys, and
    /// on a list of buckets are asked for by the operation.
    pub(crate) fn ask_all(&self, operation: Operation, place: &Place<'_>) -> Result<(), AccessDenied> {
        // An operation without a row needs what nobody has.
        let needed = rights(operation.name()).ok_or(AccessDenied::NotAllowed)?;
        for right in needed.iter().filter(|right| is_needed(right, place)) {
            if let Some(resource) = place.resource(right.on) {
                let _granted = self.ask(right.action, resource, place.account)?;
            }
        }
        Ok(())
    }
}

/// What a request is about.
pub(crate) struct Place<'a> {
    pub(crate) target: &'a Target<'a>,
    pub(crate) query: &'a Query<'a>,
    pub(crate) headers: &'a HeaderMap,
    /// The number of the account that owns the bucket; none where it is not there.
    pub(crate) account: Option<&'a str>,
    pub(crate) is_anonymous: bool,
}

impl<'a> Place<'a> {
    fn resource(&'a self, on: RightTarget) -> Option<Resource<'a>> {
        let (bucket, key) = (self.target.bucket.as_deref(), self.target.key.as_deref());
        match (on, bucket, key) {
            (RightTarget::Bucket, Some(bucket), _) => Some(Resource::Bucket(bucket)),
            (RightTarget::Object, Some(bucket), Some(key)) => Some(Resource::Object { bucket, key }),
            // Of who has an identity each key is asked for; who has none is refused before a body is read.
            (RightTarget::EachObject, Some(bucket), _) if self.is_anonymous => Some(Resource::Bucket(bucket)),
            _ => None,
        }
    }
}

fn is_needed(right: &Right, place: &Place<'_>) -> bool {
    let names_version = || place.query.has("versionId");
    match right.when {
        RightOccasion::Always => true,
        RightOccasion::Version => names_version(),
        RightOccasion::NoVersion => !names_version(),
        RightOccasion::Headers(names) => names.iter().any(|name| place.headers.contains_key(*name)),
        RightOccasion::HeaderIs(name, value) => {
            place.headers.get(name).is_some_and(|sent| header_text(sent).eq_ignore_ascii_case(value))
        }
        // What the body says, and the tags of a source, are asked for by the operation that reads them.
        RightOccasion::Element(_) | RightOccasion::TagsOfSource => false,
    }
}
