//! aws-chunked: data in chunks, each with a line ahead that tells its size and, if chunks are signed, its signature.
//!
//! ```text
//! <size, hexadecimal>[;chunk-signature=<64 hexadecimal digits>]\r\n <data> \r\n      any number of times
//! 0[;chunk-signature=...]\r\n
//! [<name>:<value>\r\n ... [x-amz-trailer-signature:<64 hexadecimal digits>\r\n]]
//! \r\n
//! ```
//!
//! What always holds: data is handed on as slices of what came in, never gathered; nothing but one line is buffered, and
//! that is bounded. Hence the data of a signed chunk is handed on before its signature, which covers the chunk's last
//! byte, can be checked; and of chunks that are digested side by side (`signing`) before the last of them has
//! ended. Whoever takes the data must not commit it before [`ChunkDecoder::finish`] has succeeded.
//!
//! Decisions on what clients send beside the definition:
//! - lines may end in a bare `\n` (minio-go ends trailers so), and spaces around names and values do not count;
//! - empty lines between trailers are skipped as long as announced ones are missing (minio-go puts one before the
//!   signature), and empty lines after the end are skipped too;
//! - an unsigned body may carry chunk signatures: they are ignored;
//! - a signed chunk below 8 KiB that is not the last is refused, as AWS does: no client that signs chunks sends one;
//! - unsigned ones are accepted as long as they are few for the data they carry, which bounds their cost: AWS refuses
//!   them, but SDKs make a chunk of whatever a stream yields (aws-sdk-js-v3, issues 6949 and 7509);
//! - trailers that were not announced are refused, and so is an announced one that does not come.

use bytes::{Buf, Bytes};
use lanes::Lanes;
use ring::digest;

use super::error::BodyError;
use super::signing::{Signing, sha256_bytes};
use crate::auth::ChunkSeed;

/// Bytes of a line: size with extensions, or a trailer.
pub const LINE_BYTES_MAX: usize = 4 << 10;
/// Bytes of all trailers.
pub const TRAILER_BYTES_MAX: usize = 16 << 10;
/// Below this a chunk that is not the last counts as small.
const CHUNK_BYTES_MIN: u64 = 8 << 10;
/// Small chunks that are always accepted where chunks are not signed.
const SMALL_CHUNKS_FREE: u64 = 1_024;
/// Data that allows for one small chunk more, in bytes.
const BYTES_PER_SMALL_CHUNK: u64 = 512;
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Takes the framing off a body, bit by bit.
#[derive(Debug)]
pub struct ChunkDecoder {
    signing: Option<Signing>,
    trailers: Trailers,
    state: State,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Of the data, as announced.
    length: u64,
    decoded: u64,
    chunks: u64,
    chunks_small: u64,
    /// Bytes of the chunk before; enough where there is none.
    size_before: u64,
}

/// What follows the data of the chunks.
#[derive(Debug, Clone, Default)]
pub struct TrailerRule {
    /// The names that `x-amz-trailer` announced, in lower case.
    pub announced: Vec<String>,
    /// Whether a signature follows them.
    pub is_signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or in the line ahead of a chunk.
    Size,
    /// In the data of a chunk, with so many bytes to come.
    Data(u64),
    /// Before or in the end of line that follows the data.
    DataEnd,
    /// After the last chunk.
    Trailer,
}

impl ChunkDecoder {
    /// A decoder for data of that length in bytes. With a seed every chunk must be signed.
    pub fn new(length: u64, seed: Option<ChunkSeed>, rule: TrailerRule) -> Self {
        Self {
            signing: seed.map(Signing::new),
            trailers: Trailers::new(rule),
            state: State::Size,
            line: Vec::new(),
            length,
            decoded: 0,
            chunks: 0,
            chunks_small: 0,
            size_before: CHUNK_BYTES_MIN,
        }
    }

    /// Digests signed chunks side by side, where that is better.
    #[must_use]
    pub fn with_lanes(self, lanes: &Lanes) -> Self {
        Self { signing: self.signing.map(|signing| signing.with_lanes(lanes)), ..self }
    }

