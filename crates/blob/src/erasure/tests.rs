//! The code as its callers see it, on every kernel that the processor has.

use super::kernel::tests::noise;
use super::*;
use proptest::prelude::*;

/// The product by its definition, apart from the tables of `field`.
fn product(a: u8, b: u8) -> u8 {
    let mut product: u16 = 0;
    for bit in (0..8).rev() {
        product <<= 1;
        if product & 0x100 != 0 {
            product ^= 0x11d;
        }
        if b >> bit & 1 == 1 {
            product ^= u16::from(a);
        }
    }
    u8::try_from(product).unwrap()
}

/// The parity shards by the words of docs/formats/erasure-code.md.
fn parity_by_definition(data: &[Vec<u8>], parity: usize) -> Vec<Vec<u8>> {
    let shards_data = data.len();
    let coefficient = |i: usize, j: usize| match shards_data {
        1 => 1,
        _ => (1..=255).find(|&x| product(x, u8::try_from(i ^ j).unwrap()) == 1).unwrap(),
    };
    let byte =
        |row: &[u8], at: usize| data.iter().zip(row).fold(0, |sum, (shard, &c)| sum ^ product(c, shard[at]));
    (shards_data..shards_data + parity)
        .map(|i| (0..shards_data).map(|j| coefficient(i, j)).collect::<Vec<u8>>())
        .map(|row| (0..data[0].len()).map(|at| byte(&row, at)).collect())
        .collect()
}

fn codes(data: usize, parity: usize) -> impl Iterator<Item = Code> {
    let (data, parity) = (u8::try_from(data).unwrap(), u8::try_from(parity).unwrap());
    Kernel::all().into_iter().map(move |kernel| Code::with_kernel(data, parity, kernel).unwrap())
}

fn slices(shards: &[Vec<u8>]) -> Vec<&[u8]> {
    shards.iter().map(Vec::as_slice).collect()
}

/// All shards of a stripe of noise.
fn encoded(code: &Code, len: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut shards: Vec<Vec<u8>> = (0..code.data_shards()).map(|j| noise(seed + j as u64, len)).collect();
    let mut parity = vec![vec![0; len]; code.parity_shards()];
    let mut outputs: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&slices(&shards), &mut outputs).unwrap();
    shards.append(&mut parity);
    shards
}

