//! Signatures of chunks: each signs the one before it, the first signs the request's.

use ring::hmac;

use super::key::SigningKey;

/// The digest of nothing, which the string to sign of every chunk holds.
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The state of the chain: the key, and the signature that the next one builds on.
#[derive(Clone)]
pub struct ChunkSeed {
    key: SigningKey,
    /// `20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n`.
    prefix: Box<str>,
    previous: [u8; 32],
}

/// A chunk or trailer whose signature is not the one that follows from the body so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkMismatch {
    /// What the server's signature covers.
    pub string_to_sign: String,
}

impl ChunkSeed {
    pub(super) fn new(key: SigningKey, date: &str, scope: &str, signature: [u8; 32]) -> Self {
        Self { key, prefix: format!("{date}\n{scope}\n").into(), previous: signature }
    }

    /// The signature that the next one builds on.
    pub fn signature(&self) -> [u8; 32] {
        self.previous
    }

    /// Checks the signature of the next chunk, given the SHA-256 of its data, and moves on.
    pub fn verify_chunk(&mut self, sha256: &[u8; 32], signature: [u8; 32]) -> Result<(), ChunkMismatch> {
        self.verify(self.string_to_sign_chunk(sha256), signature)
    }

    /// Checks the signature of the trailer, given the SHA-256 of its canonical lines.
    pub fn verify_trailer(&mut self, sha256: &[u8; 32], signature: [u8; 32]) -> Result<(), ChunkMismatch> {
        self.verify(self.string_to_sign_trailer(sha256), signature)
    }

    /// Signs the next chunk and moves on: the client's side.
    pub fn sign_chunk(&mut self, sha256: &[u8; 32]) -> [u8; 32] {
        self.sign(&self.string_to_sign_chunk(sha256))
    }

    /// Signs the trailer: the client's side.
    pub fn sign_trailer(&mut self, sha256: &[u8; 32]) -> [u8; 32] {
        self.sign(&self.string_to_sign_trailer(sha256))
    }

    fn verify(&mut self, string_to_sign: String, signature: [u8; 32]) -> Result<(), ChunkMismatch> {
        // hmac::verify takes the same time wherever the first difference is.
        match hmac::verify(&self.key, string_to_sign.as_bytes(), &signature) {
            Ok(()) => {
                self.previous = signature;
                Ok(())
            }
            Err(_) => Err(ChunkMismatch { string_to_sign }),
        }
    }

    fn sign(&mut self, string_to_sign: &str) -> [u8; 32] {
        self.previous = tag_bytes(&hmac::sign(&self.key, string_to_sign.as_bytes()));
        self.previous
    }

    fn string_to_sign_chunk(&self, sha256: &[u8; 32]) -> String {
        let mut text = self.string_to_sign("AWS4-HMAC-SHA256-PAYLOAD\n");
        text.push_str(SHA256_OF_NOTHING);
        text.push('\n');
        push_hex(sha256, &mut text);
        text
    }

    fn string_to_sign_trailer(&self, sha256: &[u8; 32]) -> String {
        let mut text = self.string_to_sign("AWS4-HMAC-SHA256-TRAILER\n");
        push_hex(sha256, &mut text);
        text
    }

    fn string_to_sign(&self, algorithm: &str) -> String {
        let mut text = String::with_capacity(320);
        text.push_str(algorithm);
        text.push_str(&self.prefix);
        push_hex(&self.previous, &mut text);
        text.push('\n');
        text
    }
}

/// Without the key: it must not reach a log.
impl std::fmt::Debug for ChunkSeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ChunkSeed").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Appends bytes in lower-case hexadecimal.
pub(super) fn push_hex(bytes: &[u8; 32], text: &mut String) {
    let mut digits = [0; 64];
    if hex::encode_to_slice(bytes, &mut digits).is_ok() {
        text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    }
}

/// The bytes of an HMAC-SHA-256.
pub(super) fn tag_bytes(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}
