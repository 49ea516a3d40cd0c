//! The names of what is known of a request: condition keys.
//!
//! Always true: names are compared without regard to case, the names of an object's tags excepted, which differ by case.
//! A name of `aws:` or `s3:` that is not documented is refused, since a condition on it could never hold, and a denial
//! that was meant would not happen. Names of other services are taken as they are.

use std::fmt;

/// Declares the keys that have one value, or one list of values, in a request.
macro_rules! context_keys {
    ($($variant:ident = $name:literal,)+) => {
        /// A key that is documented, other than the families of tags.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ContextKey {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl ContextKey {
            /// Every key.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name as it is documented.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

context_keys! {
    // Global: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, and MinIO's groups.
    CalledVia = "aws:CalledVia",
    CalledViaFirst = "aws:CalledViaFirst",
    CalledViaLast = "aws:CalledViaLast",
    ChatbotSourceArn = "aws:ChatbotSourceArn",
    CurrentTime = "aws:CurrentTime",
    Ec2InstanceSourcePrivateIpv4 = "aws:Ec2InstanceSourcePrivateIPv4",
    Ec2InstanceSourceVpc = "aws:Ec2InstanceSourceVpc",
    EpochTime = "aws:EpochTime",
    FederatedProvider = "aws:FederatedProvider",
    Groups = "aws:groups",
    MultiFactorAuthAge = "aws:MultiFactorAuthAge",
    MultiFactorAuthPresent = "aws:MultiFactorAuthPresent",
    PrincipalAccount = "aws:PrincipalAccount",
    PrincipalArn = "aws:PrincipalArn",
    PrincipalIsAwsService = "aws:PrincipalIsAWSService",
    PrincipalOrgId = "aws:PrincipalOrgID",
    PrincipalOrgPaths = "aws:PrincipalOrgPaths",
    PrincipalServiceName = "aws:PrincipalServiceName",
    PrincipalServiceNamesList = "aws:PrincipalServiceNamesList",
    PrincipalType = "aws:PrincipalType",
    Referer = "aws:Referer",
    RequestedRegion = "aws:RequestedRegion",
    ResourceAccount = "aws:ResourceAccount",
    ResourceOrgId = "aws:ResourceOrgID",
    ResourceOrgPaths = "aws:ResourceOrgPaths",
    SecureTransport = "aws:SecureTransport",
    SourceAccount = "aws:SourceAccount",
    SourceArn = "aws:SourceArn",
    SourceIdentity = "aws:SourceIdentity",
    SourceIp = "aws:SourceIp",
    SourceOrgId = "aws:SourceOrgID",
    SourceOrgPaths = "aws:SourceOrgPaths",
    SourceVpc = "aws:SourceVpc",
    SourceVpcArn = "aws:SourceVpcArn",
    SourceVpce = "aws:SourceVpce",
    TagKeys = "aws:TagKeys",
    TokenIssueTime = "aws:TokenIssueTime",
    UserAgent = "aws:UserAgent",
    UserId = "aws:userid",
    UserName = "aws:username",
    ViaAwsService = "aws:ViaAWSService",
    VpceAccount = "aws:VpceAccount",
    VpceOrgId = "aws:VpceOrgID",
    VpceOrgPaths = "aws:VpceOrgPaths",
    VpcSourceIp = "aws:VpcSourceIp",
    // S3: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
    AccessGrantsInstanceArn = "s3:AccessGrantsInstanceArn",
    AccessPointNetworkOrigin = "s3:AccessPointNetworkOrigin",
    AuthType = "s3:authType",
    DataAccessPointAccount = "s3:DataAccessPointAccount",
    DataAccessPointArn = "s3:DataAccessPointArn",
    Delimiter = "s3:delimiter",
    DestinationRegion = "s3:destinationRegion",
    ExistingJobOperation = "s3:ExistingJobOperation",
    ExistingJobPriority = "s3:ExistingJobPriority",
    IfMatch = "s3:if-match",
    IfNoneMatch = "s3:if-none-match",
    InventoryAccessibleOptionalFields = "s3:InventoryAccessibleOptionalFields",
    IsReplicationTimeControlEnabled = "s3:is-replication-time-control-enabled",
    IsReplicationPauseRequest = "s3:isReplicationPauseRequest",
    JobSuspendedCause = "s3:JobSuspendedCause",
    LocationConstraint = "s3:LocationConstraint",
    MaxKeys = "s3:max-keys",
    ObjectLockLegalHold = "s3:object-lock-legal-hold",
    ObjectLockMode = "s3:object-lock-mode",
    ObjectLockRemainingRetentionDays = "s3:object-lock-remaining-retention-days",
    ObjectLockRetainUntilDate = "s3:object-lock-retain-until-date",
    ObjectCreationOperation = "s3:ObjectCreationOperation",
    Prefix = "s3:prefix",
    RequestJobOperation = "s3:RequestJobOperation",
    RequestJobPriority = "s3:RequestJobPriority",
    RequestObjectTagKeys = "s3:RequestObjectTagKeys",
    S3ResourceAccount = "s3:ResourceAccount",
    ResourceArnBeingAuthorized = "s3:resourceArnBeingAuthorized",
    SignatureAge = "s3:signatureAge",
    SignatureVersion = "s3:signatureversion",
    TlsVersion = "s3:TlsVersion",
    VersionId = "s3:VersionId",
    XAmzAcl = "s3:x-amz-acl",
    XAmzContentSha256 = "s3:x-amz-content-sha256",
    XAmzCopySource = "s3:x-amz-copy-source",
    XAmzGrantFullControl = "s3:x-amz-grant-full-control",
    XAmzGrantRead = "s3:x-amz-grant-read",
    XAmzGrantReadAcp = "s3:x-amz-grant-read-acp",
    XAmzGrantWrite = "s3:x-amz-grant-write",
    XAmzGrantWriteAcp = "s3:x-amz-grant-write-acp",
    XAmzMetadataDirective = "s3:x-amz-metadata-directive",
    XAmzObjectOwnership = "s3:x-amz-object-ownership",
    XAmzServerSideEncryption = "s3:x-amz-server-side-encryption",
    XAmzServerSideEncryptionAwsKmsKeyId = "s3:x-amz-server-side-encryption-aws-kms-key-id",
    XAmzServerSideEncryptionCustomerAlgorithm = "s3:x-amz-server-side-encryption-customer-algorithm",
    XAmzStorageClass = "s3:x-amz-storage-class",
    XAmzWebsiteRedirectLocation = "s3:x-amz-website-redirect-location",
}

/// Keys that end in the name of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagFamily {
    /// `aws:PrincipalTag/`: of who asks.
    Principal,
    /// `aws:RequestTag/`: that the request sets.
    Request,
    /// `aws:ResourceTag/`: of the resource.
    Resource,
    /// `s3:AccessPointTag/`: of an access point.
    AccessPoint,
    /// `s3:BucketTag/`: of the bucket.
    Bucket,
    /// `s3:ResourceTag/`: of the resource, as other stores call it.
    S3Resource,
    /// `s3:ExistingObjectTag/`: that the object has.
    ExistingObject,
    /// `s3:RequestObjectTag/`: that the request sets on an object.
    RequestObject,
}

impl TagFamily {
    /// Every family.
    pub const ALL: &'static [Self] = &[
        Self::Principal,
        Self::Request,
        Self::Resource,
        Self::AccessPoint,
        Self::Bucket,
        Self::S3Resource,
        Self::ExistingObject,
        Self::RequestObject,
    ];

    /// What stands before the name of the tag.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Principal => "aws:PrincipalTag/",
            Self::Request => "aws:RequestTag/",
            Self::Resource => "aws:ResourceTag/",
            Self::AccessPoint => "s3:AccessPointTag/",
            Self::Bucket => "s3:BucketTag/",
            Self::S3Resource => "s3:ResourceTag/",
            Self::ExistingObject => "s3:ExistingObjectTag/",
            Self::RequestObject => "s3:RequestObjectTag/",
        }
    }

    /// Whether two names of tags are one. An object may have the tags `team` and `Team`
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>); of identities and buckets AWS says
    /// "tag keys are not case-sensitive" in conditions.
    fn is_same_tag(self, one: &str, other: &str) -> bool {
        match self {
            Self::ExistingObject | Self::RequestObject => one == other,
            _ => one.eq_ignore_ascii_case(other),
        }
    }
}

