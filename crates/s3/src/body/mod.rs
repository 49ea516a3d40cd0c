//! Bodies as clients send them: plain, signed chunks, chunks with trailers; and their digests.
//!
//! A [`BodyReader`] hands data on as it comes, without gathering it, and computes the wanted digests on the way. What
//! always holds: nothing that it handed on is vouched for before [`BodyReader::finish`] has succeeded. Who stores the data
//! must not commit it earlier.

pub mod checksum;
pub mod decoder;
pub mod digest;
pub mod error;
pub mod request;
mod signing;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;
use lanes::Lanes;
use model::checksum::ChecksumAlgorithm;

pub use checksum::{ChecksumValue, ObjectChecksum};
pub use digest::{BodyDigests, DigestValues, Digests, Wanted};
pub use error::BodyError;
pub use request::ChecksumRequest;

use crate::auth::{ChunkSeed, PayloadKind};
use decoder::{ChunkDecoder, TrailerRule};

/// What is known of a body before it comes.
#[derive(Clone, Debug)]
pub struct BodySpec {
    /// How it is sent and what vouches for it.
    pub payload: PayloadKind,
    /// Where the chain of chunk signatures begins.
    pub seed: Option<ChunkSeed>,
    /// Bytes of data, if announced.
    pub length: Option<u64>,
    /// The trailers announced, in lower case.
    pub trailers: Vec<String>,
    /// The checksums it has to match.
    pub checksum: ChecksumRequest,
    /// Digests to compute beside those that have to match.
    pub wanted: Wanted,
}

impl BodySpec {
    /// What the headers say. `payload` and `seed` are those of the verified request; data may have `length_max` bytes.
    ///
    /// # Errors
    /// Lengths and checksums that cannot be read or contradict each other, and data that is too long.
    pub fn from_headers(
        headers: &HeaderMap,
        payload: PayloadKind,
        seed: Option<ChunkSeed>,
        length_max: u64,
    ) -> Result<Self, BodyError> {
        let length = request::data_length(headers, payload)?;
        if let Some(size) = length.filter(|size| *size > length_max) {
            return Err(BodyError::TooLarge { size, size_max: length_max });
        }
        let trailers = request::announced_trailers(headers)?;
        let checksum = ChecksumRequest::from_headers(headers)?;
        Ok(Self { payload, seed, length, trailers, checksum, wanted: Wanted::default() })
    }

    /// The length of the data, for operations that need to know it.
    ///
    /// # Errors
    /// [`BodyError::MissingLength`].
    pub fn required_length(&self) -> Result<u64, BodyError> {
        self.length.ok_or(BodyError::MissingLength)
    }

    fn all_wanted(&self) -> Wanted {
        let mut wanted = self.wanted;
        wanted.md5 |= self.checksum.content_md5.is_some();
        let payload = matches!(self.payload, PayloadKind::Sha256(_)).then_some(ChecksumAlgorithm::Sha256);
        for algorithm in self.checksum.algorithm().into_iter().chain(payload) {
            wanted.add(algorithm);
        }
        wanted
    }
}

