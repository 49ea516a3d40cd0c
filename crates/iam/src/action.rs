//! What may be allowed, and on what.

/// Declares the actions with their names in policies.
macro_rules! actions {
    ($($variant:ident = $name:literal,)+) => {
        /// An action of S3, as policies name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Action {
            /// Every action, by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in policies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

actions! {
    AbortMultipartUpload = "s3:AbortMultipartUpload",
    CreateBucket = "s3:CreateBucket",
    DeleteBucket = "s3:DeleteBucket",
    DeleteObject = "s3:DeleteObject",
    DeleteObjectVersion = "s3:DeleteObjectVersion",
    GetBucketAcl = "s3:GetBucketAcl",
    GetBucketLocation = "s3:GetBucketLocation",
    GetBucketVersioning = "s3:GetBucketVersioning",
    GetObject = "s3:GetObject",
    GetObjectAcl = "s3:GetObjectAcl",
    GetObjectVersion = "s3:GetObjectVersion",
    GetObjectVersionAcl = "s3:GetObjectVersionAcl",
    ListAllMyBuckets = "s3:ListAllMyBuckets",
    ListBucket = "s3:ListBucket",
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads",
    ListBucketVersions = "s3:ListBucketVersions",
    ListMultipartUploadParts = "s3:ListMultipartUploadParts",
    PutObject = "s3:PutObject",
}

/// What an action is done on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// All buckets of the account.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_variants_behind_the_service() {
        for action in Action::ALL {
            assert_eq!(action.name(), format!("s3:{action:?}"));
        }
    }
}