/// A condition key as a policy names it.
#[derive(Clone, Debug)]
pub enum ConditionKey {
    /// One that is documented.
    Known(ContextKey),
    /// One of a family, with the name of the tag.
    Tag(TagFamily, Box<str>),
    /// One of another service or an identity provider: `jwt:sub`, `ldap:user`, `sts:ExternalId`.
    Claim(Box<str>),
}

impl ConditionKey {
    /// Reads a name; none if it is no name of a key.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let known = ContextKey::ALL.iter().find(|key| key.name().eq_ignore_ascii_case(name));
        if let Some(known) = known {
            return Some(Self::Known(*known));
        }
        if let Some((family, tag)) = TagFamily::ALL.iter().find_map(|family| tag_of(*family, name)) {
            return Some(Self::Tag(family, tag.into()));
        }
        let (service, rest) = name.split_once(':')?;
        let is_documented = ["aws", "s3"].iter().any(|own| service.eq_ignore_ascii_case(own));
        let is_name = !service.is_empty() && !rest.is_empty() && !is_documented;
        is_name.then(|| Self::Claim(name.into()))
    }
}

/// The name of the tag, where the key is of that family.
fn tag_of(family: TagFamily, name: &str) -> Option<(TagFamily, &str)> {
    let (start, tag) = name.split_at_checked(family.prefix().len())?;
    (start.eq_ignore_ascii_case(family.prefix()) && !tag.is_empty()).then_some((family, tag))
}

