//! Whether a log is whole: every line is as it was written, none is missing, none is elsewhere. Pure.
//!
//! What it can't find: a log that somebody wrote anew from some line on, hashes included, and lines cut off its very end
//! together with the note of where it ended. For those keep the last hash elsewhere, or send entries to a webhook.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::{Chain, LineFault, Link, read_hash};
use crate::entry::BEGIN;

/// Walks over the lines of a log, file by file, in order.
#[derive(Debug, Default)]
pub struct Verifier {
    last: Option<Chain>,
    /// A file ended within a line: its name, the line's number, its bytes.
    torn: Option<(String, u64, u64)>,
    /// Where the note of the end says that the log had come; taken away when it was seen.
    end: Option<(Chain, String)>,
    report: AuditReport,
}

/// What a log holds that is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Lines, those about the log itself included.
    pub entries: u64,
    /// Files.
    pub files: u64,
    /// The number of the first line.
    pub first_sequence: u64,
    /// The number of the last line.
    pub last_sequence: u64,
    /// The hash of the last line, in hexadecimal digits.
    pub last_hash: String,
    /// Entries that the log says were lost.
    pub dropped: u64,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The first line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize)]
#[error("{file}, line {line}: {what}. {meaning}")]
pub struct Broken {
    /// The file.
    pub file: String,
    /// The line, from 1 on.
    pub line: u64,
    /// What is wrong.
    pub what: String,
    /// What that means.
    pub meaning: String,
}

/// The note of where a log ends, beside its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndNote {
    /// The number of the last line.
    pub sequence: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

impl EndNote {
    /// The note of a chain's end.
    #[must_use]
    pub fn of(chain: Chain) -> Self {
        Self { sequence: chain.sequence, hash: hex::encode(chain.hash) }
    }

    /// The note of a file's text, if it is one.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Chain> {
        let note: Self = serde_json::from_slice(text).ok()?;
        Some(Chain { sequence: note.sequence, hash: read_hash(note.hash.as_bytes())? })
    }
}

impl Verifier {
    /// Expects the log to go as far as a note of its end says.
    #[must_use]
    pub fn with_end(end: Option<(Chain, String)>) -> Self {
        Self { end, ..Self::default() }
    }

    /// Looks at the next file.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn file(&mut self, name: &str, text: &[u8]) -> Result<(), Broken> {
        self.report.files += 1;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (lines, torn) = text.split_at(whole);
        let mut number = 0;
        for line in
            lines.split(|byte| *byte == b'\n').take(lines.iter().filter(|byte| **byte == b'\n').count())
        {
            number += 1;
            self.line(line).map_err(|fault| fault.at(name, number))?;
        }
        if let Some((file, line, _)) = self.torn.as_ref().filter(|_| number > 0) {
            return Err(Fault::Torn.at(file, *line));
        }
        if !torn.is_empty() {
            let known = self.torn.get_or_insert((name.to_owned(), number + 1, 0));
            known.2 += torn.len() as u64;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let link = Link::read(line).map_err(Fault::Line)?;
        match self.last {
            Some(last) if link.sequence != last.sequence + 1 => {
                return Err(Fault::Order { expected: last.sequence + 1, found: link.sequence });
            }
            Some(last) if link.previous != last.hash => return Err(Fault::Previous),
            Some(_) => {}
            None => self.report.first_sequence = link.sequence,
        }
        self.note(&link)?;
        self.last = Some(link.chain());
        self.report.entries += 1;
        self.report.dropped += link.notice.dropped;
        Ok(())
    }

    /// What the line says of the log itself, and where the log should have come.
    fn note(&mut self, link: &Link) -> Result<(), Fault> {
        if let Some((end, _)) = self.end.take_if(|(end, _)| end.sequence == link.sequence)
            && end.hash != link.hash
        {
            return Err(Fault::Replaced);
        }
        if link.notice.missing_up_to >= link.sequence {
            return Err(Fault::Missing { from: link.sequence, to: link.notice.missing_up_to });
        }
        if let Some((file, line, bytes)) = self.torn.take() {
            if link.event != BEGIN || link.notice.torn_bytes != bytes {
                self.torn = Some((file, line, bytes));
                return Ok(());
            }
            self.report.notes.push(format!(
                "{file}, line {line}: {bytes} bytes of an entry that was being written when the server was killed; the next start \
                 says so"
            ));
        }
        Ok(())
    }

