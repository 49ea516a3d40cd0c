//! Payloads of madmin-go and sio-go, and what must not open.

use env::real;
use proptest::prelude::*;
use ring::digest::{SHA256, digest};

use super::*;

const SECRET: &str = "rustfssecret";

/// Algorithm, bytes sealed, and the SHA-256 of the whole payload: made with madmin-go v3.0.109 and sio-go v0.3.1, which opened
/// them again. Byte i of what is sealed is 7 i mod 251; salt byte i is i + algorithm; nonce byte i is 200 + i.
const VECTORS: &[(u8, usize, &str)] = &[
    (0, 0, "1efa0bff354bc20030005bbde736fde3bcb00db3d16684b017143e15bf4d94d1"),
    (1, 0, "2ac7652e9f7c6893c9a576139a9cd971840e8e12ce98ed20d9319759beec6e8b"),
    (2, 0, "adf5cf38f92524045324876b52a401b106037543a5bceee5a17b3577c0e7a8a9"),
    (0, 1, "32bfa60aca3ca7fb3138de15b1d3e59b56a26b54630969fedf97f279a2234455"),
    (1, 1, "6a63a1a0199318a23199113d8cf5c7eb621da7bab9857e90c501a6ae0d9ed87f"),
    (2, 1, "5e43cc07b28883fc8e8565b05c45e786bd7b1b4a994f1153d6779e4ad2196de2"),
    (0, 1000, "8daf3f8c6ec9fbbf4e6726276752b25063d4afd8306bb8885f3a004af15f3766"),
    (1, 1000, "204866de717cb051b5cd167c0b574eb6b32dff84c2bbd3006e8844e044c8c0c4"),
    (2, 1000, "63f2bca9c0863607f1a68ba7af789d994345b9edda271a5611b325c290f60e0b"),
    (0, 16384, "1a7db247c814b7c5d81721c23bbdd35c439447abe60fb40fcb8c1629280d144d"),
    (1, 16384, "f4c228001e842879f6087284a8d763d1a95e1b4ec8a684914d37013adde1eaa0"),
    (2, 16384, "adffb90d03346bd1886502f7eabcae53c7afd3df58cfaf2614837b3567404dd3"),
    (0, 16385, "e170d4fc5d19930d3d401c68a0bf70a69f741bd32f2cb43010156554857a974b"),
    (1, 16385, "6133a3699ff7e69e5646cba217120019acc683539ae4acf167f0405509b97a06"),
    (2, 16385, "61d01f40c72fdf5e010e26063fde9a2f97c653be2af04c7020cae248564b315c"),
    (0, 40000, "8bf1399ad511667bcdb90567624320e48ffd92d825ab65cd37e16d5a410496d5"),
    (1, 40000, "bcd7ca468c2fdd34a5683739182b592f24ff01737943ef69c93ddb56d226ef8f"),
    (2, 40000, "aae89f571bd5e50c221fde9e4565bde46c52b502b0de5659fbc41b4367040e80"),
];

/// What `madmin.EncryptData("rustfssecret", {"secretKey":"verysecret","status":"enabled"})` gave.
const OF_MADMIN: &str = "\
    8793c12a3f9d1a704bb711a28344b6309933d0808702defc84d85879435b42d9005489651f9a3c66c037d3be92a8533b9c06\
    2f0185151b420e86c8e15e77f54d52d5bf9b5e1d1a8e974317e42dc8cddfdc0d1f6d81966ff6f9464bbacf383c9a8ea0e623\
    3be0";

fn sealed(byte: u8, plain: &[u8]) -> Vec<u8> {
    let algorithm = Algorithm::from_byte(byte).unwrap();
    let salt = std::array::from_fn(|at| at as u8 + byte);
    let nonce = std::array::from_fn(|at| 200 + at as u8);
    let key = PayloadKey::derive(algorithm, SECRET, &salt).unwrap();
    seal_with(&key, algorithm, &salt, nonce, plain).unwrap()
}

/// A payload sealed with a key at hand, and the key.
fn quick(plain: &[u8]) -> (Vec<u8>, PayloadKey) {
    let algorithm = Algorithm::Argon2idAes256Gcm;
    let key = PayloadKey::from_bytes(algorithm, &[7; 32]).unwrap();
    (seal_with(&key, algorithm, &[1; 32], [2; 8], plain).unwrap(), key)
}