/// A body being read.
#[must_use = "a body is vouched for only once `finish` has succeeded"]
#[derive(Debug)]
pub struct BodyReader<B> {
    body: B,
    /// Of the last frame, what is not decoded yet.
    input: Bytes,
    decoder: Option<ChunkDecoder>,
    digests: BodyDigests,
    payload: PayloadKind,
    checksum: ChecksumRequest,
    length: Option<u64>,
    received: u64,
    end: Option<Result<(), BodyError>>,
}

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFacts {
    /// Bytes of data.
    pub length: u64,
    /// Those that were wanted and those that had to match.
    pub digests: DigestValues,
    /// The one that the client sent in a header or trailer, which matched.
    pub checksum: Option<ChecksumValue>,
    /// All trailers, names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl<B> BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// A reader that has read nothing; `lanes` are those of all bodies of the server.
    ///
    /// # Errors
    /// [`BodyError::NoSeed`], [`BodyError::MissingLength`] for chunks of unknown total.
    pub fn new(body: B, spec: BodySpec, lanes: &Lanes) -> Result<Self, BodyError> {
        let digests = BodyDigests::new(spec.all_wanted(), lanes);
        let decoder = if spec.payload.is_chunked() { Some(decoder(&spec)?.with_lanes(lanes)) } else { None };
        let BodySpec { payload, checksum, length, .. } = spec;
        Ok(Self {
            body,
            input: Bytes::new(),
            decoder,
            digests,
            payload,
            checksum,
            length,
            received: 0,
            end: None,
        })
    }

    /// The next piece of data; none at the end. Call it until then, even when all data has come: trailers follow it.
    ///
    /// # Errors
    /// Whatever can be seen before the end. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.end.is_some() {
            return None;
        }
        match self.advance().await {
            Ok(Some(data)) => Some(Ok(data)),
            Ok(None) => {
                self.end = Some(Ok(()));
                None
            }
            Err(error) => {
                self.end = Some(Err(error.clone()));
                Some(Err(error))
            }
        }
    }

    /// Checks what can be checked only at the end: length, trailers with their signature, digests.
    ///
    /// # Errors
    /// The error of [`BodyReader::next`] if there was one, [`BodyError::Unfinished`] before the end, and all mismatches.
    pub async fn finish(self) -> Result<BodyFacts, BodyError> {
        self.end.unwrap_or(Err(BodyError::Unfinished))?;
        let trailers = self.decoder.map_or(Ok(Vec::new()), ChunkDecoder::finish)?;
        if let Some(expected) = self.length.filter(|expected| *expected != self.received) {
            return Err(BodyError::TooShort { expected, received: self.received });
        }
        let digests = self.digests.finish().await;
        check_sha256(self.payload, &digests)?;
        check_md5(&self.checksum, &digests)?;
        let checksum = check_checksum(&self.checksum, &trailers, &digests)?;
        Ok(BodyFacts { length: self.received, digests, checksum, trailers })
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if let Some(data) = self.take()? {
                self.received += data.len() as u64;
                if let Some(expected) = self.length.filter(|expected| self.received > *expected) {
                    return Err(BodyError::TooLong { expected });
                }
                self.digests.update(&data).await;
                return Ok(Some(data));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(BodyError::Transport { detail: error.to_string() }),
                // HTTP's own trailers mean nothing to S3.
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
            }
        }
    }

    /// Takes a piece of data off the frame at hand.
    fn take(&mut self) -> Result<Option<Bytes>, BodyError> {
        match &mut self.decoder {
            Some(decoder) => decoder.decode(&mut self.input),
            None => Ok(Some(std::mem::take(&mut self.input)).filter(|data| !data.is_empty())),
        }
    }
}

fn decoder(spec: &BodySpec) -> Result<ChunkDecoder, BodyError> {
    let seed = match (spec.payload.has_signed_chunks(), &spec.seed) {
        (false, _) => None,
        (true, Some(seed)) => Some(seed.clone()),
        (true, None) => return Err(BodyError::NoSeed),
    };
    // Chunks without a trailer have none even if one is announced; the announced checksum is missed at the end then.
    let announced =
        if spec.payload == PayloadKind::StreamingSigned { Vec::new() } else { spec.trailers.clone() };
    let is_signed = spec.payload == PayloadKind::StreamingSignedTrailer;
    Ok(ChunkDecoder::new(spec.required_length()?, seed, TrailerRule { announced, is_signed }))
}

fn check_sha256(payload: PayloadKind, digests: &DigestValues) -> Result<(), BodyError> {
    let PayloadKind::Sha256(provided) = payload else { return Ok(()) };
    let computed = digests.checksum(ChecksumAlgorithm::Sha256);
    let computed = computed.as_ref().map(ChecksumValue::as_bytes).unwrap_or_default();
    if computed == provided {
        return Ok(());
    }
    Err(BodyError::Sha256Mismatch { provided: hex::encode(provided), computed: hex::encode(computed) })
}

fn check_md5(request: &ChecksumRequest, digests: &DigestValues) -> Result<(), BodyError> {
    let Some(provided) = request.content_md5.filter(|provided| digests.md5 != Some(*provided)) else {
        return Ok(());
    };
    let computed = digests.md5.map(|md5| BASE64_STANDARD.encode(md5)).unwrap_or_default();
    Err(BodyError::Md5Mismatch { provided: BASE64_STANDARD.encode(provided), computed })
}

fn check_checksum(
    request: &ChecksumRequest,
    trailers: &[(String, String)],
    digests: &DigestValues,
) -> Result<Option<ChecksumValue>, BodyError> {
    let provided = match request.trailer {
        Some(algorithm) => Some(trailing_checksum(algorithm, trailers)?),
        None => request.header,
    };
    let Some(provided) = provided else { return Ok(None) };
    let computed = digests.checksum(provided.algorithm());
    if computed == Some(provided) {
        return Ok(Some(provided));
    }
    Err(BodyError::ChecksumMismatch {
        algorithm: provided.algorithm(),
        provided: provided.to_base64(),
        computed: computed.map(|computed| computed.to_base64()).unwrap_or_default(),
    })
}

fn trailing_checksum(
    algorithm: ChecksumAlgorithm,
    trailers: &[(String, String)],
) -> Result<ChecksumValue, BodyError> {
    let header = checksum::header_of(algorithm);
    let missing = || BodyError::MalformedTrailer { detail: format!("{header} is announced and missing") };
    let (_, text) = trailers.iter().find(|(name, _)| name == header).ok_or_else(missing)?;
    ChecksumValue::from_base64(algorithm, text)
        .ok_or(BodyError::InvalidChecksum { header, place: "trailing header" })
}
