//! The targets on their seeds and on what the fuzzer found: with the ordinary compiler, as part of the ordinary tests.

#![expect(clippy::disallowed_methods, reason = "the seeds are files of the project")]

use std::path::{Path, PathBuf};

use fuzz::TARGETS;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Files of a folder by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_holds_on_its_seeds_and_findings() {
    for (name, target) in TARGETS {
        let seeds = files(&fuzz_folder().join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let bytes = std::fs::read(&seed).unwrap();
            println!("{name}: {}", seed.display());
            target(&bytes);
        }
    }
}

/// Not only the seeds as they are: each cut at every byte, and each with every byte changed once, where it is short.
#[test]
fn pure_targets_hold_on_seeds_that_are_cut_or_changed() {
    for (name, target) in TARGETS.iter().filter(|(name, _)| fuzz::PURE.contains(name)) {
        for seed in files(&fuzz_folder().join("seeds").join(name)) {
            let mut bytes = std::fs::read(&seed).unwrap();
            bytes.truncate(400);
            for at in 0..bytes.len() {
                target(&bytes[..at]);
                bytes[at] ^= 0x21;
                target(&bytes);
                bytes[at] ^= 0x21;
            }
        }
    }
}

/// Images of an engine have fields enough to forge that no seed reaches most of them.
#[test]
fn the_engine_holds_on_images_of_all_kinds() {
    let asked = std::env::var("RUSTFS_TEST_SEEDS").ok().and_then(|count| count.parse().ok());
    for seed in 0..asked.unwrap_or(300u64) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let rows: Vec<u8> = (0..40 + usize::from(next())).map(|_| next() % 210).collect();
        // As they are; with a field forged; with a byte changed.
        let odd = [vec![], vec![215, next() % 200, next()], vec![240, next(), next(), next(), next()]];
        let image = [rows.as_slice(), odd[seed as usize % 3].as_slice()].concat();
        println!("seed {seed}");
        fuzz::engine::run(&image);
    }
}

#[test]
fn every_target_has_a_program_and_every_folder_of_seeds_a_target() {
    let manifest = std::fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = std::fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("fuzz::{name}::run(data)")), "{name} calls another target");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
    for folder in files(&fuzz_folder().join("seeds")) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is no target");
    }
}

#[test]
fn the_seeds_of_encoders_are_written() {
    for (target, name, _) in fuzz::seeds::all() {
        let path = fuzz_folder().join("seeds").join(target).join(name);
        assert!(path.is_file(), "{} is missing: cargo run -p fuzz -- fuzz/seeds", path.display());
    }
}

/// A target whose requests were all refused would check next to nothing.
#[test]
fn the_front_serves_what_its_seeds_ask() {
    let statuses = |name: &str| {
        let seed = std::fs::read(fuzz_folder().join("seeds/front").join(name)).unwrap();
        fuzz::front::statuses(&seed)
    };
    assert_eq!(statuses("put-get"), [200, 200, 206, 200, 200, 204, 204]);
    assert_eq!(statuses("chunked"), [200, 200, 200, 200, 400]);
    assert_eq!(statuses("multipart"), [200, 200, 200, 200, 200, 200, 206, 200, 204]);
    assert_eq!(statuses("unknown"), [200, 200, 403, 403, 403, 403, 403, 403, 403]);
    assert_eq!(statuses("conditions"), [200, 200, 304, 412, 200, 304]);
}
