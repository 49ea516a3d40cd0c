//! CopyObject, and what it shares with UploadPartCopy: the source.

use iam::Action;
use model::attributes::{Attributes, ContentHeader};
use model::checksum::ChecksumAlgorithm;
use model::ids::VersionId;
use model::limits::PART_SIZE_BYTES_MAX;
use object::{BucketInfo, CopyRequest, ObjectError, OpenObject, ReadCondition, Verdict};

use crate::attributes::{described, storage_class};
use crate::checksum_headers::{CopyDigest, algorithm, show_checksum};
use crate::conditions;
use crate::error::{ErrorCode, S3Error};
use crate::generated::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective};
use crate::limits::OPEN_ATTEMPTS_MAX;
use crate::object_put::{owner_beside, version_named, version_text};
use crate::request::Call;
use crate::response::{Response, answer};
use crate::route::check_bucket_name;
use crate::unsupported::refuse_write;
use crate::wire::percent_decode;

/// The object that a copy is made of, as `x-amz-copy-source` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<VersionId>,
}

impl Source {
    /// Reads the header: bucket and key, percent-encoded once, perhaps behind a slash, and perhaps a version.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn parse(header: &str) -> Result<Self, S3Error> {
        const NAME: &str = "x-amz-copy-source";
        let (path, version) = match header.rsplit_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (header, None),
        };
        let path = percent_decode(path)
            .ok_or_else(|| S3Error::argument("Copy Source is not properly percent-encoded", NAME, header))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path
            .split_once('/')
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            .ok_or_else(|| {
                let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
                S3Error::argument(message, NAME, header)
            })?;
        check_bucket_name(bucket)?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version: version_named(version)? })
    }

    /// The bucket, if the source may be read by who asks.
    pub(crate) async fn bucket(
        &self,
        call: &Call<'_>,
        expected_owner: Option<&str>,
    ) -> Result<BucketInfo, S3Error> {
        let action = if self.version.is_some() { Action::GetObjectVersion } else { Action::GetObject };
        let _allowed = call.authorize_source(action, &self.bucket, &self.key).await?;
        call.bucket(&self.bucket, expected_owner).await
    }

    /// Opens the source, if the conditions on it hold.
    pub(crate) async fn open(
        &self,
        call: &Call<'_>,
        bucket: &BucketInfo,
        condition: &ReadCondition,
    ) -> Result<OpenObject, S3Error> {
        let opened = call.shared.objects.open(bucket, &self.key, self.version).await;
        let object = match opened {
            Err(ObjectError::DeleteMarker { named: true, .. }) => {
                let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
                return Err(S3Error::with_message(ErrorCode::InvalidRequest, message));
            }
            other => other.map_err(|error| S3Error::from(error).with("Key", &self.key))?,
        };
        match condition.verdict(&object.info().etag, object.info().modified) {
            Verdict::Holds => Ok(object),
            Verdict::NotModified | Verdict::Failed => {
                Err(S3Error::new(ErrorCode::PreconditionFailed).with("Condition", "x-amz-copy-source-If"))
            }
        }
    }
}

/// The version of the source, for buckets that have versions.
pub(crate) fn source_version(object: &OpenObject) -> Option<String> {
    let version = object.info().version;
    (!version.is_null()).then(|| version_text(version))
}

/// The checksum of a copy: the one asked for, else of the source's kind, else what S3 computes by itself.
fn checksum_of_copy(asked: Option<ChecksumAlgorithm>, source: &OpenObject) -> ChecksumAlgorithm {
    let of_source = source.info().checksum.as_ref().map(|checksum| checksum.algorithm);
    asked.or(of_source).unwrap_or(ChecksumAlgorithm::Crc64Nvme)
}

pub(crate) async fn copy_object(call: &Call<'_>) -> Result<Response, S3Error> {
    let mut input: CopyObjectInput = call.parse()?;
    refuse_write(call.operation, call.input.headers)?;
    let source = Source::parse(&input.copy_source)?;
    check_self_copy(&input, &source)?;
    let asked = input.checksum_algorithm.map(algorithm).transpose()?;
    let storage_class = storage_class(input.storage_class)?;
    let condition = conditions::of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let of_source = conditions::of_read(
        input.copy_source_if_match.as_deref(),
        input.copy_source_if_none_match.as_deref(),
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    );
    let redirect = input.website_redirect_location.clone();
    let replaced = match input.metadata_directive {
        Some(MetadataDirective::Replace) => Some(described!(input).attributes()?),
        _ => None,
    };
    let from = source.bucket(call, input.expected_source_bucket_owner.as_deref()).await?;
    let to = call.bucket(&input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let has_condition = !condition.is_empty();
    let owner = owner_beside(&to.owner, call.canonical_id());
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let object = source.open(call, &from, &of_source).await?;
        check_size(object.info().size_bytes)?;
        let digest = CopyDigest::boxed(checksum_of_copy(asked, &object));
        let attributes =
            replaced.clone().or_else(|| with_redirect(&object.info().attributes, redirect.as_deref()));
        let (condition, owner) = (condition.clone(), owner.clone());
        let request = CopyRequest { attributes, storage_class, checksum: asked, condition, owner };
        let copied = call.shared.objects.copy(&object, &to, &input.key, request, digest).await;
        let put = match copied {
            Err(ObjectError::Replaced) => continue,
            other => other.map_err(|error| conditions::write_error(error, has_condition))?,
        };
        let mut result = CopyObjectResult {
            etag: Some(format!("\"{}\"", put.etag)),
            last_modified: Some(put.modified),
            ..CopyObjectResult::default()
        };
        show_checksum!(result, put.checksum.as_ref());
        let output = CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source_version(&object),
            version_id: put.version.map(version_text),
            ..CopyObjectOutput::default()
        };
        return Ok(answer(call.operation, &output));
    }
    Err(ObjectError::Replaced.into())
}

