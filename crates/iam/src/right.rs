//! What each operation of S3 needs to be allowed.
//!
//! Always true: an operation needs at least one right whatever its request holds, and every right is on the kind of
//! resource that its action is done on. An operation that is not in the table needs what nobody has: who asks here and gets
//! nothing has to refuse.
//!
//! Operations are named as in AWS's service model, which `s3` is generated from. Rights on a source ask for what stands in
//! `x-amz-copy-source` or `x-amz-rename-source`, by the account that owns it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>, and "Permissions" of each
//! operation's page below <https://docs.aws.amazon.com/AmazonS3/latest/API/>

use crate::action::Action;

/// A right that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// What has to be allowed.
    pub action: Action,
    /// On what.
    pub on: RightTarget,
    /// For which requests.
    pub when: RightOccasion,
}

/// What a right is needed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightTarget {
    /// The account as a whole.
    Account,
    /// The bucket of the request.
    Bucket,
    /// The object of the request.
    Object,
    /// The object that is copied or renamed.
    Source,
    /// Each object that the body names.
    EachObject,
}

/// For which requests a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightOccasion {
    /// For all.
    Always,
    /// Where a version is named: of the source, for rights on a source, and of each object, for those on each.
    Version,
    /// Where none is.
    NoVersion,
    /// Where one of these headers is sent.
    Headers(&'static [&'static str]),
    /// Where a header has this value.
    HeaderIs(&'static str, &'static str),
    /// Where the body has this element.
    Element(&'static str),
    /// Where the source has tags, which are copied: `x-amz-tagging-directive` is not `REPLACE`.
    TagsOfSource,
}

use RightOccasion::{Always, Element, HeaderIs, Headers, NoVersion, TagsOfSource, Version};
use RightTarget::{Account, Bucket, EachObject, Object, Source};

/// The rights that an operation needs, all of them; none for a name that is not in the table.
#[must_use]
pub fn rights(operation: &str) -> Option<&'static [Right]> {
    let place = RIGHTS.binary_search_by_key(&operation, |(name, _)| name).ok()?;
    RIGHTS.get(place).map(|(_, rights)| *rights)
}

const ACL_HEADERS: &[&str] = &[
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];
const LOCK_HEADERS: &[&str] = &["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"];
const BYPASS: RightOccasion = HeaderIs("x-amz-bypass-governance-retention", "true");

const fn right(action: Action, on: RightTarget, when: RightOccasion) -> Right {
    Right { action, on, when }
}

/// Of all that writes an object at once.
const PUT: &[Right] = &[
    right(Action::PutObject, Object, Always),
    right(Action::PutObjectAcl, Object, Headers(ACL_HEADERS)),
    right(Action::PutObjectTagging, Object, Headers(&["x-amz-tagging"])),
    right(Action::PutObjectRetention, Object, Headers(LOCK_HEADERS)),
    right(Action::PutObjectLegalHold, Object, Headers(&["x-amz-object-lock-legal-hold"])),
];

