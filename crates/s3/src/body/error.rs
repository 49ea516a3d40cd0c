//! Why a body was refused. Every variant carries the facts that S3's error document shows.

use model::checksum::{ChecksumAlgorithm, ChecksumType};
use thiserror::Error;

/// A refused body. `Display` is the message for the client, [`BodyError::code`] the S3 error code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The body ended early.
    #[error(
        "You did not provide the number of bytes specified by the Content-Length HTTP header: {received} of \
         {expected} came."
    )]
    TooShort {
        /// Announced bytes, without framing.
        expected: u64,
        /// Bytes that came, without framing.
        received: u64,
    },
    /// The body has more than it announced.
    #[error(
        "The body has more than the {expected} bytes that its length header announces. Send the length of the data."
    )]
    TooLong {
        /// Announced bytes, without framing.
        expected: u64,
    },
    /// The body ended inside a chunk or before its trailer did.
    #[error("The request body terminated unexpectedly, {place}. Send it again.")]
    Truncated {
        /// Where in the framing.
        place: &'static str,
    },
    /// The connection failed or broke HTTP's own framing.
    #[error("The request body could not be read: {detail}. Send it again.")]
    Transport {
        /// What the HTTP library says.
        detail: String,
    },
    /// The connection was silent for too long. Made by the caller, who has the clock.
    #[error(
        "Your socket connection to the server was not read from or written to within the timeout period. Idle \
         connections will be closed."
    )]
    IdleTimeout,
    /// [`super::BodyReader::finish`] was called before the end was reached: the request was given up.
    #[error("The request body was not read to its end.")]
    Unfinished,
    /// The line before a chunk, or what follows its data, is not as aws-chunked wants it.
    #[error("The chunk framing of the body is malformed: {detail}.")]
    ChunkFraming {
        /// What is wrong.
        detail: &'static str,
    },
    /// A small chunk, or too many of them where some are accepted.
    #[error("Only the last chunk is allowed to have a size less than 8192 bytes")]
    ChunksTooSmall {
        /// The number of the chunk that follows it, from 1: it is known then that it was not the last.
        chunk: u64,
        /// The bytes of the small one.
        size: u64,
    },
    /// The signature of a chunk or of the trailer is wrong.
    #[error(
        "The signature of {place} does not match what we calculated. Check your key and signing method, and \
         that nothing changes the body on its way."
    )]
    SignatureMismatch {
        /// The chunk's number from 1, or the trailer.
        place: String,
        /// What the server's signature covers.
        string_to_sign: String,
    },
    /// Signed chunks in a request whose own signature cannot begin their chain.
    #[error(
        "A body of signed chunks needs a signed request: sign it, or send STREAMING-UNSIGNED-PAYLOAD-TRAILER."
    )]
    NoSeed,
    /// The trailer is not well-formed, or not the one announced.
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our published \
         schema: {detail}."
    )]
    MalformedTrailer {
        /// What is wrong.
        detail: String,
    },
    /// The data is not what `x-amz-content-sha256` says.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Sha256Mismatch {
        /// As sent, hexadecimal.
        provided: String,
        /// Of the data that came, hexadecimal.
        computed: String,
    },
    /// The data is not what `Content-MD5` says.
    #[error("The Content-MD5 you specified did not match what we received.")]
    Md5Mismatch {
        /// As sent, base64.
        provided: String,
        /// Of the data that came, base64.
        computed: String,
    },
    /// The data is not what the checksum header or trailer says.
    #[error("The {} you specified did not match the calculated checksum.", algorithm.name())]
    ChecksumMismatch {
        /// Which one.
        algorithm: ChecksumAlgorithm,
        /// As sent, base64.
        provided: String,
        /// Of the data that came, base64.
        computed: String,
    },
    /// `Content-MD5` is not the base64 of 16 bytes.
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidMd5 {
        /// As sent.
        value: String,
    },
    /// A checksum is not the base64 of as many bytes as the algorithm gives.
    #[error("Value for {header} {place} is invalid.")]
    InvalidChecksum {
        /// Its name.
        header: &'static str,
        /// `header` or `trailing header`.
        place: &'static str,
    },
    /// Checksums of several algorithms.
    #[error("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")]
    SeveralChecksums,
    /// A checksum of an algorithm that is not served.
    #[error(
        "The algorithm of {header} is not supported. Please use one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256."
    )]
    UnsupportedAlgorithm {
        /// Its name, or name and value.
        header: String,
    },
    /// `x-amz-sdk-checksum-algorithm` names another algorithm than the checksum is of.
    #[error("Value for x-amz-sdk-checksum-algorithm header is invalid.")]
    AlgorithmMismatch,
    /// `x-amz-sdk-checksum-algorithm` without a checksum.
    #[error(
        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
         headers were found."
    )]
    NoChecksum,
    /// `x-amz-checksum-type` is neither COMPOSITE nor FULL_OBJECT.
    #[error("Value for x-amz-checksum-type header is invalid.")]
    InvalidChecksumType,
    /// A type that the algorithm has not.
    #[error("The {} checksum type cannot be used with the {} checksum \
     algorithm.", kind.name(), algorithm.name().to_ascii_lowercase())]
    TypeNotOfAlgorithm {
        /// Asked for.
        kind: ChecksumType,
        /// Asked for.
        algorithm: ChecksumAlgorithm,
    },
    /// No header tells the length of the data.
    #[error(
        "You must provide the Content-Length HTTP header; for aws-chunked bodies x-amz-decoded-content-length."
    )]
    MissingLength,
    /// A length that is no number.
    #[error("The value of {header} is not a number of bytes.")]
    InvalidLength {
        /// Its name.
        header: &'static str,
        /// As sent.
        value: String,
    },
    /// More than one request may carry.
    #[error(
        "Your proposed upload exceeds the maximum allowed size: {size} bytes of at most {size_max}. Use a \
         multipart upload."
    )]
    TooLarge {
        /// Announced bytes.
        size: u64,
        /// Allowed bytes.
        size_max: u64,
    },
}

