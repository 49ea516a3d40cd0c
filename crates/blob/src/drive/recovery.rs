//! What a segment file holds, read from the drive: by its footer where it is sealed, else record by record.
//!
//! A torn write is told from damage by the batches: batches are written and synced one after the other, so that only the
//! last batch of the newest segment can be torn. Records that check are kept wherever they stand, also behind bytes that
//! do not: at worst a blob comes back that nobody refers to, and the collector takes it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use env::buffer::BLOCK_BYTES;

use super::format::{
    Entry, FIRST_BATCH, Found, RecordHeader, RecordKind, SEGMENT_FOOTER_BYTES, SEGMENT_HEADER_BYTES,
    SegmentFooter, SegmentHeader, look, record_len,
};
use crate::error::FormatError;
use crate::shard::check_packed;

const WINDOW_BYTES: usize = 1 << 20;

/// What a segment file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) header: SegmentHeader,
    /// In the order of places.
    pub(crate) entries: Vec<Entry>,
    /// Where the last record ends, in whole blocks.
    pub(crate) data_end: u64,
    pub(crate) sealed: bool,
    pub(crate) faults: Vec<Fault>,
}

/// Bytes of a segment that are no record though they stand where one should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: u64,
    pub(crate) reason: String,
    /// Whether a crash explains it, if the segment is the newest: nothing acknowledged is lost then.
    pub(crate) may_be_torn: bool,
}

/// Reads a segment. `Ok(Err(_))`: neither its header nor its footer tells its salt, so that no record can be told.
pub(crate) async fn read_segment(
    file: &Arc<dyn File>,
    number: u32,
) -> io::Result<Result<Contents, FormatError>> {
    let len = file.len().await?;
    let mut faults = Vec::new();
    let mut salvaged = None;
    match read_footer(file, number, len).await? {
        Ok((footer, Ok(entries))) => {
            return Ok(Ok(Contents {
                header: footer.header,
                entries,
                data_end: footer.data_end,
                sealed: true,
                faults,
            }));
        }
        Ok((footer, Err(error))) => {
            faults.push(torn(footer.data_end, &error));
            salvaged = Some(footer);
        }
        Err(FormatError::NoMagic { .. } | FormatError::Cut { .. }) => {}
        Err(error) => faults.push(torn(len.saturating_sub(SEGMENT_FOOTER_BYTES as u64), &error)),
    }
    let start = file.read_at(0, SEGMENT_HEADER_BYTES).await?;
    let header = match SegmentHeader::decode(&start, number) {
        Ok(header) => header,
        Err(error) => match salvaged {
            Some(footer) => {
                faults.push(fault(0, &error));
                footer.header
            }
            None => return Ok(Err(error)),
        },
    };
    let end = salvaged.map_or(len, |footer| footer.data_end.min(len));
    let mut scan = Scan::new(header, end);
    scan.run(file).await?;
    faults.extend(scan.faults());
    Ok(Ok(Contents { header, data_end: scan.data_end, entries: scan.entries, sealed: false, faults }))
}

pub(super) type Footing = Result<(SegmentFooter, Result<Vec<Entry>, FormatError>), FormatError>;

pub(super) async fn read_footer(file: &Arc<dyn File>, number: u32, len: u64) -> io::Result<Footing> {
    let at = len.saturating_sub(SEGMENT_FOOTER_BYTES as u64);
    let bytes = file.read_at(at, SEGMENT_FOOTER_BYTES).await?;
    let footer = match SegmentFooter::decode(&bytes, number, len) {
        Ok(footer) => footer,
        Err(error) => return Ok(Err(error)),
    };
    let index = file.read_at(footer.data_end, footer.index_len()).await?;
    Ok(Ok((footer, footer.decode_index(&index))))
}

fn fault(offset: u64, reason: &impl ToString) -> Fault {
    Fault { offset, reason: reason.to_string(), may_be_torn: false }
}

/// A crash while a segment is being sealed leaves this.
fn torn(offset: u64, reason: &impl ToString) -> Fault {
    Fault { may_be_torn: true, ..fault(offset, reason) }
}

/// Bytes that did not check, between the batches around them.
struct Gap {
    offset: u64,
    reason: String,
    batch_before: u32,
    batch_after: Option<u32>,
}

