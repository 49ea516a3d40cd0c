//! One simulated drive: its names, its room, and whether it answers.

use std::io::{self, ErrorKind};
use std::task::Waker;

use bytes::Bytes;
use rustix::io::Errno;

use super::names::{FileRef, Names};
use super::random::Generator;

/// When a drive answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    Until(u64),
    ForEver,
}

#[derive(Debug)]
pub(super) struct Drive {
    pub(super) number: u64,
    pub(super) names: Names,
    pub(super) capacity_bytes: u64,
    pub(super) used_bytes: u64,
    pub(super) is_there: bool,
    /// Changes when the drive is replaced or pulled: handles from before are dead.
    pub(super) generation: u64,
    pub(super) stall: Stall,
    pub(super) stalled: Vec<Waker>,
}

impl Drive {
    pub(super) fn new(number: u64, capacity_bytes: u64) -> Self {
        Drive {
            number,
            names: Names::new(),
            capacity_bytes,
            used_bytes: 0,
            is_there: true,
            generation: 0,
            stall: Stall::Until(0),
            stalled: Vec::new(),
        }
    }

    /// Everything on it fails from now on; what was not synced is lost as by a power cut.
    pub(super) fn pull(&mut self, fate: &mut Generator) {
        self.used_bytes = self.names.cut_power(fate);
        self.is_there = false;
        self.generation += 1;
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_there { Ok(()) } else { Err(Errno::IO.into()) }
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.used_bytes)
    }

    pub(super) fn give_back(&mut self, room_bytes: u64) {
        self.used_bytes = self.used_bytes.saturating_sub(room_bytes);
    }

    pub(super) fn write(
        &mut self,
        file: &FileRef,
        offset: u64,
        data: &Bytes,
        through: bool,
    ) -> io::Result<()> {
        let mut file = file.lock();
        if data.is_empty() {
            return Ok(());
        }
        let room_bytes = file.data.room_for_write(offset, data.len() as u64);
        self.take(room_bytes, file.is_named)?;
        file.data.write(offset, data.clone(), through);
        Ok(())
    }

    /// What a failed or interrupted write does.
    pub(super) fn write_torn(
        &mut self,
        file: &FileRef,
        offset: u64,
        data: &Bytes,
        generator: &mut Generator,
    ) {
        let mut file = file.lock();
        let before_bytes = file.data.room_bytes();
        file.data.write_torn(offset, data, generator);
        if file.is_named {
            self.used_bytes += file.data.room_bytes() - before_bytes;
        }
    }

    pub(super) fn allocate(&mut self, file: &FileRef, len_bytes: u64) -> io::Result<()> {
        let mut file = file.lock();
        let room_bytes = file.data.room_for_reserve(len_bytes);
        self.take(room_bytes, file.is_named)?;
        file.data.reserve(len_bytes);
        Ok(())
    }

    pub(super) fn set_len(&mut self, file: &FileRef, len_bytes: u64) {
        let mut file = file.lock();
        let before_bytes = file.data.room_bytes();
        file.data.set_len(len_bytes);
        if file.is_named {
            self.give_back(before_bytes - file.data.room_bytes());
        }
    }

    fn take(&mut self, room_bytes: u64, is_named: bool) -> io::Result<()> {
        if room_bytes > self.free_bytes() {
            return Err(ErrorKind::StorageFull.into());
        }
        if is_named {
            self.used_bytes += room_bytes;
        }
        Ok(())
    }
}
