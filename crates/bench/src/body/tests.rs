//! What goes over the wire is decoded here by the rules of the documentation, not by the code that wrote it.

use super::*;
use crate::options::Credentials;

fn wire(kind: BodyKind, size: usize, number: u64) -> (String, Vec<u8>, Vec<u8>) {
    let mut signer =
        Signer::new(&Credentials { access_key: "a".into(), secret_key: "s".into() }, 1_369_353_600);
    let pool = Pool::new(size);
    let payload = pool.of(number);
    let mut request = Request::default();
    put(&mut request, &mut signer, ("h", "/b/k", ""), kind, (payload, number));
    let bytes = request.to_bytes();
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let object = [payload.shared(), payload.stamp(number).as_slice()].concat();
    assert_eq!(object.len(), size);
    (String::from_utf8(bytes[..split].to_vec()).unwrap(), bytes[split..].to_vec(), object)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {name} in {head}"))
}

/// The payload of an aws-chunked body, its chunk extensions, and what follows the last chunk's line.
fn dechunk(mut body: &[u8]) -> (Vec<u8>, Vec<String>, Vec<u8>) {
    let (mut data, mut extensions) = (Vec::new(), Vec::new());
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let line = std::str::from_utf8(&body[..end]).unwrap();
        let (length, extension) = line.split_once(';').unwrap_or((line, ""));
        let length = usize::from_str_radix(length, 16).unwrap();
        extensions.push(extension.to_owned());
        body = &body[end + 2..];
        if length == 0 {
            return (data, extensions, body.to_vec());
        }
        data.extend_from_slice(&body[..length]);
        assert_eq!(&body[length..length + 2], b"\r\n");
        body = &body[length + 2..];
    }
}

const SIZES: [usize; 9] = [0, 1, 15, 16, 4_096, 65_536, 65_543, 131_072, 3 * 1024 * 1024 + 5];

#[test]
fn every_kind_says_how_long_it_is_and_carries_the_object() {
    for kind in [BodyKind::Unsigned, BodyKind::Signed, BodyKind::Trailer, BodyKind::Chunked] {
        for size in SIZES {
            let (head, body, object) = wire(kind, size, 7);
            assert_eq!(header(&head, "content-length"), body.len().to_string(), "{kind:?} {size}");
            let data = match kind {
                BodyKind::Unsigned | BodyKind::Signed => body,
                BodyKind::Trailer | BodyKind::Chunked => {
                    assert_eq!(header(&head, "x-amz-decoded-content-length"), size.to_string());
                    dechunk(&body).0
                }
            };
            assert!(data == object, "{kind:?} {size}");
        }
    }
}

#[test]
fn the_signed_body_hashes_to_its_header() {
    for size in SIZES {
        let (head, _, object) = wire(BodyKind::Signed, size, 3);
        assert_eq!(header(&head, "x-amz-content-sha256"), sha256_hex(&object));
    }
}

#[test]
fn the_trailer_holds_the_checksum_of_the_object() {
    for size in SIZES {
        let (_, body, object) = wire(BodyKind::Trailer, size, 3);
        let expected = format!("x-amz-checksum-crc32:{}\r\n\r\n", crc32_base64(&object));
        assert_eq!(dechunk(&body).2, expected.as_bytes());
    }
    assert_eq!(crc32_base64(b"123456789"), "y/Q5Jg==");
}

#[test]
fn every_chunk_is_signed_over_the_one_before_it() {
    for size in SIZES {
        let (head, body, object) = wire(BodyKind::Chunked, size, 3);
        let mut signer =
            Signer::new(&Credentials { access_key: "a".into(), secret_key: "s".into() }, 1_369_353_600);
        let mut previous = [0; 64];
        previous.copy_from_slice(head.trim_end().rsplit_once("Signature=").unwrap().1.as_bytes());
        let (_, extensions, end) = dechunk(&body);
        assert_eq!(end, b"\r\n");
        for (chunk, extension) in object.chunks(SIGNED_CHUNK_BYTES).chain([&[][..]]).zip(&extensions) {
            previous = signer.sign_chunk(&previous, &sha256(chunk));
            assert_eq!(extension, &format!("chunk-signature={}", std::str::from_utf8(&previous).unwrap()));
        }
        assert_eq!(extensions.len(), size.div_ceil(SIGNED_CHUNK_BYTES) + 1);
    }
}

#[test]
fn objects_of_one_payload_differ() {
    let pool = Pool::new(4_096);
    let payload = pool.of(1);
    assert_ne!(payload.stamp(1).as_slice(), payload.stamp(65).as_slice());
    assert_ne!(pool.of(1).shared(), pool.of(2).shared());
}
