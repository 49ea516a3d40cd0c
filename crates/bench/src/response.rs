//! The little of HTTP/1.1 that answers of an S3 server need: status line, content-length, chunked transfer coding,
//! `connection: close`. An object's bytes are compared as they arrive and kept nowhere.

use crate::request::Expect;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes at the end of an object that are always read and compared, when its middle is dropped unseen.
const TAIL_BYTES: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

/// One answer, read piece by piece.
#[derive(Debug)]
pub(crate) struct Response {
    stage: Stage,
    /// A head or a chunk's line that is not whole yet.
    partial: Vec<u8>,
    pub(crate) status: u16,
    /// The server ends the connection after this answer.
    pub(crate) close: bool,
    /// The ETag in the head; empty where there is none.
    pub(crate) etag: String,
    /// The body, unless it is an object's.
    pub(crate) body: Vec<u8>,
    /// Bytes of body seen or dropped.
    pub(crate) length: u64,
    /// Whether every byte compared was the expected one.
    pub(crate) intact: bool,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Head,
            partial: Vec::new(),
            status: 0,
            close: false,
            etag: String::new(),
            body: Vec::new(),
            length: 0,
            intact: true,
        }
    }

    /// Ready for the next answer on the same connection.
    pub(crate) fn clear(&mut self) {
        self.stage = Stage::Head;
        self.partial.clear();
        self.status = 0;
        self.close = false;
        self.etag.clear();
        self.body.clear();
        self.length = 0;
        self.intact = true;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Takes what arrived. An error is something that is not HTTP.
    pub(crate) fn feed(&mut self, mut data: &[u8], expect: &Expect) -> Result<(), &'static str> {
        while !data.is_empty() && self.stage != Stage::Done {
            data = match self.stage {
                Stage::Head => self.feed_head(data)?,
                Stage::Length(left) => {
                    let rest = self.take(data, left, expect);
                    let left = left - (data.len() - rest.len()) as u64;
                    self.stage = if left == 0 { Stage::Done } else { Stage::Length(left) };
                    rest
                }
                Stage::Chunk(left) => {
                    let rest = self.take(data, left, expect);
                    let left = left - (data.len() - rest.len()) as u64;
                    self.stage = if left == 0 { Stage::ChunkEnd } else { Stage::Chunk(left) };
                    rest
                }
                Stage::ChunkSize | Stage::ChunkEnd | Stage::Trailer => self.feed_line(data)?,
                Stage::UntilClose => self.take(data, u64::MAX, expect),
                Stage::Done => data,
            };
        }
        if data.is_empty() { Ok(()) } else { Err("bytes after the answer") }
    }

    /// The connection ended; whether the answer is whole.
    pub(crate) fn end(&mut self) -> bool {
        if self.stage == Stage::UntilClose {
            self.stage = Stage::Done;
        }
        self.close = true;
        self.is_done()
    }

    /// Bytes that come next and need not be looked at.
    pub(crate) fn droppable(&self, expect: &Expect) -> u64 {
        match (self.stage, expect) {
            (Stage::Length(left), Expect::Object { whole: false, .. }) if self.status < 300 => {
                left.saturating_sub(TAIL_BYTES)
            }
            _ => 0,
        }
    }

    /// `bytes` of those that [`Self::droppable`] named were dropped.
    pub(crate) fn dropped(&mut self, bytes: u64) {
        if let Stage::Length(left) = self.stage {
            self.stage = Stage::Length(left - bytes);
            self.length += bytes;
        }
    }

    /// `HTTP 503 SlowDown`, for an answer that is an error.
    pub(crate) fn error_label(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let code = between(&text, "<Code>", "</Code>").unwrap_or("without a code");
        format!("HTTP {} {code}", self.status)
    }

    fn feed_head<'a>(&mut self, data: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let before = self.partial.len();
        // An answer that arrives whole is parsed where it lies.
        let (end, head) = if before == 0
            && let Some(end) = head_end(data)
        {
            (end, &data[..end])
        } else {
            self.partial.extend_from_slice(data);
            let Some(end) = head_end(&self.partial) else {
                return if self.partial.len() > HEAD_BYTES_MAX { Err("an endless head") } else { Ok(&[]) };
            };
            (end, &self.partial[..end])
        };
        let parsed = parse_head(head)?;
        self.partial.clear();
        if parsed.status >= 200 {
            self.status = parsed.status;
            self.close = parsed.close;
            self.etag.push_str(parsed.etag.as_deref().unwrap_or_default());
            self.stage = parsed.stage;
        }
        Ok(&data[end - before..])
    }

    fn feed_line<'a>(&mut self, data: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let Some(end) = data.iter().position(|&byte| byte == b'\n') else {
            self.partial.extend_from_slice(data);
            return if self.partial.len() > HEAD_BYTES_MAX { Err("an endless chunk head") } else { Ok(&[]) };
        };
        self.partial.extend_from_slice(&data[..end]);
        let line = self.partial.trim_ascii();
        self.stage = match self.stage {
            Stage::ChunkEnd if line.is_empty() => Stage::ChunkSize,
            Stage::ChunkEnd => return Err("a chunk longer than it says"),
            Stage::ChunkSize => match chunk_size(line).ok_or("a chunk size that is no number")? {
                0 => Stage::Trailer,
                size => Stage::Chunk(size),
            },
            _ if line.is_empty() => Stage::Done,
            stage => stage,
        };
        self.partial.clear();
        Ok(&data[end + 1..])
    }

    /// Takes at most `left` bytes as body and returns the others.
    fn take<'a>(&mut self, data: &'a [u8], left: u64, expect: &Expect) -> &'a [u8] {
        let (mine, rest) =
            data.split_at(usize::try_from(left).map_or(data.len(), |left| left.min(data.len())));
        match expect {
            Expect::Object { payload, stamp, .. } if self.status < 300 => {
                self.intact &= matches(payload.shared(), stamp.as_slice(), self.length as usize, mine);
            }
            _ => {
                let room = TEXT_BYTES_MAX.saturating_sub(self.body.len());
                self.body.extend_from_slice(&mine[..mine.len().min(room)]);
            }
        }
        self.length += mine.len() as u64;
        rest
    }
}