/// The redirection of a website is the only attribute that a copy does not take over. None where nothing changes.
fn with_redirect(of_source: &Attributes, redirect: Option<&str>) -> Option<Attributes> {
    const REDIRECT: ContentHeader = ContentHeader::WebsiteRedirectLocation;
    if of_source.header(REDIRECT) == redirect {
        return None;
    }
    let mut attributes = of_source.clone();
    attributes.headers.retain(|(header, _)| *header != REDIRECT);
    if let Some(redirect) = redirect {
        attributes.set_header(REDIRECT, redirect.to_owned());
    }
    Some(attributes)
}

/// A copy onto itself is there to change something.
fn check_self_copy(input: &CopyObjectInput, source: &Source) -> Result<(), S3Error> {
    let is_itself = source.bucket == input.bucket && source.key == input.key && source.version.is_none();
    let changes = input.metadata_directive == Some(MetadataDirective::Replace)
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.checksum_algorithm.is_some();
    if !is_itself || changes {
        return Ok(());
    }
    let message = "This copy request is illegal because it is trying to copy an object to itself without changing the \
                   object's metadata, storage class, website redirect location or encryption attributes.";
    Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
}

fn check_size(size_bytes: u64) -> Result<(), S3Error> {
    if size_bytes <= PART_SIZE_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "The specified copy source is larger than the maximum allowable size for a copy source: {PART_SIZE_BYTES_MAX}"
    );
    Err(S3Error::with_message(ErrorCode::InvalidRequest, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::StorageClass;

    fn source(bucket: &str, key: &str, version: Option<VersionId>) -> Source {
        Source { bucket: bucket.to_owned(), key: key.to_owned(), version }
    }

    #[test]
    fn the_source_is_decoded_exactly_once() {
        for (header, key) in [
            ("bucket/key", "key"),
            ("/bucket/key", "key"),
            ("bucket%2Fkey", "key"),
            ("bucket/a%2Fb//c", "a/b//c"),
            ("bucket/anyfilename%25.txt", "anyfilename%.txt"),
            ("bucket/a+b%2Bc", "a+b+c"),
            ("bucket/foo%3Fbar", "foo?bar"),
            ("bucket/foo?bar", "foo?bar"),
        ] {
            assert_eq!(Source::parse(header), Ok(source("bucket", key, None)), "{header}");
        }
        let id = VersionId::from_bytes([3; 16]);
        let header = format!("bucket/foo%3FversionId=x?versionId={id}");
        assert_eq!(Source::parse(&header), Ok(source("bucket", "foo?versionId=x", Some(id))));
        assert_eq!(
            Source::parse("bucket/k?versionId=null"),
            Ok(source("bucket", "k", Some(VersionId::NULL)))
        );
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for wrong in ["", "bucket", "/bucket", "bucket/", "/", "bucket/%zz", "bucket/k?versionId=x"] {
            assert_eq!(Source::parse(wrong).unwrap_err().code, ErrorCode::InvalidArgument, "{wrong}");
        }
        assert_eq!(Source::parse("a/b").unwrap_err().code, ErrorCode::InvalidBucketName);
    }

    #[test]
    fn a_copy_onto_itself_must_change_something() {
        let mut input = CopyObjectInput {
            bucket: "bucket".to_owned(),
            key: "key".to_owned(),
            ..CopyObjectInput::default()
        };
        let itself = source("bucket", "key", None);
        assert_eq!(check_self_copy(&input, &itself).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(check_self_copy(&input, &source("bucket", "other", None)), Ok(()));
        assert_eq!(check_self_copy(&input, &source("bucket", "key", Some(VersionId::NULL))), Ok(()));
        input.metadata_directive = Some(MetadataDirective::Copy);
        assert!(check_self_copy(&input, &itself).is_err());
        input.storage_class = Some(StorageClass::StandardIa);
        assert_eq!(check_self_copy(&input, &itself), Ok(()));
    }

    #[test]
    fn a_redirection_is_not_copied() {
        let mut attributes = Attributes::default();
        assert_eq!(with_redirect(&attributes, None), None);
        attributes.set_header(ContentHeader::WebsiteRedirectLocation, "/a".to_owned());
        assert_eq!(with_redirect(&attributes, None), Some(Attributes::default()));
        assert_eq!(with_redirect(&attributes, Some("/a")), None);
        let other = with_redirect(&attributes, Some("/b")).unwrap();
        assert_eq!(other.header(ContentHeader::WebsiteRedirectLocation), Some("/b"));
    }

    #[test]
    fn a_source_has_five_gibibytes_at_most() {
        assert_eq!(check_size(5 << 30), Ok(()));
        assert_eq!(check_size((5 << 30) + 1).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