/// Rebuilds the `wanted` shards without those that are `lost`, and returns them in the order wanted.
fn rebuilt(
    code: &Code,
    shards: &[Vec<u8>],
    lost: &[usize],
    wanted: &[usize],
) -> Result<Vec<Vec<u8>>, CodeError> {
    let left: Vec<Option<&[u8]>> = shards
        .iter()
        .enumerate()
        .map(|(i, shard)| (!lost.contains(&i)).then_some(shard.as_slice()))
        .collect();
    let mut buffers = vec![vec![0xa5; shards[0].len()]; wanted.len()];
    let mut wishes: Vec<(usize, &mut [u8])> =
        wanted.iter().zip(&mut buffers).map(|(&shard, buffer)| (shard, buffer.as_mut_slice())).collect();
    code.reconstruct(&left, &mut wishes)?;
    Ok(buffers)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Computed by another program from the definition. They say what lies on disks: they are never to be changed.
#[test]
fn the_parity_of_known_data_is_known() {
    let known: [(usize, &[&str]); 6] = [
        (
            1,
            &[
                "01153767a5f14bb329ad3fdf8d4913ebd1c5c7d7f5215ba3",
                "01153767a5f14bb329ad3fdf8d4913ebd1c5c7d7f5215ba3",
            ],
        ),
        (2, &["9ab4bb287719228d4d804c1c7bd6bd12e2ec18ebe4aad195"]),
        (
            2,
            &[
                "9ab4bb287719228d4d804c1c7bd6bd12e2ec18ebe4aad195",
                "ead0df8713b27aeddee428b31f8edd4a4943b7444b31890e",
            ],
        ),
        (
            4,
            &[
                "54a50fde03562908f5168ef9c35ab16e22ac7278d213334e",
                "8ea3475b0526d6fbeea9c67c3618424f52f363fd19ff37ec",
            ],
        ),
        (
            8,
            &[
                "2406bdefa3ea6a0e12778c0d23f2aaa956437580f161e2a6",
                "2d06ea96e74c23b986da3d483f433c6cd12210e19b58125f",
                "d62d529a7d9eea637ebb86d7b228c7ce222bb64ab5db9f6d",
                "7d21e34ac5c7b2d7bf46d1cbf2d4520e5aae62536cca4d91",
            ],
        ),
        (
            28,
            &[
                "d70c9542d231a3bac1e13886f2eff3afb286ccbff46749f5",
                "9d956ecd712d10e799b6d7abf9db723c48deca1d16846766",
                "ee40f43d81586f42bc1eae2ef5c9adba3956751dec133878",
                "afb5c4ef6b81744c2f386ddd51e82a853eccbc5c18d09d0b",
            ],
        ),
    ];
    for (data, expected) in known {
        let byte = |i: usize, j: usize| u8::try_from((i * i * 7 + i * 13 + j * 59 + 1) % 256).unwrap();
        let shards: Vec<Vec<u8>> = (0..data).map(|j| (0..24).map(|i| byte(i, j)).collect()).collect();
        for code in codes(data, expected.len()) {
            let mut parity = vec![vec![0; 24]; expected.len()];
            let mut outputs: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
            code.encode(&slices(&shards), &mut outputs).unwrap();
            let parity: Vec<String> = parity.iter().map(|shard| hex(shard)).collect();
            assert_eq!(parity, expected, "{data} + {}, {:?}", expected.len(), code.kernel);
        }
    }
}

/// The example of docs/formats/erasure-code.md.
#[test]
fn the_example_of_the_document_is_right() {
    for code in codes(2, 2) {
        let (mut third, mut fourth) = ([0; 8], [0; 8]);
        code.encode(&[b"erasure ", b"coding. "], &mut [&mut third, &mut fourth]).unwrap();
        assert_eq!((hex(&third).as_str(), hex(&fourth).as_str()), ("9d1c699065efa6fb", "9c97e660ef9334fb"));
    }
}

#[test]
fn parity_is_that_of_the_definition() {
    for (data, parity) in
        [(1, 0), (1, 1), (1, 3), (2, 1), (2, 2), (3, 2), (4, 2), (8, 4), (12, 4), (16, 16), (31, 1)]
    {
        for code in codes(data, parity) {
            let shards = encoded(&code, 131, 5);
            assert_eq!(shards[data..], parity_by_definition(&shards[..data], parity), "{data} + {parity}");
        }
    }
}

#[test]
fn only_codes_within_the_limits_exist() {
    assert_eq!(Code::new(0, 2).unwrap_err(), CodeError::NoSuchCode { data: 0, parity: 2 });
    assert_eq!(Code::new(31, 2).unwrap_err(), CodeError::NoSuchCode { data: 31, parity: 2 });
    assert_eq!(Code::new(255, 255).unwrap_err(), CodeError::NoSuchCode { data: 255, parity: 255 });
    assert_eq!(Code::new(28, 4).unwrap().shards(), SHARDS_MAX);
    assert_eq!(Code::new(32, 0).unwrap().parity_shards(), 0);
}

#[test]
fn too_few_shards_are_an_error_that_counts_them() {
    for code in codes(4, 2) {
        let shards = encoded(&code, 64, 1);
        let error = rebuilt(&code, &shards, &[0, 2, 5], &[2]).unwrap_err();
        assert_eq!(error, CodeError::TooFewShards { have: 3, need: 4 });
        // What is at hand is given all the same.
        assert_eq!(rebuilt(&code, &shards, &[0, 2, 5], &[3]).unwrap(), [shards[3].clone()]);
    }
    let none = Code::new(2, 1).unwrap();
    let error = none.reconstruct(&[None; 3], &mut [(0, &mut [0; 8])]).unwrap_err();
    assert_eq!(error, CodeError::TooFewShards { have: 0, need: 2 });
    assert_eq!(none.reconstruct(&[None; 3], &mut []), Ok(()));
}

#[test]
fn bad_input_is_an_error_and_not_a_panic() {
    let code = Code::new(2, 1).unwrap();
    let (long, short, mut buffer, mut other) = ([1; 8], [1; 7], [0; 8], [0; 8]);
    let wrong_count = |given, expected| Err(CodeError::WrongShardCount { given, expected });
    let mismatch = |shard, len_bytes| Err(CodeError::LengthMismatch { shard, len_bytes, expected_bytes: 8 });
    let bad_wish = |shard| Err(CodeError::BadWish { shard, shards: 3 });

    assert_eq!(code.encode(&[&long], &mut [&mut buffer]), wrong_count(1, 2));
    assert_eq!(code.encode(&[&long, &long], &mut []), wrong_count(0, 1));
    assert_eq!(code.encode(&[&long, &short], &mut [&mut buffer]), mismatch(1, 7));
    assert_eq!(code.encode(&[&long, &long], &mut [&mut buffer[..5]]), mismatch(2, 5));

    let left: [Option<&[u8]>; 3] = [Some(&long), None, Some(&long)];
    assert_eq!(code.reconstruct(&left[..2], &mut [(1, &mut buffer)]), wrong_count(2, 3));
    assert_eq!(code.reconstruct(&left, &mut [(1, &mut buffer[..5])]), mismatch(1, 5));
    assert_eq!(code.reconstruct(&[Some(&long), None, Some(&short)], &mut [(1, &mut buffer)]), mismatch(2, 7));
    assert_eq!(code.reconstruct(&left, &mut [(3, &mut buffer)]), bad_wish(3));
    assert_eq!(code.reconstruct(&left, &mut [(usize::MAX, &mut buffer)]), bad_wish(usize::MAX));
    assert_eq!(code.reconstruct(&left, &mut [(1, &mut buffer), (1, &mut other)]), bad_wish(1));
    assert_eq!(buffer, [0; 8]);
}

#[test]
fn every_pattern_of_loss_is_rebuilt() {
    for (data, parity) in [(1, 2), (2, 1), (2, 2), (3, 3), (4, 2), (8, 4)] {
        for code in codes(data, parity) {
            let shards = encoded(&code, 70, 9);
            for lost in 0..1_u32 << code.shards() {
                let lost: Vec<usize> = (0..code.shards()).filter(|&shard| lost >> shard & 1 == 1).collect();
                if lost.len() <= parity {
                    let expected: Vec<Vec<u8>> = lost.iter().map(|&shard| shards[shard].clone()).collect();
                    assert_eq!(rebuilt(&code, &shards, &lost, &lost).unwrap(), expected, "lost {lost:?}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_wanted_shard_is_rebuilt_after_any_bearable_loss(
        data in 1..=SHARDS_MAX, parity in 0..=SHARDS_MAX, len in 0..2000_usize, seed in 0..u64::MAX / 2,
        order in Just((0..SHARDS_MAX).collect::<Vec<usize>>()).prop_shuffle(), losses in 0..=SHARDS_MAX, wishes in 0..=SHARDS_MAX,
    ) {
        let parity = parity.min(SHARDS_MAX - data);
        let order: Vec<usize> = order.into_iter().filter(|&shard| shard < data + parity).collect();
        let lost = &order[..losses.min(parity)];
        let wanted = &order[..wishes.min(order.len())];
        for code in codes(data, parity) {
            let shards = encoded(&code, len, seed);
            let expected: Vec<Vec<u8>> = wanted.iter().map(|&shard| shards[shard].clone()).collect();
            prop_assert_eq!(rebuilt(&code, &shards, lost, wanted).unwrap(), expected);
        }
    }
}
