//! Bodies as clients send them, whole, cut anywhere, broken off and damaged.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http_body::{Body, Frame};
use lanes::Lanes;
use model::checksum::ChecksumAlgorithm;
use proptest::prelude::*;

use super::checksum::header_of;
use super::decoder::{LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use super::{BodyError, BodyFacts, BodyReader, BodySpec, ChecksumRequest, ChecksumValue, Digests, Wanted};
use crate::auth::date::AmzDate;
use crate::auth::sign::{Signer, Target};
use crate::auth::{ChunkSeed, PayloadKind};

/// Frames that are all there.
#[derive(Debug)]
struct Frames(VecDeque<Result<Bytes, &'static str>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front().map(|frame| frame.map(Frame::data)))
    }
}

fn frames(wire: &[u8], cuts: &[usize]) -> Frames {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).chain([0, wire.len()]).collect();
    cuts.sort_unstable();
    Frames(cuts.windows(2).map(|pair| Ok(Bytes::copy_from_slice(&wire[pair[0]..pair[1]]))).collect())
}

fn read(body: Frames, spec: BodySpec) -> Result<(Vec<u8>, BodyFacts), BodyError> {
    let mut reader = BodyReader::new(body, spec, &Lanes::new())?;
    let mut data = Vec::new();
    while let Some(piece) = reader.next().now_or_never().expect("all frames are there") {
        data.extend_from_slice(&piece?);
    }
    reader.finish().now_or_never().expect("nobody else computes").map(|facts| (data, facts))
}

fn sha256(data: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, data).as_ref().try_into().unwrap()
}

fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> ChecksumValue {
    let mut digests = Digests::of(algorithm);
    digests.update(data);
    digests.finish().checksum(algorithm).unwrap()
}

fn seed(kind: &str) -> ChunkSeed {
    let signer =
        Signer { access_key: "A", secret: "secret", session_token: None, region: "us-east-1", service: "s3" };
    let target = Target { method: "PUT", path: "/b/k", query: "", host: "localhost:9000" };
    signer.sign(&target, &mut HeaderMap::new(), &AmzDate::parse("20260101T000000Z").unwrap(), kind)
}

const TRAILING: ChecksumAlgorithm = ChecksumAlgorithm::Crc32c;
const KINDS: [PayloadKind; 5] = [
    PayloadKind::Unsigned,
    PayloadKind::Sha256([0; 32]),
    PayloadKind::StreamingSigned,
    PayloadKind::StreamingSignedTrailer,
    PayloadKind::StreamingUnsignedTrailer,
];

/// A body as a client sends it, and what its headers say. Chunked kinds but the first have a checksum in the trailer.
fn sent(kind: PayloadKind, data: &[u8], chunk_bytes: usize) -> (Vec<u8>, BodySpec) {
    let kind = if matches!(kind, PayloadKind::Sha256(_)) { PayloadKind::Sha256(sha256(data)) } else { kind };
    let seed = kind.has_signed_chunks().then(|| seed("STREAMING"));
    let mut spec = BodySpec {
        payload: kind,
        seed: seed.clone(),
        length: Some(data.len() as u64),
        trailers: vec![],
        checksum: ChecksumRequest::default(),
        wanted: Wanted::default(),
    };
    spec.wanted.md5 = true;
    if !kind.is_chunked() {
        return (data.to_vec(), spec);
    }
    let has_trailer = kind != PayloadKind::StreamingSigned;
    let mut chain = seed;
    let mut wire = Vec::new();
    for chunk in data.chunks(chunk_bytes).chain([&[][..]]) {
        wire.extend_from_slice(format!("{:x}", chunk.len()).as_bytes());
        if let Some(chain) = &mut chain {
            wire.extend_from_slice(
                format!(";chunk-signature={}", hex::encode(chain.sign_chunk(&sha256(chunk)))).as_bytes(),
            );
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(chunk);
        if !chunk.is_empty() {
            wire.extend_from_slice(b"\r\n");
        }
    }
    if has_trailer {
        let line = format!("{}:{}", header_of(TRAILING), checksum(TRAILING, data).to_base64());
        wire.extend_from_slice(format!("{line}\r\n").as_bytes());
        if let Some(chain) = &mut chain {
            let signature = chain.sign_trailer(&sha256(format!("{line}\n").as_bytes()));
            wire.extend_from_slice(
                format!("x-amz-trailer-signature:{}\r\n", hex::encode(signature)).as_bytes(),
            );
        }
        spec.trailers = vec![header_of(TRAILING).to_owned()];
        spec.checksum.trailer = Some(TRAILING);
    }
    wire.extend_from_slice(b"\r\n");
    (wire, spec)
}

/// Data and the size of its chunks: of signed ones only the last may be small.
fn sample(kind: PayloadKind) -> (Vec<u8>, usize) {
    if kind.has_signed_chunks() {
        ((0..8_211u32).map(|number| (number % 251) as u8).collect(), 8_192)
    } else {
        (b"some data in chunks".to_vec(), 7)
    }
}

/// Places in a body: all near its ends, some between.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(move |place| *place < 200 || *place + 500 > length || place % 101 == 0)
}

