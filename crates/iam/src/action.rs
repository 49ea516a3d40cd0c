//! What may be allowed, and on what: every action by its name in policies, and the kind of resource it is done on.
//!
//! Always true: a name stands for one action, and a request is always for an action of this table. So a policy's patterns
//! are compared with names once, when it is parsed, and a decision only looks up a bit.

use std::fmt;

/// The kind of resource that an action is done on.
///
/// Source: the column "Resource types" of
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// None in particular: the account as a whole. Policies name it by `*`.
    Account,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// Something else with an ARN of its own: a role, a key, an access point.
    Other,
}

/// Declares the actions with their names in policies.
macro_rules! actions {
    ($($variant:ident = $name:literal, $kind:ident;)+) => {
        /// An action, as policies name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in policies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it is done on.
            #[must_use]
            pub const fn resource_kind(self) -> ResourceKind {
                match self { $(Self::$variant => ResourceKind::$kind,)+ }
            }
        }
    };
}

actions! {
    // S3: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html, and MinIO's additions.
    AbortMultipartUpload = "s3:AbortMultipartUpload", Object;
    AllowVendedLogDeliveryForResource = "s3:AllowVendedLogDeliveryForResource", Bucket;
    AssociateAccessGrantsIdentityCenter = "s3:AssociateAccessGrantsIdentityCenter", Other;
    BypassGovernanceRetention = "s3:BypassGovernanceRetention", Object;
    CreateAccessGrant = "s3:CreateAccessGrant", Other;
    CreateAccessGrantsInstance = "s3:CreateAccessGrantsInstance", Other;
    CreateAccessGrantsLocation = "s3:CreateAccessGrantsLocation", Other;
    CreateAccessPoint = "s3:CreateAccessPoint", Other;
    CreateAccessPointForObjectLambda = "s3:CreateAccessPointForObjectLambda", Other;
    CreateBucket = "s3:CreateBucket", Bucket;
    CreateBucketMetadataTableConfiguration = "s3:CreateBucketMetadataTableConfiguration", Bucket;
    CreateJob = "s3:CreateJob", Account;
    CreateMultiRegionAccessPoint = "s3:CreateMultiRegionAccessPoint", Other;
    CreateStorageLensGroup = "s3:CreateStorageLensGroup", Other;
    DeleteAccessGrant = "s3:DeleteAccessGrant", Other;
    DeleteAccessGrantsInstance = "s3:DeleteAccessGrantsInstance", Other;
    DeleteAccessGrantsInstanceResourcePolicy = "s3:DeleteAccessGrantsInstanceResourcePolicy", Other;
    DeleteAccessGrantsLocation = "s3:DeleteAccessGrantsLocation", Other;
    DeleteAccessPoint = "s3:DeleteAccessPoint", Other;
    DeleteAccessPointForObjectLambda = "s3:DeleteAccessPointForObjectLambda", Other;
    DeleteAccessPointPolicy = "s3:DeleteAccessPointPolicy", Other;
    DeleteAccessPointPolicyForObjectLambda = "s3:DeleteAccessPointPolicyForObjectLambda", Other;
    DeleteBucket = "s3:DeleteBucket", Bucket;
    DeleteBucketMetadataTableConfiguration = "s3:DeleteBucketMetadataTableConfiguration", Bucket;
    DeleteBucketPolicy = "s3:DeleteBucketPolicy", Bucket;
    DeleteBucketWebsite = "s3:DeleteBucketWebsite", Bucket;
    DeleteJobTagging = "s3:DeleteJobTagging", Other;
    DeleteMultiRegionAccessPoint = "s3:DeleteMultiRegionAccessPoint", Other;
    DeleteObject = "s3:DeleteObject", Object;
    DeleteObjectAnnotation = "s3:DeleteObjectAnnotation", Object;
    DeleteObjectTagging = "s3:DeleteObjectTagging", Object;
    DeleteObjectVersion = "s3:DeleteObjectVersion", Object;
    DeleteObjectVersionAnnotation = "s3:DeleteObjectVersionAnnotation", Object;
    DeleteObjectVersionTagging = "s3:DeleteObjectVersionTagging", Object;
    DeleteStorageLensConfiguration = "s3:DeleteStorageLensConfiguration", Other;
    DeleteStorageLensConfigurationTagging = "s3:DeleteStorageLensConfigurationTagging", Other;
    DeleteStorageLensGroup = "s3:DeleteStorageLensGroup", Other;
    DescribeJob = "s3:DescribeJob", Other;
    DescribeMultiRegionAccessPointOperation = "s3:DescribeMultiRegionAccessPointOperation", Account;
    DissociateAccessGrantsIdentityCenter = "s3:DissociateAccessGrantsIdentityCenter", Other;
    ForceDeleteBucket = "s3:ForceDeleteBucket", Bucket;
    GetAccelerateConfiguration = "s3:GetAccelerateConfiguration", Bucket;
    GetAccessGrant = "s3:GetAccessGrant", Other;
    GetAccessGrantsInstance = "s3:GetAccessGrantsInstance", Other;
    GetAccessGrantsInstanceForPrefix = "s3:GetAccessGrantsInstanceForPrefix", Other;
    GetAccessGrantsInstanceResourcePolicy = "s3:GetAccessGrantsInstanceResourcePolicy", Other;
    GetAccessGrantsLocation = "s3:GetAccessGrantsLocation", Other;
    GetAccessPoint = "s3:GetAccessPoint", Other;
    GetAccessPointConfigurationForObjectLambda = "s3:GetAccessPointConfigurationForObjectLambda", Other;
    GetAccessPointForObjectLambda = "s3:GetAccessPointForObjectLambda", Other;
    GetAccessPointPolicy = "s3:GetAccessPointPolicy", Other;
    GetAccessPointPolicyForObjectLambda = "s3:GetAccessPointPolicyForObjectLambda", Other;
    GetAccessPointPolicyStatus = "s3:GetAccessPointPolicyStatus", Other;
    GetAccessPointPolicyStatusForObjectLambda = "s3:GetAccessPointPolicyStatusForObjectLambda", Other;
    GetAccountPublicAccessBlock = "s3:GetAccountPublicAccessBlock", Account;
    GetAnalyticsConfiguration = "s3:GetAnalyticsConfiguration", Bucket;
    GetBucketAbac = "s3:GetBucketAbac", Bucket;
    GetBucketAcl = "s3:GetBucketAcl", Bucket;
    GetBucketCors = "s3:GetBucketCORS", Bucket;
    GetBucketLocation = "s3:GetBucketLocation", Bucket;
    GetBucketLogging = "s3:GetBucketLogging", Bucket;
    GetBucketMetadataTableConfiguration = "s3:GetBucketMetadataTableConfiguration", Bucket;
    GetBucketNotification = "s3:GetBucketNotification", Bucket;
    GetBucketObjectLockConfiguration = "s3:GetBucketObjectLockConfiguration", Bucket;
    GetBucketOwnershipControls = "s3:GetBucketOwnershipControls", Bucket;
    GetBucketPolicy = "s3:GetBucketPolicy", Bucket;
    GetBucketPolicyStatus = "s3:GetBucketPolicyStatus", Bucket;
    GetBucketPublicAccessBlock = "s3:GetBucketPublicAccessBlock", Bucket;
    GetBucketRequestPayment = "s3:GetBucketRequestPayment", Bucket;
    GetBucketTagging = "s3:GetBucketTagging", Bucket;
    GetBucketVersioning = "s3:GetBucketVersioning", Bucket;
    GetBucketWebsite = "s3:GetBucketWebsite", Bucket;
    GetDataAccess = "s3:GetDataAccess", Other;
    GetEncryptionConfiguration = "s3:GetEncryptionConfiguration", Bucket;
    GetIntelligentTieringConfiguration = "s3:GetIntelligentTieringConfiguration", Bucket;
    GetInventoryConfiguration = "s3:GetInventoryConfiguration", Bucket;
    GetJobTagging = "s3:GetJobTagging", Other;
    GetLifecycleConfiguration = "s3:GetLifecycleConfiguration", Bucket;
    GetMetricsConfiguration = "s3:GetMetricsConfiguration", Bucket;
    GetMultiRegionAccessPoint = "s3:GetMultiRegionAccessPoint", Other;
    GetMultiRegionAccessPointPolicy = "s3:GetMultiRegionAccessPointPolicy", Other;
    GetMultiRegionAccessPointPolicyStatus = "s3:GetMultiRegionAccessPointPolicyStatus", Other;
    GetMultiRegionAccessPointRoutes = "s3:GetMultiRegionAccessPointRoutes", Other;
    GetObject = "s3:GetObject", Object;
    GetObjectAcl = "s3:GetObjectAcl", Object;
    GetObjectAnnotation = "s3:GetObjectAnnotation", Object;
    GetObjectAttributes = "s3:GetObjectAttributes", Object;
    GetObjectLegalHold = "s3:GetObjectLegalHold", Object;
    GetObjectRetention = "s3:GetObjectRetention", Object;
    GetObjectTagging = "s3:GetObjectTagging", Object;
    GetObjectTorrent = "s3:GetObjectTorrent", Object;
    GetObjectVersion = "s3:GetObjectVersion", Object;
    GetObjectVersionAcl = "s3:GetObjectVersionAcl", Object;
    GetObjectVersionAnnotation = "s3:GetObjectVersionAnnotation", Object;
    GetObjectVersionAnnotationForReplication = "s3:GetObjectVersionAnnotationForReplication", Object;
    GetObjectVersionAttributes = "s3:GetObjectVersionAttributes", Object;
    GetObjectVersionForReplication = "s3:GetObjectVersionForReplication", Object;
    GetObjectVersionTagging = "s3:GetObjectVersionTagging", Object;
    GetObjectVersionTorrent = "s3:GetObjectVersionTorrent", Object;
    GetReplicationConfiguration = "s3:GetReplicationConfiguration", Bucket;
    GetStorageLensConfiguration = "s3:GetStorageLensConfiguration", Other;
    GetStorageLensConfigurationTagging = "s3:GetStorageLensConfigurationTagging", Other;
    GetStorageLensDashboard = "s3:GetStorageLensDashboard", Other;
    GetStorageLensGroup = "s3:GetStorageLensGroup", Other;
    HeadBucket = "s3:HeadBucket", Bucket;
    InitiateReplication = "s3:InitiateReplication", Object;
    ListAccessGrants = "s3:ListAccessGrants", Other;
    ListAccessGrantsInstances = "s3:ListAccessGrantsInstances", Account;
    ListAccessGrantsLocations = "s3:ListAccessGrantsLocations", Other;
    ListAccessPoints = "s3:ListAccessPoints", Account;
    ListAccessPointsForObjectLambda = "s3:ListAccessPointsForObjectLambda", Account;
    ListAllMyBuckets = "s3:ListAllMyBuckets", Account;
    ListBucket = "s3:ListBucket", Bucket;
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads", Bucket;
    ListBucketVersions = "s3:ListBucketVersions", Bucket;
    ListCallerAccessGrants = "s3:ListCallerAccessGrants", Other;
    ListJobs = "s3:ListJobs", Account;
    ListMultiRegionAccessPoints = "s3:ListMultiRegionAccessPoints", Account;
    ListMultipartUploadParts = "s3:ListMultipartUploadParts", Object;
    ListObjectAnnotations = "s3:ListObjectAnnotations", Object;
    ListObjectVersionAnnotations = "s3:ListObjectVersionAnnotations", Object;
    ListStorageLensConfigurations = "s3:ListStorageLensConfigurations", Account;
    ListStorageLensGroups = "s3:ListStorageLensGroups", Account;
    ListTagsForResource = "s3:ListTagsForResource", Other;
    ListenBucketNotification = "s3:ListenBucketNotification", Bucket;
    ListenNotification = "s3:ListenNotification", Account;
    ObjectOwnerOverrideToBucketOwner = "s3:ObjectOwnerOverrideToBucketOwner", Object;
    PauseReplication = "s3:PauseReplication", Bucket;
    PutAccelerateConfiguration = "s3:PutAccelerateConfiguration", Bucket;
    PutAccessGrantsInstanceResourcePolicy = "s3:PutAccessGrantsInstanceResourcePolicy", Other;
    PutAccessPointConfigurationForObjectLambda = "s3:PutAccessPointConfigurationForObjectLambda", Other;
    PutAccessPointPolicy = "s3:PutAccessPointPolicy", Other;
    PutAccessPointPolicyForObjectLambda = "s3:PutAccessPointPolicyForObjectLambda", Other;
    PutAccessPointPublicAccessBlock = "s3:PutAccessPointPublicAccessBlock", Account;
    PutAccountPublicAccessBlock = "s3:PutAccountPublicAccessBlock", Account;
    PutAnalyticsConfiguration = "s3:PutAnalyticsConfiguration", Bucket;
    PutBucketAbac = "s3:PutBucketAbac", Bucket;
    PutBucketAcl = "s3:PutBucketAcl", Bucket;
    PutBucketCors = "s3:PutBucketCORS", Bucket;
    PutBucketLogging = "s3:PutBucketLogging", Bucket;
    PutBucketNotification = "s3:PutBucketNotification", Bucket;
    PutBucketObjectLockConfiguration = "s3:PutBucketObjectLockConfiguration", Bucket;
    PutBucketOwnershipControls = "s3:PutBucketOwnershipControls", Bucket;
    PutBucketPolicy = "s3:PutBucketPolicy", Bucket;
    PutBucketPublicAccessBlock = "s3:PutBucketPublicAccessBlock", Bucket;
    PutBucketRequestPayment = "s3:PutBucketRequestPayment", Bucket;
    PutBucketTagging = "s3:PutBucketTagging", Bucket;
    PutBucketVersioning = "s3:PutBucketVersioning", Bucket;
    PutBucketWebsite = "s3:PutBucketWebsite", Bucket;
    PutEncryptionConfiguration = "s3:PutEncryptionConfiguration", Bucket;
    PutIntelligentTieringConfiguration = "s3:PutIntelligentTieringConfiguration", Bucket;
    PutInventoryConfiguration = "s3:PutInventoryConfiguration", Bucket;
    PutJobTagging = "s3:PutJobTagging", Other;
    PutLifecycleConfiguration = "s3:PutLifecycleConfiguration", Bucket;
    PutMetricsConfiguration = "s3:PutMetricsConfiguration", Bucket;
    PutMultiRegionAccessPointPolicy = "s3:PutMultiRegionAccessPointPolicy", Other;
    PutObject = "s3:PutObject", Object;
    PutObjectAcl = "s3:PutObjectAcl", Object;
    PutObjectAnnotation = "s3:PutObjectAnnotation", Object;
    PutObjectFanOut = "s3:PutObjectFanOut", Object;
    PutObjectLegalHold = "s3:PutObjectLegalHold", Object;
    PutObjectRetention = "s3:PutObjectRetention", Object;
    PutObjectTagging = "s3:PutObjectTagging", Object;
    PutObjectVersionAcl = "s3:PutObjectVersionAcl", Object;
    PutObjectVersionAnnotation = "s3:PutObjectVersionAnnotation", Object;
    PutObjectVersionTagging = "s3:PutObjectVersionTagging", Object;
    PutReplicationConfiguration = "s3:PutReplicationConfiguration", Bucket;
    PutStorageLensConfiguration = "s3:PutStorageLensConfiguration", Other;
    PutStorageLensConfigurationTagging = "s3:PutStorageLensConfigurationTagging", Other;
    ReplicateDelete = "s3:ReplicateDelete", Object;
    ReplicateObject = "s3:ReplicateObject", Object;
    ReplicateObjectAnnotation = "s3:ReplicateObjectAnnotation", Object;
    ReplicateTags = "s3:ReplicateTags", Object;
    ResetBucketReplicationState = "s3:ResetBucketReplicationState", Bucket;
    RestoreObject = "s3:RestoreObject", Object;
    SubmitMultiRegionAccessPointRoutes = "s3:SubmitMultiRegionAccessPointRoutes", Other;
    TagResource = "s3:TagResource", Other;
    UntagResource = "s3:UntagResource", Other;
    UpdateAccessGrantsLocation = "s3:UpdateAccessGrantsLocation", Other;
    UpdateBucketMetadataAnnotationTableConfiguration = "s3:UpdateBucketMetadataAnnotationTableConfiguration", Bucket;
    UpdateBucketMetadataInventoryTableConfiguration = "s3:UpdateBucketMetadataInventoryTableConfiguration", Bucket;
    UpdateBucketMetadataJournalTableConfiguration = "s3:UpdateBucketMetadataJournalTableConfiguration", Bucket;
    UpdateJobPriority = "s3:UpdateJobPriority", Other;
    UpdateJobStatus = "s3:UpdateJobStatus", Other;
    UpdateObjectEncryption = "s3:UpdateObjectEncryption", Object;
    UpdateStorageLensGroup = "s3:UpdateStorageLensGroup", Other;
    // What S3 documents under other prefixes.
    CreateSession = "s3express:CreateSession", Bucket;
    ListAllMyDirectoryBuckets = "s3express:ListAllMyDirectoryBuckets", Account;
    WriteGetObjectResponse = "s3-object-lambda:WriteGetObjectResponse", Other;
    // The admin API, by MinIO's names.
    AdminAddUserToGroup = "admin:AddUserToGroup", Account;
    AdminAttachUserOrGroupPolicy = "admin:AttachUserOrGroupPolicy", Account;
    AdminBandwidthMonitor = "admin:BandwidthMonitor", Account;
    AdminCancelBatchJob = "admin:CancelBatchJob", Account;
    AdminClusterInfo = "admin:ClusterInfo", Account;
    AdminConfigUpdate = "admin:ConfigUpdate", Account;
    AdminConsoleLog = "admin:ConsoleLog", Account;
    AdminCreatePolicy = "admin:CreatePolicy", Account;
    AdminCreateServiceAccount = "admin:CreateServiceAccount", Account;
    AdminCreateUser = "admin:CreateUser", Account;
    AdminDataUsageInfo = "admin:DataUsageInfo", Account;
    AdminDecommission = "admin:Decommission", Account;
    AdminDeletePolicy = "admin:DeletePolicy", Account;
    AdminDeleteUser = "admin:DeleteUser", Account;
    AdminDescribeBatchJob = "admin:DescribeBatchJob", Account;
    AdminDisableGroup = "admin:DisableGroup", Account;
    AdminDisableUser = "admin:DisableUser", Account;
    AdminDriveInfo = "admin:DriveInfo", Account;
    AdminDriveList = "admin:DriveList", Account;
    AdminEnableGroup = "admin:EnableGroup", Account;
    AdminEnableUser = "admin:EnableUser", Account;
    AdminExportBucketMetadata = "admin:ExportBucketMetadata", Account;
    AdminExportIam = "admin:ExportIAM", Account;
    AdminForceUnlock = "admin:ForceUnlock", Account;
    AdminGenerateBatchJob = "admin:GenerateBatchJob", Account;
    AdminGetBucketQuota = "admin:GetBucketQuota", Account;
    AdminGetBucketTarget = "admin:GetBucketTarget", Account;
    AdminGetGroup = "admin:GetGroup", Account;
    AdminGetPolicy = "admin:GetPolicy", Account;
    AdminGetUser = "admin:GetUser", Account;
    AdminHeal = "admin:Heal", Account;
    AdminImportBucketMetadata = "admin:ImportBucketMetadata", Account;
    AdminImportIam = "admin:ImportIAM", Account;
    AdminInspectData = "admin:InspectData", Account;
    AdminInventoryControl = "admin:InventoryControl", Account;
    AdminKmsCreateKey = "admin:KMSCreateKey", Account;
    AdminKmsKeyStatus = "admin:KMSKeyStatus", Account;
    AdminLicenseInfo = "admin:LicenseInfo", Account;
    AdminListBatchJobs = "admin:ListBatchJobs", Account;
    AdminListGroups = "admin:ListGroups", Account;
    AdminListServiceAccounts = "admin:ListServiceAccounts", Account;
    AdminListTemporaryAccounts = "admin:ListTemporaryAccounts", Account;
    AdminListTier = "admin:ListTier", Account;
    AdminListUserPolicies = "admin:ListUserPolicies", Account;
    AdminListUsers = "admin:ListUsers", Account;
    AdminNodeInfo = "admin:NodeInfo", Account;
    AdminNodeList = "admin:NodeList", Account;
    AdminObdInfo = "admin:OBDInfo", Account;
    AdminPoolInfo = "admin:PoolInfo", Account;
    AdminPoolList = "admin:PoolList", Account;
    AdminProfiling = "admin:Profiling", Account;
    AdminPrometheus = "admin:Prometheus", Account;
    AdminRebalance = "admin:Rebalance", Account;
    AdminRemoveServiceAccount = "admin:RemoveServiceAccount", Account;
    AdminRemoveUserFromGroup = "admin:RemoveUserFromGroup", Account;
    AdminReplicationDiff = "admin:ReplicationDiff", Account;
    AdminServerInfo = "admin:ServerInfo", Account;
    AdminServerTrace = "admin:ServerTrace", Account;
    AdminServerUpdate = "admin:ServerUpdate", Account;
    AdminServiceCordon = "admin:ServiceCordon", Account;
    AdminServiceFreeze = "admin:ServiceFreeze", Account;
    AdminServiceRestart = "admin:ServiceRestart", Account;
    AdminServiceStop = "admin:ServiceStop", Account;
    AdminSetBucketQuota = "admin:SetBucketQuota", Account;
    AdminSetBucketTarget = "admin:SetBucketTarget", Account;
    AdminSetInfo = "admin:SetInfo", Account;
    AdminSetTier = "admin:SetTier", Account;
    AdminSiteReplicationAdd = "admin:SiteReplicationAdd", Account;
    AdminSiteReplicationDisable = "admin:SiteReplicationDisable", Account;
    AdminSiteReplicationInfo = "admin:SiteReplicationInfo", Account;
    AdminSiteReplicationOperation = "admin:SiteReplicationOperation", Account;
    AdminSiteReplicationRemove = "admin:SiteReplicationRemove", Account;
    AdminSiteReplicationResync = "admin:SiteReplicationResync", Account;
    AdminStartBatchJob = "admin:StartBatchJob", Account;
    AdminStorageInfo = "admin:StorageInfo", Account;
    AdminTopLocksInfo = "admin:TopLocksInfo", Account;
    AdminUpdatePolicyAssociation = "admin:UpdatePolicyAssociation", Account;
    AdminUpdateServiceAccount = "admin:UpdateServiceAccount", Account;
    // STS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html, and MinIO's additions.
    StsAssumeRole = "sts:AssumeRole", Other;
    StsAssumeRoleWithCertificate = "sts:AssumeRoleWithCertificate", Other;
    StsAssumeRoleWithClientGrants = "sts:AssumeRoleWithClientGrants", Other;
    StsAssumeRoleWithCustomToken = "sts:AssumeRoleWithCustomToken", Other;
    StsAssumeRoleWithLdapIdentity = "sts:AssumeRoleWithLDAPIdentity", Other;
    StsAssumeRoleWithSaml = "sts:AssumeRoleWithSAML", Other;
    StsAssumeRoleWithWebIdentity = "sts:AssumeRoleWithWebIdentity", Other;
    StsAssumeRoot = "sts:AssumeRoot", Other;
    StsDecodeAuthorizationMessage = "sts:DecodeAuthorizationMessage", Other;
    StsGetAccessKeyInfo = "sts:GetAccessKeyInfo", Other;
    StsGetCallerIdentity = "sts:GetCallerIdentity", Other;
    StsGetFederationToken = "sts:GetFederationToken", Other;
    StsGetServiceBearerToken = "sts:GetServiceBearerToken", Other;
    StsGetSessionToken = "sts:GetSessionToken", Other;
    StsSetContext = "sts:SetContext", Other;
    StsSetSourceIdentity = "sts:SetSourceIdentity", Other;
    StsTagSession = "sts:TagSession", Other;
    // Keys: AWS's names for what SSE-KMS asks, and MinIO's.
    KmsApi = "kms:API", Other;
    KmsAssignPolicy = "kms:AssignPolicy", Other;
    KmsAuditLog = "kms:AuditLog", Other;
    KmsCreateKey = "kms:CreateKey", Other;
    KmsDecrypt = "kms:Decrypt", Other;
    KmsDeleteIdentity = "kms:DeleteIdentity", Other;
    KmsDeleteKey = "kms:DeleteKey", Other;
    KmsDeletePolicy = "kms:DeletePolicy", Other;
    KmsDescribeIdentity = "kms:DescribeIdentity", Other;
    KmsDescribeKey = "kms:DescribeKey", Other;
    KmsDescribePolicy = "kms:DescribePolicy", Other;
    KmsDescribeSelfIdentity = "kms:DescribeSelfIdentity", Other;
    KmsEnable = "kms:Enable", Other;
    KmsEncrypt = "kms:Encrypt", Other;
    KmsErrorLog = "kms:ErrorLog", Other;
    KmsGenerateDataKey = "kms:GenerateDataKey", Other;
    KmsGenerateDataKeyWithoutPlaintext = "kms:GenerateDataKeyWithoutPlaintext", Other;
    KmsGetPolicy = "kms:GetPolicy", Other;
    KmsImportKey = "kms:ImportKey", Other;
    KmsKeyRotate = "kms:KeyRotate", Other;
    KmsKeyStatus = "kms:KeyStatus", Other;
    KmsListIdentities = "kms:ListIdentities", Other;
    KmsListKeys = "kms:ListKeys", Other;
    KmsListPolicies = "kms:ListPolicies", Other;
    KmsMetrics = "kms:Metrics", Other;
    KmsReEncryptFrom = "kms:ReEncryptFrom", Other;
    KmsReEncryptTo = "kms:ReEncryptTo", Other;
    KmsSetPolicy = "kms:SetPolicy", Other;
    KmsStatus = "kms:Status", Other;
    KmsVersion = "kms:Version", Other;
}