/// Whether `found` stands at `offset` of `shared` followed by `stamp`.
fn matches(shared: &[u8], stamp: &[u8], offset: usize, found: &[u8]) -> bool {
    let in_shared = shared.len().saturating_sub(offset).min(found.len());
    let (first, second) = found.split_at(in_shared);
    let in_stamp = offset.saturating_sub(shared.len());
    first == &shared[offset.min(shared.len())..][..in_shared]
        && (second.is_empty() || stamp.get(in_stamp..in_stamp + second.len()) == Some(second))
}

/// What stands between two texts.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(start)?;
    Some(after.split_once(end)?.0)
}

struct ParsedHead {
    status: u16,
    close: bool,
    /// Text only: others count as none.
    etag: Option<String>,
    stage: Stage,
}

fn head_end(data: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = data[from..].iter().position(|&byte| byte == b'\r') {
        from += at;
        if data[from..].starts_with(b"\r\n\r\n") {
            return Some(from + 4);
        }
        from += 1;
    }
    None
}

fn parse_head(head: &[u8]) -> Result<ParsedHead, &'static str> {
    let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().and_then(status_of).ok_or("an answer that is not HTTP/1")?;
    let mut parsed = ParsedHead { status, close: false, etag: None, stage: Stage::UntilClose };
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = number(value, 10).ok_or("a content-length that is no number")?;
            parsed.stage = if length == 0 { Stage::Done } else { Stage::Length(length) };
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"chunked") {
            parsed.stage = Stage::ChunkSize;
        } else if name.eq_ignore_ascii_case(b"connection") {
            parsed.close = value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case(b"etag") {
            parsed.etag = std::str::from_utf8(value).ok().map(str::to_owned);
        }
    }
    if status == 204 || status == 304 {
        parsed.stage = Stage::Done;
    }
    Ok(parsed)
}

fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let status = number(rest.get(2..5)?, 10)?;
    u16::try_from(status).ok()
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|&byte| byte == b';').unwrap_or(line.len());
    number(line[..end].trim_ascii(), 16)
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests;