    /// What was found, when all files were looked at.
    ///
    /// # Errors
    /// Where the log ends before it should.
    pub fn finish(mut self) -> Result<AuditReport, Broken> {
        if let Some((file, line, _)) = self.torn {
            return Err(Fault::Torn.at(&file, line));
        }
        if let Some((end, file)) = self.end {
            let last = self.last.unwrap_or_default().sequence;
            if end.sequence > last {
                return Err(Fault::Missing { from: last + 1, to: end.sequence }.at(&file, 1));
            }
        }
        let last = self.last.unwrap_or_default();
        self.report.last_sequence = last.sequence;
        self.report.last_hash = hex::encode(last.hash);
        if self.report.first_sequence > 1 {
            let first = self.report.first_sequence;
            self.report.notes.push(format!(
                "the log begins at entry {first}: those before it are in files that were removed, or not given"
            ));
        }
        if self.report.dropped > 0 {
            let dropped = self.report.dropped;
            self.report
                .notes
                .push(format!("{dropped} entries were lost while the log was written, as it says itself"));
        }
        Ok(self.report)
    }
}

/// What may be wrong with a line.
enum Fault {
    Line(LineFault),
    Order { expected: u64, found: u64 },
    Previous,
    Replaced,
    Missing { from: u64, to: u64 },
    Torn,
}

impl Fault {
    fn at(&self, file: &str, line: u64) -> Broken {
        let (what, meaning) = self.words();
        Broken { file: file.to_owned(), line, what, meaning: meaning.to_owned() }
    }

