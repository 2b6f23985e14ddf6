//! How long runs take, by the size of what they are given; and whether a request is quick enough to run where it arrived.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest run that is done where its request arrived: waking another thread costs about as much, and no other
/// request on the same thread is held up for longer.
pub(super) const DIRECT: Duration = Duration::from_micros(50);

/// Measured run times of one model. Sizes are told apart by powers of two, because the time of a large request says
/// nothing about a small one's.
#[derive(Debug)]
pub(super) struct Pace([AtomicU64; CLASSES]);

/// Inputs of 2^40 bytes and more are of one class.
const CLASSES: usize = 41;

/// How slowly the estimate follows.
const WEIGHT: u64 = 8;

impl Default for Pace {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Pace {
    /// Notes that a run on that many bytes of inputs took that long.
    pub(super) fn note(&self, bytes: usize, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let class = self.class(bytes);
        // Two notes at once may lose one of them; the next one corrects that.
        class.store(follow(class.load(Ordering::Relaxed), took), Ordering::Relaxed);
    }

    /// How long a run on that many bytes takes; `None` before the first one of about that size.
    pub(super) fn estimate(&self, bytes: usize) -> Option<Duration> {
        match self.class(bytes).load(Ordering::Relaxed) {
            0 => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Whether a run on that many bytes is known to be quick enough for the thread where the request arrived.
    pub(super) fn is_direct(&self, bytes: usize) -> bool {
        self.estimate(bytes).is_some_and(|estimate| estimate <= DIRECT)
    }

    fn class(&self, bytes: usize) -> &AtomicU64 {
        let class = usize::BITS - bytes.leading_zeros();
        &self.0[(class as usize).min(CLASSES - 1)]
    }
}

/// The next estimate in nanoseconds, where 0 is none. One run counts for twice the estimate at most: a thread that lost
/// its processor in between says nothing about the model. A model that has become slow is known after a few runs.
fn follow(estimate: u64, took: u64) -> u64 {
    if estimate == 0 {
        return took;
    }
    let took = took.min(estimate.saturating_mul(2));
    (estimate - estimate / WEIGHT).saturating_add(took.div_ceil(WEIGHT)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_apart() {
        let pace = Pace::default();
        pace.note(100, Duration::from_micros(3));
        assert_eq!(pace.estimate(127), Some(Duration::from_micros(3)));
        assert_eq!((pace.estimate(128), pace.estimate(63), pace.estimate(0)), (None, None, None));
        pace.note(usize::MAX, Duration::from_secs(3));
        assert!(pace.is_direct(64) && !pace.is_direct(usize::MAX) && !pace.is_direct(1));
    }

    #[test]
    fn one_slow_run_is_forgiven_and_many_are_not() {
        let pace = Pace::default();
        let note = |microseconds| pace.note(16, Duration::from_micros(microseconds));
        (0..20).for_each(|_| note(10));
        note(5000);
        assert!(pace.is_direct(16));
        (0..20).for_each(|_| note(5000));
        assert!(!pace.is_direct(16));
        (0..60).for_each(|_| note(10));
        assert!(pace.is_direct(16), "{:?}", pace.estimate(16));
    }

    #[test]
    fn the_estimate_settles_where_the_runs_are() {
        let settled = (0..100).fold(0, |estimate, _| follow(estimate, 1000));
        assert!((990..=1010).contains(&settled), "{settled}");
        assert_eq!(follow(u64::MAX, u64::MAX), u64::MAX);
    }
}
