//! Content headers and user metadata: from requests into the object, and from there into answers.

use std::collections::BTreeMap;

use model::attributes::{Attributes, ContentHeader};
use model::limits::USER_METADATA_BYTES_MAX;
use model::object::StorageClass;

use crate::error::{ErrorCode, S3Error};
use crate::generated::{GetObjectOutput, StorageClass as StorageClassWord};
use crate::wire::WireValue;

/// The type of an object whose client named none.
const CONTENT_TYPE_DEFAULT: &str = "binary/octet-stream";

/// What a request says about an object beside its bytes, each as sent.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) website_redirect_location: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Takes the fields of [`Described`] out of an input.
macro_rules! described {
    ($input:expr) => {
        $crate::attributes::Described {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            website_redirect_location: $input.website_redirect_location.take(),
            metadata: std::mem::take(&mut $input.metadata),
        }
    };
}
pub(crate) use described;

impl Described {
    /// As the object stores it.
    ///
    /// # Errors
    /// `MetadataTooLarge`.
    pub(crate) fn attributes(self) -> Result<Attributes, S3Error> {
        let mut attributes = Attributes { headers: Vec::new(), user: self.metadata.into_iter().collect() };
        let encoding = self.content_encoding.and_then(|encoding| without_aws_chunked(&encoding));
        for (header, value) in [
            (ContentHeader::ContentType, self.content_type.filter(|value| !value.is_empty())),
            (ContentHeader::CacheControl, self.cache_control),
            (ContentHeader::ContentDisposition, self.content_disposition),
            (ContentHeader::ContentEncoding, encoding),
            (ContentHeader::ContentLanguage, self.content_language),
            (ContentHeader::Expires, self.expires),
            (ContentHeader::WebsiteRedirectLocation, self.website_redirect_location),
        ] {
            if let Some(value) = value {
                attributes.headers.push((header, value));
            }
        }
        let size = attributes.user_bytes();
        if size <= USER_METADATA_BYTES_MAX {
            return Ok(attributes);
        }
        Err(S3Error::new(ErrorCode::MetadataTooLarge)
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", USER_METADATA_BYTES_MAX.to_string()))
    }
}

/// `aws-chunked` is how the body was sent, not what the object is. None if nothing else was said.
fn without_aws_chunked(encoding: &str) -> Option<String> {
    if !encoding.to_ascii_lowercase().contains("aws-chunked") {
        return Some(encoding.to_owned());
    }
    let is_kept = |coding: &&str| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked");
    let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(is_kept).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// Shows attributes in an answer.
pub(crate) fn show(attributes: &Attributes, output: &mut GetObjectOutput) {
    output.content_type = Some(CONTENT_TYPE_DEFAULT.to_owned());
    for (header, value) in &attributes.headers {
        let slot = match header {
            ContentHeader::ContentType => &mut output.content_type,
            ContentHeader::CacheControl => &mut output.cache_control,
            ContentHeader::ContentDisposition => &mut output.content_disposition,
            ContentHeader::ContentEncoding => &mut output.content_encoding,
            ContentHeader::ContentLanguage => &mut output.content_language,
            ContentHeader::Expires => &mut output.expires,
            ContentHeader::WebsiteRedirectLocation => &mut output.website_redirect_location,
        };
        *slot = Some(value.clone());
    }
    output.metadata = attributes.user.iter().cloned().collect();
}

/// The storage class that a request names.
///
/// # Errors
/// `InvalidStorageClass` for words that no ordinary bucket of AWS takes.
pub(crate) fn storage_class(word: Option<StorageClassWord>) -> Result<StorageClass, S3Error> {
    let Some(word) = word else { return Ok(StorageClass::Standard) };
    match StorageClass::from_name(word.as_str()) {
        Some(StorageClass::Outposts | StorageClass::Snow | StorageClass::ExpressOnezone) | None => {
            Err(S3Error::new(ErrorCode::InvalidStorageClass))
        }
        Some(class) => Ok(class),
    }
}

/// The word of a storage class.
pub(crate) fn storage_class_word(class: StorageClass) -> Option<StorageClassWord> {
    StorageClassWord::from_wire(class.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_comes_back() {
        let described = Described {
            content_encoding: Some("aws-chunked,gzip".to_owned()),
            expires: Some("yesterday".to_owned()),
            metadata: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            ..Described::default()
        };
        let mut output = GetObjectOutput::default();
        show(&described.attributes().unwrap(), &mut output);
        assert_eq!(output.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(output.expires.as_deref(), Some("yesterday"));
        assert_eq!(output.content_type.as_deref(), Some("binary/octet-stream"));
        assert_eq!(output.metadata["a"], "1");
        assert_eq!(output.cache_control, None);
    }

    #[test]
    fn the_coding_of_the_transfer_is_no_coding_of_the_object() {
        for (sent, kept) in [
            ("aws-chunked", None),
            ("AWS-Chunked, ", None),
            ("gzip", Some("gzip")),
            ("gzip, aws-chunked, br", Some("gzip,br")),
            ("", Some("")),
        ] {
            assert_eq!(without_aws_chunked(sent).as_deref(), kept, "{sent}");
        }
    }

    #[test]
    fn metadata_has_two_kibibytes() {
        let of = |bytes: usize| Described {
            metadata: BTreeMap::from([("key".to_owned(), "x".repeat(bytes - 3))]),
            ..Described::default()
        };
        assert!(of(2_048).attributes().is_ok());
        assert_eq!(of(2_049).attributes().unwrap_err().code, ErrorCode::MetadataTooLarge);
    }

    #[test]
    fn storage_classes_of_ordinary_buckets_are_taken() {
        assert_eq!(storage_class(None), Ok(StorageClass::Standard));
        assert_eq!(storage_class(Some(StorageClassWord::GlacierIr)), Ok(StorageClass::GlacierIr));
        for word in [StorageClassWord::Outposts, StorageClassWord::FsxOntap] {
            assert_eq!(storage_class(Some(word)).unwrap_err().code, ErrorCode::InvalidStorageClass);
        }
        for class in StorageClass::ALL {
            assert_eq!(storage_class_word(class).map(StorageClassWord::as_str), Some(class.name()));
        }
    }
}