#[test]
fn every_kind_is_read_back() {
    let data: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
    for kind in KINDS {
        for length in [0, 1, 8_192, 100_000] {
            let data = &data[..length];
            let (wire, spec) = sent(kind, data, 8_192);
            let expected = spec.checksum.trailer.map(|algorithm| checksum(algorithm, data));
            let (read, facts) = read(frames(&wire, &[]), spec).unwrap();
            assert_eq!(read, data);
            assert_eq!((facts.length, facts.checksum), (length as u64, expected));
            assert_eq!(
                facts.digests.md5,
                Some(md5::Digest::finalize(<md5::Md5 as md5::Digest>::new_with_prefix(data)).into())
            );
        }
    }
}

/// The body of AWS's documentation, with the signatures printed there.
#[test]
fn the_documented_chunks_are_accepted() {
    let signer = Signer {
        access_key: "AKIAIOSFODNN7EXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-encoding", "aws-chunked"),
        ("content-length", "66824"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    let target =
        Target { method: "PUT", path: "/examplebucket/chunkObject.txt", query: "", host: "s3.amazonaws.com" };
    let date = AmzDate::parse("20130524T000000Z").unwrap();
    let seed = signer.sign(&target, &mut headers, &date, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    let mut wire = Vec::new();
    for (length, signature) in [
        (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        wire.extend_from_slice(format!("{length:x};chunk-signature={signature}\r\n").as_bytes());
        wire.extend(std::iter::repeat_n(b'a', length));
        wire.extend_from_slice(b"\r\n");
    }
    assert_eq!(wire.len(), 66_824);
    let spec = BodySpec::from_headers(&headers, PayloadKind::StreamingSigned, Some(seed), u64::MAX).unwrap();
    assert_eq!(read(frames(&wire, &[10_000, 66_000]), spec).unwrap().1.length, 66_560);
}

proptest! {
    #[test]
    fn any_fragmentation_gives_the_same(
        kind in 0..KINDS.len(),
        data in proptest::collection::vec(any::<u8>(), 0..3_000),
        chunk_bytes in 1usize..2_000,
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let is_signed = KINDS[kind].has_signed_chunks();
        // Signed chunks have 8 KiB at least, and of small ones there may be a thousand.
        let (data, chunk_bytes) = match is_signed {
            true => (data.repeat(8), 8_192 + chunk_bytes),
            false => (data, chunk_bytes.max(3)),
        };
        let (wire, spec) = sent(KINDS[kind], &data, chunk_bytes);
        let (read, facts) = read(frames(&wire, &cuts), spec).unwrap();
        prop_assert_eq!(facts.length, data.len() as u64);
        prop_assert_eq!(read, data);
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(
        kind in 2..KINDS.len(),
        wire in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b';'), Just(b'0'), Just(b'f'), any::<u8>()], 0..200),
        cuts in proptest::collection::vec(any::<usize>(), 0..5),
    ) {
        let (_, spec) = sent(KINDS[kind], b"some data", 5);
        prop_assert!(read(frames(&wire, &cuts), spec).is_err());
    }
}

#[test]
fn one_byte_at_a_time_gives_the_same() {
    for kind in KINDS {
        let (data, chunk_bytes) = sample(kind);
        let (wire, spec) = sent(kind, &data, chunk_bytes);
        let cuts: Vec<usize> = (0..wire.len()).collect();
        assert_eq!(read(frames(&wire, &cuts), spec).unwrap().0, data);
    }
}

#[test]
fn a_truncated_body_is_refused_wherever_it_ends() {
    for kind in KINDS {
        let (data, chunk_bytes) = sample(kind);
        let (whole, spec) = sent(kind, &data, chunk_bytes);
        for length in places(whole.len()) {
            let error = read(frames(&whole[..length], &[3]), spec.clone()).unwrap_err();
            let codes = ["IncompleteBody", "MalformedTrailerError"];
            assert!(codes.contains(&error.code()), "{kind:?} at {length}: {error:?}");
        }
    }
}

/// A flip either makes an error or, in framing that tolerates it (`\r`, the case of a digit), changes nothing.
#[test]
fn flipped_bits_never_change_the_data() {
    for kind in KINDS.into_iter().filter(|kind| *kind != PayloadKind::Unsigned) {
        let (sent_data, chunk_bytes) = sample(kind);
        let (whole, spec) = sent(kind, &sent_data, chunk_bytes);
        let (mut refused, mut harmless) = (0, 0);
        for position in places(whole.len()) {
            for bit in 0..8 {
                let mut wire = whole.clone();
                wire[position] ^= 1 << bit;
                match read(frames(&wire, &[]), spec.clone()) {
                    Err(_) => refused += 1,
                    Ok((data, facts)) => {
                        assert_eq!((data.as_slice(), facts.length), (&sent_data[..], sent_data.len() as u64));
                        harmless += 1;
                    }
                }
            }
        }
        assert!(refused > 20 * harmless || kind.is_chunked(), "{kind:?}: {refused} {harmless}");
    }
}

#[test]
fn a_wrong_chunk_signature_is_found_at_the_end_of_the_chunk() {
    let (mut wire, spec) = sent(PayloadKind::StreamingSigned, b"some data in chunks", 10);
    let position = wire.windows(4).position(|window| window == b"data").unwrap();
    wire[position] ^= 1;
    let mut reader = BodyReader::new(frames(&wire, &[]), spec, &Lanes::new()).unwrap();
    let error = reader.next().now_or_never().unwrap().unwrap().unwrap_err();
    assert_eq!(error.code(), "SignatureDoesNotMatch");
    assert!(error.fields()[0].1.starts_with("AWS4-HMAC-SHA256-PAYLOAD\n20260101T000000Z\n"));
    assert!(reader.next().now_or_never().unwrap().is_none());
    assert_eq!(reader.finish().now_or_never().unwrap().unwrap_err(), error, "the error stays");
}

/// Signed chunks of 64 KiB, more than wait for one another at once; and their data.
fn many_chunks() -> (Vec<u8>, Vec<u8>, BodySpec) {
    let data: Vec<u8> = (0..20 * 65_536 + 77u32).map(|number| (number % 253) as u8).collect();
    let (wire, spec) = sent(PayloadKind::StreamingSignedTrailer, &data, 65_536);
    (data, wire, spec)
}

#[test]
fn chunks_that_wait_for_one_another_are_read_back() {
    let (data, wire, spec) = many_chunks();
    assert_eq!(read(frames(&wire, &[9, 70_000, 500_001]), spec).unwrap().0, data);
}

#[test]
fn a_wrong_signature_among_chunks_that_wait_is_found_and_comes_before_later_mistakes() {
    let (_, right, spec) = many_chunks();
    let chunk_bytes = 65_536 + "10000;chunk-signature=\r\n\r\n".len() + 64;
    for chunk in [1, 3, 15, 16, 17, 20] {
        let mut wire = right.clone();
        wire[chunk * chunk_bytes - 100] ^= 1;
        let mut also_unframed = wire.clone();
        also_unframed[chunk * chunk_bytes] = b'x';
        let cut = wire[..chunk * chunk_bytes + 50].to_vec();
        for wire in [wire, also_unframed, cut] {
            match read(frames(&wire, &[]), spec.clone()) {
                Err(BodyError::SignatureMismatch { place, .. }) => {
                    assert_eq!(place, format!("chunk {chunk}"))
                }
                other => panic!("chunk {chunk}: {other:?}"),
            }
        }
    }
}

/// What a body says and what becomes of it, for unsigned chunks of `data` with a CRC32C announced.
fn unsigned(wire: &str) -> Result<Vec<u8>, BodyError> {
    let (_, spec) = sent(PayloadKind::StreamingUnsignedTrailer, b"data", 4);
    read(frames(wire.as_bytes(), &[]), spec).map(|(data, _)| data)
}

#[test]
fn sloppy_framing_of_real_clients_is_accepted() {
    let sum = format!("x-amz-checksum-crc32c:{}", checksum(TRAILING, b"data").to_base64());
    for wire in [
        format!("4\r\ndata\r\n0\r\n{sum}\r\n\r\n"),
        // minio-go ends trailers by a bare line feed and adds an empty line.
        format!("4\r\ndata\r\n0\r\n{sum}\n\r\n\r\n"),
        format!("4\ndata\n0\n{sum}\n\n"),
        format!(
            "004 \r\ndata\r\n0\r\n\r\n{}\r\n\r\n",
            sum.replace(':', " : ").to_uppercase().replace(&sum[22..].to_uppercase(), &sum[22..])
        ),
        format!("4;chunk-signature={0}\r\ndata\r\n0;chunk-signature={0}\r\n{sum}\r\n\r\n", "0".repeat(64)),
    ] {
        assert_eq!(unsigned(&wire).unwrap(), b"data", "{wire:?}");
    }
}

#[test]
fn minio_go_puts_an_empty_line_before_the_trailer_signature() {
    let (wire, spec) = sent(PayloadKind::StreamingSignedTrailer, b"data", 4);
    let text = String::from_utf8(wire)
        .unwrap()
        .replace("\r\nx-amz-trailer-signature", "\n\r\nx-amz-trailer-signature");
    assert_eq!(read(frames(text.as_bytes(), &[]), spec).unwrap().0, b"data");
}

#[test]
fn wrong_framing_has_the_errors_of_s3() {
    let sum = format!("x-amz-checksum-crc32c:{}", checksum(TRAILING, b"data").to_base64());
    for (wire, code) in [
        (format!("5\r\ndata!\r\n0\r\n{sum}\r\n\r\n"), "IncompleteBody"),
        (format!("3\r\ndat\r\n0\r\n{sum}\r\n\r\n"), "IncompleteBody"),
        (format!("3\r\ndata\r\n0\r\n{sum}\r\n\r\n"), "InvalidRequest"),
        (format!("+4\r\ndata\r\n0\r\n{sum}\r\n\r\n"), "InvalidRequest"),
        (format!("\r\n4\r\ndata\r\n0\r\n{sum}\r\n\r\n"), "InvalidRequest"),
        (format!("11111111111111111\r\ndata\r\n0\r\n{sum}\r\n\r\n"), "InvalidRequest"),
        (format!("ffffffffffffffff\r\ndata\r\n0\r\n{sum}\r\n\r\n"), "IncompleteBody"),
        ("4\r\ndata\r\n0\r\n\r\n".into(), "MalformedTrailerError"),
        ("4\r\ndata\r\n0\r\nnonsense\r\n\r\n".into(), "MalformedTrailerError"),
        (format!("4\r\ndata\r\n0\r\n{sum}\r\n{sum}\r\n\r\n"), "MalformedTrailerError"),
        (format!("4\r\ndata\r\n0\r\n{sum}\r\nx-other:1\r\n\r\n"), "MalformedTrailerError"),
        (format!("4\r\ndata\r\n0\r\n{sum}\r\n\r\nmore"), "IncompleteBody"),
        (format!("4\r\ndata\r\n0\r\n{sum}\r\n\r\nmore\r\n"), "MalformedTrailerError"),
        ("4\r\ndata\r\n0\r\nx-amz-checksum-crc32c:bad\r\n\r\n".into(), "InvalidRequest"),
        ("4\r\ndata\r\n0\r\nx-amz-checksum-crc32c:4waSgw==\r\n\r\n".into(), "BadDigest"),
    ] {
        assert_eq!(unsigned(&wire).unwrap_err().code(), code, "{wire:?}");
    }
}

#[test]
fn lines_trailers_and_small_chunks_are_bounded() {
    let long = format!("4;x={}", "y".repeat(LINE_BYTES_MAX));
    assert_eq!(unsigned(&long).unwrap_err().code(), "InvalidRequest");
    let endless = format!("4\r\ndata\r\n0\r\n{}", "\r\n".repeat(TRAILER_BYTES_MAX));
    assert_eq!(unsigned(&endless).unwrap_err().code(), "MalformedTrailerError");
    let data = vec![7; 100_000];
    let (wire, spec) = sent(PayloadKind::StreamingUnsignedTrailer, &data, 1);
    let error = read(frames(&wire, &[]), spec).unwrap_err();
    assert_eq!(error.code(), "InvalidChunkSizeError");
    let (wire, spec) = sent(PayloadKind::StreamingUnsignedTrailer, &data, 600);
    assert!(read(frames(&wire, &[]), spec).is_ok());
}

#[test]
fn of_signed_chunks_only_the_last_may_be_small() {
    let data = vec![7; 20_000];
    for kind in [PayloadKind::StreamingSigned, PayloadKind::StreamingSignedTrailer] {
        let (wire, spec) = sent(kind, &data, 8191);
        let error = read(frames(&wire, &[]), spec).unwrap_err();
        assert_eq!(error, BodyError::ChunksTooSmall { chunk: 2, size: 8191 });
        let (wire, spec) = sent(kind, &data, 8192);
        assert!(read(frames(&wire, &[]), spec).is_ok());
    }
}

#[test]
fn digests_of_headers_must_match() {
    let plain = |change: fn(&mut BodySpec)| {
        let (wire, mut spec) = sent(PayloadKind::Unsigned, b"data", 1);
        change(&mut spec);
        read(frames(&wire, &[]), spec)
    };
    let error = plain(|spec| spec.payload = PayloadKind::Sha256([1; 32])).unwrap_err();
    assert_eq!(error.code(), "XAmzContentSHA256Mismatch");
    assert_eq!(error.fields()[1].1, hex::encode(sha256(b"data")));
    let error = plain(|spec| spec.checksum.content_md5 = Some([1; 16])).unwrap_err();
    assert_eq!((error.code(), error.fields()[1].1.as_str()), ("BadDigest", "jXd/OF09/siBXSD3SWAm3A=="));
    let error =
        plain(|spec| spec.checksum.header = ChecksumValue::from_base64(ChecksumAlgorithm::Crc32, "y/Q5Jg=="))
            .unwrap_err();
    assert_eq!(error.code(), "BadDigest");
    assert!(error.to_string().starts_with("The CRC32 you specified"));
    let (_, facts) =
        plain(|spec| spec.checksum.header = Some(checksum(ChecksumAlgorithm::Sha1, b"data"))).unwrap();
    assert_eq!(facts.checksum, Some(checksum(ChecksumAlgorithm::Sha1, b"data")));
}

#[test]
fn lengths_must_match() {
    for (length, fits) in [(Some(4), true), (None, true), (Some(3), false), (Some(5), false)] {
        let (wire, mut spec) = sent(PayloadKind::Unsigned, b"data", 1);
        spec.length = length;
        let result = read(frames(&wire, &[2]), spec);
        assert_eq!(result.is_ok(), fits, "{length:?}");
        assert!(fits || result.unwrap_err().code() == "IncompleteBody");
    }
}

#[test]
fn what_is_given_up_or_breaks_off_is_not_vouched_for() {
    let (wire, spec) = sent(PayloadKind::Unsigned, b"data", 1);
    let mut reader = BodyReader::new(frames(&wire, &[]), spec, &Lanes::new()).unwrap();
    reader.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(reader.finish().now_or_never().unwrap(), Err(BodyError::Unfinished));
    let (_, spec) = sent(PayloadKind::Unsigned, b"data", 1);
    let broken = Frames(VecDeque::from([Ok(Bytes::from_static(b"da")), Err("connection reset")]));
    let error = read(broken, spec).unwrap_err();
    assert_eq!(error.code(), "IncompleteBody");
    assert!(error.to_string().contains("connection reset"));
}

#[test]
fn signed_chunks_need_a_seed_and_chunks_a_length() {
    let (_, mut spec) = sent(PayloadKind::StreamingSigned, b"data", 1);
    spec.seed = None;
    assert_eq!(BodyReader::new(frames(b"", &[]), spec, &Lanes::new()).unwrap_err(), BodyError::NoSeed);
    let (_, mut spec) = sent(PayloadKind::StreamingUnsignedTrailer, b"data", 1);
    spec.length = None;
    assert_eq!(BodyReader::new(frames(b"", &[]), spec, &Lanes::new()).unwrap_err(), BodyError::MissingLength);
    let mut headers = HeaderMap::new();
    headers.insert("content-length", http::HeaderValue::from_static("11"));
    let error = BodySpec::from_headers(&headers, PayloadKind::Unsigned, None, 10).unwrap_err();
    assert_eq!(error, BodyError::TooLarge { size: 11, size_max: 10 });
}