impl PartialEq for ConditionKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(one), Self::Known(another)) => one == another,
            (Self::Tag(family, one), Self::Tag(other, another)) => {
                family == other && family.is_same_tag(one, another)
            }
            (Self::Claim(one), Self::Claim(another)) => one.eq_ignore_ascii_case(another),
            _ => false,
        }
    }
}

impl Eq for ConditionKey {}

impl fmt::Display for ConditionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(key) => formatter.write_str(key.name()),
            Self::Tag(family, tag) => write!(formatter, "{}{tag}", family.prefix()),
            Self::Claim(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_shown_as_documented() {
        for key in ContextKey::ALL {
            let read = ConditionKey::parse(&key.name().to_ascii_uppercase()).unwrap();
            assert_eq!(read, ConditionKey::Known(*key));
            assert_eq!(read.to_string(), key.name());
        }
        let tag = ConditionKey::parse("S3:existingobjecttag/Team").unwrap();
        assert_eq!(tag.to_string(), "s3:ExistingObjectTag/Team");
    }

    #[test]
    fn tags_of_objects_differ_by_case_and_others_do_not() {
        let key = |name: &str| ConditionKey::parse(name).unwrap();
        assert_ne!(key("s3:ExistingObjectTag/team"), key("s3:ExistingObjectTag/Team"));
        assert_eq!(key("aws:PrincipalTag/team"), key("aws:principaltag/TEAM"));
        assert_ne!(key("aws:PrincipalTag/team"), key("aws:RequestTag/team"));
        assert_eq!(key("jwt:sub"), key("JWT:Sub"));
    }

    #[test]
    fn names_that_nobody_documents_are_refused() {
        for wrong in
            ["aws:SourceIpAddress", "s3:Prefixes", "s3:", "aws:", "username", "", ":x", "s3:BucketTag/"]
        {
            assert_eq!(ConditionKey::parse(wrong), None, "{wrong}");
        }
        for other in ["sts:ExternalId", "https://idp.example.com:aud", "ec2:InstanceType"] {
            assert_eq!(ConditionKey::parse(other).unwrap().to_string(), other);
        }
    }
}
