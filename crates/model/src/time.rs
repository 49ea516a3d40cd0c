//! Points in time: milliseconds since 1970-01-01T00:00:00Z, as S3 shows them (to the second in headers, with
//! milliseconds in XML).

use std::fmt;

/// A point in time in milliseconds since the Unix epoch. Zero is used by records for "the time of my own row's commit".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch; in records: "not set".
    pub const ZERO: Timestamp = Timestamp(0);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: what an HTTP date can say.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This time, or `other` where this one is [`Timestamp::ZERO`].
    #[must_use]
    pub const fn or(self, other: Timestamp) -> Timestamp {
        if self.0 == 0 { other } else { self }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}
