//! What right each operation needs. Always true: every operation has a row, or this file does not compile.

use iam::Action;

use crate::generated::Operation;

/// The right that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// This one, on the bucket or object that the request names.
    One(Action),
    /// This one, on each key that the body names. The operation asks by itself.
    PerKey(Action),
    /// The operation is not built. Who is somebody is told so; anonymous is refused.
    NotImplemented,
}

/// The right that an operation needs. `names_version`: whether the request names a version of the object.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one row for each operation")]
pub fn rule(operation: Operation, names_version: bool) -> Rule {
    let versioned =
        |current: Action, version: Action| Rule::One(if names_version { version } else { current });
    match operation {
        Operation::AbortMultipartUpload => Rule::One(Action::AbortMultipartUpload),
        Operation::CompleteMultipartUpload => Rule::One(Action::PutObject),
        Operation::CopyObject => Rule::One(Action::PutObject),
        Operation::CreateBucket => Rule::One(Action::CreateBucket),
        Operation::CreateMultipartUpload => Rule::One(Action::PutObject),
        Operation::DeleteBucket => Rule::One(Action::DeleteBucket),
        Operation::DeleteObject => versioned(Action::DeleteObject, Action::DeleteObjectVersion),
        Operation::DeleteObjects => Rule::PerKey(Action::DeleteObject),
        Operation::GetBucketAcl => Rule::One(Action::GetBucketAcl),
        Operation::GetBucketLocation => Rule::One(Action::GetBucketLocation),
        Operation::GetBucketVersioning => Rule::One(Action::GetBucketVersioning),
        Operation::GetObject => versioned(Action::GetObject, Action::GetObjectVersion),
        Operation::GetObjectAcl => versioned(Action::GetObjectAcl, Action::GetObjectVersionAcl),
        Operation::HeadBucket => Rule::One(Action::ListBucket),
        Operation::HeadObject => versioned(Action::GetObject, Action::GetObjectVersion),
        Operation::ListBuckets => Rule::One(Action::ListAllMyBuckets),
        Operation::ListMultipartUploads => Rule::One(Action::ListBucketMultipartUploads),
        Operation::ListObjects => Rule::One(Action::ListBucket),
        Operation::ListObjectsV2 => Rule::One(Action::ListBucket),
        Operation::ListParts => Rule::One(Action::ListMultipartUploadParts),
        Operation::PutObject => Rule::One(Action::PutObject),
        Operation::UploadPart => Rule::One(Action::PutObject),
        Operation::UploadPartCopy => Rule::One(Action::PutObject),
        Operation::CreateBucketMetadataConfiguration
        | Operation::CreateBucketMetadataTableConfiguration
        | Operation::CreateSession
        | Operation::DeleteBucketAnalyticsConfiguration
        | Operation::DeleteBucketCors
        | Operation::DeleteBucketEncryption
        | Operation::DeleteBucketIntelligentTieringConfiguration
        | Operation::DeleteBucketInventoryConfiguration
        | Operation::DeleteBucketLifecycle
        | Operation::DeleteBucketMetadataConfiguration
        | Operation::DeleteBucketMetadataTableConfiguration
        | Operation::DeleteBucketMetricsConfiguration
        | Operation::DeleteBucketOwnershipControls
        | Operation::DeleteBucketPolicy
        | Operation::DeleteBucketReplication
        | Operation::DeleteBucketTagging
        | Operation::DeleteBucketWebsite
        | Operation::DeleteObjectAnnotation
        | Operation::DeleteObjectTagging
        | Operation::DeletePublicAccessBlock
        | Operation::GetBucketAbac
        | Operation::GetBucketAccelerateConfiguration
        | Operation::GetBucketAnalyticsConfiguration
        | Operation::GetBucketCors
        | Operation::GetBucketEncryption
        | Operation::GetBucketIntelligentTieringConfiguration
        | Operation::GetBucketInventoryConfiguration
        | Operation::GetBucketLifecycle
        | Operation::GetBucketLifecycleConfiguration
        | Operation::GetBucketLogging
        | Operation::GetBucketMetadataConfiguration
        | Operation::GetBucketMetadataTableConfiguration
        | Operation::GetBucketMetricsConfiguration
        | Operation::GetBucketNotification
        | Operation::GetBucketNotificationConfiguration
        | Operation::GetBucketOwnershipControls
        | Operation::GetBucketPolicy
        | Operation::GetBucketPolicyStatus
        | Operation::GetBucketReplication
        | Operation::GetBucketRequestPayment
        | Operation::GetBucketTagging
        | Operation::GetBucketWebsite
        | Operation::GetObjectAnnotation
        | Operation::GetObjectAttributes
        | Operation::GetObjectLegalHold
        | Operation::GetObjectLockConfiguration
        | Operation::GetObjectRetention
        | Operation::GetObjectTagging
        | Operation::GetObjectTorrent
        | Operation::GetPublicAccessBlock
        | Operation::ListBucketAnalyticsConfigurations
        | Operation::ListBucketIntelligentTieringConfigurations
        | Operation::ListBucketInventoryConfigurations
        | Operation::ListBucketMetricsConfigurations
        | Operation::ListDirectoryBuckets
        | Operation::ListObjectAnnotations
        | Operation::ListObjectVersions
        | Operation::PutBucketAbac
        | Operation::PutBucketAccelerateConfiguration
        | Operation::PutBucketAcl
        | Operation::PutBucketAnalyticsConfiguration
        | Operation::PutBucketCors
        | Operation::PutBucketEncryption
        | Operation::PutBucketIntelligentTieringConfiguration
        | Operation::PutBucketInventoryConfiguration
        | Operation::PutBucketLifecycle
        | Operation::PutBucketLifecycleConfiguration
        | Operation::PutBucketLogging
        | Operation::PutBucketMetricsConfiguration
        | Operation::PutBucketNotification
        | Operation::PutBucketNotificationConfiguration
        | Operation::PutBucketOwnershipControls
        | Operation::PutBucketPolicy
        | Operation::PutBucketReplication
        | Operation::PutBucketRequestPayment
        | Operation::PutBucketTagging
        | Operation::PutBucketVersioning
        | Operation::PutBucketWebsite
        | Operation::PutObjectAcl
        | Operation::PutObjectAnnotation
        | Operation::PutObjectLegalHold
        | Operation::PutObjectLockConfiguration
        | Operation::PutObjectRetention
        | Operation::PutObjectTagging
        | Operation::PutPublicAccessBlock
        | Operation::RenameObject
        | Operation::RestoreObject
        | Operation::SelectObjectContent
        | Operation::UpdateBucketMetadataAnnotationTableConfiguration
        | Operation::UpdateBucketMetadataInventoryTableConfiguration
        | Operation::UpdateBucketMetadataJournalTableConfiguration
        | Operation::UpdateObjectEncryption
        | Operation::WriteGetObjectResponse => Rule::NotImplemented,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_are_built_have_a_right_of_their_own() {
        let built: Vec<_> = Operation::ALL
            .iter()
            .filter(|operation| rule(**operation, false) != Rule::NotImplemented)
            .collect();
        assert_eq!(built.len(), 23);
        for operation in built {
            let name = operation.name();
            let writes = ["Put", "Create", "Delete", "Copy", "Upload", "Complete", "Abort"];
            let is_write = writes.iter().any(|verb| name.starts_with(verb));
            let (Rule::One(action) | Rule::PerKey(action)) = rule(*operation, false) else { continue };
            let reads = action.name().starts_with("s3:Get") || action.name().starts_with("s3:List");
            assert_ne!(is_write, reads, "{name} needs {}", action.name());
        }
    }

    #[test]
    fn a_version_needs_a_right_of_its_own() {
        assert_eq!(rule(Operation::GetObject, true), Rule::One(Action::GetObjectVersion));
        assert_eq!(rule(Operation::DeleteObject, true), Rule::One(Action::DeleteObjectVersion));
        assert_eq!(rule(Operation::PutObject, true), Rule::One(Action::PutObject));
    }

    /// What is asked today is among what AWS asks, for every operation that is built; and none is missing in the table.
    #[test]
    fn rights_are_those_of_the_table_of_iam() {
        for operation in Operation::ALL {
            let rights = iam::rights(operation.name());
            let rights = rights.unwrap_or_else(|| panic!("{} is not in the table", operation.name()));
            for names_version in [false, true] {
                if let Rule::One(action) | Rule::PerKey(action) = rule(*operation, names_version) {
                    assert!(
                        rights.iter().any(|right| right.action == action),
                        "{} {action}",
                        operation.name()
                    );
                }
            }
        }
    }
}
