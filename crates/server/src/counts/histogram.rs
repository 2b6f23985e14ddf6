//! A histogram of fixed buckets, to which threads add without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of times in nanoseconds, 10 µs to 10 s.
const TIMES: &[u64] = &[
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Upper bounds of rows and requests.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// Counts values by their size.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// What is added for each unit that is shown.
    unit: f64,
    /// One for each bound, and one for what is above all of them.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) sum: f64,
    pub(crate) count: u64,
    /// Upper bounds, the last one infinite, and how many values lie below each, but above the one before.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Of times, shown in seconds.
    pub(super) fn of_times() -> Self {
        Self::new(TIMES, 1e9)
    }

    /// Of numbers of rows or requests.
    pub(super) fn of_sizes() -> Self {
        Self::new(SIZES, 1.0)
    }

    fn new(bounds: &'static [u64], unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, unit, buckets, sum: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn add_time(&self, time: Duration) {
        self.add(nanoseconds(time));
    }

    /// How many values were added.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The sum of all values as they were added.
    pub(super) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// What it shows now.
    pub(crate) fn read(&self) -> Reading {
        let bounds = self.bounds.iter().map(|bound| self.shown(*bound)).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Reading { sum: self.shown(self.sum()), count, buckets }
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum of so many digits is not exact anyway")]
    fn shown(&self, value: u64) -> f64 {
        value as f64 / self.unit
    }
}

/// A time that can be added to others.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_its_bound() {
        let histogram = Histogram::of_times();
        for microseconds in [0, 10, 11, 25, 10_000_000, 10_000_001] {
            histogram.add_time(Duration::from_micros(microseconds));
        }
        let Reading { sum, count, buckets } = histogram.read();
        assert_eq!((count, histogram.count(), histogram.sum()), (6, 6, 20_000_047_000));
        assert!((sum - 20.000_047).abs() < 1e-12, "{sum}");
        let filled: Vec<_> = buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(1e-5, 2), (2.5e-5, 2), (10.0, 1), (f64::INFINITY, 1)]);
    }

    #[test]
    fn bounds_ascend() {
        assert!(TIMES.is_sorted() && SIZES.is_sorted());
    }
}
