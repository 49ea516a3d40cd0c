//! How long reads take of late: when to ask another shard instead of waiting for a slow one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

const BUCKETS: usize = 96;
/// Reads between two looks at the distribution.
const WINDOW: u32 = 256;
const HEDGE_MIN: Duration = Duration::from_millis(10);

/// A running 95th percentile of one kind of read.
#[derive(Debug)]
pub(crate) struct Latency {
    /// Counts by quarters of powers of two of microseconds.
    buckets: [AtomicU32; BUCKETS],
    count: AtomicU32,
    p95_micros: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Latency {
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
            count: AtomicU32::new(0),
            p95_micros: AtomicU64::new(0),
        }
    }
}

fn bucket(micros: u64) -> usize {
    let micros = micros.max(4);
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    (power as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

fn bucket_micros(bucket: usize) -> u64 {
    let (power, quarter) = (bucket / 4, bucket as u64 % 4);
    (4 + quarter + 1) << power.saturating_sub(2)
}

impl Latency {
    /// A read took so long.
    pub(crate) fn record(&self, took: Duration) {
        if let Some(count) = self.buckets.get(bucket(took.as_micros() as u64)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == WINDOW {
            self.count.store(0, Ordering::Relaxed);
            self.look();
        }
    }

    /// Takes the percentile and lets older reads count half.
    fn look(&self) {
        let counts: Vec<u32> = self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let mut above = total / 20;
        for (number, count) in counts.iter().enumerate().rev() {
            if u64::from(*count) > above {
                self.p95_micros.store(bucket_micros(number), Ordering::Relaxed);
                break;
            }
            above -= u64::from(*count);
        }
        for (bucket, count) in self.buckets.iter().zip(counts) {
            bucket.fetch_sub(count.div_ceil(2), Ordering::Relaxed);
        }
    }

    /// How long to wait for a read before asking another shard.
    pub(crate) fn hedge_after(&self) -> Duration {
        let p95 = Duration::from_micros(self.p95_micros.load(Ordering::Relaxed));
        HEDGE_MIN.max(p95 * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_follows_the_slow_reads() {
        let latency = Latency::default();
        assert_eq!(latency.hedge_after(), HEDGE_MIN);
        for number in 0..WINDOW {
            let slow = number % 10 == 0;
            latency.record(Duration::from_millis(if slow { 20 } else { 1 }));
        }
        let after = latency.hedge_after();
        assert!(after >= Duration::from_millis(80) && after <= Duration::from_millis(110), "{after:?}");
        for _ in 0..20 * WINDOW {
            latency.record(Duration::from_micros(100));
        }
        assert_eq!(latency.hedge_after(), HEDGE_MIN);
    }

    #[test]
    fn a_bucket_holds_what_is_put_in_it() {
        for micros in [4u64, 5, 7, 8, 100, 12_345, 9_999_999] {
            assert!(bucket_micros(bucket(micros)) >= micros, "{micros}");
        }
    }
}
