//! Bodies of PUT requests. A payload is pseudo-random and shared by many objects, but its last bytes are stamped
//! with the object's number: no two objects are equal, and a GET can tell whose bytes came back. Digests over
//! everything before the stamp are computed once, before any window, so that an upload pays only for the stamp.

use crate::request::Request;
use crate::sign::{EMPTY_SHA256, Head, Signer, hex_of};
use base64::Engine;
use crc_fast::{CrcAlgorithm, Digest};
use ring::digest::{Context, SHA256, digest};
use std::rc::Rc;

/// Bytes at the end of an object that belong to it alone.
pub(crate) const STAMP_BYTES: usize = 16;
const SIGNED_CHUNK_BYTES: usize = 64 * 1024;
const TRAILER_CHUNK_BYTES: usize = 1024 * 1024;
const POOL_BYTES: usize = 64 * 1024 * 1024;

/// How an upload carries and vouches for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BodyKind {
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// The SHA-256 of the payload in the header.
    Signed,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: aws-chunked, CRC32 in the trailer.
    Trailer,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: aws-chunked, every 64 KiB signed.
    Chunked,
}

impl BodyKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Signed => "signed",
            Self::Trailer => "trailer",
            Self::Chunked => "chunked",
        }
    }
}

/// The bytes of objects but for their stamp.
pub(crate) struct Payload {
    data: Vec<u8>,
    stamp_len: usize,
    sha_before_stamp: Context,
    chunk_hashes: Vec<[u8; 32]>,
    last_chunk_before_stamp: Context,
    crc_before_stamp: Digest,
}

impl Payload {
    fn new(size: usize, seed: u64) -> Self {
        let data = random_bytes(size, seed);
        let last_chunk = size.saturating_sub(1) / SIGNED_CHUNK_BYTES * SIGNED_CHUNK_BYTES;
        let stamp_len = STAMP_BYTES.min(size - last_chunk);
        let shared = size - stamp_len;
        let mut crc_before_stamp = Digest::new(CrcAlgorithm::Crc32IsoHdlc);
        crc_before_stamp.update(&data[..shared]);
        Self {
            sha_before_stamp: hashed(&data[..shared]),
            chunk_hashes: data[..last_chunk].chunks(SIGNED_CHUNK_BYTES).map(sha256).collect(),
            last_chunk_before_stamp: hashed(&data[last_chunk..shared]),
            crc_before_stamp,
            stamp_len,
            data,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Everything before the stamp.
    pub(crate) fn shared(&self) -> &[u8] {
        &self.data[..self.data.len() - self.stamp_len]
    }

    /// The last bytes of object `number`.
    pub(crate) fn stamp(&self, number: u64) -> Stamp {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..8].copy_from_slice(&mixed(number).to_le_bytes());
        bytes[8..].copy_from_slice(&number.to_le_bytes());
        Stamp { bytes, len: self.stamp_len }
    }
}

/// The last bytes of one object.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    bytes: [u8; STAMP_BYTES],
    len: usize,
}

impl Stamp {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[STAMP_BYTES - self.len..]
    }
}

/// Several payloads of one size; object `n` uses payload `n` modulo their number.
pub(crate) struct Pool(Vec<Rc<Payload>>);

impl Pool {
    pub(crate) fn new(size: usize) -> Self {
        let count = (POOL_BYTES / size.max(1)).clamp(2, 64) as u64;
        Self((0..count).map(|seed| Rc::new(Payload::new(size, seed ^ (size as u64) << 20))).collect())
    }

    pub(crate) fn of(&self, number: u64) -> &Rc<Payload> {
        &self.0[(number % self.0.len() as u64) as usize]
    }
}

