//! What came of the requests.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde::Serialize;

/// How a request ended.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Good,
    /// 429.
    Refused,
    /// Any other status, or none.
    Broken,
}

/// What ended, or was due, within the window.
pub(crate) struct Outcome {
    window: Range<Instant>,
    good: Vec<Duration>,
    refused: Vec<Duration>,
    /// Between the moment at which a request was due and that at which it was sent.
    late: Vec<Duration>,
    broken: usize,
    unsent: usize,
}

#[derive(Serialize)]
pub(crate) struct Summary {
    seconds: f64,
    broken: usize,
    /// Due when no connection was free.
    unsent: usize,
    good: Latencies,
    refused: Latencies,
    late: Latencies,
}

/// Milliseconds.
#[derive(Serialize)]
struct Latencies {
    count: usize,
    p50: f64,
    p99: f64,
    p999: f64,
}

impl Outcome {
    pub(crate) fn new(window: Range<Instant>) -> Self {
        Self { window, good: Vec::new(), refused: Vec::new(), late: Vec::new(), broken: 0, unsent: 0 }
    }

    pub(crate) fn sent(&mut self, due: Instant, is_sent: bool) {
        let now = Instant::now();
        if self.window.contains(&now) {
            self.late.push(now - due);
            self.unsent += usize::from(!is_sent);
        }
    }

    pub(crate) fn ended(&mut self, due: Instant, end: End) {
        let now = Instant::now();
        match end {
            End::Broken => self.broken += 1,
            _ if !self.window.contains(&now) => {}
            End::Good => self.good.push(now - due),
            End::Refused => self.refused.push(now - due),
        }
    }

    pub(crate) fn summary(self) -> Summary {
        Summary {
            seconds: (self.window.end - self.window.start).as_secs_f64(),
            broken: self.broken,
            unsent: self.unsent,
            good: Latencies::of(self.good),
            refused: Latencies::of(self.refused),
            late: Latencies::of(self.late),
        }
    }
}

impl Latencies {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        // The nearest rank.
        let at = |part: usize| {
            let rank = (latencies.len() * part).div_ceil(1000).max(1);
            latencies.get(rank - 1).map_or(0.0, |latency| 1e3 * latency.as_secs_f64())
        };
        Self { count: latencies.len(), p50: at(500), p99: at(990), p999: at(999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let found = Latencies::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!((found.count, found.p50, found.p99, found.p999), (200, 100.0, 198.0, 200.0));
    }

    #[test]
    fn no_request_has_no_latency() {
        let found = Latencies::of(Vec::new());
        assert_eq!((found.count, found.p50), (0, 0.0));
    }

    #[test]
    fn only_what_ends_in_the_window_counts_but_nothing_may_break() {
        let (before, now) = (Instant::now(), Instant::now());
        let mut outcome = Outcome::new(before..before);
        outcome.ended(now, End::Good);
        outcome.ended(now, End::Broken);
        let summary = outcome.summary();
        assert_eq!((summary.good.count, summary.broken), (0, 1));
    }
}
