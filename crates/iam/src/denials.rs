//! Why requests were refused, for who may know: the last ones, by the id that the answer had.
//!
//! Always true: so many are kept and no more, each of bounded size. Clients are told `Access Denied` alone.

use std::collections::VecDeque;

use model::time::Timestamp;
use parking_lot::Mutex;

use crate::action::{Action, Resource};

/// Refusals that are kept.
const KEPT_MAX: usize = 1_000;
/// Bytes of each text, at most.
const TEXT_BYTES_MAX: usize = 2_048;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The id of the request.
    pub request: String,
    /// When.
    pub time: Timestamp,
    /// The ARN of who asked; empty for anonymous.
    pub requester: String,
    /// The access key that it was signed with; empty for anonymous.
    pub access_key: String,
    /// What for.
    pub action: Action,
    /// On what: an ARN, or `*`.
    pub resource: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// The last refusals.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    last: Mutex<VecDeque<Denial>>,
}

impl Denials {
    pub(crate) fn keep(&self, mut denial: Denial) {
        for text in [&mut denial.resource, &mut denial.reason, &mut denial.requester] {
            shorten(text);
        }
        let mut last = self.last.lock();
        if last.len() >= KEPT_MAX {
            last.pop_front();
        }
        last.push_back(denial);
    }

    pub(crate) fn find(&self, request: &str) -> Option<Denial> {
        self.last.lock().iter().rev().find(|denial| denial.request == request).cloned()
    }

    /// The newest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<Denial> {
        self.last.lock().iter().rev().take(count).cloned().collect()
    }
}

fn shorten(text: &mut String) {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.truncate(end);
}

/// A resource as policies name it.
pub(crate) fn arn(resource: Resource<'_>) -> String {
    match resource {
        Resource::Service => "*".to_owned(),
        Resource::Bucket(bucket) => format!("arn:aws:s3:::{bucket}"),
        Resource::Object { bucket, key } => format!("arn:aws:s3:::{bucket}/{key}"),
        Resource::Named(arn) => arn.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(number: usize) -> Denial {
        Denial {
            request: number.to_string(),
            time: Timestamp::ZERO,
            requester: String::new(),
            access_key: String::new(),
            action: Action::GetObject,
            resource: arn(Resource::Object { bucket: "b", key: "k" }),
            reason: "ü".repeat(TEXT_BYTES_MAX),
        }
    }

    #[test]
    fn the_last_are_found_by_their_request_and_bounded() {
        let denials = Denials::default();
        (0..KEPT_MAX + 10).for_each(|number| denials.keep(denial(number)));
        assert_eq!(denials.find("5"), None);
        let found = denials.find("10").unwrap();
        assert_eq!(found.resource, "arn:aws:s3:::b/k");
        assert_eq!(found.reason.len(), TEXT_BYTES_MAX);
        let newest = denials.newest(2);
        assert_eq!([&*newest[0].request, &*newest[1].request], ["1009", "1008"]);
        assert_eq!(denials.newest(usize::MAX).len(), KEPT_MAX);
    }
}
