//! The bytes of one file, kept by pages: what was never written takes no room.
//!
//! Every page has [`PAGE_BYTES`] bytes, and those past the end of the file are zero. Whole pages are kept as slices of the
//! buffer that was written, without a copy.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

pub(super) const PAGE_BYTES: u64 = 4096;

static ZEROS: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pages: BTreeMap<u64, Bytes>,
    len: u64,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many of the pages in the range were written.
    pub(super) fn page_count(&self, pages: Range<u64>) -> u64 {
        if pages.is_empty() {
            return 0;
        }
        self.pages.range(pages).count() as u64
    }

    pub(super) fn read(&self, offset: u64, len_bytes: usize) -> Bytes {
        let end = self.len.min(offset.saturating_add(len_bytes as u64));
        if offset >= end {
            return Bytes::new();
        }
        let first = offset / PAGE_BYTES;
        if (end - 1) / PAGE_BYTES == first {
            let page = self.page(first);
            let start = first * PAGE_BYTES;
            return page.slice((offset - start) as usize..(end - start) as usize);
        }
        let mut bytes = BytesMut::zeroed((end - offset) as usize);
        for (index, page) in self.pages.range(first..=(end - 1) / PAGE_BYTES) {
            let start = index * PAGE_BYTES;
            let (from, to) = (start.max(offset), (start + PAGE_BYTES).min(end));
            bytes[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&page[(from - start) as usize..(to - start) as usize]);
        }
        bytes.freeze()
    }

    pub(super) fn write(&mut self, offset: u64, data: &Bytes) {
        if data.is_empty() {
            return;
        }
        let end = offset + data.len() as u64;
        let mut from = offset;
        while from < end {
            let index = from / PAGE_BYTES;
            let start = index * PAGE_BYTES;
            let to = end.min(start + PAGE_BYTES);
            let piece = data.slice((from - offset) as usize..(to - offset) as usize);
            if piece.len() as u64 == PAGE_BYTES {
                self.pages.insert(index, piece);
            } else {
                self.change_page(index, |page| {
                    page[(from - start) as usize..(to - start) as usize].copy_from_slice(&piece);
                });
            }
            from = to;
        }
        self.len = self.len.max(end);
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.pages.split_off(&len.div_ceil(PAGE_BYTES));
            let tail = (len % PAGE_BYTES) as usize;
            if tail > 0 && self.pages.contains_key(&(len / PAGE_BYTES)) {
                self.change_page(len / PAGE_BYTES, |page| {
                    page[tail..].fill(0);
                });
            }
        }
        self.len = len;
    }

    fn page(&self, index: u64) -> Bytes {
        self.pages.get(&index).cloned().unwrap_or(Bytes::from_static(&ZEROS))
    }

    fn change_page(&mut self, index: u64, change: impl FnOnce(&mut [u8])) {
        let page = self.pages.remove(&index);
        let mut page = match page.map(Bytes::try_into_mut) {
            Some(Ok(own)) => own,
            Some(Err(shared)) => BytesMut::from(&shared[..]),
            None => BytesMut::zeroed(PAGE_BYTES as usize),
        };
        change(&mut page);
        self.pages.insert(index, page.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, usize, u8),
        SetLen(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..20_000u64, 0..9000usize, any::<u8>()).prop_map(|(at, len, byte)| Step::Write(at, len, byte)),
            (0..8u64).prop_map(|page| Step::Write(page * PAGE_BYTES, PAGE_BYTES as usize, 0xEE)),
            (0..20_000u64).prop_map(Step::SetLen),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_vector_holds(
            steps in prop::collection::vec(step(), 0..20),
            reads in prop::collection::vec((0..30_000u64, 0..10_000usize), 1..5),
        ) {
            let (mut content, mut model) = (Content::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(at, len, byte) if len > 0 => {
                        content.write(at, &Bytes::from(vec![byte; len]));
                        let at = at as usize;
                        model.resize(model.len().max(at + len), 0);
                        model[at..at + len].fill(byte);
                    }
                    Step::Write(..) => {}
                    Step::SetLen(len) => {
                        content.set_len(len);
                        model.resize(len as usize, 0);
                    }
                }
            }
            prop_assert_eq!(content.len(), model.len() as u64);
            for (at, len) in reads {
                let from = model.len().min(at as usize);
                let to = model.len().min(at as usize + len);
                prop_assert_eq!(&content.read(at, len)[..], &model[from..to]);
            }
        }
    }
}
