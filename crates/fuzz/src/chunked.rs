//! Bodies in aws-chunked, in all three forms. Input: the form, the length announced, where the body is cut, then
//! pieces of framing: right ones, and any bytes.
//!
//! A body reads the same in one piece as cut anywhere, to the error. What a client frames right is read, and is its data.

use bytes::Bytes;
use http::HeaderMap;
use model::checksum::ChecksumAlgorithm;
use s3::auth::date::AmzDate;
use s3::auth::sign::{Signer, Target};
use s3::auth::{ChunkSeed, PayloadKind};
use s3::body::checksum::header_of;
use s3::body::decoder::{ChunkDecoder, LINE_BYTES_MAX, TRAILER_BYTES_MAX, TrailerRule};
use s3::body::{BodyError, Digests};

use crate::input::Input;

/// The longest body that is read byte by byte too.
const BYTEWISE_MAX: usize = 8 << 10;
const ALGORITHM: ChecksumAlgorithm = ChecksumAlgorithm::Crc32c;

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let client = Client::new(&mut input);
    let cuts = [input.u8(), input.u8(), input.u8()];
    let sent = client.send(&mut input);
    let whole = read(&[&sent.wire], &client, &sent);
    assert_eq!(read(&cut(&sent.wire, cuts), &client, &sent), whole, "cut at {cuts:?}");
    if sent.wire.len() <= BYTEWISE_MAX {
        let bytewise: Vec<&[u8]> = sent.wire.chunks(1).collect();
        assert_eq!(read(&bytewise, &client, &sent), whole, "cut everywhere");
    }
    match whole {
        Ok((data, trailers)) => {
            assert_eq!(data.len() as u64, sent.length, "the data is as long as it was announced");
            let bytes: usize = trailers.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(bytes <= TRAILER_BYTES_MAX, "trailers are bounded");
            assert!(!sent.is_right || data == sent.data, "what was sent is not what was read");
        }
        // Right or not, chunks may be too small.
        Err(BodyError::ChunksTooSmall { .. }) => {}
        Err(error) => assert!(!sent.is_right, "a right body is refused: {error}"),
    }
}

/// Who sends a body.
struct Client {
    kind: PayloadKind,
    seed: Option<ChunkSeed>,
    /// Announced, where the input does not leave it to the data.
    length: Option<u64>,
    has_checksum: bool,
}

/// A body as it was sent.
struct Sent {
    wire: Vec<u8>,
    data: Vec<u8>,
    /// Of the data, as it was announced.
    length: u64,
    /// Nothing in it is wrong.
    is_right: bool,
}

impl Client {
    fn new(input: &mut Input<'_>) -> Self {
        let flags = input.u8();
        let kind = match flags & 3 {
            0 => PayloadKind::StreamingSigned,
            1 => PayloadKind::StreamingSignedTrailer,
            _ => PayloadKind::StreamingUnsignedTrailer,
        };
        let length = (flags & 8 != 0).then(|| input.number());
        let has_trailer = kind != PayloadKind::StreamingSigned;
        let seed = kind.has_signed_chunks().then(seed);
        Client { kind, seed, length, has_checksum: flags & 16 != 0 && has_trailer }
    }

    /// Sends what the input says: chunks, trailers, ends, and anything.
    fn send(&self, input: &mut Input<'_>) -> Sent {
        let mut framing = Framing::new(self);
        while !input.is_empty() {
            match input.u8() {
                op @ 0..=127 => framing.chunk(input.take(usize::from(op) + 1)),
                128..=143 => framing.chunk(&[input.u8()].repeat(usize::from(input.u8()) * 64 + 1)),
                144..=159 => framing.end(),
                160..=191 => framing.raw(input.until(b'\n'), b"\r\n"),
                192..=207 => framing.line_without_end(input.u16()),
                _ => {
                    let len = usize::from(input.u8());
                    framing.raw(input.take(len), b"");
                }
            }
        }
        framing.finish()
    }
}

/// A body on its way.
struct Framing<'a> {
    client: &'a Client,
    chain: Option<ChunkSeed>,
    wire: Vec<u8>,
    data: Vec<u8>,
    is_right: bool,
    is_ended: bool,
}

