//! A log-linear histogram of latencies: 128 buckets to each power of two, so that a percentile is off by at
//! most half a bucket (0.4 %), whatever its size. The maximum is kept exactly. Merging two histograms equals
//! recording both sequences in one.

use std::time::Duration;

const SUB_BITS: u32 = 7;
const SUB: usize = 1 << SUB_BITS;
const LINEAR: usize = 2 * SUB;
const BUCKETS: usize = LINEAR + (64 - SUB_BITS as usize - 1) * SUB;

/// Counts of durations in nanoseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_ns: 0 }
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)] += 1;
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The latency in milliseconds that `fraction` (0 to 1) of the records do not exceed; `None` when empty.
    pub(crate) fn percentile_ms(&self, fraction: f64) -> Option<f64> {
        let rank = ((self.total as f64 * fraction).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(middle_ns(index).min(self.max_ns) as f64 / 1e6);
            }
        }
        None
    }

    /// The largest latency in milliseconds, exactly; `None` when empty.
    pub(crate) fn max_ms(&self) -> Option<f64> {
        (self.total > 0).then_some(self.max_ns as f64 / 1e6)
    }
}

fn bucket(ns: u64) -> usize {
    if ns < LINEAR as u64 {
        return ns as usize;
    }
    let shift = 63 - ns.leading_zeros() - SUB_BITS;
    let sub = (ns >> shift) as usize - SUB;
    LINEAR + (shift as usize - 1) * SUB + sub
}

fn middle_ns(index: usize) -> u64 {
    if index < LINEAR {
        return index as u64;
    }
    let shift = (index - LINEAR) / SUB + 1;
    let low = ((SUB + (index - LINEAR) % SUB) as u64) << shift;
    low + (1 << (shift - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_within_one_percent_of_its_values() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            for ns in [value, value + value / 3, value * 2 - 1] {
                let error = middle_ns(bucket(ns)).abs_diff(ns) as f64 / ns as f64;
                assert!(error <= 0.01, "{ns} is reported as {}", middle_ns(bucket(ns)));
            }
            value *= 2;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut last = 0;
        for ns in 0..100_000_u64 {
            let at = bucket(ns);
            assert!(at == last || at == last + 1, "{ns} jumps from {last} to {at}");
            last = at;
        }
    }

    #[test]
    fn percentiles_of_a_uniform_sequence_are_where_they_belong() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile_ms(0.5), None);
        for us in 1..=10_000_u64 {
            histogram.record(Duration::from_micros(us));
        }
        for (fraction, expected) in [(0.5, 5.0), (0.9, 9.0), (0.99, 9.9)] {
            let found = histogram.percentile_ms(fraction).unwrap();
            assert!((found - expected).abs() / expected <= 0.01, "{fraction}: {found}");
        }
        assert_eq!(histogram.max_ms(), Some(10.0));
    }

    #[test]
    fn merging_equals_recording_in_one() {
        let (mut one, mut two, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for ns in 0..5_000_u64 {
            let time = Duration::from_nanos(ns * ns);
            if ns % 3 == 0 {
                one.record(time)
            } else {
                two.record(time)
            }
            both.record(time);
        }
        one.merge(&two);
        assert_eq!(one.counts, both.counts);
        assert_eq!((one.count(), one.max_ms()), (both.count(), both.max_ms()));
    }
}