/// Writes the whole PUT of object `number` into `request`.
pub(crate) fn put(
    request: &mut Request,
    signer: &mut Signer,
    (host, path, query): (&str, &str, &str),
    kind: BodyKind,
    upload: (&Rc<Payload>, u64),
) {
    let (payload, number) = upload;
    let stamp = payload.stamp(number);
    let size = payload.len().to_string();
    let unsigned = [("content-length", size.as_str())];
    let plain =
        |content| Head { method: "PUT", host, path, query, content, signed: &[], unsigned: &unsigned };
    request.payload = Some(Rc::clone(payload));
    match kind {
        BodyKind::Unsigned => {
            signer.write_head(request.text(), &plain("UNSIGNED-PAYLOAD"));
            request.push_payload(0..payload.shared().len());
            request.push(stamp.as_slice());
        }
        BodyKind::Signed => {
            let mut hash = payload.sha_before_stamp.clone();
            hash.update(stamp.as_slice());
            let hash = hex::encode(hash.finish());
            signer.write_head(request.text(), &plain(&hash));
            request.push_payload(0..payload.shared().len());
            request.push(stamp.as_slice());
        }
        BodyKind::Trailer => put_trailer(
            request,
            signer,
            &Head { content: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", ..plain("") },
            stamp,
        ),
        BodyKind::Chunked => put_signed_chunks(
            request,
            signer,
            &Head { content: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ..plain("") },
            stamp,
        ),
    }
}

fn put_trailer(request: &mut Request, signer: &mut Signer, head: &Head<'_>, stamp: Stamp) {
    let Some(payload) = request.payload.clone() else {
        return;
    };
    let mut crc = payload.crc_before_stamp;
    crc.update(stamp.as_slice());
    let crc = base64::engine::general_purpose::STANDARD.encode((crc.finalize() as u32).to_be_bytes());
    let trailer = format!("0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n");
    let size = payload.len().to_string();
    let framing: usize =
        lengths(payload.len(), TRAILER_CHUNK_BYTES).map(|length| hex_digits(length) + 4).sum();
    let wire = (payload.len() + framing + trailer.len()).to_string();
    let signed = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", &size),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    signer.write_head(
        request.text(),
        &Head { signed: &signed, unsigned: &[("content-length", &wire)], ..*head },
    );
    let mut start = 0;
    for length in lengths(payload.len(), TRAILER_CHUNK_BYTES) {
        request.push(format!("{length:x}\r\n").as_bytes());
        push_range(request, &payload, start..start + length, stamp);
        request.push(b"\r\n");
        start += length;
    }
    request.push(trailer.as_bytes());
}

fn put_signed_chunks(request: &mut Request, signer: &mut Signer, head: &Head<'_>, stamp: Stamp) {
    const EXTENSION: usize = ";chunk-signature=".len() + 64;
    let Some(payload) = request.payload.clone() else {
        return;
    };
    let size = payload.len().to_string();
    let framing: usize =
        lengths(payload.len(), SIGNED_CHUNK_BYTES).map(|length| hex_digits(length) + EXTENSION + 4).sum();
    let wire = (payload.len() + framing + 1 + EXTENSION + 4).to_string();
    let signed = [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", size.as_str())];
    let mut signature = signer.write_head(
        request.text(),
        &Head { signed: &signed, unsigned: &[("content-length", &wire)], ..*head },
    );
    let mut start = 0;
    for (index, length) in lengths(payload.len(), SIGNED_CHUNK_BYTES).enumerate() {
        signature = match payload.chunk_hashes.get(index) {
            Some(hash) => signer.sign_chunk(&signature, hash),
            None => {
                let mut hash = payload.last_chunk_before_stamp.clone();
                hash.update(stamp.as_slice());
                signer.sign_chunk(&signature, hash.finish().as_ref())
            }
        };
        push_chunk_head(request, length, &signature);
        push_range(request, &payload, start..start + length, stamp);
        request.push(b"\r\n");
        start += length;
    }
    let last = signer.sign_chunk(&signature, &hex::decode(EMPTY_SHA256).unwrap_or_default());
    push_chunk_head(request, 0, &last);
    request.push(b"\r\n");
}

fn push_chunk_head(request: &mut Request, length: usize, signature: &[u8]) {
    request.push(format!("{length:x};chunk-signature=").as_bytes());
    request.push(signature);
    request.push(b"\r\n");
}

/// A range of the object: from the payload up to the stamp, then from the stamp (never cut by a range).
fn push_range(request: &mut Request, payload: &Payload, range: std::ops::Range<usize>, stamp: Stamp) {
    let shared = payload.shared().len();
    request.push_payload(range.start..range.end.min(shared));
    if range.end > shared {
        request.push(stamp.as_slice());
    }
}

fn lengths(size: usize, chunk: usize) -> impl Iterator<Item = usize> {
    (0..size).step_by(chunk).map(move |start| chunk.min(size - start))
}

fn hex_digits(length: usize) -> usize {
    format!("{length:x}").len()
}

fn hashed(data: &[u8]) -> Context {
    let mut context = Context::new(&SHA256);
    context.update(data);
    context
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, data).as_ref());
    out
}

/// The SHA-256 of a small body, in hex.
pub(crate) fn sha256_hex(data: &[u8]) -> String {
    String::from_utf8_lossy(&hex_of(&sha256(data))).into_owned()
}

/// The CRC32 of a small body, as S3 writes it in a header.
pub(crate) fn crc32_base64(data: &[u8]) -> String {
    let crc = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, data) as u32;
    base64::engine::general_purpose::STANDARD.encode(crc.to_be_bytes())
}

/// A bijection that scatters numbers (splitmix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn random_bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 8);
    let mut counter = mixed(seed);
    while out.len() < size {
        out.extend_from_slice(&mixed(counter).to_le_bytes());
        counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    out.truncate(size);
    out
}

#[cfg(test)]
mod tests;