impl<'a> Framing<'a> {
    fn new(client: &'a Client) -> Self {
        let (wire, data, is_ended) = (Vec::new(), Vec::new(), false);
        Framing {
            client,
            chain: client.seed.clone(),
            wire,
            data,
            is_right: client.length.is_none(),
            is_ended,
        }
    }

    fn chunk(&mut self, data: &[u8]) {
        if data.is_empty() || self.is_ended {
            return;
        }
        self.data.extend_from_slice(data);
        self.size_line(data);
        self.wire.extend_from_slice(data);
        self.wire.extend_from_slice(b"\r\n");
    }

    fn size_line(&mut self, data: &[u8]) {
        self.wire.extend_from_slice(format!("{:x}", data.len()).as_bytes());
        if let Some(chain) = &mut self.chain {
            let signature = hex::encode(chain.sign_chunk(&sha256(data)));
            self.wire.extend_from_slice(format!(";chunk-signature={signature}").as_bytes());
        }
        self.wire.extend_from_slice(b"\r\n");
    }

    /// The last chunk and the trailer.
    fn end(&mut self) {
        if self.is_ended {
            return;
        }
        self.is_ended = true;
        self.size_line(&[]);
        let mut canonical = String::new();
        if self.client.has_checksum {
            let mut digests = Digests::of(ALGORITHM);
            digests.update(&self.data);
            let value = digests.finish().checksum(ALGORITHM).map(|value| value.to_base64());
            canonical = format!("{}:{}\n", header_of(ALGORITHM), value.unwrap_or_default());
            self.wire.extend_from_slice(canonical.replace('\n', "\r\n").as_bytes());
        }
        if let (PayloadKind::StreamingSignedTrailer, Some(chain)) = (self.client.kind, &mut self.chain) {
            let signature = hex::encode(chain.sign_trailer(&sha256(canonical.as_bytes())));
            self.wire.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
        self.wire.extend_from_slice(b"\r\n");
    }

    fn raw(&mut self, bytes: &[u8], end: &[u8]) {
        self.is_right = false;
        self.wire.extend_from_slice(bytes);
        self.wire.extend_from_slice(end);
    }

    fn line_without_end(&mut self, len: u16) {
        self.raw(&b" ".repeat(usize::from(len) % (LINE_BYTES_MAX + 100)), b"");
    }

    fn finish(mut self) -> Sent {
        if self.is_right {
            self.end();
        }
        let length = self.client.length.unwrap_or(self.data.len() as u64);
        Sent { wire: self.wire, data: self.data, length, is_right: self.is_right }
    }
}

/// The data and the trailers.
type Decoded = (Vec<u8>, Vec<(String, String)>);

/// The data and the trailers, read from such pieces.
fn read(pieces: &[&[u8]], client: &Client, sent: &Sent) -> Result<Decoded, BodyError> {
    let is_signed = client.kind == PayloadKind::StreamingSignedTrailer;
    let announced = client.has_checksum.then(|| header_of(ALGORITHM).to_owned()).into_iter().collect();
    let mut decoder =
        ChunkDecoder::new(sent.length, client.seed.clone(), TrailerRule { announced, is_signed });
    let mut data = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(decoded) = decoder.decode(&mut input)? {
            data.extend_from_slice(&decoded);
        }
    }
    decoder.finish().map(|trailers| (data, trailers))
}

fn cut(wire: &[u8], cuts: [u8; 3]) -> [&[u8]; 4] {
    let mut places = cuts.map(|cut| wire.len() * usize::from(cut) / 256);
    places.sort_unstable();
    let [first, second, third] = places;
    let (head, tail) = wire.split_at(second);
    let (one, two) = head.split_at(first);
    let (three, four) = tail.split_at(third - second);
    [one, two, three, four]
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, data).as_ref());
    bytes
}

/// Where the chain of signatures begins.
fn seed() -> ChunkSeed {
    let signer =
        Signer { access_key: "A", secret: "secret", session_token: None, region: "us-east-1", service: "s3" };
    let target = Target { method: "PUT", path: "/b/k", query: "", host: "localhost:9000" };
    let Some(date) = AmzDate::parse("20260101T000000Z") else { panic!("the date is one") };
    signer.sign(&target, &mut HeaderMap::new(), &date, "STREAMING")
}