impl Action {
    /// The action of that name. Names are compared without regard to case, as in policies.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|action| action.name().eq_ignore_ascii_case(name)).copied()
    }

    /// Whether it is about the store as a whole, which no account but its root's has a say in.
    #[must_use]
    pub fn is_of_store(self) -> bool {
        self.name().starts_with("admin:") || self.name().starts_with("kms:")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What an action is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// All of the account: its list of buckets, what the admin API does. Policies name it by `*`.
    Service,
    /// A bucket.
    Bucket(&'a str),
    /// An object.
    Object {
        /// Its bucket.
        bucket: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// What has an ARN of its own: a role, a user, a key of the KMS. The whole ARN.
    Named(&'a str),
}

const WORD_BITS: usize = u64::BITS as usize;
const WORDS: usize = Action::ALL.len().div_ceil(WORD_BITS);

/// A set of actions: a bit each.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ActionSet([u64; WORDS]);

impl ActionSet {
    /// Those whose name the test accepts.
    pub(crate) fn of(accepts: impl Fn(&str) -> bool) -> Self {
        let mut words = [0; WORDS];
        for action in Action::ALL.iter().filter(|action| accepts(action.name())) {
            let place = *action as usize;
            words[place / WORD_BITS] |= 1 << (place % WORD_BITS);
        }
        Self(words)
    }

    pub(crate) fn contains(&self, action: Action) -> bool {
        let place = action as usize;
        self.0[place / WORD_BITS] >> (place % WORD_BITS) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }
}

impl fmt::Debug for ActionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Action::ALL.iter().filter(|action| self.contains(**action)).map(|action| action.name());
        formatter.debug_set().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_the_variants_behind_the_service() {
        for action in Action::ALL {
            let (service, name) = action.name().split_once(':').unwrap();
            let prefix = match service {
                "admin" => "Admin",
                "sts" => "Sts",
                "kms" => "Kms",
                _ => "",
            };
            let variant = format!("{action:?}").to_ascii_lowercase();
            assert_eq!(variant, format!("{prefix}{name}").to_ascii_lowercase());
        }
    }

    #[test]
    fn a_name_stands_for_one_action_in_whatever_case() {
        let names: BTreeSet<String> =
            Action::ALL.iter().map(|action| action.name().to_ascii_lowercase()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::by_name(&action.name().to_ascii_uppercase()), Some(*action));
        }
        assert_eq!(Action::by_name("s3:GetObjects"), None);
    }

    /// The kinds by the names: what is done on objects says so, but for uploads, replication and retention.
    #[test]
    fn actions_on_buckets_and_objects_are_told_apart() {
        let object_words = ["Object", "Multipart", "Replicat", "Governance"];
        for action in Action::ALL.iter().filter(|action| action.resource_kind() == ResourceKind::Object) {
            assert!(object_words.iter().any(|word| action.name().contains(word)), "{action}");
        }
        for (action, kind) in [
            (Action::ListBucket, ResourceKind::Bucket),
            (Action::ListBucketMultipartUploads, ResourceKind::Bucket),
            (Action::ListMultipartUploadParts, ResourceKind::Object),
            (Action::GetBucketObjectLockConfiguration, ResourceKind::Bucket),
            (Action::ListAllMyBuckets, ResourceKind::Account),
            (Action::AdminServerInfo, ResourceKind::Account),
            (Action::StsAssumeRole, ResourceKind::Other),
        ] {
            assert_eq!(action.resource_kind(), kind, "{action}");
        }
    }

    #[test]
    fn a_set_holds_what_it_was_made_of_and_what_was_added() {
        let mut set = ActionSet::of(|name| name == "s3:GetObject");
        let held = |set: &ActionSet| Action::ALL.iter().filter(|action| set.contains(**action)).count();
        assert!(set.contains(Action::GetObject) && held(&set) == 1);
        let last = *Action::ALL.last().unwrap();
        set.add(&ActionSet::of(|name| name == last.name()));
        assert!(set.contains(last) && held(&set) == 2);
        assert!(ActionSet::of(|_| false).is_empty() && !set.is_empty());
        assert_eq!(held(&ActionSet::of(|_| true)), Action::ALL.len());
    }
}
