//! Rot between two lives: on as many drives as may be lost, one file each is harmed, of every kind that a drive has and in every
//! way that drives harm files. All that was acknowledged is read right; with one drive, what can't be read is an error.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use env::simulated::{Generator, SimulatedDisks};

use object::Objects;

use crate::invariants::{self, rows};
use crate::oracle::Oracle;
use crate::run::{self, Report, caught, note_ending};
use crate::workload::{self, Load};
use crate::world::{Trace, World};

/// Two halves: what files hold after the first is what they hold again where stale content comes back.
const LOAD: Load = Load { clients: 4, steps: 8 };

/// How often everything is asked again where it could not be read, and how long after: longer than an election takes.
const ASKED_MAX: usize = 6;
const ELECTION: Duration = Duration::from_secs(5);

const SECTOR_BYTES: u64 = 512;

/// With so many drives a replica whose rows are damaged is filled again from the others.
const DRIVES_THAT_HEAL: usize = 3;
/// Scrubs begin soon after the start.
const SCRUB_INTERVAL: Duration = Duration::from_secs(20);

/// In which way a file is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Flip,
    Cut,
    Zero,
    Swap,
    Stale,
    Gone,
}

const HARMS: [Harm; 6] = [Harm::Flip, Harm::Cut, Harm::Zero, Harm::Swap, Harm::Stale, Harm::Gone];

/// One file and one harm, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What the store is made from.
    pub seed: u64,
    /// On how many drives.
    pub drives: usize,
    /// Chooses file and harm.
    pub number: u64,
}

impl Case {
    /// Runs it.
    #[must_use]
    pub fn run(self, trace: Trace) -> Report {
        caught(|| self.rot(trace))
    }

    fn rot(self, trace: Trace) -> Report {
        let mut world = World::new(self.seed, self.drives, trace);
        let oracle = RefCell::new(Oracle::new(world.simulation.disks()));
        let disks = world.simulation.disks();
        run::first_start(&world, &oracle);
        self.life(&world, &oracle, 1);
        let earlier = contents(disks, self.drives);
        self.life(&world, &oracle, 2);
        let mut generator = Generator::new(self.seed << 32 ^ self.number);
        let first = generator.below(self.drives as u64) as usize;
        for drive in 0..world.parity().max(1) {
            let drive = (first + drive) % self.drives + 1;
            harm(disks, drive, HARMS[self.number as usize % HARMS.len()], &earlier, &mut generator);
        }
        oracle.borrow_mut().is_faulty = true;
        world.scrub_interval = SCRUB_INTERVAL;
        let ending = world.simulation.run(async |env| {
            let Some(server) = run::start(&world, &env, &oracle).await else {
                if world.parity() > 0 {
                    oracle.borrow_mut().violate("answers", "the server does not start with some rot");
                }
                return;
            };
            match world.parity() {
                0 => invariants::nothing_wrong(server.objects(), &oracle).await,
                _ => {
                    ask_again(server.objects(), &env, &oracle).await;
                    invariants::recovered(server.objects(), &env, &oracle).await;
                    if self.drives >= DRIVES_THAT_HEAL {
                        rows::whole_again(&server, &env, &oracle).await;
                        invariants::recovered(server.objects(), &env, &oracle).await;
                    }
                }
            }
            server.close().await;
        });
        note_ending(&oracle, &ending);
        run::report(&world, oracle, 0)
    }

    fn life(self, world: &World, oracle: &RefCell<Oracle>, number: u64) {
        let ending = world.simulation.run(async |env| {
            let Some(server) = run::start(world, &env, oracle).await else { return };
            invariants::recovered(server.objects(), &env, oracle).await;
            workload::run(server.objects(), &env, oracle, self.seed << 8 ^ number, LOAD).await;
            invariants::recovered(server.objects(), &env, oracle).await;
            invariants::tidied(server.objects(), &env, oracle).await;
            server.close().await;
        });
        note_ending(oracle, &ending);
    }
}

/// A partition whose leader finds its rows damaged refuses what was asked, and is led by another drive when it is asked
/// again, as clients do.
async fn ask_again(objects: &Objects, env: &Env, oracle: &RefCell<Oracle>) {
    for _ in 0..ASKED_MAX {
        let asked = RefCell::new(oracle.borrow().clone());
        invariants::recovered(objects, env, &asked).await;
        if asked.into_inner().violations.is_empty() {
            return;
        }
        env.clock.sleep(ELECTION).await;
    }
}

/// All files with what they hold.
fn contents(disks: &SimulatedDisks, drives: usize) -> BTreeMap<PathBuf, Bytes> {
    let paths = (1..=drives).flat_map(|drive| files(disks, drive));
    paths.filter_map(|path| Some((path.clone(), disks.content(&path).ok()?))).collect()
}

/// The files of a drive that hold anything.
fn files(disks: &SimulatedDisks, drive: usize) -> Vec<PathBuf> {
    let files = disks.files(&format!("d{drive}")).into_iter();
    files.filter(|(path, len)| *len > 0 && disks.content(path).is_ok()).map(|(path, _)| path).collect()
}

/// Of every kind of file as likely: a drive has many shards and one format.
fn choose(files: &[PathBuf], generator: &mut Generator) -> Option<PathBuf> {
    let mut kinds: BTreeMap<&Path, Vec<&PathBuf>> = BTreeMap::new();
    for file in files {
        let kind = file
            .ancestors()
            .nth(1)
            .filter(|folder| !folder.starts_with("/") || folder.components().count() <= 4);
        kinds.entry(kind.unwrap_or(Path::new("shards"))).or_default().push(file);
    }
    let kinds: Vec<Vec<&PathBuf>> = kinds.into_values().collect();
    let kind = kinds.get(generator.below(kinds.len() as u64) as usize)?;
    kind.get(generator.below(kind.len() as u64) as usize).map(|path| (*path).clone())
}

fn harm(
    disks: &SimulatedDisks,
    drive: usize,
    harm: Harm,
    earlier: &BTreeMap<PathBuf, Bytes>,
    generator: &mut Generator,
) {
    let files = files(disks, drive);
    let (Some(path), Some(other)) = (choose(&files, generator), choose(&files, generator)) else { return };
    let Ok(content) = disks.content(&path) else { return };
    let len = content.len() as u64;
    let at = generator.below(len);
    // Each of these fails only where there is no such file, and there is.
    let done = match harm {
        Harm::Flip => disks.flip_bit(&path, at, generator.below(8) as u32),
        Harm::Cut => disks.truncate(&path, at),
        Harm::Zero => {
            let start = at / SECTOR_BYTES * SECTOR_BYTES;
            disks.zero(&path, start..(start + SECTOR_BYTES).min(len))
        }
        Harm::Swap => disks.swap(&path, &other),
        Harm::Stale => disks.set_content(&path, earlier.get(&path).unwrap_or(&Bytes::new())),
        Harm::Gone => disks.set_content(&path, &Bytes::new()),
    };
    assert!(done.is_ok(), "{} is there", path.display());
}
