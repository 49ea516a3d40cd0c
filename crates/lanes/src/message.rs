//! Data that is all there before it is digested: several such at once need nobody else.

use bytes::Bytes;

use crate::chunks::Chunks;
use crate::kernel::Kernel;
use crate::work::{self, Work};
use crate::{COMPANY_MIN, Kinds, Lanes};

/// All the data of which a digest is wanted.
#[derive(Debug, Default)]
pub struct Message(Chunks);

impl Message {
    /// Adds at the end.
    pub fn push(&mut self, data: Bytes) {
        self.0.push(data);
    }

    /// The bytes, in rows.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.0.rows()
    }
}

impl Lanes {
    /// Whether SHA-256 of so many messages of like length is better computed side by side than one by one.
    #[must_use]
    pub fn gains_sha256_of(&self, messages: usize) -> bool {
        let shared = &self.shared;
        !shared.has_sha256_instructions && shared.kernel.lanes() > 1 && messages > COMPANY_MIN
    }

    /// The SHA-256 of each message, computed side by side.
    #[must_use]
    pub fn sha256_of(&self, messages: Vec<Message>) -> Vec<[u8; 32]> {
        sha256_of(self.shared.kernel, messages)
    }
}

fn sha256_of(kernel: Kernel, messages: Vec<Message>) -> Vec<[u8; 32]> {
    let mut works: Vec<Work> = messages.into_iter().map(work_of).collect();
    for group in works.chunks_mut(kernel.lanes()) {
        while group.iter().any(|work| work.waiting() > 0) {
            work::run(kernel, &mut group.iter_mut().collect::<Vec<_>>());
        }
    }
    // Which were asked for.
    works.into_iter().filter_map(|work| work.finish(kernel).sha256).collect()
}

fn work_of(Message(mut data): Message) -> Work {
    let mut work = Work::new(Kinds { md5: false, sha256: true });
    work.add(&mut data);
    work
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_have_the_digests_they_have_alone(
            messages in proptest::collection::vec(proptest::collection::vec(0usize..3000, 0..4), 0..40),
            seed: u8,
        ) {
            let data = |number: usize, len: usize| -> Vec<u8> {
                (0..len).map(|at| (at * 7 + at / 5 + number) as u8 ^ seed).collect()
            };
            let expected: Vec<[u8; 32]> = (0..).zip(&messages).map(|(number, pieces)| {
                let all: Vec<u8> = pieces.iter().flat_map(|len| data(number, *len)).collect();
                ring::digest::digest(&ring::digest::SHA256, &all).as_ref().try_into().unwrap()
            }).collect();
            for kernel in Kernel::all() {
                let messages = (0..).zip(&messages).map(|(number, pieces)| {
                    let mut message = Message::default();
                    pieces.iter().for_each(|len| message.push(data(number, *len).into()));
                    message
                });
                prop_assert_eq!(sha256_of(kernel, messages.collect()), expected.clone());
            }
        }
    }
}