    fn words(&self) -> (String, &'static str) {
        match self {
            Self::Line(LineFault::Form) => (
                LineFault::Form.to_string(),
                "Something else was written over it, or a part of it was removed",
            ),
            Self::Line(LineFault::Hash) => (
                LineFault::Hash.to_string(),
                "The entry was changed after it was written, or the medium has rotted",
            ),
            Self::Order { expected, found } if found > expected => (
                format!("it is entry {found} where {expected} should be"),
                "The entries in between were removed, or moved elsewhere, or a file was not given",
            ),
            Self::Order { expected, found } => (
                format!("it is entry {found} where {expected} should be"),
                "Entries were put into another order, or one was copied here",
            ),
            Self::Previous => (
                "it hangs on another entry than the one before it".to_owned(),
                "The entry before it was replaced by another one",
            ),
            Self::Replaced => (
                "it is not the entry that the note of the log's end names".to_owned(),
                "The log was written anew from here or from before, or the note is of another log",
            ),
            Self::Missing { from, to } => (
                format!("entries {from} to {to} are missing: the log once went that far"),
                "The end of the log was cut off",
            ),
            Self::Torn => (
                "the file ends within an entry, and no start of the server says why".to_owned(),
                "The server was killed and not started since, or the end of the file was cut off",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some lines of a log, after `chain`.
    fn lines(mut chain: Chain, count: usize) -> (Vec<String>, Chain) {
        let mut lines = Vec::new();
        for number in 0..count {
            let (line, next) = chain.with(&format!("{{\"event\":\"\",\"api\":{{\"object\":\"{number}\"}}"));
            lines.push(line);
            chain = next;
        }
        (lines, chain)
    }

    fn verified(files: &[String], end: Option<Chain>) -> Result<AuditReport, Broken> {
        let mut verifier = Verifier::with_end(end.map(|end| (end, "audit.end".to_owned())));
        for (number, text) in files.iter().enumerate() {
            verifier.file(&format!("file{number}"), text.as_bytes())?;
        }
        verifier.finish()
    }

    #[test]
    fn a_log_over_several_files_is_whole() {
        let (first, chain) = lines(Chain::default(), 3);
        let (second, chain) = lines(chain, 2);
        let report = verified(&[first.concat(), second.concat(), String::new()], Some(chain)).unwrap();
        assert_eq!((report.entries, report.files, report.first_sequence, report.last_sequence), (5, 3, 1, 5));
        assert_eq!(report.last_hash, hex::encode(chain.hash));
        assert!(report.notes.is_empty(), "{report:?}");
        let later = verified(&[second.concat()], Some(chain)).unwrap();
        assert!(later.notes[0].contains("begins at entry 4"), "{later:?}");
    }

    #[test]
    fn whatever_is_changed_removed_moved_or_cut_is_found_where_it_is() {
        let (all, end) = lines(Chain::default(), 6);
        let changed = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = all.clone();
            change(&mut lines);
            verified(&[lines.concat()], Some(end)).unwrap_err()
        };
        let edited = changed(&|lines| lines[2] = lines[2].replace("\"object\":\"2\"", "\"object\":\"9\""));
        assert_eq!((edited.line, edited.what.contains("its hash is not")), (3, true), "{edited}");
        let removed = changed(&|lines| drop(lines.remove(2)));
        assert_eq!((removed.line, removed.what.contains("entry 4 where 3")), (3, true), "{removed}");
        let swapped = changed(&|lines| lines.swap(1, 2));
        assert_eq!((swapped.line, swapped.what.contains("entry 3 where 2")), (2, true), "{swapped}");
        let copied = changed(&|lines| lines.insert(3, lines[0].clone()));
        assert_eq!((copied.line, copied.meaning.contains("copied")), (4, true), "{copied}");
        let cut = changed(&|lines| drop(lines.pop()));
        assert!(cut.what.contains("entries 6 to 6 are missing") && cut.meaning.contains("cut off"), "{cut}");
        let torn = changed(&|lines| lines[5].truncate(40));
        assert_eq!((torn.line, torn.what.contains("ends within an entry")), (6, true), "{torn}");
        let zeros = changed(&|lines| lines[3] = format!("{}\n", "\0".repeat(300)));
        assert_eq!((zeros.line, zeros.what.contains("no line of an audit log")), (4, true), "{zeros}");
        let empty = changed(&|lines| lines.insert(2, "\n".to_owned()));
        assert_eq!(empty.line, 3, "{empty}");
    }

    #[test]
    fn a_line_made_anew_is_found_by_the_one_after_it() {
        let (mut all, end) = lines(Chain::default(), 4);
        let (before, _) = lines(Chain::default(), 1);
        let chain = Link::read(before[0].trim_end().as_bytes()).unwrap().chain();
        all[1] = chain.with("{\"event\":\"\",\"api\":{\"object\":\"forged\"}").0;
        let found = verified(&[all.concat()], None).unwrap_err();
        assert_eq!((found.line, found.meaning.contains("replaced")), (3, true), "{found}");
        // Who makes all lines after it anew is found by the note of the end.
        let (mut forged, forged_end) = lines(Chain { sequence: 1, hash: chain.hash }, 3);
        forged[0] = all[1].clone();
        let (rest, _) = lines(Link::read(forged[0].trim_end().as_bytes()).unwrap().chain(), 2);
        let text = [before.concat(), forged[0].clone(), rest.concat()].concat();
        assert!(verified(std::slice::from_ref(&text), None).is_ok(), "by itself it is whole");
        assert!(verified(&[text], Some(end)).unwrap_err().what.contains("the note of the log's end"));
        assert_ne!(forged_end, end);
    }

    #[test]
    fn a_cut_file_is_found_by_the_next_one() {
        let (first, chain) = lines(Chain::default(), 3);
        let (second, _) = lines(chain, 2);
        let found = verified(&[first[..2].concat(), second.concat()], None).unwrap_err();
        assert_eq!((found.file.as_str(), found.line), ("file1", 1));
        let half = first.concat();
        let found = verified(&[half[..half.len() - 9].to_owned(), second.concat()], None).unwrap_err();
        assert_eq!(found.file, "file1");
    }

    #[test]
    fn a_torn_line_is_well_where_the_next_start_tells_of_it() {
        let (first, chain) = lines(Chain::default(), 2);
        let text = format!("{}{{\"half", first.concat());
        let begin = |bytes: u64| {
            chain
                .with(&format!(
                    "{{\"event\":\"AuditBegin\",\"audit\":{{\"torn_bytes\":{bytes},\"dropped\":2}}"
                ))
                .0
        };
        let report = verified(&[text.clone(), begin(6)], None).unwrap();
        assert!(report.notes[0].contains("6 bytes of an entry") && report.dropped == 2, "{report:?}");
        let found = verified(&[text.clone(), begin(5)], None).unwrap_err();
        assert_eq!((found.file.as_str(), found.line), ("file0", 3), "{found}");
        assert!(verified(&[text], None).is_err());
    }

    #[test]
    fn a_start_that_found_the_end_cut_off_says_so() {
        let line = Chain::default().with("{\"event\":\"AuditBegin\",\"audit\":{\"missing_up_to\":7}").0;
        let found = verified(&[line], None).unwrap_err();
        assert!(found.what.contains("entries 1 to 7 are missing"), "{found}");
    }
}