#[test]
fn payloads_are_those_of_madmin_to_the_byte() {
    for (algorithm, size, sha256) in VECTORS {
        let plain: Vec<u8> = (0..*size).map(|at| (at * 7 % 251) as u8).collect();
        let payload = sealed(*algorithm, &plain);
        assert_eq!(hex::encode(digest(&SHA256, &payload)), *sha256, "{algorithm} {size}");
        assert_eq!(open(SECRET, &payload).unwrap(), plain, "{algorithm} {size}");
    }
}

#[test]
fn what_madmin_has_sealed_opens_with_its_secret_alone() {
    let payload = hex::decode(OF_MADMIN).unwrap();
    let plain = open(SECRET, &payload).unwrap();
    assert_eq!(plain, br#"{"secretKey":"verysecret","status":"enabled"}"#);
    assert_eq!(open("another secret", &payload), Err(PayloadError::NotAuthentic));
    assert_eq!(open("", &payload), Err(PayloadError::NotAuthentic));
}

#[test]
fn what_is_sealed_here_opens_and_never_repeats() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let random = real::env(runtime.handle()).random;
    let algorithm = Algorithm::Pbkdf2Aes256Gcm;
    let one = seal(SECRET, b"users", algorithm, random.as_ref()).unwrap();
    let other = seal(SECRET, b"users", algorithm, random.as_ref()).unwrap();
    assert_eq!(open(SECRET, &one).unwrap(), b"users");
    assert_ne!(one, other);
}

#[test]
fn what_is_no_payload_is_told_apart() {
    let (payload, _) = quick(b"");
    for bytes in [0, 32, 40, payload.len() - 1] {
        assert_eq!(SealedPayload::parse(&payload[..bytes]).unwrap_err(), PayloadError::TooShort { bytes });
    }
    assert!(SealedPayload::parse(&payload).is_ok());
    let mut unknown = payload.clone();
    unknown[32] = 3;
    assert_eq!(SealedPayload::parse(&unknown).unwrap_err(), PayloadError::UnknownAlgorithm { byte: 3 });
}

#[test]
fn a_payload_is_as_long_as_the_limit_and_no_longer() {
    let (longest, key) = quick(&vec![1; PAYLOAD_BYTES_MAX]);
    let opened = SealedPayload::parse(&longest).unwrap().open(&key).unwrap();
    assert_eq!(opened.len(), PAYLOAD_BYTES_MAX);
    let mut longer = longest;
    longer.push(0);
    let bytes = longer.len();
    assert_eq!(SealedPayload::parse(&longer).unwrap_err(), PayloadError::TooLong { bytes });
}

#[test]
fn fragments_are_neither_moved_nor_cut_off_nor_added() {
    let fragment = (16 << 10) + 16;
    let (payload, key) = quick(&vec![9; 40_000]);
    let is_open =
        |payload: &[u8]| SealedPayload::parse(payload).is_ok_and(|parsed| parsed.open(&key).is_ok());
    assert!(is_open(&payload));
    let (head, fragments) = payload.split_at(41);
    assert!(!is_open(&payload[..41 + fragment]), "the last one is missing");
    assert!(!is_open(&payload[..41 + 2 * fragment]), "the last one is missing");
    let swapped =
        [head, &fragments[fragment..2 * fragment], &fragments[..fragment], &fragments[2 * fragment..]];
    assert!(!is_open(&swapped.concat()));
    assert!(!is_open(&[&payload, &fragments[2 * fragment..]].concat()), "one more");
    assert!(!is_open(&[head, &fragments[fragment..]].concat()), "the first one is missing");
}

proptest! {
    #[test]
    fn a_payload_that_was_changed_anywhere_does_not_open(size in 0_usize..40_000, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (mut payload, key) = quick(&vec![5; size]);
        // The salt counts when the key is derived from it, and not here.
        let at = 32 + at.index(payload.len() - 32);
        payload[at] ^= 1 << bit;
        let opened = SealedPayload::parse(&payload).map(|parsed| (parsed.algorithm(), parsed.open(&key)));
        // The algorithm's byte is not covered either: whoever changes it has another key derived.
        prop_assert!(at == 32 || !opened.is_ok_and(|(_, opened)| opened.is_ok()));
    }

    #[test]
    fn any_bytes_are_a_payload_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_, key) = quick(b"");
        if let Ok(payload) = SealedPayload::parse(&bytes) {
            prop_assert_eq!(payload.open(&key), Err(PayloadError::NotAuthentic));
        }
    }
}