struct Scan {
    segment: SegmentHeader,
    end: u64,
    at: u64,
    entries: Vec<Entry>,
    data_end: u64,
    last_batch: u32,
    gaps: Vec<Gap>,
    /// The first whole block of zeros since the last record: the end, unless a record follows.
    zeros_from: Option<u64>,
}

impl Scan {
    fn new(segment: SegmentHeader, end: u64) -> Self {
        Scan {
            segment,
            end,
            at: FIRST_BATCH,
            entries: Vec::new(),
            data_end: FIRST_BATCH,
            last_batch: 0,
            gaps: Vec::new(),
            zeros_from: None,
        }
    }

    async fn run(&mut self, file: &Arc<dyn File>) -> io::Result<()> {
        let mut window = Bytes::new();
        let mut window_at = self.at;
        while self.at < self.end {
            let skip = ((self.at - window_at) as usize).min(window.len());
            if let Found::More(need) = self.step(&window.slice(skip..)) {
                let left = (self.end - self.at) as usize;
                if need > left {
                    self.bad("a record is cut short by the end of the file".into());
                    continue;
                }
                window_at = self.at;
                window = file.read_at(self.at, need.max(WINDOW_BYTES).min(left)).await?;
                if window.len() < need {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                }
            }
        }
        Ok(())
    }

    /// Takes what stands at the place, or says how many bytes it takes to tell.
    fn step(&mut self, bytes: &Bytes) -> Found {
        let found = look(bytes, &self.segment, self.at);
        match &found {
            Found::More(_) => {}
            Found::Padding => {
                let block = BLOCK_BYTES as u64;
                if self.at.is_multiple_of(block) {
                    self.zeros_from.get_or_insert(self.at);
                }
                self.at = (self.at / block + 1) * block;
            }
            Found::Bad(error) => self.bad(error.to_string()),
            Found::Record { header, body } => self.record(header, body),
        }
        found
    }

    fn record(&mut self, header: &RecordHeader, body: &Bytes) {
        let offset = self.at;
        if header.kind == RecordKind::Shard {
            let checked = check_packed(body)
                .map(|packed| packed.identity.id == header.id && packed.identity.shard == header.shard);
            if checked != Ok(true) {
                let reason = match checked {
                    Err(error) => error.to_string(),
                    Ok(_) => "the shard is not the record's".into(),
                };
                self.gap(reason);
                self.at = offset + record_len(header.length as usize) as u64;
                // The header was whole: the damage is of its batch.
                self.close_gaps(header.batch);
                self.advance(header);
                return;
            }
        }
        if let Some(from) = self.zeros_from.take() {
            self.gaps.push(Gap {
                offset: from,
                reason: "zeros where records were".into(),
                batch_before: self.last_batch,
                batch_after: None,
            });
        }
        self.close_gaps(header.batch);
        self.at = offset + record_len(header.length as usize) as u64;
        self.advance(header);
        self.entries.push(Entry {
            kind: header.kind,
            id: header.id,
            shard: header.shard,
            offset: offset as u32,
            length: header.length,
        });
    }

    fn advance(&mut self, header: &RecordHeader) {
        self.last_batch = self.last_batch.max(header.batch);
        self.data_end = self.at.next_multiple_of(BLOCK_BYTES as u64).min(self.end);
    }

    fn bad(&mut self, reason: String) {
        self.gap(reason);
        self.at += 8;
    }

    /// Opens a gap, unless one is open.
    fn gap(&mut self, reason: String) {
        if self.gaps.last().is_none_or(|gap| gap.batch_after.is_some()) {
            self.gaps.push(Gap { offset: self.at, reason, batch_before: self.last_batch, batch_after: None });
        }
    }

    fn close_gaps(&mut self, batch: u32) {
        for gap in self.gaps.iter_mut().rev() {
            match gap.batch_after {
                None => gap.batch_after = Some(batch),
                Some(_) => break,
            }
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let of = |gap: &Gap| Fault {
            offset: gap.offset,
            reason: gap.reason.clone(),
            may_be_torn: gap
                .batch_after
                .is_none_or(|after| after == self.last_batch && gap.batch_before + 1 >= self.last_batch),
        };
        self.gaps.iter().map(of).collect()
    }
}
