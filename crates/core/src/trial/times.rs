//! Times of runs: their number is not known beforehand, so that of very many a part is kept, chosen at random.

use std::time::Duration;

use fastrand::Rng;

/// Times that are kept.
const KEPT: usize = 20_000;

/// What times of runs come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Half of the runs took no longer.
    pub median: Duration,
    /// 99 of 100 runs took no longer.
    pub p99: Duration,
}

/// Times as they come (reservoir sampling, Vitter's algorithm R).
#[derive(Clone, Debug)]
pub(super) struct Reservoir {
    kept: Vec<Duration>,
    seen: u64,
    rng: Rng,
}

impl Reservoir {
    pub(super) fn new(seed: u64) -> Self {
        Self { kept: Vec::new(), seen: 0, rng: Rng::with_seed(seed) }
    }

    pub(super) fn add(&mut self, time: Duration) {
        self.seen += 1;
        if self.kept.len() < KEPT {
            return self.kept.push(time);
        }
        let place = usize::try_from(self.rng.u64(..self.seen)).unwrap_or(KEPT);
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = time;
        }
    }

    /// Of these together, each as if it had seen as many.
    pub(super) fn sum_up(all: &[Self]) -> Times {
        let mut times: Vec<_> = all.iter().flat_map(|reservoir| reservoir.kept.iter().copied()).collect();
        times.sort_unstable();
        let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
        Times { median: at(50).copied().unwrap_or_default(), p99: at(99).copied().unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_times_are_summed_up_from_a_part() {
        let mut reservoir = Reservoir::new(7);
        for microseconds in (0..100_000).rev() {
            reservoir.add(Duration::from_micros(microseconds));
        }
        let Times { median, p99 } = Reservoir::sum_up(&[reservoir]);
        assert!(median.abs_diff(Duration::from_millis(50)) < Duration::from_millis(2), "{median:?}");
        assert!(p99.abs_diff(Duration::from_millis(99)) < Duration::from_millis(1), "{p99:?}");
        assert_eq!(Reservoir::sum_up(&[]), Times::default());
    }
}