const RIGHTS: &[(&str, &[Right])] = &[
    ("AbortMultipartUpload", &[right(Action::AbortMultipartUpload, Object, Always)]),
    ("CompleteMultipartUpload", &[right(Action::PutObject, Object, Always)]),
    (
        "CopyObject",
        &[
            right(Action::PutObject, Object, Always),
            right(Action::PutObjectAcl, Object, Headers(ACL_HEADERS)),
            right(Action::PutObjectTagging, Object, Headers(&["x-amz-tagging"])),
            right(Action::PutObjectRetention, Object, Headers(LOCK_HEADERS)),
            right(Action::PutObjectLegalHold, Object, Headers(&["x-amz-object-lock-legal-hold"])),
            right(Action::PutObjectTagging, Object, TagsOfSource),
            right(Action::GetObjectTagging, Source, TagsOfSource),
            right(Action::GetObject, Source, NoVersion),
            right(Action::GetObjectVersion, Source, Version),
        ],
    ),
    (
        "CreateBucket",
        &[
            right(Action::CreateBucket, Bucket, Always),
            right(Action::PutBucketAcl, Bucket, Headers(ACL_HEADERS)),
            right(Action::PutBucketVersioning, Bucket, HeaderIs("x-amz-bucket-object-lock-enabled", "true")),
            right(
                Action::PutBucketObjectLockConfiguration,
                Bucket,
                HeaderIs("x-amz-bucket-object-lock-enabled", "true"),
            ),
            right(Action::PutBucketOwnershipControls, Bucket, Headers(&["x-amz-object-ownership"])),
            right(Action::PutBucketTagging, Bucket, Element("Tags")),
        ],
    ),
    (
        "CreateBucketMetadataConfiguration",
        &[right(Action::CreateBucketMetadataTableConfiguration, Bucket, Always)],
    ),
    (
        "CreateBucketMetadataTableConfiguration",
        &[right(Action::CreateBucketMetadataTableConfiguration, Bucket, Always)],
    ),
    ("CreateMultipartUpload", PUT),
    ("CreateSession", &[right(Action::CreateSession, Bucket, Always)]),
    (
        "DeleteBucket",
        &[
            right(Action::DeleteBucket, Bucket, Always),
            right(Action::ForceDeleteBucket, Bucket, HeaderIs("x-minio-force-delete", "true")),
        ],
    ),
    ("DeleteBucketAnalyticsConfiguration", &[right(Action::PutAnalyticsConfiguration, Bucket, Always)]),
    ("DeleteBucketCors", &[right(Action::PutBucketCors, Bucket, Always)]),
    ("DeleteBucketEncryption", &[right(Action::PutEncryptionConfiguration, Bucket, Always)]),
    (
        "DeleteBucketIntelligentTieringConfiguration",
        &[right(Action::PutIntelligentTieringConfiguration, Bucket, Always)],
    ),
    ("DeleteBucketInventoryConfiguration", &[right(Action::PutInventoryConfiguration, Bucket, Always)]),
    ("DeleteBucketLifecycle", &[right(Action::PutLifecycleConfiguration, Bucket, Always)]),
    (
        "DeleteBucketMetadataConfiguration",
        &[right(Action::DeleteBucketMetadataTableConfiguration, Bucket, Always)],
    ),
    (
        "DeleteBucketMetadataTableConfiguration",
        &[right(Action::DeleteBucketMetadataTableConfiguration, Bucket, Always)],
    ),
    ("DeleteBucketMetricsConfiguration", &[right(Action::PutMetricsConfiguration, Bucket, Always)]),
    ("DeleteBucketOwnershipControls", &[right(Action::PutBucketOwnershipControls, Bucket, Always)]),
    ("DeleteBucketPolicy", &[right(Action::DeleteBucketPolicy, Bucket, Always)]),
    ("DeleteBucketReplication", &[right(Action::PutReplicationConfiguration, Bucket, Always)]),
    ("DeleteBucketTagging", &[right(Action::PutBucketTagging, Bucket, Always)]),
    ("DeleteBucketWebsite", &[right(Action::DeleteBucketWebsite, Bucket, Always)]),
    (
        "DeleteObject",
        &[
            right(Action::DeleteObject, Object, NoVersion),
            right(Action::DeleteObjectVersion, Object, Version),
            right(Action::BypassGovernanceRetention, Object, BYPASS),
        ],
    ),
    (
        "DeleteObjectAnnotation",
        &[
            right(Action::DeleteObjectAnnotation, Object, NoVersion),
            right(Action::DeleteObjectVersionAnnotation, Object, Version),
        ],
    ),
    (
        "DeleteObjectTagging",
        &[
            right(Action::DeleteObjectTagging, Object, NoVersion),
            right(Action::DeleteObjectVersionTagging, Object, Version),
        ],
    ),
    (
        "DeleteObjects",
        &[
            right(Action::DeleteObject, EachObject, NoVersion),
            right(Action::DeleteObjectVersion, EachObject, Version),
            right(Action::BypassGovernanceRetention, EachObject, BYPASS),
        ],
    ),
    ("DeletePublicAccessBlock", &[right(Action::PutBucketPublicAccessBlock, Bucket, Always)]),
    ("GetBucketAbac", &[right(Action::GetBucketAbac, Bucket, Always)]),
    ("GetBucketAccelerateConfiguration", &[right(Action::GetAccelerateConfiguration, Bucket, Always)]),
    ("GetBucketAcl", &[right(Action::GetBucketAcl, Bucket, Always)]),
    ("GetBucketAnalyticsConfiguration", &[right(Action::GetAnalyticsConfiguration, Bucket, Always)]),
    ("GetBucketCors", &[right(Action::GetBucketCors, Bucket, Always)]),
    ("GetBucketEncryption", &[right(Action::GetEncryptionConfiguration, Bucket, Always)]),
    (
        "GetBucketIntelligentTieringConfiguration",
        &[right(Action::GetIntelligentTieringConfiguration, Bucket, Always)],
    ),
    ("GetBucketInventoryConfiguration", &[right(Action::GetInventoryConfiguration, Bucket, Always)]),
    ("GetBucketLifecycle", &[right(Action::GetLifecycleConfiguration, Bucket, Always)]),
    ("GetBucketLifecycleConfiguration", &[right(Action::GetLifecycleConfiguration, Bucket, Always)]),
    ("GetBucketLocation", &[right(Action::GetBucketLocation, Bucket, Always)]),
    ("GetBucketLogging", &[right(Action::GetBucketLogging, Bucket, Always)]),
    ("GetBucketMetadataConfiguration", &[right(Action::GetBucketMetadataTableConfiguration, Bucket, Always)]),
    (
        "GetBucketMetadataTableConfiguration",
        &[right(Action::GetBucketMetadataTableConfiguration, Bucket, Always)],
    ),
    ("GetBucketMetricsConfiguration", &[right(Action::GetMetricsConfiguration, Bucket, Always)]),
    ("GetBucketNotification", &[right(Action::GetBucketNotification, Bucket, Always)]),
    ("GetBucketNotificationConfiguration", &[right(Action::GetBucketNotification, Bucket, Always)]),
    ("GetBucketOwnershipControls", &[right(Action::GetBucketOwnershipControls, Bucket, Always)]),
    ("GetBucketPolicy", &[right(Action::GetBucketPolicy, Bucket, Always)]),
    ("GetBucketPolicyStatus", &[right(Action::GetBucketPolicyStatus, Bucket, Always)]),
    ("GetBucketReplication", &[right(Action::GetReplicationConfiguration, Bucket, Always)]),
    ("GetBucketRequestPayment", &[right(Action::GetBucketRequestPayment, Bucket, Always)]),
    ("GetBucketTagging", &[right(Action::GetBucketTagging, Bucket, Always)]),
    ("GetBucketVersioning", &[right(Action::GetBucketVersioning, Bucket, Always)]),
    ("GetBucketWebsite", &[right(Action::GetBucketWebsite, Bucket, Always)]),
    (
        "GetObject",
        &[right(Action::GetObject, Object, NoVersion), right(Action::GetObjectVersion, Object, Version)],
    ),
    (
        "GetObjectAcl",
        &[
            right(Action::GetObjectAcl, Object, NoVersion),
            right(Action::GetObjectVersionAcl, Object, Version),
        ],
    ),
    (
        "GetObjectAnnotation",
        &[
            right(Action::GetObjectAnnotation, Object, NoVersion),
            right(Action::GetObjectVersionAnnotation, Object, Version),
        ],
    ),
    (
        "GetObjectAttributes",
        &[
            right(Action::GetObject, Object, NoVersion),
            right(Action::GetObjectVersion, Object, Version),
            right(Action::GetObjectAttributes, Object, NoVersion),
            right(Action::GetObjectVersionAttributes, Object, Version),
        ],
    ),
    ("GetObjectLegalHold", &[right(Action::GetObjectLegalHold, Object, Always)]),
    ("GetObjectLockConfiguration", &[right(Action::GetBucketObjectLockConfiguration, Bucket, Always)]),
    ("GetObjectRetention", &[right(Action::GetObjectRetention, Object, Always)]),
    (
        "GetObjectTagging",
        &[
            right(Action::GetObjectTagging, Object, NoVersion),
            right(Action::GetObjectVersionTagging, Object, Version),
        ],
    ),
    (
        "GetObjectTorrent",
        &[
            right(Action::GetObjectTorrent, Object, NoVersion),
            right(Action::GetObjectVersionTorrent, Object, Version),
        ],
    ),
    ("GetPublicAccessBlock", &[right(Action::GetBucketPublicAccessBlock, Bucket, Always)]),
    ("HeadBucket", &[right(Action::ListBucket, Bucket, Always)]),
    (
        "HeadObject",
        &[right(Action::GetObject, Object, NoVersion), right(Action::GetObjectVersion, Object, Version)],
    ),
    ("ListBucketAnalyticsConfigurations", &[right(Action::GetAnalyticsConfiguration, Bucket, Always)]),
    (
        "ListBucketIntelligentTieringConfigurations",
        &[right(Action::GetIntelligentTieringConfiguration, Bucket, Always)],
    ),
    ("ListBucketInventoryConfigurations", &[right(Action::GetInventoryConfiguration, Bucket, Always)]),
    ("ListBucketMetricsConfigurations", &[right(Action::GetMetricsConfiguration, Bucket, Always)]),
    ("ListBuckets", &[right(Action::ListAllMyBuckets, Account, Always)]),
    ("ListDirectoryBuckets", &[right(Action::ListAllMyDirectoryBuckets, Account, Always)]),
    ("ListMultipartUploads", &[right(Action::ListBucketMultipartUploads, Bucket, Always)]),
    (
        "ListObjectAnnotations",
        &[
            right(Action::ListObjectAnnotations, Object, NoVersion),
            right(Action::ListObjectVersionAnnotations, Object, Version),
        ],
    ),
    ("ListObjectVersions", &[right(Action::ListBucketVersions, Bucket, Always)]),
    ("ListObjects", &[right(Action::ListBucket, Bucket, Always)]),
    ("ListObjectsV2", &[right(Action::ListBucket, Bucket, Always)]),
    ("ListParts", &[right(Action::ListMultipartUploadParts, Object, Always)]),
    ("ListenBucketNotification", &[right(Action::ListenBucketNotification, Bucket, Always)]),
    ("ListenNotification", &[right(Action::ListenNotification, Account, Always)]),
    ("PostObject", PUT),
    ("PutBucketAbac", &[right(Action::PutBucketAbac, Bucket, Always)]),
    ("PutBucketAccelerateConfiguration", &[right(Action::PutAccelerateConfiguration, Bucket, Always)]),
    ("PutBucketAcl", &[right(Action::PutBucketAcl, Bucket, Always)]),
    ("PutBucketAnalyticsConfiguration", &[right(Action::PutAnalyticsConfiguration, Bucket, Always)]),
    ("PutBucketCors", &[right(Action::PutBucketCors, Bucket, Always)]),
    ("PutBucketEncryption", &[right(Action::PutEncryptionConfiguration, Bucket, Always)]),
    (
        "PutBucketIntelligentTieringConfiguration",
        &[right(Action::PutIntelligentTieringConfiguration, Bucket, Always)],
    ),
    ("PutBucketInventoryConfiguration", &[right(Action::PutInventoryConfiguration, Bucket, Always)]),
    ("PutBucketLifecycle", &[right(Action::PutLifecycleConfiguration, Bucket, Always)]),
    ("PutBucketLifecycleConfiguration", &[right(Action::PutLifecycleConfiguration, Bucket, Always)]),
    ("PutBucketLogging", &[right(Action::PutBucketLogging, Bucket, Always)]),
    ("PutBucketMetricsConfiguration", &[right(Action::PutMetricsConfiguration, Bucket, Always)]),
    ("PutBucketNotification", &[right(Action::PutBucketNotification, Bucket, Always)]),
    ("PutBucketNotificationConfiguration", &[right(Action::PutBucketNotification, Bucket, Always)]),
    ("PutBucketOwnershipControls", &[right(Action::PutBucketOwnershipControls, Bucket, Always)]),
    ("PutBucketPolicy", &[right(Action::PutBucketPolicy, Bucket, Always)]),
    ("PutBucketReplication", &[right(Action::PutReplicationConfiguration, Bucket, Always)]),
    ("PutBucketRequestPayment", &[right(Action::PutBucketRequestPayment, Bucket, Always)]),
    ("PutBucketTagging", &[right(Action::PutBucketTagging, Bucket, Always)]),
    ("PutBucketVersioning", &[right(Action::PutBucketVersioning, Bucket, Always)]),
    ("PutBucketWebsite", &[right(Action::PutBucketWebsite, Bucket, Always)]),
    ("PutObject", PUT),
    (
        "PutObjectAcl",
        &[
            right(Action::PutObjectAcl, Object, NoVersion),
            right(Action::PutObjectVersionAcl, Object, Version),
        ],
    ),
    (
        "PutObjectAnnotation",
        &[
            right(Action::PutObjectAnnotation, Object, NoVersion),
            right(Action::PutObjectVersionAnnotation, Object, Version),
        ],
    ),
    ("PutObjectLegalHold", &[right(Action::PutObjectLegalHold, Object, Always)]),
    ("PutObjectLockConfiguration", &[right(Action::PutBucketObjectLockConfiguration, Bucket, Always)]),
    (
        "PutObjectRetention",
        &[
            right(Action::PutObjectRetention, Object, Always),
            right(Action::BypassGovernanceRetention, Object, BYPASS),
        ],
    ),
    (
        "PutObjectTagging",
        &[
            right(Action::PutObjectTagging, Object, NoVersion),
            right(Action::PutObjectVersionTagging, Object, Version),
        ],
    ),
    ("PutPublicAccessBlock", &[right(Action::PutBucketPublicAccessBlock, Bucket, Always)]),
    (
        "RenameObject",
        &[
            right(Action::PutObject, Object, Always),
            right(Action::GetObject, Source, Always),
            right(Action::DeleteObject, Source, Always),
        ],
    ),
    ("RestoreObject", &[right(Action::RestoreObject, Object, Always)]),
    ("SelectObjectContent", &[right(Action::GetObject, Object, Always)]),
    (
        "UpdateBucketMetadataAnnotationTableConfiguration",
        &[right(Action::UpdateBucketMetadataAnnotationTableConfiguration, Bucket, Always)],
    ),
    (
        "UpdateBucketMetadataInventoryTableConfiguration",
        &[right(Action::UpdateBucketMetadataInventoryTableConfiguration, Bucket, Always)],
    ),
    (
        "UpdateBucketMetadataJournalTableConfiguration",
        &[right(Action::UpdateBucketMetadataJournalTableConfiguration, Bucket, Always)],
    ),
    ("UpdateObjectEncryption", &[right(Action::UpdateObjectEncryption, Object, Always)]),
    ("UploadPart", &[right(Action::PutObject, Object, Always)]),
    (
        "UploadPartCopy",
        &[
            right(Action::PutObject, Object, Always),
            right(Action::GetObject, Source, NoVersion),
            right(Action::GetObjectVersion, Source, Version),
        ],
    ),
    ("WriteGetObjectResponse", &[right(Action::WriteGetObjectResponse, Account, Always)]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ResourceKind;

    #[test]
    fn every_operation_has_its_place_and_a_right_that_it_always_needs() {
        assert!(RIGHTS.is_sorted_by(|(one, _), (other, _)| one < other));
        for (operation, needed) in RIGHTS {
            assert_eq!(rights(operation), Some(*needed));
            let occasions: Vec<RightOccasion> = needed.iter().map(|right| right.when).collect();
            let is_always = occasions.contains(&Always);
            let is_either = occasions.contains(&Version) && occasions.contains(&NoVersion);
            assert!(is_always || is_either, "{operation}");
        }
        assert_eq!(rights("GetEverything"), None);
        assert_eq!(rights(""), None);
    }

    #[test]
    fn a_right_is_on_what_its_action_is_done_on() {
        for (operation, needed) in RIGHTS {
            for right in *needed {
                let expected = match right.action.resource_kind() {
                    ResourceKind::Account | ResourceKind::Other => &[Account][..],
                    ResourceKind::Bucket => &[Bucket],
                    ResourceKind::Object => &[Object, Source, EachObject],
                };
                assert!(expected.contains(&right.on), "{operation} {right:?}");
            }
        }
    }

    /// What writes does not do with a right to read, and the other way round.
    #[test]
    fn writing_takes_a_right_to_write() {
        let reads = ["Get", "Head", "List", "Select"];
        for (operation, needed) in RIGHTS.iter().filter(|(operation, _)| *operation != "CreateSession") {
            let is_read = reads.iter().any(|verb| operation.starts_with(verb));
            let own = needed
                .iter()
                .filter(|right| right.on != Source && right.action != Action::WriteGetObjectResponse);
            for right in own {
                let name = right.action.name().split_once(':').unwrap().1;
                assert_eq!(reads.iter().any(|verb| name.starts_with(verb)), is_read, "{operation} {name}");
            }
        }
    }

    #[test]
    fn a_copy_reads_its_source_and_deletes_nothing() {
        for operation in ["CopyObject", "UploadPartCopy", "RenameObject"] {
            let source: Vec<&Right> =
                rights(operation).unwrap().iter().filter(|right| right.on == Source).collect();
            assert!(source.iter().any(|right| right.action == Action::GetObject), "{operation}");
            let deletes = source.iter().any(|right| right.action == Action::DeleteObject);
            assert_eq!(deletes, operation == "RenameObject");
        }
    }
}
