//! Whether a batch follows from the log, before anything of it is written.

use hashbrown::HashMap;
use model::ids::PartitionId;

use super::batch::{LogBatch, LogPosition, LogRecord};
use super::error::LogError;
use super::format::ENTRY_BYTES_MAX;
use super::tail::GroupLog;

/// The indexes that a group would have.
#[derive(Clone, Copy)]
struct Span {
    base: u64,
    last: u64,
}

/// Checks a batch; answers its purges as records, with their terms, without those that change nothing. Purges come before
/// everything else in the batch.
pub(super) fn check(
    groups: &HashMap<PartitionId, GroupLog>,
    batch: &LogBatch,
) -> Result<Vec<LogRecord>, LogError> {
    let mut spans = HashMap::new();
    let mut purges = Vec::new();
    for &(group, index) in &batch.purges {
        let span = span(groups, &mut spans, group);
        if index <= span.base {
            continue;
        }
        let term = groups.get(&group).and_then(|log| log.term(index).ok());
        let Some(term) = term else {
            return Err(out_of_order(group, index, *span));
        };
        span.base = index;
        purges.push(LogRecord::Purge { group, position: LogPosition { index, term } });
    }
    for record in &batch.records {
        check_record(record, span(groups, &mut spans, record.group()))?;
    }
    Ok(purges)
}

fn span<'a>(
    groups: &HashMap<PartitionId, GroupLog>,
    spans: &'a mut HashMap<PartitionId, Span>,
    group: PartitionId,
) -> &'a mut Span {
    spans.entry(group).or_insert_with(|| {
        let log = groups.get(&group);
        Span { base: log.map_or(0, |log| log.base().index), last: log.map_or(0, GroupLog::last_index) }
    })
}

fn check_record(record: &LogRecord, span: &mut Span) -> Result<(), LogError> {
    match record {
        LogRecord::Entry { group, entry } => {
            if entry.data.len() > ENTRY_BYTES_MAX {
                return Err(LogError::EntryTooLarge {
                    len_bytes: entry.data.len(),
                    limit_bytes: ENTRY_BYTES_MAX,
                });
            }
            if entry.index <= span.base || entry.index > span.last + 1 {
                return Err(out_of_order(*group, entry.index, *span));
            }
            span.last = entry.index;
        }
        LogRecord::Restart { position, .. } => {
            span.base = position.index;
            span.last = position.index;
        }
        LogRecord::Remove { .. } => *span = Span { base: 0, last: 0 },
        LogRecord::HardState { .. } | LogRecord::Purge { .. } => {}
    }
    Ok(())
}

fn out_of_order(group: PartitionId, index: u64, span: Span) -> LogError {
    LogError::OutOfOrder { group, index, first: span.base + 1, last: span.last }
}
