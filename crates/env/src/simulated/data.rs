//! The data of one simulated file: what is read now, what a power cut leaves, and what lies between.
//!
//! - `durable` is what certainly survives; `unsynced` are the completed changes since, oldest first.
//! - A sector of 512 bytes survives whole, in the state after one of the changes that touched it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::content::{Content, PAGE_BYTES};
use super::random::Generator;

pub(super) const SECTOR_BYTES: u64 = 512;

#[derive(Clone, Debug)]
pub(super) enum DataChange {
    Write { offset: u64, data: Bytes },
    SetLen(u64),
}

#[derive(Debug)]
struct Unsynced {
    sequence: u64,
    change: DataChange,
    /// Written through: it survives although something before it may not.
    survives: bool,
}

/// How likely unsynced things survive a power cut: so many times out of four. Nothing and everything are as likely as the
/// mixtures, because independent chances alone would never give them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood(u64);

impl Mood {
    pub(super) fn draw(generator: &mut Generator) -> Self {
        Mood(generator.below(5))
    }

    pub(super) fn keeps(self, generator: &mut Generator) -> bool {
        generator.chance(self.0, 4)
    }

    fn tears(self, generator: &mut Generator) -> bool {
        self.0 > 0 && generator.chance(1, 2)
    }
}

#[derive(Debug, Default)]
pub(super) struct FileData {
    current: Content,
    durable: Content,
    unsynced: VecDeque<Unsynced>,
    /// After a failed sync the cache may show what the drive does not have.
    cache_differs: bool,
    sequence: u64,
    reserved_bytes: u64,
}

impl FileData {
    pub(super) fn current(&self) -> &Content {
        &self.current
    }

    pub(super) fn durable(&self) -> &Content {
        &self.durable
    }

    /// Room it takes on the drive.
    pub(super) fn room_bytes(&self) -> u64 {
        let reserved = self.reserved_bytes.div_ceil(PAGE_BYTES);
        (reserved + self.current.page_count(reserved..u64::MAX)) * PAGE_BYTES
    }

    /// Room a write would take beyond what the file has.
    pub(super) fn room_for_write(&self, offset: u64, len_bytes: u64) -> u64 {
        let reserved = self.reserved_bytes.div_ceil(PAGE_BYTES);
        let first = (offset / PAGE_BYTES).max(reserved);
        let end = (offset + len_bytes).div_ceil(PAGE_BYTES).max(first);
        (end - first - self.current.page_count(first..end)) * PAGE_BYTES
    }

    /// Room a reservation would take beyond what the file has.
    pub(super) fn room_for_reserve(&self, len_bytes: u64) -> u64 {
        let (from, to) = (self.reserved_bytes.div_ceil(PAGE_BYTES), len_bytes.div_ceil(PAGE_BYTES));
        (to.saturating_sub(from) - self.current.page_count(from..to)) * PAGE_BYTES
    }

    pub(super) fn write(&mut self, offset: u64, data: Bytes, through: bool) {
        self.change(DataChange::Write { offset, data }, through);
    }

    pub(super) fn set_len(&mut self, len_bytes: u64) {
        self.reserved_bytes = self.reserved_bytes.min(len_bytes);
        self.change(DataChange::SetLen(len_bytes), false);
    }

    pub(super) fn reserve(&mut self, len_bytes: u64) {
        self.reserved_bytes = self.reserved_bytes.max(len_bytes);
        if self.current.len() < len_bytes {
            self.change(DataChange::SetLen(len_bytes), false);
        }
    }

    /// Applies any subset of the sectors of a write: what a failed or interrupted write may do.
    pub(super) fn write_torn(&mut self, offset: u64, data: &Bytes, generator: &mut Generator) {
        for (sector, piece) in sectors(offset, data) {
            if generator.chance(1, 2) {
                self.write(sector, piece, false);
            }
        }
    }

    /// The last change that has completed.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes what had completed at `sequence` durable.
    pub(super) fn sync(&mut self, sequence: u64) {
        while self.unsynced.front().is_some_and(|first| first.sequence <= sequence || first.survives) {
            if let Some(first) = self.unsynced.pop_front() {
                apply(&mut self.durable, &first.change);
            }
        }
    }

    /// A sync that fails: the kernel reports it once and takes the pages for clean. Some went to the drive, some did not;
    /// the cache may still show them or not.
    pub(super) fn fail_sync(&mut self, generator: &mut Generator) {
        let mood = Mood::draw(generator);
        self.settle(mood, generator);
        self.cache_differs = true;
        if generator.chance(1, 2) {
            self.drop_cache();
        }
    }

    /// A power cut: every unsynced change survives, or not, or in some of its sectors.
    pub(super) fn cut_power(&mut self, mood: Mood, generator: &mut Generator) {
        if self.unsynced.is_empty() && !self.cache_differs {
            return;
        }
        self.settle(mood, generator);
        self.drop_cache();
        self.reserved_bytes = self.reserved_bytes.min(self.durable.len());
    }