impl BodyError {
    /// The S3 error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. }
            | Self::TooLong { .. }
            | Self::Truncated { .. }
            | Self::Transport { .. }
            | Self::Unfinished => "IncompleteBody",
            Self::IdleTimeout => "RequestTimeout",
            Self::ChunksTooSmall { .. } => "InvalidChunkSizeError",
            Self::SignatureMismatch { .. } => "SignatureDoesNotMatch",
            Self::MalformedTrailer { .. } => "MalformedTrailerError",
            Self::Sha256Mismatch { .. } => "XAmzContentSHA256Mismatch",
            Self::Md5Mismatch { .. } | Self::ChecksumMismatch { .. } => "BadDigest",
            Self::InvalidMd5 { .. } => "InvalidDigest",
            Self::MissingLength => "MissingContentLength",
            Self::InvalidLength { .. } => "InvalidArgument",
            Self::TooLarge { .. } => "EntityTooLarge",
            Self::NoSeed
            | Self::ChunkFraming { .. }
            | Self::InvalidChecksum { .. }
            | Self::SeveralChecksums
            | Self::UnsupportedAlgorithm { .. }
            | Self::AlgorithmMismatch
            | Self::NoChecksum
            | Self::InvalidChecksumType
            | Self::TypeNotOfAlgorithm { .. } => "InvalidRequest",
        }
    }

    /// The elements that S3's error document has beside Code and Message.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sha256Mismatch { provided, computed } => {
                vec![
                    ("ClientComputedContentSHA256", provided.clone()),
                    ("S3ComputedContentSHA256", computed.clone()),
                ]
            }
            Self::Md5Mismatch { provided, computed } => {
                vec![("ExpectedDigest", provided.clone()), ("CalculatedDigest", computed.clone())]
            }
            Self::InvalidMd5 { value } => vec![("Content-MD5", value.clone())],
            Self::SignatureMismatch { string_to_sign, .. } => vec![("StringToSign", string_to_sign.clone())],
            Self::ChunksTooSmall { chunk, size } => {
                vec![("Chunk", chunk.to_string()), ("BadChunkSize", size.to_string())]
            }
            Self::InvalidLength { header, value } => {
                vec![("ArgumentName", (*header).to_owned()), ("ArgumentValue", value.clone())]
            }
            Self::TooLarge { size, size_max } => {
                vec![("ProposedSize", size.to_string()), ("MaxSizeAllowed", size_max.to_string())]
            }
            _ => Vec::new(),
        }
    }
}