    /// Takes from the front of `input` and gives the next piece of data; none when `input` is used up.
    ///
    /// # Errors
    /// Framing, lengths, signatures and trailers that are wrong. The decoder is of no use afterwards.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, BodyError> {
        let decoded = self.advance(input);
        if let (Err(_), Some(signing)) = (&decoded, &mut self.signing) {
            signing.settle()?;
        }
        decoded
    }

    fn advance(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, BodyError> {
        while !input.is_empty() {
            if let State::Data(remaining) = self.state {
                return self.take_data(input, remaining).map(Some);
            }
            let Some(line) = take_line(&mut self.line, input)? else { break };
            self.take_line(line.trim_ascii())?;
        }
        Ok(None)
    }

    /// The trailers, once the body has ended.
    ///
    /// # Errors
    /// The body ended early; trailers are missing; their signature is wrong.
    pub fn finish(self) -> Result<Vec<(String, String)>, BodyError> {
        let mut seed = self.signing.map(Signing::finish).transpose()?;
        let place = match self.state {
            State::Size => "before the last chunk",
            State::Data(_) | State::DataEnd => "inside a chunk",
            State::Trailer if !self.line.is_empty() => "inside the trailer",
            State::Trailer => {
                return self.trailers.finish(seed.as_mut());
            }
        };
        Err(BodyError::Truncated { place })
    }

    fn take_data(&mut self, input: &mut Bytes, remaining: u64) -> Result<Bytes, BodyError> {
        let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(input.len());
        let data = input.split_to(length);
        let taken = length as u64;
        self.decoded += taken;
        if let Some(signing) = &mut self.signing {
            signing.update(&data);
        }
        self.state = State::Data(remaining - taken);
        if remaining == taken {
            self.end_chunk()?;
            self.state = State::DataEnd;
        }
        Ok(data)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        match self.state {
            State::Size => self.begin_chunk(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::Size;
                Ok(())
            }
            State::DataEnd => Err(framing("the data of a chunk is longer than its size says")),
            State::Data(_) | State::Trailer => self.trailers.take_line(line),
        }
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), BodyError> {
        let (size, signature) = parse_size_line(line)?;
        self.chunks += 1;
        if let Some(signing) = &mut self.signing {
            let claimed = signature.ok_or_else(|| framing("a chunk has no chunk-signature"))?;
            signing.begin(self.chunks, size, claimed);
        }
        if size > self.length - self.decoded {
            return Err(BodyError::TooLong { expected: self.length });
        }
        if size == 0 {
            if self.decoded < self.length {
                return Err(BodyError::TooShort { expected: self.length, received: self.decoded });
            }
            self.end_chunk()?;
            self.state = State::Trailer;
            return Ok(());
        }
        self.count_small(size)?;
        self.state = State::Data(size);
        Ok(())
    }

    /// Only when another chunk follows it is known that a small one was not the last.
    fn count_small(&mut self, size: u64) -> Result<(), BodyError> {
        let before = std::mem::replace(&mut self.size_before, size);
        if before < CHUNK_BYTES_MIN {
            self.chunks_small += 1;
            if self.signing.is_some()
                || self.chunks_small > SMALL_CHUNKS_FREE + self.decoded / BYTES_PER_SMALL_CHUNK
            {
                return Err(BodyError::ChunksTooSmall { chunk: self.chunks, size: before });
            }
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), BodyError> {
        self.signing.as_mut().map_or(Ok(()), Signing::end)
    }
}

/// The trailers as they come.
#[derive(Debug)]
struct Trailers {
    rule: TrailerRule,
    found: Vec<(String, String)>,
    signature: Option<[u8; 32]>,
    bytes: usize,
    /// An empty line came when nothing was missing.
    is_ended: bool,
}

impl Trailers {
    fn new(rule: TrailerRule) -> Self {
        Self { rule, found: Vec::new(), signature: None, bytes: 0, is_ended: false }
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        // Empty lines count too: the framing of a body must not grow without bound.
        self.bytes += line.len() + 2;
        if self.bytes > TRAILER_BYTES_MAX {
            return Err(malformed("it is too long"));
        }
        if line.is_empty() {
            self.is_ended |= self.missing().is_none();
            return Ok(());
        }
        if self.is_ended {
            return Err(malformed("something follows its end"));
        }
        let text = std::str::from_utf8(line).map_err(|_| malformed("it is not UTF-8"))?;
        let (name, value) = text.split_once(':').ok_or_else(|| malformed("a line has no colon"))?;
        self.take(name.trim().to_ascii_lowercase(), value.trim())
    }

    fn take(&mut self, name: String, value: &str) -> Result<(), BodyError> {
        if name == TRAILER_SIGNATURE {
            let signature = parse_signature(value.as_bytes())
                .ok_or_else(|| malformed("its signature is not 64 hexadecimal digits"))?;
            return match self.signature.replace(signature) {
                None => Ok(()),
                Some(_) => Err(malformed("it has two signatures")),
            };
        }
        if !self.rule.announced.contains(&name) {
            return Err(malformed(format!("{name} is not in x-amz-trailer")));
        }
        if self.found.iter().any(|(other, _)| *other == name) {
            return Err(malformed(format!("{name} is there twice")));
        }
        self.found.push((name, value.to_owned()));
        Ok(())
    }

    fn missing(&self) -> Option<&str> {
        let is_missing = |name: &&String| !self.found.iter().any(|(found, _)| found == *name);
        let signature = (self.rule.is_signed && self.signature.is_none()).then_some(TRAILER_SIGNATURE);
        self.rule.announced.iter().find(is_missing).map(String::as_str).or(signature)
    }

    fn finish(self, seed: Option<&mut ChunkSeed>) -> Result<Vec<(String, String)>, BodyError> {
        if !self.is_ended {
            return Err(match self.missing() {
                Some(name) if self.bytes > 0 => malformed(format!("{name} is missing")),
                _ => BodyError::Truncated { place: "inside the trailer" },
            });
        }
        if let (Some(seed), Some(signature), true) = (seed, self.signature, self.rule.is_signed) {
            let sha256 = digest::digest(&digest::SHA256, self.canonical().as_bytes());
            seed.verify_trailer(&sha256_bytes(&sha256), signature).map_err(|mismatch| {
                BodyError::SignatureMismatch {
                    place: "the trailer".to_owned(),
                    string_to_sign: mismatch.string_to_sign,
                }
            })?;
        }
        Ok(self.found)
    }

    /// What the signature of the trailer covers.
    fn canonical(&self) -> String {
        let mut sorted: Vec<_> = self.found.iter().collect();
        sorted.sort();
        sorted.into_iter().map(|(name, value)| format!("{name}:{value}\n")).collect()
    }
}

/// Takes a line with its end from the input; none if the end has not come: then what came is in `buffer`.
fn take_line(buffer: &mut Vec<u8>, input: &mut Bytes) -> Result<Option<Bytes>, BodyError> {
    let end = input.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n').map(|position| position + 1);
    let length = end.unwrap_or(input.len());
    if buffer.len() + length > LINE_BYTES_MAX {
        return Err(framing("a line is too long"));
    }
    if end.is_some() && buffer.is_empty() {
        return Ok(Some(input.split_to(length)));
    }
    buffer.extend_from_slice(&input[..length]);
    input.advance(length);
    Ok(end.map(|_| Bytes::from(std::mem::take(buffer))))
}

/// The size of a chunk, and its signature if there is one.
fn parse_size_line(line: &[u8]) -> Result<(u64, Option<[u8; 32]>), BodyError> {
    let mut parts = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let digits = parts.next().unwrap_or_default();
    let is_size = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let size = u64::from_str_radix(text, 16).ok().filter(|_| is_size);
    let size = size.ok_or_else(|| framing("a chunk does not begin with its size in hexadecimal digits"))?;
    let mut signature = None;
    for extension in parts {
        if let Some(value) = extension.strip_prefix(b"chunk-signature=") {
            let bytes = parse_signature(value.trim_ascii());
            signature = Some(bytes.ok_or_else(|| framing("a chunk-signature is not 64 hexadecimal digits"))?);
        }
    }
    Ok((size, signature))
}

fn parse_signature(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

fn framing(detail: &'static str) -> BodyError {
    BodyError::ChunkFraming { detail }
}

fn malformed(detail: impl Into<String>) -> BodyError {
    BodyError::MalformedTrailer { detail: detail.into() }
}
