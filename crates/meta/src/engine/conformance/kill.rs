//! Engines whose process is killed while it writes, again and again: the contract of a prefix, and writing goes on.
//!
//! The process that is killed is this test binary, run again for one test that does nothing unless it is asked to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

/// Which engine the child opens, and where.
const ENGINE: &str = "META_ENGINE_KILL_TEST_ENGINE";
const DIRECTORY: &str = "META_ENGINE_KILL_TEST_DIRECTORY";
const KILLS: u32 = 10;

fn open(engine: &str, directory: &str) -> Box<dyn Engine> {
    match engine {
        "tree" => {
            // The threads of the engine need no runtime that goes on: it ends with the process.
            let runtime = Box::leak(Box::new(tokio::runtime::Builder::new_current_thread().build().unwrap()));
            let env = env::real::env(runtime.handle());
            let directory = PathBuf::from(directory).join("engine");
            Box::new(TreeEngine::open(&env, DRIVE, &directory, SMALL_TREE).unwrap())
        }
        _ => {
            let file = PathBuf::from(directory).join("engine.redb");
            Box::new(RedbEngine::open(&file, RedbOptions { cache_bytes: 1 << 20 }).unwrap())
        }
    }
}

/// Writes until it is killed; tells what it has persisted.
#[test]
fn child() {
    let (Ok(engine), Ok(directory)) = (std::env::var(ENGINE), std::env::var(DIRECTORY)) else {
        return;
    };
    let engine = open(&engine, &directory);
    let mut number =
        get(&*engine, ONE, APPLIED).map_or(0, |value| u32::from_le_bytes(value[..].try_into().unwrap()));
    loop {
        for _ in 0..50 {
            number += 1;
            Numbered::write(&*engine, number);
        }
        engine.persist().unwrap();
        println!("persisted {number}");
    }
}

fn spawn(engine: &str, directory: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["engine::conformance::kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ENGINE, engine)
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the time of a kill is real")]
fn kill_again_and_again(engine: &str) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().to_str().unwrap();
    let mut applied_before = 0;
    for kill in 0..KILLS {
        let mut child = spawn(engine, directory);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It has begun to write; then some time that differs from kill to kill.
        let mut persisted = 0;
        for line in lines.by_ref() {
            persisted = persisted.max(number_in(&line.unwrap()));
            if persisted > 0 {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(
            u64::from(kill * 7919 % 200) * 1000 + u64::from(kill) * 137,
        ));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            persisted = persisted.max(number_in(&line.unwrap()));
        }
        let engine = open(engine, directory);
        let applied = Numbered::check(&*engine);
        assert!(applied >= persisted && persisted > applied_before, "{applied_before} {persisted} {applied}");
        applied_before = applied;
    }
    if engine == "tree" {
        let files = std::fs::read_dir(PathBuf::from(directory).join("engine")).unwrap().count();
        assert!(files > 2, "kills must fall into merges as well: write more");
    }
}

fn number_in(line: &str) -> u32 {
    let number = line.split("persisted ").nth(1);
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn the_tree_keeps_a_prefix_over_kills_and_goes_on_writing() {
    kill_again_and_again("tree");
}

#[test]
fn redb_keeps_a_prefix_over_kills_and_goes_on_writing() {
    kill_again_and_again("redb");
}
