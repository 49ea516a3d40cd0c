//! A request as a list of parts, written by vectored writes: small texts are copied into one buffer, a payload is
//! sent from where it lies. A request is reused, so that a warm connection allocates nothing for it.

use crate::body::{Payload, Stamp};
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;

/// Slices handed to one write.
const SLICES_MAX: usize = 64;

enum Part {
    Text(Range<usize>),
    Payload(Range<usize>),
}

/// What the answer's body should be.
#[derive(Default)]
pub(crate) enum Expect {
    /// Something to be read whole.
    #[default]
    Text,
    /// An object: `whole` compares all of it, otherwise its middle is dropped unseen.
    Object { payload: Rc<Payload>, stamp: Stamp, whole: bool },
}

/// One request, and how much of it has been sent.
#[derive(Default)]
pub(crate) struct Request {
    text: Vec<u8>,
    parts: Vec<Part>,
    /// Where the payload parts point into.
    pub(crate) payload: Option<Rc<Payload>>,
    pub(crate) expect: Expect,
    /// Numbers of the objects that it is about.
    pub(crate) numbers: Vec<u64>,
    sent_parts: usize,
    sent_bytes: usize,
}

impl Request {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
        self.payload = None;
        self.expect = Expect::Text;
        self.numbers.clear();
        self.sent_parts = 0;
        self.sent_bytes = 0;
    }

    /// The buffer of texts, to which a head is appended before any part.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.parts.is_empty(), "a head comes first");
        &mut self.text
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.close_text();
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        let end = self.text.len();
        match self.parts.last_mut() {
            Some(Part::Text(range)) => range.end = end,
            _ => self.parts.push(Part::Text(start..end)),
        }
    }

    pub(crate) fn push_payload(&mut self, range: Range<usize>) {
        self.close_text();
        if !range.is_empty() {
            self.parts.push(Part::Payload(range));
        }
    }

    /// Makes a part of what was appended to the buffer before any part; call it when nothing else follows.
    pub(crate) fn close_text(&mut self) {
        if self.parts.is_empty() {
            self.parts.push(Part::Text(0..self.text.len()));
        }
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent_parts == self.parts.len()
    }

    /// Fills `slices` with what is to be sent next and says how many were filled.
    pub(crate) fn unsent<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let mut skip = self.sent_bytes;
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts[self.sent_parts..]) {
            *slice = IoSlice::new(&self.bytes(part)[skip..]);
            skip = 0;
            count += 1;
        }
        count
    }

    pub(crate) fn advance(&mut self, mut bytes: usize) {
        while self.sent_parts < self.parts.len() {
            let left = self.bytes(&self.parts[self.sent_parts]).len() - self.sent_bytes;
            if bytes < left {
                self.sent_bytes += bytes;
                return;
            }
            bytes -= left;
            self.sent_parts += 1;
            self.sent_bytes = 0;
        }
    }

    /// Everything that goes over the wire, copied together.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| self.bytes(part)).copied().collect()
    }

    fn bytes(&self, part: &Part) -> &[u8] {
        match (part, &self.payload) {
            (Part::Text(range), _) => &self.text[range.clone()],
            (Part::Payload(range), Some(payload)) => &payload.shared()[range.clone()],
            (Part::Payload(_), None) => &[],
        }
    }
}

/// Room for [`Request::unsent`].
pub(crate) fn slices<'a>() -> [IoSlice<'a>; SLICES_MAX] {
    [IoSlice::new(&[]); SLICES_MAX]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Pool;

    #[test]
    fn a_request_sent_in_pieces_of_any_size_is_sent_whole() {
        let pool = Pool::new(1_000);
        for step in [1, 7, 100, 999, 5_000] {
            let mut request = Request { payload: Some(Rc::clone(pool.of(0))), ..Request::default() };
            request.text().extend_from_slice(b"head");
            for range in [0..300, 300..300, 300..900] {
                request.push(b"chunk");
                request.push_payload(range);
            }
            request.push(b"end");
            let whole = request.to_bytes();
            assert_eq!(whole.len(), 4 + 3 * 5 + 900 + 3);
            let mut sent = Vec::new();
            while !request.is_sent() {
                let mut room = slices();
                let count = request.unsent(&mut room);
                let next: Vec<u8> =
                    room[..count].iter().flat_map(|slice| slice.iter()).copied().take(step).collect();
                sent.extend_from_slice(&next);
                request.advance(next.len());
            }
            assert_eq!(sent, whole, "in steps of {step}");
        }
    }
}