    /// Changes the content under everybody, as rot does.
    pub(super) fn rot(&mut self, change: impl Fn(&mut Content)) {
        change(&mut self.durable);
        change(&mut self.current);
    }

    fn drop_cache(&mut self) {
        self.current = self.durable.clone();
        self.cache_differs = false;
    }

    fn change(&mut self, change: DataChange, survives: bool) {
        self.sequence += 1;
        apply(&mut self.current, &change);
        if survives && self.unsynced.is_empty() {
            apply(&mut self.durable, &change);
            return;
        }
        self.unsynced.push_back(Unsynced { sequence: self.sequence, change, survives });
    }

    fn settle(&mut self, mood: Mood, generator: &mut Generator) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut last_kept = BTreeMap::new();
        let mut kept = vec![false; unsynced.len()];
        for (index, (entry, kept)) in unsynced.iter().zip(&mut kept).enumerate() {
            *kept = entry.survives || mood.keeps(generator);
            let torn = !*kept && mood.tears(generator);
            if let DataChange::Write { offset, data } = &entry.change
                && (*kept || torn)
            {
                for (sector, _) in sectors(*offset, data) {
                    if *kept || generator.chance(1, 2) {
                        last_kept.insert(sector / SECTOR_BYTES, index);
                    }
                }
            }
        }
        for (index, (entry, kept)) in unsynced.iter().zip(kept).enumerate() {
            match &entry.change {
                DataChange::Write { offset, data } => {
                    let survives = |sector| last_kept.get(&sector).is_some_and(|last| *last >= index);
                    write_some_sectors(&mut self.durable, *offset, data, survives);
                }
                DataChange::SetLen(_) if kept => apply(&mut self.durable, &entry.change),
                DataChange::SetLen(_) => {}
            }
        }
    }
}

fn apply(content: &mut Content, change: &DataChange) {
    match change {
        DataChange::Write { offset, data } => content.write(*offset, data),
        DataChange::SetLen(len) => content.set_len(*len),
    }
}

/// Writes those sectors of a write that survive; neighbours go together.
fn write_some_sectors(content: &mut Content, offset: u64, data: &Bytes, survives: impl Fn(u64) -> bool) {
    let mut run: Option<(u64, u64)> = None;
    let mut write = |run: Option<(u64, u64)>| {
        if let Some((from, to)) = run {
            content.write(from, &data.slice((from - offset) as usize..(to - offset) as usize));
        }
    };
    for (at, piece) in sectors(offset, data) {
        if survives(at / SECTOR_BYTES) {
            let from = run.map_or(at, |(from, _)| from);
            run = Some((from, at + piece.len() as u64));
        } else {
            write(run.take());
        }
    }
    write(run);
}

/// A write cut at the boundaries of sectors.
fn sectors(offset: u64, data: &Bytes) -> impl Iterator<Item = (u64, Bytes)> + '_ {
    let end = offset + data.len() as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let from = at;
        at = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
        let piece = data.slice((from - offset) as usize..(at - offset) as usize);
        Some((from, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_sector_survives_in_a_state_that_it_had_since_the_last_sync(
            writes in prop::collection::vec((0..3000u64, 1..2000usize, prop::bool::weighted(0.2)), 1..12),
            synced in 0..12usize,
            seed: u64,
        ) {
            let mut generator = Generator::new(seed);
            let mut data = FileData::default();
            // For every byte what it was after each write, and from which of these states on it may be found.
            let mut states = vec![vec![0u8; 5000]];
            let mut earliest = vec![0usize; 5000];
            for (index, (offset, len, through)) in writes.into_iter().enumerate() {
                let byte = index as u8 + 1;
                data.write(offset, Bytes::from(vec![byte; len]), through);
                let written = offset as usize..offset as usize + len;
                let mut state = states.last().cloned().unwrap_or_default();
                state[written.clone()].fill(byte);
                states.push(state);
                if through {
                    earliest[written].fill(states.len() - 1);
                }
                if index == synced {
                    data.sync(data.sequence());
                    earliest.fill(states.len() - 1);
                }
            }
            data.cut_power(Mood::draw(&mut generator), &mut generator);
            let mut left = data.durable().read(0, 5000).to_vec();
            left.resize(5000, 0);
            for (index, sector) in left.chunks(SECTOR_BYTES as usize).enumerate() {
                let start = index * SECTOR_BYTES as usize;
                let range = start..start + sector.len();
                let from = earliest[range.clone()].iter().copied().max().unwrap_or(0);
                let had = states[from..].iter().any(|state| state[range.clone()] == *sector);
                prop_assert!(had, "sector {} of {:?}", index, sector);
            }
            prop_assert_eq!(data.current().read(0, 5000), data.durable().read(0, 5000));
        }
    }
}
