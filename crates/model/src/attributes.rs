//! What a client says about an object beside its bytes: content headers and user metadata.

use crate::record::{Decoder, Encoder, RecordError};

/// Headers that S3 stores and gives back as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ContentHeader {
    /// `Content-Type`.
    ContentType = 1,
    /// `Cache-Control`.
    CacheControl = 2,
    /// `Content-Disposition`.
    ContentDisposition = 3,
    /// `Content-Encoding`, without the `aws-chunked` of the transfer.
    ContentEncoding = 4,
    /// `Content-Language`.
    ContentLanguage = 5,
    /// `Expires`, as text.
    Expires = 6,
    /// `x-amz-website-redirect-location`.
    WebsiteRedirectLocation = 7,
}

impl ContentHeader {
    /// All of them.
    pub const ALL: [ContentHeader; 7] = [
        Self::ContentType,
        Self::CacheControl,
        Self::ContentDisposition,
        Self::ContentEncoding,
        Self::ContentLanguage,
        Self::Expires,
        Self::WebsiteRedirectLocation,
    ];

    /// The header's name in lower case.
    #[must_use]
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::ContentType => "content-type",
            Self::CacheControl => "cache-control",
            Self::ContentDisposition => "content-disposition",
            Self::ContentEncoding => "content-encoding",
            Self::ContentLanguage => "content-language",
            Self::Expires => "expires",
            Self::WebsiteRedirectLocation => "x-amz-website-redirect-location",
        }
    }
}

/// Content headers and user metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Content headers that were sent, each at most once.
    pub headers: Vec<(ContentHeader, String)>,
    /// User metadata: names in lower case without `x-amz-meta-`, values as sent, in the order they were sent.
    pub user: Vec<(String, String)>,
}

impl Attributes {
    /// The value of a content header.
    #[must_use]
    pub fn header(&self, header: ContentHeader) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == header).map(|(_, value)| value.as_str())
    }

    /// Sets a content header.
    pub fn set_header(&mut self, header: ContentHeader, value: String) {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value));
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.user.is_empty()
    }

    /// Size of the user metadata as AWS counts it: bytes of all names and values.
    #[must_use]
    pub fn user_bytes(&self) -> usize {
        self.user.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Writes the fields.
    pub fn encode_fields(&self, out: &mut Encoder) {
        out.varint(self.headers.len() as u64);
        for (header, value) in &self.headers {
            out.u8(*header as u8);
            out.text(value);
        }
        out.varint(self.user.len() as u64);
        for (name, value) in &self.user {
            out.text(name);
            out.text(value);
        }
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let mut attributes = Attributes::default();
        for _ in 0..input.count()? {
            let code = input.u8()?;
            let header = ContentHeader::ALL.into_iter().find(|header| *header as u8 == code);
            let header = header.ok_or_else(|| input.impossible("content header"))?;
            attributes.headers.push((header, input.text()?));
        }
        for _ in 0..input.count()? {
            attributes.user.push((input.text()?, input.text()?));
        }
        Ok(attributes)
    }
}
