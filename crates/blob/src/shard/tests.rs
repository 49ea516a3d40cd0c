//! Shards as bytes: every cut and every change is noticed.

use super::*;
use proptest::prelude::*;

fn blob(size_bytes: u64) -> BlobRef {
    BlobRef {
        id: BlobId::from_bytes([9; 16]),
        size_bytes,
        redundancy: Redundancy { data: 2, parity: 2 },
        stripe_bytes: 1 << 20,
        set: 3,
        first_slot: 1,
        map_epoch: 77,
    }
}

fn packed(payload: &[u8], descriptor: &[u8], shard: u8) -> Bytes {
    let blob = blob(payload.len() as u64 * 2);
    let header = PackedHeader::new(Identity::of(&blob, shard), blob.size_bytes as u32, payload, descriptor);
    let whole = [&header.encode()[..], payload, descriptor].concat();
    Bytes::from(whole)
}

/// As a writer makes it, strip by strip.
fn frame_header(id: &BlobId, shard: u8, stripe: u32, payload: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = FrameHeader::new(id, shard, stripe, payload.len());
    let (first, second) = payload.split_at(payload.len() / 3);
    header.update(first);
    header.update(second);
    header.encode()
}

fn flipped(bytes: &Bytes, bit: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Bytes::from(bytes)
}

#[test]
fn a_header_and_a_footer_tell_the_reference() {
    let blob = blob(5_000_000);
    let header = encode_file_header(&Identity::of(&blob, 2));
    let identity = decode_file_header(&header).unwrap();
    assert_eq!(identity.shard, 2);
    assert_eq!(identity.blob(blob.size_bytes), blob);
    let footer = Bytes::from(encode_footer(&blob.id, 2, blob.size_bytes, b"who"));
    assert_eq!(&open_footer(&footer, &blob, 2).unwrap()[..], b"who");
    assert_eq!(
        open_footer(&footer, &blob, 1),
        Err(FormatError::Foreign { part: "shard footer", what: "shard" })
    );
}

#[test]
fn a_packed_shard_costs_less_than_150_bytes() {
    const { assert!(PACKED_HEADER_BYTES + crate::drive::format::RECORD_HEADER_BYTES < 150) };
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_packed_shard_is_found() {
    let whole = packed(b"some payload", b"some descriptor", 1);
    check_packed(&whole).unwrap();
    for bit in 0..whole.len() * 8 {
        assert!(check_packed(&flipped(&whole, bit)).is_err(), "bit {bit}");
    }
    for cut in 0..whole.len() {
        assert!(check_packed(&whole.slice(..cut)).is_err(), "cut at {cut}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_frame_is_found() {
    let blob = blob(64);
    let payload = [5u8; 32];
    let header = frame_header(&blob.id, 1, 7, &payload);
    let frame = Bytes::from([&header[..], &payload].concat());
    assert_eq!(&open_frame(&frame, &blob.id, 1, 7, 32).unwrap()[..], payload);
    for bit in 0..frame.len() * 8 {
        let found = open_frame(&flipped(&frame, bit), &blob.id, 1, 7, 32);
        assert!(found.is_err(), "bit {bit}");
    }
    for cut in 0..frame.len() {
        assert!(open_frame(&frame.slice(..cut), &blob.id, 1, 7, 32).is_err());
    }
}

#[test]
fn a_frame_of_another_place_is_told_from_a_damaged_one() {
    let blob = blob(64);
    let payload = [5u8; 32];
    let header = frame_header(&blob.id, 1, 7, &payload);
    let frame = Bytes::from([&header[..], &payload].concat());
    let foreign = |what| Err(FormatError::Foreign { part: "frame", what });
    assert_eq!(open_frame(&frame, &blob.id, 2, 7, 32), foreign("shard"));
    assert_eq!(open_frame(&frame, &blob.id, 1, 8, 32), foreign("place"));
    let other = BlobId::from_bytes([8; 16]);
    assert_eq!(open_frame(&frame, &other, 1, 7, 32), foreign("blob"));
}

#[test]
fn every_flipped_bit_of_header_and_footer_is_found() {
    let blob = blob(5_000_000);
    let header = Bytes::copy_from_slice(&encode_file_header(&Identity::of(&blob, 2)));
    for bit in 0..header.len() * 8 {
        assert!(decode_file_header(&flipped(&header, bit)).is_err());
    }
    let footer = Bytes::from(encode_footer(&blob.id, 2, blob.size_bytes, b"who"));
    for bit in 0..footer.len() * 8 {
        assert!(decode_footer(&flipped(&footer, bit)).is_err());
    }
}

#[test]
fn a_newer_version_says_so() {
    let mut header = encode_file_header(&Identity::of(&blob(10), 0));
    header[4] = 2;
    assert_eq!(
        decode_file_header(&header),
        Err(FormatError::Newer { part: "shard header", found: 2, known: 1 })
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, magic in 0usize..5) {
        let magics = [FILE_MAGIC, FRAME_MAGIC, FOOTER_MAGIC, END_MAGIC, PACKED_MAGIC];
        for bytes in [
            bytes.clone(),
            [&magics[magic][..], &[1], &bytes].concat(),
            [&bytes[..], &[60, 0, 0, 0], &END_MAGIC].concat(),
        ] {
            let bytes = Bytes::from(bytes);
            let _ = decode_file_header(&bytes);
            let _ = decode_footer(&bytes);
            let _ = check_packed(&bytes);
            let _ = open_frame(&bytes, &blob(1).id, 0, 0, 1);
        }
    }

    #[test]
    fn packed_shards_come_back(
        payload in proptest::collection::vec(any::<u8>(), 1..300),
        descriptor in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = packed(&payload, &descriptor, 3);
        let header = check_packed(&bytes).unwrap();
        prop_assert_eq!(header.identity.shard, 3);
        let reference = header.identity.blob(u64::from(header.size_bytes));
        prop_assert_eq!(open_packed(&bytes, &reference, 3).unwrap(), Bytes::from(payload));
        prop_assert_eq!(packed_descriptor(&header, &bytes).unwrap(), Bytes::from(descriptor));
    }
}
